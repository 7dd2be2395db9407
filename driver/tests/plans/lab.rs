//! Connections to the lab's daemons, and the certificates and folders that builds on them need.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use buildkit_client::dial::{Connection, DialOptions, dial};
use buildkit_client::session::secrets::{SecretSource, Secrets};

/// The value of a variable that `lab/up` sets.
#[track_caller]
pub(crate) fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run eval \"$(lab/up)\""))
}

/// The variables with the addresses of the newest and the oldest supported daemon.
pub(crate) const BUILDKITD: &str = "BUILDKIT_HOST";
pub(crate) const ENGINE_2010: &str = "IMAGESPEC_LAB_ENGINE_2010";

/// Connects to the daemon whose address is in a variable.
pub(crate) async fn connect(address_variable: &str) -> Connection {
    match dial(&variable(address_variable).parse().unwrap(), &DialOptions::default()).await {
        Ok(connection) => connection,
        Err(error) => panic!("{error}"),
    }
}

/// Secrets with the CA bundle that steps need to reach the package indexes, one for each id.
pub(crate) fn ca_bundles(ids: &[&str]) -> Secrets {
    let bundle = SecretSource::File(PathBuf::from(variable("IMAGESPEC_LAB_CA_BUNDLE")));
    let mut secrets = Secrets::default();
    for id in ids {
        secrets.add(*id, bundle.clone(), |_| None::<OsString>).unwrap();
    }
    secrets
}

/// A temporary folder with these files, given as path and text.
pub(crate) fn folder<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let files: BTreeMap<&str, &str> = files.into_iter().collect();
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}
