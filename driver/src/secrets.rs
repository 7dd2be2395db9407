//! The secrets that a spec names, for the session of its build.
//!
//! They are read when a step requests them.

use std::error::Error as _;

use buildkit_client::session::secrets::{SecretError, SecretSource, Secrets};
use imagespec::ImageSpec;
use imagespec_compile::CaBundle;

use crate::files::Files;
use crate::variables::Variables;

/// A secret that is missing in a build.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// The spec has no source for it, and the caller did not provide it.
    #[error("the spec uses the secret {id:?}, which has no source")]
    NoSource {
        /// The secret's id.
        id: String,
    },
    /// It cannot be read.
    #[error("{problem}{}", .problem.source().map(|cause| format!(": {cause}")).unwrap_or_default())]
    Unreadable {
        /// The secret's id.
        id: String,
        /// The cause.
        problem: SecretError,
    },
}

impl SecretsError {
    /// The secret's id.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::NoSource { id } | Self::Unreadable { id, .. } => id,
        }
    }
}

/// Adds the secrets of a spec and its bundle of certificates, except for those that the caller provides. Returns the problems of
/// secrets that could not be added; all others are added.
///
/// ```
/// use buildkit_client::session::secrets::Secrets;
/// use imagespec_driver::{Files, Variables, add_secrets};
///
/// let text = "pip_secret_mounts: [{id: netrc, src_env: NETRC, dst: /root/.netrc}]\n";
/// let spec = imagespec::parse("spec.yaml", text).spec.expect("a valid spec");
/// let mut secrets = Secrets::default();
/// let (files, variables) = (Files::default(), Variables::default());
/// let problems = add_secrets(&mut secrets, &files, &spec, &variables, |_| false);
/// assert_eq!(problems[0].to_string(), "secret \"netrc\": the environment variable NETRC is not set");
/// assert!(add_secrets(&mut secrets, &files, &spec, &variables, |id| id == "netrc").is_empty());
/// ```
pub fn add_secrets(
    secrets: &mut Secrets,
    files: &Files,
    spec: &ImageSpec,
    variables: &Variables,
    is_brought: impl Fn(&str) -> bool,
) -> Vec<SecretsError> {
    let home = variables.path("HOME");
    let file = |path: &str| SecretSource::File(files.resolve_with_home(path, home.as_deref()));
    let mounts = spec.secrets().into_iter().map(|mount| {
        let source = mount.source().map(|source| match source {
            imagespec::SecretSource::File(path) => file(path),
            imagespec::SecretSource::Env(name) => SecretSource::Env(name.clone()),
        });
        (mount.id().to_owned(), source)
    });
    let bundle = spec.ca_bundle().map(|path| (CaBundle::DEFAULT_ID.to_owned(), Some(file(path))));
    let wanted = mounts.chain(bundle).filter(|(id, _)| !is_brought(id));
    let added = wanted.map(|(id, source)| match source {
        None => Err(SecretsError::NoSource { id }),
        Some(source) => secrets
            .add(&id, source, |name| variables.get(name))
            .map_err(|problem| SecretsError::Unreadable { id, problem }),
    });
    added.filter_map(Result::err).collect()
}
