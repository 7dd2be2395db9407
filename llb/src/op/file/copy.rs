//! Copies: files of another filesystem, or of another chain of changes in the same op.
//!
//! Paths are cleaned by the constructor, as Go's client cleans them; a field holds what goes over the wire. The verifier
//! checks whether a path is absolute.

use buildkit_proto::pb;

use super::File;
use super::action::{UNSET, timestamp_from_pb, wire_mode};
use super::owner::{Owner, owner_from_pb};
use crate::output::Output;
use crate::path::{clean, clean_dest};

/// What a copy reads: an output, nothing, or the end of another chain of changes in the same op.
///
/// ```
/// use buildkit_llb::{Copy, File, GraphBuilder, MkFile};
///
/// let made = File::scratch().mkfile(MkFile::new("/a", 0o644, "a"));
/// let mut graph = GraphBuilder::new();
/// let copied = graph.file(File::scratch().copy(Copy::new(made, "/a", "/b")));
/// let graph = graph.finish(Some(copied))?;
/// assert_eq!(graph.reachable().len(), 1, "both chains are one op");
/// # Ok::<(), buildkit_llb::Violations>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyFrom(pub(crate) Origin);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Output(Option<Output>),
    /// Until the copy is part of an op.
    Files(Box<File>),
    /// An earlier step of the same op.
    Step(usize),
}

impl From<Output> for CopyFrom {
    fn from(output: Output) -> Self {
        Self(Origin::Output(Some(output)))
    }
}

impl From<Option<Output>> for CopyFrom {
    fn from(output: Option<Output>) -> Self {
        Self(Origin::Output(output))
    }
}

impl From<File> for CopyFrom {
    fn from(files: File) -> Self {
        Self(Origin::Files(Box::new(files)))
    }
}

/// How a copy reads its source path.
///
/// ```
/// use buildkit_llb::{Copy, File, MkDir, Wildcard};
///
/// let dist = File::scratch().mkdir(MkDir::new("/dist", 0o755));
/// let wheels = Copy { wildcard: Wildcard::MayMatchNothing, ..Copy::new(dist, "/dist/*.whl", "/wheels/") };
/// assert_ne!(wheels.wildcard, Wildcard::Literal);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wildcard {
    /// As the name of one file or directory.
    #[default]
    Literal,
    /// As a pattern; it is an error if nothing matches.
    MustMatch,
    /// As a pattern that may match nothing.
    MayMatchNothing,
}

/// New permission bits of what is copied.
///
/// ```
/// use buildkit_llb::Chmod;
///
/// assert_eq!(Chmod::from(0o644), Chmod::Bits(0o644));
/// let words = Chmod::Symbolic("u=rwX,go=rX".to_owned());
/// assert_ne!(words, Chmod::Bits(0o755));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chmod {
    /// The twelve permission bits.
    Bits(u32),
    /// As text, `u=rwX,go=rX` (`dchapes/mode`); BuildKit 0.17 or newer.
    Symbolic(String),
}

impl From<u32> for Chmod {
    fn from(bits: u32) -> Self {
        Self::Bits(bits)
    }
}

/// Copies files from another filesystem (`FileActionCopy`).
///
/// ```
/// use buildkit_llb::{Chmod, Copy, File, GraphBuilder, LocalSource, Source};
///
/// let mut graph = GraphBuilder::new();
/// let context = graph.source(Source::local(LocalSource::new("context")));
/// let copy = Copy {
///     contents_only: true,
///     create_dest_path: true,
///     include: vec!["**/*.py".to_owned()],
///     mode: Some(Chmod::Bits(0o644)),
///     ..Copy::new(context, "/src", "/app/")
/// };
/// let files = graph.file(File::scratch().copy(copy));
/// assert!(graph.finish(Some(files)).is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copy {
    /// The filesystem to copy from.
    pub from: CopyFrom,
    /// Source path, absolute.
    pub src: String,
    /// Destination path, absolute.
    pub dest: String,
    /// New owner; `None` keeps the source's.
    pub owner: Option<Owner>,
    /// New permission bits; `None` keeps the source's.
    pub mode: Option<Chmod>,
    /// Follow a link named by the source path.
    pub follow_symlink: bool,
    /// Copy a directory's content rather than the directory itself.
    pub contents_only: bool,
    /// Create missing parents of the destination.
    pub create_dest_path: bool,
    /// Whether the source path is a pattern.
    pub wildcard: Wildcard,
    /// Only what matches; needs the capability `file.copy.includeexcludepatterns`.
    pub include: Vec<String>,
    /// Not what matches; needs the same.
    pub exclude: Vec<String>,
    /// Paths that must be among what `include` selects; needs the capability `file.copy.requiredpaths`.
    pub required: Vec<String>,
    /// Unpack the source where it is an archive, as Dockerfile's `ADD` does.
    pub unpack: bool,
    /// Replace what is in the way even where it is of another type; needs the capability
    /// `file.copy.alwaysreplaceexistingdestpaths`.
    pub replace_existing: bool,
    /// Nanoseconds since the epoch; `None` keeps the source's.
    pub timestamp: Option<i64>,
}

