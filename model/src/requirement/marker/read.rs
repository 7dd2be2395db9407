//! The grammar of markers.

use pep440_rs::Operator as Sign;

use super::{MarkerError, MarkerVariable, Node, Operand, Operator};
use crate::nearest::nearest;
use crate::quote::quote;

/// The variables, with the older spellings that installers still read.
const VARIABLES: [(&str, MarkerVariable); 20] = [
    ("python_version", MarkerVariable::PythonVersion),
    ("python_full_version", MarkerVariable::PythonFullVersion),
    ("os_name", MarkerVariable::OsName),
    ("sys_platform", MarkerVariable::SysPlatform),
    ("platform_machine", MarkerVariable::PlatformMachine),
    ("platform_python_implementation", MarkerVariable::PlatformPythonImplementation),
    ("platform_release", MarkerVariable::PlatformRelease),
    ("platform_system", MarkerVariable::PlatformSystem),
    ("platform_version", MarkerVariable::PlatformVersion),
    ("implementation_name", MarkerVariable::ImplementationName),
    ("implementation_version", MarkerVariable::ImplementationVersion),
    ("extra", MarkerVariable::Extra),
    ("extras", MarkerVariable::Extras),
    ("dependency_groups", MarkerVariable::DependencyGroups),
    ("os.name", MarkerVariable::OsName),
    ("sys.platform", MarkerVariable::SysPlatform),
    ("platform.version", MarkerVariable::PlatformVersion),
    ("platform.machine", MarkerVariable::PlatformMachine),
    ("platform.python_implementation", MarkerVariable::PlatformPythonImplementation),
    ("python_implementation", MarkerVariable::PlatformPythonImplementation),
];

/// Comparisons that are signs, longest first. PEP 508 has `===` too, and uv does not read it, in requirements or in locks.
const SIGNS: [(&str, Sign); 7] = [
    ("==", Sign::Equal),
    ("!=", Sign::NotEqual),
    ("~=", Sign::TildeEqual),
    ("<=", Sign::LessThanEqual),
    (">=", Sign::GreaterThanEqual),
    ("<", Sign::LessThan),
    (">", Sign::GreaterThan),
];

/// How deep parentheses may nest.
const MAX_DEPTH: usize = 32;

type Read<T> = Result<T, MarkerError>;

