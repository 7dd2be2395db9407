//! Environment markers: `python_version >= "3.10" and sys_platform == "linux"`, by the grammar of PEP 508.
//!
//! Evaluates nothing.

use crate::fault::Fault;
use crate::nearest::nearest;
use crate::quote::quote;
use crate::rules;

/// The variables of PEP 508 and PEP 751, and the older spellings installers still read.
const VARIABLES: [&str; 20] = [
    "python_version",
    "python_full_version",
    "os_name",
    "sys_platform",
    "platform_machine",
    "platform_python_implementation",
    "platform_release",
    "platform_system",
    "platform_version",
    "implementation_name",
    "implementation_version",
    "extra",
    "extras",
    "dependency_groups",
    "os.name",
    "sys.platform",
    "platform.version",
    "platform.machine",
    "platform.python_implementation",
    "python_implementation",
];

/// Comparisons that are signs. PEP 508 has `===` too, and uv, which reads the marker, does not.
const OPERATORS: [&str; 7] = ["==", "!=", "~=", "<=", ">=", "<", ">"];

/// How deep parentheses may nest.
const MAX_DEPTH: usize = 16;

/// Checks a marker, which begins at byte `offset` of the requirement.
pub(super) fn marker(text: &str, offset: usize) -> Result<(), Fault> {
    let mut reader = Reader { text, at: 0 };
    reader
        .any(0)
        .and_then(|()| match reader.peek() {
            None => Ok(()),
            Some(_) => Err(reader.unexpected("`and`, `or` or the end of the marker")),
        })
        .map_err(|fault| fault.moved(offset, text.len()))
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    /// `all (or all)*`
    fn any(&mut self, depth: usize) -> Result<(), Fault> {
        self.all(depth)?;
        while self.eat_word("or") {
            self.all(depth)?;
        }
        Ok(())
    }

    /// `one (and one)*`
    fn all(&mut self, depth: usize) -> Result<(), Fault> {
        self.one(depth)?;
        while self.eat_word("and") {
            self.one(depth)?;
        }
        Ok(())
    }

    /// `( any )` or `value operator value`
    fn one(&mut self, depth: usize) -> Result<(), Fault> {
        if self.peek() == Some('(') {
            if depth == MAX_DEPTH {
                return Err(self.unexpected("fewer parentheses"));
            }
            self.bump();
            self.any(depth + 1)?;
            if self.peek() != Some(')') {
                return Err(self.unexpected("`)`"));
            }
            self.bump();
            return Ok(());
        }
        self.value()?;
        self.operator()?;
        self.value()
    }

    fn value(&mut self) -> Result<(), Fault> {
        let quote_sign = match self.peek() {
            Some(sign @ ('"' | '\'')) => sign,
            Some(c) if c.is_ascii_alphabetic() => return self.variable(),
            Some(c) if c.is_ascii_digit() => {
                return Err(self
                    .unexpected("a marker variable or text in quotes")
                    .help("write values in quotes: `python_version >= \"3.10\"`"));
            }
            _ => return Err(self.unexpected("a marker variable or text in quotes")),
        };
        let start = self.at;
        self.bump();
        let rest = self.rest();
        match rest.find(quote_sign) {
            Some(length) => {
                self.at += length + 1;
                Ok(())
            }
            None => Err(self.fault("a quote is not closed", "opened here", start..start + 1)),
        }
    }

    fn variable(&mut self) -> Result<(), Fault> {
        let word = self.word();
        if VARIABLES.contains(&word) {
            self.at += word.len();
            return Ok(());
        }
        let fault = self.fault(
            &format!("{} is not a marker variable", quote(word)),
            "unknown variable",
            self.at..self.at + word.len(),
        );
        Err(match nearest(word, VARIABLES) {
            Some(known) => fault.help(format!("did you mean `{known}`?")),
            None => fault.help(
                "write text in quotes; variables are `python_version`, `sys_platform`, `platform_machine` and others",
            ),
        })
    }

    fn operator(&mut self) -> Result<(), Fault> {
        self.blanks();
        let rest = self.rest();
        if rest.starts_with("===") {
            return Err(self
                .fault("`===` cannot compare here", "not a comparison", self.at..self.at + 3)
                .help("write `==`"));
        }
        if let Some(operator) = OPERATORS.into_iter().find(|operator| rest.starts_with(operator)) {
            self.at += operator.len();
            return Ok(());
        }
        if self.eat_word("in") || (self.eat_word("not") && self.eat_word("in")) {
            return Ok(());
        }
        Err(self.unexpected("a comparison such as `>=`, `==` or `in`"))
    }

    fn eat_word(&mut self, wanted: &str) -> bool {
        self.blanks();
        let is_there = self.word() == wanted;
        if is_there {
            self.at += wanted.len();
        }
        is_there
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

    fn blanks(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn peek(&mut self) -> Option<char> {
        self.blanks();
        self.rest().chars().next()
    }

    fn bump(&mut self) {
        self.at += self.rest().chars().next().map_or(0, char::len_utf8);
    }

    fn unexpected(&mut self, expected: &str) -> Fault {
        self.blanks();
        let word = self.word();
        let length = match self.rest().chars().next() {
            Some(first) => word.len().max(first.len_utf8()),
            None => 0,
        };
        let found = match self.rest().get(..length) {
            Some("") | None => "the end".to_owned(),
            Some(found) => quote(found),
        };
        let range = self.at..self.at + length;
        self.fault(&format!("expected {expected}, found {found}"), "in this marker", range)
    }

    fn fault(&self, message: &str, label: &str, part: std::ops::Range<usize>) -> Fault {
        Fault::new(&rules::REQUIREMENT, format!("not a valid marker: {message}")).label(label).at(part)
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
        ] {
            assert_eq!(marker(good, 0), Ok(()), "{good}");
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
        ] {
            assert_eq!(marker(bad, 0).expect_err(bad).part, Some(part), "{bad}");
        }
        assert!(marker(&"(".repeat(100_000), 0).is_err());
    }
}
