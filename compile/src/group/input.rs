//! What uv reads to install one group: a lock of its own and a configuration.
//!
//! With a lock uv resolves nothing, so it asks no index; it goes straight to the files, and verifies their hashes. Files that
//! are in its cache it would still ask the server about, unless the server promised or the configuration says that they never
//! change. Configuration is looked up by the index a file came from, so every file is given one (`docs/python-layers.md`).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::group::strong_hash;
use crate::lock::{Archive, Artifact, Directory, File, Hashes, Place, Selected, Source, Vcs};

/// The name of a group's lock: uv knows locks by it.
pub const LOCK_FILE: &str = "pylock.toml";

/// The name of a group's configuration of uv.
pub const CONFIG_FILE: &str = "uv.toml";

/// PyPI serves its files from here and its index from there; cached wheels are shared with installs that ask the index.
const PYPI_FILES: &str = "https://files.pythonhosted.org/";
pub(crate) const PYPI_INDEX: &str = "https://pypi.org/simple";

/// What follows `uv pip install`, with a group's two files in `folder`.
pub(crate) fn arguments(is_built: bool, folder: &str) -> Vec<String> {
    let mut arguments = vec![
        // Locks as input are a preview in uv 0.13; naming it spares the warning.
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

/// Lock and configuration of packages that are sorted by name.
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
    let config = unchanging_files(indexes.keys().map(String::as_str));
    (lock, config)
}

/// Configuration of uv by which files of these indexes never change, so that it asks for none it has. `indexes` are in order,
/// each once.
pub(crate) fn unchanging_files<'a>(indexes: impl IntoIterator<Item = &'a str>) -> String {
    let mut config = String::new();
    for (number, index) in indexes.into_iter().enumerate() {
        // `explicit`: nothing is looked up there, so what is built still finds its tools where the user says.
        let _infallible = writeln!(
            config,
            "[[index]]\nname = \"lock-{number}\"\nurl = {}\nexplicit = true\ncache-control = {{ files = \"max-age=31536000, immutable\" }}",
            quoted(index)
        );
    }
    config
}

/// The index a package's files are cached under: the lock's word, else where the file comes from.
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

/// A file of an index. Its hash is part of the address: where a file was replaced under its old name, a cache that believes files
/// never change would else give the old one for ever.
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

/// Keys and values as TOML writes them.
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

/// A TOML basic string. JSON's escapes are all TOML's too; DEL, which JSON leaves alone, must not stand there.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}
