//! The committed locks, and targets for them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use buildkit_llb::Platform;
use imagespec::SourceMap;
use imagespec_compile::lock::{Interpreter, Libc, Lock, Target, parse};

pub(crate) const DEBIAN_12: Libc = Libc::Glibc { major: 2, minor: 36 };
pub(crate) const ALPINE: Libc = Libc::Musl { major: 1, minor: 2 };

/// The locks for one platform and Python version.
pub(crate) const NAMES: [&str; 5] = ["small", "data", "cloud", "ml", "notebooks"];

pub(crate) fn text(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../testdata/locks/pylock.{name}.toml"));
    #[expect(clippy::disallowed_methods, reason = "tests read their data; the crate does not")]
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn lock(name: &str) -> Lock {
    static LOCKS: LazyLock<BTreeMap<&str, Lock>> = LazyLock::new(|| {
        NAMES.into_iter().chain(["universal", "export"]).map(|name| (name, read(&text(name)))).collect()
    });
    LOCKS[name].clone()
}

#[track_caller]
pub(crate) fn read(text: &str) -> Lock {
    let mut sources = SourceMap::new();
    let file = sources.add("pylock.toml", text);
    parse(file, text).unwrap_or_else(|diagnostics| panic!("{}", imagespec::render_all(&diagnostics, &sources)))
}

pub(crate) fn target(python: &str, architecture: &str, libc: Libc) -> Target {
    let interpreter = Interpreter::cpython(python.parse().expect("a version"));
    Target::new(interpreter, &Platform::linux(architecture), libc).expect("a platform of wheels")
}

/// The target of the locks of [`NAMES`].
pub(crate) fn debian() -> &'static Target {
    static DEBIAN: LazyLock<Target> = LazyLock::new(|| target("3.11.2", "amd64", DEBIAN_12));
    &DEBIAN
}
