//! The proxies for steps in Docker's configuration: `proxies` of `config.json`, which Docker's clients pass to builds
//! (docker/cli: `cli/config/configfile/file.go`, `ParseProxyConfig`).

use std::collections::BTreeMap;
use std::path::Path;

use buildkit_proto::keys::option;
use serde_json::Value;

/// The member for each build argument.
const MEMBERS: [(&str, &str); 5] = [
    ("httpProxy", "http_proxy"),
    ("httpsProxy", "https_proxy"),
    ("ftpProxy", "ftp_proxy"),
    ("noProxy", "no_proxy"),
    ("allProxy", "all_proxy"),
];

/// The proxies for all daemons, by the names of their build arguments. A configuration that cannot be read has none; what is wrong with it
/// is told with the logins.
pub(crate) fn configured(folder: Option<&Path>) -> BTreeMap<String, String> {
    let text = folder.and_then(|folder| std::fs::read(folder.join("config.json")).ok());
    let config: Option<Value> = text.and_then(|text| serde_json::from_slice(&text).ok());
    let proxies = config.as_ref().map(|config| &config["proxies"]["default"]);
    let text = |member: &str| proxies?[member].as_str().filter(|text| !text.is_empty());
    MEMBERS.iter().filter_map(|(member, name)| Some(((*name).to_owned(), text(member)?.to_owned()))).collect()
}

/// Adds proxies to the options of a build, unless a build argument is one already. Returns the names of those with a password, which the
/// daemon would keep, and which are left out.
pub(crate) fn add(opts: &mut BTreeMap<String, String>, proxies: BTreeMap<String, String>) -> Vec<String> {
    let mut refused = Vec::new();
    for (name, value) in proxies {
        let key = format!("{}{name}", option::BUILD_ARG_PREFIX);
        if opts.keys().any(|known| known.eq_ignore_ascii_case(&key)) {
            continue;
        }
        if has_password(&value) {
            refused.push(name);
        } else {
            opts.insert(key, value);
        }
    }
    refused
}

/// Whether a proxy's address has a user name or password.
pub(crate) fn has_password(value: &str) -> bool {
    imagespec::mask_credentials(value) != value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docker_s_proxies_become_build_arguments() {
        let folder = tempfile::tempdir().unwrap();
        let text = r#"{"proxies": {"default": {"httpProxy": "http://p:3128", "httpsProxy": "http://u:w@p:3128", "noProxy": "a,b", "ftpProxy": 5}}}"#;
        std::fs::write(folder.path().join("config.json"), text).unwrap();
        let mut opts = BTreeMap::from([("build-arg:NO_PROXY".to_owned(), "mine".to_owned())]);
        assert_eq!(add(&mut opts, configured(Some(folder.path()))), ["https_proxy"]);
        let expect = [("build-arg:NO_PROXY", "mine"), ("build-arg:http_proxy", "http://p:3128")];
        assert_eq!(opts, expect.map(|(key, value)| (key.to_owned(), value.to_owned())).into());
    }

    #[test]
    fn a_broken_configuration_has_no_proxies() {
        let folder = tempfile::tempdir().unwrap();
        assert!(configured(Some(folder.path())).is_empty() && configured(None).is_empty());
        for text in ["{", "[]", r#"{"proxies": null}"#, r#"{"proxies": {"default": []}}"#] {
            std::fs::write(folder.path().join("config.json"), text).unwrap();
            assert!(configured(Some(folder.path())).is_empty(), "{text}");
        }
    }
}
