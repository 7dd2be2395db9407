//! `imagespec why`: shows what differs between two specs, field by field, and which steps of the build run again.
//!
//! The table of fields knows which steps a field affects; this file only renders it.

use std::collections::BTreeSet;
use std::path::Path;

use imagespec::{Content, ImageSpec, StepKind, differences};
use imagespec_driver::content;
use serde_json::{Value, json};

use crate::args::{CommonSpecArgs, SpecArgs, TextFormat, WhyArgs};
use crate::error::CliError;
use crate::exit::Exit;
use crate::print;
use crate::spec_file::SpecFile;

pub(crate) fn run(args: &WhyArgs) -> Result<Exit, CliError> {
    let old = load(&args.old, args.old_context.as_deref(), args)?;
    let new = load(&args.new, args.new_context.as_deref(), args)?;
    let found = differences((&old.0, &old.1), (&new.0, &new.1));
    let (before, after) = (old.0.tag(&old.1), new.0.tag(&new.1));
    match args.format {
        TextFormat::Text => {
            let mut text = match found.is_empty() {
                true => format!("the same image: {after}\n"),
                false => format!("{before} is now {after}\n"),
            };
            for difference in &found {
                text += &format!("  {difference}\n    {}\n", consequence(&difference.steps));
            }
            print::text(&text)?;
        }
        TextFormat::Json => {
            let list: Vec<Value> = found
                .iter()
                .map(|one| {
                    let steps: Vec<&str> = names(&one.steps).collect();
                    json!({"field": one.field, "old": one.old, "new": one.new, "steps": steps})
                })
                .collect();
            print::data(&format!("{:#}\n", json!({"old": before, "new": after, "differences": list})))?;
        }
    }
    Ok(if found.is_empty() { Exit::Success } else { Exit::Different })
}

fn load(path: &Path, context: Option<&Path>, args: &WhyArgs) -> Result<(ImageSpec, Content), CliError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let spec = SpecArgs {
        file: Some(path.to_path_buf()),
        target: args.target.clone(),
        common: CommonSpecArgs { set: Vec::new(), context: context.unwrap_or(folder).to_path_buf() },
    };
    let file = SpecFile::read(&spec)?;
    let (document, _warnings) = imagespec_frontend::parse(&file.text, &file.choice)?;
    let content = content::gather(&file.files, &document, &[])?;
    Ok((document.spec, content))
}

/// The effect of a difference on a build, as text. It is derived from the specs alone and lists kinds of steps, not the steps
/// of a plan.
fn consequence(steps: &BTreeSet<StepKind>) -> String {
    // If the lock chooses different versions, only the groups with these packages run again.
    let part = if steps.contains(&StepKind::Lock) { " (the groups whose packages or versions change)" } else { "" };
    let shown = |name: &str| format!("{name}{}", if name == StepKind::Packages.as_str() { part } else { "" });
    let listed: Vec<String> = names(steps).map(shown).collect();
    if steps.contains(&StepKind::Base) {
        "steps: everything".to_owned()
    } else if steps.contains(&StepKind::User) {
        "steps: everything on top of the base image".to_owned()
    } else if !listed.is_empty() {
        format!("steps: {}", listed.join(", "))
    } else if steps.contains(&StepKind::Config) {
        "no step: only the image's config".to_owned()
    } else {
        "no step".to_owned()
    }
}

/// The names of the kinds, without the image config, which is not a step.
fn names(steps: &BTreeSet<StepKind>) -> impl Iterator<Item = &'static str> {
    steps.iter().filter(|kind| **kind != StepKind::Config).map(|kind| kind.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(old: &str, new: &str, expect: &str) {
        let spec = |text: &str| imagespec::parse("spec.yaml", text).spec.expect("a valid spec");
        let content = Content::default();
        let found = differences((&spec(old), &content), (&spec(new), &content));
        let shown: Vec<String> = found.iter().map(|difference| consequence(&difference.steps)).collect();
        assert_eq!(shown, [expect], "{old}{new}");
    }

    #[test]
    fn differences_are_explained_by_their_steps() {
        check(
            "copy: [data]\n",
            "copy: [data]\nbuilder_options: {apt_sources: [\"deb https://x y z\"]}\n",
            "steps: apt",
        );
        check(
            "packages: [numpy]\n",
            "packages: [numpy]\nruntime_packages: [requests]\n",
            "steps: lock, pip (the groups whose packages or versions change), entry",
        );
        check(
            "conda_packages: [numpy]\n",
            "conda_packages: [numpy]\nbuilder_config: {micromamba_image: \"mambaorg/micromamba:2.0.4\"}\n",
            "steps: conda",
        );
        check(
            "base_image: python:3.11\npackages: [numpy]\ncuda: \"12.4\"\n",
            "base_image: python:3.11\npackages: [numpy]\ncuda: \"12.5\"\n",
            "steps: lock, pip (the groups whose packages or versions change)",
        );
        check("base_image: python:3.11\n", "base_image: python:3.12\n", "steps: everything");
        check(
            "builder_options: {user: app}\n",
            "builder_options: {user: other}\n",
            "steps: everything on top of the base image",
        );
        check("env: {A: b}\n", "env: {A: c}\n", "no step: only the image's config");
        check(
            "packages: [numpy]\n",
            "packages: [numpy]\nbuilder_config: {micromamba_image: \"mambaorg/micromamba:2.0.4\"}\n",
            "no step",
        );
    }
}
