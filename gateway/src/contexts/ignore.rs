//! Ignore files: which there are, and the patterns in them (`moby/patternmatcher: ignorefile`).
//!
//! Patterns are only read here; the sender of the files matches them.

use buildkit_proto::go::clean_path;

/// The name of the ignore file at a context's root.
pub const IGNORE_FILE: &str = ".dockerignore";

/// An ignore file.
///
/// ```
/// use buildkit_gateway::contexts::IgnoreFile;
///
/// assert_eq!(IgnoreFile::path_for("docs/image.txt"), "docs/image.txt.dockerignore");
/// assert_eq!(IgnoreFile::parse(b"/target/\n"), ["target"]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct IgnoreFile;

impl IgnoreFile {
    /// The path of the ignore file of a single spec: it is next to the spec, and preferred over the one at the context's root
    /// even when it is empty.
    #[must_use]
    pub fn path_for(spec: &str) -> String {
        format!("{spec}{IGNORE_FILE}")
    }

    /// The exclude patterns of a file, in order, as `local.excludepatterns` takes them.
    ///
    /// A byte order mark goes, lines starting with `#` are comments, `!` negates, and a leading `/` means nothing.
    ///
    /// ```
    /// use buildkit_gateway::contexts::IgnoreFile;
    /// assert_eq!(IgnoreFile::parse(b"# all but\n/target/\n!target/keep\n"), ["target", "!target/keep"]);
    /// ```
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Vec<String> {
        let text = String::from_utf8_lossy(bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes)).into_owned();
        text.split('\n')
            .filter(|line| !line.starts_with('#'))
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .map(|line| match line.strip_prefix('!') {
                Some(pattern) => format!("!{}", clean_pattern(pattern.trim())),
                None => clean_pattern(line),
            })
            .collect()
    }
}

fn clean_pattern(pattern: &str) -> String {
    if pattern.is_empty() {
        return String::new();
    }
    let clean = clean_path(pattern);
    match clean.strip_prefix('/') {
        Some(relative) if !relative.is_empty() => relative.to_owned(),
        _ => clean,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_patterns() {
        let file =
            b"\xEF\xBB\xBF/a/b/\r\n  # not a comment, but a pattern\n#comment\n\n!\n! /c/../d \n/\n*.pyc\n./x//y\n..\n";
        assert_eq!(
            IgnoreFile::parse(file),
            ["a/b", "# not a comment, but a pattern", "!", "!d", "/", "*.pyc", "x/y", ".."]
        );
        assert!(IgnoreFile::parse(b"").is_empty());
        assert_eq!(IgnoreFile::path_for("sub/imagespec.yaml"), "sub/imagespec.yaml.dockerignore");
    }
}