/// Reads a marker.
pub(super) fn marker(text: &str) -> Read<Node> {
    let mut reader = Reader { text, at: 0 };
    let node = reader.any(0)?;
    match reader.peek() {
        None => Ok(node),
        Some(_) => Err(reader.unexpected("`and`, `or` or the end of the marker")),
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    /// `all (or all)*`
    fn any(&mut self, depth: usize) -> Read<Node> {
        let mut nodes = vec![self.all(depth)?];
        while self.eat_word("or") {
            nodes.push(self.all(depth)?);
        }
        Ok(Node::Any(nodes))
    }

    /// `one (and one)*`
    fn all(&mut self, depth: usize) -> Read<Node> {
        let mut nodes = vec![self.one(depth)?];
        while self.eat_word("and") {
            nodes.push(self.one(depth)?);
        }
        Ok(Node::All(nodes))
    }

    /// `( any )` or `operand operator operand`
    fn one(&mut self, depth: usize) -> Read<Node> {
        if self.eat("(") {
            if depth == MAX_DEPTH {
                return Err(self.unexpected("fewer parentheses"));
            }
            let node = self.any(depth + 1)?;
            return if self.eat(")") { Ok(node) } else { Err(self.unexpected("`)`")) };
        }
        Ok(Node::Compare { left: self.operand()?, operator: self.operator()?, right: self.operand()? })
    }

    fn operand(&mut self) -> Read<Operand> {
        for sign in ["\"", "'"] {
            if self.eat(sign) {
                let Some((text, _)) = self.rest().split_once(sign) else {
                    return Err(error("a quote is not closed", "opened here", self.at - sign.len()..self.at));
                };
                self.at += text.len() + sign.len();
                return Ok(Operand::Text(text.to_owned()));
            }
        }
        match self.peek() {
            Some(c) if c.is_ascii_alphabetic() => self.variable(),
            Some(c) if c.is_ascii_digit() => {
                let error = self.unexpected("a marker variable or text in quotes");
                Err(error.help("write values in quotes: `python_version >= \"3.10\"`"))
            }
            _ => Err(self.unexpected("a marker variable or text in quotes")),
        }
    }

    fn variable(&mut self) -> Read<Operand> {
        let word = self.word();
        if let Some((_, variable)) = VARIABLES.iter().find(|(name, _)| *name == word) {
            self.at += word.len();
            return Ok(Operand::Variable(*variable));
        }
        let message = format!("{} is not a marker variable", quote(word));
        let error = error(&message, "unknown variable", self.at..self.at + word.len());
        Err(match nearest(word, VARIABLES.map(|(name, _)| name)) {
            Some(known) => error.help(format!("did you mean `{known}`?")),
            None => error.help(
                "write text in quotes; variables are `python_version`, `sys_platform`, `platform_machine` and others",
            ),
        })
    }

    fn operator(&mut self) -> Read<Operator> {
        self.skip_blanks();
        if self.rest().starts_with("===") {
            let error = error("`===` cannot compare here", "not a comparison", self.at..self.at + 3);
            return Err(error.help("write `==`"));
        }
        if let Some((_, sign)) = SIGNS.into_iter().find(|(text, _)| self.eat(text)) {
            return Ok(Operator::Sign(sign));
        }
        if self.eat_word("in") {
            return Ok(Operator::In);
        }
        if self.eat_word("not") && self.eat_word("in") {
            return Ok(Operator::NotIn);
        }
        Err(self.unexpected("a comparison such as `>=`, `==` or `in`"))
    }

    fn eat(&mut self, wanted: &str) -> bool {
        self.skip_blanks();
        let is_there = self.rest().starts_with(wanted);
        self.at += if is_there { wanted.len() } else { 0 };
        is_there
    }

    fn eat_word(&mut self, wanted: &str) -> bool {
        self.skip_blanks();
        self.word() == wanted && self.eat(wanted)
    }

    /// The letters, digits, `_` and `.` that come next.
    fn word(&self) -> &'a str {
        let rest = self.rest();
        let length = rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.'))).unwrap_or(rest.len());
        rest.get(..length).unwrap_or_default()
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn skip_blanks(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn peek(&mut self) -> Option<char> {
        self.skip_blanks();
        self.rest().chars().next()
    }

    fn unexpected(&mut self, expected: &str) -> MarkerError {
        let length = self.peek().map_or(0, |first| self.word().len().max(first.len_utf8()));
        let found = match self.rest().get(..length) {
            Some("") | None => "the end".to_owned(),
            Some(found) => quote(found),
        };
        error(&format!("expected {expected}, found {found}"), "in this marker", self.at..self.at + length)
    }
}

fn error(message: &str, label: &'static str, part: std::ops::Range<usize>) -> MarkerError {
    MarkerError { message: message.to_owned(), label, help: None, part }
}

impl MarkerError {
    fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_what_uv_accepts() {
        for good in [
            "python_version<'3'",
            "python_version<'3'and os_name=='x'",
            "'a'=='b'",
            "python_version in '2.6 2.7'",
            "python_version not in \"2.6\"",
            "(os_name=='a' or os_name=='b') and extra=='c'",
            "os_name=='a\"b'",
            "os.name=='posix'",
            "os_name == sys_platform",
            "((((os_name == 'ü'))))",
            &format!("{}os_name == 'a'{}", "(".repeat(MAX_DEPTH), ")".repeat(MAX_DEPTH)),
        ] {
            assert!(marker(good).is_ok(), "{good}: {:?}", marker(good));
        }
    }

    #[test]
    fn refuses_the_rest_and_marks_where() {
        for (bad, part) in [
            ("", 0..0),
            ("os_name", 7..7),
            ("python_version < 3", 17..18),
            ("foo=='x'", 0..3),
            ("not os_name=='x'", 0..3),
            ("os_name=='x", 9..10),
            ("(os_name=='x'", 13..13),
            ("os_name=='x' os_name=='y'", 13..20),
            ("os_name=='x')", 12..13),
            // PEP 508 allows it. uv 0.13 refuses it in requirements and in `pylock.toml` alike.
            ("os_name === 'x'", 8..11),
            ("os_name notin 'x'", 8..13),
        ] {
            assert_eq!(marker(bad).expect_err(bad).part, part, "{bad}");
        }
        assert!(marker(&"(".repeat(100_000)).is_err());
    }
}
