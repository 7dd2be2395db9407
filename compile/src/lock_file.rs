//! The lockfile next to the spec: its name, its text, and the inputs it was made from.
//!
//! The caller finds and writes the file; the planner decides whether it is still current.

use std::collections::{BTreeMap, BTreeSet};

use buildkit_llb::{Digest, Platform};
use imagespec::PackageName;
use serde_json::json;

use crate::interpreter::minor;
use crate::lock::{Cut, Lock};
use crate::lock_step::LockStep;

/// The lockfile for one platform that `imagespec lock` writes next to the spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockFile {
    /// The file's name, such as `pylock.imagespec-amd64.toml`. Tools recognize lockfiles by it (PEP 751, "File name").
    pub name: String,
    /// The content that the file should have.
    pub text: String,
    /// Whether the file exists and fits the spec. Otherwise `text` was newly resolved.
    pub is_current: bool,
}

/// The architectures an image may be built for if none is given (`moby/buildkit: util/archutil/detect.go`).
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

/// The name of the lockfile for a platform, of a spec or of one image in a file of several. `None` for a spec without a file.
pub(crate) fn name(spec: &str, target: Option<&str>, platform: &Platform) -> Option<String> {
    let file = spec.rsplit('/').next().unwrap_or_default();
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let stem = target
        .map_or(stem.to_owned(), |target| if stem.is_empty() { String::new() } else { format!("{stem}-{target}") });
    // The format requires exactly one dot after `pylock`.
    let stem = stem.replace(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'), "-");
    let variant = if platform.variant.is_empty() { String::new() } else { format!("-{}", platform.variant) };
    (!stem.is_empty()).then(|| format!("pylock.{stem}-{}{variant}.toml", platform.architecture))
}

/// All inputs of the resolved versions, except for the content of the indexes and the time. Of the base image only the Python version
/// counts: base images are updated every few weeks, and the lock should stay valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LockInputs {
    /// The digest of all inputs.
    digest: String,
    /// The parts of the digest, for messages: the digest of a part, or the part itself if it is short.
    parts: BTreeMap<String, String>,
}

impl LockInputs {
    pub(crate) fn new(step: &LockStep, platform: &Platform, python: &str) -> Self {
        let command = step.command.name();
        let minor = minor(python);
        let mut all = json!({
            "args": step.args,
            "command": command,
            "env": step.env,
            "files": step.files,
            "platform": platform.to_string(),
            "python": minor,
            "version": 1,
        });
        // Only added if not empty, so that older locks stay valid.
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
            ("python".to_owned(), minor),
        ]);
        parts.extend(step.files.iter().map(|(name, text)| (name.clone(), digest(text))));
        Self { digest: Digest::from_content(all.to_string().as_bytes()).to_string(), parts }
    }

    /// Whether a lock was made from the same inputs.
    pub(crate) fn matches(&self, lock: &Lock) -> bool {
        lock.made_of.as_ref() == Some(&self.digest)
    }

    /// Describes the inputs that have changed since the lock was made. Empty if the lock does not contain them.
    pub(crate) fn differences(&self, lock: &Lock) -> Vec<String> {
        if lock.made_of_parts.is_empty() {
            return Vec::new();
        }
        let names: BTreeSet<&String> = self.parts.keys().chain(lock.made_of_parts.keys()).collect();
        let differs = |name: &&String| self.parts.get(*name) != lock.made_of_parts.get(*name);
        let describe = |name: &String| match (name.as_str(), lock.made_of_parts.get(name), self.parts.get(name)) {
            ("python" | "platform", Some(old), Some(new)) => format!("{name} {old} is now {new}"),
            ("requirements.txt", _, _) => "the requirements".to_owned(),
            ("constraints.txt", _, _) => "the constraints".to_owned(),
            ("options", _, _) => "the options of the installer".to_owned(),
            ("variables", _, _) => "variables that installers read".to_owned(),
            _ => name.clone(),
        };
        names.into_iter().filter(differs).map(describe).collect()
    }
}

/// The lock in a file's text, as it was resolved.
pub(crate) fn resolved(text: &str) -> String {
    let lock = match text.split_once('\n') {
        Some((first, rest)) if first.starts_with(HEADER) => rest,
        _ => text,
    };
    let lock = lock.split_once("\n\n[tool.imagespec]\n").map_or(lock, |(lock, _)| lock);
    format!("{}\n", lock.trim_end())
}

/// The beginning of the first line.
const HEADER: &str = "# Written by `imagespec lock`.";

/// What is young in a lock that replaces an older one: the packages that the older one did not have or that were young in it. If there
/// are too many, there are none, so the packages are divided anew.
pub(crate) fn young(lock: &Lock, older: &Lock) -> BTreeSet<PackageName> {
    let names = |lock: &Lock| lock.packages.iter().map(|package| package.name.clone()).collect::<BTreeSet<_>>();
    let (known, now) = (names(older), names(lock));
    let is_young = |name: &&PackageName| !known.contains(*name) || older.cut.young.contains(*name);
    let young: BTreeSet<PackageName> = now.iter().filter(is_young).cloned().collect();
    let settled = now.len() - young.len();
    if young.len() > most_young(settled) { BTreeSet::new() } else { young }
}

/// The Debian packages to install below those that joined later; empty if all are installed together.
pub(crate) fn settled_apt(packages: &BTreeSet<String>, older: &[String]) -> BTreeSet<String> {
    let settled: BTreeSet<String> = older.iter().cloned().collect();
    let young = packages.difference(&settled).count();
    let is_growth = !settled.is_empty() && settled.is_subset(packages) && young > 0;
    if is_growth && young <= most_young(settled.len()) { settled } else { BTreeSet::new() }
}

/// A quarter of what is settled, and at least this number: more would make every addition reinstall too much.
fn most_young(settled: usize) -> usize {
    const ALWAYS: usize = 4;
    ALWAYS.max(settled / 4)
}

/// The file's text: the lock with its inputs and the cut in the table `tool` (PEP 751).
pub(crate) fn text(lock: &str, spec: &str, inputs: &LockInputs, cut: &Cut) -> String {
    let spec = spec.rsplit('/').next().unwrap_or_default().replace(char::is_control, " ");
    // Wheels without files have no use outside of the step; this is how uv writes them if there are others.
    let entry = format!("    {{ url = \"{}", crate::fixed::INSTALLED_URL);
    let lines: String = lock.split_inclusive('\n').filter(|line| !line.starts_with(&entry)).collect();
    let lock = lines.trim_end();
    let LockInputs { digest, parts } = inputs;
    // File names and digests need no escapes.
    let parts: Vec<String> = parts.iter().map(|(name, value)| format!("\"{name}\" = \"{value}\"\n")).collect();
    // A list of texts is the same in JSON.
    let list = |name: &str, texts: Vec<&str>| match texts.is_empty() {
        true => String::new(),
        false => format!("{name} = {}\n", json!(texts)),
    };
    let young = list("young", cut.young.iter().map(PackageName::as_str).collect());
    let apt = list("apt", cut.apt.iter().map(String::as_str).collect());
    format!(
        "{HEADER} Builds of {spec} install exactly this.\n{lock}\n\n[tool.imagespec]\nmade-of = \"{digest}\"\n{young}{apt}\n[tool.imagespec.parts]\n{}",
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
