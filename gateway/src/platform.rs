//! Platforms as a frontend meets them: parsed from opts, normalised, written as ids.
//!
//! The rules are containerd's (`containerd/platforms: platforms.go`, `database.go`), because BuildKit compares the ids as text.
//! One spelling for each is llb's business. Never looks at the machine it runs on, except to name the platform it was compiled for.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A platform: what an image is for, or what a worker can run.
///
/// The JSON form is the OCI image spec's platform object (image-index.md § Image Index Property Descriptions).
///
/// ```
/// use buildkit_gateway::Platform;
///
/// let platform = Platform::new("linux", "aarch64");
/// assert_eq!(platform.id(), "linux/arm64");
/// assert_eq!(serde_json::to_string(&platform)?, r#"{"architecture":"arm64","os":"linux"}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Platform {
    /// GOARCH name, `amd64`.
    pub architecture: String,
    /// GOOS name, `linux`.
    pub os: String,
    /// Windows build number; empty elsewhere.
    #[serde(rename = "os.version", skip_serializing_if = "String::is_empty")]
    pub os_version: String,
    /// Mandatory OS features, sorted once normalised.
    #[serde(rename = "os.features", skip_serializing_if = "Vec::is_empty")]
    pub os_features: Vec<String>,
    /// CPU variant, `v7`; empty for none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub variant: String,
}

/// Text that names no platform.
///
/// ```
/// use buildkit_gateway::Platform;
///
/// let error = Platform::parse("linux/amd64/v1/x").expect_err("one part too many");
/// assert_eq!(error.to_string(), r#""linux/amd64/v1/x" is no platform: expected os[/arch[/variant]]"#);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no platform: {problem}")]
pub struct ParsePlatformError {
    text: String,
    problem: &'static str,
}

impl Platform {
    /// A platform without variant, normalised.
    #[must_use]
    pub fn new(os: &str, architecture: &str) -> Self {
        Self { architecture: architecture.to_owned(), os: os.to_owned(), ..Self::default() }.normalized()
    }

    /// The platform this program was compiled for: what BuildKit assumes when nothing else is said.
    #[must_use]
    pub fn of_this_program() -> Self {
        let os = match std::env::consts::OS {
            "macos" => "darwin",
            other => other,
        };
        let architecture = match std::env::consts::ARCH {
            "x86" => "386",
            "powerpc64" if cfg!(target_endian = "little") => "ppc64le",
            "powerpc64" => "ppc64",
            "loongarch64" => "loong64",
            other => other,
        };
        Self::new(os, architecture)
    }

    /// Parses `os`, `arch`, `os/arch` or `os/arch/variant`; a missing half is this program's.
    ///
    /// The result is normalised, as `moby/buildkit: frontend/dockerui/attr.go` does with the `platform` opt.
    ///
    /// ```
    /// use buildkit_gateway::Platform;
    /// assert_eq!(Platform::parse("linux/aarch64")?.to_string(), "linux/arm64");
    /// assert_eq!(Platform::parse("linux/arm")?.to_string(), "linux/arm/v7");
    /// # Ok::<(), buildkit_gateway::ParsePlatformError>(())
    /// ```
    ///
    /// # Errors
    /// If a part has characters no platform has, or a lone word is neither an OS nor an architecture.
    pub fn parse(text: &str) -> Result<Self, ParsePlatformError> {
        let fail = |problem| ParsePlatformError { text: text.to_owned(), problem };
        let mut parts = text.split('/');
        let first = parts.next().unwrap_or_default();
        let rest: Vec<&str> = parts.collect();
        if rest.iter().any(|part| !is_component(part)) {
            return Err(fail("an architecture or variant is letters, digits, `_`, `.` and `-`"));
        }
        let (os, os_version, os_features) = parse_os(first).map_err(fail)?;
        let here = Self::of_this_program();
        // What the first part is when it stands alone: the one or the other.
        let lone = buildkit_llb::Platform::new(&os, first, "");
        let platform = match rest.as_slice() {
            [] if is_known_os(&lone.os) => {
                Self { architecture: here.architecture, variant: here.variant, os, os_version, os_features }
            }
            [] => {
                if !is_known_architecture(&lone.architecture) {
                    return Err(fail("neither a known operating system nor a known architecture"));
                }
                Self { architecture: lone.architecture, variant: lone.variant, os: here.os, ..Self::default() }
            }
            [architecture] => {
                Self { architecture: (*architecture).to_owned(), os, os_version, os_features, variant: String::new() }
            }
            [architecture, variant] => Self {
                architecture: (*architecture).to_owned(),
                variant: (*variant).to_owned(),
                os,
                os_version,
                os_features,
            },
            _ => return Err(fail("expected os[/arch[/variant]]")),
        };
        Ok(platform.normalized())
    }

