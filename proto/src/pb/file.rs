//! Messages of file ops.

/// Changes a filesystem without running a process.
///
/// ```
/// use buildkit_proto::{Digest, canonical, pb};
///
/// let debian = "sha256:6a272ea499e7e3abf1049c8c91bb14ef4eaaf794729dd1d21783e8d206132d7e".to_owned();
/// let (path, data) = ("/a".to_owned(), b"/a".to_vec());
/// let mkfile = pb::FileActionMkFile { path, mode: 0o644, data, timestamp: -1, ..Default::default() };
/// let action = Some(pb::file_action::Action::Mkfile(mkfile));
/// let actions = vec![pb::FileAction { input: 0, secondary_input: -1, output: 0, action }];
/// let op = pb::Op {
///     inputs: vec![pb::Input { digest: debian, index: 0 }],
///     op: Some(pb::op::Op::File(pb::FileOp { actions })),
///     constraints: Some(pb::WorkerConstraints::default()),
///     ..Default::default()
/// };
/// // Like Go's client, which sets no platform here, because files are the same on all platforms.
/// let digest = "sha256:5103f718c19fc149a8ccd61a3d8f8b07a8d6b7a251ef41b13caf4015b4893a21";
/// assert_eq!(Digest::from_content(&canonical::op(&op)).to_string(), digest);
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct FileOp {
    /// The actions, in order.
    #[prost(message, repeated, tag = "2")]
    pub actions: Vec<FileAction>,
}

/// One change.
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // Indices of results follow those of the inputs: in an op with two inputs, 2 is the result of the first action. This
/// // copies files of the second input onto it.
/// let copy = pb::FileActionCopy { dest: "/".to_owned(), ..Default::default() };
/// let action = Some(pb::file_action::Action::Copy(copy));
/// let second = pb::FileAction { input: 2, secondary_input: 1, output: 0, action };
/// assert_eq!(second.encode_to_vec(), b"\x08\x02\x10\x01\x22\x03\x12\x01/");
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct FileAction {
    /// Op input, or (number of inputs + k) for the result of action k, −1 for scratch.
    #[prost(int64, tag = "1")]
    pub input: i64,
    /// The source of a copy, in the same form.
    #[prost(int64, tag = "2")]
    pub secondary_input: i64,
    /// Output index, −1 for none.
    #[prost(int64, tag = "3")]
    pub output: i64,
    /// The change.
    #[prost(oneof = "file_action::Action", tags = "4, 5, 6, 7, 8")]
    pub action: Option<file_action::Action>,
}

/// The change of a [`FileAction`].
pub mod file_action {
    /// See [`super::FileAction`].
    ///
    /// ```
    /// use buildkit_proto::pb::{FileActionSymlink, file_action::Action};
    ///
    /// let changed = |action: &Action| match action {
    ///     Action::Copy(copy) => copy.dest.clone(),
    ///     Action::Mkfile(file) => file.path.clone(),
    ///     Action::Mkdir(dir) => dir.path.clone(),
    ///     Action::Rm(rm) => rm.path.clone(),
    ///     Action::Symlink(link) => link.newpath.clone(),
    /// };
    /// let link = FileActionSymlink { oldpath: "/bin/sh".to_owned(), newpath: "/sh".to_owned(), ..Default::default() };
    /// assert_eq!(changed(&Action::Symlink(link)), "/sh", "not what it points to");
    /// ```
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub enum Action {
        /// Copy files.
        #[prost(message, tag = "4")]
        Copy(super::FileActionCopy),
        /// Write a file.
        #[prost(message, tag = "5")]
        Mkfile(super::FileActionMkFile),
        /// Make a directory.
        #[prost(message, tag = "6")]
        Mkdir(super::FileActionMkDir),
        /// Remove a path.
        #[prost(message, tag = "7")]
        Rm(super::FileActionRm),
        /// Make a symbolic link.
        #[prost(message, tag = "8")]
        Symlink(super::FileActionSymlink),
    }
}

