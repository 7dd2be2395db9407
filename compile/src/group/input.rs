//! The input of uv to install one group: a lock and a configuration.
//!
//! With a lock, uv resolves nothing and queries no index; it downloads the files and verifies their hashes. For cached files it
//! would still ask the server, unless the server or the configuration declares that they never change. The configuration is
//! looked up by the index of a file, so every file is given an index (`docs/python-layers.md`).

use std::collections::BTreeMap;

use crate::arguments::Index;
use crate::group::strong_hash;
use crate::lock::{Archive, Artifact, Directory, File, Hashes, Place, Selected, Source, Vcs};

/// The name of a group's lock. uv recognizes locks by this name.
pub const LOCK_FILE: &str = "pylock.toml";

/// The name of a group's uv configuration.
pub const CONFIG_FILE: &str = "uv.toml";

/// PyPI's files are on another host than its index. The files are cached under the index, so that installs through the index share
/// them.
const PYPI_FILES: &str = "https://files.pythonhosted.org/";
pub(crate) const PYPI_INDEX: &str = "https://pypi.org/simple";

/// The arguments after `uv pip install`. `folder` contains the group's two files.
pub(crate) fn arguments(is_built: bool, folder: &str) -> Vec<String> {
    let mut arguments = vec![
        // Locks as input are a preview feature in uv 0.13; naming the feature avoids the warning.
        "--preview-features".to_owned(),
        "pylock".to_owned(),
        "--config-file".to_owned(),
        format!("{folder}/{CONFIG_FILE}"),
        "--no-deps".to_owned(),
        "-r".to_owned(),
        format!("{folder}/{LOCK_FILE}"),
    ];
    if !is_built {
        arguments.push("--no-build".to_owned());
    }
    arguments
}

/// The lock and the configuration of packages, which are sorted by name.
pub(super) fn texts(selected: &[&Selected<'_>]) -> (String, String) {
    let mut lock = String::from("lock-version = \"1.0\"\ncreated-by = \"imagespec\"\n");
    let mut indexes = BTreeMap::new();
    if selected.is_empty() {
        lock.push_str("packages = []\n");
    }
    for one in selected {
        let index = index(one);
        lock.push_str(&entry(one, index.as_deref()));
        indexes.extend(index.map(|index| (index, ())));
    }
    let config = cache_control(indexes.keys().map(String::as_str));
    (lock, config)
}

/// A uv configuration that declares the files of indexes unchanging, so that uv does not request cached files again. `indexes` are
/// in order, each once.
///
/// PyPI's pages may be cached for ten minutes. Some proxies and mirrors remove that header; uv would then request the page of every
/// package again whenever a package is added.
pub(crate) fn cache_control<'a>(indexes: impl IntoIterator<Item = &'a str>) -> String {
    // Packages are not searched in these indexes, so builds still get their tools from the user's indexes.
    indexes.into_iter().enumerate().map(|(number, url)| index_entry(number, None, url, EXPLICIT, IMMUTABLE)).collect()
}

