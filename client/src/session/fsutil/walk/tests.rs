//! Walks of real directories.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use super::*;
use crate::session::fsutil::order::Order;

fn entries(root: &Path, include: &[&str], exclude: &[&str]) -> Vec<Stat> {
    let owned = |patterns: &[&str]| patterns.iter().map(|pattern| (*pattern).to_owned()).collect::<Vec<_>>();
    let filter = Filter::new(&owned(include), &owned(exclude)).unwrap();
    let mut found = Vec::new();
    let mut emit = |entry: Entry| {
        found.push(entry.stat);
        true
    };
    walk(&Tree::open(root).unwrap(), &filter, Owner::Root, &mut emit).unwrap();
    // Every sent path has to pass the receiver's check.
    let mut order = Order::new();
    for stat in &found {
        order.accept(&stat.path, stat.mode & mode::DIR != 0).unwrap();
    }
    found
}

fn paths(stats: &[Stat]) -> Vec<String> {
    stats.iter().map(|stat| String::from_utf8_lossy(&stat.path).into_owned()).collect()
}

/// Creates files; names that end in `/` are directories.
fn populate(names: &[&str]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for name in names {
        let path = root.path().join(name);
        if name.ends_with('/') {
            fs::create_dir_all(path).unwrap();
        } else {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, name).unwrap();
        }
    }
    root
}

#[test]
fn order_is_by_name_within_a_directory() {
    let root = populate(&["foo/x", "foo-bar", "foo.d/y", "a/", "Z", "foo/sub/z", ".hidden"]);
    assert_eq!(
        paths(&entries(root.path(), &[], &[])),
        [".hidden", "Z", "a", "foo", "foo/sub", "foo/sub/z", "foo/x", "foo-bar", "foo.d", "foo.d/y"],
    );
}

#[test]
fn describes_entries_as_go_does() {
    let root = populate(&["dir/", "exec", "plain"]);
    let path = root.path();
    fs::set_permissions(path.join("exec"), fs::Permissions::from_mode(0o4755)).unwrap();
    fs::set_permissions(path.join("plain"), fs::Permissions::from_mode(0o640)).unwrap();
    fs::set_permissions(path.join("dir"), fs::Permissions::from_mode(0o1777)).unwrap();
    symlink("../else/where", path.join("link")).unwrap();
    fs::hard_link(path.join("plain"), path.join("second")).unwrap();
    let _listener = std::os::unix::net::UnixListener::bind(path.join("socket")).unwrap();
    fs::File::options().write(true).open(path.join("plain")).unwrap().set_modified(fixed_time()).unwrap();

    let found = entries(path, &[], &[]);
    assert_eq!(paths(&found), ["dir", "exec", "link", "plain", "second", "socket"]);
    let [dir, exec, link, plain, second, socket] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((dir.mode, dir.size), (mode::DIR | mode::STICKY | 0o777, 0));
    assert_eq!((exec.mode, exec.size), (mode::SETUID | 0o755, 4));
    assert_eq!((link.mode, link.linkname.as_slice()), (mode::SYMLINK | 0o777, &b"../else/where"[..]));
    assert_eq!((plain.mode, plain.linkname.as_slice()), (0o640, &b""[..]));
    assert_eq!(plain.mod_time, 1_234_567_890_123_456_789);
    // The size must be stable, because a receiver compares it with its copy.
    assert_eq!((second.mode, second.linkname.as_slice(), second.size), (0o640, &b"plain"[..], plain.size));
    assert_eq!((socket.mode & mode::TYPE, socket.size), (0, 0));
    assert!(found.iter().all(|stat| (stat.uid, stat.gid) == (0, 0)));
}

fn fixed_time() -> std::time::SystemTime {
    std::time::UNIX_EPOCH + std::time::Duration::from_nanos(1_234_567_890_123_456_789)
}