/// Copies files from the secondary input.
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // Both −1 must be set: 0 means no permissions, and a time in 1970.
/// let copy = pb::FileActionCopy {
///     src: "/*.md".to_owned(),
///     dest: "/doc/".to_owned(),
///     mode: -1,
///     create_dest_path: true,
///     allow_wildcard: true,
///     timestamp: -1,
///     ..Default::default()
/// };
/// let (paths, flags) = (b"\x0a\x05/*.md\x12\x05/doc/", b"\x40\x01\x48\x01");
/// let minus_one = b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
/// assert_eq!(copy.encode_to_vec(), [&paths[..], b"\x20", minus_one, flags, b"\x58", minus_one].concat());
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct FileActionCopy {
    /// Source path.
    #[prost(string, tag = "1")]
    pub src: String,
    /// Destination path.
    #[prost(string, tag = "2")]
    pub dest: String,
    /// New owner; absent keeps the source's.
    #[prost(message, optional, tag = "3")]
    pub owner: Option<ChownOpt>,
    /// Permission bits; −1 keeps the source's.
    #[prost(int32, tag = "4")]
    pub mode: i32,
    /// Follow a link named by `src`.
    #[prost(bool, tag = "5")]
    pub follow_symlink: bool,
    /// Copy a directory's content rather than the directory.
    #[prost(bool, tag = "6")]
    pub dir_copy_contents: bool,
    /// Unpack archives.
    #[prost(bool, tag = "7")]
    pub attempt_unpack_docker_compatibility: bool,
    /// Create missing parents.
    #[prost(bool, tag = "8")]
    pub create_dest_path: bool,
    /// `src` may hold wildcards.
    #[prost(bool, tag = "9")]
    pub allow_wildcard: bool,
    /// A wildcard may match nothing.
    #[prost(bool, tag = "10")]
    pub allow_empty_wildcard: bool,
    /// Nanoseconds since the epoch; −1 keeps the source's.
    #[prost(int64, tag = "11")]
    pub timestamp: i64,
    /// Copy only matching paths.
    #[prost(string, repeated, tag = "12")]
    pub include_patterns: Vec<String>,
    /// Do not copy matching paths.
    #[prost(string, repeated, tag = "13")]
    pub exclude_patterns: Vec<String>,
    /// Replace existing files, even of a different type.
    #[prost(bool, tag = "14")]
    pub always_replace_existing_dest_paths: bool,
    /// Symbolic mode, overrides `mode`.
    #[prost(string, tag = "15")]
    pub mode_str: String,
    /// Paths that must exist.
    #[prost(string, repeated, tag = "16")]
    pub required_paths: Vec<String>,
}

/// Writes a file.
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // An empty file with a time in 1970: neither content nor time is written. With −1, the file would have the time of the build.
/// let empty = pb::FileActionMkFile { path: "/ok".to_owned(), mode: 0o644, ..Default::default() };
/// assert_eq!(empty.encode_to_vec(), b"\x0a\x03/ok\x10\xa4\x03");
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct FileActionMkFile {
    /// Where.
    #[prost(string, tag = "1")]
    pub path: String,
    /// Permission bits.
    #[prost(int32, tag = "2")]
    pub mode: i32,
    /// Content.
    #[prost(bytes = "vec", tag = "3")]
    pub data: Vec<u8>,
    /// Owner; absent is root.
    #[prost(message, optional, tag = "4")]
    pub owner: Option<ChownOpt>,
    /// Nanoseconds since the epoch; −1 is unset.
    #[prost(int64, tag = "5")]
    pub timestamp: i64,
}

/// Makes a symbolic link.
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // `ln -s python3 /usr/bin/python`, in the same order.
/// let (oldpath, newpath) = ("python3".to_owned(), "/usr/bin/python".to_owned());
/// let link = pb::FileActionSymlink { oldpath, newpath, timestamp: -1, ..Default::default() };
/// assert!(link.encode_to_vec().starts_with(b"\x0a\x07python3\x12\x0f/usr/bin/python\x20\xff"));
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct FileActionSymlink {
    /// Target.
    #[prost(string, tag = "1")]
    pub oldpath: String,
    /// The link.
    #[prost(string, tag = "2")]
    pub newpath: String,
    /// Owner; absent is root.
    #[prost(message, optional, tag = "3")]
    pub owner: Option<ChownOpt>,
    /// Nanoseconds since the epoch; −1 is unset.
    #[prost(int64, tag = "4")]
    pub timestamp: i64,
}

