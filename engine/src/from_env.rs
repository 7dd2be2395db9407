//! A spec from the environment of a Python interpreter: its version, and its packages with their versions.
//!
//! It runs the interpreter, but no code of the packages.

use std::path::{Path, PathBuf};
use std::process::Command;

use imagespec::{ImageSpec, Invalid};

/// The script that lists the environment.
const SCRIPT: &str = include_str!("environment.py");

/// Packages that are left out, because the environment of an image has its own.
const TOOLS: [&str; 4] = ["pip", "setuptools", "wheel", "uv"];

/// The environment of an interpreter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FromEnv {
    /// The Python version, and each package with its version.
    pub spec: ImageSpec,
    /// Names and versions of packages that were not installed from an index (PEP 610), such as editable projects. A requirement
    /// cannot name them.
    pub left_out: Vec<(String, String)>,
}

/// Why an environment cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FromEnvError {
    /// The interpreter cannot be started.
    #[error("cannot run {}: {source}", .python.display())]
    Run {
        /// The interpreter.
        python: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The interpreter failed.
    #[error("{} failed to list its environment: {message}", .python.display())]
    Failed {
        /// The interpreter.
        python: PathBuf,
        /// The last line of its error output.
        message: String,
    },
    /// The environment contains a value that a spec does not accept.
    #[error(transparent)]
    Invalid(#[from] Invalid),
}

/// Reads the interpreter's environment as a spec, like Flytekit's `ImageSpec.from_env`. With `minor`, the spec has only the major
/// and minor version of Python. This function blocks.
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
/// The interpreter cannot be started, fails, or reports a value that a spec does not accept.
pub fn from_env(python: &Path, minor: bool) -> Result<FromEnv, FromEnvError> {
    // Isolated mode: the current folder and the user's variables do not affect the result.
    let output = Command::new(python).args(["-I", "-c", SCRIPT]).output();
    let output = output.map_err(|source| FromEnvError::Run { python: python.to_path_buf(), source })?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        let message = errors.lines().last().unwrap_or_default().to_owned();
        return Err(FromEnvError::Failed { python: python.to_path_buf(), message });
    }
    Ok(parse(&String::from_utf8_lossy(&output.stdout), minor)?)
}

/// Parses the output of the script.
fn parse(output: &str, minor: bool) -> Result<FromEnv, Invalid> {
    let mut spec = ImageSpec::default();
    let (mut packages, mut left_out) = (Vec::new(), Vec::new());
    for line in output.lines() {
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
    fn an_environment_becomes_a_spec() {
        let output = "python 3.12.4\npackage pip 24.0\npackage zope.interface 7.0\npackage Click 8.1.7\ndirect mine 0.1\nnoise\n";
        let found = parse(output, false).unwrap();
        assert_eq!(
            found.spec.to_yaml(),
            "python_version: \"3.12.4\"\npackages:\n  - \"Click==8.1.7\"\n  - \"zope.interface==7.0\"\n"
        );
        assert_eq!(found.left_out, [("mine".to_owned(), "0.1".to_owned())]);
        assert_eq!(parse("python 3.12.4\n", true).unwrap().spec.to_yaml(), "python_version: \"3.12\"\n");
        assert_eq!(parse("python 2.7.18\n", true).unwrap_err().code, "E012");
    }
}
