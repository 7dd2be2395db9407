//! Solving graphs and other frontends, and the inputs we were given.

use std::collections::BTreeMap;

use buildkit_proto::{map, pb};

use super::{Bridge, method};
use crate::error::GatewayError;
use crate::pong::caps;
use crate::result::{FrontendResult, Solved};
use crate::wire;

/// What to solve: a graph, or a frontend with opts and inputs; neither gives scratch, both is an error.
///
/// ```
/// use buildkit_gateway::SolveRequest;
///
/// let other = SolveRequest {
///     frontend: Some("dockerfile.v0".into()),
///     frontend_opts: [("target".to_owned(), "build".to_owned())].into(),
///     ..SolveRequest::default()
/// };
/// assert!(other.with_evaluate().evaluate);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SolveRequest {
    /// The graph.
    pub definition: Option<pb::Definition>,
    /// Build now; otherwise errors come when the refs are used.
    pub evaluate: bool,
    /// Where to look for cache; nothing is applied automatically, not even the user's `cache-imports`.
    pub cache_imports: Vec<CacheImport>,
    /// `dockerfile.v0` or `gateway.v0`.
    pub frontend: Option<String>,
    /// Its opts.
    pub frontend_opts: BTreeMap<String, String>,
    /// Its inputs.
    pub inputs: BTreeMap<String, pb::Definition>,
}

/// A place to look for cache.
///
/// ```
/// use buildkit_gateway::{BuildOptions, Definition, SolveRequest};
///
/// let opts = [("cache-from".to_owned(), "example.com/app:cache".to_owned())].into();
/// let options = BuildOptions::new(opts, String::new(), Vec::new(), String::new())?;
/// assert_eq!(options.cache_imports[0].kind, "registry");
/// assert_eq!(options.cache_imports[0].attrs["ref"], "example.com/app:cache");
/// let request = SolveRequest::definition(Definition::default()).with_cache_imports(options.cache_imports);
/// assert_eq!(request.cache_imports.len(), 1);
/// # Ok::<(), buildkit_gateway::OptionError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CacheImport {
    /// `registry`, `local`, `gha` …
    pub kind: String,
    /// Its attributes.
    pub attrs: BTreeMap<String, String>,
}

impl SolveRequest {
    /// Solves a graph when it is used.
    #[must_use]
    pub fn definition(definition: pb::Definition) -> Self {
        Self { definition: Some(definition), ..Self::default() }
    }

    /// Builds at once.
    #[must_use]
    pub fn with_evaluate(mut self) -> Self {
        self.evaluate = true;
        self
    }

    /// Looks for cache in these places.
    #[must_use]
    pub fn with_cache_imports(mut self, imports: Vec<CacheImport>) -> Self {
        self.cache_imports = imports;
        self
    }
}

impl Bridge {
    /// Solves.
    ///
    /// # Errors
    /// If the graph needs what the daemon lacks; with `evaluate`, also if it cannot be built.
    pub async fn solve(&self, request: SolveRequest) -> Result<Solved, GatewayError> {
        let SolveRequest { definition, evaluate, cache_imports, frontend, frontend_opts, inputs } = request;
        let frontend = frontend.unwrap_or_default();
        if definition.is_some() && !frontend.is_empty() {
            return Err(GatewayError::Invalid("a solve takes a definition or a frontend, not both"));
        }
        let pong = self.pong().await?;
        if let Some(definition) = &definition {
            // Daemons silently ignore fields they do not know, so a missing capability must stop the graph here.
            let needed = definition.metadata.iter().flat_map(|entry| &entry.value).flat_map(|metadata| &metadata.caps);
            if let Some(missing) = needed.filter_map(|cap| cap.key.as_deref()).find(|cap| !pong.llb_caps.contains(cap))
            {
                return Err(GatewayError::MissingCapability { capability: missing.to_owned(), what: "run this graph" });
            }
        }
        if !inputs.is_empty() && !pong.gateway_caps.contains(caps::FRONTEND_INPUTS) {
            return Err(GatewayError::MissingCapability {
                capability: caps::FRONTEND_INPUTS.to_owned(),
                what: "give inputs to a frontend",
            });
        }
        let evaluate_in_solve = evaluate && pong.gateway_caps.contains(caps::SOLVE_EVALUATE);
        let cache_imports = if pong.gateway_caps.contains(caps::IMPORT_CACHES) { cache_imports } else { Vec::new() };
        let request = wire::SolveRequest {
            definition,
            frontend,
            frontend_opt: map::to_strings(&frontend_opts),
            allow_result_return: true,
            allow_result_array_ref: true,
            cache_imports: cache_imports
                .iter()
                .map(|import| wire::CacheOptionsEntry {
                    kind: import.kind.clone(),
                    attrs: map::to_strings(&import.attrs),
                })
                .collect(),
            frontend_inputs: inputs
                .into_iter()
                .map(|(key, definition)| wire::DefinitionEntry { key: Some(key), value: Some(definition) })
                .collect(),
            evaluate: evaluate_in_solve,
        };
        let answer: wire::SolveResponse = self.call(method!("Solve"), request).await?;
        let solved = FrontendResult::from_wire(answer);
        if evaluate && !evaluate_in_solve {
            for reference in solved.references() {
                self.evaluate(reference).await?;
            }
        }
        Ok(solved)
    }

    /// The graphs that the client attached to this build, by name.
    ///
    /// # Errors
    /// If the daemon knows no inputs (before BuildKit 0.7).
    pub async fn inputs(&self) -> Result<BTreeMap<String, pb::Definition>, GatewayError> {
        self.require_gateway_cap(caps::FRONTEND_INPUTS, "hand over inputs").await?;
        let answer: wire::InputsResponse =
            self.call(method!("Inputs"), buildkit_proto::rpc::gateway::InputsRequest {}).await?;
        Ok(answer
            .definitions
            .into_iter()
            .map(|entry| (entry.key.unwrap_or_default(), entry.value.unwrap_or_default()))
            .collect())
    }
}
