//! One change of a file op: copy, write, make, remove, link.
//!
//! Paths are made clean by the constructors, as Go's client makes them; a field holds what goes over the wire. Whether a
//! path is absolute is the verifier's business.

use buildkit_proto::pb;

use super::File;
use super::owner::{Owner, owner_from_pb};
use crate::graph::Output;
use crate::path::{clean, clean_dest};

/// The wire's "no timestamp" and "no mode": a zero would be 1970 and no permission at all.
const UNSET: i32 = -1;

/// One change (`FileAction`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Copy(Box<Copy>),
    MkFile(MkFile),
    MkDir(MkDir),
    Rm(Rm),
    Symlink(Symlink),
}

impl Action {
    /// `base` is the wire index of what owners' names are looked up in.
    pub(crate) fn to_pb(&self, base: i64) -> pb::file_action::Action {
        match self {
            Self::Copy(copy) => copy.to_pb(base),
            Self::MkFile(mkfile) => mkfile.to_pb(base),
            Self::MkDir(mkdir) => mkdir.to_pb(base),
            Self::Rm(rm) => rm.to_pb(),
            Self::Symlink(symlink) => symlink.to_pb(base),
        }
    }

    /// `None` for what cannot be said here.
    pub(crate) fn from_pb(action: &pb::file_action::Action, from: Origin) -> Option<Self> {
        use pb::file_action::Action as Wire;
        Some(match action {
            Wire::Copy(copy) => Self::Copy(Box::new(Copy::from_pb(copy, from)?)),
            Wire::Mkfile(mkfile) => Self::MkFile(MkFile {
                path: mkfile.path.clone(),
                mode: u32::try_from(mkfile.mode).ok()?,
                data: mkfile.data.clone(),
                owner: owner_from_pb(mkfile.owner.as_ref())?,
                timestamp: timestamp_from_pb(mkfile.timestamp),
            }),
            Wire::Mkdir(mkdir) => Self::MkDir(MkDir {
                path: mkdir.path.clone(),
                mode: u32::try_from(mkdir.mode).ok()?,
                parents: mkdir.make_parents,
                owner: owner_from_pb(mkdir.owner.as_ref())?,
                timestamp: timestamp_from_pb(mkdir.timestamp),
            }),
            Wire::Rm(rm) => {
                Self::Rm(Rm { path: rm.path.clone(), allow_not_found: rm.allow_not_found, wildcard: rm.allow_wildcard })
            }
            Wire::Symlink(symlink) => Self::Symlink(Symlink {
                target: symlink.oldpath.clone(),
                link: symlink.newpath.clone(),
                owner: owner_from_pb(symlink.owner.as_ref())?,
                timestamp: timestamp_from_pb(symlink.timestamp),
            }),
        })
    }

    pub(crate) fn owner(&self) -> Option<&Owner> {
        match self {
            Self::Copy(copy) => copy.owner.as_ref(),
            Self::MkFile(mkfile) => mkfile.owner.as_ref(),
            Self::MkDir(mkdir) => mkdir.owner.as_ref(),
            Self::Symlink(symlink) => symlink.owner.as_ref(),
            Self::Rm(_) => None,
        }
    }
}

/// What a copy reads: an output, nothing, or the end of another chain of changes in the same op.
///
/// ```
/// use buildkit_llb::{Copy, File, GraphBuilder, MkFile};
///
/// let made = File::scratch().mkfile(MkFile::new("/a", 0o644, "a"));
/// let mut graph = GraphBuilder::new();
/// let copied = graph.file(File::scratch().copy(Copy::new(made, "/a", "/b")));
/// let graph = graph.finish(Some(copied)).expect("sound");
/// assert_eq!(graph.reachable().len(), 1, "both chains are one op");
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
    /// In words, `u=rwX,go=rX` (`dchapes/mode`); BuildKit 0.17 or newer.
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
    /// The source path may hold wildcards.
    pub wildcard: bool,
    /// A wildcard may match nothing.
    pub allow_empty_wildcard: bool,
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
            wildcard: false,
            allow_empty_wildcard: false,
            include: Vec::new(),
            exclude: Vec::new(),
            required: Vec::new(),
            unpack: false,
            replace_existing: false,
            timestamp: None,
        }
    }

    fn to_pb(&self, base: i64) -> pb::file_action::Action {
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
            allow_empty_wildcard,
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
            // Go leaves the number at zero; the daemon looks at the words first.
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
            allow_wildcard: *wildcard,
            allow_empty_wildcard: *allow_empty_wildcard,
            timestamp: timestamp.unwrap_or(UNSET.into()),
            include_patterns: include.clone(),
            exclude_patterns: exclude.clone(),
            always_replace_existing_dest_paths: *replace_existing,
            mode_str,
            required_paths: required.clone(),
        })
    }

    fn from_pb(copy: &pb::FileActionCopy, from: Origin) -> Option<Self> {
        let mode = match (copy.mode, copy.mode_str.as_str()) {
            (UNSET, "") => None,
            (bits, "") => Some(Chmod::Bits(u32::try_from(bits).ok()?)),
            (_, words) => Some(Chmod::Symbolic(words.to_owned())),
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
            wildcard: copy.allow_wildcard,
            allow_empty_wildcard: copy.allow_empty_wildcard,
            include: copy.include_patterns.clone(),
            exclude: copy.exclude_patterns.clone(),
            required: copy.required_paths.clone(),
            unpack: copy.attempt_unpack_docker_compatibility,
            replace_existing: copy.always_replace_existing_dest_paths,
            timestamp: timestamp_from_pb(copy.timestamp),
        })
    }
}

