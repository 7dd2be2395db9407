//! Environment markers (PEP 508), with the variables PEP 751 adds: read into a tree and evaluated for a target.
//!
//! Knows nothing of the running system: `platform_release` and `platform_version` are empty.

use std::str::FromStr as _;

use pep440_rs::{Operator as VersionOperator, Version, VersionSpecifier};

use crate::lock::environment::Target;

/// How deep parentheses may nest.
const DEEPEST: usize = 32;

/// A marker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker(Node);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    Any(Vec<Node>),
    All(Vec<Node>),
    Compare { left: Value, operator: Operator, right: Value },
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Variable(&'static str),
    Text(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Version(VersionOperator),
    In,
    NotIn,
}

/// Variables, each with the older spelling that installers still read.
const VARIABLES: [(&str, &str); 14] = [
    ("python_version", "python_version"),
    ("python_full_version", "python_full_version"),
    ("implementation_version", "implementation_version"),
    ("implementation_name", "implementation_name"),
    ("os_name", "os.name"),
    ("sys_platform", "sys.platform"),
    ("platform_machine", "platform.machine"),
    ("platform_python_implementation", "platform.python_implementation"),
    ("platform_release", "platform_release"),
    ("platform_system", "platform_system"),
    ("platform_version", "platform.version"),
    ("extra", "extra"),
    ("extras", "extras"),
    ("dependency_groups", "dependency_groups"),
];

/// Signs, longest first.
const SIGNS: [(&str, VersionOperator); 8] = [
    ("===", VersionOperator::ExactEqual),
    ("==", VersionOperator::Equal),
    ("!=", VersionOperator::NotEqual),
    ("~=", VersionOperator::TildeEqual),
    ("<=", VersionOperator::LessThanEqual),
    (">=", VersionOperator::GreaterThanEqual),
    ("<", VersionOperator::LessThan),
    (">", VersionOperator::GreaterThan),
];

impl Marker {
    /// Reads a marker.
    ///
    /// # Errors
    /// What was expected, and at which byte.
    pub fn parse(text: &str) -> Result<Self, (&'static str, usize)> {
        let mut reader = Reader { text, at: 0 };
        let node = reader.any(0)?;
        if !reader.rest().is_empty() {
            return Err(("`and`, `or` or the end", reader.at));
        }
        Ok(Self(node))
    }

    /// Whether it holds for a target where these dependency groups are installed, and no extras.
    #[must_use]
    pub fn holds(&self, target: &Target, groups: &[String]) -> bool {
        self.0.holds(target, groups)
    }
}

impl Node {
    fn holds(&self, target: &Target, groups: &[String]) -> bool {
        match self {
            Self::Any(nodes) => nodes.iter().any(|node| node.holds(target, groups)),
            Self::All(nodes) => nodes.iter().all(|node| node.holds(target, groups)),
            Self::Compare { left, operator, right } => compare(left, *operator, right, target, groups),
        }
    }
}

fn compare(left: &Value, operator: Operator, right: &Value, target: &Target, groups: &[String]) -> bool {
    if let (Value::Text(text), Value::Variable(set @ ("extras" | "dependency_groups"))) = (left, right) {
        let is_in = *set == "dependency_groups" && groups.contains(text);
        return match operator {
            Operator::In => is_in,
            Operator::NotIn => !is_in,
            Operator::Version(_) => false,
        };
    }
    if let (Value::Variable(name), Value::Text(text)) = (left, right)
        && let Some(version) = target.version(name)
    {
        return compare_version(&version, operator, text);
    }
    if let (Value::Text(text), Value::Variable(name), Operator::Version(sign)) = (left, right, operator)
        && let Some(version) = target.version(name)
    {
        return compare_version(&version, Operator::Version(mirrored(sign)), text);
    }
    let (left, right) = (left.text(target), right.text(target));
    match operator {
        Operator::In => right.contains(&left),
        Operator::NotIn => !right.contains(&left),
        Operator::Version(sign) => match sign {
            VersionOperator::Equal | VersionOperator::ExactEqual => left == right,
            VersionOperator::NotEqual => left != right,
            VersionOperator::LessThan => left < right,
            VersionOperator::LessThanEqual => left <= right,
            VersionOperator::GreaterThan => left > right,
            VersionOperator::GreaterThanEqual => left >= right,
            _ => false,
        },
    }
}

fn compare_version(version: &Version, operator: Operator, text: &str) -> bool {
    let listed = || text.split([' ', ',']).filter_map(|one| Version::from_str(one).ok()).any(|one| one == *version);
    match operator {
        Operator::In => listed(),
        Operator::NotIn => !listed(),
        // Read as a specifier, so that `== 3.8.*` and `~= 3.8` mean what they mean elsewhere.
        Operator::Version(sign) => {
            VersionSpecifier::from_str(&format!("{sign}{text}")).is_ok_and(|specifier| specifier.contains(version))
        }
    }
}

/// The comparison with its sides exchanged.
fn mirrored(sign: VersionOperator) -> VersionOperator {
    match sign {
        VersionOperator::LessThan => VersionOperator::GreaterThan,
        VersionOperator::LessThanEqual => VersionOperator::GreaterThanEqual,
        VersionOperator::GreaterThan => VersionOperator::LessThan,
        VersionOperator::GreaterThanEqual => VersionOperator::LessThanEqual,
        other => other,
    }
}

impl Value {
    fn text(&self, target: &Target) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Variable(name) => match (target.text(name), target.version(name)) {
                (Some(text), _) => text.to_owned(),
                (None, Some(version)) => version.to_string(),
                (None, None) => String::new(),
            },
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

type Read<T> = Result<T, (&'static str, usize)>;

impl<'a> Reader<'a> {
    fn any(&mut self, depth: usize) -> Read<Node> {
        let mut nodes = vec![self.all(depth)?];
        while self.eat_word("or") {
            nodes.push(self.all(depth)?);
        }
        Ok(Node::Any(nodes))
    }

    fn all(&mut self, depth: usize) -> Read<Node> {
        let mut nodes = vec![self.one(depth)?];
        while self.eat_word("and") {
            nodes.push(self.one(depth)?);
        }
        Ok(Node::All(nodes))
    }

    fn one(&mut self, depth: usize) -> Read<Node> {
        if self.eat("(") {
            if depth == DEEPEST {
                return Err(("fewer parentheses", self.at));
            }
            let node = self.any(depth + 1)?;
            return if self.eat(")") { Ok(node) } else { Err(("`)`", self.at)) };
        }
        let left = self.value()?;
        let operator = self.operator()?;
        let right = self.value()?;
        Ok(Node::Compare { left, operator, right })
    }

    fn value(&mut self) -> Read<Value> {
        for quote in ["\"", "'"] {
            if self.eat(quote) {
                let (text, _) = self.tail().split_once(quote).ok_or(("a closing quote", self.at))?;
                self.at += text.len() + quote.len();
                return Ok(Value::Text(text.to_owned()));
            }
        }
        let word = self.word();
        let known = VARIABLES.into_iter().find(|(name, old)| *name == word || *old == word);
        let name = match known {
            Some((name, _)) => name,
            None if word == "python_implementation" => "platform_python_implementation",
            None => return Err(("a marker variable or text between quotes", self.at)),
        };
        self.at += word.len();
        Ok(Value::Variable(name))
    }

    fn operator(&mut self) -> Read<Operator> {
        for (text, sign) in SIGNS {
            if self.eat(text) {
                return Ok(Operator::Version(sign));
            }
        }
        if self.eat_word("in") {
            return Ok(Operator::In);
        }
        if self.eat_word("not") && self.eat_word("in") {
            return Ok(Operator::NotIn);
        }
        Err(("a comparison such as `>=`, `==` or `in`", self.at))
    }

    fn eat(&mut self, wanted: &str) -> bool {
        let is_there = self.rest().starts_with(wanted);
        if is_there {
            self.at += wanted.len();
        }
        is_there
    }

    fn eat_word(&mut self, wanted: &str) -> bool {
        let is_there = self.word() == wanted;
        if is_there {
            self.at += wanted.len();
        }
        is_there
    }

    fn word(&mut self) -> &'a str {
        let rest = self.rest();
        let length = rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.'))).unwrap_or(rest.len());
        rest.get(..length).unwrap_or_default()
    }

    /// What is left, from the next character that is not blank.
    fn rest(&mut self) -> &'a str {
        let rest = self.tail().trim_start();
        self.at = self.text.len() - rest.len();
        rest
    }

    fn tail(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }
}
