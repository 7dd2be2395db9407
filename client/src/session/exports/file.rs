//! The target file of an export. It is written to a temporary file and renamed when complete, so that a failed build neither
//! leaves a partial file nor destroys the old one.

use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempPath;
use tokio::fs::File;
use tokio::io::{AsyncWriteExt as _, BufWriter};

use crate::new_file::new_file_in;

/// The daemon sends pieces as small as 4 KiB, and every write of a [`File`] is a call on another thread.
const BUFFER: usize = 256 * 1024;

/// A file being written.
pub(super) struct TargetFile {
    pub(super) writer: BufWriter<File>,
    /// The temporary file and its final name; `None` for special files that can't be replaced, such as devices and fifos.
    temporary: Option<(TempPath, PathBuf)>,
}

impl TargetFile {
    pub(super) async fn create(path: PathBuf) -> io::Result<Self> {
        let (file, temporary) = tokio::task::spawn_blocking(move || open(&path)).await??;
        Ok(Self { writer: BufWriter::with_capacity(BUFFER, File::from_std(file)), temporary })
    }

    /// Flushes the buffer and renames the file to its final name.
    pub(super) async fn complete(mut self) -> io::Result<()> {
        self.writer.flush().await?;
        if let Some((temporary, target)) = self.temporary {
            tokio::task::spawn_blocking(move || temporary.persist(target)).await??;
        }
        Ok(())
    }
}

/// Blocking.
fn open(path: &Path) -> io::Result<(std::fs::File, Option<(TempPath, PathBuf)>)> {
    let existing = match std::fs::metadata(path) {
        Ok(metadata) => Some(metadata),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    if existing.as_ref().is_some_and(|metadata| !metadata.is_file()) {
        return Ok((std::fs::OpenOptions::new().write(true).open(path)?, None));
    }
    // Resolve a link and replace its target, so that the link is kept.
    let target = if existing.is_some() { path.canonicalize()? } else { path.to_owned() };
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let (file, temporary) = new_file_in(folder)?.into_parts();
    if let Some(existing) = existing {
        file.set_permissions(existing.permissions())?;
    }
    Ok((file, Some((temporary, target))))
}
