//! Notes: what is known about an op beyond its bytes (shown name, places in the user's file, grouping).
//!
//! Nothing here ever changes a digest.

use std::collections::{BTreeMap, BTreeSet};

use buildkit_proto::{map, pb};

/// What progress shows instead of the op (`client/llb/state.go`, `WithCustomName`).
const CUSTOM_NAME: &str = "llb.customname";

/// What is known about an op beyond its bytes (`OpMetadata` and `Source.locations` of solver/pb/ops.proto).
///
/// ```
/// use buildkit_llb::{GraphBuilder, LocalSource, Note, Source};
///
/// let mut graph = GraphBuilder::new();
/// let context = graph.source(Source::local(LocalSource::new("context")));
/// graph.annotate(context.op(), Note { ignore_cache: true, ..Note::named("load the context") });
/// let graph = graph.finish(Some(context))?;
/// assert_eq!(graph.note(context.op()).and_then(|note| note.name.as_deref()), Some("load the context"));
/// # Ok::<(), buildkit_llb::Violations>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Note {
    /// The name progress shows (`llb.customname`).
    pub name: Option<String>,
    /// More text about the op, which the daemon passes on without reading it. The name is not in here.
    pub description: BTreeMap<String, String>,
    /// Places in the user's files that the op results from; a failure points there.
    pub locations: BTreeSet<Location>,
    /// Shown as one line with the other members of the group.
    pub group: Option<ProgressGroup>,
    /// Run the op even if it is cached. On an exec with cache mounts this also prunes those mounts.
    pub ignore_cache: bool,
    /// Whether cache exporters take the op; `None` leaves it to them.
    pub export_cache: Option<bool>,
    /// cgroup limits of an exec; needs the capability `exec.meta.linux.resources`.
    pub resources: Option<LinuxResources>,
    /// Capabilities to declare beyond those the op itself needs.
    pub requires: BTreeSet<String>,
}

/// cgroup limits of an exec (`LinuxResources`). Zero and empty mean unlimited.
///
/// ```
/// use buildkit_llb::{LinuxResources, Note};
///
/// let half = LinuxResources { cpu_period: 100_000, cpu_quota: 50_000, ..LinuxResources::default() };
/// let note = Note { resources: Some(half), ..Note::named("compile") };
/// assert!(note.resources.is_some());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinuxResources {
    /// Bytes of memory.
    pub memory: i64,
    /// Bytes of memory and swap together; −1 is unlimited swap.
    pub memory_swap: i64,
    /// Relative weight; 1024 is usual.
    pub cpu_shares: u64,
    /// Microseconds of a scheduling period.
    pub cpu_period: u64,
    /// Microseconds of CPU time in a period.
    pub cpu_quota: i64,
    /// CPUs to run on, `0-3`.
    pub cpuset_cpus: String,
    /// Memory nodes to use, `0,1`.
    pub cpuset_mems: String,
}

impl Note {
    /// A note that only names the op.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..Self::default() }
    }

    /// The note with a place added.
    #[must_use]
    pub fn at(mut self, location: Location) -> Self {
        self.locations.insert(location);
        self
    }

    /// The note with several places added.
    #[must_use]
    pub fn at_all(mut self, locations: impl IntoIterator<Item = Location>) -> Self {
        self.locations.extend(locations);
        self
    }

    /// The note with a capability that the daemon must have.
    #[must_use]
    pub fn requiring(mut self, capability: impl Into<String>) -> Self {
        self.requires.insert(capability.into());
        self
    }

    /// Adds the data of another note of the same op; its name and group are used only if this note has none.
    pub(crate) fn merge(&mut self, other: Self) {
        let Self { name, description, locations, group, ignore_cache, export_cache, resources, requires } = other;
        self.name = self.name.take().or(name);
        self.locations.extend(locations);
        self.group = self.group.take().or(group);
        self.ignore_cache |= ignore_cache;
        self.export_cache = self.export_cache.or(export_cache);
        self.resources = self.resources.take().or(resources);
        self.requires.extend(requires);
        for (key, text) in description {
            self.description.entry(key).or_insert(text);
        }
    }

    /// Whether there is anything for the map of texts.
    pub(crate) fn is_described(&self) -> bool {
        self.name.is_some() || !self.description.is_empty()
    }

    /// `caps` are those of the op itself.
    pub(crate) fn to_pb(&self, caps: Vec<&'static str>) -> pb::OpMetadata {
        let Self { name, description, locations: _, group, ignore_cache, export_cache, resources, requires } = self;
        let mut description = description.clone();
        description.extend(name.iter().map(|name| (CUSTOM_NAME.to_owned(), name.clone())));
        let mut caps: Vec<&str> = caps;
        caps.extend(requires.iter().map(String::as_str));
        caps.sort_unstable();
        caps.dedup();
        let caps = caps.into_iter().map(|cap| pb::BoolEntry { key: Some(cap.to_owned()), value: Some(true) });
        pb::OpMetadata {
            ignore_cache: *ignore_cache,
            description: map::to_strings(&description),
            export_cache: export_cache.map(|value| pb::ExportCache { value }),
            caps: caps.collect(),
            progress_group: group.as_ref().map(|group| pb::ProgressGroup {
                id: group.id.clone(),
                name: group.name.clone(),
                weak: group.weak,
            }),
            linux_resources: resources.as_ref().map(LinuxResources::to_pb),
        }
    }

    /// The note in metadata of the wire; the caller deals with its capabilities.
    pub(crate) fn from_pb(metadata: &pb::OpMetadata) -> Self {
        let mut description = map::from_strings(&metadata.description);
        Self {
            name: description.remove(CUSTOM_NAME),
            description,
            locations: BTreeSet::new(),
            group: metadata.progress_group.as_ref().map(|group| ProgressGroup {
                id: group.id.clone(),
                name: group.name.clone(),
                weak: group.weak,
            }),
            ignore_cache: metadata.ignore_cache,
            export_cache: metadata.export_cache.as_ref().map(|export| export.value),
            resources: metadata.linux_resources.as_ref().map(LinuxResources::from_pb),
            requires: BTreeSet::new(),
        }
    }
}

