//! Platforms: `os/architecture[/variant]`, spelled the way containerd and OCI indexes do.
//!
//! Knows nothing of the machine it runs on; a platform that is not given stays absent.

use std::fmt;

use serde::Serialize;

use crate::fault::Fault;
use crate::nearest::nearest;
use crate::quote::quote;
use crate::rules;
use crate::text::one_line;

/// An operating system and processor, spelled as OCI does.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Platform {
    /// Always `linux` for now.
    pub os: String,
    /// Such as `amd64` or `arm64`.
    pub architecture: String,
    /// Such as `v7`; absent where the architecture alone says it.
    pub variant: Option<String>,
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) => write!(f, "/{variant}"),
            None => Ok(()),
        }
    }
}

/// Go's names of the architectures Linux runs on (`go tool dist list`).
const ARCHITECTURES: [&str; 12] =
    ["386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc64le", "riscv64", "s390x"];

/// Reads one platform and normalises it as containerd's `platforms/database.go` does.
pub(crate) fn platform(value: &str) -> Result<Platform, Fault> {
    one_line(value)?;
    let refuse = |why: &str| Fault::new(&rules::PLATFORM, format!("{} is not a platform", quote(value))).label(why);
    let lower = value.to_ascii_lowercase();
    let parts: Vec<&str> = lower.split('/').collect();
    let (os, architecture, variant) = match *parts.as_slice() {
        [os, architecture] => (os, architecture, ""),
        [os, architecture, variant] => (os, architecture, variant),
        [alone] => {
            let help = match normalise(alone, "") {
                Some((architecture, _)) => format!("write `linux/{architecture}`"),
                None => "write `linux/amd64` or `linux/arm64`".to_owned(),
            };
            return Err(refuse("expected `os/architecture`").help(help));
        }
        _ => return Err(refuse("expected `os/architecture[/variant]`")),
    };
    if os != "linux" {
        return Err(Fault::new(&rules::PLATFORM, format!("images for {} cannot be built", quote(os)))
            .label("only linux")
            .help("write `linux/amd64` or `linux/arm64`")
            .at(0..os.len()));
    }
    let start = os.len() + 1;
    let Some((architecture, variant)) = normalise(architecture, variant) else {
        let is_known = ARCHITECTURES.contains(&architecture) || normalise(architecture, "").is_some();
        let fault = if is_known {
            refuse("unknown variant").at(start + architecture.len() + 1..value.len())
        } else {
            refuse("unknown architecture").at(start..start + architecture.len())
        };
        let help = match nearest(architecture, ARCHITECTURES) {
            Some(known) if !is_known => format!("did you mean `linux/{known}`?"),
            _ if is_known => "arm has variants v5 to v8, amd64 has v1 to v4, arm64 has v8 and v9".to_owned(),
            _ => format!("known are: {}", ARCHITECTURES.join(", ")),
        };
        return Err(fault.help(help));
    };
    Ok(Platform { os: os.to_owned(), architecture: architecture.to_owned(), variant: variant.map(str::to_owned) })
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

/// The one spelling of an architecture and variant; `None` when unknown.
fn normalise<'a>(architecture: &'a str, variant: &'a str) -> Option<(&'a str, Option<&'a str>)> {
    let known = match (architecture, variant) {
        ("x86_64" | "x86-64" | "amd64", "" | "v1") => ("amd64", None),
        ("x86_64" | "x86-64" | "amd64", "v2" | "v3" | "v4") => ("amd64", Some(variant)),
        ("aarch64" | "arm64", "" | "8" | "v8") => ("arm64", None),
        ("aarch64" | "arm64", "v9") => ("arm64", Some("v9")),
        ("armhf", "") | ("arm", "" | "7" | "v7") => ("arm", Some("v7")),
        ("armel", "") | ("arm", "6" | "v6") => ("arm", Some("v6")),
        ("arm", "5" | "v5") => ("arm", Some("v5")),
        ("arm", "8" | "v8") => ("arm", Some("v8")),
        ("i386" | "i486" | "i586" | "i686" | "386", "") => ("386", None),
        (other, "") => (*ARCHITECTURES.iter().find(|known| **known == other)?, None),
        _ => return None,
    };
    Some(known)
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
    fn normalises_as_containerd_does() {
        check("linux/amd64", "linux/amd64");
        check("Linux/x86_64", "linux/amd64");
        check("linux/amd64/v3", "linux/amd64/v3");
        check("linux/aarch64", "linux/arm64");
        check("linux/arm64/v8", "linux/arm64");
        check("linux/arm", "linux/arm/v7");
        check("linux/arm/6", "linux/arm/v6");
        check("linux/armhf", "linux/arm/v7");
        check("linux/i386", "linux/386");
        check("linux/riscv64", "linux/riscv64");
    }

    #[test]
    fn refuses_the_rest() {
        check("windows/amd64", "only linux");
        check("darwin/arm64", "only linux");
        check("amd64", "expected `os/architecture`");
        check("linux/amd65", "unknown architecture");
        check("linux/arm/v9", "unknown variant");
        check("linux/amd64/v1/x", "expected `os/architecture[/variant]`");
        check("linux/", "unknown architecture");
    }

    #[test]
    fn splits_lists() {
        assert_eq!(comma_list("a, b,,c"), [(0, "a"), (3, "b"), (5, ""), (6, "c")]);
    }
}
