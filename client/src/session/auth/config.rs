//! Docker's `config.json` and `DOCKER_AUTH_CONFIG`: the credentials of a registry, or the helper that has them
//! (docker/cli: `cli/config/configfile`, `cli/config/credentials`).
//!
//! This module runs no helper and opens no connection. An entry that can't be decoded is an error only for its registry.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::super::secret_bytes::SecretBytes;
use super::AuthError;

/// Docker Hub's key in all stores, for historical reasons.
const HUB_KEY: &str = "https://index.docker.io/v1/";

/// The credentials of one registry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Credentials {
    pub(super) user: String,
    pub(super) password: SecretBytes,
    /// A refresh token, used instead of user name and password.
    pub(super) identity_token: SecretBytes,
    /// A bearer token that needs no exchange.
    pub(super) registry_token: SecretBytes,
}

impl Credentials {
    /// The user name. It is empty if there is an identity token, by which the daemon distinguishes a token from a password.
    pub(super) fn username(&self) -> &str {
        if self.identity_token.is_empty() { &self.user } else { "" }
    }

    pub(super) fn secret(&self) -> &SecretBytes {
        if self.identity_token.is_empty() { &self.password } else { &self.identity_token }
    }
}

/// The result of looking up a registry.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Lookup<'a> {
    Known(Credentials),
    /// `docker-credential-<suffix>` has user name and secret; `base` has the rest.
    Helper {
        suffix: &'a str,
        base: Credentials,
    },
}

/// The credentials in the configuration.
#[derive(Debug, Default)]
pub(super) struct DockerConfig {
    file: File,
    /// Entries from the environment.
    first: BTreeMap<String, Result<Entry, Broken>>,
}

/// What is wrong with an entry. It never quotes the entry.
type Broken = &'static str;

#[derive(Debug, Default)]
struct File {
    auths: BTreeMap<String, Result<Entry, Broken>>,
    helpers: BTreeMap<String, Result<String, Broken>>,
    store: String,
}

#[derive(Clone, Default)]
struct Entry {
    /// base64 of `name:password`.
    auth: String,
    username: String,
    password: String,
    identity_token: String,
    registry_token: String,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Entry(..)")
    }
}

impl DockerConfig {
    /// Reads `config.json` from the folder, if it exists, and the content of the variable. What cannot be read is left out.
    pub(super) fn load(folder: Option<&Path>, variable: Option<&SecretBytes>) -> (Self, Vec<AuthError>) {
        let file = folder.map_or_else(|| Ok(File::default()), |folder| read(&folder.join("config.json")));
        let first = match variable {
            Some(text) if !text.expose().trim_ascii().is_empty() => {
                parse(text.expose(), || "DOCKER_AUTH_CONFIG".to_owned()).map(|file| file.auths)
            }
            _ => Ok(BTreeMap::new()),
        };
        let mut problems = Vec::new();
        let file = file.unwrap_or_else(|problem| {
            problems.push(problem);
            File::default()
        });
        let first = first.unwrap_or_else(|problem| {
            problems.push(problem);
            BTreeMap::new()
        });
        (Self { file, first }, problems)
    }

    /// The names of all entries, each once and sorted.
    pub(super) fn registries(&self) -> Vec<&str> {
        let names = self.first.keys().chain(self.file.auths.keys()).chain(self.file.helpers.keys());
        names.map(String::as_str).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Looks up a key of [`key_of`].
    pub(super) fn lookup(&self, key: &str) -> Result<Lookup<'_>, Broken> {
        let credentials = |entry: &Result<Entry, Broken>| entry.as_ref().map_err(|broken| *broken)?.credentials();
        if let Some(entry) = self.first.get(key) {
            return credentials(entry).map(Lookup::Known);
        }
        let entry = self.file.auths.get(key).or_else(|| {
            // Old files have URLs as keys.
            let mut auths = self.file.auths.iter();
            auths.find(|(url, _)| host_of(url) == key).map(|(_, entry)| entry)
        });
        let known = entry.map_or_else(|| Ok(Credentials::default()), credentials);
        let suffix = match self.file.helpers.get(key) {
            Some(suffix) => suffix.as_ref().map_err(|broken| *broken)?,
            None => &self.file.store,
        };
        if suffix.is_empty() {
            return known.map(Lookup::Known);
        }
        // Logging in through a helper leaves an empty entry behind.
        let registry_token = known?.registry_token;
        Ok(Lookup::Helper { suffix, base: Credentials { registry_token, ..Credentials::default() } })
    }
}

