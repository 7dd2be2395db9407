//! URLs of git repositories, read and written again as Go reads and writes them, because both forms are hashed.
//!
//! Follows `moby/buildkit: util/gitutil/git_url.go`, `util/sshutil/scpurl.go` and, for escaping, Go's `net/url`. Nothing is
//! looked up.

use std::fmt::Write as _;
use std::str::FromStr;

use buildkit_proto::go::percent_decode;

/// Names of the secrets for https; the daemon looks for the same (`client/llb/source.go`).
pub(crate) const DEFAULT_TOKEN: &str = "GIT_AUTH_TOKEN";
pub(crate) const DEFAULT_HEADER: &str = "GIT_AUTH_HEADER";

/// A remote repository.
///
/// ```
/// use buildkit_llb::GitRemote;
///
/// let remote: GitRemote = "github.com/moby/buildkit.git".parse()?;
/// assert_eq!(remote.url(), "https://github.com/moby/buildkit.git");
/// assert_eq!(remote.ssh(), None);
/// assert!(GitRemote::parse("git@github.com:moby/buildkit.git")?.ssh().is_some());
/// # Ok::<(), buildkit_llb::GitUrlError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitRemote {
    url: String,
    place: String,
    ssh: Option<GitSsh>,
}

/// How a remote is reached over ssh. Only a [`GitRemote`] whose URL is one of ssh has it.
///
/// ```
/// use buildkit_llb::{GitRemote, GitSource, GitSsh, Source};
///
/// let mut remote = GitRemote::parse("ssh://git@example.com/a.git")?;
/// if let Some(ssh) = remote.ssh_mut() {
///     *ssh = GitSsh { agent: "deploy".to_owned(), ..GitSsh::default() };
/// }
/// assert_eq!(Source::from(GitSource::new(remote)).attrs()["git.mountsshsock"], "deploy");
/// # Ok::<(), buildkit_llb::GitUrlError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GitSsh {
    /// Lines of a `known_hosts` file. Where there are none, Go's client asks the server for its key; this crate asks no
    /// server.
    pub known_hosts: String,
    /// The client's ssh agent; empty is `default`.
    pub agent: String,
}

/// A text that is not the URL of a git repository.
///
/// ```
/// use buildkit_llb::GitRemote;
///
/// let error = GitRemote::parse("ftp://example.com/a.git").expect_err("no git over ftp");
/// assert!(error.to_string().contains("https, http, ssh, git"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitUrlError {
    url: String,
    problem: &'static str,
}

impl std::fmt::Display for GitUrlError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} is not the URL of a git repository: {}", self.url, self.problem)
    }
}

impl std::error::Error for GitUrlError {}

impl GitRemote {
    /// Reads `https://…`, `http://…`, `ssh://…`, `git://…`, `user@host:path`, and takes what has no scheme for https.
    ///
    /// # Errors
    /// Another scheme, a fragment, a query, or characters a URL cannot have.
    pub fn parse(url: &str) -> Result<Self, GitUrlError> {
        let scheme = url
            .split_once("://")
            .filter(|(scheme, _)| !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        let parsed = match scheme {
            Some((scheme, rest)) => standard(&scheme.to_ascii_lowercase(), rest),
            None => match scp(url) {
                Some(remote) => Ok(remote),
                None => standard("https", url),
            },
        };
        // A URL may hold a password; the message shows no more than what is around it.
        parsed.map_err(|problem| GitUrlError { url: masked(url), problem })
    }

    /// The URL for git (`git.fullurl`). A password in it is part of the graph; a secret is the better place.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How it is reached over ssh; `None` for a remote of another scheme.
    #[must_use]
    pub fn ssh(&self) -> Option<&GitSsh> {
        self.ssh.as_ref()
    }

    /// The same to change it.
    pub fn ssh_mut(&mut self) -> Option<&mut GitSsh> {
        self.ssh.as_mut()
    }

    /// Host and path, as in the identifier.
    pub(crate) fn place(&self) -> &str {
        &self.place
    }
}

/// As [`GitRemote::parse`].
impl FromStr for GitRemote {
    type Err = GitUrlError;

