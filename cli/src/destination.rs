//! Checks where results will be written, before a build that may take long.

use std::path::Path;

use buildkit_client::output::{Destination, Output, OutputKind};
use rustix::fs::Access;

/// What is wrong with a file that will be written; `flag` names it.
pub(crate) fn check_file(flag: &str, path: &Path) -> Option<String> {
    let cannot = |why: &str| Some(format!("{flag}: cannot write {}: {why}", path.display()));
    match path.metadata() {
        Ok(found) if found.is_dir() => return cannot("it is a folder"),
        // A device or a pipe is opened, and not replaced.
        Ok(found) if !found.is_file() => return None,
        Ok(_) | Err(_) => {}
    }
    // The target of a link is replaced, and not the link.
    let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match folder.metadata() {
        Ok(found) if found.is_dir() => is_not_writable(folder).and_then(|why| cannot(&why)),
        Ok(_) => cannot(&format!("{} is not a folder", folder.display())),
        Err(_) => cannot(&format!("the folder {} does not exist", folder.display())),
    }
}

/// What is wrong with an output on this machine.
pub(crate) fn check_output(output: &Output) -> Option<String> {
    let Some(Destination::Path(path)) = &output.dest else { return None };
    match output.kind {
        OutputKind::Local => {
            let cannot = |why: &str| Some(format!("--output: cannot write to {}: {why}", path.display()));
            // The folders that do not exist are created.
            let existing = path.ancestors().find(|folder| folder.as_os_str().is_empty() || folder.exists())?;
            let existing = if existing.as_os_str().is_empty() { Path::new(".") } else { existing };
            match existing.is_dir() {
                true => is_not_writable(existing).and_then(|why| cannot(&why)),
                false => cannot(&format!("{} is not a folder", existing.display())),
            }
        }
        _ => check_file("--output", path),
    }
}

fn is_not_writable(folder: &Path) -> Option<String> {
    let error = rustix::fs::access(folder, Access::WRITE_OK | Access::EXEC_OK).err()?;
    Some(format!("{}: {}", folder.display(), std::io::Error::from(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_cannot_be_written_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("file"), "").unwrap();
        let check = |name: &str, expect: Option<&str>| {
            let problem = check_file("--iidfile", &path(name));
            let problem = problem.map(|text| text.replace(&folder.path().display().to_string(), ""));
            assert_eq!(problem.as_deref(), expect, "{name}");
        };
        check("new", None);
        check("file", None);
        check("no/new", Some("--iidfile: cannot write /no/new: the folder /no does not exist"));
        check("file/new", Some("--iidfile: cannot write /file/new: /file is not a folder"));
        check("", Some("--iidfile: cannot write /: it is a folder"));
        assert_eq!(check_file("--iidfile", Path::new("/dev/null")), None);
    }

    #[test]
    fn outputs_that_cannot_be_written_are_found() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), "").unwrap();
        let check = |kind: &str, name: &str| {
            let text = format!("type={kind},dest={}", folder.path().join(name).display());
            check_output(&text.parse().unwrap())
        };
        for (kind, name) in [("local", "out"), ("local", "a/b/c"), ("local", ""), ("oci", "x.tar"), ("tar", "file")] {
            assert_eq!(check(kind, name), None, "{kind} {name}");
        }
        for (kind, name) in [("local", "file"), ("local", "file/out"), ("oci", "no/x.tar"), ("tar", "")] {
            assert!(check(kind, name).is_some(), "{kind} {name}");
        }
    }
}
