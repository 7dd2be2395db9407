//! Notes: what is known about an op beyond its bytes (shown name, places in the user's file, grouping).
//!
//! Nothing here ever changes a digest.

use std::collections::{BTreeMap, BTreeSet};

use buildkit_proto::pb;

/// What is known about an op beyond its bytes (`OpMetadata` and `Source.locations` of solver/pb/ops.proto).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Note {
    /// The name progress shows (`llb.customname`).
    pub name: Option<String>,
    /// Places in the user's files that asked for the op; a failure points there.
    pub locations: BTreeSet<Location>,
    /// Shown as one line with the other members of the group.
    pub group: Option<ProgressGroup>,
    /// Run the op even if it is cached. On an exec with cache mounts this also prunes those mounts.
    pub ignore_cache: bool,
    /// Whether cache exporters take the op; `None` leaves it to them.
    pub export_cache: Option<bool>,
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

    /// Adds what another note of the same op knows; its name and group win only where there is none yet.
    pub(crate) fn merge(&mut self, other: Self) {
        let Self { name, locations, group, ignore_cache, export_cache } = other;
        self.name = self.name.take().or(name);
        self.locations.extend(locations);
        self.group = self.group.take().or(group);
        self.ignore_cache |= ignore_cache;
        self.export_cache = self.export_cache.or(export_cache);
    }

    pub(crate) fn to_pb(&self, caps: &BTreeSet<&'static str>) -> pb::OpMetadata {
        let Self { name, locations: _, group, ignore_cache, export_cache } = self;
        let description: BTreeMap<_, _> = name.iter().map(|name| ("llb.customname".to_owned(), name.clone())).collect();
        pb::OpMetadata {
            ignore_cache: *ignore_cache,
            description: buildkit_proto::map::to_strings(&description),
            export_cache: export_cache.map(|value| pb::ExportCache { value }),
            caps: buildkit_proto::map::to_bools(&caps.iter().map(|cap| ((*cap).to_owned(), true)).collect()),
            progress_group: group.as_ref().map(|group| pb::ProgressGroup {
                id: group.id.clone(),
                name: group.name.clone(),
                weak: group.weak,
            }),
            linux_resources: None,
        }
    }
}

/// Ops that progress shows as one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgressGroup {
    /// Same id, same group.
    pub id: String,
    /// The line's text.
    pub name: String,
    /// A weak member does not make the group visible by itself.
    pub weak: bool,
}

/// A file of the user's that ops come from.
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

/// A range of lines in one of the graph's source files; ordered by file, then position.
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
