//! Searches for secrets where they must not be.
//!
//! Every scan also looks for a text that must be present, to show that the scan works.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use memchr::memmem;
use sha2::{Digest as _, Sha256};

use crate::lab::PrivateIndex;

/// Secrets that must not be found.
#[derive(Debug)]
pub struct Needles(Vec<(&'static str, Vec<u8>)>);

impl Needles {
    /// The forms in which the password of an index could leak.
    #[must_use]
    pub fn for_index(index: &PrivateIndex) -> Self {
        let engine = base64::engine::general_purpose::STANDARD_NO_PAD;
        let encode = |text: String| engine.encode(text).into_bytes();
        // The base64 of the password inside a longer text depends on its offset. There are three cases, without the characters that depend
        // on the neighbors.
        let shifted = |shift: usize| {
            let encoded = encode(format!("{}{}", "x".repeat(shift), index.password));
            let start = if shift == 0 { 0 } else { 4 };
            let end = encoded.len() - encoded.len() % 4;
            encoded.get(start..end).unwrap_or_default().to_vec()
        };
        Self(vec![
            ("the password", index.password.clone().into_bytes()),
            ("basic auth", encode(format!("{}:{}", index.user, index.password))),
            ("the password in base64", shifted(0)),
            ("the password in base64, shifted by 1", shifted(1)),
            ("the password in base64, shifted by 2", shifted(2)),
        ])
    }

    /// These, and another secret.
    #[must_use]
    pub fn and(mut self, name: &'static str, text: &str) -> Self {
        self.0.push((name, text.as_bytes().to_vec()));
        self
    }

    /// The secrets in some bytes.
    #[must_use]
    pub fn in_bytes(&self, bytes: &[u8]) -> Vec<&'static str> {
        let found = self.0.iter().filter(|(_, needle)| memmem::find(bytes, needle).is_some());
        found.map(|(name, _)| *name).collect()
    }

    /// Fails the test if some bytes contain a secret.
    #[track_caller]
    pub fn absent_from(&self, place: &str, bytes: &[u8]) {
        assert!(!bytes.is_empty(), "{place} is empty: nothing was scanned");
        let found = self.in_bytes(bytes);
        assert!(found.is_empty(), "{place} holds {}", found.join(" and "));
    }

    /// Searches the files below a folder, and counts those that contain `control`.
    ///
    /// After a scan without findings, its time is stored in `stamp`; the next scan skips files that have not changed since, according to
    /// the inode's change time, which no program can set. Delete the stamp to scan everything.
    ///
    /// # Panics
    /// If the stamp cannot be written.
    #[must_use]
    #[track_caller]
    pub fn below(&self, folder: &Path, control: &str, stamp: &Path) -> Scanned {
        let needles = hex::encode(Sha256::digest(format!("{:?}", self.0)));
        let clean = std::fs::read_to_string(stamp).is_ok_and(|scanned| scanned == needles);
        let since = stamp.metadata().ok().filter(|_| clean).map_or(i64::MIN, |stamp| stamp.mtime());
        let began = stamp.with_extension("new");
        let write = || {
            std::fs::create_dir_all(stamp.parent().unwrap_or(Path::new("/")))?;
            std::fs::write(&began, &needles)
        };
        write().unwrap_or_else(|error| panic!("cannot write {}: {error}", began.display()));
        let mut scanned = Scanned::default();
        self.walk(folder, since, control, &mut scanned);
        if scanned.found.is_empty() {
            std::fs::rename(&began, stamp).unwrap_or_else(|error| panic!("cannot write {}: {error}", stamp.display()));
        }
        scanned
    }

    fn walk(&self, folder: &Path, since: i64, control: &str, scanned: &mut Scanned) {
        // A running daemon may remove files during the scan.
        let Ok(entries) = std::fs::read_dir(folder) else { return };
        for entry in entries.flatten() {
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() {
                self.walk(&entry.path(), since, control, scanned);
            } else if kind.is_file() && entry.metadata().is_ok_and(|file| file.ctime() >= since) {
                self.file(&entry.path(), control, scanned);
            }
        }
    }

    /// Searches a file in chunks that overlap by more than the longest secret.
    fn file(&self, path: &Path, control: &str, scanned: &mut Scanned) {
        const CHUNK_BYTES: usize = 4 << 20;
        let longest = self.0.iter().map(|(_, needle)| needle.len()).max().unwrap_or_default().max(control.len());
        let Ok(mut file) = File::open(path) else { return };
        let (mut buffer, mut found, mut has_control) = (Vec::with_capacity(CHUNK_BYTES + longest), Vec::new(), false);
        loop {
            let keep = buffer.len().min(longest);
            buffer.drain(..buffer.len() - keep);
            let Ok(count) = file.by_ref().take(CHUNK_BYTES as u64).read_to_end(&mut buffer) else { break };
            if count == 0 {
                break;
            }
            scanned.bytes += count as u64;
            found.extend(self.in_bytes(&buffer));
            has_control |= memmem::find(&buffer, control.as_bytes()).is_some();
        }
        scanned.files += 1;
        scanned.controls += u64::from(has_control);
        if !found.is_empty() {
            scanned.found.push((path.to_owned(), found.join(", ")));
        }
    }
}

/// The result of a scan.
#[derive(Debug, Default)]
pub struct Scanned {
    /// The number of files.
    pub files: u64,
    /// The number of bytes.
    pub bytes: u64,
    /// The number of files with the control text.
    pub controls: u64,
    /// Files with a secret, and the kind of secret.
    pub found: Vec<(PathBuf, String)>,
}
