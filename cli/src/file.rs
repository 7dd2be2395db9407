//! Files that commands read and write. The errors name them.

use std::path::Path;

use crate::error::CliError;

/// Reads a file that the user named.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    std::fs::read(path).map_err(|error| CliError::Input(format!("cannot read {}: {error}", path.display())))
}

/// Writes a result to a file.
pub(crate) fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<(), CliError> {
    std::fs::write(path, content).map_err(|error| CliError::Output(format!("cannot write {}: {error}", path.display())))
}
