//! The LLBBridge messages we declare ourselves (`moby/buildkit: frontend/gateway/pb/gateway.proto`, v0.32).
//!
//! Two reasons, and only messages that have one are here: a map with message values must carry both fields in every entry
//! (BuildKit's decoder stores a nil pointer for an absent value and its handlers follow it), and definitions go through
//! our own [`pb`], so that not one byte of them changes on the way.
//! The rest comes from `buildkit_proto::rpc::gateway`. Nothing in this module is public API.

use buildkit_proto::fsutil::Stat;
use buildkit_proto::pb;
use buildkit_proto::rpc::status;

/// `SolveRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SolveRequest {
    #[prost(message, optional, tag = "1")]
    pub(crate) definition: Option<pb::Definition>,
    #[prost(string, tag = "2")]
    pub(crate) frontend: String,
    #[prost(message, repeated, tag = "3")]
    pub(crate) frontend_opt: Vec<pb::StringEntry>,
    #[prost(bool, tag = "5")]
    pub(crate) allow_result_return: bool,
    #[prost(bool, tag = "6")]
    pub(crate) allow_result_array_ref: bool,
    #[prost(message, repeated, tag = "12")]
    pub(crate) cache_imports: Vec<CacheOptionsEntry>,
    #[prost(message, repeated, tag = "13")]
    pub(crate) frontend_inputs: Vec<DefinitionEntry>,
    #[prost(bool, tag = "14")]
    pub(crate) evaluate: bool,
}

/// `CacheOptionsEntry`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct CacheOptionsEntry {
    #[prost(string, tag = "1")]
    pub(crate) kind: String,
    #[prost(message, repeated, tag = "2")]
    pub(crate) attrs: Vec<pb::StringEntry>,
}

/// An entry of `map<string, pb.Definition>`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct DefinitionEntry {
    #[prost(string, optional, tag = "1")]
    pub(crate) key: Option<String>,
    #[prost(message, optional, tag = "2")]
    pub(crate) value: Option<pb::Definition>,
}

/// `SolveResponse`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SolveResponse {
    /// Deprecated: the only answer of daemons that ignore `allowResultReturn`.
    #[prost(string, tag = "1")]
    pub(crate) reference: String,
    #[prost(message, optional, tag = "3")]
    pub(crate) result: Option<Result>,
}

/// `Result`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Result {
    #[prost(oneof = "Refs", tags = "1, 2, 3, 4")]
    pub(crate) refs: Option<Refs>,
    #[prost(message, repeated, tag = "10")]
    pub(crate) metadata: Vec<BytesEntry>,
    #[prost(message, repeated, tag = "12")]
    pub(crate) attestations: Vec<AttestationsEntry>,
}

/// The oneof of [`Result`]; the first two are what daemons without `proto.refarray` understand.
#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Refs {
    #[prost(string, tag = "1")]
    SingleId(String),
    #[prost(message, tag = "2")]
    MapOfIds(RefMapDeprecated),
    #[prost(message, tag = "3")]
    Single(Ref),
    #[prost(message, tag = "4")]
    Map(RefMap),
}

/// `RefMapDeprecated`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct RefMapDeprecated {
    #[prost(message, repeated, tag = "1")]
    pub(crate) refs: Vec<pb::StringEntry>,
}

/// `Ref`; an empty id is scratch.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Ref {
    #[prost(string, tag = "1")]
    pub(crate) id: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) def: Option<pb::Definition>,
}

/// `RefMap`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct RefMap {
    #[prost(message, repeated, tag = "1")]
    pub(crate) refs: Vec<RefEntry>,
}

/// An entry of `map<string, Ref>`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct RefEntry {
    #[prost(string, optional, tag = "1")]
    pub(crate) key: Option<String>,
    #[prost(message, optional, tag = "2")]
    pub(crate) value: Option<Ref>,
}

/// An entry of `map<string, bytes>`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct BytesEntry {
    #[prost(string, optional, tag = "1")]
    pub(crate) key: Option<String>,
    #[prost(bytes = "vec", optional, tag = "2")]
    pub(crate) value: Option<Vec<u8>>,
}

/// An entry of `map<string, Attestations>`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct AttestationsEntry {
    #[prost(string, optional, tag = "1")]
    pub(crate) key: Option<String>,
    #[prost(message, optional, tag = "2")]
    pub(crate) value: Option<Attestations>,
}

/// `Attestations`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Attestations {
    #[prost(message, repeated, tag = "1")]
    pub(crate) attestation: Vec<Attestation>,
}

/// `Attestation`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Attestation {
    #[prost(int32, tag = "1")]
    pub(crate) kind: i32,
    #[prost(message, repeated, tag = "2")]
    pub(crate) metadata: Vec<BytesEntry>,
    #[prost(message, optional, tag = "3")]
    pub(crate) reference: Option<Ref>,
    #[prost(string, tag = "4")]
    pub(crate) path: String,
    #[prost(string, tag = "5")]
    pub(crate) predicate_type: String,
    #[prost(message, repeated, tag = "6")]
    pub(crate) subjects: Vec<InTotoSubject>,
}

/// `InTotoSubject`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct InTotoSubject {
    #[prost(int32, tag = "1")]
    pub(crate) kind: i32,
    #[prost(string, repeated, tag = "2")]
    pub(crate) digest: Vec<String>,
    #[prost(string, tag = "3")]
    pub(crate) name: String,
}

/// `ReturnRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ReturnRequest {
    #[prost(message, optional, tag = "1")]
    pub(crate) result: Option<Result>,
    #[prost(message, optional, tag = "2")]
    pub(crate) error: Option<status::Status>,
}

/// `InputsResponse`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct InputsResponse {
    #[prost(message, repeated, tag = "1")]
    pub(crate) definitions: Vec<DefinitionEntry>,
}

/// `WarnRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WarnRequest {
    #[prost(string, tag = "1")]
    pub(crate) digest: String,
    #[prost(int64, tag = "2")]
    pub(crate) level: i64,
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) short: Vec<u8>,
    #[prost(bytes = "vec", repeated, tag = "4")]
    pub(crate) detail: Vec<Vec<u8>>,
    #[prost(string, tag = "5")]
    pub(crate) url: String,
    #[prost(message, optional, tag = "6")]
    pub(crate) info: Option<pb::SourceInfo>,
    #[prost(message, repeated, tag = "7")]
    pub(crate) ranges: Vec<pb::Range>,
}

/// `ReadDirResponse`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ReadDirResponse {
    #[prost(message, repeated, tag = "1")]
    pub(crate) entries: Vec<Stat>,
}

/// `StatFileResponse`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct StatFileResponse {
    #[prost(message, optional, tag = "1")]
    pub(crate) stat: Option<Stat>,
}
