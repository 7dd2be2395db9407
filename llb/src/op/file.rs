//! File: changes to a filesystem without running anything in it.
//!
//! The actions form a chain over one base; the result of the last one is the op's output.

use buildkit_proto::pb;

use super::InputList;
use crate::graph::Output;

/// The wire's "no timestamp" and "no mode": a zero would be 1970 and no permission at all.
const UNSET: i32 = -1;

/// A chain of changes over a base (`FileOp`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    pub(crate) base: Option<Output>,
    pub(crate) actions: Vec<Action>,
}

/// One change (`FileAction`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Copy files in.
    Copy(Copy),
    /// Write a file.
    MkFile(MkFile),
    /// Make a directory.
    MkDir(MkDir),
    /// Remove a path.
    Rm(Rm),
    /// Make a symbolic link; needs the capability `file.symlink.create`.
    Symlink(Symlink),
}

impl File {
    /// Changes on top of a filesystem.
    #[must_use]
    pub fn on(base: Output) -> Self {
        Self { base: Some(base), actions: Vec::new() }
    }

    /// Changes that start from nothing.
    #[must_use]
    pub fn scratch() -> Self {
        Self { base: None, actions: Vec::new() }
    }

    /// Copies files in.
    #[must_use]
    pub fn copy(mut self, copy: Copy) -> Self {
        self.actions.push(Action::Copy(copy));
        self
    }

    /// Writes a file.
    #[must_use]
    pub fn mkfile(mut self, mkfile: MkFile) -> Self {
        self.actions.push(Action::MkFile(mkfile));
        self
    }

    /// Makes a directory.
    #[must_use]
    pub fn mkdir(mut self, mkdir: MkDir) -> Self {
        self.actions.push(Action::MkDir(mkdir));
        self
    }

    /// Removes a path.
    #[must_use]
    pub fn rm(mut self, rm: Rm) -> Self {
        self.actions.push(Action::Rm(rm));
        self
    }

    /// Makes a symbolic link.
    #[must_use]
    pub fn symlink(mut self, symlink: Symlink) -> Self {
        self.actions.push(Action::Symlink(symlink));
        self
    }

    pub(crate) fn inputs(&self) -> Vec<Output> {
        let mut inputs = InputList::default();
        inputs.index(self.base);
        for action in &self.actions {
            if let Action::Copy(copy) = action {
                inputs.index(Some(copy.from));
            }
        }
        inputs.into_vec()
    }

    pub(crate) fn to_pb(&self) -> pb::FileOp {
        let mut inputs = InputList::default();
        let base = inputs.index(self.base);
        let count = self.inputs().len() as i64;
        let last = self.actions.len().saturating_sub(1);
        let actions = self
            .actions
            .iter()
            .enumerate()
            .map(|(position, action)| {
                let (secondary_input, wire) = match action {
                    Action::Copy(copy) => (inputs.index(Some(copy.from)), copy.to_pb(base)),
                    Action::MkFile(mkfile) => (-1, mkfile.to_pb(base)),
                    Action::MkDir(mkdir) => (-1, mkdir.to_pb(base)),
                    Action::Rm(rm) => (-1, rm.to_pb()),
                    Action::Symlink(symlink) => (-1, symlink.to_pb(base)),
                };
                pb::FileAction {
                    // The first action reads the base, each later one the result of the one before.
                    input: if position == 0 { base } else { count + position as i64 - 1 },
                    secondary_input,
                    output: if position == last { 0 } else { -1 },
                    action: Some(wire),
                }
            })
            .collect();
        pb::FileOp { actions }
    }
}

/// Copies files from another filesystem (`FileActionCopy`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copy {
    /// The filesystem to copy from.
    pub from: Output,
    /// Source path, absolute.
    pub src: String,
    /// Destination path, absolute.
    pub dest: String,
    /// New owner; `None` keeps the source's.
    pub owner: Option<Owner>,
    /// New permission bits; `None` keeps the source's.
    pub mode: Option<u32>,
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
    /// Nanoseconds since the epoch; `None` keeps the source's.
    pub timestamp: Option<i64>,
}