#[test]
fn directories_come_just_before_what_is_included() {
    let root = populate(&["a/b/c.txt", "a/b/d.md", "a/e/f.md", "g/h.txt"]);
    let found = |include: &[&str]| paths(&entries(root.path(), include, &[]));
    assert_eq!(found(&["**/*.txt"]), ["a", "a/b", "a/b/c.txt", "g", "g/h.txt"]);
    assert_eq!(found(&["a/b/d.md"]), ["a", "a/b", "a/b/d.md"]);
    assert_eq!(found(&["a/b"]), ["a", "a/b", "a/b/c.txt", "a/b/d.md"]);
    assert_eq!(found(&["a", "!a/b"]), ["a", "a/e", "a/e/f.md"]);
    assert_eq!(found(&["nowhere"]), Vec::<String>::new());
}

#[test]
fn exceptions_reach_below_excluded_directories() {
    let root = populate(&["docs/README.md", "docs/deep/er/keep", "docs/other", "src/main.rs"]);
    let found = |exclude: &[&str]| paths(&entries(root.path(), &[], exclude));
    assert_eq!(found(&["docs"]), ["src", "src/main.rs"]);
    assert_eq!(found(&["docs", "!docs/README.md"]), ["docs", "docs/README.md", "src", "src/main.rs"]);
    assert_eq!(
        found(&["docs", "!**/keep"]),
        ["docs", "docs/deep", "docs/deep/er", "docs/deep/er/keep", "src", "src/main.rs"]
    );
    assert_eq!(found(&["*", "!src"]), ["src", "src/main.rs"]);
}

#[test]
fn first_name_of_an_inode_is_the_first_that_is_sent() {
    let root = populate(&["a"]);
    for name in ["b", "c"] {
        fs::hard_link(root.path().join("a"), root.path().join(name)).unwrap();
    }
    let found = entries(root.path(), &[], &["a"]);
    assert_eq!(paths(&found), ["b", "c"]);
    let links: Vec<&[u8]> = found.iter().map(|stat| stat.linkname.as_slice()).collect();
    assert_eq!(links, [&b""[..], b"b"]);
}

#[test]
fn links_are_sent_not_followed() {
    let outside = populate(&["secret"]);
    let root = populate(&["dir/x"]);
    symlink(outside.path(), root.path().join("out")).unwrap();
    symlink("dir", root.path().join("in")).unwrap();
    assert_eq!(paths(&entries(root.path(), &[], &[])), ["dir", "dir/x", "in", "out"]);
    assert_eq!(paths(&entries(root.path(), &["out/secret", "in/x"], &[])), Vec::<String>::new());
}

#[test]
fn names_are_bytes() {
    let root = tempfile::tempdir().unwrap();
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9\n*");
    fs::write(root.path().join(name), "x").unwrap();
    let found = entries(root.path(), &[], &[]);
    assert_eq!(found[0].path, b"caf\xe9\n*");
    assert_eq!(entries(root.path(), &["caf*"], &[]).len(), 1);
}

#[test]
fn the_name_that_confuses_receivers_is_not_sent() {
    let root = populate(&[".fsutil-metadata", "dir/.fsutil-metadata"]);
    assert_eq!(paths(&entries(root.path(), &[], &[])), ["dir", "dir/.fsutil-metadata"]);
}

#[test]
fn extended_attributes_are_sent() {
    let root = populate(&["file"]);
    let path = root.path().join("file");
    let flags = rustix::fs::XattrFlags::empty();
    rustix::fs::setxattr(&path, "user.color", b"blue", flags).unwrap();
    let found = entries(root.path(), &[], &[]);
    let color = found[0].xattrs.iter().find(|xattr| xattr.name == b"user.color").unwrap();
    assert_eq!(color.value, b"blue");
}

#[test]
fn a_missing_root_is_named() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("nowhere");
    let error = Tree::open(&path).unwrap_err().to_string();
    assert!(error.contains(path.to_str().unwrap()), "{error}");
}
