//! Selects the Python interpreter of a root filesystem for an environment.
//!
//! The selection uses file names and reported versions; nothing is run here.

use imagespec::PythonVersion;

use crate::answer::Program;

/// The result of a selection from the programs on PATH.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Choice<'a> {
    /// The program fits, according to its name.
    Found(&'a str),
    /// The program may fit; it has to report its version.
    Ask(&'a str),
    /// No program fits.
    None,
}

/// Selects an interpreter from programs in the order of PATH.
///
/// If a version is requested, the name `pythonX.Y` is enough, unless a patch version is requested, which only the program knows.
/// Otherwise `python3` is selected.
pub(crate) fn choose<'a>(programs: &'a [Program], wanted: Option<PythonVersion>) -> Choice<'a> {
    let unversioned = ["python3", "python"]
        .into_iter()
        .find_map(|name| programs.iter().find(|program| base_name(&program.path) == name));
    match wanted {
        Some(wanted) => {
            let by_name =
                programs.iter().find(|program| version(&program.path) == Some((wanted.major(), wanted.minor())));
            match (by_name, wanted.patch()) {
                (Some(program), None) => Choice::Found(&program.path),
                (Some(program), Some(_)) => Choice::Ask(&program.path),
                // A `python3` that is not a link to a versioned name may still have the requested version.
                (None, _) => match unversioned {
                    Some(program) if linked_version(program).is_none_or(|v| v == (wanted.major(), wanted.minor())) => {
                        Choice::Ask(&program.path)
                    }
                    _ => Choice::None,
                },
            }
        }
        None => match unversioned {
            Some(program) => Choice::Found(&program.path),
            None => programs
                .iter()
                .filter(|program| version(&program.path).is_some_and(|(major, _)| major == 3))
                .max_by_key(|program| version(&program.path))
                .map_or(Choice::None, |program| Choice::Found(&program.path)),
        },
    }
}

/// Whether a reported version such as `3.11.4` matches the requested version.
pub(crate) fn satisfies(version: &str, wanted: PythonVersion) -> bool {
    let mut parts = version.split('.').map(|part| part.parse::<u32>().ok());
    let mut next = || parts.next().flatten();
    next() == Some(wanted.major())
        && next() == Some(wanted.minor())
        && wanted.patch().is_none_or(|patch| next() == Some(patch))
}

/// The first two numbers of a version: `3.11` of `3.11.4`.
pub(crate) fn minor(version: &str) -> String {
    version.split('.').take(2).collect::<Vec<_>>().join(".")
}

/// The versioned names, for messages.
pub(crate) fn names(programs: &[Program]) -> Vec<&str> {
    programs.iter().filter(|program| version(&program.path).is_some()).map(|program| program.path.as_str()).collect()
}

fn linked_version(program: &Program) -> Option<(u32, u32)> {
    program.link.as_deref().and_then(version)
}

/// The version in a name: `/usr/bin/python3.11` is `(3, 11)`; `python3`, `python3-config` and `python3.11-config` have none.
fn version(path: &str) -> Option<(u32, u32)> {
    let (major, minor) = base_name(path).strip_prefix("python")?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn programs(list: &[(&str, Option<&str>)]) -> Vec<Program> {
        list.iter().map(|(path, link)| Program { path: (*path).to_owned(), link: link.map(str::to_owned) }).collect()
    }

    fn version(minor: u32, patch: Option<u32>) -> PythonVersion {
        let patch = patch.map(|patch| format!(".{patch}")).unwrap_or_default();
        format!("3.{minor}{patch}").parse().expect("a version of Python")
    }

    fn wanted(minor: u32, patch: Option<u32>) -> Option<PythonVersion> {
        Some(version(minor, patch))
    }

    #[test]
    fn by_name() {
        let list = programs(&[
            ("/usr/local/bin/python3", Some("python3.12")),
            ("/usr/local/bin/python3.12", None),
            ("/usr/local/bin/python3.12-config", None),
            ("/usr/bin/python3.11", None),
        ]);
        assert_eq!(choose(&list, None), Choice::Found("/usr/local/bin/python3"));
        assert_eq!(choose(&list, wanted(12, None)), Choice::Found("/usr/local/bin/python3.12"));
        assert_eq!(choose(&list, wanted(11, None)), Choice::Found("/usr/bin/python3.11"));
        assert_eq!(choose(&list, wanted(11, Some(2))), Choice::Ask("/usr/bin/python3.11"));
        assert_eq!(choose(&list, wanted(10, None)), Choice::None);
        assert_eq!(names(&list), ["/usr/local/bin/python3.12", "/usr/bin/python3.11"]);
    }

    #[test]
    fn scripts_and_odd_folders() {
        let script = programs(&[("/opt/bin/python", None)]);
        assert_eq!(choose(&script, None), Choice::Found("/opt/bin/python"));
        assert_eq!(choose(&script, wanted(9, None)), Choice::Ask("/opt/bin/python"));
        let versioned = programs(&[("/a/python3.9", None), ("/a/python3.10", None), ("/a/python2.7", None)]);
        assert_eq!(choose(&versioned, None), Choice::Found("/a/python3.10"));
        assert_eq!(choose(&[], None), Choice::None);
    }

    #[test]
    fn versions_of_interpreters() {
        assert!(satisfies("3.11.2", version(11, None)));
        assert!(satisfies("3.11.2", version(11, Some(2))));
        assert!(!satisfies("3.11.2", version(11, Some(3))));
        assert!(!satisfies("3.1.2", version(11, None)));
        assert!(!satisfies("nonsense", version(11, None)));
    }
}
