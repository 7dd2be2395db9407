//! The names that `containerd/platforms` knows (`database.go`), and which of them are the same.
//!
//! The environment is not inspected: the host is the machine this program was compiled for.

/// Operating systems that are recognized without an architecture.
const OPERATING_SYSTEMS: [&str; 17] = [
    "aix",
    "android",
    "darwin",
    "dragonfly",
    "freebsd",
    "hurd",
    "illumos",
    "ios",
    "js",
    "linux",
    "nacl",
    "netbsd",
    "openbsd",
    "plan9",
    "solaris",
    "windows",
    "zos",
];

/// Architectures that are recognized without an operating system.
const ARCHITECTURES: [&str; 24] = [
    "386",
    "amd64",
    "amd64p32",
    "arm",
    "arm64",
    "arm64be",
    "armbe",
    "loong64",
    "mips",
    "mips64",
    "mips64le",
    "mips64p32",
    "mips64p32le",
    "mipsle",
    "ppc",
    "ppc64",
    "ppc64le",
    "riscv",
    "riscv64",
    "s390",
    "s390x",
    "sparc",
    "sparc64",
    "wasm",
];

pub(super) fn is_known_os(os: &str) -> bool {
    OPERATING_SYSTEMS.contains(&os)
}

pub(super) fn is_known_architecture(architecture: &str) -> bool {
    ARCHITECTURES.contains(&architecture)
}

/// Go's name of the operating system that Rust calls otherwise.
pub(super) fn host_os() -> &'static str {
    match std::env::consts::OS {
        "macos" => "darwin",
        os => os,
    }
}

/// Go's name of the architecture that Rust calls otherwise.
pub(super) fn host_architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86" => "386",
        "powerpc64" if cfg!(target_endian = "little") => "ppc64le",
        "powerpc64" => "ppc64",
        "loongarch64" => "loong64",
        architecture => architecture,
    }
}

/// `normalizeOS` of `database.go`.
pub(super) fn normal_os(os: &str) -> String {
    match lower(os).as_str() {
        "" => host_os().to_owned(),
        "macos" => "darwin".to_owned(),
        os => os.to_owned(),
    }
}

/// `normalizeArch` of `database.go`.
pub(super) fn normal_architecture(architecture: &str, variant: &str) -> (String, String) {
    let (architecture, variant) = (lower(architecture), lower(variant));
    let (architecture, variant) = match (architecture.as_str(), variant.as_str()) {
        ("i386", _) => ("386", ""),
        ("x86_64" | "x86-64" | "amd64", "v1") => ("amd64", ""),
        ("x86_64" | "x86-64" | "amd64", variant) => ("amd64", variant),
        // Not `8.0`: containerd leaves it as it is.
        ("aarch64" | "arm64", "8" | "v8" | "v8.0") => ("arm64", ""),
        ("aarch64" | "arm64", "9" | "9.0" | "v9.0") => ("arm64", "v9"),
        ("aarch64" | "arm64", variant) => ("arm64", variant),
        ("armhf", _) | ("arm", "" | "7") => ("arm", "v7"),
        ("armel", _) | ("arm", "6") => ("arm", "v6"),
        ("arm", "5") => ("arm", "v5"),
        ("arm", "8") => ("arm", "v8"),
        other => other,
    };
    (architecture.to_owned(), variant.to_owned())
}

/// Go lowercases each character independently of its neighbors.
fn lower(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}
