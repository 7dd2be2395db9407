//! Finds and reads the spec file.

use std::path::{Path, PathBuf};

use imagespec::Choice;
use imagespec_driver::Files;
use imagespec_frontend::SpecText;

use crate::args::SpecArgs;
use crate::error::CliError;
use crate::file;

/// Tried in this order if `-f` is not given.
const DEFAULT_NAMES: [&str; 3] = ["imagespec.yaml", "imagespec.toml", "imagespec.json"];

/// A spec file, its context, and the choices of the command line.
#[derive(Clone, Debug)]
pub(crate) struct SpecFile {
    /// The file and the build context.
    pub(crate) files: Files,
    /// The target and values that the command line chooses.
    pub(crate) choice: Choice,
    /// The text and the file name without its folder, which the frontend image shows too.
    pub(crate) text: SpecText,
}

impl SpecFile {
    /// Finds and reads the file.
    pub(crate) fn read(args: &SpecArgs) -> Result<Self, CliError> {
        let context = args.common.context.clone();
        if !context.is_dir() {
            let hint = if context.is_file() { "; pass the spec file with -f" } else { "" };
            return Err(CliError::Input(format!("the build context {} is not a folder{hint}", context.display())));
        }
        let path = match &args.file {
            Some(path) => path.clone(),
            None => default_file(&context)?,
        };
        let bytes = file::read(&path)?;
        let files = Files { context, spec: path };
        let choice = Choice { target: args.target.clone(), set: args.common.set.clone(), ..Choice::default() };
        Ok(Self { choice, text: SpecText::from_bytes(files.spec_name(), &bytes)?, files })
    }
}

fn default_file(context: &Path) -> Result<PathBuf, CliError> {
    DEFAULT_NAMES.iter().map(|name| context.join(name)).find(|path| path.is_file()).ok_or_else(|| {
        let names = DEFAULT_NAMES.join(", ");
        CliError::Input(format!("no spec file in {} (looked for {names}); pass one with -f", context.display()))
    })
}
