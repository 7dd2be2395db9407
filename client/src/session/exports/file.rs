//! The target file of an export. It is written to a temporary file and renamed when complete, so that a failed build neither
//! leaves a partial file nor destroys the old one.

use std::io;
use std::path::{Path, PathBuf};

use tokio::fs::File;
use tokio::io::{AsyncWriteExt as _, BufWriter};

/// The daemon sends pieces as small as 4 KiB, and every write of a [`File`] is a call on another thread.
const BUFFER: usize = 256 * 1024;

/// A file being written.
pub(super) struct TargetFile {
    pub(super) writer: BufWriter<File>,
    /// `None` for special files that can't be replaced, such as devices and fifos.
    temporary: Option<Temporary>,
}

struct Temporary {
    path: PathBuf,
    target: PathBuf,
    is_renamed: bool,
}

impl TargetFile {
    pub(super) async fn create(path: PathBuf) -> io::Result<Self> {
        let (file, temporary) = tokio::task::spawn_blocking(move || open(&path)).await??;
        Ok(Self { writer: BufWriter::with_capacity(BUFFER, File::from_std(file)), temporary })
    }

    /// Flushes the buffer and renames the file to its final name.
    pub(super) async fn complete(mut self) -> io::Result<()> {
        self.writer.flush().await?;
        if let Some(mut temporary) = self.temporary.take() {
            tokio::fs::rename(&temporary.path, &temporary.target).await?;
            temporary.is_renamed = true;
        }
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.is_renamed {
            let _best_effort = std::fs::remove_file(&self.path);
        }
    }
}

/// Blocking.
fn open(path: &Path) -> io::Result<(std::fs::File, Option<Temporary>)> {
    let existing = match std::fs::metadata(path) {
        Ok(metadata) => Some(metadata),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    if existing.as_ref().is_some_and(|metadata| !metadata.is_file()) {
        let file = std::fs::OpenOptions::new().write(true).open(path)?;
        return Ok((file, None));
    }
    // Resolve a link and replace its target, so that the link is kept.
    let target = if existing.is_some() { path.canonicalize()? } else { path.to_owned() };
    let mut name = target
        .file_name()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the path has no file name"))?
        .to_owned();
    let random = getrandom::u64().map_err(io::Error::other)?;
    name.push(format!(".{random:016x}.tmp"));
    let temporary = target.with_file_name(name);
    let file = std::fs::OpenOptions::new().write(true).create_new(true).open(&temporary)?;
    let temporary = Temporary { path: temporary, target, is_renamed: false };
    if let Some(existing) = existing {
        file.set_permissions(existing.permissions())?;
    }
    Ok((file, Some(temporary)))
}
