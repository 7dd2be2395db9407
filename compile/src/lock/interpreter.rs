//! The runtime of an environment: an implementation of Python and a C library.

use pep440_rs::Version;

/// A Python interpreter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interpreter {
    /// The language's full version, such as 3.11.2.
    pub version: Version,
    /// The implementation.
    pub implementation: Implementation,
}

impl Interpreter {
    /// CPython with the global interpreter lock.
    #[must_use]
    pub fn cpython(version: Version) -> Self {
        Self { version, implementation: Implementation::CPython { free_threaded: false } }
    }

    /// Major and minor version of the language.
    #[must_use]
    pub fn minor_version(&self) -> (u64, u64) {
        release(&self.version)
    }
}

/// An implementation of Python.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Implementation {
    /// The reference implementation.
    CPython {
        /// Whether it is built without the global interpreter lock (`3.13t`).
        free_threaded: bool,
    },
    /// PyPy, which has its own version besides the version of the language.
    PyPy {
        /// PyPy's version, such as 7.3.17.
        version: Version,
    },
}

/// The C library of a Linux root filesystem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Libc {
    /// GNU's; wheels for it are `manylinux` (PEP 600).
    Glibc {
        /// Major version.
        major: u16,
        /// Minor version.
        minor: u16,
    },
    /// musl; wheels for it are `musllinux` (PEP 656).
    Musl {
        /// Major version.
        major: u16,
        /// Minor version.
        minor: u16,
    },
}

/// The first two numbers of a version.
pub(super) fn release(version: &Version) -> (u64, u64) {
    let mut numbers = version.release().iter().copied();
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}
