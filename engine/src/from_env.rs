//! A spec from the environment of an interpreter: its Python, and its packages at their versions.
//!
//! Runs the interpreter, and nothing of its packages.

use std::path::{Path, PathBuf};
use std::process::Command;

use imagespec::{ImageSpec, Invalid};

/// Asks the interpreter.
const ASK: &str = include_str!("environment.py");

/// What an environment does not bring along: an image's has its own.
const TOOLS: [&str; 4] = ["pip", "setuptools", "wheel", "uv"];

/// What an interpreter has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FromEnv {
    /// Python's version, and each package at its version.
    pub spec: ImageSpec,
    /// Packages with their versions that came from no index (PEP 610), such as projects installed in place: no requirement line
    /// names them.
    pub left_out: Vec<(String, String)>,
}

/// Why an environment is not known.
#[derive(Debug, thiserror::Error)]
pub enum FromEnvError {
    /// There is no such program.
    #[error("cannot run {}: {source}", .python.display())]
    Run {
        /// The interpreter.
        python: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It ran and did not say what it has.
    #[error("{} did not say what it has: {said}", .python.display())]
    Failed {
        /// The interpreter.
        python: PathBuf,
        /// Its last words.
        said: String,
    },
    /// What it says is nothing a spec can have.
    #[error(transparent)]
    Invalid(#[from] Invalid),
}

/// The interpreter's environment as a spec; Flytekit's `ImageSpec.from_env`. With `minor` any patch version of its Python does.
/// Blocking.
///
/// ```
/// use std::path::Path;
///
/// let found = imagespec_engine::from_env(Path::new("python3"), true);
/// assert!(found.is_ok_and(|found| found.spec.python_version().is_some_and(|version| version.patch().is_none())));
/// let absent = imagespec_engine::from_env(Path::new("/no/such/python"), true).expect_err("there is none");
/// assert!(absent.to_string().starts_with("cannot run /no/such/python: "));
/// ```
///
/// # Errors
/// It cannot be run, or does not say what it has.
pub fn from_env(python: &Path, minor: bool) -> Result<FromEnv, FromEnvError> {
    // Isolated: neither the current folder nor variables of the user's change what it has.
    let output = Command::new(python).args(["-I", "-c", ASK]).output();
    let output = output.map_err(|source| FromEnvError::Run { python: python.to_path_buf(), source })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.lines().last().unwrap_or_default().to_owned();
        return Err(FromEnvError::Failed { python: python.to_path_buf(), said });
    }
    Ok(read(&String::from_utf8_lossy(&output.stdout), minor)?)
}

/// Reads what the interpreter said.
fn read(said: &str, minor: bool) -> Result<FromEnv, Invalid> {
    let mut spec = ImageSpec::default();
    let (mut packages, mut left_out) = (Vec::new(), Vec::new());
    for line in said.lines() {
        match line.split(' ').collect::<Vec<_>>().as_slice() {
            ["python", version] => {
                let parts = version.split('.').take(if minor { 2 } else { 3 }).collect::<Vec<_>>();
                spec = spec.with_python_version(&parts.join("."))?;
            }
            ["package", name, _] if TOOLS.contains(&name.to_ascii_lowercase().as_str()) => {}
            ["package", name, version] => packages.push(format!("{name}=={version}")),
            ["direct", name, version] => left_out.push(((*name).to_owned(), (*version).to_owned())),
            _ => {}
        }
    }
    packages.sort_by_key(|line| line.to_ascii_lowercase());
    Ok(FromEnv { spec: spec.with_packages(packages)?, left_out })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_interpreter_says() {
        let said = "python 3.12.4\npackage pip 24.0\npackage zope.interface 7.0\npackage Click 8.1.7\ndirect mine 0.1\nnoise\n";
        let found = read(said, false).unwrap();
        assert_eq!(
            found.spec.to_yaml(),
            "python_version: \"3.12.4\"\npackages:\n  - \"Click==8.1.7\"\n  - \"zope.interface==7.0\"\n"
        );
        assert_eq!(found.left_out, [("mine".to_owned(), "0.1".to_owned())]);
        assert_eq!(read("python 3.12.4\n", true).unwrap().spec.to_yaml(), "python_version: \"3.12\"\n");
        assert_eq!(read("python 2.7.18\n", true).unwrap_err().code, "E012");
    }
}
