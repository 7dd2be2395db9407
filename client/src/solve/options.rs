//! The options of a build, and their conversion to a `SolveRequest` (moby/buildkit: `control.proto`).

use std::collections::BTreeMap;

use buildkit_proto::keys::option;
use buildkit_proto::rpc::control::{CacheOptions, CacheOptionsEntry, Exporter as WireExporter, SolveRequest};
use buildkit_proto::rpc::{llb, sourcepolicy};
use prost::Message as _;
use serde_json::json;

use super::exporter::Exporter;
use super::invalid;
use crate::error::SolveError;
use crate::reference::new_reference;
use crate::session::SessionId;

/// What to build, and where the result and the cache go. [`SolveOptions::new`] sets only the reference.
///
/// The session of the build is a separate argument of [`solve`](super::solve) and
/// [`solve_with_gateway`](super::solve_with_gateway).
///
/// ```
/// use buildkit_client::solve::{Exporter, ExporterKind, SolveOptions};
///
/// let exporters = vec![Exporter::new(ExporterKind::Image).with_attr("name", "registry.example/app")];
/// let options = SolveOptions { exporters, ..SolveOptions::new() };
/// assert_ne!(options.reference, SolveOptions::new().reference, "each build has its own");
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct SolveOptions {
    /// The build's id on the daemon, which refuses an id that is in use.
    pub reference: String,
    /// A frontend that the daemon runs: `dockerfile.v0`, or `gateway.v0` with the attribute `source`.
    pub frontend: Option<String>,
    /// Options of the frontend. The daemon stores them in its history, so they must not contain secrets.
    pub frontend_attrs: BTreeMap<String, String>,
    /// Definitions that the frontend can request by name, as encoded `pb.Definition`.
    pub frontend_inputs: BTreeMap<String, Vec<u8>>,
    /// What to build, as an encoded `pb.Definition`; cannot be combined with a frontend.
    pub definition: Option<Vec<u8>>,
    /// The exporters of the result. The position of an exporter is its id in the session.
    pub exporters: Vec<Exporter>,
    /// Where to export cache.
    pub cache_exports: Vec<CacheEntry>,
    /// Where to import cache from. A build that the client drives must repeat these in its own gateway calls.
    pub cache_imports: Vec<CacheEntry>,
    /// Privileges of the build; the daemon has to allow them too.
    pub entitlements: Vec<String>,
    /// Rules for the sources of a build.
    pub source_policy: Option<sourcepolicy::Policy>,
    /// Whether to keep the build out of the daemon's history.
    pub internal: bool,
}

/// A cache to import or export.
///
/// ```
/// use buildkit_client::solve::{CacheEntry, cache_imports_attr};
/// use buildkit_proto::keys::cache;
///
/// let attrs = [(cache::REF.to_owned(), "registry.example/app:cache".to_owned())].into();
/// let cache = CacheEntry { kind: cache::REGISTRY.to_owned(), attrs };
/// assert!(cache_imports_attr(&[cache]).is_some_and(|json| json.contains("registry.example/app:cache")));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CacheEntry {
    /// `registry`, `local`, `inline`, …
    pub kind: String,
    /// Attributes for the daemon.
    pub attrs: BTreeMap<String, String>,
}

impl Default for SolveOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl SolveOptions {
    /// Options with a new reference.
    #[must_use]
    pub fn new() -> Self {
        Self {
            reference: new_reference(),
            frontend: None,
            frontend_attrs: BTreeMap::new(),
            frontend_inputs: BTreeMap::new(),
            definition: None,
            exporters: Vec::new(),
            cache_exports: Vec::new(),
            cache_imports: Vec::new(),
            entitlements: Vec::new(),
            source_policy: None,
            internal: false,
        }
    }

