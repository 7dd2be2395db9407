//! The LLB messages of `moby/buildkit: solver/pb/ops.proto` (v0.32), declared by hand with their field numbers.
//!
//! A wire map is a repeated entry message whose key and value have presence. This is the only form in which prost writes an
//! entry whose key or value is the default; BuildKit's decoder stores a nil pointer for a missing value. Code that fills such a
//! field must keep it sorted by key, as [`crate::map`] does.
//!
//! This module contains only data; `buildkit-llb` validates graphs.

mod definition;
mod entry;
mod exec;
mod file;
mod merge;
mod mount;

pub use self::definition::{
    Definition, ExportCache, LinuxResources, Location, Locations, OpMetadata, Position, ProgressGroup, Range, Source,
    SourceInfo,
};
pub use self::entry::{BoolEntry, BuildInputEntry, LocationsEntry, OpMetadataEntry, StringEntry};
pub use self::exec::{CdiDevice, ExecOp, HostIp, Meta, NetMode, ProxyEnv, SecretEnv, SecurityMode, Ulimit};
pub use self::file::{
    ChownOpt, FileAction, FileActionCopy, FileActionMkDir, FileActionMkFile, FileActionRm, FileActionSymlink, FileOp,
    NamedUserOpt, UserOpt, file_action, user_opt,
};
pub use self::merge::{DiffOp, LowerDiffInput, MergeInput, MergeOp, PassthroughOp, UpperDiffInput};
pub use self::mount::{CacheOpt, CacheSharingOpt, Mount, MountContentCache, MountType, SecretOpt, SshOpt, TmpfsOpt};

/// An operation of LLB: exactly one `op`, its inputs, and its constraints.
///
/// ```
/// use buildkit_proto::{Digest, canonical, pb};
///
/// let debian = "docker-image://docker.io/library/debian:bookworm-slim".to_owned();
/// let op = pb::Op {
///     op: Some(pb::op::Op::Source(pb::SourceOp { identifier: debian, ..Default::default() })),
///     platform: Some(pb::Platform { architecture: "amd64".to_owned(), os: "linux".to_owned(), ..Default::default() }),
///     constraints: Some(pb::WorkerConstraints::default()),
///     ..Default::default()
/// };
/// // Go's client gives the same name to this image.
/// let digest = "sha256:6a272ea499e7e3abf1049c8c91bb14ef4eaaf794729dd1d21783e8d206132d7e";
/// assert_eq!(Digest::from_content(&canonical::op(&op)).to_string(), digest);
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct Op {
    /// The outputs of other ops that this op reads.
    #[prost(message, repeated, tag = "1")]
    pub inputs: Vec<Input>,
    /// The operation; absent only in the terminal op of a definition.
    #[prost(oneof = "op::Op", tags = "2, 3, 4, 5, 6, 7, 8")]
    pub op: Option<op::Op>,
    /// The target platform; part of the digest.
    #[prost(message, optional, tag = "10")]
    pub platform: Option<Platform>,
    /// The workers that may run it; part of the digest, and always present in canonical bytes.
    #[prost(message, optional, tag = "11")]
    pub constraints: Option<WorkerConstraints>,
}

/// A platform in BuildKit's spelling (Go names of the OCI image spec).
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// let arm64 = pb::Platform { architecture: "arm64".to_owned(), os: "linux".to_owned(), ..Default::default() };
/// assert_eq!(arm64.encode_to_vec(), b"\x0a\x05arm64\x12\x05linux", "the architecture is first");
/// // BuildKit treats this as the same platform, but normalizes platforms only after computing the digest of the op.
/// let v8 = pb::Platform { variant: "v8".to_owned(), ..arm64 };
/// assert_eq!(v8.encode_to_vec(), b"\x0a\x05arm64\x12\x05linux\x1a\x02v8");
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct Platform {
    /// GOARCH name, `amd64`.
    #[prost(string, tag = "1")]
    pub architecture: String,
    /// GOOS name, `linux`.
    #[prost(string, tag = "2")]
    pub os: String,
    /// CPU variant, `v7`; empty for none.
    #[prost(string, tag = "3")]
    pub variant: String,
    /// Windows only.
    #[prost(string, tag = "4")]
    pub os_version: String,
    /// Unused by BuildKit.
    #[prost(string, repeated, tag = "5")]
    pub os_features: Vec<String>,
}

/// A reference to an output of another op.
///
/// ```
/// use buildkit_proto::{Digest, Message as _, pb};
///
/// let run = Digest::from_content(b"the bytes of another op");
/// let first = pb::Input { digest: run.to_string(), index: 0 };
/// let second = pb::Input { index: 1, ..first.clone() };
/// // Key and length precede the 71 characters of a digest; index 0 is not written.
/// assert_eq!((first.encoded_len(), second.encoded_len()), (2 + 71, 2 + 71 + 2));
/// assert_eq!(second.digest.parse::<Digest>().ok(), Some(run));
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct Input {
    /// Digest of the other op's bytes, `sha256:…`.
    #[prost(string, tag = "1")]
    pub digest: String,
    /// The index of the output.
    #[prost(int64, tag = "2")]
    pub index: i64,
}

