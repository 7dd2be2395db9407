//! Platforms: operating system, architecture and CPU variant, in the one spelling that BuildKit compares.
//!
//! Does not know which platforms a machine can run, nor which of two platforms is the better match.

mod known;
mod parse;

use std::fmt;

use serde::{Deserialize, Serialize};

use self::known::{host_architecture, host_os, normal_architecture, normal_os};
pub use self::parse::{ParsePlatformError, PlatformProblem};

/// What an image is for, or what a worker can run (OCI image spec, image-index.md § Image Index Property Descriptions).
///
/// The JSON form is the image spec's. It is read and written unchanged: data of other programs need not be in normal form.
///
/// ```
/// use oci_names::Platform;
///
/// let platform = Platform::new("linux", "aarch64", "v8");
/// assert_eq!(platform, Platform::linux("arm64"));
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
    /// Version of the operating system that the image is for, such as a Windows build; empty for none.
    #[serde(rename = "os.version", alias = "os_version", skip_serializing_if = "String::is_empty")]
    pub os_version: String,
    /// Features of the operating system that the image needs; sorted in normal form.
    #[serde(rename = "os.features", alias = "os_features", skip_serializing_if = "Vec::is_empty")]
    pub os_features: Vec<String>,
    /// CPU variant, `v7`; empty for none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub variant: String,
}

impl Platform {
    /// A platform in [normal form](Self::normalized). An empty variant means none.
    ///
    /// ```
    /// use oci_names::Platform;
    ///
    /// assert_eq!(Platform::new("Linux", "x86_64", "").to_string(), "linux/amd64");
    /// assert_eq!(Platform::new("linux", "arm", "6").to_string(), "linux/arm/v6");
    /// ```
    #[must_use]
    pub fn new(os: &str, architecture: &str, variant: &str) -> Self {
        let (os, architecture, variant) = (os.to_owned(), architecture.to_owned(), variant.to_owned());
        Self { architecture, os, variant, ..Self::default() }.normalized()
    }

    /// `linux/<architecture>` in normal form.
    ///
    /// ```
    /// use oci_names::Platform;
    ///
    /// assert_eq!(Platform::linux("arm").to_string(), "linux/arm/v7");
    /// ```
    #[must_use]
    pub fn linux(architecture: &str) -> Self {
        Self::new("linux", architecture, "")
    }

    /// The platform this program was compiled for, which is what BuildKit assumes where nothing else is known.
    ///
    /// ```
    /// use oci_names::Platform;
    ///
    /// assert_eq!(Platform::host(), Platform::host().normalized());
    /// ```
    #[must_use]
    pub fn host() -> Self {
        Self::new(host_os(), host_architecture(), "")
    }

    /// Parses `os`, `architecture`, `os/architecture` or `os/architecture/variant`. The result is in normal form; a half that
    /// is missing is the [host](Self::host)'s. An operating system may have a version and features, `windows(10.0.17763+win32k)`.
    ///
    /// This is `Normalize(Parse(text))` of `containerd/platforms`, as BuildKit reads platforms (`moby/buildkit:
    /// frontend/dockerui/attr.go`). Two inputs that Go accepts are refused, because no id could tell them from others: parts
    /// that are `.` or `..`, and escapes of bytes that are not UTF-8.
    ///
    /// ```
    /// use oci_names::Platform;
    ///
    /// assert_eq!(Platform::parse("linux/arm64/v9.0")?.to_string(), "linux/arm64/v9");
    /// assert_eq!(Platform::parse("windows(10.0.17763)/amd64")?.os_version, "10.0.17763");
    /// # Ok::<(), oci_names::ParsePlatformError>(())
    /// ```
    ///
    /// # Errors
    /// If a part has characters that no platform has, or a single word is neither an operating system nor an architecture.
    pub fn parse(text: &str) -> Result<Self, ParsePlatformError> {
        parse::parse(text)
    }

    /// The same platform in the spelling that BuildKit compares: `x86_64` is `amd64`, `aarch64` is `arm64` without its
    /// variant `v8`, `arm` alone is `arm/v7`, and features are sorted (`Normalize` of `containerd/platforms`).
    ///
    /// Without an operating system it is the [host](Self::host)'s.
    ///
    /// ```
    /// use oci_names::Platform;
    ///
    /// let platform: Platform = serde_json::from_str(r#"{"os": "macOS", "architecture": "x86-64"}"#)?;
    /// assert_eq!(platform.normalized().to_string(), "darwin/amd64");
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    #[must_use]
    pub fn normalized(self) -> Self {
        let Self { architecture, os, os_version, mut os_features, variant } = self;
        let (architecture, variant) = normal_architecture(&architecture, &variant);
        os_features.sort();
        os_features.dedup();
        Self { architecture, os: normal_os(&os), os_version, os_features, variant }
    }
}

/// The id of the platform, under which results and metadata are keyed (`FormatAll` of `containerd/platforms`).
impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { architecture, os, os_version, os_features, variant } = self;
        if os.is_empty() {
            return f.write_str("unknown");
        }
        f.write_str(os)?;
        let mut features: Vec<&str> = os_features.iter().map(String::as_str).filter(|name| !name.is_empty()).collect();
        features.sort_unstable();
        features.dedup();
        if !os_version.is_empty() || !features.is_empty() {
            write!(f, "({}", parse::encode_option(os_version))?;
            for feature in features {
                write!(f, "+{}", parse::encode_option(feature))?;
            }
            f.write_str(")")?;
        }
        for part in [architecture, variant] {
            if !part.is_empty() {
                write!(f, "/{part}")?;
            }
        }
        Ok(())
    }
}

impl std::str::FromStr for Platform {
    type Err = ParsePlatformError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl TryFrom<&str> for Platform {
    type Error = ParsePlatformError;

    fn try_from(text: &str) -> Result<Self, Self::Error> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_read_by_both_names() {
        let windows = Platform {
            os_version: "10".into(),
            os_features: vec!["a".into()],
            ..Platform::new("windows", "amd64", "")
        };
        let json = r#"{"architecture":"amd64","os":"windows","os.version":"10","os.features":["a"]}"#;
        assert_eq!(serde_json::to_string(&windows).unwrap(), json);
        for text in [
            json,
            &json.replace("os.", "os_"),
            r#"{"os":"windows","architecture":"amd64","os.version":"10","os_features":["a"],"x":1}"#,
        ] {
            assert_eq!(serde_json::from_str::<Platform>(text).unwrap(), windows);
        }
    }

    #[test]
    fn nothing_is_read_as_an_unknown_platform() {
        assert_eq!(serde_json::from_str::<Platform>("{}").unwrap().to_string(), "unknown");
    }
}