impl Copy {
    /// Copies `src` of `from` to `dest`, both absolute, keeping owner, mode and times. A trailing `/` or `/.` of `dest`
    /// has its usual meaning.
    #[must_use]
    pub fn new(from: Output, src: impl Into<String>, dest: impl Into<String>) -> Self {
        Self {
            from,
            src: src.into(),
            dest: dest.into(),
            owner: None,
            mode: None,
            follow_symlink: false,
            contents_only: false,
            create_dest_path: false,
            wildcard: false,
            allow_empty_wildcard: false,
            include: Vec::new(),
            exclude: Vec::new(),
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
            timestamp,
        } = self;
        pb::file_action::Action::Copy(pb::FileActionCopy {
            src: src.clone(),
            dest: dest.clone(),
            owner: owner.as_ref().map(|owner| owner.to_pb(base)),
            mode: mode.map_or(UNSET, wire_mode),
            follow_symlink: *follow_symlink,
            dir_copy_contents: *contents_only,
            attempt_unpack_docker_compatibility: false,
            create_dest_path: *create_dest_path,
            allow_wildcard: *wildcard,
            allow_empty_wildcard: *allow_empty_wildcard,
            timestamp: timestamp.unwrap_or(UNSET.into()),
            include_patterns: include.clone(),
            exclude_patterns: exclude.clone(),
            always_replace_existing_dest_paths: false,
            mode_str: String::new(),
            required_paths: Vec::new(),
        })
    }
}

/// Writes a file (`FileActionMkFile`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MkFile {
    /// Where, absolute.
    pub path: String,
    /// Permission bits.
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
    pub fn new(path: impl Into<String>, mode: u32, data: impl Into<Vec<u8>>) -> Self {
        Self { path: path.into(), mode, data: data.into(), owner: None, timestamp: None }
    }

    fn to_pb(&self, base: i64) -> pb::file_action::Action {
        let Self { path, mode, data, owner, timestamp } = self;
        pb::file_action::Action::Mkfile(pb::FileActionMkFile {
            path: path.clone(),
            mode: wire_mode(*mode),
            data: data.clone(),
            owner: owner.as_ref().map(|owner| owner.to_pb(base)),
            timestamp: timestamp.unwrap_or(UNSET.into()),
        })
    }
}

/// Makes a directory (`FileActionMkDir`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MkDir {
    /// Where, absolute.
    pub path: String,
    /// Permission bits.
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
    pub fn new(path: impl Into<String>, mode: u32) -> Self {
        Self { path: path.into(), mode, parents: true, owner: None, timestamp: None }
    }

    fn to_pb(&self, base: i64) -> pb::file_action::Action {
        let Self { path, mode, parents, owner, timestamp } = self;
        pb::file_action::Action::Mkdir(pb::FileActionMkDir {
            path: path.clone(),
            mode: wire_mode(*mode),
            make_parents: *parents,
            owner: owner.as_ref().map(|owner| owner.to_pb(base)),
            timestamp: timestamp.unwrap_or(UNSET.into()),
        })
    }
}

/// Removes a path (`FileActionRm`).
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

/// Owner and group of a file (`ChownOpt`). Names are looked up in the base's passwd and group files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The user.
    pub user: User,
    /// The group; `None` leaves it to BuildKit (the user's own for a name, 0 otherwise).
    pub group: Option<User>,
}

/// A user or group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum User {
    /// By name.
    Named(String),
    /// By number.
    Id(u32),
}

impl Owner {
    fn to_pb(&self, base: i64) -> pb::ChownOpt {
        let user = |user: &User| pb::UserOpt {
            user: Some(match user {
                User::Named(name) => pb::user_opt::User::ByName(pb::NamedUserOpt { name: name.clone(), input: base }),
                User::Id(id) => pb::user_opt::User::ById(*id),
            }),
        };
        pb::ChownOpt { user: Some(user(&self.user)), group: self.group.as_ref().map(user) }
    }
}

fn wire_mode(mode: u32) -> i32 {
    i32::try_from(mode & 0o7777).unwrap_or(UNSET)
}
