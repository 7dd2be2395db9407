//! Platforms that images can be built for: a check on top of the parser of `oci-names`.
//!
//! Knows nothing of the machine it runs on, so a spec means the same everywhere; a platform that is not given stays absent.

pub use oci_names::Platform;
use oci_names::{ParsePlatformError, PlatformProblem};

use crate::fault::Fault;
use crate::invalid::Invalid;
use crate::nearest::nearest;
use crate::quote::quote;
use crate::rules;
use crate::text::one_line;

/// Go's names of the architectures Linux runs on (`go tool dist list`).
const ARCHITECTURES: [&str; 12] =
    ["386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc64le", "riscv64", "s390x"];

/// What the kernel, Debian, Rust and Docker Hub call architectures that have another name in platforms.
const OTHER_NAMES: [(&str, &str); 19] = [
    ("i486", "386"),
    ("i586", "386"),
    ("i686", "386"),
    ("x86", "386"),
    ("x64", "amd64"),
    ("armv5", "arm/v5"),
    ("arm32v5", "arm/v5"),
    ("armv6", "arm/v6"),
    ("armv6l", "arm/v6"),
    ("arm32v6", "arm/v6"),
    ("armv7", "arm/v7"),
    ("armv7l", "arm/v7"),
    ("arm32v7", "arm/v7"),
    ("arm64v8", "arm64"),
    ("armv8", "arm64"),
    ("loongarch64", "loong64"),
    ("mipsel", "mipsle"),
    ("mips64el", "mips64le"),
    ("ppc64el", "ppc64le"),
];

/// Parses a platform that images can be built for. A spec's `platform`, `--platform` and the frontend's option are all read
/// by this, so each spelling has one meaning or is refused everywhere.
///
/// An architecture alone is one of Linux.
///
/// ```
/// use imagespec::parse_platform;
///
/// assert_eq!(parse_platform("linux/arm64/v9.0")?.to_string(), "linux/arm64/v9");
/// assert_eq!(parse_platform("x86_64")?.to_string(), "linux/amd64");
/// let error = parse_platform("linux/i686").expect_err("an architecture of that name is not known");
/// assert_eq!((error.code, error.help.as_deref()), ("E023", Some("did you mean `linux/386`?")));
/// # Ok::<(), imagespec::Invalid>(())
/// ```
///
/// # Errors
/// If it is not a valid platform, or not one of Linux with an architecture and variant that are known.
pub fn parse_platform(text: &str) -> Result<Platform, Invalid> {
    Ok(platform(text.trim())?)
}

/// Parses one platform and checks that images can be built for it.
pub(crate) fn platform(value: &str) -> Result<Platform, Fault> {
    one_line(value)?;
    if !value.contains('/') {
        return single_word(value);
    }
    let platform = Platform::parse(value).map_err(|error| invalid(value, &error))?;
    check(&platform, value).map(|()| platform)
}

/// The parser takes the other half from the machine it runs on; here it is always Linux.
fn single_word(value: &str) -> Result<Platform, Fault> {
    let platform = Platform::linux(value);
    if is_known(&platform.architecture) {
        return Ok(platform);
    }
    let help = suggestion(&platform.architecture).unwrap_or_else(|| "write `linux/amd64` or `linux/arm64`".to_owned());
    Err(refusal(value).label("expected `os/architecture`").help(help))
}

fn refusal(value: &str) -> Fault {
    Fault::new(&rules::PLATFORM, format!("{} is not a valid platform", quote(value)))
}

fn invalid(value: &str, error: &ParsePlatformError) -> Fault {
    let label = match error.problem() {
        PlatformProblem::TooManyParts => return refusal(value).label("expected `os/architecture[/variant]`"),
        problem => problem.to_string(),
    };
    refusal(value).label(label).at(error.range())
}

/// Checks a platform that was parsed from `value`, which has a `/`.
fn check(platform: &Platform, value: &str) -> Result<(), Fault> {
    let Platform { architecture, os, os_version, os_features, variant } = platform;
    let os_end = value.find('/').unwrap_or(value.len());
    if os != "linux" {
        return Err(Fault::new(&rules::PLATFORM, format!("images for {} cannot be built", quote(os)))
            .label("only linux")
            .help("write `linux/amd64` or `linux/arm64`")
            .at(0..os_end));
    }
    if !os_version.is_empty() || !os_features.is_empty() {
        return Err(refusal(value).label("Linux has no version and no features").at(0..os_end));
    }
    let start = os_end + 1;
    let end = value.get(start..).and_then(|rest| rest.find('/')).map_or(value.len(), |at| start + at);
    if !is_known(architecture) {
        let known = || format!("supported: {}", ARCHITECTURES.join(", "));
        let help = suggestion(architecture).unwrap_or_else(known);
        return Err(refusal(value).label("unknown architecture").help(help).at(start..end));
    }
    let variants = variants(architecture);
    if variant.is_empty() || variants.contains(&variant.as_str()) {
        return Ok(());
    }
    let help = match architecture.as_str() {
        "amd64" => "amd64 has the variants v1 to v4",
        "arm" => "arm has the variants v5 to v8",
        "arm64" => "arm64 has the variants v8 to v8.9 and v9 to v9.7",
        _ => "only amd64, arm and arm64 have variants",
    };
    Err(refusal(value).label("unknown variant").help(help).at(end + 1..value.len()))
}

