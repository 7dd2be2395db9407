//! Paths in the build context and paths inside the image, as text.
//!
//! Touches no file: whether a file exists is a fact that is gathered later.

use crate::fault::Fault;
use crate::quote::quote;
use crate::rules;
use crate::text::one_line;

/// A path below the context in its normal form: no `.` parts, no doubled or trailing slashes. `.` is the context itself.
pub(crate) fn context_path(value: &str) -> Result<String, Fault> {
    one_line(value)?;
    let outside = |what: &str, label: &str, part: std::ops::Range<usize>| {
        Err(Fault::new(&rules::OUTSIDE_CONTEXT, format!("{} {what}", quote(value)))
            .label(label)
            .help("name a file or folder of the build context, relative to it: `src/data.csv`")
            .at(part))
    };
    if value.starts_with('/') {
        return outside("is an absolute path", "outside the context", 0..1);
    }
    if value.starts_with("~/") || value == "~" {
        return outside("is below a home folder", "outside the context", 0..1);
    }
    let mut letters = value.chars();
    let is_drive = letters.next().is_some_and(|c| c.is_ascii_alphabetic())
        && letters.next() == Some(':')
        && matches!(letters.next(), Some('\\' | '/'));
    if is_drive {
        return outside("is an absolute path", "outside the context", 0..3);
    }
    let mut parts = Vec::new();
    let mut at = 0;
    for part in value.split('/') {
        match part {
            "" | "." => {}
            ".." => return outside("leaves the context", "`..` is not allowed", at..at + 2),
            part => parts.push(part),
        }
        at += part.len() + 1;
    }
    Ok(if parts.is_empty() { ".".to_owned() } else { parts.join("/") })
}

/// The path of a file that another file of the context names, as pip does: relative to the folder of the naming file.
///
/// `None` if the result would be outside the context.
///
/// ```
/// use imagespec::join_context_path;
/// assert_eq!(join_context_path("deps/all.txt", "../base.txt").as_deref(), Some("base.txt"));
/// assert_eq!(join_context_path("all.txt", "../base.txt"), None);
/// assert_eq!(join_context_path("all.txt", "/etc/passwd"), None);
/// ```
pub fn join_context_path(naming: &str, named: &str) -> Option<String> {
    if named.starts_with('/') {
        return None;
    }
    let folder = naming.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(named.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

/// An absolute path inside the image, in its normal form and not `/`.
pub(crate) fn image_path(value: &str, rule: &'static crate::diagnostic::Rule) -> Result<(), Fault> {
    one_line(value)?;
    let Some(rest) = value.strip_prefix('/') else {
        return Err(Fault::new(rule, format!("{} is not an absolute path", quote(value)))
            .label("expected a `/` at the beginning")
            .help("write paths inside the image from its root"));
    };
    let is_clean = rest.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if is_clean {
        return Ok(());
    }
    Err(Fault::new(rule, format!("{} is not a normalized path of a file", quote(value)))
        .label("has an empty part, `.` or `..`")
        .help("write the path without doubled or trailing slashes, `.` and `..`"))
}

/// The path of an interpreter inside the image.
pub(crate) fn interpreter_path(value: &str) -> Result<String, Fault> {
    image_path(value, &rules::PYTHON_EXEC).map(|()| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn context_paths_are_cleaned() {
        for (value, clean) in [
            ("a", "a"),
            ("./a//b/./c/", "a/b/c"),
            (".", "."),
            ("./", "."),
            ("a b;$(c)", "a b;$(c)"),
            ("..a/b..", "..a/b.."),
            (r"a\b", r"a\b"),
        ] {
            assert_eq!(context_path(value).as_deref(), Ok(clean));
        }
    }

    #[test]
    fn context_paths_stay_inside() {
        for bad in ["/a", "..", "a/../b", "a/..", "~/a", "C:\\a", "", "a\nb"] {
            assert!(context_path(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn image_paths_are_absolute_and_clean() {
        assert!(image_path("/a/b c", &rules::SECRET).is_ok());
        for bad in ["", "/", "a", "/a/", "/a//b", "/a/../b", "/./a", "/a\n"] {
            assert!(image_path(bad, &rules::SECRET).is_err(), "{bad:?}");
        }
    }
}