    /// The same platform in the spelling BuildKit compares by.
    #[must_use]
    pub fn normalized(mut self) -> Self {
        let os = if self.os.is_empty() { Self::of_this_program().os } else { self.os };
        let normal = buildkit_llb::Platform::new(&os, &self.architecture, &self.variant);
        (self.os, self.architecture, self.variant) = (normal.os, normal.architecture, normal.variant);
        self.os_features.sort();
        self.os_features.dedup();
        self
    }

    /// The id under which results and metadata of this platform are keyed: its full text form.
    #[must_use]
    pub fn id(&self) -> String {
        self.to_string()
    }

    pub(crate) fn to_rpc(&self) -> buildkit_proto::rpc::llb::Platform {
        buildkit_proto::rpc::llb::Platform {
            architecture: self.architecture.clone(),
            os: self.os.clone(),
            variant: self.variant.clone(),
            os_version: self.os_version.clone(),
            os_features: self.os_features.clone(),
        }
    }

    pub(crate) fn from_rpc(platform: buildkit_proto::rpc::llb::Platform) -> Self {
        Self {
            architecture: platform.architecture,
            os: platform.os,
            variant: platform.variant,
            os_version: platform.os_version,
            os_features: platform.os_features,
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.os.is_empty() {
            return f.write_str("unknown");
        }
        f.write_str(&self.os)?;
        let features: Vec<String> = {
            let mut sorted = self.os_features.clone();
            sorted.sort();
            sorted.dedup();
            sorted.iter().filter(|feature| !feature.is_empty()).map(|feature| encode_os_option(feature)).collect()
        };
        if !self.os_version.is_empty() || !features.is_empty() {
            f.write_str("(")?;
            f.write_str(&encode_os_option(&self.os_version))?;
            for feature in features {
                write!(f, "+{feature}")?;
            }
            f.write_str(")")?;
        }
        for part in [&self.architecture, &self.variant] {
            if !part.is_empty() {
                write!(f, "/{part}")?;
            }
        }
        Ok(())
    }
}

impl From<&buildkit_llb::Platform> for Platform {
    fn from(platform: &buildkit_llb::Platform) -> Self {
        Self {
            architecture: platform.architecture.clone(),
            os: platform.os.clone(),
            variant: platform.variant.clone(),
            os_version: platform.os_version.clone(),
            os_features: platform.os_features.clone(),
        }
    }
}

impl From<&Platform> for buildkit_llb::Platform {
    fn from(platform: &Platform) -> Self {
        Self {
            os_version: platform.os_version.clone(),
            os_features: platform.os_features.clone(),
            ..Self::new(&platform.os, &platform.architecture, &platform.variant)
        }
    }
}

impl std::str::FromStr for Platform {
    type Err = ParsePlatformError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// Splits `windows(10.0.17763+win32k)` into its name, version and features.
fn parse_os(text: &str) -> Result<(String, String, Vec<String>), &'static str> {
    const SHAPE: &str = "an operating system is letters, digits, `_` and `-`, with an optional (version)";
    let (name, options) = match text.split_once('(') {
        Some((name, rest)) => (name, rest.strip_suffix(')').ok_or(SHAPE)?),
        None => (text, ""),
    };
    let is_name = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    if name.is_empty() || !name.bytes().all(is_name) {
        return Err(SHAPE);
    }
    let is_option = |b: u8| is_name(b) || matches!(b, b'.' | b'%' | b'+');
    if !options.bytes().all(is_option) {
        return Err(SHAPE);
    }
    let mut options = options.split('+');
    let version = decode_os_option(options.next().unwrap_or_default())?;
    let mut features = Vec::new();
    for feature in options {
        if feature.is_empty() {
            return Err("an OS feature is empty");
        }
        features.push(decode_os_option(feature)?);
    }
    Ok((name.to_owned(), version, features))
}

fn is_component(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
}

/// Escapes what has a meaning in a platform id.
fn encode_os_option(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '%' => out.push_str("%25"),
            '+' => out.push_str("%2B"),
            '(' => out.push_str("%28"),
            ')' => out.push_str("%29"),
            '/' => out.push_str("%2F"),
            other => out.push(other),
        }
    }
    out
}

