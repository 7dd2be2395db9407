//! Violations of a graph's rules, with the name of the op and the line of the user's file that it results from.
//!
//! Checks no rule itself: that is done by the verifier.

use std::fmt;

use crate::graph::Graph;
use crate::output::OpId;

/// Everything that is wrong with a graph: one violation or more.
///
/// ```
/// use buildkit_llb::{File, GraphBuilder, Location, Note, SourceFile};
///
/// let mut graph = GraphBuilder::new();
/// let file = graph.add_file(SourceFile::new("spec.yaml", "YAML", "copy: []"));
/// let nothing = graph.file(File::scratch());
/// graph.annotate(nothing.op(), Note::named("[copy] sources").at(Location { file, start: (1, 0), end: (1, 8) }));
/// let violations = graph.finish(Some(nothing)).expect_err("a file op without actions");
/// assert_eq!(violations.to_string(), "spec.yaml:1: op 0 ([copy] sources): a file op needs actions");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violations(Vec<Violation>);

impl Violations {
    /// Names the ops of broken rules; `None` if none is broken.
    pub(crate) fn new(broken: Vec<(OpId, Rule)>, graph: &Graph) -> Option<Self> {
        let violation = |(op, rule)| Violation { op, label: Label::new(graph, op), rule };
        let violations: Vec<Violation> = broken.into_iter().map(violation).collect();
        (!violations.is_empty()).then_some(Self(violations))
    }

    /// The violations, in the order of the ops.
    #[must_use]
    pub fn as_slice(&self) -> &[Violation] {
        &self.0
    }

    /// The violations, in the order of the ops.
    pub fn iter(&self) -> std::slice::Iter<'_, Violation> {
        self.0.iter()
    }
}

impl IntoIterator for Violations {
    type Item = Violation;
    type IntoIter = std::vec::IntoIter<Violation>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Violations {
    type Item = &'a Violation;
    type IntoIter = std::slice::Iter<'a, Violation>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        list(f, &self.0)
    }
}

impl std::error::Error for Violations {}

/// One broken rule.
///
/// ```
/// use buildkit_llb::{File, GraphBuilder, Note, Rule};
///
/// let mut graph = GraphBuilder::new();
/// let nothing = graph.file(File::scratch());
/// graph.annotate(nothing.op(), Note::named("copy"));
/// let violations = graph.finish(Some(nothing)).expect_err("a file op without actions");
/// let violation = violations.into_iter().next().expect("one or more");
/// assert_eq!(violation.rule, Rule::NoActions);
/// assert_eq!((violation.name(), violation.line()), (Some("copy"), None));
/// assert_eq!(violation.to_string(), "op 0 (copy): a file op needs actions");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// The op that breaks it.
    pub op: OpId,
    /// The rule.
    pub rule: Rule,
    label: Label,
}

impl Violation {
    /// What the op is called.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.label.name()
    }

    /// The line of the user's file that the op results from: the file's name, and the line counted from 1.
    #[must_use]
    pub fn line(&self) -> Option<(&str, u32)> {
        self.label.line()
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.label.write(f, self.op)?;
        write!(f, ": {}", self.rule)
    }
}

impl std::error::Error for Violation {}

/// The name and place of an op. Boxed, because it is large and few results have it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Label(Option<Box<Known>>);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Known {
    line: Option<(String, u32)>,
    name: Option<String>,
}

impl Label {
    pub(crate) fn new(graph: &Graph, op: OpId) -> Self {
        let name = graph.note(op).and_then(|note| note.name.clone());
        let line = graph.locations(op).next().and_then(|location| {
            let file = graph.files().get(usize::try_from(location.file).ok()?)?;
            Some((file.filename.clone(), location.start.0))
        });
        let is_known = name.is_some() || line.is_some();
        Self(is_known.then(|| Box::new(Known { line, name })))
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.0.as_ref()?.name.as_deref()
    }

    pub(crate) fn line(&self) -> Option<(&str, u32)> {
        self.0.as_ref()?.line.as_ref().map(|(filename, line)| (filename.as_str(), *line))
    }

    /// `spec.yaml:3: op 7 (install)`, as far as it is known.
    pub(crate) fn write(&self, f: &mut fmt::Formatter<'_>, op: OpId) -> fmt::Result {
        if let Some((filename, line)) = self.line() {
            write!(f, "{filename}:{line}: ")?;
        }
        write!(f, "op {op}")?;
        match self.name() {
            Some(name) => write!(f, " ({name})"),
            None => Ok(()),
        }
    }
}

