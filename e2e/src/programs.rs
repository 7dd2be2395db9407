//! The tested programs: `imagespec` and the frontend image; and uv, to check environments.
//!
//! They are built once per run, unless `IMAGESPEC_BIN` and `IMAGESPEC_FRONTEND_BIN` name existing programs.

use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::command::Program;
use crate::lab::Lab;
use crate::way::Daemon;

/// The programs of a run.
#[derive(Debug)]
pub struct Programs {
    /// The command line.
    pub imagespec: PathBuf,
    /// The frontend image, with its own tag.
    pub frontend_image: String,
    /// uv, static.
    pub uv: PathBuf,
    /// The memory of the command line, which belongs to this run only, so that every question is asked once.
    pub answers: PathBuf,
    /// The folder of uv and the memory.
    _folder: tempfile::TempDir,
}

impl Programs {
    /// Builds or finds all programs.
    ///
    /// # Errors
    /// The missing part, with the output of the tools.
    pub fn prepare(lab: &Lab) -> Result<Self, String> {
        let imagespec = match given("IMAGESPEC_BIN")? {
            Some(path) => path,
            None => command_line()?,
        };
        let program = match given("IMAGESPEC_FRONTEND_BIN")? {
            Some(path) => path,
            None => static_frontend()?,
        };
        let frontend_image = package(lab, &imagespec, &program)?;
        let folder = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
        let uv = folder.path().join("uv");
        extract_uv(lab, &uv)?;
        let answers = folder.path().join("answers");
        Ok(Self { imagespec, frontend_image, uv, answers, _folder: folder })
    }
}

fn given(variable: &str) -> Result<Option<PathBuf>, String> {
    match std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from) {
        Some(path) if !path.is_file() => Err(format!("{variable} names {}, which is not a file", path.display())),
        path => Ok(path),
    }
}

fn run(program: Program) -> Result<String, String> {
    let ended = program.run();
    if ended.code == Some(0) { Ok(ended.line()) } else { Err(ended.to_string()) }
}

fn command_line() -> Result<PathBuf, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = ["build", "--quiet", "--package", "imagespec-cli", "--message-format", "json-render-diagnostics"];
    let messages = run(Program::new(cargo).args(arguments).dir(Lab::checkout()))?;
    let executable = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["target"]["name"] == "imagespec")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from));
    executable.ok_or_else(|| "cargo built no program `imagespec`".to_owned())
}

fn static_frontend() -> Result<PathBuf, String> {
    let script = Lab::checkout().join("scripts/frontend-static");
    run(Program::new(script).arg("x86_64").dir(Lab::checkout())).map(PathBuf::from)
}

/// Packages the frontend as users do. The tag contains the program's digest, so that no other run's image is tested by mistake.
fn package(lab: &Lab, imagespec: &Path, program: &Path) -> Result<String, String> {
    let bytes = std::fs::read(program).map_err(|error| format!("cannot read {}: {error}", program.display()))?;
    let hash = hex::encode(Sha256::digest(&bytes));
    let reference = format!("{}/imagespec-frontend:e2e-{}", lab.registry, &hash[..12]);
    let package = Program::new(imagespec)
        .args(["frontend", "--progress", "plain", "--addr", &lab.buildkit, "--push", &reference, "--binary"])
        .arg(program)
        .env("DOCKER_CONFIG", &lab.docker_config);
    run(package)?;
    Ok(reference)
}

fn extract_uv(lab: &Lab, to: &Path) -> Result<(), String> {
    let container = run(lab.docker(Daemon::Classic).args(["create", &lab.uv_image, "/uv"]))?;
    let copied = run(lab.docker(Daemon::Classic).args(["cp", &format!("{container}:/uv")]).arg(to));
    run(lab.docker(Daemon::Classic).args(["rm", &container]))?;
    copied.map(drop)
}
