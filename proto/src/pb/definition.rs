//! A definition, and what it stores next to its ops: metadata and places in the user's files.

use super::{BoolEntry, LocationsEntry, OpMetadataEntry, StringEntry};

/// A graph: ops in topological order, with their metadata.
///
/// ```
/// use buildkit_proto::{Digest, Message as _, canonical, map, pb};
///
/// let context = pb::SourceOp { identifier: "local://context".to_owned(), ..Default::default() };
/// let bytes = canonical::op(&pb::Op { op: Some(pb::op::Op::Source(context)), ..Default::default() });
/// let digest = Digest::from_content(&bytes).to_string();
/// let result = pb::Input { digest: digest.clone(), index: 0 };
/// let definition = pb::Definition {
///     def: vec![bytes, canonical::op(&pb::Op { inputs: vec![result], ..Default::default() })],
///     metadata: map::to_metadata(&[(digest.clone(), pb::OpMetadata::default())].into()),
///     ..Default::default()
/// };
/// // The last op does nothing; its input is the result.
/// let last = pb::Op::decode(definition.def[1].as_slice())?;
/// assert_eq!((last.op, &last.inputs[0].digest), (None, &digest));
/// # Ok::<(), prost::DecodeError>(())
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct Definition {
    /// Ops; the last one is the terminal op that names the result.
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub def: Vec<Vec<u8>>,
    /// Vertex digest to metadata. A map: entries sorted by key.
    #[prost(message, repeated, tag = "2")]
    pub metadata: Vec<OpMetadataEntry>,
    /// The places that vertices come from.
    #[prost(message, optional, tag = "3")]
    pub source: Option<Source>,
}

/// Metadata of a vertex; never part of the digest.
///
/// ```
/// use buildkit_proto::{CapSet, caps, map, pb};
///
/// let name = [("llb.customname".to_owned(), "install packages".to_owned())].into();
/// let needed = [caps::llb::EXEC_META_BASE, caps::llb::EXEC_MOUNT_CACHE].map(|id| (id.to_owned(), true)).into();
/// let (description, caps) = (map::to_strings(&name), map::to_bools(&needed));
/// let metadata = pb::OpMetadata { description, caps, ..Default::default() };
///
/// let daemon: CapSet = ["exec.meta.base"].into_iter().collect();
/// let mut ids = metadata.caps.iter().filter_map(|cap| cap.key.as_deref());
/// assert_eq!(ids.find(|id| !daemon.contains(id)), Some("exec.mount.cache"), "what the daemon lacks");
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct OpMetadata {
    /// Run even if cached.
    #[prost(bool, tag = "1")]
    pub ignore_cache: bool,
    /// Free text; `llb.customname` is the name progress shows. A map: entries sorted by key.
    #[prost(message, repeated, tag = "2")]
    pub description: Vec<StringEntry>,
    /// Whether cache exporters export the vertex.
    #[prost(message, optional, tag = "4")]
    pub export_cache: Option<ExportCache>,
    /// Capabilities that the daemon must have. A map: entries sorted by key.
    #[prost(message, repeated, tag = "5")]
    pub caps: Vec<BoolEntry>,
    /// The progress group of the vertex.
    #[prost(message, optional, tag = "6")]
    pub progress_group: Option<ProgressGroup>,
    /// cgroup limits of an exec.
    #[prost(message, optional, tag = "7")]
    pub linux_resources: Option<LinuxResources>,
}

/// cgroup limits of an exec.
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // One and a half CPUs, which are 150 ms of every 100 ms, and half a GiB of memory.
/// let memory = 512 << 20;
/// let limits = pb::LinuxResources { memory, cpu_period: 100_000, cpu_quota: 150_000, ..Default::default() };
/// let (memory, cpu) = ([0x08, 0x80, 0x80, 0x80, 0x80, 0x02], [0x20, 0xa0, 0x8d, 0x06, 0x28, 0xf0, 0x93, 0x09]);
/// assert_eq!(limits.encode_to_vec(), [&memory[..], &cpu].concat());
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct LinuxResources {
    /// Bytes.
    #[prost(int64, tag = "1")]
    pub memory: i64,
    /// Bytes, memory and swap together.
    #[prost(int64, tag = "2")]
    pub memory_swap: i64,
    /// Relative weight.
    #[prost(uint64, tag = "3")]
    pub cpu_shares: u64,
    /// Microseconds.
    #[prost(uint64, tag = "4")]
    pub cpu_period: u64,
    /// Microseconds.
    #[prost(int64, tag = "5")]
    pub cpu_quota: i64,
    /// `0-3`.
    #[prost(string, tag = "6")]
    pub cpuset_cpus: String,
    /// `0,1`.
    #[prost(string, tag = "7")]
    pub cpuset_mems: String,
}

/// Whether cache exporters export a vertex.
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // An empty message means "no"; without a message the exporter decides.
/// let never = pb::OpMetadata { export_cache: Some(pb::ExportCache { value: false }), ..Default::default() };
/// assert_eq!(never.encode_to_vec(), [0x22, 0]);
/// assert_eq!(pb::OpMetadata::default().encode_to_vec(), b"");
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct ExportCache {
    /// Whether to export it.
    #[prost(bool, tag = "1")]
    pub value: bool,
}

