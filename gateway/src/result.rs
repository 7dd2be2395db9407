//! The result of a solve or a frontend: refs, metadata, attestations.
//!
//! Knows nothing of the connection: the wire forms are made here, [`Bridge`](crate::Bridge) sends them.

mod convert;

use std::collections::BTreeMap;

pub use buildkit_proto::keys::result as keys;

use buildkit_proto::pb;
use oci_names::Platform;
use serde::Serialize;

use crate::status::from_mistake;

/// A solved, or rather solvable, filesystem: refs are lazy until something reads or evaluates them.
///
/// ```
/// use buildkit_gateway::{FrontendResult, Reference};
///
/// let rootfs = Reference { id: "ref1".to_owned(), definition: None };
/// let result = FrontendResult::single(Some(rootfs));
/// assert_eq!(result.references().map(|reference| reference.id.as_str()).collect::<Vec<_>>(), ["ref1"]);
/// ```
#[derive(Clone, PartialEq)]
pub struct Reference {
    /// The daemon's name for it, valid in this build only.
    pub id: String,
    /// The graph it is the result of, if the daemon reports it (`reference.output`); usable as an input of another graph.
    pub definition: Option<pb::Definition>,
}

impl std::fmt::Debug for Reference {
    /// The graph is left out: it is long and binary.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Reference").field(&self.id).finish()
    }
}

/// The refs of a result; `None` is scratch, an empty filesystem.
///
/// ```
/// use buildkit_gateway::{FrontendResult, Refs, ResultShapeError};
///
/// let refs = Refs::PerPlatform([("linux/arm64".to_owned(), None)].into());
/// let result = FrontendResult { refs, ..FrontendResult::default() };
/// assert_eq!(result.single_ref(), Err(ResultShapeError::NotSingle));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Refs {
    /// One filesystem.
    Single(Option<Reference>),
    /// One per platform, by platform id.
    PerPlatform(BTreeMap<String, Option<Reference>>),
}

impl Default for Refs {
    fn default() -> Self {
        Self::Single(None)
    }
}

/// The result of a solve or a frontend.
///
/// ```
/// use buildkit_gateway::{FrontendResult, Platform, PlatformImage, Reference, keys};
///
/// let image = PlatformImage {
///     platform: Platform::linux("amd64"),
///     reference: Some(Reference { id: "ref1".into(), definition: None }),
///     config: br#"{"os":"linux","architecture":"amd64"}"#.to_vec(),
///     base_config: None,
///     epoch: Some(0),
/// };
/// let result = FrontendResult::image(vec![image], false)?;
/// assert!(result.metadata.contains_key(keys::IMAGE_CONFIG) && result.single_ref()?.is_some());
/// # Ok::<(), buildkit_gateway::ResultShapeError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FrontendResult {
    /// The filesystems.
    pub refs: Refs,
    /// Image configs and other metadata for exporters, by key (see [`keys`]).
    pub metadata: BTreeMap<String, Vec<u8>>,
    /// Attestations by platform id; dropped for daemons without `reference.attestations`.
    pub attestations: BTreeMap<String, Vec<Attestation>>,
}

/// The answer to a solve, in the shape a frontend may return it.
pub type Solved = FrontendResult;

/// A statement about a result (`moby/buildkit: frontend/gateway/pb/gateway.proto`, `Attestation`).
///
/// ```
/// use std::collections::BTreeMap;
/// use buildkit_gateway::{Attestation, AttestationKind, FrontendResult, InTotoSubject, Reference};
///
/// let mut result = FrontendResult::default();
/// let statement = Attestation {
///     kind: AttestationKind::InToto,
///     metadata: BTreeMap::new(),
///     reference: Some(Reference { id: "ref2".into(), definition: None }),
///     path: "/sbom.spdx.json".into(),
///     predicate_type: "https://spdx.dev/Document".into(),
///     subjects: vec![InTotoSubject { is_result: true, digests: Vec::new(), name: String::new() }],
/// };
/// result.attestations.insert("linux/amd64".into(), vec![statement]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Attestation {
    /// One statement, or a directory of them.
    pub kind: AttestationKind,
    /// `reason`, `sbom-core` and the like.
    pub metadata: BTreeMap<String, Vec<u8>>,
    /// Where the content is.
    pub reference: Option<Reference>,
    /// Path in it.
    pub path: String,
    /// `https://spdx.dev/Document` and the like.
    pub predicate_type: String,
    /// What it is about; empty means the result itself.
    pub subjects: Vec<InTotoSubject>,
}

