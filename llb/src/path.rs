//! Paths inside a filesystem of the build, made clean as Go's client makes them clean (`client/llb/fileop.go`).
//!
//! Text only: nothing here looks at a disk, and `/` is the one separator.

pub(crate) use buildkit_proto::go::clean_path as clean;

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
    use super::clean_dest;

    #[test]
    fn what_a_destination_ends_in_stays() {
        for (path, expect) in
            [("/a/", "/a/"), ("/a//", "/a/"), ("/a/.", "/a/."), ("/.", "/."), ("/", "/"), ("/a", "/a")]
        {
            assert_eq!(clean_dest(path), expect, "{path:?}");
        }
    }
}
