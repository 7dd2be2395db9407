//! Resolving images: from a reference to a digest and a config, as the daemon's policies and mirrors have it.

use buildkit_proto::platform_to_rpc;
use buildkit_proto::rpc::{gateway, llb};
use oci_names::{ImageReference, Platform};

use super::ResolveMode;
use super::{Bridge, method};
use crate::error::GatewayError;
use crate::pong::caps;

const IMAGE_SCHEME: &str = "docker-image://";
const OCI_LAYOUT_SCHEME: &str = "oci-layout://";

/// An image as the daemon resolved it.
///
/// ```
/// use buildkit_gateway::ResolvedImage;
///
/// let (reference, digest) = ("docker.io/library/debian:12".to_owned(), "sha256:1".to_owned());
/// let image = ResolvedImage { reference, digest, config: b"{}".to_vec() };
/// assert_eq!(image.pinned(), "docker.io/library/debian:12@sha256:1");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedImage {
    /// The reference to use: ours normalised, or what a source policy made of it.
    pub reference: String,
    /// Digest of the manifest or index it names; empty for an image that an Engine with the classic store has loaded
    /// rather than pulled.
    pub digest: String,
    /// The image config of the requested platform, as JSON.
    pub config: Vec<u8>,
}

impl ResolvedImage {
    /// The reference with its digest, which is what a graph should use.
    #[must_use]
    pub fn pinned(&self) -> String {
        if self.digest.is_empty() || self.reference.contains('@') {
            self.reference.clone()
        } else {
            format!("{}@{}", self.reference, self.digest)
        }
    }
}

/// A content store the client serves on its session.
///
/// ```
/// use buildkit_gateway::OciStore;
/// use buildkit_gateway::contexts::{NamedSource, named_context};
/// # use buildkit_gateway::BuildOptions;
/// # let digest = format!("sha256:{}", "0".repeat(64));
/// # let opts = [("context:base".to_owned(), format!("oci-layout://images@{digest}"))].into();
/// # let options = BuildOptions::new(opts, "client".to_owned(), Vec::new(), String::new()).expect("possible");
///
/// // A replacement of an image may come from the client's own store.
/// let Some(found) = named_context(&options, "base", None)? else { panic!("it is among the options") };
/// let NamedSource::OciLayout { store, .. } = found.source else { panic!("it is a store's") };
/// let store = OciStore { session_id: options.session_of(&store).to_owned(), store_id: store };
/// assert_eq!((store.store_id.as_str(), store.session_id.as_str()), ("images", "client"));
/// # Ok::<(), buildkit_gateway::contexts::NamedContextError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OciStore {
    /// The store's id.
    pub store_id: String,
    /// The session that serves it.
    pub session_id: String,
}

impl Bridge {
    /// Resolves an image of a registry. `log_name` is the progress line, `[internal] load metadata for …`.
    ///
    /// The reference may be short (`debian`), and the answer is a full one. Every image resolved becomes part of the
    /// build's provenance, so resolve only what is used.
    ///
    /// ```no_run
    /// # use buildkit_gateway::{Bridge, GatewayError, Platform, ResolveMode};
    /// # async fn pin(bridge: &Bridge) -> Result<String, GatewayError> {
    /// let platform = Platform::linux("amd64");
    /// let image = bridge.resolve_image("debian:12", Some(&platform), ResolveMode::Default, "[internal] debian").await?;
    /// # Ok(
    /// image.pinned()
    /// # )
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`GatewayError::NotAnImage`] if a source policy replaced it by something else: start over with that identifier.
    pub async fn resolve_image(
        &self,
        reference: &str,
        platform: Option<&Platform>,
        mode: ResolveMode,
        log_name: &str,
    ) -> Result<ResolvedImage, GatewayError> {
        let reference = ImageReference::parse(reference)?.with_default_tag().to_string();
        if self.has_gateway_cap(caps::SOURCE_META_RESOLVER).await? {
            let source = llb::SourceOp { identifier: format!("{IMAGE_SCHEME}{reference}"), ..Default::default() };
            return self.resolve_meta(reference, source, platform, mode, log_name).await;
        }
        self.require_gateway_cap(caps::RESOLVE_IMAGE, "resolve images").await?;
        let request = gateway::ResolveImageConfigRequest {
            r#ref: reference,
            platform: platform.map(platform_to_rpc),
            resolve_mode: mode.as_str().to_owned(),
            log_name: log_name.to_owned(),
            ..Default::default()
        };
        self.resolve_config(request).await
    }

    /// Resolves an image of a content store of the client's (`oci-layout`). The reference needs a digest; its name is cosmetic.
    ///
    /// # Errors
    /// As [`Bridge::resolve_image`].
    pub async fn resolve_oci_layout(
        &self,
        reference: &str,
        store: &OciStore,
        platform: Option<&Platform>,
        log_name: &str,
    ) -> Result<ResolvedImage, GatewayError> {
        let reference = ImageReference::parse(reference)?.to_string();
        if self.has_gateway_cap(caps::SOURCE_META_RESOLVER).await? {
            let source = llb::SourceOp {
                identifier: format!("{OCI_LAYOUT_SCHEME}{reference}"),
                attrs: [("oci.session", &store.session_id), ("oci.store", &store.store_id)]
                    .map(|(key, value)| (key.to_owned(), value.clone()))
                    .into(),
            };
            return self.resolve_meta(reference, source, platform, ResolveMode::Default, log_name).await;
        }
        self.require_gateway_cap(caps::RESOLVE_IMAGE, "resolve images").await?;
        let request = gateway::ResolveImageConfigRequest {
            r#ref: reference,
            platform: platform.map(platform_to_rpc),
            log_name: log_name.to_owned(),
            resolver_type: 1,
            session_id: store.session_id.clone(),
            store_id: store.store_id.clone(),
            ..Default::default()
        };
        self.resolve_config(request).await
    }

    async fn resolve_meta(
        &self,
        reference: String,
        source: llb::SourceOp,
        platform: Option<&Platform>,
        mode: ResolveMode,
        log_name: &str,
    ) -> Result<ResolvedImage, GatewayError> {
        let method = method!("ResolveSourceMeta");
        let name = method.name;
        let answer: gateway::ResolveSourceMetaResponse = self
            .call(
                method,
                gateway::ResolveSourceMetaRequest {
                    source: Some(source),
                    platform: platform.map(platform_to_rpc),
                    log_name: log_name.to_owned(),
                    resolve_mode: mode.as_str().to_owned(),
                    ..Default::default()
                },
            )
            .await?;
        let identifier = answer.source.map(|source| source.identifier).unwrap_or_default();
        let Some(image) = answer.image else {
            return Err(GatewayError::NotAnImage { reference, identifier });
        };
        let reference = identifier
            .strip_prefix(IMAGE_SCHEME)
            .or_else(|| identifier.strip_prefix(OCI_LAYOUT_SCHEME))
            .ok_or(GatewayError::Incomplete { method: name, what: "source" })?
            .to_owned();
        Ok(ResolvedImage { reference, digest: image.digest, config: image.config })
    }

    async fn resolve_config(&self, request: gateway::ResolveImageConfigRequest) -> Result<ResolvedImage, GatewayError> {
        let asked = request.r#ref.clone();
        let answer: gateway::ResolveImageConfigResponse = self.call(method!("ResolveImageConfig"), request).await?;
        // Daemons before 0.12 send no reference back.
        let reference = if answer.r#ref.is_empty() { asked } else { answer.r#ref };
        Ok(ResolvedImage { reference, digest: answer.digest, config: answer.config })
    }
}
