//! The token authority: lets a daemon recognize a client without storing its password (moby/buildkit:
//! `session/auth/authprovider/tokenseed.go`).
//!
//! A key pair is derived from the daemon's salt and a random seed that the client keeps per registry. The daemon stores
//! tokens under the public key, and asks for a signature before it uses them for this client.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use ring::{error, hmac};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

/// The length that upstream uses; the seed file is shared with it.
const SEED_LENGTH: usize = 16;
const SEED_FILE: &str = ".token_seed";
const LOCK_FILE: &str = ".token_seed.lock";

/// Creates the keys.
#[derive(Clone, Debug)]
pub(super) struct Authority {
    /// Where seeds are stored. Without a folder, seeds last as long as the session.
    folder: Option<PathBuf>,
    seeds: Arc<Mutex<Seeds>>,
}

/// Seeds by registry, in the form of the file.
type Seeds = BTreeMap<String, Seed>;

#[derive(Clone, Deserialize, Serialize)]
struct Seed {
    /// base64
    #[serde(rename = "Seed")]
    seed: String,
}

impl std::fmt::Debug for Seed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Seed(..)")
    }
}

/// A key pair for one registry and one daemon.
#[derive(Debug)]
pub(super) struct Key(Ed25519KeyPair);

impl Key {
    pub(super) fn public(&self) -> Vec<u8> {
        self.0.public_key().as_ref().to_vec()
    }

    /// NaCl's form: the signature, then the message.
    pub(super) fn sign(&self, payload: &[u8]) -> Vec<u8> {
        let mut signed = self.0.sign(payload).as_ref().to_vec();
        signed.extend_from_slice(payload);
        signed
    }
}

impl Authority {
    pub(super) fn new(folder: Option<PathBuf>) -> Self {
        Self { folder, seeds: Arc::default() }
    }

    /// The key for a registry. All clients without a secret for the registry have the same key, so that they share tokens.
    pub(super) async fn key(&self, host: &str, salt: &[u8], has_secret: bool) -> io::Result<Key> {
        let seed = if has_secret {
            let (authority, host) = (self.clone(), host.to_owned());
            tokio::task::spawn_blocking(move || authority.seed(&host)).await??
        } else {
            Vec::new()
        };
        derive(salt, &seed).map_err(|error| io::Error::other(error.to_string()))
    }

    /// The seed of a registry, created and stored on first use. Blocking.
    fn seed(&self, host: &str) -> io::Result<Vec<u8>> {
        let mut seeds = self.seeds.lock().unwrap_or_else(PoisonError::into_inner);
        let _lock = match &self.folder {
            Some(folder) => lock(folder)?,
            None => None,
        };
        if let Some(folder) = &self.folder
            && let Ok(bytes) = std::fs::read(folder.join(SEED_FILE))
            && let Ok(stored) = serde_json::from_slice::<Seeds>(&bytes)
        {
            seeds.extend(stored);
        }
        if let Some(seed) = seeds.get(host)
            && let Ok(seed) = STANDARD.decode(&seed.seed)
            && !seed.is_empty()
        {
            return Ok(seed);
        }
        let mut seed = vec![0; SEED_LENGTH];
        getrandom::fill(&mut seed).map_err(io::Error::other)?;
        seeds.insert(host.to_owned(), Seed { seed: STANDARD.encode(&seed) });
        if let Some(folder) = &self.folder {
            tolerate_read_only(store(folder, &seeds))?;
        }
        Ok(seed)
    }
}

fn derive(salt: &[u8], seed: &[u8]) -> Result<Key, error::KeyRejected> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, salt);
    Ed25519KeyPair::from_seed_unchecked(hmac::sign(&key, seed).as_ref()).map(Key)
}

/// Locks the seed file, which other clients of the user also use. `None` if the folder is read-only.
fn lock(folder: &Path) -> io::Result<Option<File>> {
    let locked = std::fs::create_dir_all(folder)
        .and_then(|()| File::create(folder.join(LOCK_FILE)))
        .and_then(|file| file.lock().map(|()| file));
    tolerate_read_only(locked.map(Some)).map(Option::flatten)
}

fn store(folder: &Path, seeds: &Seeds) -> io::Result<()> {
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(&serde_json::to_vec_pretty(seeds).map_err(io::Error::other)?)?;
    file.persist(folder.join(SEED_FILE))?;
    Ok(())
}

/// Ignores errors of read-only folders: a seed that can't be stored only costs a token request in the next build.
fn tolerate_read_only<T>(outcome: io::Result<T>) -> io::Result<Option<T>> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(error) if matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use ring::signature::{ED25519, UnparsedPublicKey};

    use super::*;

    #[tokio::test]
    async fn is_recognized_by_signature() {
        let authority = Authority::new(None);
        let key = authority.key("reg", b"salt", true).await.unwrap();
        let signed = key.sign(b"payload");
        let (signature, payload) = signed.split_at(64);
        assert_eq!(payload, b"payload");
        UnparsedPublicKey::new(&ED25519, key.public()).verify(payload, signature).unwrap();
    }

    #[tokio::test]
    async fn keys_depend_on_salt_registry_and_secret() {
        let authority = Authority::new(None);
        let mut keys = std::collections::BTreeSet::new();
        for (host, salt, has_secret) in
            [("a", &b"1"[..], true), ("a", b"2", true), ("b", b"1", true), ("a", b"1", false)]
        {
            keys.insert(authority.key(host, salt, has_secret).await.unwrap().public());
        }
        assert_eq!(keys.len(), 4);
        let again = authority.key("a", b"1", true).await.unwrap().public();
        assert!(keys.contains(&again));
    }

    #[tokio::test]
    async fn seeds_are_kept_in_the_file_upstream_uses() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(SEED_FILE);
        // As Go writes it.
        std::fs::write(&file, r#"{ "old": { "Seed": "AAAAAAAAAAAAAAAAAAAAAA==" } }"#).unwrap();
        let first = Authority::new(Some(folder.path().to_owned()));
        let key = first.key("new", b"s", true).await.unwrap().public();
        let second = Authority::new(Some(folder.path().to_owned()));
        assert_eq!(second.key("new", b"s", true).await.unwrap().public(), key);
        let stored: Seeds = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        assert_eq!(stored.keys().collect::<Vec<_>>(), ["new", "old"]);
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let zeros = derive(b"s", &[0; SEED_LENGTH]).unwrap().public();
        assert_eq!(second.key("old", b"s", true).await.unwrap().public(), zeros);
    }
}
