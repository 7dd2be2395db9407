//! Git references as build contexts (`moby/buildkit: frontend/dockerfile/dfgitutil`, `util/gitutil`, `util/sshutil`).
//!
//! Only parses text: nothing is fetched, and branches and tags are not distinguished.

use std::collections::BTreeMap;

use buildkit_proto::go::{parse_bool, percent_decode};

use crate::status::from_mistake;

/// A git repository and what to take from it.
///
/// ```
/// use buildkit_gateway::contexts::parse_git_ref;
///
/// let git = parse_git_ref("https://user:word@example.com/app.git?submodules=false#v1:docs")?.expect("a git URL");
/// assert_eq!((git.reference.as_str(), git.subdir.as_str(), git.submodules), ("v1", "docs", Some(false)));
/// assert!(!format!("{git:?}").contains("word"), "credentials are not shown");
/// # Ok::<(), buildkit_gateway::contexts::GitRefError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Default)]
pub struct GitRef {
    /// What git is given, without fragment and query: a URL or `user@host:path`. May hold credentials.
    pub remote: String,
    /// Branch, tag or commit; empty for the default branch.
    pub reference: String,
    /// Folder inside the repository; empty for all.
    pub subdir: String,
    /// The commit that `reference` must be.
    pub checksum: Option<String>,
    /// Keep `.git`; `None` leaves it to the daemon.
    pub keep_git_dir: Option<bool>,
    /// Fetch submodules; `None` leaves it to the daemon.
    pub submodules: Option<bool>,
    /// File times.
    pub mtime: Option<GitMtime>,
    /// Fetch `checksum` itself, regardless of `reference`.
    pub fetch_by_commit: bool,
    /// `github.com/…` without scheme, which looks like a local path; deprecated.
    pub without_scheme: bool,
}

/// Which times files of a git source get.
///
/// ```
/// use buildkit_gateway::contexts::{GitMtime, parse_git_ref};
///
/// let git = parse_git_ref("https://example.com/app.git?mtime=commit")?.expect("a git URL");
/// assert_eq!(git.mtime.map(GitMtime::as_str), Some("commit"));
/// # Ok::<(), buildkit_gateway::contexts::GitRefError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GitMtime {
    /// When they were checked out.
    Checkout,
    /// The commit's.
    Commit,
}

impl GitMtime {
    /// The wire's word (`git.mtime`).
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Checkout => "checkout",
            Self::Commit => "commit",
        }
    }
}

impl std::fmt::Debug for GitRef {
    /// Credentials in the remote are left out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GitRef")
            .field("remote", &redacted(&self.remote))
            .field("reference", &self.reference)
            .field("subdir", &self.subdir)
            .finish_non_exhaustive()
    }
}

/// A reference that has the form of a git reference, but is invalid.
///
/// ```
/// use buildkit_gateway::contexts::parse_git_ref;
///
/// let error = parse_git_ref("https://example.com/app.git?depth=1").expect_err("a key that git sources do not know");
/// assert!(error.to_string().starts_with("invalid git reference"), "{error}");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid git reference {text:?}: {problem}")]
pub struct GitRefError {
    text: String,
    problem: String,
}

from_mistake!(GitRefError);

/// Parses a git reference; `None` for another text, such as a path or a plain http URL.
///
/// Git's are `git://`, `ssh://`, `user@host:path`, `github.com/…`, and http(s) URLs whose path ends in `.git`;
/// each may carry `#ref:subdir` and a query.
///
/// # Errors
/// If fragment and query contradict each other, or the query has keys or values git sources do not know.
///
/// ```
/// use buildkit_gateway::contexts::parse_git_ref;
/// let git = parse_git_ref("https://example.com/foo.git#main:sub/dir")?.expect("a git URL");
/// assert_eq!((git.reference.as_str(), git.subdir.as_str()), ("main", "sub/dir"));
/// assert!(parse_git_ref("https://example.com/foo.tar.gz")?.is_none());
/// # Ok::<(), buildkit_gateway::contexts::GitRefError>(())
/// ```
pub fn parse_git_ref(text: &str) -> Result<Option<GitRef>, GitRefError> {
    if text.starts_with("./") || text.starts_with("../") || text.chars().any(char::is_control) {
        return Ok(None);
    }
    let (before_fragment, fragment) = match text.split_once('#') {
        Some((before, fragment)) => (before, fragment),
        None => (text, ""),
    };
    let (base, query) = match before_fragment.split_once('?') {
        Some((base, query)) => (base, query),
        None => (before_fragment, ""),
    };
    let mut git = GitRef::default();
    let is_scp = match split_scheme(base) {
        Some((scheme, rest)) => {
            let path = rest.split_once('/').map(|(_, path)| path).unwrap_or_default();
            let path = decode(path).unwrap_or_default();
            match scheme.as_str() {
                "http" | "https" if path.ends_with(".git") => {}
                "git" | "ssh" => {}
                _ => return Ok(None),
            }
            git.remote = format!("{scheme}://{rest}");
            false
        }
        None if base.starts_with("github.com/") => {
            git.remote = format!("https://{base}");
            git.without_scheme = true;
            false
        }
        None if is_scp_style(base) => {
            git.remote = base.to_owned();
            true
        }
        None => return Ok(None),
    };
    let fail = |problem: String| GitRefError { text: redacted(text), problem };
    // In a URL the fragment is escaped; in the scp form nothing before the query is.
    let fragment = if is_scp {
        fragment.to_owned()
    } else {
        match decode(fragment) {
            Some(fragment) => fragment,
            None => return Ok(None),
        }
    };
    if !fragment.is_empty() {
        let (reference, subdir) = fragment.split_once(':').unwrap_or((&fragment, ""));
        git.reference = reference.to_owned();
        git.subdir = clean_subdir(subdir);
    }
    git.take_query(query).map_err(fail)?;
    Ok(Some(git))
}

