//! The environment that a lock is evaluated for: an interpreter on a platform with a C library.
//!
//! The values come from the caller; the running machine is not inspected.

use std::collections::BTreeSet;

use buildkit_llb::Platform;
use imagespec::{Marker, MarkerValue, MarkerVariable};
use pep440_rs::Version;

use crate::lock::interpreter::{Implementation, Interpreter, Libc};
use crate::lock::tags::Tags;

/// The interpreter, platform and C library of an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    interpreter: Interpreter,
    machine: &'static str,
    libc: Libc,
    tags: Tags,
}

impl Target {
    /// Returns the environment. `None` if the platform is not Linux or has no wheel tags.
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

    /// The tags of compatible wheels, best first.
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

    /// Whether a marker holds for these dependency groups and no extras.
    #[must_use]
    pub fn satisfies(&self, marker: &Marker, groups: &[String]) -> bool {
        marker.holds(|variable| self.value(variable, groups))
    }

    fn value(&self, variable: MarkerVariable, groups: &[String]) -> MarkerValue {
        let (name, title, version) = match &self.interpreter.implementation {
            Implementation::CPython { .. } => ("cpython", "CPython", &self.interpreter.version),
            Implementation::PyPy { version } => ("pypy", "PyPy", version),
        };
        let text = match variable {
            MarkerVariable::PythonVersion => {
                let (major, minor) = self.interpreter.minor_version();
                return MarkerValue::Version(Version::new([major, minor]));
            }
            MarkerVariable::PythonFullVersion => return MarkerValue::Version(self.interpreter.version.clone()),
            MarkerVariable::ImplementationVersion => return MarkerValue::Version(version.clone()),
            MarkerVariable::Extras => return MarkerValue::Set(BTreeSet::new()),
            MarkerVariable::DependencyGroups => return MarkerValue::Set(groups.iter().cloned().collect()),
            MarkerVariable::OsName => "posix",
            MarkerVariable::SysPlatform => "linux",
            MarkerVariable::PlatformSystem => "Linux",
            MarkerVariable::PlatformMachine => self.machine,
            MarkerVariable::PlatformPythonImplementation => title,
            MarkerVariable::ImplementationName => name,
            // The kernel is only known on the running system.
            MarkerVariable::PlatformRelease | MarkerVariable::PlatformVersion | MarkerVariable::Extra => "",
        };
        MarkerValue::Text(text.to_owned())
    }
}
