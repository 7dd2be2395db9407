//! `--cache-from` and `--cache-to` (docker/buildx: `util/buildflags/cache.go`; moby/buildkit: `cache/remotecache/*`).

use std::collections::BTreeMap;

use buildkit_proto::keys::cache;

use super::{FlagError, Pairs, fields, suggestion};
use crate::discover::Environment;
use crate::solve::CacheEntry;

const FROM: &str = "--cache-from";
const TO: &str = "--cache-to";

/// Attributes that every kind of export accepts. Compression is among them, because an export may have to compress layers.
const EXPORT_ATTRS: [&str; 5] = ["mode", "ignore-error", "compression", "compression-level", "force-compression"];

/// A kind of cache with its attributes: common to both directions, only for import, and only for export.
struct Kind {
    name: &'static str,
    common: &'static [&'static str],
    import: &'static [&'static str],
    export: &'static [&'static str],
}

const KINDS: [Kind; 6] = [
    Kind { name: cache::INLINE, common: &[], import: &[], export: &[] },
    Kind {
        name: cache::REGISTRY,
        common: &[cache::REF, "registry.insecure"],
        import: &[],
        export: &["oci-mediatypes", "image-manifest"],
    },
    Kind {
        name: cache::LOCAL,
        common: &["tag"],
        import: &["src", "digest"],
        export: &["dest", "reset", "oci-mediatypes", "image-manifest"],
    },
    Kind {
        name: cache::GHA,
        common: &["url", "url_v2", "token", "scope", "version", "timeout"],
        import: &[],
        export: &["ghtoken", "repository"],
    },
    Kind {
        name: cache::S3,
        common: &[
            "bucket",
            "region",
            "prefix",
            "manifests_prefix",
            "blobs_prefix",
            "name",
            "endpoint_url",
            "access_key_id",
            "secret_access_key",
            "session_token",
            "use_path_style",
            "retry_mode",
            "retry_max_attempts",
            "disable_accept_encoding",
        ],
        import: &[],
        export: &["touch_refresh", "upload_parallelism"],
    },
    Kind {
        name: cache::AZBLOB,
        common: &[
            "account_url",
            "account_name",
            "container",
            "prefix",
            "manifests_prefix",
            "blobs_prefix",
            "name",
            "secret_access_key",
        ],
        import: &[],
        export: &[],
    },
];

/// Parses values of `--cache-from`. Attributes that GitHub Actions needs are taken from the environment if they are not given.
///
/// # Errors
/// A value has invalid syntax, or an unknown kind or attribute.
pub fn parse_cache_from(values: &[String], environment: &dyn Environment) -> Result<Vec<CacheEntry>, FlagError> {
    let entries = parse(FROM, values, environment)?;
    let usable = entries.into_iter().map(|(value, entry)| match entry.kind.as_str() {
        cache::INLINE => {
            Err(FlagError::new(FROM, &value, "inline cache is imported from the image; use type=registry,ref=IMAGE"))
        }
        cache::REGISTRY => require(FROM, &value, entry, cache::REF),
        cache::LOCAL => require(FROM, &value, entry, "src"),
        _ => Ok(entry),
    });
    usable.collect()
}

/// Parses values of `--cache-to`, like [`parse_cache_from`].
///
/// # Errors
/// A value has invalid syntax, or an unknown kind or attribute.
pub fn parse_cache_to(values: &[String], environment: &dyn Environment) -> Result<Vec<CacheEntry>, FlagError> {
    let entries = parse(TO, values, environment)?;
    let usable = entries.into_iter().map(|(value, mut entry)| {
        match entry.attrs.get("mode").map(String::as_str) {
            None if entry.kind != cache::INLINE => {
                entry.attrs.insert("mode".to_owned(), "min".to_owned());
            }
            None | Some("min" | "max") => {}
            // The daemon silently treats any other value as `min`.
            Some(mode) => return Err(FlagError::new(TO, &value, format!("unknown mode {mode:?}; use min or max"))),
        }
        match entry.kind.as_str() {
            cache::REGISTRY => require(TO, &value, entry, cache::REF),
            cache::LOCAL => require(TO, &value, entry, "dest"),
            _ => Ok(entry),
        }
    });
    usable.collect()
}