fn read(path: &Path) -> Result<File, AuthError> {
    match std::fs::read(path) {
        Ok(bytes) if bytes.trim_ascii().is_empty() => Ok(File::default()),
        Ok(bytes) => parse(&bytes, || path.display().to_string()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(File::default()),
        Err(source) => Err(AuthError::Read { path: path.to_owned(), source }),
    }
}

impl Entry {
    fn from_json(value: &Value) -> Result<Self, Broken> {
        let Some(object) = value.as_object() else {
            return if value.is_null() { Ok(Self::default()) } else { Err("the entry is not an object") };
        };
        let text = |name| text(object, name).map_err(|()| "a member of the entry is not a text");
        Ok(Self {
            auth: text("auth")?,
            username: text("username")?,
            password: text("password")?,
            identity_token: text("identitytoken")?,
            registry_token: text("registrytoken")?,
        })
    }

    fn credentials(&self) -> Result<Credentials, Broken> {
        let secret = |text: &String| SecretBytes::from(text.clone());
        let (user, password) = if self.auth.is_empty() {
            (self.username.clone(), secret(&self.password))
        } else {
            decode_auth(&self.auth)?
        };
        Ok(Credentials {
            user,
            password,
            identity_token: secret(&self.identity_token),
            registry_token: secret(&self.registry_token),
        })
    }
}

fn decode_auth(text: &str) -> Result<(String, SecretBytes), Broken> {
    const INVALID: &str = "the entry's `auth` is not base64 of name:password";
    // `base64` breaks long lines, and Go ignores line breaks (encoding/base64).
    let text: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    let decoded = STANDARD.decode(&text).map(SecretBytes::from).map_err(|_| INVALID)?;
    let (user, password) = decoded.expose_text().and_then(|text| text.split_once(':')).ok_or(INVALID)?;
    if user.is_empty() {
        return Err(INVALID);
    }
    Ok((user.to_owned(), SecretBytes::from(password.trim_matches('\0').to_owned())))
}

/// Reads a configuration as Go does (encoding/json): the case of names does not matter, `null` is an absent member, and unknown members
/// are ignored. What is wrong in an entry concerns its registry only.
fn parse(bytes: &[u8], origin: impl FnOnce() -> String) -> Result<File, AuthError> {
    let value: Result<Value, String> = serde_json::from_slice(bytes).map_err(|error| {
        // The message of an error could quote a value, which may be a password.
        format!("line {}, column {}", error.line(), error.column())
    });
    let file = value.and_then(|value| {
        let object = value.as_object().ok_or("it is not an object")?;
        let entries = |name: &str| match member(object, name) {
            None => Ok(None),
            Some(Value::Object(entries)) => Ok(Some(entries)),
            Some(_) => Err(format!("`{name}` is not an object")),
        };
        let auths = entries("auths")?.into_iter().flatten();
        let helpers = entries("credHelpers")?.into_iter().flatten();
        let helper = |value: &Value| match value {
            Value::String(suffix) => Ok(suffix.clone()),
            Value::Null => Ok(String::new()),
            _ => Err("its credential helper is not a text"),
        };
        Ok(File {
            auths: auths.map(|(key, entry)| (key.clone(), Entry::from_json(entry))).collect(),
            helpers: helpers.map(|(key, value)| (key.clone(), helper(value))).collect(),
            store: text(object, "credsStore").map_err(|()| "`credsStore` is not a text")?,
        })
    });
    file.map_err(|problem| AuthError::Config { origin: origin(), problem })
}

/// A member of an object. A name that is spelled exactly takes precedence.
fn member<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let in_any_case = || object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    object.get(name).or_else(in_any_case).filter(|value| !value.is_null())
}

fn text(object: &Map<String, Value>, name: &str) -> Result<String, ()> {
    member(object, name).map_or(Ok(String::new()), |value| value.as_str().map(str::to_owned).ok_or(()))
}

/// The key under which a registry's credentials are stored.
pub(super) fn key_of(host: &str) -> &str {
    match host {
        "registry-1.docker.io" | "docker.io" | "index.docker.io" => HUB_KEY,
        other => other,
    }
}

