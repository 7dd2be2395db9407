//! The environment a lock is read for: an interpreter on a platform with a C library.
//!
//! Looks at no machine: all of it is said by the caller.

use buildkit_llb::Platform;
use pep440_rs::Version;

use crate::lock::tags::Tags;

/// What runs the environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    interpreter: Interpreter,
    machine: &'static str,
    libc: Libc,
    tags: Tags,
}

/// A Python interpreter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interpreter {
    /// The language's full version, such as 3.11.2.
    pub version: Version,
    /// Whose it is.
    pub implementation: Implementation,
}

impl Interpreter {
    /// The usual CPython of a version.
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
        /// Built without the global lock (`3.13t`).
        free_threaded: bool,
    },
    /// PyPy, which has a version of its own beside the language's.
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

impl Target {
    /// An environment. `None` for a platform that is not Linux or has no name in the world of wheels.
    #[must_use]
    pub fn new(interpreter: Interpreter, platform: &Platform, libc: Libc) -> Option<Self> {
        if platform.os != "linux" {
            return None;
        }
        let machine = match (platform.architecture.as_str(), platform.variant.as_str()) {
            ("amd64", _) => "x86_64",
            ("arm64", _) => "aarch64",
            ("386", _) => "i686",
            ("arm", "" | "v7" | "v8") => "armv7l",
            ("arm", "v6") => "armv6l",
            ("ppc64le", _) => "ppc64le",
            ("s390x", _) => "s390x",
            ("riscv64", _) => "riscv64",
            ("loong64", _) => "loongarch64",
            _ => return None,
        };
        let tags = Tags::new(&interpreter, machine, libc);
        Some(Self { interpreter, machine, libc, tags })
    }

    /// The wheels that fit, best first.
    #[must_use]
    pub fn tags(&self) -> &Tags {
        &self.tags
    }

    /// The interpreter.
    #[must_use]
    pub fn interpreter(&self) -> &Interpreter {
        &self.interpreter
    }

    /// The C library.
    #[must_use]
    pub fn libc(&self) -> Libc {
        self.libc
    }

    /// The text a marker variable stands for (PEP 508, "Environment Markers"); `None` for one that holds a version and for
    /// those only the running system knows, `platform_release` and `platform_version`.
    pub(super) fn text(&self, variable: &str) -> Option<&str> {
        Some(match (variable, &self.interpreter.implementation) {
            ("os_name", _) => "posix",
            ("sys_platform", _) => "linux",
            ("platform_system", _) => "Linux",
            ("platform_machine", _) => self.machine,
            ("platform_python_implementation", Implementation::CPython { .. }) => "CPython",
            ("platform_python_implementation", Implementation::PyPy { .. }) => "PyPy",
            ("implementation_name", Implementation::CPython { .. }) => "cpython",
            ("implementation_name", Implementation::PyPy { .. }) => "pypy",
            _ => return None,
        })
    }

    /// The version a marker variable stands for; `None` for one that holds text.
    pub(super) fn version(&self, variable: &str) -> Option<Version> {
        match (variable, &self.interpreter.implementation) {
            ("python_full_version", _) | ("implementation_version", Implementation::CPython { .. }) => {
                Some(self.interpreter.version.clone())
            }
            ("implementation_version", Implementation::PyPy { version }) => Some(version.clone()),
            ("python_version", _) => {
                let (major, minor) = self.interpreter.minor_version();
                Some(Version::new([major, minor]))
            }
            _ => None,
        }
    }
}

/// The first two numbers of a version.
pub(super) fn release(version: &Version) -> (u64, u64) {
    let mut numbers = version.release().iter().copied();
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}