/// Vertices shown as one line of progress.
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // Vertices with equal ids share a line; a weak member alone does not show it.
/// let fetch = pb::ProgressGroup { id: "app".to_owned(), name: "load the context".to_owned(), weak: true };
/// assert_eq!(fetch.encode_to_vec(), b"\x0a\x03app\x12\x10load the context\x18\x01");
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct ProgressGroup {
    /// The id of the group.
    #[prost(string, tag = "1")]
    pub id: String,
    /// The displayed name.
    #[prost(string, tag = "2")]
    pub name: String,
    /// Whether this vertex alone does not make the group visible.
    #[prost(bool, tag = "3")]
    pub weak: bool,
}

/// The places in the user's files that vertices come from.
///
/// ```
/// use buildkit_proto::{Digest, map, pb};
///
/// let vertex = Digest::from_content(b"the bytes of an op").to_string();
/// let file = |name: &str| pb::SourceInfo { filename: name.to_owned(), ..Default::default() };
/// let locations = vec![pb::Location { source_index: 1, ranges: Vec::new() }];
/// let source = pb::Source {
///     locations: map::to_locations(&[(vertex.clone(), pb::Locations { locations })].into()),
///     infos: vec![file("base.yaml"), file("app.yaml")],
/// };
/// // Finds the files that a failed vertex comes from.
/// let places = &map::from_locations(&source.locations)[&vertex].locations;
/// let infos = places.iter().filter_map(|place| source.infos.get(usize::try_from(place.source_index).ok()?));
/// assert_eq!(infos.map(|info| info.filename.as_str()).collect::<Vec<_>>(), ["app.yaml"]);
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct Source {
    /// The places of vertices, by digest. A map: entries sorted by key.
    #[prost(message, repeated, tag = "1")]
    pub locations: Vec<LocationsEntry>,
    /// The files.
    #[prost(message, repeated, tag = "2")]
    pub infos: Vec<SourceInfo>,
}

/// All places of one vertex.
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // A step comes from two files without line ranges; the place in the first file is an empty message.
/// let files = [0, 1].map(|source_index| pb::Location { source_index, ranges: Vec::new() });
/// assert_eq!(pb::Locations { locations: files.to_vec() }.encode_to_vec(), [0x0a, 0, 0x0a, 2, 0x08, 1]);
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct Locations {
    /// The places.
    #[prost(message, repeated, tag = "1")]
    pub locations: Vec<Location>,
}

/// A place in a file.
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // Lines 2 and 5 of the first file, which are both marked.
/// let line = |line| Some(pb::Position { line, character: 0 });
/// let ranges = [2, 5].map(|at| pb::Range { start: line(at), end: line(at) }).to_vec();
/// let place = pb::Location { source_index: 0, ranges };
/// assert_eq!(
///     place.encode_to_vec(),
///     [0x12, 8, 0x0a, 2, 0x08, 2, 0x12, 2, 0x08, 2, 0x12, 8, 0x0a, 2, 0x08, 5, 0x12, 2, 0x08, 5]
/// );
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct Location {
    /// Index into `infos`.
    #[prost(int32, tag = "1")]
    pub source_index: i32,
    /// Line ranges.
    #[prost(message, repeated, tag = "2")]
    pub ranges: Vec<Range>,
}

/// One file of the user.
///
/// ```
/// use buildkit_proto::pb;
///
/// let info = pb::SourceInfo {
///     filename: "Dockerfile".to_owned(),
///     data: b"FROM alpine\nRUN exit 1\n".to_vec(),
///     language: "Dockerfile".to_owned(),
///     ..Default::default()
/// };
/// let place = pb::Position { line: 2, character: 0 };
/// let line = usize::try_from(place.line - 1).ok().and_then(|line| info.data.split(|byte| *byte == b'\n').nth(line));
/// assert_eq!(line, Some(&b"RUN exit 1"[..]), "lines count from 1");
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct SourceInfo {
    /// As shown to the user.
    #[prost(string, tag = "1")]
    pub filename: String,
    /// Its text.
    #[prost(bytes = "vec", tag = "2")]
    pub data: Vec<u8>,
    /// The LLB that loaded it.
    #[prost(message, optional, tag = "3")]
    pub definition: Option<Definition>,
    /// Linguist name.
    #[prost(string, tag = "4")]
    pub language: String,
}

/// A range of text.
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // Lines 3 and 4: the range includes its last line.
/// let line = |line| Some(pb::Position { line, character: 0 });
/// assert_eq!(pb::Range { start: line(3), end: line(4) }.encode_to_vec(), [0x0a, 2, 0x08, 3, 0x12, 2, 0x08, 4]);
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct Range {
    /// First position.
    #[prost(message, optional, tag = "1")]
    pub start: Option<Position>,
    /// Last position.
    #[prost(message, optional, tag = "2")]
    pub end: Option<Position>,
}

/// A position of text.
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // At the start of a text only the line is written: lines count from 1 and characters from 0.
/// assert_eq!(pb::Position { line: 1, character: 0 }.encode_to_vec(), [0x08, 1]);
/// assert_eq!(pb::Position { line: 1, character: 4 }.encode_to_vec(), [0x08, 1, 0x10, 4]);
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct Position {
    /// From 1.
    #[prost(int32, tag = "1")]
    pub line: i32,
    /// From 0, in characters.
    #[prost(int32, tag = "2")]
    pub character: i32,
}
