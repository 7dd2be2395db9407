//! Flags that say which daemon to use and how to reach it.

use std::path::PathBuf;

/// Which daemon.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Daemon")]
pub(crate) struct DaemonArgs {
    /// Address of a BuildKit daemon or Docker Engine: unix://, tcp://, docker-container://, ssh://, ...
    #[arg(long, value_name = "ADDRESS", conflicts_with = "builder")]
    pub(crate) addr: Option<String>,
    /// A buildx builder instance.
    #[arg(long, value_name = "NAME")]
    pub(crate) builder: Option<String>,
    /// CA certificate of the daemon.
    #[arg(long, value_name = "FILE")]
    pub(crate) tlscacert: Option<PathBuf>,
    /// Client certificate.
    #[arg(long, value_name = "FILE")]
    pub(crate) tlscert: Option<PathBuf>,
    /// Key of the client certificate.
    #[arg(long, value_name = "FILE")]
    pub(crate) tlskey: Option<PathBuf>,
    /// Folder with ca.pem, cert.pem and key.pem.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["tlscacert", "tlscert", "tlskey"])]
    pub(crate) tlsdir: Option<PathBuf>,
    /// Name in the daemon's certificate, if it is not the host of the address.
    #[arg(long, value_name = "NAME")]
    pub(crate) tlsservername: Option<String>,
    /// Seconds to wait for the connection. Default: 5 for sockets, 10 for TCP, 30 for helper programs.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) timeout: Option<u64>,
}
