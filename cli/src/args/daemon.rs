//! Flags that select a daemon and the way to connect to it.

use std::path::PathBuf;

/// The daemon and the connection to it.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Daemon")]
pub(crate) struct DaemonArgs {
    /// Address of a BuildKit daemon or Docker Engine: unix://, tcp://, docker-container://, ssh://, ...
    #[arg(long, value_name = "ADDRESS", conflicts_with = "builder")]
    pub(crate) addr: Option<String>,
    /// Name of a buildx builder instance.
    #[arg(long, value_name = "NAME")]
    pub(crate) builder: Option<String>,
    /// CA certificate that signed the daemon's certificate.
    #[arg(long, value_name = "FILE")]
    pub(crate) tlscacert: Option<PathBuf>,
    /// Client certificate.
    #[arg(long, value_name = "FILE")]
    pub(crate) tlscert: Option<PathBuf>,
    /// Private key of the client certificate.
    #[arg(long, value_name = "FILE")]
    pub(crate) tlskey: Option<PathBuf>,
    /// Folder with ca.pem, cert.pem and key.pem.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["tlscacert", "tlscert", "tlskey"])]
    pub(crate) tlsdir: Option<PathBuf>,
    /// Host name in the daemon's certificate, if it differs from the host of the address.
    #[arg(long, value_name = "NAME")]
    pub(crate) tlsservername: Option<String>,
    /// Connection timeout in seconds. Default: 5 for sockets, 10 for TCP, 30 for helper programs.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) timeout: Option<u64>,
}
