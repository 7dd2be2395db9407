//! What is built, where it goes, and what came of it: a typed request, and its answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use buildkit_client::session::SessionBuilder;
use buildkit_client::session::auth::RegistryAuth;
use buildkit_client::session::secrets::Secrets;
use buildkit_client::solve::CacheEntry;
use buildkit_proto::caps;
use buildkit_proto::rpc::sourcepolicy::Policy;
use imagespec::Diagnostic;
use imagespec_compile::{Document, LockUse};
use imagespec_frontend::{ImagespecFrontend, Planned};

use crate::attest::Attestations;
use crate::delivery::DeliveryOptions;
use crate::event::{Delivered, EventKind, warnings};
use crate::files::Files;
use crate::memory::DaemonMemory;

/// A spec with what belongs to it on the client.
#[derive(Clone, Debug)]
pub struct Image {
    /// Tells it from the other images of a call.
    pub title: String,
    /// What is built.
    pub document: Document,
    /// What the user should know of the spec.
    pub warnings: Vec<Diagnostic>,
    /// Where its files are.
    pub files: Files,
    /// The frontend's options, as buildx names them (`moby/buildkit: frontend/dockerui/config.go`). They end in the daemon's history.
    pub options: BTreeMap<String, String>,
    /// What the image is called.
    pub tags: Vec<String>,
    /// What steps may read.
    pub secrets: Secrets,
    /// For registries.
    pub credentials: Arc<RegistryAuth>,
}

impl Image {
    /// A spec without a name, secrets or credentials, with its files in a folder.
    #[cfg(test)]
    pub(crate) fn in_folder(folder: &str) -> Self {
        let auth = buildkit_client::session::auth::AuthOptions::default();
        Self {
            title: "image".to_owned(),
            document: imagespec::ImageSpec::default().into(),
            warnings: Vec::new(),
            files: Files::in_folder(folder),
            options: BTreeMap::new(),
            tags: Vec::new(),
            secrets: Secrets::default(),
            credentials: Arc::new(RegistryAuth::new(auth).expect("no certificates are read")),
        }
    }

    /// Serves its files, secrets and credentials.
    pub(crate) fn session(&self) -> SessionBuilder {
        let serving = self.files.session().with_secrets(self.secrets.clone());
        serving.with_registry_auth(Arc::clone(&self.credentials))
    }

    pub(crate) fn frontend(&self, lock: LockUse, memory: Option<DaemonMemory>) -> ImagespecFrontend {
        self.files.frontend(self.document.clone(), self.warnings.clone(), lock, memory)
    }
}

/// What is asked of a daemon, beside the images.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Where results go.
    pub delivery: DeliveryOptions,
    /// What the daemon is to attest.
    pub attestations: Attestations,
    /// Where cache goes.
    pub cache_exports: Vec<CacheEntry>,
    /// Where cache comes from.
    pub cache_imports: Vec<CacheEntry>,
    /// Privileges that steps may use; the daemon has to allow them too.
    pub entitlements: Vec<String>,
    /// Which sources the daemon lets a build use, and what takes the place of others.
    pub source_policy: Option<Policy>,
    /// A frontend image that does it in the daemon, instead of the frontend here.
    pub frontend_image: Option<String>,
    /// Build and push even if the image is up to date.
    pub always_build: bool,
}

impl Request {
    /// What of it an old daemon would ignore: the capability that shows that it does not, and what is meant.
    pub(crate) fn required_caps(&self) -> Vec<(&'static str, &'static str)> {
        self.source_policy.iter().map(|_| (caps::llb::SOURCE_POLICY, "a source policy")).collect()
    }
}

/// An image that was built.
#[derive(Clone, Debug)]
pub struct Built {
    /// What the exporters report: `containerimage.digest` and the like.
    pub exporter_response: BTreeMap<String, String>,
    /// What it was made of; `None` where a frontend image did it.
    pub planned: Option<Planned>,
    /// What the user's programs can call the image.
    pub image_id: Option<String>,
    /// Where it is now.
    pub delivered: Vec<Delivered>,
    /// Nothing was built: the last push is still there, and nothing has changed since.
    pub is_up_to_date: bool,
    /// Devices, fifos and sockets of the image that were not written to a folder.
    pub skipped_files: u64,
}

impl Built {
    /// What is reported of it at its end. Warnings of a build that did something came through the daemon.
    pub(crate) fn events(&self) -> Vec<EventKind> {
        let planned = self.planned.as_ref().filter(|_| self.is_up_to_date);
        let about_spec = planned.into_iter().flat_map(|planned| {
            let sources = &planned.document.sources;
            planned.warnings.iter().map(|warning| warnings::from_diagnostic(warning, sources))
        });
        let skipped = (self.skipped_files > 0).then(|| {
            let text = format!("{} devices, fifos and sockets of the image were not written", self.skipped_files);
            warnings::from_text(&text)
        });
        let delivered = self.delivered.iter().cloned().map(EventKind::Delivered);
        about_spec.chain(skipped).map(EventKind::Warning).chain(delivered).collect()
    }

    /// What the user should know that came up while it was built.
    pub fn warnings(&self) -> &[Diagnostic] {
        self.planned.as_ref().map(|planned| planned.warnings.as_slice()).unwrap_or_default()
    }
}
