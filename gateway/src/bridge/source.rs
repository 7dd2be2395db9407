//! What a source is right now, before anything of it is fetched: digests, commits, dates (`ResolveSourceMeta`).
//!
//! For images alone [`Bridge::resolve_image`] is simpler and works on daemons of any age; this asks of git repositories
//! and web files too, and for signatures and attestations of images (`moby/buildkit: frontend/gateway/pb/gateway.proto`,
//! `client/llb/sourceresolver/types.go`). Git and web sources are resolved since BuildKit 0.26.

mod meta;

use std::collections::BTreeMap;

use buildkit_proto::platform_to_rpc;
use buildkit_proto::rpc::gateway::{
    ChecksumRequest, ResolveSourceGitRequest, ResolveSourceHttpRequest, ResolveSourceImageRequest,
    ResolveSourceMetaRequest, ResolveSourceMetaResponse, checksum_request::ChecksumAlgo,
};
use buildkit_proto::rpc::llb::SourceOp;
use oci_names::Platform;

use super::ResolveMode;
use super::{Bridge, method};
use crate::error::GatewayError;
use crate::pong::caps;

pub use meta::{AttestationBlob, AttestationChain, GitMeta, HttpMeta, ImageMeta, SourceMeta};

/// What to find out about which source.
///
/// ```
/// use buildkit_gateway::{ChecksumAlgorithm, SourceQuery};
///
/// let commit = SourceQuery::new("git://example.com/app.git#main")
///     .with_attr("git.fullurl", "https://example.com/app.git")
///     .with_git_objects();
/// assert_eq!(commit.attrs["git.fullurl"], "https://example.com/app.git");
/// let file = SourceQuery::new("https://example.com/tool.tgz").with_checksum(ChecksumAlgorithm::Sha512, b"");
/// # let _ = file;
/// let image = SourceQuery::from(&buildkit_llb::Source::image("docker.io/library/debian:12", buildkit_llb::Platform::linux("amd64")));
/// assert_eq!(image.identifier, "docker-image://docker.io/library/debian:12");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceQuery {
    /// `scheme://…`, as in a graph.
    pub identifier: String,
    /// Attributes, as in a graph (`moby/buildkit: solver/pb/attr.go`).
    pub attrs: BTreeMap<String, String>,
    /// Which image of an index.
    pub platform: Option<Platform>,
    /// Whether the daemon may use an image it has already.
    pub resolve_mode: ResolveMode,
    /// The progress line, `[internal] load metadata for …`.
    pub log_name: String,
    attestations: Option<Vec<String>>,
    git_objects: bool,
    checksum: Option<(ChecksumAlgorithm, Vec<u8>)>,
}

/// How to sum up a web file.
///
/// ```
/// use buildkit_gateway::{ChecksumAlgorithm, SourceQuery};
///
/// // A detached signature is made over the file and its own last bytes.
/// let query = SourceQuery::new("https://example.com/tool.tgz");
/// let signed = query.clone().with_checksum(ChecksumAlgorithm::Sha512, b"the signature's trailer");
/// assert_ne!(signed, query);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChecksumAlgorithm {
    /// `sha256:…`
    Sha256,
    /// `sha384:…`
    Sha384,
    /// `sha512:…`
    Sha512,
}

impl SourceQuery {
    /// A source by its identifier.
    #[must_use]
    pub fn new(identifier: impl Into<String>) -> Self {
        Self { identifier: identifier.into(), ..Self::default() }
    }

    /// An attribute.
    #[must_use]
    pub fn with_attr(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.attrs.insert(name.into(), value.into());
        self
    }

    /// Which image of an index.
    #[must_use]
    pub fn with_platform(mut self, platform: Platform) -> Self {
        self.platform = Some(platform);
        self
    }

    /// The progress line.
    #[must_use]
    pub fn with_log_name(mut self, name: impl Into<String>) -> Self {
        self.log_name = name.into();
        self
    }

    /// The manifests behind an image's attestations, and the attestations of these predicate types with their content.
    /// Needs the capability `source.metaresolver.image.attestations`.
    #[must_use]
    pub fn with_attestations<T: Into<String>>(mut self, predicate_types: impl IntoIterator<Item = T>) -> Self {
        self.attestations = Some(predicate_types.into_iter().map(Into::into).collect());
        self
    }

    /// The bytes of a commit and its tag, to check signatures.
    #[must_use]
    pub fn with_git_objects(mut self) -> Self {
        self.git_objects = true;
        self
    }