fn require(flag: &'static str, value: &str, entry: CacheEntry, key: &str) -> Result<CacheEntry, FlagError> {
    match entry.attrs.get(key) {
        Some(text) if !text.is_empty() => Ok(entry),
        _ => Err(FlagError::new(flag, value, format!("type {} needs {key}", entry.kind))),
    }
}

fn parse(
    flag: &'static str,
    values: &[String],
    environment: &dyn Environment,
) -> Result<Vec<(String, CacheEntry)>, FlagError> {
    let mut entries = Vec::new();
    for value in values.iter().filter(|value| !value.is_empty()) {
        if !value.contains('=') {
            let references = fields(value).map_err(|problem| FlagError::new(flag, value, problem))?;
            entries.extend(references.into_iter().map(|reference| {
                let attrs = BTreeMap::from([(cache::REF.to_owned(), reference)]);
                (value.clone(), CacheEntry { kind: cache::REGISTRY.to_owned(), attrs })
            }));
            continue;
        }
        let mut pairs = Pairs::parse(flag, value)?;
        let kind = pairs.take("type").filter(|kind| !kind.is_empty());
        let kind = kind.ok_or_else(|| FlagError::new(flag, value, "type=… is missing"))?;
        let mut entry = CacheEntry { kind, attrs: pairs.into_rest() };
        check_attributes(flag, value, &entry)?;
        match entry.kind.as_str() {
            cache::GHA => fill_github(flag, value, &mut entry.attrs, environment)?,
            cache::S3 => fill_aws(&mut entry.attrs, environment),
            _ => {}
        }
        entries.push((value.clone(), entry));
    }
    Ok(entries)
}

/// Rejects unknown attributes. The daemon ignores them, so a misspelled name would never be noticed.
fn check_attributes(flag: &'static str, value: &str, entry: &CacheEntry) -> Result<(), FlagError> {
    let Some(kind) = KINDS.iter().find(|kind| kind.name == entry.kind) else {
        let near = suggestion(&entry.kind, KINDS.iter().map(|kind| kind.name));
        return Err(FlagError::new(flag, value, format!("unknown cache type {:?}{near}", entry.kind)));
    };
    let is_export = flag == TO;
    let own = if is_export { kind.export } else { kind.import };
    let general: &[&str] = if is_export { &EXPORT_ATTRS } else { &[] };
    let known = || kind.common.iter().chain(own).chain(general).copied();
    match entry.attrs.keys().find(|key| !known().any(|name| name == key.as_str())) {
        None => Ok(()),
        Some(key) => {
            let near = suggestion(key, known());
            Err(FlagError::new(flag, value, format!("type {} has no attribute {key:?}{near}", kind.name)))
        }
    }
}

/// Fills in variables of a GitHub Actions workflow (docker/buildx: `util/buildflags`, moby/buildkit: `cmd/buildctl/build`).
fn fill_github(
    flag: &'static str,
    value: &str,
    attrs: &mut BTreeMap<String, String>,
    environment: &dyn Environment,
) -> Result<(), FlagError> {
    let is_v2 = attrs.get("version").map_or_else(
        || environment.set_variable("ACTIONS_CACHE_SERVICE_V2").is_some_and(|value| value != "0" && value != "false"),
        |version| version == "2",
    );
    if is_v2 {
        attrs.entry("version".to_owned()).or_insert_with(|| "2".to_owned());
    }
    let mut fill = |key: &str, variable: &str| {
        if let Some(text) = environment.set_variable(variable) {
            attrs.entry(key.to_owned()).or_insert(text);
        }
    };
    fill("token", "ACTIONS_RUNTIME_TOKEN");
    fill("url_v2", "ACTIONS_RESULTS_URL");
    fill("url", "ACTIONS_CACHE_URL");
    // The daemon requires `url` even if it only uses `url_v2`.
    if let Some(url) = attrs.get("url_v2").cloned().filter(|_| is_v2) {
        attrs.entry("url".to_owned()).or_insert(url);
    }
    for (key, variable) in [("token", "ACTIONS_RUNTIME_TOKEN"), ("url", "ACTIONS_CACHE_URL")] {
        if attrs.get(key).is_none_or(String::is_empty) {
            let problem = format!("type gha needs {key}; expose the variable {variable} in the workflow, or set {key}");
            return Err(FlagError::new(flag, value, problem));
        }
    }
    Ok(())
}