/// How an [`Attestation`] is stored.
///
/// ```
/// use buildkit_gateway::{Attestation, AttestationKind};
///
/// // A scanner's whole output folder with all its statements.
/// let scanned = Attestation {
///     kind: AttestationKind::Bundle,
///     metadata: [("reason".to_owned(), b"sbom".to_vec())].into(),
///     reference: None,
///     path: "/out".to_owned(),
///     predicate_type: String::new(),
///     subjects: Vec::new(),
/// };
/// assert_ne!(scanned.kind, AttestationKind::InToto);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttestationKind {
    /// One in-toto predicate.
    InToto,
    /// A directory of in-toto statements.
    Bundle,
}

/// What an attestation is about.
///
/// ```
/// use buildkit_gateway::InTotoSubject;
///
/// let digest = format!("sha256:{}", "0".repeat(64));
/// let layer = InTotoSubject { is_result: false, digests: vec![digest], name: "base layer".to_owned() };
/// let result = InTotoSubject { is_result: true, digests: Vec::new(), name: String::new() };
/// assert!([layer, result].iter().all(|subject| subject.is_result == subject.digests.is_empty()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InTotoSubject {
    /// Whether it is the result itself rather than something with digests of its own.
    pub is_result: bool,
    /// `algorithm:hex`.
    pub digests: Vec<String>,
    /// Its name.
    pub name: String,
}

/// One platform's share of an image build.
///
/// ```
/// use buildkit_gateway::{FrontendResult, Platform, PlatformImage, keys};
///
/// let image = |architecture| PlatformImage {
///     platform: Platform::linux(architecture),
///     reference: None,
///     config: b"{}".to_vec(),
///     base_config: None,
///     epoch: None,
/// };
/// let result = FrontendResult::image(vec![image("amd64"), image("arm64")], true)?;
/// assert!(result.metadata.contains_key(&format!("{}/linux/arm64", keys::IMAGE_CONFIG)));
/// # Ok::<(), buildkit_gateway::ResultShapeError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct PlatformImage {
    /// The platform.
    pub platform: Platform,
    /// The root filesystem.
    pub reference: Option<Reference>,
    /// Image config JSON.
    pub config: Vec<u8>,
    /// The base image's config JSON, unmodified.
    pub base_config: Option<Vec<u8>>,
    /// Seconds for timestamps, if the spec or the user gave them.
    pub epoch: Option<i64>,
}

/// A result does not have the expected shape.
///
/// ```
/// use buildkit_gateway::{FrontendResult, ResultShapeError};
///
/// assert_eq!(FrontendResult::image(Vec::new(), true), Err(ResultShapeError::Empty));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResultShapeError {
    /// One filesystem was expected.
    #[error("the result has one filesystem per platform where one alone was expected")]
    NotSingle,
    /// A single result of several platforms.
    #[error("{0} platforms do not fit a result for one")]
    TooMany(usize),
    /// No platform at all.
    #[error("an image needs at least one platform")]
    Empty,
}

from_mistake!(ResultShapeError);

impl FrontendResult {
    /// A result of one filesystem.
    #[must_use]
    pub fn single(reference: Option<Reference>) -> Self {
        Self { refs: Refs::Single(reference), ..Self::default() }
    }

