//! The lock beside the spec: what it is called, what it says it was made of, and its text.
//!
//! Finding and writing the file is the caller's business; whether it still holds is the planner's.

use std::collections::{BTreeMap, BTreeSet};

use buildkit_llb::{Digest, Platform};
use serde_json::json;

use crate::lock::Lock;
use crate::lock_step::LockStep;

/// A lock for one platform, as `imagespec lock` writes it beside the spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockFile {
    /// The file's name, such as `pylock.imagespec-amd64.toml`: tools know locks by it (PEP 751, "File name").
    pub name: String,
    /// What it should hold.
    pub text: String,
    /// The file is there and holds what the spec asks for; else `text` was resolved anew.
    pub is_current: bool,
}

/// What images may be for when nobody says (`moby/buildkit: util/archutil/detect.go`).
pub(crate) const ARCHITECTURES: [(&str, &str); 11] = [
    ("amd64", ""),
    ("arm64", ""),
    ("386", ""),
    ("arm", "v7"),
    ("arm", "v6"),
    ("riscv64", ""),
    ("ppc64le", ""),
    ("s390x", ""),
    ("mips64le", ""),
    ("mips64", ""),
    ("loong64", ""),
];

/// The name of the lock of a spec, or of one image of a file of several, for a platform; `None` for a spec without a file's name.
pub(crate) fn name(spec: &str, target: Option<&str>, platform: &Platform) -> Option<String> {
    let file = spec.rsplit('/').next().unwrap_or_default();
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let stem = target
        .map_or(stem.to_owned(), |target| if stem.is_empty() { String::new() } else { format!("{stem}-{target}") });
    // One dot is the format's own, so the name may hold no other.
    let stem = stem.replace(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'), "-");
    let variant = if platform.variant.is_empty() { String::new() } else { format!("-{}", platform.variant) };
    (!stem.is_empty()).then(|| format!("pylock.{stem}-{}{variant}.toml", platform.architecture))
}

/// All that the choice of versions depends on, but for what the indexes have and when they are asked. The base image counts with
/// its Python only: it is published anew every few weeks, and the lock is to outlive that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MadeOf {
    /// Of everything.
    digest: String,
    /// What it is a digest of, part by part, for people: a part's own digest, or the part itself where it is short.
    parts: BTreeMap<String, String>,
}

impl MadeOf {
    pub(crate) fn new(step: &LockStep, platform: &Platform, python: &str) -> Self {
        let command = step.command.name();
        let minor: Vec<&str> = python.split('.').take(2).collect();
        let mut all = json!({
            "args": step.args,
            "command": command,
            "env": step.env,
            "files": step.files,
            "platform": platform.to_string(),
            "python": minor.join("."),
            "version": 1,
        });
        // Said only where there is something to say, so that older locks still count.
        for (name, parts) in [("extras", &step.extras), ("groups", &step.groups)] {
            if !parts.is_empty() {
                all[name] = json!(parts);
            }
        }
        let options = json!([step.args, command, step.extras, step.groups]).to_string();
        let digest = |text: &str| format!("{:.12}", Digest::from_content(text.as_bytes()).hex());
        let mut parts = BTreeMap::from([
            ("options".to_owned(), digest(&options)),
            ("variables".to_owned(), digest(&json!(step.env).to_string())),
            ("platform".to_owned(), platform.to_string()),
            ("python".to_owned(), minor.join(".")),
        ]);
        parts.extend(step.files.iter().map(|(name, text)| (name.clone(), digest(text))));
        Self { digest: Digest::from_content(all.to_string().as_bytes()).to_string(), parts }
    }

    /// Whether a lock says that it was made of the same.
    pub(crate) fn is_of(&self, lock: &Lock) -> bool {
        lock.made_of.as_ref() == Some(&self.digest)
    }

    /// What a lock was made of that is another now, in words; empty where the lock does not say.
    pub(crate) fn differences(&self, lock: &Lock) -> Vec<String> {
        if lock.made_of_parts.is_empty() {
            return Vec::new();
        }
        let names: BTreeSet<&String> = self.parts.keys().chain(lock.made_of_parts.keys()).collect();
        let differs = |name: &&String| self.parts.get(*name) != lock.made_of_parts.get(*name);
        let said = |name: &String| match (name.as_str(), lock.made_of_parts.get(name), self.parts.get(name)) {
            ("python" | "platform", Some(old), Some(new)) => format!("{name} {old} is now {new}"),
            ("requirements.txt", _, _) => "the requirements".to_owned(),
            ("constraints.txt", _, _) => "the constraints".to_owned(),
            ("options", _, _) => "the options of the installer".to_owned(),
            ("variables", _, _) => "variables that installers read".to_owned(),
            _ => name.clone(),
        };
        names.into_iter().filter(differs).map(said).collect()
    }
}

/// The file's text: the lock, and in PEP 751's place for it (`[tool]`) what it was made of.
pub(crate) fn text(lock: &str, spec: &str, made_of: &MadeOf) -> String {
    let spec = spec.rsplit('/').next().unwrap_or_default().replace(char::is_control, " ");
    let lock = lock.trim_end();
    let MadeOf { digest, parts } = made_of;
    // Names of files and digests: nothing that would have to be escaped.
    let parts: Vec<String> = parts.iter().map(|(name, value)| format!("\"{name}\" = \"{value}\"\n")).collect();
    format!(
        "# Written by `imagespec lock`. Builds of {spec} install exactly this.\n{lock}\n\n[tool.imagespec]\nmade-of = \"{digest}\"\n\n[tool.imagespec.parts]\n{}",
        parts.concat()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_one_dot() {
        let check = |spec: &str, platform: &Platform, expect: Option<&str>| {
            assert_eq!(name(spec, None, platform).as_deref(), expect, "{spec}");
        };
        let amd64 = Platform::linux("amd64");
        check("imagespec.yaml", &amd64, Some("pylock.imagespec-amd64.toml"));
        check("services/my.train.toml", &amd64, Some("pylock.my-train-amd64.toml"));
        check("spec", &Platform::new("linux", "arm", "v7"), Some("pylock.spec-arm-v7.toml"));
        check("", &amd64, None);
        let of_several = name("images.yaml", Some("train"), &amd64);
        assert_eq!(of_several.as_deref(), Some("pylock.images-train-amd64.toml"));
    }
}