/// Content from outside: image, local directory, git, http.
///
/// ```
/// use buildkit_proto::{map, pb};
///
/// // Lists are JSON in an attribute.
/// let attrs = [("local.includepattern", r#"["src","*.md"]"#), ("local.followpaths", r#"["src"]"#)];
/// let attrs = attrs.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
/// let context = pb::SourceOp { identifier: "local://context".to_owned(), attrs: map::to_strings(&attrs) };
/// let keys: Vec<_> = context.attrs.iter().filter_map(|entry| entry.key.as_deref()).collect();
/// assert_eq!(keys, ["local.followpaths", "local.includepattern"], "in the order in which they are digested");
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct SourceOp {
    /// `scheme://…`.
    #[prost(string, tag = "1")]
    pub identifier: String,
    /// Scheme-specific attributes (solver/pb/attr.go). A map: entries sorted by key.
    #[prost(message, repeated, tag = "2")]
    pub attrs: Vec<StringEntry>,
}

/// Runs an LLB definition from an input.
///
/// ```
/// use buildkit_proto::{Message as _, map, pb};
///
/// // −1 is the only builder, and it reads only the input with this name.
/// let inputs = [("buildkit.llb.definition".to_owned(), pb::BuildInput { input: 0 })].into();
/// let build = pb::BuildOp { builder: -1, inputs: map::to_build_inputs(&inputs), ..Default::default() };
/// assert!(build.encode_to_vec().ends_with(b"\x12\x1b\x0a\x17buildkit.llb.definition\x12\x00"));
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct BuildOp {
    /// −1: the LLB of the input.
    #[prost(int64, tag = "1")]
    pub builder: i64,
    /// Named inputs. A map: entries sorted by key.
    #[prost(message, repeated, tag = "2")]
    pub inputs: Vec<BuildInputEntry>,
    /// An inline definition.
    #[prost(message, optional, tag = "3")]
    pub def: Option<Definition>,
    /// Attributes. A map: entries sorted by key.
    #[prost(message, repeated, tag = "4")]
    pub attrs: Vec<StringEntry>,
}

/// An input of a [`BuildOp`].
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // The first input is encoded as an empty message, the second one in two bytes.
/// assert_eq!(pb::BuildInput { input: 0 }.encode_to_vec(), b"");
/// assert_eq!(pb::BuildInput { input: 1 }.encode_to_vec(), [0x08, 1]);
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct BuildInput {
    /// Index into the op's inputs.
    #[prost(int64, tag = "1")]
    pub input: i64,
}

/// The workers that may run an op.
///
/// ```
/// use buildkit_proto::{canonical, pb};
///
/// // Go's client writes the message in every op, even without constraints.
/// let op = pb::Op { constraints: Some(pb::WorkerConstraints::default()), ..Default::default() };
/// assert_eq!(canonical::op(&op), [0x5a, 0]);
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct WorkerConstraints {
    /// containerd filter expressions.
    #[prost(string, repeated, tag = "1")]
    pub filter: Vec<String>,
}

/// The operation of an [`Op`].
pub mod op {
    /// See [`super::Op`].
    ///
    /// ```
    /// use buildkit_proto::{Message as _, pb};
    ///
    /// let what = |op: &pb::Op| match &op.op {
    ///     Some(pb::op::Op::Merge(merge)) => format!("a merge of {}", merge.inputs.len()),
    ///     Some(other) => format!("{other:?}"),
    ///     None => "the end of a definition, or newer than this crate".to_owned(),
    /// };
    /// let merge = pb::Op::decode([0x5a, 0, 0x32, 4, 0x0a, 0, 0x0a, 0].as_slice())?;
    /// assert_eq!(what(&merge), "a merge of 2");
    /// // No op has the number 9 yet.
    /// let unknown = pb::Op::decode([0x5a, 0, 0x4a, 0].as_slice())?;
    /// assert!(what(&unknown).ends_with("newer than this crate"));
    /// # Ok::<(), prost::DecodeError>(())
    /// ```
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub enum Op {
        /// Run a process.
        #[prost(message, boxed, tag = "2")]
        Exec(Box<super::ExecOp>),
        /// Fetch content.
        #[prost(message, tag = "3")]
        Source(super::SourceOp),
        /// Change files.
        #[prost(message, tag = "4")]
        File(super::FileOp),
        /// Run a definition from an input.
        #[prost(message, tag = "5")]
        Build(super::BuildOp),
        /// Merge filesystems.
        #[prost(message, tag = "6")]
        Merge(super::MergeOp),
        /// Take the difference of two filesystems.
        #[prost(message, tag = "7")]
        Diff(super::DiffOp),
        /// Order ops without mounting.
        #[prost(message, tag = "8")]
        Passthrough(super::PassthroughOp),
    }
}
