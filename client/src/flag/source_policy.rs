//! `--source-policy-file`: which sources a build may use, and what takes the place of others (moby/buildkit:
//! `sourcepolicy/pb/policy.proto`, `docs/build-repro.md`). The daemon applies it.

use std::collections::BTreeMap;

use buildkit_proto::rpc::sourcepolicy::{
    AttrConstraint, AttrMatch, MatchType, Policy, PolicyAction, Rule, Selector, Update,
};
use serde::{Deserialize, Deserializer, de};

use super::FlagError;

const FLAG: &str = "--source-policy-file";

/// Reads a source policy, as `buildctl` and `docker buildx` take it. `name` is shown in errors.
///
/// ```
/// use buildkit_client::flag::parse_source_policy;
///
/// let policy = parse_source_policy(
///     "policy.json",
///     r#"{"rules": [{"action": "DENY", "selector": {"identifier": "docker-image://docker.io/library/alpine*"}}]}"#,
/// )?;
/// assert_eq!(policy.rules.len(), 1);
/// # Ok::<(), buildkit_client::flag::FlagError>(())
/// ```
///
/// # Errors
/// The text is not a source policy. Unknown names are refused: a rule that is not understood would not be applied.
pub fn parse_source_policy(name: &str, text: &str) -> Result<Policy, FlagError> {
    let policy: PolicyJson = serde_json::from_str(text)
        .map_err(|error| FlagError::new(FLAG, name, format!("not a source policy: {error}")))?;
    Ok(policy.into())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyJson {
    #[serde(default)]
    version: i64,
    #[serde(default)]
    rules: Vec<RuleJson>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleJson {
    #[serde(default, deserialize_with = "action")]
    action: i32,
    selector: SelectorJson,
    updates: Option<UpdateJson>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SelectorJson {
    identifier: String,
    #[serde(default, alias = "matchType", deserialize_with = "match_type")]
    match_type: i32,
    #[serde(default)]
    constraints: Vec<ConstraintJson>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConstraintJson {
    key: String,
    value: String,
    #[serde(default, deserialize_with = "condition")]
    condition: i32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UpdateJson {
    #[serde(default)]
    identifier: String,
    #[serde(default)]
    attrs: BTreeMap<String, String>,
}

impl From<PolicyJson> for Policy {
    fn from(PolicyJson { version, rules }: PolicyJson) -> Self {
        Self { version, rules: rules.into_iter().map(Rule::from).collect() }
    }
}

impl From<RuleJson> for Rule {
    fn from(RuleJson { action, selector, updates }: RuleJson) -> Self {
        let updates =
            updates.map(|UpdateJson { identifier, attrs }| Update { identifier, attrs: attrs.into_iter().collect() });
        Self { action, selector: Some(selector.into()), updates }
    }
}

impl From<SelectorJson> for Selector {
    fn from(SelectorJson { identifier, match_type, constraints }: SelectorJson) -> Self {
        let constraint = |ConstraintJson { key, value, condition }| AttrConstraint { key, value, condition };
        Self { identifier, match_type, constraints: constraints.into_iter().map(constraint).collect() }
    }
}

fn action<'de, D: Deserializer<'de>>(json: D) -> Result<i32, D::Error> {
    named(json, PolicyAction::from_str_name, &["ALLOW", "DENY", "CONVERT"])
}

fn match_type<'de, D: Deserializer<'de>>(json: D) -> Result<i32, D::Error> {
    named(json, MatchType::from_str_name, &["WILDCARD", "EXACT", "REGEX"])
}

fn condition<'de, D: Deserializer<'de>>(json: D) -> Result<i32, D::Error> {
    named(json, AttrMatch::from_str_name, &["EQUAL", "NOTEQUAL", "MATCHES"])
}

/// The number of an enumerator, whose default is the first one.
fn named<'de, D: Deserializer<'de>, E: Into<i32>>(
    json: D,
    from_name: impl Fn(&str) -> Option<E>,
    known: &'static [&'static str],
) -> Result<i32, D::Error> {
    let name = String::deserialize(json)?;
    from_name(&name).map(Into::into).ok_or_else(|| de::Error::unknown_variant(&name, known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_arrives() {
        let text = r#"{"version": 1, "rules": [{
            "action": "CONVERT",
            "selector": {
                "identifier": "docker-image://docker.io/library/(.*)", "match_type": "REGEX",
                "constraints": [{"key": "a", "value": "b", "condition": "NOTEQUAL"}]
            },
            "updates": {"identifier": "docker-image://mirror.example/${1}", "attrs": {"http.checksum": "sha256:0"}}
        }]}"#;
        let policy = parse_source_policy("policy.json", text).expect("a policy");
        let [rule] = policy.rules.as_slice() else { panic!("{policy:?}") };
        let (selector, updates) = (rule.selector.as_ref().expect("given"), rule.updates.as_ref().expect("given"));
        assert_eq!((policy.version, rule.action()), (1, PolicyAction::Convert));
        assert_eq!(
            (selector.match_type(), selector.constraints[0].condition()),
            (MatchType::Regex, AttrMatch::Notequal)
        );
        assert_eq!(updates.identifier, "docker-image://mirror.example/${1}");
        assert_eq!(updates.attrs["http.checksum"], "sha256:0");
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for (text, problem) in [
            ("{", "EOF"),
            (r#"{"rulez": []}"#, "unknown field `rulez`"),
            (r#"{"rules": [{"action": "FORBID", "selector": {"identifier": "x"}}]}"#, "unknown variant `FORBID`"),
            (r#"{"rules": [{"action": "DENY"}]}"#, "missing field `selector`"),
        ] {
            let error = parse_source_policy("policy.json", text).expect_err(text).to_string();
            assert!(error.contains(problem) && error.contains("--source-policy-file \"policy.json\""), "{error}");
        }
    }
}