    fn from_str(url: &str) -> Result<Self, GitUrlError> {
        Self::parse(url)
    }
}

fn masked(url: &str) -> String {
    match url.rsplit_once('@') {
        Some((before, after)) if before.contains("://") => {
            format!("{}://***@{after}", before.split("://").next().unwrap_or_default())
        }
        _ => url.to_owned(),
    }
}

/// `user@host:path`.
fn scp(url: &str) -> Option<GitRemote> {
    let (user, rest) = url.split_once('@')?;
    let (host, path) = rest.split_once(':')?;
    let plain = |text: &str, more: &[u8]| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || more.contains(&byte))
    };
    if !plain(user, b"-_") || !plain(host, b"-.") || path.contains(['?', '#', '\n']) {
        return None;
    }
    let place = format!("{host}{}", crate::path::clean(&format!("/{path}")));
    Some(GitRemote { url: url.to_owned(), place, ssh: Some(GitSsh::default()) })
}

fn standard(scheme: &str, rest: &str) -> Result<GitRemote, &'static str> {
    if !matches!(scheme, "http" | "https" | "ssh" | "git") {
        return Err("the scheme is not one of https, http, ssh, git");
    }
    if rest.contains('#') {
        return Err("a fragment is not part of a remote");
    }
    if rest.contains('?') {
        return Err("a query is not part of a remote");
    }
    if rest.bytes().any(|byte| byte < 0x20 || byte == 0x7f) {
        return Err("it holds a control character");
    }
    let (authority, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority),
    };
    if host.is_empty() {
        return Err("it has no host");
    }
    let host_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~!$&'()*+,;=:[]".contains(&byte) || byte >= 0x80;
    if !host.bytes().all(host_byte) {
        return Err("the host holds a character that hosts do not have");
    }
    let port = match host.rsplit_once(']') {
        Some((_, "")) => "",
        Some((_, rest)) => rest.strip_prefix(':').ok_or("there is more than a port behind the host")?,
        None if host.starts_with('[') => return Err("the host's bracket is not closed"),
        None => host.split_once(':').map_or("", |(_, port)| port),
    };
    if !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("the port is not a number");
    }
    let mut url = format!("{scheme}://");
    if let Some(user) = user {
        if !user.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(&byte)) {
            return Err("the user holds a character that users do not have");
        }
        let (name, password) = user.split_once(':').map_or((user, None), |(name, password)| (name, Some(password)));
        url += &escape(&unescape(name)?, b"$&+,;=");
        if let Some(password) = password {
            url.push(':');
            url += &escape(&unescape(password)?, b"$&+,;=");
        }
        url.push('@');
    }
    // Hosts outside ASCII are escaped on the way out, and stay as they are in the identifier.
    url += &escape(host.as_bytes(), b"!$&'()*+,;=:[]<>\"");
    let plain = unescape(path)?;
    // Go keeps an escaping of the user's that is valid, and makes its own otherwise.
    let valid = path.bytes().all(|byte| unreserved(byte) || b"!$&'()*+,;=:@[]%/".contains(&byte));
    url += &if valid { path.to_owned() } else { escape(&plain, b"$&+,/:;=@") };
    let plain = String::from_utf8(plain).map_err(|_| "the path is no UTF-8")?;
    let place = format!("{host}{}", crate::path::clean(&format!("/{plain}")));
    Ok(GitRemote { url, place, ssh: (scheme == "ssh").then(GitSsh::default) })
}

fn unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte)
}

fn escape(bytes: &[u8], plain: &[u8]) -> String {
    let mut text = String::new();
    for &byte in bytes {
        if unreserved(byte) || plain.contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

fn unescape(text: &str) -> Result<Vec<u8>, &'static str> {
    percent_decode(text).ok_or("a % is not followed by two hexadecimal digits")
}

#[cfg(test)]
mod tests {
    use super::GitRemote;

    #[test]
    fn other_texts_are_refused_and_passwords_are_not_shown() {
        for (url, expect) in [
            ("ftp://example.com/x", "the scheme is not one of https, http, ssh, git"),
            ("https:///x", "it has no host"),
            ("https://example.com:http/x", "the port is not a number"),
            ("https://exa mple.com/x", "the host holds a character that hosts do not have"),
            ("https://example.com/%zz", "a % is not followed by two hexadecimal digits"),
            ("https://example.com/x#main", "a fragment is not part of a remote"),
            ("https://example.com/x?ref=main", "a query is not part of a remote"),
            ("https://[::1/x", "the host's bracket is not closed"),
        ] {
            let error = GitRemote::parse(url).expect_err(url).to_string();
            assert!(error.ends_with(expect), "{url}: {error}");
        }
        let error = GitRemote::parse("https://me:hunter2@example.com:x/y").expect_err("not a port").to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }
}
