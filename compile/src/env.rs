//! Environments: ordered variables, and expansion of references to them in the spec's values.

mod expand;

use std::collections::BTreeMap;

pub(crate) use expand::expand;

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

    /// This environment with defaults and the spec's variables. Each value is expanded with this environment only, so the order of the
    /// spec's variables does not matter, as in a single `ENV` line of a Dockerfile. Also returned: which values cannot be expanded, and
    /// why.
    pub(crate) fn with_spec<'a>(
        &self,
        defaults: &[(&str, &str)],
        spec: &'a BTreeMap<String, String>,
    ) -> (Self, Vec<(&'a str, String)>) {
        let mut env = defaults.iter().fold(self.clone(), |env, (name, value)| env.with(name, *value));
        let mut wrong = Vec::new();
        for (name, value) in spec {
            match expand(value, self) {
                Ok(value) => env = env.with(name, value),
                Err(why) => wrong.push((name.as_str(), why)),
            }
        }
        (env, wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env() -> Env {
        Env::from_entries(["PATH=/bin", "HOME=/root", "EMPTY"])
    }

    #[test]
    fn values_are_expanded_with_the_base_only() {
        let spec = [("A", "$B"), ("B", "$PATH"), ("C", "${"), ("HOME", "/home:$HOME")];
        let spec = spec.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let (env, wrong) = env().with_spec(&[("HOME", "/default"), ("OTHER", "x")], &spec);
        let value = |name| env.get(name).unwrap_or("none");
        assert_eq!(["A", "B", "C", "HOME", "OTHER"].map(value), ["", "/bin", "none", "/home:/root", "x"]);
        assert_eq!(wrong, [("C", "has a `${` without `}`".to_owned())]);
    }

    #[derive(serde::Deserialize)]
    #[serde(untagged)]
    enum Line {
        Value { value: String, result: Option<String> },
        Variables { variables: Vec<String> },
        Origin {},
    }

    #[test]
    fn values_are_expanded_as_in_dockerfiles() {
        let text = include_str!("../../testdata/vectors/names/variables.jsonl");
        let (mut env, mut count) = (Env::default(), 0);
        for line in text.lines() {
            match serde_json::from_str(line).expect(line) {
                Line::Origin {} => {}
                Line::Variables { variables } => env = Env::from_entries(variables.iter().map(String::as_str)),
                Line::Value { value, result } => {
                    assert_eq!(expand(&value, &env).ok(), result, "{value:?}");
                    count += 1;
                }
            }
        }
        assert!(count > 1500, "{count} values");
    }

    #[test]
    fn values_that_dockerfiles_cannot_have() {
        let check = |value, expect: &str| assert_eq!(expand(value, &env()).as_deref(), Ok(expect), "{value}");
        check(r#"say "hi" and 'bye'"#, r#"say "hi" and 'bye'"#);
        check(r#"{"a": "$HOME"}"#, r#"{"a": "/root"}"#);
        check(r"C:\\dir\", r"C:\dir\");
        check(r"\\server\x", r"\server\x");
        let nested = |depth: usize| format!("{}x{}", "${NONE:-".repeat(depth), "}".repeat(depth));
        assert_eq!(expand(&nested(32), &env()).as_deref(), Ok("x"));
        assert!(expand(&nested(100_000), &env()).is_err());
    }

    #[test]
    fn variables_keep_their_position() {
        let env = env().with("PATH", "/x").with("NEW", "1");
        let names: Vec<String> = env.to_pairs().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["PATH", "HOME", "EMPTY", "NEW"]);
    }
}
