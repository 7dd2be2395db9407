//! LLB messages that warnings carry, as Go writes them into JSON (moby/buildkit: the field tags of `solver/pb/ops.pb.go`).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use buildkit_proto::rpc::llb;
use serde::Serialize;

use super::is_default;

#[derive(Serialize)]
pub(super) struct SourceInfo<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    filename: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    data: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    definition: Option<Definition<'a>>,
    #[serde(skip_serializing_if = "str::is_empty")]
    language: &'a str,
}

#[derive(Serialize)]
struct Definition<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    def: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    metadata: BTreeMap<&'a str, OpMetadata<'a>>,
    #[serde(rename = "Source", skip_serializing_if = "Option::is_none")]
    source: Option<Source<'a>>,
}

#[derive(Serialize)]
struct OpMetadata<'a> {
    #[serde(skip_serializing_if = "is_default")]
    ignore_cache: bool,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    description: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    export_cache: Option<ExportCache>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    caps: &'a BTreeMap<String, bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    progress_group: Option<Group<'a>>,
}

#[derive(Serialize)]
struct ExportCache {
    #[serde(rename = "Value", skip_serializing_if = "is_default")]
    value: bool,
}

#[derive(Serialize)]
struct Group<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    #[serde(skip_serializing_if = "is_default")]
    weak: bool,
}

#[derive(Serialize)]
struct Source<'a> {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    locations: BTreeMap<&'a str, Locations>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    infos: Vec<SourceInfo<'a>>,
}

#[derive(Serialize)]
struct Locations {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    locations: Vec<Location>,
}

#[derive(Serialize)]
struct Location {
    #[serde(rename = "sourceIndex", skip_serializing_if = "is_default")]
    source_index: i32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ranges: Vec<Range>,
}

#[derive(Serialize)]
pub(super) struct Range {
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<Position>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<Position>,
}

#[derive(Serialize)]
struct Position {
    #[serde(skip_serializing_if = "is_default")]
    line: i32,
    #[serde(skip_serializing_if = "is_default")]
    character: i32,
}

impl<'a> From<&'a llb::SourceInfo> for SourceInfo<'a> {
    fn from(info: &'a llb::SourceInfo) -> Self {
        let llb::SourceInfo { filename, data, definition, language } = info;
        Self { filename, data: STANDARD.encode(data), definition: definition.as_ref().map(Definition::from), language }
    }
}

impl<'a> From<&'a llb::Definition> for Definition<'a> {
    fn from(definition: &'a llb::Definition) -> Self {
        let llb::Definition { def, metadata, source } = definition;
        Self {
            def: def.iter().map(|op| STANDARD.encode(op)).collect(),
            metadata: metadata.iter().map(|(digest, metadata)| (digest.as_str(), metadata.into())).collect(),
            source: source.as_ref().map(Source::from),
        }
    }
}

impl<'a> From<&'a llb::OpMetadata> for OpMetadata<'a> {
    fn from(metadata: &'a llb::OpMetadata) -> Self {
        let llb::OpMetadata { ignore_cache, description, export_cache, caps, progress_group } = metadata;
        Self {
            ignore_cache: *ignore_cache,
            description,
            export_cache: export_cache.as_ref().map(|export| ExportCache { value: export.value }),
            caps,
            progress_group: progress_group.as_ref().map(|group| Group {
                id: &group.id,
                name: &group.name,
                weak: group.weak,
            }),
        }
    }
}

impl<'a> From<&'a llb::Source> for Source<'a> {
    fn from(source: &'a llb::Source) -> Self {
        let llb::Source { locations, infos } = source;
        let location = |location: &llb::Location| Location {
            source_index: location.source_index,
            ranges: location.ranges.iter().map(Range::from).collect(),
        };
        let locations = locations.iter().map(|(digest, list)| {
            (digest.as_str(), Locations { locations: list.locations.iter().map(location).collect() })
        });
        Self { locations: locations.collect(), infos: infos.iter().map(SourceInfo::from).collect() }
    }
}

impl From<&llb::Range> for Range {
    fn from(range: &llb::Range) -> Self {
        let position = |position: &llb::Position| Position { line: position.line, character: position.character };
        Self { start: range.start.as_ref().map(position), end: range.end.as_ref().map(position) }
    }
}
