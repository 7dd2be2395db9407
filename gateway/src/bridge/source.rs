//! What a source is right now, before anything of it is fetched: digests, commits, dates (`ResolveSourceMeta`).
//!
//! For images alone [`Bridge::resolve_image`] is simpler and works on daemons of any age; this asks of git repositories
//! and web files too, and for signatures and attestations of images (`moby/buildkit: frontend/gateway/pb/gateway.proto`,
//! `client/llb/sourceresolver/types.go`). Git and web sources are resolved since BuildKit 0.26.

use std::collections::BTreeMap;

use buildkit_proto::platform_to_rpc;
use buildkit_proto::rpc::gateway::{
    self, ChecksumRequest, ResolveSourceGitRequest, ResolveSourceHttpRequest, ResolveSourceImageRequest,
    ResolveSourceImageResponse, ResolveSourceMetaRequest, ResolveSourceMetaResponse, checksum_request::ChecksumAlgo,
};
use buildkit_proto::rpc::llb::SourceOp;
use oci_names::Platform;

use super::ResolveMode;
use super::{Bridge, method};
use crate::error::GatewayError;
use crate::pong::caps;

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

/// A source as the daemon found it.
///
/// ```
/// use buildkit_gateway::{HttpMeta, SourceMeta};
///
/// let tool = HttpMeta { digest: "sha256:1".to_owned(), filename: "tool.tgz".to_owned(), ..HttpMeta::default() };
/// let meta = SourceMeta {
///     identifier: "https://mirror.example.com/tool.tgz".to_owned(),
///     http: Some(tool),
///     ..SourceMeta::default()
/// };
/// // Which part is there says what the source is, whatever was asked for.
/// assert!(meta.image.is_none() && meta.http.is_some_and(|http| http.digest == "sha256:1"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceMeta {
    /// The identifier to use: the one asked for, or what a source policy made of it.
    pub identifier: String,
    /// The attributes to use, likewise.
    pub attrs: BTreeMap<String, String>,
    /// If it is an image.
    pub image: Option<ImageMeta>,
    /// If it is a git repository.
    pub git: Option<GitMeta>,
    /// If it is a web file.
    pub http: Option<HttpMeta>,
}

/// What there is to know of an image.
///
/// ```
/// use buildkit_gateway::ImageMeta;
///
/// let image = ImageMeta { digest: "sha256:1".to_owned(), config: br#"{"os":"linux"}"#.to_vec(), attestations: None };
/// let config: serde_json::Value = serde_json::from_slice(&image.config)?;
/// assert_eq!(config["os"], "linux");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageMeta {
    /// Digest of the manifest or index.
    pub digest: String,
    /// Image config JSON.
    pub config: Vec<u8>,
    /// What is said about the image, if that was asked for.
    pub attestations: Option<AttestationChain>,
}

/// The manifests that lead from an image to what is said about it.
///
/// ```
/// use buildkit_gateway::AttestationChain;
///
/// // The answer for an image about which nothing is said.
/// let chain = AttestationChain { image_manifest: "sha256:1".to_owned(), ..AttestationChain::default() };
/// assert!(chain.attestation_manifest.is_empty() && chain.blobs.is_empty());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttestationChain {
    /// Digest of the index.
    pub root: String,
    /// Digest of the platform's manifest.
    pub image_manifest: String,
    /// Digest of the manifest with its attestations; empty if there are none.
    pub attestation_manifest: String,
    /// Digests of manifests with signatures of it.
    pub signature_manifests: Vec<String>,
    /// Content by digest.
    pub blobs: BTreeMap<String, AttestationBlob>,
}

/// A manifest or statement of an [`AttestationChain`].
///
/// ```
/// use buildkit_gateway::{AttestationBlob, AttestationChain};
///
/// let provenance = AttestationBlob {
///     annotations: [("in-toto.io/predicate-type".to_owned(), "https://slsa.dev/provenance/v1".to_owned())].into(),
///     ..AttestationBlob::default()
/// };
/// let chain = AttestationChain { blobs: [("sha256:1".to_owned(), provenance)].into(), ..AttestationChain::default() };
/// let is_provenance = |blob: &AttestationBlob| {
///     blob.annotations.get("in-toto.io/predicate-type").is_some_and(|kind| kind.contains("provenance"))
/// };
/// assert!(chain.blobs.values().any(is_provenance));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttestationBlob {
    /// Its media type.
    pub media_type: String,
    /// Annotations of its descriptor; `in-toto.io/predicate-type` among them.
    pub annotations: BTreeMap<String, String>,
    /// Its content.
    pub data: Vec<u8>,
}

