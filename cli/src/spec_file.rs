//! Finding and reading the spec file.

use std::path::{Path, PathBuf};

use imagespec::Choice;
use imagespec_driver::Files;
use imagespec_frontend::SpecText;

use crate::args::SpecArgs;
use crate::error::CliError;

/// Tried in this order when no file is named.
const DEFAULT_NAMES: [&str; 3] = ["imagespec.yaml", "imagespec.toml", "imagespec.json"];

/// A spec file and its surroundings.
#[derive(Clone, Debug)]
pub(crate) struct SpecFile {
    /// The file and the build context.
    pub(crate) files: Files,
    /// What the command line says of the spec.
    pub(crate) choice: Choice,
    /// The text, under the name the frontend image would show too: the file's, without its folder.
    pub(crate) text: SpecText,
}

impl SpecFile {
    /// Finds and reads it.
    pub(crate) fn read(args: &SpecArgs) -> Result<Self, CliError> {
        let context = args.place.context.clone();
        if !context.is_dir() {
            let hint = if context.is_file() { "; use -f for the spec file" } else { "" };
            return Err(CliError::Input(format!("the build context {} is no folder{hint}", context.display())));
        }
        let path = match &args.file {
            Some(path) => path.clone(),
            None => default_file(&context)?,
        };
        let bytes = std::fs::read(&path)
            .map_err(|error| CliError::Input(format!("cannot read {}: {error}", path.display())))?;
        let text = String::from_utf8(bytes)
            .map_err(|_| CliError::Input(format!("the spec {} is not UTF-8 text", path.display())))?;
        let files = Files { context, spec: path };
        let choice = Choice { target: args.target.clone(), set: args.place.set.clone(), ..Choice::default() };
        Ok(Self { choice, text: SpecText { name: files.spec_name(), text }, files })
    }
}

fn default_file(context: &Path) -> Result<PathBuf, CliError> {
    DEFAULT_NAMES.iter().map(|name| context.join(name)).find(|path| path.is_file()).ok_or_else(|| {
        let names = DEFAULT_NAMES.join(", ");
        CliError::Input(format!("no spec in {}: there is none of {names}; name one with -f", context.display()))
    })
}
