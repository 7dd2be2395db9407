//! What the daemon answers about a source.

use std::collections::BTreeMap;

use buildkit_proto::rpc::gateway::{self, ResolveSourceImageResponse, ResolveSourceMetaResponse};
use buildkit_proto::rpc::llb::SourceOp;

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
/// // The kind of source determines which part is set.
/// assert!(meta.image.is_none() && meta.http.is_some_and(|http| http.digest == "sha256:1"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceMeta {
    /// The identifier to use: the requested one, or its replacement by a source policy.
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
    /// The attestations of the image, if they were requested.
    pub attestations: Option<AttestationChain>,
}

/// The manifests that lead from an image to its attestations.
///
/// ```
/// use buildkit_gateway::AttestationChain;
///
/// // The answer for an image without attestations.
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
    /// The commit's bytes, if they were requested.
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
    /// The modification time in seconds since 1970, if the server reports it.
    pub last_modified: Option<i64>,
    /// The requested checksum.
    pub checksum: Option<String>,
}

impl SourceMeta {
    pub(super) fn from_rpc(answer: ResolveSourceMetaResponse) -> Option<Self> {
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