/// Host and port of a URL, or of a text that is already only these.
fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(file: &str, variable: Option<&str>) -> Result<DockerConfig, AuthError> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.json"), file).unwrap();
        let variable = variable.map(|text| SecretBytes::from(text.to_owned()));
        let (config, problems) = DockerConfig::load(Some(folder.path()), variable.as_ref());
        problems.into_iter().next().map_or(Ok(config), Err)
    }

    fn user(name: &str, password: &str) -> Credentials {
        Credentials { user: name.to_owned(), password: password.to_owned().into(), ..Credentials::default() }
    }

    #[test]
    fn finds_entries_by_host_key_and_old_url() {
        // dTpw is u:p, aHViOng= is hub:x
        let config = load(
            r#"{"auths": {
                "reg.example:5000": {"auth": "dTpw"},
                "https://old.example/v2/": {"username": "o", "password": "q"},
                "https://index.docker.io/v1/": {"auth": "aHViOng="},
                "id.example": {"auth": "dTpw", "identitytoken": "T"}
            }, "HttpHeaders": {"a": "b"}}"#,
            None,
        )
        .unwrap();
        let known = |host: &str| match config.lookup(key_of(host)) {
            Ok(Lookup::Known(credentials)) => credentials,
            other => panic!("{host}: {other:?}"),
        };
        assert_eq!(known("reg.example:5000"), user("u", "p"));
        assert_eq!(known("old.example"), user("o", "q"));
        for hub in ["registry-1.docker.io", "docker.io", "index.docker.io"] {
            assert_eq!(known(hub), user("hub", "x"));
        }
        assert_eq!(known("reg.example"), Credentials::default());
        let identity = known("id.example");
        assert_eq!((identity.username(), identity.secret().expose()), ("", &b"T"[..]));
    }

    #[test]
    fn helpers_come_before_entries_and_the_variable_before_both() {
        let config = load(
            r#"{"auths": {"a": {}, "b": {"auth": "dTpw", "registrytoken": "R"}},
                "credHelpers": {"a": "special"}, "credsStore": "desktop"}"#,
            Some(r#"{"auths": {"c": {"auth": "dTpw"}}}"#),
        )
        .unwrap();
        let helper = |suffix, token: &str| Lookup::Helper {
            suffix,
            base: Credentials { registry_token: token.to_owned().into(), ..Credentials::default() },
        };
        assert_eq!(config.lookup("a"), Ok(helper("special", "")));
        assert_eq!(config.lookup("b"), Ok(helper("desktop", "R")));
        assert_eq!(config.lookup("c"), Ok(Lookup::Known(user("u", "p"))));
    }

    #[test]
    fn a_broken_entry_fails_its_registry_only() {
        let config = load(r#"{"auths": {"bad": {"auth": "!!"}, "good": {"auth": "dTpw"}}}"#, None).unwrap();
        assert!(config.lookup("bad").is_err());
        assert_eq!(config.lookup("good"), Ok(Lookup::Known(user("u", "p"))));
    }

    #[test]
    fn what_docker_reads_is_read() {
        let config = load(
            r#"{"Auths": {
                "nulls": {"auth": "dTpw", "identitytoken": null, "email": 5},
                "wrapped": {"AUTH": "dT\npw\r\n"},
                "null": null, "list": [], "number": {"auth": 5}
            }, "credhelpers": {"none": null, "bad": 5}, "credsStore": null, "HttpHeaders": null}"#,
            None,
        )
        .unwrap();
        for registry in ["nulls", "wrapped"] {
            assert_eq!(config.lookup(registry), Ok(Lookup::Known(user("u", "p"))), "{registry}");
        }
        for registry in ["null", "none", "other"] {
            assert_eq!(config.lookup(registry), Ok(Lookup::Known(Credentials::default())), "{registry}");
        }
        for registry in ["list", "number", "bad"] {
            assert!(config.lookup(registry).is_err(), "{registry}");
        }
        for broken in ["[]", "5", r#"{"auths": []}"#, r#"{"credsStore": {}}"#, "{"] {
            assert!(load(broken, None).is_err(), "{broken}");
        }
    }

    #[test]
    fn errors_and_debug_do_not_quote_secrets() {
        let config = load(r#"{"auths": {"a": {"auth": ["hunter2"]}}}"#, None).unwrap();
        assert!(!format!("{:?}", config.lookup("a")).contains("hunter2"));
        let error = load(r#"{"auths": "hunter2"}"#, None).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"));
        let config = load(r#"{"auths": {"a": {"password": "hunter2"}}}"#, None).unwrap();
        let shown = format!("{config:?} {:?}", config.lookup("a"));
        assert!(!shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn no_configuration_means_no_credentials() {
        let folder = tempfile::tempdir().unwrap();
        for folder in [None, Some(folder.path())] {
            let config = DockerConfig::load(folder, None).0;
            assert_eq!(config.lookup("x"), Ok(Lookup::Known(Credentials::default())));
        }
        assert!(load("", None).is_ok());
    }
}