impl LinuxResources {
    fn to_pb(&self) -> pb::LinuxResources {
        let Self { memory, memory_swap, cpu_shares, cpu_period, cpu_quota, cpuset_cpus, cpuset_mems } = self.clone();
        pb::LinuxResources { memory, memory_swap, cpu_shares, cpu_period, cpu_quota, cpuset_cpus, cpuset_mems }
    }

    fn from_pb(resources: &pb::LinuxResources) -> Self {
        let pb::LinuxResources { memory, memory_swap, cpu_shares, cpu_period, cpu_quota, cpuset_cpus, cpuset_mems } =
            resources.clone();
        Self { memory, memory_swap, cpu_shares, cpu_period, cpu_quota, cpuset_cpus, cpuset_mems }
    }
}

/// Ops that progress shows as one line.
///
/// ```
/// use buildkit_llb::{Note, ProgressGroup};
///
/// let group = ProgressGroup { id: "apt".to_owned(), name: "[apt] packages".to_owned(), weak: false };
/// let note = Note { group: Some(group), ..Note::named("apt-get install") };
/// assert!(note.group.is_some());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgressGroup {
    /// Same id, same group.
    pub id: String,
    /// The line's text.
    pub name: String,
    /// A weak member does not make the group visible by itself.
    pub weak: bool,
}

/// A file of the user that ops result from.
///
/// ```
/// use buildkit_llb::{GraphBuilder, LocalSource, Location, Note, Source, SourceFile};
///
/// let mut graph = GraphBuilder::new();
/// let file = graph.add_file(SourceFile::new("spec.yaml", "YAML", "source: ."));
/// let context = graph.source(Source::local(LocalSource::new("context")));
/// graph.annotate(context.op(), Note::default().at(Location { file, start: (1, 0), end: (1, 9) }));
/// let definition = graph.finish(Some(context))?.to_definition();
/// assert_eq!(definition.source.map(|source| source.locations.len()), Some(1));
/// # Ok::<(), buildkit_llb::Violations>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct SourceFile {
    /// As shown to the user.
    pub filename: String,
    /// Its text.
    pub data: Vec<u8>,
    /// Linguist name, `YAML`.
    pub language: String,
    /// The LLB that loaded it, when it came through the daemon.
    pub definition: Option<pb::Definition>,
}

impl SourceFile {
    /// A file that did not come through the daemon.
    #[must_use]
    pub fn new(filename: impl Into<String>, language: impl Into<String>, data: impl Into<Vec<u8>>) -> Self {
        Self { filename: filename.into(), data: data.into(), language: language.into(), definition: None }
    }
}

/// A range of lines in one of the graph's source files; ordered by file, then position.
///
/// ```
/// use buildkit_llb::{Location, Note};
///
/// let line = |line| Location { file: 0, start: (line, 0), end: (line, 0) };
/// let note = Note::default().at(line(7)).at(line(3));
/// assert_eq!(note.locations.first(), Some(&line(3)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    /// Index of the file in [`GraphBuilder::add_file`](crate::GraphBuilder::add_file)'s order.
    pub file: u32,
    /// First line and character; lines count from 1, characters from 0.
    pub start: (u32, u32),
    /// Last line and character.
    pub end: (u32, u32),
}

/// The places of one op as the wire has them: one entry per file, because clients print one excerpt per entry.
pub(crate) fn locations_to_pb(locations: &BTreeSet<Location>) -> pb::Locations {
    let position = |(line, character): (u32, u32)| pb::Position {
        line: i32::try_from(line).unwrap_or(i32::MAX),
        character: i32::try_from(character).unwrap_or(i32::MAX),
    };
    let mut by_file: BTreeMap<u32, Vec<pb::Range>> = BTreeMap::new();
    for Location { file, start, end } in locations {
        let range = pb::Range { start: Some(position(*start)), end: Some(position(*end)) };
        by_file.entry(*file).or_default().push(range);
    }
    let location = |(file, ranges)| pb::Location { source_index: i32::try_from(file).unwrap_or(i32::MAX), ranges };
    pb::Locations { locations: by_file.into_iter().map(location).collect() }
}
