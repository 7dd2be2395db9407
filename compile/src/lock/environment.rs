//! The environment a lock is read for: an interpreter on a platform with a C library.
//!
//! Looks at no machine: all of it is said by the caller.

use buildkit_llb::Platform;
use pep440_rs::Version;

use crate::lock::interpreter::{Implementation, Interpreter, Libc};
use crate::lock::tags::Tags;

/// What runs the environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    interpreter: Interpreter,
    machine: &'static str,
    libc: Libc,
    tags: Tags,
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
