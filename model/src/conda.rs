//! Entries of `conda_packages` and `conda_channels`: match specs and where packages come from.
//!
//! The grammar is that of `conda/models/match_spec.py`. Solves nothing: only a channel knows which packages exist.

use crate::fault::Fault;
use crate::quote::quote;
use crate::rules;
use crate::text::one_line;
use crate::url::without_credentials;

/// `[channel::]name[ version[ build]]`, with an operator or `=` between name and version.
pub(crate) fn conda_package(value: &str) -> Result<String, Fault> {
    one_line(value)?;
    without_credentials(value)?;
    let refuse = |why: &str| {
        Fault::new(&rules::CONDA_PACKAGE, format!("{} is not a valid conda package", quote(value))).label(why)
    };
    if value.starts_with('-') {
        return Err(refuse("an option, not a package").help("options are not allowed; list packages only"));
    }
    if value.contains("://") || value.ends_with(".conda") || value.ends_with(".tar.bz2") {
        return Err(refuse("a file or URL").help("name the package, and its channel in `conda_channels`"));
    }
    let (channel, rest) = match value.split_once("::") {
        Some((channel, rest)) => (Some(channel), rest),
        None => (None, value),
    };
    if let Some(channel) = channel
        && conda_channel(channel).is_err()
    {
        return Err(refuse("not a channel").at(0..channel.len()).help("for example `conda-forge::numpy`"));
    }
    let start = value.len() - rest.len();
    let end = rest.find(|c: char| c.is_whitespace() || "=<>!~[".contains(c)).unwrap_or(rest.len());
    let (name, constraint) = rest.split_at(end);
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if name.is_empty()
        || !name.chars().all(is_name)
        || !name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
    {
        return Err(refuse("not a package name")
            .at(start..start + name.len())
            .help("an entry looks like `numpy`, `python=3.11`, `numpy>=2,<3` or `pytorch=2.4=cuda*`"));
    }
    let at = start + end;
    if let Some(attributes) = constraint.trim_start().strip_prefix('[') {
        // The text in brackets is checked by the solver; here the bracket only has to be closed.
        return match attributes.strip_suffix(']') {
            Some(_) => Ok(value.to_owned()),
            None => Err(refuse("the bracket is not closed").at(at..value.len())),
        };
    }
    let is_version = |c: char| c.is_ascii_alphanumeric() || " =<>!~.,|*+_-".contains(c);
    if !constraint.chars().all(is_version) {
        return Err(refuse("not a version").at(at..value.len()));
    }
    let ends_open = |text: &str| text.trim_end().ends_with(['=', '<', '>', '!', '~', ',', '|']);
    if ends_open(constraint) {
        return Err(refuse("the version is missing").at(at..value.len()));
    }
    Ok(value.to_owned())
}

/// A channel's name, such as `conda-forge` or `pytorch/label/nightly`, or its URL.
pub(crate) fn conda_channel(value: &str) -> Result<String, Fault> {
    one_line(value)?;
    without_credentials(value)?;
    let refuse = |why: &str| {
        Fault::new(&rules::CONDA_CHANNEL, format!("{} is not a valid conda channel", quote(value))).label(why)
    };
    if value.starts_with('-') {
        return Err(refuse("an option, not a channel"));
    }
    match value.split_once("://") {
        Some((scheme, rest)) if matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https") => {
            let is_valid = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\'' | '<' | '>' | '\\' | '`');
            if rest.is_empty() || rest.starts_with('/') || !rest.chars().all(is_valid) {
                return Err(refuse("not a URL"));
            }
        }
        Some(_) => return Err(refuse("expected a name, or an `http://` or `https://` URL")),
        None => {
            let is_valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
            let has_empty_part = value.split('/').any(|part| part.is_empty() || part == "..");
            if has_empty_part || !value.chars().all(is_valid) {
                return Err(refuse("letters, digits, `_`, `-`, `.` and `/`"));
            }
        }
    }
    Ok(value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages() {
        for good in [
            "numpy",
            "python=3.11",
            "numpy>=2,<3",
            "numpy >=2",
            "pytorch=2.4=cuda*",
            "pytorch 2.4.* cuda124*",
            "conda-forge::pytorch",
            "numpy~=1.26",
            "numpy!=1.24|>=2",
            "pytorch[version='>=2', build='*cuda*']",
            "_libgcc_mutex",
            "libgcc-ng",
            "pytorch/label/nightly::torchvision",
        ] {
            assert_eq!(conda_package(good).as_deref(), Ok(good));
        }
        for bad in [
            "",
            "-c",
            "--yes",
            "numpy=",
            "numpy>=2,",
            "numpy;rm",
            "$(x)",
            "num py$",
            "https://x/y.conda",
            "y-1.0-0.tar.bz2",
            "a b::numpy",
            "numpy[version",
            "::numpy",
            "numpy\n",
        ] {
            assert!(conda_package(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn channels() {
        for good in ["conda-forge", "pytorch/label/nightly", "https://example.org/conda", "http://127.0.0.1:8000/x"] {
            assert_eq!(conda_channel(good).as_deref(), Ok(good));
        }
        for bad in ["", "-c", "a b", "ftp://x", "https://", "../x", "https://u:p@x/y", "a//b", "$X"] {
            assert!(conda_channel(bad).is_err(), "{bad}");
        }
    }
}
