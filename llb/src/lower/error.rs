//! Why a graph cannot be lowered: capabilities that nothing replaces, and fallbacks that do not fit.

use std::fmt;

use crate::output::OpId;
use crate::violation::{self, Label, Violations};

/// Why a graph cannot be lowered for a daemon.
///
/// ```
/// use buildkit_llb::{Exec, GraphBuilder, Platform, Source, caps};
///
/// let amd64 = Platform::linux("amd64");
/// let mut graph = GraphBuilder::new();
/// let base = graph.source(Source::image("docker.io/library/debian:bookworm-slim", amd64.clone()));
/// let run = graph.exec(Exec::new(["make"], base, amd64).with_network(buildkit_llb::Network::None));
/// let graph = graph.finish(run.root())?;
/// let old = caps::ALL.iter().copied().filter(|cap| *cap != "exec.meta.network").collect();
/// let error = graph.lower_for(&old).expect_err("nothing replaces a network mode");
/// assert_eq!(error.to_string(), "op 1 needs the capability exec.meta.network, which this BuildKit lacks");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LowerError {
    /// The daemon lacks capabilities that nothing can replace; one or more.
    MissingCapabilities(Vec<MissingCapability>),
    /// A fallback breaks a rule in this graph, because what it adds is already there.
    Unsound(Violations),
}

impl fmt::Display for LowerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingCapabilities(missing) => violation::list(f, missing),
            Self::Unsound(violations) => write!(f, "the graph for this BuildKit is not valid: {violations}"),
        }
    }
}

impl std::error::Error for LowerError {}

/// A capability that an op needs, the daemon lacks and nothing can replace.
///
/// ```
/// use buildkit_llb::{File, GraphBuilder, LowerError, MkFile, Note, caps};
///
/// let mut graph = GraphBuilder::new();
/// let file = graph.file(File::scratch().mkfile(MkFile::new("/a", 0o644, "a")));
/// graph.annotate(file.op(), Note::named("write a"));
/// let graph = graph.finish(Some(file))?;
/// let old = caps::ALL.iter().copied().filter(|cap| *cap != "file.base").collect();
/// let Err(LowerError::MissingCapabilities(missing)) = graph.lower_for(&old) else { panic!("nothing replaces a file op") };
/// assert_eq!((missing[0].name(), missing[0].capability.as_str()), (Some("write a"), "file.base"));
/// # Ok::<(), buildkit_llb::Violations>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct MissingCapability {
    /// The op that needs it.
    pub op: OpId,
    /// What the daemon lacks.
    pub capability: String,
    pub(super) label: Label,
}

impl MissingCapability {
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

impl fmt::Display for MissingCapability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.label.write(f, self.op)?;
        write!(f, " needs the capability {}, which this BuildKit lacks", self.capability)
    }
}

impl std::error::Error for MissingCapability {}
