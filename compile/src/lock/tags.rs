//! Compatibility tags: the wheels that fit an environment, in order of preference.
//!
//! Tags are those of PEP 425, 600 and 656; their order is uv's (`crates/uv-platform-tags/src/tags.rs`), because uv installs.

use std::collections::BTreeMap;

use crate::lock::interpreter::{Implementation, Interpreter, Libc, release};
use crate::lock::wheel_name::WheelName;

/// The tags that an environment supports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tags {
    /// The position of each `python-abi-platform` in the order of preference, 0 first.
    ranks: BTreeMap<(String, String, String), usize>,
}

impl Tags {
    pub(super) fn new(interpreter: &Interpreter, machine: &str, libc: Libc) -> Self {
        let (major, minor) = interpreter.minor_version();
        let platforms = platforms(machine, libc);
        let python = |minor: u64| match &interpreter.implementation {
            Implementation::CPython { .. } => format!("cp{major}{minor}"),
            Implementation::PyPy { .. } => format!("pp{major}{minor}"),
        };
        let mut list = List::default();

        list.add(&python(minor), &own_abi(interpreter), &platforms);
        if let Implementation::CPython { free_threaded } = interpreter.implementation {
            let stable = if free_threaded { "abi3t" } else { "abi3" };
            for older in (2..=minor).rev() {
                list.add(&python(older), stable, &platforms);
                if older == minor {
                    list.add(&python(older), "none", &platforms);
                }
            }
        }
        let any = ["any".to_owned()];
        list.generic(major, minor, &platforms);
        if matches!(interpreter.implementation, Implementation::CPython { .. }) {
            list.add(&python(minor), "none", &any);
        }
        list.generic(major, minor, &any);
        Self { ranks: list.ranks }
    }

    /// The rank of a wheel: the position of its best tag, 0 first. `None` if it does not fit.
    #[must_use]
    pub fn rank(&self, wheel: &WheelName) -> Option<usize> {
        let mut best = None;
        for python in &wheel.python {
            for abi in &wheel.abi {
                for platform in &wheel.platform {
                    let rank = self.ranks.get(&(python.clone(), abi.clone(), platform.clone())).copied();
                    best = best.into_iter().chain(rank).min();
                }
            }
        }
        best
    }

    /// All tags as `python-abi-platform`, best first.
    #[must_use]
    pub fn list(&self) -> Vec<String> {
        let mut ranked: Vec<_> = self.ranks.iter().collect();
        ranked.sort_by_key(|(_, rank)| **rank);
        ranked.into_iter().map(|((python, abi, platform), _)| format!("{python}-{abi}-{platform}")).collect()
    }
}

#[derive(Default)]
struct List {
    ranks: BTreeMap<(String, String, String), usize>,
}

impl List {
    fn add(&mut self, python: &str, abi: &str, platforms: &[String]) {
        for platform in platforms {
            let rank = self.ranks.len();
            self.ranks.entry((python.to_owned(), abi.to_owned(), platform.clone())).or_insert(rank);
        }
    }

    /// `py311`, `py3`, `py310`, … without an ABI.
    fn generic(&mut self, major: u64, minor: u64, platforms: &[String]) {
        for older in (0..=minor).rev() {
            self.add(&format!("py{major}{older}"), "none", platforms);
            if older == minor {
                self.add(&format!("py{major}"), "none", platforms);
            }
        }
    }
}

/// The ABI tag of extension modules that are built for this interpreter only.
fn own_abi(interpreter: &Interpreter) -> String {
    let (major, minor) = interpreter.minor_version();
    match &interpreter.implementation {
        Implementation::CPython { free_threaded: true } => format!("cp{major}{minor}t"),
        // Up to 3.7 the tag includes `m` for Python's own allocator, which is always used.
        Implementation::CPython { .. } if (major, minor) <= (3, 7) => format!("cp{major}{minor}m"),
        Implementation::CPython { .. } => format!("cp{major}{minor}"),
        Implementation::PyPy { version } => {
            let (own_major, own_minor) = release(version);
            format!("pypy{major}{minor}_pp{own_major}{own_minor}")
        }
    }
}

/// Platform tags, newest C library first, and tags without a C library version last.
fn platforms(machine: &str, libc: Libc) -> Vec<String> {
    let mut tags = Vec::new();
    match libc {
        Libc::Glibc { major, minor } => {
            if let Some(oldest) = oldest_manylinux(machine) {
                for minor in (oldest..=minor).rev() {
                    tags.push(format!("manylinux_{major}_{minor}_{machine}"));
                    let legacy = match minor {
                        17 => "manylinux2014",
                        12 => "manylinux2010",
                        5 => "manylinux1",
                        _ => continue,
                    };
                    tags.push(format!("{legacy}_{machine}"));
                }
            }
        }
        Libc::Musl { major, minor } => {
            tags.extend((0..=minor).rev().map(|minor| format!("musllinux_{major}_{minor}_{machine}")));
        }
    }
    tags.push(format!("linux_{machine}"));
    tags
}

/// The minor version of the oldest glibc for which wheels of a machine are built.
fn oldest_manylinux(machine: &str) -> Option<u16> {
    match machine {
        "x86_64" | "i686" => Some(5),
        "aarch64" | "armv7l" | "ppc64le" | "s390x" => Some(17),
        "riscv64" => Some(31),
        "loongarch64" => Some(36),
        _ => None,
    }
}
