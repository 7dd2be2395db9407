//! Reads small files of a folder: a build context or the folder of a spec, which may be somebody else's.
//!
//! A link that leads out of the folder counts as missing, as it does for a daemon: what is outside is not part of the build, and its text
//! must not appear in messages.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// The maximum size of a file that is read as a whole.
const MAX_BYTES: u64 = 16 << 20;

/// Reads a file; `None` if there is none in the folder. Blocking.
///
/// # Errors
/// It cannot be read, is not a regular file, or is too large.
pub(crate) fn read(folder: &Path, path: impl AsRef<Path>) -> io::Result<Option<Vec<u8>>> {
    let is_missing = |error: &io::Error| matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory);
    let real = match folder.join(path).canonicalize() {
        Ok(real) => real,
        Err(error) if is_missing(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    if !real.starts_with(folder.canonicalize()?) {
        return Ok(None);
    }
    // Opening a pipe would wait for a writer.
    if !real.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    read_bounded(File::open(real)?).map(Some)
}

/// Reads a whole file of limited size.
pub(crate) fn read_bounded(file: File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(io::Error::other(format!("it has more than {} MiB", MAX_BYTES >> 20)));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_files_of_the_folder_are_read() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("context");
        std::fs::create_dir_all(folder.join("deep")).unwrap();
        std::fs::write(parent.path().join("outside"), "secret").unwrap();
        std::fs::write(folder.join("a"), "a").unwrap();
        symlink("../outside", folder.join("leak")).unwrap();
        symlink("/proc/self/environ", folder.join("environment")).unwrap();
        symlink("../a", folder.join("deep/inside")).unwrap();
        symlink("loop", folder.join("loop")).unwrap();
        let text = |path: &str| read(&folder, path).map(|found| found.map(|bytes| String::from_utf8(bytes).unwrap()));
        for path in ["a", "deep/inside", "deep/../a"] {
            assert_eq!(text(path).unwrap().as_deref(), Some("a"), "{path}");
        }
        for path in ["leak", "environment", "none", "a/b", "../outside"] {
            assert_eq!(text(path).unwrap(), None, "{path}");
        }
        assert!(text("loop").is_err() && text("deep").is_err());
    }

    #[test]
    fn a_pipe_and_a_huge_file_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let status = std::process::Command::new("mkfifo").arg(folder.path().join("pipe")).status().unwrap();
        assert!(status.success() && read(folder.path(), "pipe").is_err());
        File::create(folder.path().join("huge")).unwrap().set_len(MAX_BYTES + 1).unwrap();
        assert_eq!(read(folder.path(), "huge").unwrap_err().to_string(), "it has more than 16 MiB");
    }
}
