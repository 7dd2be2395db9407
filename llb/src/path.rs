//! Paths inside a filesystem of the build, made clean as Go's client makes them clean (`client/llb/fileop.go`).
//!
//! Text only: nothing here looks at a disk, and `/` is the one separator.

/// What Go's `path.Clean` makes of a path: no empty parts, no `.`, and `..` taken back as far as it goes.
pub(crate) fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => match parts.last() {
                Some(&last) if last != ".." => {
                    parts.pop();
                }
                _ if rooted => {}
                _ => parts.push(part),
            },
            _ => parts.push(part),
        }
    }
    match (rooted, parts.is_empty()) {
        (true, _) => format!("/{}", parts.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => parts.join("/"),
    }
}

/// A destination: clean, but a trailing `/` or `/.` stays, because it says "into this directory".
pub(crate) fn clean_dest(path: &str) -> String {
    let mut clean = clean(path);
    if path.ends_with('/') && !clean.ends_with('/') {
        clean.push('/');
    } else if path.ends_with("/.") {
        if clean != "/" {
            clean.push('/');
        }
        clean.push('.');
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::{clean, clean_dest};

    #[test]
    fn as_go_cleans() {
        for (path, expect) in [
            ("", "."),
            ("/", "/"),
            ("/a//b/./c/", "/a/b/c"),
            ("/../a/../../b", "/b"),
            ("a/../..", ".."),
            ("../../a", "../../a"),
            ("./a/", "a"),
        ] {
            assert_eq!(clean(path), expect, "{path:?}");
        }
    }

    #[test]
    fn what_a_destination_ends_in_stays() {
        for (path, expect) in
            [("/a/", "/a/"), ("/a//", "/a/"), ("/a/.", "/a/."), ("/.", "/."), ("/", "/"), ("/a", "/a")]
        {
            assert_eq!(clean_dest(path), expect, "{path:?}");
        }
    }
}
