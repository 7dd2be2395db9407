//! The lab's daemons, and what builds on them are given.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use buildkit_client::dial::{Connection, DialOptions, dial};
use buildkit_client::session::secrets::{SecretSource, Secrets};

#[track_caller]
pub(crate) fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run eval \"$(lab/up)\""))
}

/// The variables with the addresses of the newest daemon and of the oldest.
pub(crate) const BUILDKITD: &str = "BUILDKIT_HOST";
pub(crate) const ENGINE_2010: &str = "IMAGESPEC_LAB_ENGINE_2010";

/// A connection to a daemon.
pub(crate) async fn connect(daemon: &str) -> Connection {
    match dial(&variable(daemon).parse().unwrap(), &DialOptions::default()).await {
        Ok(connection) => connection,
        Err(error) => panic!("{error}"),
    }
}

/// The certificates with which steps reach the package indexes, under some ids.
pub(crate) fn certificates(ids: &[&str]) -> Secrets {
    let bundle = SecretSource::File(PathBuf::from(variable("IMAGESPEC_LAB_CA_BUNDLE")));
    let mut secrets = Secrets::default();
    for id in ids {
        secrets.add(*id, bundle.clone(), |_| None::<OsString>).unwrap();
    }
    secrets
}

/// A folder with these files.
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
