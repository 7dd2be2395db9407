//! `moby.buildkit.secrets.v1.Secrets`: serves secrets to build steps (moby/buildkit: `session/secrets`).
//!
//! A secret is read when a step requests it. The caller supplies the environment. An unknown id gives NOT_FOUND, which
//! optional mounts accept; a known secret that can't be read gives a different error, which they don't accept.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Read as _;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use buildkit_proto::rpc::secrets::secrets_server::{self, SecretsServer};
use buildkit_proto::rpc::secrets::{GetSecretRequest, GetSecretResponse};
use thiserror::Error;
use tonic::{Request, Response, Status};

use super::grpc::{Attachment, MAX_MESSAGE};
use super::secret_bytes::SecretBytes;

/// Largest secret (moby/buildkit: `session/secrets/secretsprovider`, `MaxSecretSize`); the daemon does not check.
pub const MAX_SECRET_SIZE: usize = 500 * 1024;

const METHODS: [&str; 1] = ["GetSecret"];

/// The source of a secret.
///
/// ```
/// use buildkit_client::session::secrets::{SecretSource, Secrets};
///
/// let mut secrets = Secrets::default();
/// secrets.add("token", SecretSource::Env("TOKEN".to_owned()), |name| (name == "TOKEN").then(|| "x".into()))?;
/// assert!(!secrets.is_empty());
/// # Ok::<(), buildkit_client::session::secrets::SecretError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecretSource {
    /// A file, which is read each time a step requests it.
    File(PathBuf),
    /// A variable of the environment that is passed to [`Secrets::add`].
    Env(String),
    /// A value.
    Bytes(SecretBytes),
}

/// A secret that can't be served.
///
/// ```
/// use buildkit_client::session::secrets::{SecretError, SecretSource, Secrets};
///
/// let error = Secrets::default().add("token", SecretSource::Env("TOKEN".to_owned()), |_| None).expect_err("not set");
/// assert!(matches!(error, SecretError::UnsetVariable { variable, .. } if variable == "TOKEN"));
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SecretError {
    /// A secret needs an id.
    #[error("a secret needs an id")]
    MissingId,
    /// The variable isn't set. Docker would serve an empty secret.
    #[error("secret {id:?}: the environment variable {variable} is not set")]
    UnsetVariable {
        /// The secret.
        id: String,
        /// The variable.
        variable: String,
    },
    /// The file can't be read.
    #[error("secret {id:?}: can't read {path}")]
    Unreadable {
        /// The secret.
        id: String,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The secret is larger than [`MAX_SECRET_SIZE`].
    #[error("secret {id:?} is larger than {MAX_SECRET_SIZE} bytes")]
    TooLarge {
        /// The secret.
        id: String,
    },
}

/// Secrets by id.
///
/// ```
/// use buildkit_client::session::Session;
/// use buildkit_client::session::secrets::{SecretSource, Secrets};
///
/// let mut secrets = Secrets::default();
/// secrets.add("token", SecretSource::Bytes("hunter2".to_owned().into()), |_| None)?;
/// let session = Session::builder().with_secrets(secrets);
/// # drop(session);
/// # Ok::<(), buildkit_client::session::secrets::SecretError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    by_id: BTreeMap<String, Stored>,
}

#[derive(Clone, Debug)]
enum Stored {
    File(PathBuf),
    Bytes(SecretBytes),
}

impl Secrets {
    /// Adds a secret, and replaces one with the same id. Reports errors early if possible.
    ///
    /// # Errors
    ///
    /// The id is empty, the variable is not set, the file is unreadable, or the content is too large.
    pub fn add(
        &mut self,
        id: impl Into<String>,
        source: SecretSource,
        environment: impl Fn(&str) -> Option<OsString>,
    ) -> Result<(), SecretError> {
        let id = id.into();
        if id.is_empty() {
            return Err(SecretError::MissingId);
        }
        let stored = match source {
            SecretSource::File(path) => {
                check_file(&id, &path)?;
                Stored::File(path)
            }
            SecretSource::Env(variable) => match environment(&variable) {
                Some(value) => Stored::Bytes(value.into_vec().into()),
                None => return Err(SecretError::UnsetVariable { id, variable }),
            },
            SecretSource::Bytes(bytes) => Stored::Bytes(bytes),
        };
        if matches!(&stored, Stored::Bytes(bytes) if bytes.expose().len() > MAX_SECRET_SIZE) {
            return Err(SecretError::TooLarge { id });
        }
        self.by_id.insert(id, stored);
        Ok(())
    }

