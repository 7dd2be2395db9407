//! Environments: ordered variables, and expansion of `$NAME` in the spec's values.
//!
//! There is no shell syntax: `$NAME` and `${NAME}` are replaced, `\$` is a dollar sign, and all other text is kept.

use std::collections::BTreeMap;

/// The PATH of containers if the image has none (`moby/buildkit: util/system/path.go`).
pub(crate) const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Variables in the order of an image config, each name once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Env(Vec<(String, String)>);

impl Env {
    /// Reads `NAME=value` entries of an image config. For equal names, the last value is used at the position of the first.
    pub(crate) fn from_entries<'a>(entries: impl IntoIterator<Item = &'a str>) -> Self {
        entries.into_iter().fold(Self::default(), |env, entry| {
            let (name, value) = entry.split_once('=').unwrap_or((entry, ""));
            env.with(name, value)
        })
    }

    /// The environment of an image config; it always includes PATH.
    pub(crate) fn from_image_config(config: &serde_json::Value) -> Self {
        let entries = config["config"]["Env"].as_array();
        let env = Self::from_entries(entries.into_iter().flatten().filter_map(|entry| entry.as_str()));
        if env.get("PATH").is_none() { env.with("PATH", DEFAULT_PATH) } else { env }
    }

    /// Sets a variable. An existing variable keeps its position.
    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        let value = value.into();
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => *known = value,
            None => self.0.push((name.to_owned(), value)),
        }
        self
    }

    /// Removes a variable.
    #[must_use]
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.0.retain(|(known, _)| known != name);
        self
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn path(&self) -> &str {
        self.get("PATH").filter(|path| !path.is_empty()).unwrap_or(DEFAULT_PATH)
    }

    pub(crate) fn to_pairs(&self) -> Vec<(String, String)> {
        self.0.clone()
    }

    /// This environment with the spec's variables. Each value is expanded with this environment only, so the order of the spec's
    /// variables does not matter, as in a single `ENV` line of a Dockerfile.
    pub(crate) fn with_spec(&self, spec: &BTreeMap<String, String>) -> Self {
        spec.iter().fold(self.clone(), |env, (name, value)| env.with(name, expand(value, self)))
    }
}

/// Replaces `$NAME` and `${NAME}` by the variable's value, or by nothing if it is not set.
pub(crate) fn expand(value: &str, env: &Env) -> String {
    let mut out = String::with_capacity(value.len());
    let mut rest = value;
    while let Some(at) = rest.find(['$', '\\']) {
        out.push_str(&rest[..at]);
        let tail = &rest[at..];
        if let Some(after) = tail.strip_prefix("\\$") {
            out.push('$');
            rest = after;
        } else if let Some((name, after)) = variable(tail) {
            out.push_str(env.get(name).unwrap_or_default());
            rest = after;
        } else {
            out.push_str(&tail[..1]);
            rest = &tail[1..];
        }
    }
    out.push_str(rest);
    out
}

/// A variable reference at the start of the text, and what follows it.
fn variable(text: &str) -> Option<(&str, &str)> {
    let after = text.strip_prefix('$')?;
    let (inner, braced) = match after.strip_prefix('{') {
        Some(inner) => (inner, true),
        None => (after, false),
    };
    let end = inner.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(inner.len());
    let (name, rest) = inner.split_at(end);
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    if braced { rest.strip_prefix('}').map(|rest| (name, rest)) } else { Some((name, rest)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env() -> Env {
        Env::from_entries(["PATH=/bin", "HOME=/root", "EMPTY"])
    }

    #[test]
    fn expansion() {
        let check = |value, expect: &str| assert_eq!(expand(value, &env()), expect, "{value}");
        check("/opt/bin:$PATH", "/opt/bin:/bin");
        check("${HOME}x$HOME", "/rootx/root");
        check(r"\$PATH and \\$HOME", r"$PATH and \$HOME");
        check("$MISSING.", ".");
        check("${PATH:-x} $ $1 $(id) `id` ${", "${PATH:-x} $ $1 $(id) `id` ${");
        check("ü$PATHü", "ü/binü");
        check(r"C:\x", r"C:\x");
    }

    #[test]
    fn values_are_expanded_with_the_base_only() {
        let spec = BTreeMap::from([("A".to_owned(), "$B".to_owned()), ("B".to_owned(), "$PATH".to_owned())]);
        let env = env().with_spec(&spec);
        assert_eq!((env.get("A"), env.get("B")), (Some(""), Some("/bin")));
    }

    #[test]
    fn variables_keep_their_position() {
        let env = env().with("PATH", "/x").with("NEW", "1");
        let names: Vec<String> = env.to_pairs().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["PATH", "HOME", "EMPTY", "NEW"]);
    }
}
