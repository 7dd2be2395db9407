//! A spec with everything that belongs to it on the client, and what became of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use buildkit_client::session::SessionBuilder;
use buildkit_client::session::auth::RegistryAuth;
use buildkit_client::session::secrets::Secrets;
use imagespec::Diagnostic;
use imagespec_compile::{Document, LockUse};
use imagespec_frontend::{ImagespecFrontend, Planned};

use crate::event::{Delivered, EventKind, warnings};
use crate::files::Files;
use crate::memory::DaemonMemory;

/// A spec with its files, options and credentials on the client.
#[derive(Clone, Debug)]
pub struct Image {
    /// The title that distinguishes it from other images in a call.
    pub title: String,
    /// The spec.
    pub document: Document,
    /// Warnings about the spec.
    pub warnings: Vec<Diagnostic>,
    /// The spec's files.
    pub files: Files,
    /// The frontend's options, with buildx's names (`moby/buildkit: frontend/dockerui/config.go`). The daemon keeps them in its history.
    pub options: BTreeMap<String, String>,
    /// The names of the image.
    pub tags: Vec<String>,
    /// The secrets for the steps.
    pub secrets: Secrets,
    /// The credentials for registries.
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

    /// A session that serves its files, secrets and credentials.
    pub(crate) fn session(&self) -> SessionBuilder {
        let serving = self.files.session().with_secrets(self.secrets.clone());
        serving.with_registry_auth(Arc::clone(&self.credentials))
    }

    pub(crate) fn frontend(&self, lock: LockUse, memory: Option<DaemonMemory>) -> ImagespecFrontend {
        self.files.frontend(self.document.clone(), self.warnings.clone(), lock, memory)
    }
}

/// An image that was built.
#[derive(Clone, Debug)]
pub struct Built {
    /// The exporters' response: `containerimage.digest` and the like.
    pub exporter_response: BTreeMap<String, String>,
    /// The plan; `None` if a frontend image compiled it.
    pub planned: Option<Planned>,
    /// The image id for other programs.
    pub image_id: Option<String>,
    /// The places of the image.
    pub delivered: Vec<Delivered>,
    /// Whether nothing was built, because the last push still exists and nothing has changed.
    pub is_up_to_date: bool,
    /// Devices, fifos and sockets of the image that were not written to a folder.
    pub skipped_files: u64,
}

impl Built {
    /// The events at the end of a build. Warnings of a build that solved something were sent through the daemon.
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

    /// Warnings from the build.
    pub fn warnings(&self) -> &[Diagnostic] {
        self.planned.as_ref().map(|planned| planned.warnings.as_slice()).unwrap_or_default()
    }
}
