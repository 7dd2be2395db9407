//! Files that commands read and write. The errors name them.

use std::io::Read as _;
use std::path::Path;

use crate::error::CliError;

/// The maximum size of a file that is read as a whole.
const MAX_BYTES: u64 = 64 << 20;

/// Reads a file that the user named. It may be a pipe.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    let cannot = |why: &dyn std::fmt::Display| CliError::Input(format!("cannot read {}: {why}", path.display()));
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| cannot(&error))?;
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| cannot(&error))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(cannot(&format!("it has more than {} MiB", MAX_BYTES >> 20)));
    }
    Ok(bytes)
}

/// Writes a result to a file.
pub(crate) fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<(), CliError> {
    std::fs::write(path, content).map_err(|error| CliError::Output(format!("cannot write {}: {error}", path.display())))
}