    /// Adds a secret by its id alone: the variable of that name if it is set, else the file.
    ///
    /// # Errors
    ///
    /// As for [`Self::add`].
    pub fn add_by_id(
        &mut self,
        id: impl Into<String>,
        environment: impl Fn(&str) -> Option<OsString>,
    ) -> Result<(), SecretError> {
        let id = id.into();
        let source = if environment(&id).is_some() {
            SecretSource::Env(id.clone())
        } else {
            SecretSource::File(PathBuf::from(&id))
        };
        self.add(id, source, environment)
    }

    /// Whether there are no secrets.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Reads a secret. `None` if the id is unknown. Blocking.
    fn read(&self, id: &str) -> Result<Option<SecretBytes>, SecretError> {
        match self.by_id.get(id) {
            None => Ok(None),
            Some(Stored::Bytes(bytes)) => Ok(Some(bytes.clone())),
            Some(Stored::File(path)) => read_file(id, path).map(Some),
        }
    }

    pub(crate) fn attach(self) -> Attachment {
        let server = SecretsServer::new(Service(Arc::new(self)))
            .max_decoding_message_size(MAX_MESSAGE)
            .max_encoding_message_size(MAX_MESSAGE);
        Attachment::generated(secrets_server::SERVICE_NAME, &METHODS, server)
    }
}

fn check_file(id: &str, path: &Path) -> Result<(), SecretError> {
    let metadata = std::fs::metadata(path).map_err(|error| unreadable(id, path, error))?;
    if metadata.is_dir() {
        return Err(unreadable(id, path, std::io::ErrorKind::IsADirectory.into()));
    }
    if metadata.len() > MAX_SECRET_SIZE as u64 {
        return Err(SecretError::TooLarge { id: id.to_owned() });
    }
    Ok(())
}

fn read_file(id: &str, path: &Path) -> Result<SecretBytes, SecretError> {
    let file = std::fs::File::open(path).map_err(|error| unreadable(id, path, error))?;
    // Allocate the buffer once: a buffer that grows would leave copies of the secret in memory.
    let mut bytes = Vec::with_capacity(MAX_SECRET_SIZE + 1);
    let read = file.take(MAX_SECRET_SIZE as u64 + 1).read_to_end(&mut bytes);
    let bytes = SecretBytes::from(bytes);
    read.map_err(|error| unreadable(id, path, error))?;
    if bytes.expose().len() > MAX_SECRET_SIZE {
        return Err(SecretError::TooLarge { id: id.to_owned() });
    }
    Ok(bytes)
}

fn unreadable(id: &str, path: &Path, source: std::io::Error) -> SecretError {
    SecretError::Unreadable { id: id.to_owned(), path: path.to_owned(), source }
}

struct Service(Arc<Secrets>);

#[tonic::async_trait]
impl secrets_server::Secrets for Service {
    async fn get_secret(&self, request: Request<GetSecretRequest>) -> Result<Response<GetSecretResponse>, Status> {
        let id = request.into_inner().id;
        let secrets = Arc::clone(&self.0);
        let wanted = id.clone();
        let secret = tokio::task::spawn_blocking(move || secrets.read(&wanted))
            .await
            .map_err(|error| Status::internal(error.to_string()))?;
        match secret {
            Ok(Some(bytes)) => Ok(Response::new(GetSecretResponse { data: bytes.expose().to_vec() })),
            Ok(None) => Err(Status::not_found(format!("secret {id:?} not found"))),
            Err(error) => {
                let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
                let cause = cause.unwrap_or_default();
                Err(Status::failed_precondition(format!("{error}{cause}")))
            }
        }
    }
}

#[cfg(test)]
mod tests;