/// Fills in the caller's credentials, unless some are given. The daemon itself finds profiles and instance roles.
fn fill_aws(attrs: &mut BTreeMap<String, String>, environment: &dyn Environment) {
    if attrs.contains_key("access_key_id") || attrs.contains_key("secret_access_key") {
        return;
    }
    let pairs = [
        ("access_key_id", "AWS_ACCESS_KEY_ID"),
        ("secret_access_key", "AWS_SECRET_ACCESS_KEY"),
        ("session_token", "AWS_SESSION_TOKEN"),
    ];
    for (key, variable) in pairs {
        if let Some(text) = environment.set_variable(variable) {
            attrs.entry(key.to_owned()).or_insert(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::{Path, PathBuf};

    use super::*;

    struct Variables(&'static [(&'static str, &'static str)]);

    impl Environment for Variables {
        fn variable(&self, name: &str) -> Option<String> {
            self.0.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        }
        fn home(&self) -> Option<PathBuf> {
            None
        }
        fn read(&self, _: &Path) -> io::Result<Vec<u8>> {
            Err(io::ErrorKind::NotFound.into())
        }
        fn exists(&self, _: &Path) -> bool {
            false
        }
    }

    const NONE: Variables = Variables(&[]);

    fn shown(entries: Vec<CacheEntry>) -> Vec<String> {
        let attrs =
            |entry: &CacheEntry| entry.attrs.iter().map(|(key, value)| format!(" {key}={value}")).collect::<String>();
        entries.iter().map(|entry| format!("{}{}", entry.kind, attrs(entry))).collect()
    }

    fn from(value: &str) -> Result<Vec<String>, FlagError> {
        parse_cache_from(&[value.to_owned()], &NONE).map(shown)
    }

    fn to(value: &str) -> Result<Vec<String>, FlagError> {
        parse_cache_to(&[value.to_owned()], &NONE).map(shown)
    }

    #[test]
    fn references_alone_are_registries() {
        assert_eq!(from("r/a,r/b:1").expect("two"), ["registry ref=r/a", "registry ref=r/b:1"]);
        assert_eq!(to("r/a").expect("one"), ["registry mode=min ref=r/a"]);
    }

    #[test]
    fn kinds_and_attributes() {
        assert_eq!(to("type=inline").expect("inline"), ["inline"]);
        assert_eq!(
            to("type=registry,ref=r/c,mode=max,compression=zstd").expect("registry"),
            ["registry compression=zstd mode=max ref=r/c"]
        );
        assert_eq!(from("type=local,src=d,tag=t").expect("local"), ["local src=d tag=t"]);
    }

    #[track_caller]
    fn check_error(outcome: Result<Vec<String>, FlagError>, problem: &str) {
        let error = outcome.expect_err("refused").to_string();
        assert!(error.contains(problem), "{error}");
    }

    #[test]
    fn mistakes_are_reported() {
        check_error(from("ref=x,y=z"), "type=… is missing");
        check_error(from("type=registri,ref=x"), "did you mean \"registry\"?");
        check_error(from("type=registry,reff=x"), "did you mean \"ref\"?");
        check_error(from("type=registry,ref=x,mode=max"), "has no attribute \"mode\"");
        check_error(to("type=registry,ref=x,mode=maximum"), "use min or max");
        check_error(to("type=registry"), "needs ref");
        check_error(to("type=local,src=x"), "has no attribute \"src\"");
        check_error(from("type=inline"), "type=registry,ref=IMAGE");
        check_error(from("type=gha"), "ACTIONS_RUNTIME_TOKEN");
    }

    #[test]
    fn a_workflow_fills_in_its_variables() {
        let v2 = Variables(&[
            ("ACTIONS_RUNTIME_TOKEN", "t"),
            ("ACTIONS_RESULTS_URL", "https://r/"),
            ("ACTIONS_CACHE_SERVICE_V2", "1"),
        ]);
        let entries = parse_cache_to(&["type=gha,scope=s".to_owned()], &v2).expect("filled");
        assert_eq!(shown(entries), ["gha mode=min scope=s token=t url=https://r/ url_v2=https://r/ version=2"]);
        let aws = Variables(&[("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b")]);
        let entries = parse_cache_from(&["type=s3,bucket=b,region=r".to_owned()], &aws).expect("filled");
        assert_eq!(shown(entries), ["s3 access_key_id=a bucket=b region=r secret_access_key=b"]);
    }
}
