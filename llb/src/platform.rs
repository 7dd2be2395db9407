//! Platforms: operating system, architecture, variant.
//!
//! Does not know which platform anything runs on.

use std::fmt;

use buildkit_proto::{Fields, pb};

/// What an op runs for (OCI image spec, image-index.md § platform), in BuildKit's normal form.
///
/// ```
/// use buildkit_llb::Platform;
///
/// assert_eq!(Platform::new("linux", "aarch64", "v8"), Platform::linux("arm64"));
/// assert_eq!(Platform::linux("arm").to_string(), "linux/arm/v7");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Platform {
    /// GOOS name, `linux`.
    pub os: String,
    /// GOARCH name, `amd64`.
    pub architecture: String,
    /// CPU variant, `v7`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub variant: String,
    /// Windows only: the version the image is for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub os_version: String,
    /// Windows only: features the image needs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub os_features: Vec<String>,
}

impl Platform {
    /// A platform in normal form: `x86_64` is `amd64`, `aarch64` is `arm64` without its only variant `v8`, a bare `arm` is
    /// `v7` (`containerd/platforms: database.go`).
    #[must_use]
    pub fn new(os: &str, architecture: &str, variant: &str) -> Self {
        let os = match os.to_ascii_lowercase().as_str() {
            "macos" => "darwin".to_owned(),
            os => os.to_owned(),
        };
        let (architecture, variant) = (architecture.to_ascii_lowercase(), variant.to_ascii_lowercase());
        let (architecture, variant) = match (architecture.as_str(), variant.as_str()) {
            ("x86_64" | "x86-64" | "amd64", "v1") => ("amd64", ""),
            ("x86_64" | "x86-64" | "amd64", v) => ("amd64", v),
            ("i386", _) => ("386", ""),
            ("aarch64" | "arm64", "8" | "v8" | "v8.0") => ("arm64", ""),
            ("aarch64" | "arm64", "9" | "9.0" | "v9.0") => ("arm64", "v9"),
            ("aarch64" | "arm64", v) => ("arm64", v),
            ("armhf", _) | ("arm", "" | "7") => ("arm", "v7"),
            ("armel", _) | ("arm", "6") => ("arm", "v6"),
            ("arm", "5") => ("arm", "v5"),
            ("arm", "8") => ("arm", "v8"),
            (other, v) => (other, v),
        };
        let (architecture, variant) = (architecture.to_owned(), variant.to_owned());
        Self { os, architecture, variant, os_version: String::new(), os_features: Vec::new() }
    }

    /// `linux/<architecture>` in normal form.
    #[must_use]
    pub fn linux(architecture: &str) -> Self {
        Self::new("linux", architecture, "")
    }

    /// Writes the fields of `pb::Platform`.
    pub(crate) fn write(&self, fields: &mut Fields<'_>) {
        let Self { os, architecture, variant, os_version, os_features } = self;
        fields.text(1, architecture);
        fields.text(2, os);
        fields.text(3, variant);
        fields.text(4, os_version);
        os_features.iter().for_each(|feature| fields.element(5, feature));
    }

    /// As it is on the wire: a platform of somebody else's definition need not be in normal form.
    pub(crate) fn from_pb(platform: &pb::Platform) -> Self {
        let pb::Platform { os, architecture, variant, os_version, os_features } = platform.clone();
        Self { os, architecture, variant, os_version, os_features }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        if !self.variant.is_empty() {
            write!(f, "/{}", self.variant)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Platform;

    #[test]
    fn normal_form() {
        let check = |architecture, variant, expect: &str| {
            assert_eq!(Platform::new("Linux", architecture, variant).to_string(), expect);
        };
        check("x86_64", "", "linux/amd64");
        check("aarch64", "v8", "linux/arm64");
        check("arm", "", "linux/arm/v7");
        check("arm", "6", "linux/arm/v6");
        check("riscv64", "", "linux/riscv64");
    }
}
