//! A directory with unusual entries, and the content of a directory in a comparable form.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

/// A directory with every kind of entry that transfers have mishandled.
pub(crate) fn odd() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let path = root.path();
    let write = |name: &str, content: &[u8]| {
        fs::create_dir_all(path.join(name).parent().unwrap()).unwrap();
        fs::write(path.join(name), content).unwrap();
    };
    write("unique", buildkit_client::solve::new_reference().as_bytes());
    for index in 0..2000 {
        write(&format!("many/{}/{index}.txt", index % 17), format!("file {index}").as_bytes());
    }
    let big: Vec<u8> = (0..5_000_000_u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    write("big", &big);
    // The order of these differs between names and paths.
    for name in ["foo/x", "foo-bar", "foo.d/y", "foo!", "foo0"] {
        write(name, name.as_bytes());
    }
    for name in
        ["empty", " leading and trailing ", "new\nline", "back\\slash", "st*r?[x]", "caf\u{e9}/\u{2603}", "-dash"]
    {
        write(name, b"");
    }
    for name in [&b"caf\xe9"[..], b"\xff\xfe", b"a\x01b"] {
        fs::write(path.join(OsStr::from_bytes(name)), name).unwrap();
        fs::create_dir(path.join(OsStr::from_bytes(&[name, b".d"].concat()))).unwrap();
        fs::write(path.join(OsStr::from_bytes(&[name, b".d/inside"].concat())), name).unwrap();
        symlink(OsStr::from_bytes(name), path.join(OsStr::from_bytes(&[name, b".link"].concat()))).unwrap();
    }
    fs::create_dir_all(path.join("empty-dir/deeper")).unwrap();
    for (link, target) in [
        ("links/relative", "../big"),
        ("links/absolute", "/etc/passwd"),
        ("links/dangling", "no/where"),
        ("links/outside", "../../../.."),
        ("links/loop", "loop"),
        ("links/dir", "../foo"),
    ] {
        fs::create_dir_all(path.join("links")).unwrap();
        symlink(target, path.join(link)).unwrap();
    }
    write("hard/first", b"one inode, three names");
    fs::hard_link(path.join("hard/first"), path.join("hard/second")).unwrap();
    fs::hard_link(path.join("hard/first"), path.join("a-third")).unwrap();
    for (name, mode) in [("program", 0o755), ("read-only", 0o444), ("private", 0o600), ("sticky", 0o1644)] {
        write(name, name.as_bytes());
        fs::set_permissions(path.join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    for (name, mode) in [("dirs/closed", 0o500), ("dirs/sticky", 0o1777)] {
        write(&format!("{name}/file"), b"x");
        fs::set_permissions(path.join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    let old = std::time::UNIX_EPOCH + Duration::from_nanos(987_654_321_987_654_321);
    for name in ["read-only", "foo/x", "empty"] {
        fs::File::open(path.join(name)).unwrap().set_modified(old).unwrap();
    }
    root
}

/// An entry without machine-specific data: owner, inode, access time.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    mode: u32,
    /// Nanoseconds.
    modified: i128,
    content: Content,
}

#[derive(Debug, PartialEq, Eq)]
enum Content {
    Directory,
    Link(Vec<u8>),
    /// SHA-256, and the first of the paths that share the inode.
    File(String, Vec<u8>),
    Other,
}

/// Everything below a directory, by path.
pub(crate) fn describe(root: &Path) -> BTreeMap<Vec<u8>, Entry> {
    let mut entries = BTreeMap::new();
    let mut waiting = vec![root.to_owned()];
    let mut files: BTreeMap<u64, Vec<Vec<u8>>> = BTreeMap::new();
    while let Some(directory) = waiting.pop() {
        for child in fs::read_dir(&directory).unwrap() {
            let path = child.unwrap().path();
            let name = path.strip_prefix(root).unwrap().as_os_str().as_bytes().to_vec();
            let metadata = fs::symlink_metadata(&path).unwrap();
            let content = if metadata.is_dir() {
                waiting.push(path);
                Content::Directory
            } else if metadata.is_symlink() {
                Content::Link(fs::read_link(&path).unwrap().as_os_str().as_bytes().to_vec())
            } else if metadata.is_file() {
                files.entry(metadata.ino()).or_default().push(name.clone());
                let hash = Sha256::digest(fs::read(&path).unwrap());
                Content::File(hash.iter().map(|byte| format!("{byte:02x}")).collect(), Vec::new())
            } else {
                Content::Other
            };
            let modified = i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec());
            entries.insert(name, Entry { mode: metadata.mode(), modified, content });
        }
    }
    for paths in files.into_values() {
        let first = paths.iter().min().unwrap().clone();
        for path in paths {
            if let Some(Entry { content: Content::File(_, shared), .. }) = entries.get_mut(&path) {
                shared.clone_from(&first);
            }
        }
    }
    entries
}

/// Everything below a directory, with the same time for all directories.
pub(crate) fn without_times(root: &Path) -> BTreeMap<Vec<u8>, Entry> {
    let mut entries = describe(root);
    for entry in entries.values_mut().filter(|entry| entry.content == Content::Directory) {
        entry.modified = 0;
    }
    entries
}

/// Fails with only the entries that differ.
#[track_caller]
pub(crate) fn assert_same(found: &BTreeMap<Vec<u8>, Entry>, expected: &BTreeMap<Vec<u8>, Entry>) {
    let paths: std::collections::BTreeSet<_> = found.keys().chain(expected.keys()).collect();
    let differences: Vec<String> = paths
        .into_iter()
        .filter(|path| found.get(*path) != expected.get(*path))
        .map(|path| {
            let name = path.escape_ascii();
            format!("{name}:\n  found    {:?}\n  expected {:?}", found.get(path), expected.get(path))
        })
        .collect();
    let shown = differences.iter().take(20).cloned().collect::<Vec<_>>().join("\n");
    assert!(differences.is_empty(), "{} entries differ\n{shown}", differences.len());
}

/// Names in a tar archive, as far as its plain headers contain them.
pub(crate) fn tar_names(archive: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = archive;
    while rest.len() >= 512 && rest[0] != 0 {
        let text = |range: std::ops::Range<usize>| {
            let field = &rest[range];
            let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
            String::from_utf8_lossy(&field[..end]).into_owned()
        };
        let size = usize::from_str_radix(text(124..136).trim(), 8).unwrap();
        names.push(text(0..100));
        rest = &rest[(512 + size.div_ceil(512) * 512).min(rest.len())..];
    }
    names
}