impl Copy {
    /// Copies `src` of `from` to `dest`, both absolute, keeping owner, mode and times. A trailing `/` or `/.` of `dest`
    /// has its usual meaning.
    #[must_use]
    pub fn new(from: impl Into<CopyFrom>, src: impl AsRef<str>, dest: impl AsRef<str>) -> Self {
        Self {
            from: from.into(),
            src: clean(src.as_ref()),
            dest: clean_dest(dest.as_ref()),
            owner: None,
            mode: None,
            follow_symlink: false,
            contents_only: false,
            create_dest_path: false,
            wildcard: Wildcard::Literal,
            include: Vec::new(),
            exclude: Vec::new(),
            required: Vec::new(),
            unpack: false,
            replace_existing: false,
            timestamp: None,
        }
    }

    pub(super) fn to_pb(&self, base: i64) -> pb::file_action::Action {
        let Self {
            from: _,
            src,
            dest,
            owner,
            mode,
            follow_symlink,
            contents_only,
            create_dest_path,
            wildcard,
            include,
            exclude,
            required,
            unpack,
            replace_existing,
            timestamp,
        } = self;
        let (mode, mode_str) = match mode {
            None => (UNSET, String::new()),
            Some(Chmod::Bits(bits)) => (wire_mode(*bits, 0o7777), String::new()),
            // Go leaves the number at zero; the daemon looks at the text first.
            Some(Chmod::Symbolic(words)) => (0, words.clone()),
        };
        pb::file_action::Action::Copy(pb::FileActionCopy {
            src: src.clone(),
            dest: dest.clone(),
            owner: owner.as_ref().map(|owner| owner.to_pb(base)),
            mode,
            follow_symlink: *follow_symlink,
            dir_copy_contents: *contents_only,
            attempt_unpack_docker_compatibility: *unpack,
            create_dest_path: *create_dest_path,
            allow_wildcard: *wildcard != Wildcard::Literal,
            allow_empty_wildcard: *wildcard == Wildcard::MayMatchNothing,
            timestamp: timestamp.unwrap_or(UNSET.into()),
            include_patterns: include.clone(),
            exclude_patterns: exclude.clone(),
            always_replace_existing_dest_paths: *replace_existing,
            mode_str,
            required_paths: required.clone(),
        })
    }

    pub(super) fn from_pb(copy: &pb::FileActionCopy, from: Origin) -> Option<Self> {
        let mode = match (copy.mode, copy.mode_str.as_str()) {
            (UNSET, "") => None,
            (bits, "") => Some(Chmod::Bits(u32::try_from(bits).ok()?)),
            (_, words) => Some(Chmod::Symbolic(words.to_owned())),
        };
        let wildcard = match (copy.allow_wildcard, copy.allow_empty_wildcard) {
            (false, false) => Wildcard::Literal,
            (true, false) => Wildcard::MustMatch,
            (true, true) => Wildcard::MayMatchNothing,
            // The daemon looks at the second flag only where the first is set.
            (false, true) => return None,
        };
        Some(Self {
            from: CopyFrom(from),
            src: copy.src.clone(),
            dest: copy.dest.clone(),
            owner: owner_from_pb(copy.owner.as_ref())?,
            mode,
            follow_symlink: copy.follow_symlink,
            contents_only: copy.dir_copy_contents,
            create_dest_path: copy.create_dest_path,
            wildcard,
            include: copy.include_patterns.clone(),
            exclude: copy.exclude_patterns.clone(),
            required: copy.required_paths.clone(),
            unpack: copy.attempt_unpack_docker_compatibility,
            replace_existing: copy.always_replace_existing_dest_paths,
            timestamp: timestamp_from_pb(copy.timestamp),
        })
    }
}
