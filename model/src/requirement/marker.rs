//! Environment markers: `python_version >= "3.10" and sys_platform == "linux"`, by the grammar of PEP 508 as uv reads it.
//!
//! A marker is read into a tree and evaluated for the values that its caller knows. It knows nothing of the running system.

mod read;

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use pep440_rs::{Operator as Sign, Version, VersionSpecifier};

use crate::fault::Fault;
use crate::rules;

/// Where a requirement or a package of a lock applies.
///
/// ```
/// use imagespec::{Marker, MarkerValue, MarkerVariable};
///
/// let marker: Marker = "python_version >= '3.9' and sys_platform == 'linux'".parse()?;
/// assert!(marker.holds(|variable| match variable {
///     MarkerVariable::PythonVersion => MarkerValue::Version("3.11".parse().expect("a version")),
///     _ => MarkerValue::Text("linux".to_owned()),
/// }));
/// # Ok::<(), imagespec::MarkerError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker(Node);

/// A variable of markers (PEP 508, "Environment Markers"; PEP 751 adds the last two).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MarkerVariable {
    /// Major and minor version of the language.
    PythonVersion,
    /// The whole version of the language.
    PythonFullVersion,
    /// `os.name`
    OsName,
    /// `sys.platform`
    SysPlatform,
    /// `platform.machine()`
    PlatformMachine,
    /// `platform.python_implementation()`
    PlatformPythonImplementation,
    /// `platform.release()`
    PlatformRelease,
    /// `platform.system()`
    PlatformSystem,
    /// `platform.version()`
    PlatformVersion,
    /// `sys.implementation.name`
    ImplementationName,
    /// `sys.implementation.version`
    ImplementationVersion,
    /// The extra whose requirements are read.
    Extra,
    /// The extras that are installed.
    Extras,
    /// The dependency groups that are installed.
    DependencyGroups,
}

/// The value of a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MarkerValue {
    /// A version, which is compared as one.
    Version(Version),
    /// A text.
    Text(String),
    /// Names, of which a marker can ask for one with `in`.
    Set(BTreeSet<String>),
}

impl Marker {
    /// Whether it holds for these values of the variables.
    pub fn holds(&self, value: impl Fn(MarkerVariable) -> MarkerValue) -> bool {
        self.0.holds(&value)
    }
}

impl FromStr for Marker {
    type Err = MarkerError;

    fn from_str(text: &str) -> Result<Self, MarkerError> {
        read::marker(text).map(Self)
    }
}

/// Why a text is not a marker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarkerError {
    message: String,
    label: &'static str,
    help: Option<String>,
    part: Range<usize>,
}

impl MarkerError {
    /// The bytes of the text that are wrong; empty where something is missing.
    #[must_use]
    pub fn part(&self) -> Range<usize> {
        self.part.clone()
    }
}

impl fmt::Display for MarkerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for MarkerError {}

impl From<MarkerError> for Fault {
    fn from(MarkerError { message, label, help, part }: MarkerError) -> Self {
        let fault = Self::new(&rules::REQUIREMENT, format!("not a valid marker: {message}")).label(label).at(part);
        Self { help, ..fault }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    Any(Vec<Node>),
    All(Vec<Node>),
    Compare { left: Operand, operator: Operator, right: Operand },
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Operand {
    Variable(MarkerVariable),
    Text(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Sign(Sign),
    In,
    NotIn,
}

impl Node {
    fn holds(&self, value: &impl Fn(MarkerVariable) -> MarkerValue) -> bool {
        match self {
            Self::Any(nodes) => nodes.iter().any(|node| node.holds(value)),
            Self::All(nodes) => nodes.iter().all(|node| node.holds(value)),
            Self::Compare { left, operator, right } => compare(&left.value(value), *operator, &right.value(value)),
        }
    }
}

impl Operand {
    fn value(&self, value: impl Fn(MarkerVariable) -> MarkerValue) -> MarkerValue {
        match self {
            Self::Variable(variable) => value(*variable),
            Self::Text(text) => MarkerValue::Text(text.clone()),
        }
    }
}

fn compare(left: &MarkerValue, operator: Operator, right: &MarkerValue) -> bool {
    use MarkerValue::{Set, Text, Version};
    match (left, operator, right) {
        (Text(text), Operator::In, Set(set)) => set.contains(text),
        (Text(text), Operator::NotIn, Set(set)) => !set.contains(text),
        (Set(_), _, _) | (_, _, Set(_)) => false,
        (Version(version), _, Text(text)) => compare_version(version, operator, text),
        (Text(text), Operator::Sign(sign), Version(version)) => {
            compare_version(version, Operator::Sign(mirrored(sign)), text)
        }
        (Text(_) | Version(_), _, Text(_) | Version(_)) => compare_text(&left.text(), operator, &right.text()),
    }
}

impl MarkerValue {
    fn text(&self) -> String {
        match self {
            Self::Version(version) => version.to_string(),
            Self::Text(text) => text.clone(),
            Self::Set(_) => String::new(),
        }
    }
}

fn compare_text(left: &str, operator: Operator, right: &str) -> bool {
    match operator {
        Operator::In => right.contains(left),
        Operator::NotIn => !right.contains(left),
        Operator::Sign(sign) => match sign {
            Sign::Equal => left == right,
            Sign::NotEqual => left != right,
            Sign::LessThan => left < right,
            Sign::LessThanEqual => left <= right,
            Sign::GreaterThan => left > right,
            Sign::GreaterThanEqual => left >= right,
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
        Operator::Sign(sign) => {
            VersionSpecifier::from_str(&format!("{sign}{text}")).is_ok_and(|specifier| specifier.contains(version))
        }
    }
}

/// The comparison with its sides exchanged.
fn mirrored(sign: Sign) -> Sign {
    match sign {
        Sign::LessThan => Sign::GreaterThan,
        Sign::LessThanEqual => Sign::GreaterThanEqual,
        Sign::GreaterThan => Sign::LessThan,
        Sign::GreaterThanEqual => Sign::LessThanEqual,
        other => other,
    }
}