    /// An image: refs, configs and the list of platforms (as `moby/buildkit: frontend/dockerui/build.go` arranges them).
    ///
    /// `per_platform` asks for the shape with a ref per platform, which more than one platform needs.
    ///
    /// # Errors
    /// If `images` is empty, or has several entries and `per_platform` is false.
    pub fn image(images: Vec<PlatformImage>, per_platform: bool) -> Result<Self, ResultShapeError> {
        if images.is_empty() {
            return Err(ResultShapeError::Empty);
        }
        if images.len() > 1 && !per_platform {
            return Err(ResultShapeError::TooMany(images.len()));
        }
        let mut result = Self::default();
        let mut refs = BTreeMap::new();
        let mut platforms = Vec::with_capacity(images.len());
        for image in images {
            let PlatformImage { platform, reference, config, base_config, epoch } = image;
            let platform = platform.normalized();
            let id = platform.to_string();
            let key = |base: &str| {
                if per_platform { format!("{base}/{id}") } else { base.to_owned() }
            };
            result.metadata.insert(key(keys::IMAGE_CONFIG), config);
            if let Some(base) = base_config {
                result.metadata.insert(key(keys::IMAGE_BASE_CONFIG), base);
            }
            if let Some(epoch) = epoch {
                result.metadata.insert(key(keys::SOURCE_DATE_EPOCH), epoch.to_string().into_bytes());
            }
            if per_platform {
                refs.insert(id, reference);
            } else {
                result.refs = Refs::Single(reference);
            }
            platforms.push(platform);
        }
        if per_platform {
            result.refs = Refs::PerPlatform(refs);
        }
        result.set_platforms(&platforms);
        Ok(result)
    }

    /// The one filesystem of the result.
    ///
    /// # Errors
    /// If there is a filesystem per platform.
    pub fn single_ref(&self) -> Result<Option<&Reference>, ResultShapeError> {
        match &self.refs {
            Refs::Single(reference) => Ok(reference.as_ref()),
            Refs::PerPlatform(_) => Err(ResultShapeError::NotSingle),
        }
    }

    /// All filesystems, scratch left out.
    pub fn references(&self) -> impl Iterator<Item = &Reference> {
        let (one, many) = match &self.refs {
            Refs::Single(reference) => (reference.as_ref(), None),
            Refs::PerPlatform(refs) => (None, Some(refs.values().flatten())),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }

    /// Writes `refs.platforms`.
    pub fn set_platforms(&mut self, platforms: &[Platform]) {
        self.metadata.insert(keys::PLATFORMS.to_owned(), platforms_json(platforms));
    }

    /// Writes the image config, of one platform or of the single result.
    pub fn set_image_config(&mut self, platform: Option<&Platform>, config: Vec<u8>) {
        self.metadata.insert(key_for(keys::IMAGE_CONFIG, platform), config);
    }

    /// Writes the base image's config, of one platform or of the single result.
    pub fn set_image_base_config(&mut self, platform: Option<&Platform>, config: Vec<u8>) {
        self.metadata.insert(key_for(keys::IMAGE_BASE_CONFIG, platform), config);
    }
}

fn key_for(base: &str, platform: Option<&Platform>) -> String {
    match platform {
        Some(platform) => format!("{base}/{platform}"),
        None => base.to_owned(),
    }
}

/// `refs.platforms`, with Go's capitalisation.
fn platforms_json(platforms: &[Platform]) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Platforms<'a> {
        platforms: Vec<Entry<'a>>,
    }
    #[derive(Serialize)]
    struct Entry<'a> {
        #[serde(rename = "ID")]
        id: String,
        #[serde(rename = "Platform")]
        platform: &'a Platform,
    }
    let platforms = platforms.iter().map(|platform| Entry { id: platform.to_string(), platform }).collect();
    serde_json::to_vec(&Platforms { platforms }).expect("plain structs with text keys always serialise")
}

#[cfg(test)]
mod tests;
