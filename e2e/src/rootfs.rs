//! Root filesystems: the result of layers, and the differences between two.

use std::collections::BTreeMap;
use std::io::Read;

use sha2::{Digest as _, Sha256};

/// The properties of a path. Times are left out, because they differ between builds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// `file`, `folder`, `link`, or a device's kind.
    pub kind: &'static str,
    /// Permission bits.
    pub mode: u32,
    /// Owner and group.
    pub owner: (u64, u64),
    /// The digest and size of a file, or the target of a link.
    pub content: String,
    /// A file's size.
    pub size: u64,
}

/// Paths without a leading slash.
#[derive(Clone, Debug, Default)]
pub struct Rootfs(pub BTreeMap<String, Node>);

impl Rootfs {
    /// The root filesystem of layers, lowest first.
    ///
    /// # Panics
    /// If a layer is broken.
    #[must_use]
    #[track_caller]
    pub fn from_layers<'a>(layers: impl IntoIterator<Item = &'a [u8]>) -> Self {
        layers.into_iter().fold(Self::default(), Self::with)
    }

    #[track_caller]
    fn with(mut self, layer: &[u8]) -> Self {
        let mut added = BTreeMap::new();
        for (path, node) in entries(layer) {
            let (folder, name) = path.rsplit_once('/').map_or(("", path.as_str()), |(folder, name)| (folder, name));
            let below = |folder: &str| if folder.is_empty() { String::new() } else { format!("{folder}/") };
            if name == ".wh..wh..opq" {
                // This layer replaces the folder.
                self.0.retain(|known, _| !known.starts_with(&below(folder)));
            } else if let Some(removed) = name.strip_prefix(".wh.") {
                let removed = format!("{}{removed}", below(folder));
                let under = below(&removed);
                self.0.retain(|known, _| *known != removed && !known.starts_with(&under));
            } else {
                let node = if node.kind == "hard link" {
                    let target = node.content.trim_start_matches('/').trim_start_matches("./");
                    added.get(target).or_else(|| self.0.get(target)).cloned().unwrap_or(node)
                } else {
                    node
                };
                if node.kind != "folder" {
                    let under = below(&path);
                    self.0.retain(|known, _| !known.starts_with(&under));
                }
                added.insert(path, node);
            }
        }
        self.0.extend(added);
        self
    }

    /// The paths that match.
    #[must_use]
    pub fn paths(&self, wanted: impl Fn(&str) -> bool) -> Vec<&str> {
        self.0.keys().map(String::as_str).filter(|path| wanted(path)).collect()
    }

    /// The differences to another one, one line per path.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut lines = Vec::new();
        for (path, node) in &self.0 {
            match other.0.get(path) {
                None => lines.push(format!("{path}: only in the first: {node:?}")),
                Some(theirs) if theirs != node => lines.push(format!("{path}: {node:?} is {theirs:?} in the second")),
                Some(_) => {}
            }
        }
        let more = other.0.iter().filter(|(path, _)| !self.0.contains_key(*path));
        lines.extend(more.map(|(path, node)| format!("{path}: only in the second: {node:?}")));
        lines
    }
}

/// The entries of one layer in order: paths without a leading slash or dot.
///
/// # Panics
/// If it is not a tar.
#[track_caller]
pub fn entries(layer: &[u8]) -> Vec<(String, Node)> {
    let mut archive = tar::Archive::new(layer);
    let entries = archive.entries().expect("a layer is a tar");
    let read = entries.map(|entry| {
        let mut entry = entry?;
        let path = entry.path()?.to_string_lossy().trim_start_matches("./").trim_matches('/').to_owned();
        let link = entry.link_name()?.map(|link| link.to_string_lossy().into_owned()).unwrap_or_default();
        let header = entry.header();
        let (mode, owner, size) = (header.mode()? & 0o7777, (header.uid()?, header.gid()?), header.size()?);
        let kind = match header.entry_type() {
            tar::EntryType::Directory => "folder",
            tar::EntryType::Symlink => "link",
            tar::EntryType::Link => "hard link",
            tar::EntryType::Char => "character device",
            tar::EntryType::Block => "block device",
            tar::EntryType::Fifo => "fifo",
            _ => "file",
        };
        let content = if kind == "file" {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes)?;
            hex::encode(Sha256::digest(&bytes))
        } else {
            link
        };
        Ok((path, Node { kind, mode, owner, content, size }))
    });
    let read: std::io::Result<Vec<_>> = read.collect();
    let mut read = read.expect("a layer is a tar");
    read.retain(|(path, _)| !path.is_empty());
    read
}
