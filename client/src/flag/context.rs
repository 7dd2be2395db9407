//! `--build-context NAME=VALUE` (docker/buildx: `util/buildflags/context.go`, `build/opt.go`).

use std::path::PathBuf;
use std::str::FromStr;

use buildkit_proto::keys::{local, option};
use oci_names::ImageReference;

use super::FlagError;

const FLAG: &str = "--build-context";

/// A named context, which a frontend uses instead of the image or stage of that name.
///
/// ```
/// use buildkit_client::flag::NamedContext;
///
/// let base: NamedContext = "base=docker-image://debian:12".parse()?;
/// assert_eq!(base.to_option(), ("context:base".to_owned(), "docker-image://debian:12".to_owned()));
/// # Ok::<(), buildkit_client::flag::FlagError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedContext {
    /// The name without `docker.io/library/` and `:latest`.
    pub name: String,
    /// What replaces the image or stage.
    pub source: ContextSource,
}

/// The source of a named context.
///
/// ```
/// use buildkit_client::flag::{ContextSource, NamedContext};
///
/// let data: NamedContext = "data=./folder".parse()?;
/// assert_eq!(data.source, ContextSource::Local("./folder".into()));
/// # Ok::<(), buildkit_client::flag::FlagError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ContextSource {
    /// `docker-image://…`, `https://…`, a git URL, `target:…`: the daemon fetches it.
    Remote(String),
    /// A folder, which the session serves as [`NamedContext::local_name`].
    Local(PathBuf),
}

impl NamedContext {
    /// The frontend option that carries it.
    #[must_use]
    pub fn to_option(&self) -> (String, String) {
        let value = match &self.source {
            ContextSource::Remote(url) => url.clone(),
            ContextSource::Local(_) => format!("local:{}", self.local_name()),
        };
        (format!("{}{}", option::CONTEXT_PREFIX, self.name), value)
    }

    /// The name under which the session serves the folder. It avoids the two names with a special meaning.
    #[must_use]
    pub fn local_name(&self) -> String {
        match self.name.as_str() {
            local::CONTEXT | local::DOCKERFILE => format!("_{}", self.name),
            name => name.to_owned(),
        }
    }
}

impl FromStr for NamedContext {
    type Err = FlagError;

    fn from_str(text: &str) -> Result<Self, FlagError> {
        let wrong = |problem: &str| FlagError::new(FLAG, text, problem);
        let (name, value) = text.split_once('=').ok_or_else(|| wrong("it is not NAME=VALUE"))?;
        let name = short_name(name).ok_or_else(|| wrong("the name is not a valid image or stage name"))?;
        if value.is_empty() {
            return Err(wrong("the value is missing"));
        }
        if value.starts_with("oci-layout://") {
            return Err(wrong("OCI layouts are not supported; push the image to a registry and use docker-image://"));
        }
        let source =
            if is_remote(value) { ContextSource::Remote(value.to_owned()) } else { ContextSource::Local(value.into()) };
        Ok(Self { name, source })
    }
}

/// Whether the daemon fetches the context by itself (moby/buildkit: `util/gitutil`, `frontend/dockerui`).
fn is_remote(value: &str) -> bool {
    const SCHEMES: [&str; 8] =
        ["docker-image://", "target:", "input:", "http://", "https://", "git://", "ssh://", "github.com/"];
    // `git@host:path`, but not a folder with an @ in its name.
    let is_scp = value.split_once('@').is_some_and(|(user, rest)| {
        !user.contains('/') && rest.split_once(':').is_some_and(|(host, path)| !host.contains('/') && !path.is_empty())
    });
    SCHEMES.iter().any(|scheme| value.starts_with(scheme)) || is_scp
}

fn short_name(name: &str) -> Option<String> {
    let short = ImageReference::parse(name).ok()?.familiar();
    Some(short.strip_suffix(":latest").unwrap_or(&short).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, option: (&str, &str)) {
        let context: NamedContext = text.parse().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(context.to_option(), (option.0.to_owned(), option.1.to_owned()));
    }

    #[test]
    fn values_find_their_form() {
        check("base=docker-image://debian:12", ("context:base", "docker-image://debian:12"));
        check("docker.io/library/debian:latest=docker-image://x", ("context:debian", "docker-image://x"));
        check("ghcr.io/a/b:1=docker-image://x", ("context:ghcr.io/a/b:1", "docker-image://x"));
        check("src=https://github.com/a/b.git#main", ("context:src", "https://github.com/a/b.git#main"));
        check("src=git@host:a/b.git", ("context:src", "git@host:a/b.git"));
        check("data=./folder", ("context:data", "local:data"));
        check("data=./a@b", ("context:data", "local:data"));
        check("context=folder", ("context:context", "local:_context"));
    }

    #[test]
    fn mistakes_are_reported() {
        for (text, problem) in [
            ("base", "not NAME=VALUE"),
            ("base=", "value is missing"),
            ("Base=x", "not a valid image"),
            ("=x", "not a valid image"),
            ("a b=x", "not a valid image"),
            ("base=oci-layout://dir", "not supported"),
        ] {
            let error = text.parse::<NamedContext>().expect_err(text).to_string();
            assert!(error.contains(problem), "{error}");
        }
    }
}
