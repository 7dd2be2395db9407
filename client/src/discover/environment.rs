//! The variables and files that discovery reads. Tests replace them.

use std::io;
use std::path::{Path, PathBuf};

/// Variables, the home directory and files.
pub trait Environment {
    /// The value of a variable, if it is set and UTF-8.
    fn variable(&self, name: &str) -> Option<String>;
    /// The user's home directory.
    fn home(&self) -> Option<PathBuf>;
    /// The content of a file.
    ///
    /// # Errors
    /// As [`std::fs::read`].
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// Whether there is something at this path.
    fn exists(&self, path: &Path) -> bool;

    /// Why nobody answers at a socket that exists, if that is so.
    fn refusal(&self, _socket: &Path) -> Option<io::Error> {
        None
    }

    /// The value of a variable that is not empty: Docker's tools treat an empty variable as unset.
    fn set_variable(&self, name: &str) -> Option<String> {
        self.variable(name).filter(|value| !value.is_empty())
    }
}

/// The environment of this process.
///
/// ```
/// use buildkit_client::discover::{Environment, SystemEnvironment};
///
/// assert_eq!(SystemEnvironment.variable("NO_SUCH_VARIABLE"), None);
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEnvironment;

impl Environment for SystemEnvironment {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn home(&self) -> Option<PathBuf> {
        std::env::home_dir().filter(|home| !home.as_os_str().is_empty())
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        std::fs::read(path)
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    fn refusal(&self, socket: &Path) -> Option<io::Error> {
        std::os::unix::net::UnixStream::connect(socket).err()
    }
}