impl GitRef {
    /// Merges the query; repeated values must be equal.
    fn take_query(&mut self, query: &str) -> Result<(), String> {
        let values = parse_query(query)?;
        let (mut tag, mut branch) = (None, None);
        for (key, value) in values {
            match (key.as_str(), value) {
                ("submodules", value) => self.submodules = Some(flag(&key, &value)?),
                ("keep-git-dir", value) => self.keep_git_dir = Some(flag(&key, &value)?),
                ("fetch-by-commit", value) => self.fetch_by_commit = flag(&key, &value)?,
                (_, value) if value.is_empty() => {
                    return Err(format!("query {key:?} has no value"));
                }
                ("ref", value) => unify("ref", &mut self.reference, value)?,
                ("subdir", value) => unify("subdir", &mut self.subdir, value)?,
                ("tag", value) => tag = Some(value),
                ("branch", value) => branch = Some(value),
                ("checksum" | "commit", value) => match &self.checksum {
                    Some(other) if *other != value => {
                        return Err(format!("checksum conflicts: {other:?} vs {value:?}"));
                    }
                    _ => self.checksum = Some(value),
                },
                ("mtime", value) => {
                    self.mtime = Some(match value.as_str() {
                        "checkout" => GitMtime::Checkout,
                        "commit" => GitMtime::Commit,
                        _ => {
                            return Err(format!("mtime is {value:?}, but must be \"checkout\" or \"commit\""));
                        }
                    });
                }
                _ => return Err(format!("unexpected query {key:?}")),
            }
        }
        if tag.is_some() && branch.is_some() {
            return Err("branch conflicts with tag".to_owned());
        }
        if let Some(tag) = tag {
            unify("ref", &mut self.reference, with_prefix("refs/tags/", tag))?;
        }
        if let Some(branch) = branch {
            unify("ref", &mut self.reference, with_prefix("refs/heads/", branch))?;
        }
        Ok(())
    }

    /// The remote without credentials, for messages and vertex names.
    #[must_use]
    pub fn redacted_remote(&self) -> String {
        redacted(&self.remote)
    }
}

impl TryFrom<&GitRef> for buildkit_llb::GitSource {
    type Error = buildkit_llb::GitUrlError;

    /// The source a graph takes it from.
    fn try_from(git: &GitRef) -> Result<Self, Self::Error> {
        let GitRef { remote, reference, subdir, checksum, keep_git_dir, submodules, mtime, fetch_by_commit, .. } = git;
        Ok(Self {
            reference: reference.clone(),
            subdir: subdir.clone(),
            checksum: checksum.clone().unwrap_or_default(),
            keep_git_dir: keep_git_dir.unwrap_or_default(),
            skip_submodules: *submodules == Some(false),
            mtime: mtime.map(|mtime| match mtime {
                GitMtime::Checkout => buildkit_llb::GitMtime::Checkout,
                GitMtime::Commit => buildkit_llb::GitMtime::Commit,
            }),
            fetch_by_commit: *fetch_by_commit,
            ..Self::new(buildkit_llb::GitRemote::parse(remote)?)
        })
    }
}

fn unify(key: &str, field: &mut String, value: String) -> Result<(), String> {
    if !field.is_empty() && *field != value {
        return Err(format!("{key} conflicts: {field:?} vs {value:?}"));
    }
    *field = value;
    Ok(())
}

fn with_prefix(prefix: &str, name: String) -> String {
    if name.starts_with(prefix) { name } else { format!("{prefix}{name}") }
}

/// A switch: present without a value means on.
fn flag(key: &str, value: &str) -> Result<bool, String> {
    if value.is_empty() {
        return Ok(true);
    }
    parse_bool(value).ok_or_else(|| format!("{key} is {value:?}, which is no boolean"))
}

/// Keys in order, each at most once.
fn parse_query(query: &str) -> Result<BTreeMap<String, String>, String> {
    let mut values = BTreeMap::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (Some(key), Some(value)) = (decode_query(key), decode_query(value)) else {
            return Err(format!("query {pair:?} has a broken escape"));
        };
        if values.insert(key.clone(), value).is_some() {
            return Err(format!("query {key:?} has multiple values"));
        }
    }
    Ok(values)
}

/// Splits `scheme://rest`; schemes are letters and digits.
fn split_scheme(text: &str) -> Option<(String, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    let is_scheme = !scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_alphanumeric());
    is_scheme.then(|| (scheme.to_ascii_lowercase(), rest))
}

/// `user@host:path`.
fn is_scp_style(text: &str) -> bool {
    let is_word = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    text.split_once('@').is_some_and(|(user, rest)| {
        let host = rest.split_once(':').map(|(host, _)| host).unwrap_or_default();
        !user.is_empty()
            && user.bytes().all(|b| is_word(b) || b == b'_')
            && !host.is_empty()
            && host.bytes().all(|b| is_word(b) || b == b'.')
    })
}

/// A subdirectory cannot leave the repository.
fn clean_subdir(text: &str) -> String {
    buildkit_proto::go::clean_path(&format!("/{text}")).trim_start_matches('/').to_owned()
}

/// The text without the password (or token) of a URL's user part.
pub(crate) fn redacted(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    match authority.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://xxxxx@{host}{path}"),
        None => text.to_owned(),
    }
}

/// Undoes the escapes of a path or a fragment; `None` if they are broken or the result is not UTF-8.
fn decode(text: &str) -> Option<String> {
    String::from_utf8(percent_decode(text)?).ok()
}

/// Likewise in a query, where `+` is a blank.
fn decode_query(text: &str) -> Option<String> {
    decode(&text.replace('+', " "))
}

#[cfg(test)]
mod tests;