    /// The checksum of a web file followed by `suffix`, as signatures of some kinds are made over.
    /// Needs the capability `source.metaresolver.http.checksumrequest`.
    #[must_use]
    pub fn with_checksum(mut self, algorithm: ChecksumAlgorithm, suffix: &[u8]) -> Self {
        self.checksum = Some((algorithm, suffix.to_vec()));
        self
    }
}

impl From<&buildkit_llb::Source> for SourceQuery {
    fn from(source: &buildkit_llb::Source) -> Self {
        Self { attrs: source.attrs().clone(), ..Self::new(source.identifier()) }
    }
}

impl Bridge {
    /// Finds out about a source. It becomes part of the build's provenance.
    ///
    /// Which of the answer's parts is there follows from the source; a source policy may have changed its kind.
    ///
    /// # Errors
    /// If the daemon cannot answer (the capability `source.metaresolver`, BuildKit 0.13), or the source cannot be reached.
    pub async fn resolve_source(&self, query: SourceQuery) -> Result<SourceMeta, GatewayError> {
        self.require_gateway_cap(caps::SOURCE_META_RESOLVER, "resolve sources").await?;
        if query.attestations.is_some() {
            self.require_gateway_cap(caps::SOURCE_META_ATTESTATIONS, "resolve attestations of images").await?;
        }
        let wants_checksum = query.checksum.is_some();
        if wants_checksum {
            self.require_gateway_cap(caps::SOURCE_META_HTTP_CHECKSUM, "sum up web files our way").await?;
        }
        let method = method!("ResolveSourceMeta");
        let name = method.name;
        let answer: ResolveSourceMetaResponse = self.call(method, query.into_rpc()).await?;
        let meta = SourceMeta::from_rpc(answer).ok_or(GatewayError::Incomplete { method: name, what: "source" })?;
        // A daemon that does not know a kind of request answers without a word of it.
        if wants_checksum && meta.http.as_ref().is_none_or(|http| http.checksum.is_none()) {
            return Err(GatewayError::Incomplete { method: name, what: "checksum" });
        }
        Ok(meta)
    }

    /// Finds out which commit a git reference is now.
    ///
    /// ```no_run
    /// # use buildkit_gateway::{Bridge, GatewayError, SourceQuery};
    /// # async fn commit(bridge: &Bridge) -> Result<String, GatewayError> {
    /// let query = SourceQuery::new("git://example.com/app.git#main");
    /// let git = bridge.resolve_git(query.with_attr("git.fullurl", "https://example.com/app.git")).await?;
    /// # Ok(
    /// git.commit().to_owned()
    /// # )
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Bridge::resolve_source`]; [`GatewayError::Incomplete`] from daemons before BuildKit 0.26.
    pub async fn resolve_git(&self, query: SourceQuery) -> Result<GitMeta, GatewayError> {
        let meta = self.resolve_source(query).await?;
        meta.git.ok_or(GatewayError::Incomplete { method: "ResolveSourceMeta", what: "git" })
    }

    /// Finds out what a web file is now.
    ///
    /// # Errors
    /// As [`Bridge::resolve_git`].
    pub async fn resolve_http(&self, query: SourceQuery) -> Result<HttpMeta, GatewayError> {
        let meta = self.resolve_source(query).await?;
        meta.http.ok_or(GatewayError::Incomplete { method: "ResolveSourceMeta", what: "http" })
    }
}

impl SourceQuery {
    fn into_rpc(self) -> ResolveSourceMetaRequest {
        let Self { identifier, attrs, platform, resolve_mode, log_name, attestations, git_objects, checksum } = self;
        let attestation_chain = attestations.is_some();
        ResolveSourceMetaRequest {
            source: Some(SourceOp { identifier, attrs: attrs.into_iter().collect() }),
            platform: platform.as_ref().map(platform_to_rpc),
            log_name,
            resolve_mode: resolve_mode.as_str().to_owned(),
            git: git_objects.then_some(ResolveSourceGitRequest { return_object: true }),
            image: attestation_chain.then(|| ResolveSourceImageRequest {
                no_config: false,
                attestation_chain,
                resolve_attestations: attestations.unwrap_or_default(),
            }),
            http: checksum.map(|(algorithm, suffix)| {
                let algo = match algorithm {
                    ChecksumAlgorithm::Sha256 => ChecksumAlgo::Sha256,
                    ChecksumAlgorithm::Sha384 => ChecksumAlgo::Sha384,
                    ChecksumAlgorithm::Sha512 => ChecksumAlgo::Sha512,
                };
                ResolveSourceHttpRequest { checksum_request: Some(ChecksumRequest { algo: algo.into(), suffix }) }
            }),
            source_policies: Vec::new(),
        }
    }
}
