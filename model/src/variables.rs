//! Which environment variables programs that install something read.
//!
//! Knows names only: what a variable means to a program is the program's business.

/// Whether installers read a variable, so that another value may change what they do.
///
/// ```
/// assert!(imagespec::is_read_by_installers("UV_INDEX_URL") && imagespec::is_read_by_installers("https_proxy"));
/// assert!(!imagespec::is_read_by_installers("PATH"));
/// ```
#[must_use]
pub fn is_read_by_installers(name: &str) -> bool {
    const PREFIXES: [&str; 8] = ["UV_", "PIP_", "CONDA_", "MAMBA_", "SSL_", "CARGO_", "CMAKE_", "NPY_"];
    const NAMES: [&str; 21] = [
        "AR",
        "AS",
        "CC",
        "CFLAGS",
        "CPATH",
        "CPP",
        "CPPFLAGS",
        "CXX",
        "CXXFLAGS",
        "CURL_CA_BUNDLE",
        "F77",
        "FC",
        "FFLAGS",
        "LD",
        "LDFLAGS",
        "LDSHARED",
        "LIBRARY_PATH",
        "MAKEFLAGS",
        "PKG_CONFIG_PATH",
        "REQUESTS_CA_BUNDLE",
        "RUSTFLAGS",
    ];
    PREFIXES.iter().any(|prefix| name.starts_with(prefix)) || is_proxy(name) || NAMES.contains(&name)
}

/// Whether a variable names a proxy; apt reads these and no others.
///
/// ```
/// assert!(imagespec::is_proxy("http_proxy") && !imagespec::is_proxy("PROXY"));
/// ```
#[must_use]
pub fn is_proxy(name: &str) -> bool {
    name.to_ascii_uppercase().ends_with("_PROXY")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn installers_read_their_own() {
        for name in ["UV_INDEX_URL", "PIP_NO_CACHE", "https_proxy", "HTTPS_PROXY", "CFLAGS"] {
            assert!(is_read_by_installers(name), "{name}");
        }
        for name in ["PATH", "APP_MODE", "PROXY", "CCC"] {
            assert!(!is_read_by_installers(name), "{name}");
        }
    }
}
