//! Finding and reading the spec file.

use std::path::{Path, PathBuf};

use imagespec_frontend::SpecText;

use crate::args::SpecArgs;
use crate::error::CliError;

/// Tried in this order when no file is named.
const DEFAULT_NAMES: [&str; 3] = ["imagespec.yaml", "imagespec.toml", "imagespec.json"];

/// A spec file and its surroundings.
#[derive(Clone, Debug)]
pub(crate) struct SpecFile {
    /// The file.
    pub(crate) path: PathBuf,
    /// The build context.
    pub(crate) context: PathBuf,
    /// The text, under the name the frontend image would show too: the file's, without its folder.
    pub(crate) text: SpecText,
}

impl SpecFile {
    /// Finds and reads it.
    pub(crate) fn read(args: &SpecArgs) -> Result<Self, CliError> {
        let context = args.context.clone();
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
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { path, context, text: SpecText { name, text } })
    }

    /// The folder of the spec file; paths of the client's own are relative to it.
    pub(crate) fn folder(&self) -> &Path {
        match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        }
    }
}

fn default_file(context: &Path) -> Result<PathBuf, CliError> {
    DEFAULT_NAMES.iter().map(|name| context.join(name)).find(|path| path.is_file()).ok_or_else(|| {
        let names = DEFAULT_NAMES.join(", ");
        CliError::Input(format!("no spec in {}: there is none of {names}; name one with -f", context.display()))
    })
}