fn decode_os_option(text: &str) -> Result<String, &'static str> {
    crate::percent::decode(text).ok_or("a `%` escape is not two hex digits")
}

fn is_known_os(os: &str) -> bool {
    matches!(
        os,
        "aix"
            | "android"
            | "darwin"
            | "dragonfly"
            | "freebsd"
            | "hurd"
            | "illumos"
            | "ios"
            | "js"
            | "linux"
            | "nacl"
            | "netbsd"
            | "openbsd"
            | "plan9"
            | "solaris"
            | "windows"
            | "zos"
    )
}

fn is_known_architecture(architecture: &str) -> bool {
    matches!(
        architecture,
        "386"
            | "amd64"
            | "amd64p32"
            | "arm"
            | "armbe"
            | "arm64"
            | "arm64be"
            | "ppc64"
            | "ppc64le"
            | "loong64"
            | "mips"
            | "mipsle"
            | "mips64"
            | "mips64le"
            | "mips64p32"
            | "mips64p32le"
            | "ppc"
            | "riscv"
            | "riscv64"
            | "s390"
            | "s390x"
            | "sparc"
            | "sparc64"
            | "wasm"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, id: &str) {
        assert_eq!(Platform::parse(text).unwrap().id(), id);
    }

    #[test]
    fn spellings_become_one() {
        check("linux/amd64", "linux/amd64");
        check("Linux/x86_64", "linux/amd64");
        check("linux/amd64/v1", "linux/amd64");
        check("linux/amd64/v3", "linux/amd64/v3");
        check("linux/arm64/v8", "linux/arm64");
        check("linux/aarch64", "linux/arm64");
        check("linux/arm", "linux/arm/v7");
        check("linux/arm/6", "linux/arm/v6");
        check("linux/armhf", "linux/arm/v7");
        check("linux/armel", "linux/arm/v6");
        check("macos/arm64", "darwin/arm64");
        check("linux/i386", "linux/386");
    }

    #[test]
    fn windows_carries_its_version() {
        check("windows(10.0.17763)/amd64", "windows(10.0.17763)/amd64");
        check("windows(10.0.17763+win32k+a)/amd64", "windows(10.0.17763+a+win32k)/amd64");
        let platform = Platform::parse("windows(1%2B2)/amd64").unwrap();
        assert_eq!(platform.os_version, "1+2");
        assert_eq!(platform.id(), "windows(1%2B2)/amd64");
    }

    #[test]
    fn one_half_alone() {
        let here = Platform::of_this_program();
        check("linux", &Platform { os: "linux".into(), ..here.clone() }.id());
        check("riscv64", &format!("{}/riscv64", here.os));
    }

    #[test]
    fn what_is_no_platform() {
        for text in [
            "",
            "*",
            "linux/*",
            "nonsense",
            "linux/amd64/v1/x",
            "linux//v7",
            "win dows/amd64",
            "windows(1/amd64",
            "windows(%zz)/amd64",
        ] {
            assert!(Platform::parse(text).is_err(), "{text:?} was taken");
        }
    }

    #[test]
    fn json_is_the_image_specs() {
        let json = serde_json::to_string(&Platform::new("linux", "amd64")).unwrap();
        assert_eq!(json, r#"{"architecture":"amd64","os":"linux"}"#);
        let platform: Platform =
            serde_json::from_str(r#"{"os":"windows","architecture":"amd64","os.version":"10","x":1}"#).unwrap();
        assert_eq!(platform.id(), "windows(10)/amd64");
    }
}