/// Writes what is wrong one after the other.
pub(crate) fn list(f: &mut fmt::Formatter<'_>, items: &[impl fmt::Display]) -> fmt::Result {
    for (position, item) in items.iter().enumerate() {
        write!(f, "{}{item}", if position == 0 { "" } else { "; " })?;
    }
    Ok(())
}

/// What can be wrong with an op.
///
/// ```
/// use buildkit_llb::{Diff, GraphBuilder, Rule};
///
/// let mut graph = GraphBuilder::new();
/// let nothing = graph.diff(Diff::new(None, None));
/// let violations = graph.finish(Some(nothing)).expect_err("nothing and nothing");
/// assert_eq!(violations.as_slice()[0].rule, Rule::EmptyDiff);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rule {
    /// An input is not an op of this graph, or not an output of the op.
    DanglingInput,
    /// A note was added to an op of another builder.
    ForeignNote,
    /// A note has a place in a file that was not added to the builder.
    UnknownFile(u32),
    /// An exec without arguments.
    NoArguments,
    /// A working directory that is not absolute.
    RelativeWorkingDirectory(String),
    /// An exec without a bind mount at `/`.
    NoRootMount,
    /// Two mounts at one place.
    DuplicateMount(String),
    /// A path that must be absolute and is not.
    RelativePath(String),
    /// A cache mount without an id.
    NoCacheId(String),
    /// A file op without actions.
    NoActions,
    /// An owner's name, but nothing to look it up in.
    OwnerNameWithoutBase(String),
    /// A source whose identifier has no scheme.
    NoScheme(String),
    /// An image without tag and digest, or a blob without digest.
    NoTagOrDigest(String),
    /// A secret without an id; the place is named.
    NoSecretId(String),
    /// A device without a name.
    NoDeviceName,
    /// A variable whose name contains `=`, or an empty variable of a secret.
    VariableName(String),
    /// A mount whose changes are kept of a part of its input that is to be hashed.
    HashedPart(String),
    /// A mode with more than the bits its action has.
    Mode(String, u32),
    /// A diff of nothing and nothing.
    EmptyDiff,
    /// A passthrough without an id.
    NoPassthroughId,
    /// A passthrough that passes nothing on.
    NoPassthroughOutput,
    /// Something else that the daemon would refuse, and why.
    Refused(&'static str),
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DanglingInput => write!(f, "an input is not an output of this graph"),
            Self::ForeignNote => write!(f, "the note is for an op of another graph"),
            Self::UnknownFile(file) => write!(f, "a place is in file {file}, which the graph does not have"),
            Self::NoArguments => write!(f, "an exec needs arguments"),
            Self::RelativeWorkingDirectory(cwd) => {
                write!(f, "the working directory {cwd:?} is not absolute")
            }
            Self::NoRootMount => write!(f, "an exec needs a bind mount at /"),
            Self::DuplicateMount(dest) => write!(f, "two mounts at {dest:?}"),
            Self::RelativePath(path) => write!(f, "the path {path:?} is not absolute"),
            Self::NoCacheId(dest) => write!(f, "the cache mount at {dest:?} has no id"),
            Self::NoActions => write!(f, "a file op needs actions"),
            Self::OwnerNameWithoutBase(name) => {
                write!(f, "the owner {name:?} is a name, but there is no base to look it up in")
            }
            Self::NoScheme(identifier) => write!(f, "the source {identifier:?} has no scheme"),
            Self::NoTagOrDigest(reference) => {
                write!(f, "the reference {reference:?} needs a digest, or a tag for an image")
            }
            Self::NoSecretId(place) => write!(f, "the secret at {place:?} has no id"),
            Self::NoDeviceName => write!(f, "a device needs a name"),
            Self::VariableName(name) => write!(f, "{name:?} is not a valid name of a variable"),
            Self::HashedPart(dest) => {
                write!(f, "the mount at {dest:?} shows a part of its input, so its content cache cannot be on")
            }
            Self::Mode(path, mode) => write!(f, "the mode {mode:o} of {path:?} has bits that do not exist there"),
            Self::EmptyDiff => write!(f, "a diff needs a lower or an upper side"),
            Self::NoPassthroughId => write!(f, "a passthrough needs an id"),
            Self::NoPassthroughOutput => write!(f, "a passthrough must pass on an input"),
            Self::Refused(reason) => write!(f, "{reason}"),
        }
    }
}