/// Writes a file (`FileActionMkFile`).
///
/// ```
/// let file = buildkit_llb::MkFile { timestamp: Some(0), ..buildkit_llb::MkFile::new("/etc/motd", 0o644, "hello") };
/// assert_eq!(file.path, "/etc/motd");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MkFile {
    /// Where, absolute.
    pub path: String,
    /// The nine permission bits; the daemon takes no others here.
    pub mode: u32,
    /// Content.
    pub data: Vec<u8>,
    /// Owner; `None` is root.
    pub owner: Option<Owner>,
    /// Nanoseconds since the epoch; `None` is the time of the build.
    pub timestamp: Option<i64>,
}

impl MkFile {
    /// A file of root's.
    #[must_use]
    pub fn new(path: impl AsRef<str>, mode: u32, data: impl Into<Vec<u8>>) -> Self {
        Self { path: clean(path.as_ref()), mode, data: data.into(), owner: None, timestamp: None }
    }

    fn to_pb(&self, base: i64) -> pb::file_action::Action {
        let Self { path, mode, data, owner, timestamp } = self;
        pb::file_action::Action::Mkfile(pb::FileActionMkFile {
            path: path.clone(),
            mode: wire_mode(*mode, 0o777),
            data: data.clone(),
            owner: owner.as_ref().map(|owner| owner.to_pb(base)),
            timestamp: timestamp.unwrap_or(UNSET.into()),
        })
    }
}

/// Makes a directory (`FileActionMkDir`).
///
/// ```
/// let dir = buildkit_llb::MkDir { parents: false, ..buildkit_llb::MkDir::new("/srv//data/", 0o755) };
/// assert_eq!(dir.path, "/srv/data");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MkDir {
    /// Where, absolute.
    pub path: String,
    /// The nine permission bits; the daemon takes no others here.
    pub mode: u32,
    /// Create missing parents.
    pub parents: bool,
    /// Owner; `None` is root.
    pub owner: Option<Owner>,
    /// Nanoseconds since the epoch; `None` is the time of the build.
    pub timestamp: Option<i64>,
}

impl MkDir {
    /// A directory of root's, parents included.
    #[must_use]
    pub fn new(path: impl AsRef<str>, mode: u32) -> Self {
        Self { path: clean(path.as_ref()), mode, parents: true, owner: None, timestamp: None }
    }

    fn to_pb(&self, base: i64) -> pb::file_action::Action {
        let Self { path, mode, parents, owner, timestamp } = self;
        pb::file_action::Action::Mkdir(pb::FileActionMkDir {
            path: path.clone(),
            mode: wire_mode(*mode, 0o777),
            make_parents: *parents,
            owner: owner.as_ref().map(|owner| owner.to_pb(base)),
            timestamp: timestamp.unwrap_or(UNSET.into()),
        })
    }
}

/// Removes a path (`FileActionRm`).
///
/// ```
/// let rm = buildkit_llb::Rm { wildcard: true, ..buildkit_llb::Rm::new("/var/log/*.log").allowing_nothing() };
/// assert!(rm.allow_not_found);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rm {
    /// What, absolute.
    pub path: String,
    /// Nothing there is no error.
    pub allow_not_found: bool,
    /// The path may hold wildcards; needs the capability `file.rm.wildcard`.
    pub wildcard: bool,
}

impl Rm {
    /// Removes a path; it is an error if nothing is there. A link is removed, not what it points at.
    #[must_use]
    pub fn new(path: impl AsRef<str>) -> Self {
        Self { path: clean(path.as_ref()), allow_not_found: false, wildcard: false }
    }

    /// Nothing there is no error.
    #[must_use]
    pub fn allowing_nothing(mut self) -> Self {
        self.allow_not_found = true;
        self
    }

    fn to_pb(&self) -> pb::file_action::Action {
        let Self { path, allow_not_found, wildcard } = self;
        pb::file_action::Action::Rm(pb::FileActionRm {
            path: path.clone(),
            allow_not_found: *allow_not_found,
            allow_wildcard: *wildcard,
        })
    }
}

/// Makes a symbolic link (`FileActionSymlink`).
///
/// ```
/// let link = buildkit_llb::Symlink::new("python3.12", "/usr/bin/python3");
/// assert_eq!(link.target, "python3.12");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symlink {
    /// What the link says.
    pub target: String,
    /// Where the link is, absolute.
    pub link: String,
    /// Owner; `None` is root.
    pub owner: Option<Owner>,
    /// Nanoseconds since the epoch; `None` is the time of the build.
    pub timestamp: Option<i64>,
}

impl Symlink {
    /// A link of root's at `link` that says `target`. Neither is made clean: a link says what it says.
    #[must_use]
    pub fn new(target: impl Into<String>, link: impl Into<String>) -> Self {
        Self { target: target.into(), link: link.into(), owner: None, timestamp: None }
    }

    fn to_pb(&self, base: i64) -> pb::file_action::Action {
        let Self { target, link, owner, timestamp } = self;
        pb::file_action::Action::Symlink(pb::FileActionSymlink {
            oldpath: target.clone(),
            newpath: link.clone(),
            owner: owner.as_ref().map(|owner| owner.to_pb(base)),
            timestamp: timestamp.unwrap_or(UNSET.into()),
        })
    }
}

fn timestamp_from_pb(timestamp: i64) -> Option<i64> {
    (timestamp != i64::from(UNSET)).then_some(timestamp)
}

/// The verifier refuses bits outside the mask; they are cut off here, so that encoding stays total.
fn wire_mode(mode: u32, mask: u32) -> i32 {
    i32::try_from(mode & mask).unwrap_or(UNSET)
}