fn is_known(architecture: &str) -> bool {
    ARCHITECTURES.contains(&architecture)
}

/// The variants in normal form that `containerd/platforms` can compare (`compare.go`).
fn variants(architecture: &str) -> &'static [&'static str] {
    match architecture {
        "amd64" => &["v2", "v3", "v4"],
        "arm" => &["v5", "v6", "v7", "v8"],
        "arm64" => &[
            "v8.1", "v8.2", "v8.3", "v8.4", "v8.5", "v8.6", "v8.7", "v8.8", "v8.9", "v9", "v9.1", "v9.2", "v9.3",
            "v9.4", "v9.5", "v9.6", "v9.7",
        ],
        _ => &[],
    }
}

/// What was meant by an architecture that is not known.
fn suggestion(architecture: &str) -> Option<String> {
    let other = OTHER_NAMES.into_iter().find(|(other, _)| *other == architecture).map(|(_, name)| name);
    let meant = other.or_else(|| nearest(architecture, ARCHITECTURES))?;
    Some(format!("did you mean `linux/{meant}`?"))
}

/// Splits a comma-separated list into its entries and where each begins.
pub(crate) fn comma_list(value: &str) -> Vec<(usize, &str)> {
    let mut entries = Vec::new();
    let mut at = 0;
    for piece in value.split(',') {
        let blanks = piece.len() - piece.trim_start().len();
        entries.push((at + blanks, piece.trim()));
        at += piece.len() + 1;
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &str, expect: &str) {
        match platform(value) {
            Ok(platform) => assert_eq!(platform.to_string(), expect),
            Err(fault) => assert_eq!(fault.label, expect, "{value}"),
        }
    }

    #[test]
    fn spellings_of_containerd() {
        check("linux/amd64", "linux/amd64");
        check("Linux/x86_64", "linux/amd64");
        check("linux/amd64/v1", "linux/amd64");
        check("linux/amd64/v3", "linux/amd64/v3");
        check("linux/arm", "linux/arm/v7");
        check("linux/arm/6", "linux/arm/v6");
        check("linux/armhf", "linux/arm/v7");
        check("linux/i386", "linux/386");
        check("linux/riscv64", "linux/riscv64");
        for spelling in ["linux/aarch64", "linux/arm64/8", "linux/arm64/v8", "linux/arm64/v8.0", "linux/arm64/V8"] {
            check(spelling, "linux/arm64");
        }
        for spelling in ["linux/arm64/9", "linux/arm64/9.0", "linux/arm64/v9", "linux/arm64/v9.0"] {
            check(spelling, "linux/arm64/v9");
        }
        check("linux/arm64/v8.2", "linux/arm64/v8.2");
    }

    #[test]
    fn an_architecture_alone_is_linux() {
        check("arm64", "linux/arm64");
        check("X86-64", "linux/amd64");
        check("armhf", "linux/arm/v7");
        check("linux", "expected `os/architecture`");
        check("i686", "expected `os/architecture`");
        check("darwin", "expected `os/architecture`");
    }

    #[test]
    fn the_rest_is_refused() {
        check("windows/amd64", "only linux");
        check("macos/arm64", "only linux");
        check("linux(1)/amd64", "Linux has no version and no features");
        check("linux/amd65", "unknown architecture");
        check("linux/i686", "unknown architecture");
        check("linux/arm/v9", "unknown variant");
        check("linux/arm64/8.0", "unknown variant");
        check("linux/386/v7", "unknown variant");
        check("linux/amd64/v1/x", "expected `os/architecture[/variant]`");
        check("linux/", "an architecture or variant has letters, digits, `_`, `.` and `-`");
    }

    #[test]
    fn names_of_others_are_suggested() {
        let help = |value: &str| platform(value).err().and_then(|fault| fault.help);
        for (value, meant) in [
            ("linux/i686", "linux/386"),
            ("i686", "linux/386"),
            ("linux/armv7l", "linux/arm/v7"),
            ("linux/X64", "linux/amd64"),
            ("linux/amd65", "linux/amd64"),
        ] {
            assert_eq!(help(value), Some(format!("did you mean `{meant}`?")));
        }
        for (_, name) in OTHER_NAMES {
            check(&format!("linux/{name}"), &format!("linux/{name}"));
        }
    }

    #[test]
    fn splits_lists() {
        assert_eq!(comma_list("a, b,,c"), [(0, "a"), (3, "b"), (5, ""), (6, "c")]);
    }
}