/// What there is to know of a git reference.
///
/// ```
/// use buildkit_gateway::GitMeta;
///
/// let (tag, commit) = ("1".repeat(40), "2".repeat(40));
/// let annotated = GitMeta { checksum: tag, commit_checksum: commit.clone(), ..GitMeta::default() };
/// assert_eq!(annotated.commit(), commit);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GitMeta {
    /// What the reference points to: a commit, or an annotated tag.
    pub checksum: String,
    /// Its full name, `refs/heads/main`.
    pub reference: String,
    /// The commit behind a tag; empty if `checksum` is it.
    pub commit_checksum: String,
    /// The commit's bytes, if they were asked for.
    pub commit_object: Vec<u8>,
    /// The tag's bytes, likewise.
    pub tag_object: Vec<u8>,
}

impl GitMeta {
    /// The commit itself.
    #[must_use]
    pub fn commit(&self) -> &str {
        if self.commit_checksum.is_empty() { &self.checksum } else { &self.commit_checksum }
    }
}

/// What there is to know of a web file. The daemon has fetched it for this.
///
/// ```
/// use buildkit_gateway::HttpMeta;
/// use buildkit_llb::{HttpSource, Source};
///
/// let meta = HttpMeta { digest: format!("sha256:{}", "0".repeat(64)), ..HttpMeta::default() };
/// // Pinned in the graph, so that a file that has changed meanwhile fails the build.
/// let pinned = HttpSource { checksum: Some(meta.digest.parse()?), ..HttpSource::new("https://example.com/tool.tgz") };
/// assert_eq!(Source::from(pinned).attrs()["http.checksum"], meta.digest);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpMeta {
    /// `sha256:…` of its content.
    pub digest: String,
    /// The name it will have.
    pub filename: String,
    /// When it was changed, in seconds since 1970, if the server says so.
    pub last_modified: Option<i64>,
    /// The checksum asked for.
    pub checksum: Option<String>,
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

impl SourceMeta {
    fn from_rpc(answer: ResolveSourceMetaResponse) -> Option<Self> {
        let ResolveSourceMetaResponse { source, image, git, http } = answer;
        let SourceOp { identifier, attrs } = source?;
        Some(Self {
            identifier,
            attrs: attrs.into_iter().collect(),
            image: image.map(ImageMeta::from_rpc),
            git: git.map(|git| GitMeta {
                checksum: git.checksum,
                reference: git.r#ref,
                commit_checksum: git.commit_checksum,
                commit_object: git.commit_object,
                tag_object: git.tag_object,
            }),
            http: http.map(|http| HttpMeta {
                digest: http.checksum,
                filename: http.filename,
                last_modified: http.last_modified.map(|time| time.seconds),
                checksum: http.checksum_response.map(|checksum| checksum.digest),
            }),
        })
    }
}

impl ImageMeta {
    fn from_rpc(image: ResolveSourceImageResponse) -> Self {
        let ResolveSourceImageResponse { digest, config, attestation_chain } = image;
        Self { digest, config, attestations: attestation_chain.map(AttestationChain::from_rpc) }
    }
}

impl AttestationChain {
    fn from_rpc(chain: gateway::AttestationChain) -> Self {
        let blob = |blob: gateway::Blob| {
            let descriptor = blob.descriptor.unwrap_or_default();
            AttestationBlob {
                media_type: descriptor.media_type,
                annotations: descriptor.annotations.into_iter().collect(),
                data: blob.data,
            }
        };
        Self {
            root: chain.root,
            image_manifest: chain.image_manifest,
            attestation_manifest: chain.attestation_manifest,
            signature_manifests: chain.signature_manifests,
            blobs: chain.blobs.into_iter().map(|(digest, content)| (digest, blob(content))).collect(),
        }
    }
}
