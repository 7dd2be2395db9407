//! Finds the daemon that the flags and the environment select, and connects to it.

use std::time::Duration;

use buildkit_client::dial::{Connection, DialOptions, dial};
use buildkit_client::discover::{DiscoverError, DiscoverOptions, Discovered, SystemEnvironment, discover};
use buildkit_client::tls::TlsFiles;

use crate::args::DaemonArgs;
use crate::error::CliError;

/// Finds the daemon and connects to it.
pub(crate) async fn connect(args: &DaemonArgs) -> Result<Connection, CliError> {
    dial_found(&find(args)?, args).await
}

/// Connects to a daemon that was found.
pub(crate) async fn dial_found(found: &Discovered, args: &DaemonArgs) -> Result<Connection, CliError> {
    Ok(dial(&found.address, &dial_options(args)).await?)
}

/// Finds the daemon.
pub(crate) fn find(args: &DaemonArgs) -> Result<Discovered, CliError> {
    discovered(args)?.map_err(|error| not_found(&error))
}

/// The result of looking for a daemon.
pub(crate) fn discovered(args: &DaemonArgs) -> Result<Result<Discovered, DiscoverError>, CliError> {
    let DaemonArgs { addr, builder, tlscacert, tlscert, tlskey, tlsdir, tlsservername, timeout: _ } = args.clone();
    let tls = TlsFiles::from_flags(tlsservername, tlscacert, tlscert, tlskey, tlsdir.as_deref())
        .map_err(|error| CliError::Input(error.to_string()))?;
    Ok(discover(&DiscoverOptions { address: addr, builder, tls }, &SystemEnvironment))
}

pub(crate) fn not_found(error: &DiscoverError) -> CliError {
    let help = error.help().map(|help| format!("\n  = help: {help}")).unwrap_or_default();
    match error {
        DiscoverError::Unusable { .. } => CliError::Input(format!("{error}{help}")),
        DiscoverError::Nothing { .. } => CliError::NoDaemon(format!("{error}{help}")),
    }
}

pub(crate) fn dial_options(args: &DaemonArgs) -> DialOptions {
    DialOptions { timeout: args.timeout.map(Duration::from_secs), ..DialOptions::default() }
}