/// Makes a directory.
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // `mkdir -p -m 700 /var/lib/app`. BuildKit uses only the nine permission bits, so setgid is not possible.
/// let path = "/var/lib/app".to_owned();
/// let mkdir = pb::FileActionMkDir { path, mode: 0o700, make_parents: true, timestamp: -1, ..Default::default() };
/// assert!(mkdir.encode_to_vec().starts_with(b"\x0a\x0c/var/lib/app\x10\xc0\x03\x18\x01\x28\xff"));
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct FileActionMkDir {
    /// Where.
    #[prost(string, tag = "1")]
    pub path: String,
    /// Permission bits.
    #[prost(int32, tag = "2")]
    pub mode: i32,
    /// Create missing parents.
    #[prost(bool, tag = "3")]
    pub make_parents: bool,
    /// Owner; absent is root.
    #[prost(message, optional, tag = "4")]
    pub owner: Option<ChownOpt>,
    /// Nanoseconds since the epoch; −1 is unset.
    #[prost(int64, tag = "5")]
    pub timestamp: i64,
}

/// Removes a path.
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // `rm -rf /var/lib/apt/lists/*`. Without wildcards, this would remove only a file named `*`.
/// let path = "/var/lib/apt/lists/*".to_owned();
/// let rm = pb::FileActionRm { path, allow_not_found: true, allow_wildcard: true };
/// assert_eq!(rm.encode_to_vec(), b"\x0a\x14/var/lib/apt/lists/*\x10\x01\x18\x01");
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct FileActionRm {
    /// What.
    #[prost(string, tag = "1")]
    pub path: String,
    /// Whether a missing path is allowed.
    #[prost(bool, tag = "2")]
    pub allow_not_found: bool,
    /// `path` may hold wildcards.
    #[prost(bool, tag = "3")]
    pub allow_wildcard: bool,
}

/// Owner and group of a file.
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // Without a group, the files would also have the group 1000; this sets root's group.
/// let id = |id| Some(pb::UserOpt { user: Some(pb::user_opt::User::ById(id)) });
/// let owner = pb::ChownOpt { user: id(1000), group: id(0) };
/// assert_eq!(owner.encode_to_vec(), [0x0a, 3, 0x10, 0xe8, 0x07, 0x12, 2, 0x10, 0]);
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct ChownOpt {
    /// Owner.
    #[prost(message, optional, tag = "1")]
    pub user: Option<UserOpt>,
    /// Group.
    #[prost(message, optional, tag = "2")]
    pub group: Option<UserOpt>,
}

/// A user or group.
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // A member of a oneof is written even if it is zero, unlike other fields.
/// let root = pb::UserOpt { user: Some(pb::user_opt::User::ById(0)) };
/// assert_eq!(root.encode_to_vec(), [0x10, 0]);
/// assert_eq!(pb::UserOpt::decode(&b""[..]), Ok(pb::UserOpt { user: None }));
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct UserOpt {
    /// By name or number.
    #[prost(oneof = "user_opt::User", tags = "1, 2")]
    pub user: Option<user_opt::User>,
}

/// How a user is named.
pub mod user_opt {
    /// See [`super::UserOpt`].
    ///
    /// ```
    /// use buildkit_proto::pb::{NamedUserOpt, user_opt::User};
    ///
    /// // Like `--chown`: a number is an id, everything else is a name in the filesystem that is changed.
    /// let user = |text: &str| match text.parse() {
    ///     Ok(id) => User::ById(id),
    ///     Err(_) => User::ByName(NamedUserOpt { name: text.to_owned(), input: 0 }),
    /// };
    /// assert_eq!(user("1000"), User::ById(1000));
    /// assert!(matches!(user("app"), User::ByName(app) if app.name == "app"));
    /// ```
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub enum User {
        /// By name, resolved in an input.
        #[prost(message, tag = "1")]
        ByName(super::NamedUserOpt),
        /// By number.
        #[prost(uint32, tag = "2")]
        ById(u32),
    }
}

/// A user or group by name.
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // The name is resolved in the first input. If it is unknown, BuildKit silently uses root.
/// let web = pb::NamedUserOpt { name: "www-data".to_owned(), input: 0 };
/// assert_eq!(web.encode_to_vec(), b"\x0a\x08www-data");
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct NamedUserOpt {
    /// Name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Input whose passwd and group files resolve it.
    #[prost(int64, tag = "2")]
    pub input: i64,
}