    pub(super) fn into_request(self, session: Option<&SessionId>) -> Result<SolveRequest, SolveError> {
        let Self {
            reference,
            frontend,
            mut frontend_attrs,
            frontend_inputs,
            definition,
            exporters,
            cache_exports,
            cache_imports,
            entitlements,
            source_policy,
            internal,
        } = self;
        if frontend.is_some() && definition.is_some() {
            return Err(invalid("a definition and a frontend cannot be combined"));
        }
        // A frontend repeats the imports in each of its own solves, so it needs them as an option.
        if frontend.is_some()
            && let Some(imports) = cache_imports_attr(&cache_imports)
        {
            frontend_attrs.entry(option::CACHE_IMPORTS.to_owned()).or_insert(imports);
        }
        // For daemons before v0.13, which support only one exporter; newer daemons ignore these fields.
        let first = exporters.first().cloned();
        let (first_kind, first_attrs) = first.map(|first| (first.kind.to_string(), first.attrs)).unwrap_or_default();
        let definition = definition.as_deref().map(|bytes| decode("the definition", bytes)).transpose()?;
        let frontend_inputs = frontend_inputs
            .iter()
            .map(|(name, bytes)| Ok((name.clone(), decode(&format!("the input {name:?}"), bytes)?)))
            .collect::<Result<_, SolveError>>()?;
        Ok(SolveRequest {
            r#ref: reference,
            definition,
            exporter_deprecated: first_kind,
            exporter_attrs_deprecated: first_attrs.into_iter().collect(),
            session: session.map(ToString::to_string).unwrap_or_default(),
            frontend: frontend.unwrap_or_default(),
            frontend_attrs: frontend_attrs.into_iter().collect(),
            cache: Some(CacheOptions {
                exports: cache_exports.into_iter().map(CacheEntry::into_wire).collect(),
                imports: cache_imports.into_iter().map(CacheEntry::into_wire).collect(),
                ..CacheOptions::default()
            }),
            entitlements,
            frontend_inputs,
            internal,
            source_policy,
            exporters: exporters
                .into_iter()
                .map(|Exporter { kind, attrs }| WireExporter {
                    r#type: kind.to_string(),
                    attrs: attrs.into_iter().collect(),
                })
                .collect(),
            enable_session_exporter: false,
            source_policy_session: String::new(),
        })
    }
}

impl CacheEntry {
    fn into_wire(self) -> CacheOptionsEntry {
        CacheOptionsEntry { r#type: self.kind, attrs: self.attrs.into_iter().collect() }
    }
}

fn decode(what: &str, bytes: &[u8]) -> Result<llb::Definition, SolveError> {
    llb::Definition::decode(bytes).map_err(|error| invalid(&format!("{what} is not an encoded definition: {error}")))
}

/// The frontend option `cache-imports`: JSON with Go's field names. `None` if there is nothing to import.
#[must_use]
pub fn cache_imports_attr(imports: &[CacheEntry]) -> Option<String> {
    if imports.is_empty() {
        return None;
    }
    let entries: Vec<_> = imports.iter().map(|entry| json!({"Type": entry.kind, "Attrs": entry.attrs})).collect();
    Some(serde_json::Value::from(entries).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::solve::ExporterKind;

    fn attrs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn the_first_exporter_is_repeated_for_old_daemons() {
        let mut options = SolveOptions::new();
        options.frontend = Some("dockerfile.v0".to_owned());
        options.exporters =
            vec![Exporter::new(ExporterKind::Oci).with_attr("name", "a"), Exporter::new(ExporterKind::Local)];
        let request = options.into_request(None).expect("valid");
        assert_eq!(request.exporter_deprecated, "oci");
        assert_eq!(request.exporter_attrs_deprecated.get("name").map(String::as_str), Some("a"));
        let kinds: Vec<_> = request.exporters.iter().map(|exporter| exporter.r#type.as_str()).collect();
        assert_eq!(kinds, ["oci", "local"]);
    }

    #[test]
    fn a_frontend_gets_cache_imports() {
        let mut options = SolveOptions::new();
        options.frontend = Some("gateway.v0".to_owned());
        options.cache_imports = vec![CacheEntry { kind: "registry".to_owned(), attrs: attrs(&[("ref", "r/c")]) }];
        let request = options.into_request(None).expect("valid");
        let expect = r#"[{"Attrs":{"ref":"r/c"},"Type":"registry"}]"#;
        assert_eq!(request.frontend_attrs.get("cache-imports").map(String::as_str), Some(expect));
    }

    #[test]
    fn invalid_options_are_refused_before_sending() {
        let mut both = SolveOptions::new();
        both.frontend = Some("dockerfile.v0".to_owned());
        both.definition = Some(Vec::new());
        let error = both.into_request(None).expect_err("both").to_string();
        assert!(error.contains("cannot be combined"), "{error}");
        let mut garbage = SolveOptions::new();
        garbage.definition = Some(b"\xff\xff".to_vec());
        let error = garbage.into_request(None).expect_err("garbage").to_string();
        assert!(error.contains("the definition is not an encoded definition"), "{error}");
    }
}
