//! TLS settings for a daemon: CA, client certificate and key. The files are read once per connection.
//!
//! They do not apply to registries, for which the daemon and the session have their own settings.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, InvalidDnsNameError, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::{ClientConfig, DigitallySignedStruct, Error as RustlsError, RootCertStore, SignatureScheme};

/// Names of the files in a `--tlsdir`, in order of preference (moby/buildkit: `cmd/buildctl/main.go`).
const CA_NAMES: [&str; 2] = ["ca.pem", "ca.crt"];
const CERT_NAMES: [&str; 2] = ["cert.pem", "tls.crt"];
const KEY_NAMES: [&str; 2] = ["key.pem", "tls.key"];

const CA: &str = "CA certificate";

/// TLS settings of a connection.
///
/// If a CA is set, only that CA is trusted; otherwise the machine's trust store is used.
///
/// ```
/// use buildkit_client::tls::TlsFiles;
///
/// let files = TlsFiles::from_flags(None, Some("ca.pem".into()), None, None, None)?;
/// assert_eq!(files, Some(TlsFiles { ca: Some("ca.pem".into()), ..TlsFiles::default() }));
/// # Ok::<(), buildkit_client::tls::TlsError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// The name in the peer's certificate; the host of the address if absent.
    pub server_name: Option<String>,
    /// CA bundle (PEM).
    pub ca: Option<PathBuf>,
    /// Client certificate chain (PEM).
    pub cert: Option<PathBuf>,
    /// Client key (PEM).
    pub key: Option<PathBuf>,
    /// Accept any certificate: a Docker context's `SkipTLSVerify`, or `DOCKER_TLS` without `DOCKER_TLS_VERIFY`.
    pub skip_verify: bool,
}

/// Why TLS can't be set up.
///
/// ```
/// use std::path::Path;
///
/// use buildkit_client::tls::{TlsError, TlsFiles};
///
/// let error = TlsFiles::from_flags(None, Some("ca.pem".into()), None, None, Some(Path::new("certs")));
/// assert!(matches!(error, Err(TlsError::Mixed)));
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file can't be read, or has invalid content.
    #[error("can't read {what} {path}: {problem}")]
    File {
        /// Which of the files.
        what: &'static str,
        /// Its path.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// A certificate without its key, or a key without its certificate.
    #[error("only the client {given} is given; a client certificate and its key are needed together")]
    HalfPair {
        /// The given one: `certificate` or `key`.
        given: &'static str,
    },
    /// No CA was given, and the machine has no trust store.
    #[error("no CA certificate is given, and the machine's trust store can't be read: {0}")]
    NoRoots(String),
    /// The directory has no file under any of the known names.
    #[error("{path} contains none of ca.pem, cert.pem, key.pem, ca.crt, tls.crt, tls.key")]
    EmptyDir {
        /// The directory.
        path: PathBuf,
    },
    /// `--tlsdir` is combined with a flag for a single file.
    #[error("--tlsdir cannot be combined with --tlscacert, --tlscert or --tlskey")]
    Mixed,
    /// `--tlsservername` is given without any file.
    #[error("--tlsservername needs --tlscacert, --tlscert and --tlskey, or --tlsdir")]
    ServerNameAlone,
    /// The server name is invalid.
    #[error("{name:?} is not a valid server name")]
    ServerName {
        /// The name.
        name: String,
        /// Why.
        #[source]
        source: InvalidDnsNameError,
    },
    /// The TLS library rejects the settings.
    #[error("the TLS settings are invalid")]
    Config(#[source] RustlsError),
}

impl TlsFiles {
    /// Uses the files in a directory. Each file can have one of two names.
    ///
    /// # Errors
    /// The directory has no file with one of the six names.
    pub fn from_dir(dir: &Path) -> Result<Self, TlsError> {
        let find = |names: [&str; 2]| names.into_iter().map(|name| dir.join(name)).find(|path| path.exists());
        let files = Self { ca: find(CA_NAMES), cert: find(CERT_NAMES), key: find(KEY_NAMES), ..Self::default() };
        if files.ca.is_none() && files.cert.is_none() && files.key.is_none() {
            return Err(TlsError::EmptyDir { path: dir.to_owned() });
        }
        Ok(files)
    }

    /// Converts the command-line flags to settings; `None` if no flag is given.
    ///
    /// # Errors
    /// `dir` is combined with single files, or contains none of the files; or there is only a server name.
    pub fn from_flags(
        server_name: Option<String>,
        ca: Option<PathBuf>,
        cert: Option<PathBuf>,
        key: Option<PathBuf>,
        dir: Option<&Path>,
    ) -> Result<Option<Self>, TlsError> {
        let single = ca.is_some() || cert.is_some() || key.is_some();
        match dir {
            Some(_) if single => Err(TlsError::Mixed),
            Some(dir) => Ok(Some(Self { server_name, ..Self::from_dir(dir)? })),
            None if single => Ok(Some(Self { server_name, ca, cert, key, skip_verify: false })),
            None if server_name.is_some() => Err(TlsError::ServerNameAlone),
            None => Ok(None),
        }
    }

    /// The name to verify the peer's certificate against.
    pub(crate) fn server_name(&self, host: &str) -> Result<ServerName<'static>, TlsError> {
        let name = self.server_name.as_deref().unwrap_or(host);
        ServerName::try_from(name.to_owned()).map_err(|source| TlsError::ServerName { name: name.to_owned(), source })
    }

    /// Reads the files and offers `protocols` by ALPN.
    pub(crate) fn client_config(&self, protocols: &[&[u8]]) -> Result<ClientConfig, TlsError> {
        // Do not use the process's default provider, so that programs with a different default can link this crate.
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Config)?;
        let builder = if self.skip_verify {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(AcceptAny(provider)))
        } else {
            builder.with_root_certificates(self.roots()?)
        };
        let mut config = match (&self.cert, &self.key) {
            (Some(cert), Some(path)) => {
                let key = PrivateKeyDer::from_pem_file(path).map_err(|error| unusable("client key", path, &error))?;
                builder
                    .with_client_auth_cert(read_certificates("client certificate", cert)?, key)
                    .map_err(TlsError::Config)?
            }
            (None, None) => builder.with_no_client_auth(),
            (Some(_), None) => {
                return Err(TlsError::HalfPair { given: "certificate" });
            }
            (None, Some(_)) => return Err(TlsError::HalfPair { given: "key" }),
        };
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        Ok(config)
    }

    fn roots(&self) -> Result<RootCertStore, TlsError> {
        let mut roots = RootCertStore::empty();
        if let Some(path) = &self.ca {
            for certificate in read_certificates(CA, path)? {
                roots.add(certificate).map_err(|error| unusable(CA, path, &error))?;
            }
            return Ok(roots);
        }
        let native = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(native.certs);
        if roots.is_empty() {
            let problems: Vec<String> = native.errors.iter().map(ToString::to_string).collect();
            return Err(TlsError::NoRoots(if problems.is_empty() {
                "it is empty".to_owned()
            } else {
                problems.join("; ")
            }));
        }
        Ok(roots)
    }
}

fn read_certificates(what: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(certificates) if certificates.is_empty() => Err(unusable(what, path, &"it contains no certificate")),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(unusable(what, path, &error)),
    }
}

fn unusable(what: &'static str, path: &Path, problem: &dyn fmt::Display) -> TlsError {
    TlsError::File { what, path: path.to_owned(), problem: problem.to_string() }
}

/// For `skip_verify`: checks the signatures of the handshake, but not the issuer of the certificate.
#[derive(Debug)]
struct AcceptAny(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAny {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, RustlsError> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, RustlsError> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, RustlsError> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