/// The same for indexes that are searched for packages, in this order. uv applies it only to indexes from its configuration: an
/// argument that names an index overrides the configuration of that index.
///
/// Without hashes, a file cannot be distinguished from a replacement with the same name, which indexes other than PyPI allow.
pub(crate) fn searched(indexes: &[Index<'_>]) -> String {
    let entry = |(number, index): (usize, &Index<'_>)| {
        let role = if index.is_default { "default = true\n" } else { "" };
        index_entry(number, index.name, index.url, role, if is_pypi(index.url) { IMMUTABLE } else { TEN_MINUTES })
    };
    let mut config: String = indexes.iter().enumerate().map(entry).collect();
    // uv queries PyPI last if there is no other default.
    if !indexes.iter().any(|index| index.is_default || is_pypi(index.url)) {
        config += &index_entry(indexes.len(), None, PYPI_INDEX, EXPLICIT, IMMUTABLE);
    }
    config
}

const EXPLICIT: &str = "explicit = true\n";
const IMMUTABLE: &str = "max-age=31536000, immutable";
const TEN_MINUTES: &str = "max-age=600";

fn is_pypi(url: &str) -> bool {
    url.trim_end_matches('/') == PYPI_INDEX
}

fn index_entry(number: usize, name: Option<&str>, url: &str, role: &str, files: &str) -> String {
    let name = name.map_or_else(|| format!("lock-{number}"), str::to_owned);
    let pages = if is_pypi(url) { format!("api = \"{TEN_MINUTES}\", ") } else { String::new() };
    let (name, url) = (quoted(&name), quoted(url));
    format!("[[index]]\nname = {name}\nurl = {url}\n{role}cache-control = {{ {pages}files = \"{files}\" }}\n")
}

/// The index under which a package's files are cached: the one in the lock, or else the host of the file.
fn index(one: &Selected<'_>) -> Option<String> {
    let file = match one.artifact {
        Artifact::Wheel(wheel) => &wheel.file,
        Artifact::Source(Source::Sdist(file)) => file,
        _ => return None,
    };
    if let Some(index) = &one.package.index {
        return Some(index.clone());
    }
    let Place::Url(url) = &file.place else { return None };
    if url.starts_with(PYPI_FILES) {
        return Some(PYPI_INDEX.to_owned());
    }
    let (scheme, rest) = url.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next()?;
    Some(format!("{scheme}://{host}/"))
}

fn entry(one: &Selected<'_>, index: Option<&str>) -> String {
    let mut entry = Table::default();
    entry.text("name", Some(one.package.name.as_str()));
    entry.text("version", one.package.version.as_ref().map(ToString::to_string).as_deref());
    entry.text("index", index);
    match one.artifact {
        Artifact::Wheel(wheel) => entry.raw("wheels", format!("[{{ {} }}]", file(&wheel.file).inline())),
        Artifact::Source(Source::Sdist(sdist)) => entry.raw("sdist", format!("{{ {} }}", file(sdist).inline())),
        Artifact::WheelArchive(one) | Artifact::Source(Source::Archive(one)) => {
            entry.raw("archive", format!("{{ {} }}", archive(one).inline()));
        }
        Artifact::Source(Source::Vcs(one)) => entry.raw("vcs", format!("{{ {} }}", vcs(one).inline())),
        Artifact::Source(Source::Directory(one)) => {
            entry.raw("directory", format!("{{ {} }}", directory(one).inline()));
        }
    }
    format!("\n[[packages]]\n{}\n", entry.pairs.join("\n"))
}

/// A file of an index. Its hash is part of the address: otherwise, after a file was replaced under its old name, a cache that treats
/// files as unchanging would return the old one.
fn file(file: &File) -> Table {
    let mut table = Table::default();
    table.text("name", file.name.as_deref());
    match (&file.place, strong_hash(&file.hashes)) {
        (Place::Url(url), Some((algorithm, digits))) => {
            let bare = url.split('#').next().unwrap_or_default();
            table.text("url", Some(&format!("{bare}#{algorithm}={digits}")));
        }
        (place, _) => table.place(place),
    }
    table.hashes(&file.hashes);
    table
}

fn archive(archive: &Archive) -> Table {
    let mut table = Table::default();
    table.place(&archive.file.place);
    table.hashes(&archive.file.hashes);
    table.text("subdirectory", archive.subdirectory.as_deref());
    table
}

fn vcs(vcs: &Vcs) -> Table {
    let mut table = Table::default();
    table.text("type", Some(&vcs.kind));
    table.place(&vcs.place);
    table.text("requested-revision", vcs.requested_revision.as_deref());
    table.text("commit-id", Some(&vcs.commit));
    table.text("subdirectory", vcs.subdirectory.as_deref());
    table
}

fn directory(directory: &Directory) -> Table {
    let mut table = Table::default();
    table.text("path", Some(&directory.path));
    if directory.editable {
        table.raw("editable", "true".to_owned());
    }
    table.text("subdirectory", directory.subdirectory.as_deref());
    table
}

/// Keys and values in TOML.
#[derive(Default)]
struct Table {
    pairs: Vec<String>,
}

impl Table {
    fn raw(&mut self, key: &str, value: String) {
        self.pairs.push(format!("{key} = {value}"));
    }

    fn text(&mut self, key: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.raw(key, quoted(text));
        }
    }

    fn place(&mut self, place: &Place) {
        match place {
            Place::Url(url) => self.text("url", Some(url)),
            Place::Path(path) => self.text("path", Some(path)),
        }
    }

    fn hashes(&mut self, hashes: &Hashes) {
        let mut table = Self::default();
        for (algorithm, digits) in hashes {
            table.text(algorithm, Some(digits));
        }
        self.raw("hashes", format!("{{ {} }}", table.inline()));
    }

    fn inline(&self) -> String {
        self.pairs.join(", ")
    }
}

/// A TOML basic string. JSON's escapes are valid in TOML; DEL, which JSON does not escape, is not allowed in TOML.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_that_are_searched() {
        let index = |name, url, is_default| Index { name, url, is_default };
        let entries = |indexes: &[Index<'_>]| {
            let config = searched(indexes).replace("files = \"max-age=31536000, immutable\"", "FILES");
            let config = config.replace("files = \"max-age=600\"", "SHORT");
            config.split("[[index]]\n").skip(1).map(|entry| entry.trim_end().replace('\n', "; ")).collect::<Vec<_>>()
        };
        assert_eq!(
            entries(&[index(Some("c"), "https://c", false), index(None, "https://a/\"x", true)]),
            [
                "name = \"c\"; url = \"https://c\"; cache-control = { SHORT }",
                "name = \"lock-1\"; url = \"https://a/\\\"x\"; default = true; cache-control = { SHORT }",
            ]
        );
        let pypi =
            "url = \"https://pypi.org/simple\"; explicit = true; cache-control = { api = \"max-age=600\", FILES }";
        assert_eq!(
            entries(&[index(None, "https://b", false)]),
            [
                "name = \"lock-0\"; url = \"https://b\"; cache-control = { SHORT }",
                &format!("name = \"lock-1\"; {pypi}")
            ]
        );
        let entries = entries(&[index(None, "https://pypi.org/simple/", false)]);
        assert_eq!(entries.len(), 1, "{entries:?}");
        assert!(entries[0].contains("api = \"max-age=600\""), "{entries:?}");
    }
}
