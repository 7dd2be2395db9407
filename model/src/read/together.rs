//! Fields that need or exclude each other, in one spec and between a spec and the spec it stands on.
//!
//! A spec and its base make one image: one interpreter, one lock, one set of secrets. Knows nothing of the world.

use std::collections::BTreeMap;

use crate::diagnostic::Diagnostic;
use crate::image_spec::{BaseImage, CopyMode, ImageSpec, RequirementsKind, SecretMount, SecretTarget};
use crate::quote::quote;
use crate::read::reader::{Fields, Reader};
use crate::rules;
use crate::source::Span;

pub(super) fn check(reader: &mut Reader<'_, '_>, fields: &Fields<'_>, spec: &ImageSpec) {
    let copies = matches!(spec.source_copy_mode, Some(CopyMode::All | CopyMode::Auto));
    if copies && !fields.has("source_root") {
        conflict(
            reader,
            fields,
            "source_copy_mode",
            "`source_copy_mode` needs a `source_root`",
            "files of which folder?",
            "add `source_root: .` for the whole build context",
        );
    }
    if spec.requirements.as_ref().is_some_and(|file| file.kind.is_lock())
        && let (Some((packages, _)), Some((lock, _))) = (fields.get("packages"), fields.get("requirements"))
        && !spec.packages.is_empty()
    {
        reader.report(
            Diagnostic::new(&rules::CONFLICT, "`packages` cannot stand beside a lockfile")
                .with_label(packages.key_span, "these would be chosen without the lock")
                .with_label(lock.key_span, "every version is chosen here")
                .with_help("add the packages to the project and lock it again, or leave the lock out"),
        );
    }
    if spec.python_exec.is_some() && spec.wants_conda() {
        conflict(
            reader,
            fields,
            "python_exec",
            "`python_exec` cannot stand beside conda packages",
            "one interpreter",
            "the conda environment has an interpreter of its own: leave `python_exec` out, and say which with `python_version`",
        );
    }
    if spec.cudnn.is_some() && spec.cuda.is_none() {
        conflict(reader, fields, "cudnn", "`cudnn` needs `cuda`", "beside which CUDA?", "add `cuda: \"12.4\"`");
    }
    let is_project =
        |kind| matches!(kind, RequirementsKind::Uv | RequirementsKind::Poetry | RequirementsKind::Pyproject);
    let options = &spec.builder_options;
    if (!options.extras.is_empty() || !options.groups.is_empty())
        && !spec.levels().iter().any(|level| level.spec.requirements.as_ref().is_some_and(|file| is_project(file.kind)))
    {
        conflict(
            reader,
            fields,
            "builder_options",
            "`extras` and `groups` need the `requirements` of a project",
            "of which project?",
            "name its `uv.lock`, `poetry.lock` or `pyproject.toml` in `requirements`",
        );
    }
    if options.apt_sources.is_empty() && !options.apt_keys.is_empty() {
        conflict(
            reader,
            fields,
            "builder_options",
            "`apt_keys` needs `apt_sources`",
            "keys of which repositories?",
            "name them in `apt_sources`",
        );
    }
    if let Some(BaseImage::Spec(base)) = &spec.base_image {
        with_base(reader, fields, spec, base);
    }
}

/// What a spec says against what its base says.
fn with_base(reader: &mut Reader<'_, '_>, fields: &Fields<'_>, spec: &ImageSpec, base: &ImageSpec) {
    // A base with commands is a finished image: what stands on it has only to fit its environment, which the build sees.
    let (_, levels) = spec.parts();
    let below = levels.split_last().map_or(&[][..], |(_, below)| below);
    type Pick = fn(&ImageSpec) -> Option<String>;
    let said: [(&str, Pick); 5] = [
        ("python_version", |spec| spec.python_version.map(|version| version.to_string())),
        ("python_exec", |spec| spec.python_exec.clone()),
        ("pip_index", |spec| spec.pip_index.clone()),
        ("cuda", |spec| spec.cuda.clone()),
        ("cudnn", |spec| spec.cudnn.clone()),
    ];
    for (field, pick) in said {
        let (mine, theirs) = (pick(spec), below.iter().rev().find_map(|level| pick(level.spec)));
        if let (Some(mine), Some(theirs)) = (mine, theirs)
            && mine != theirs
        {
            conflict(
                reader,
                fields,
                field,
                &format!("`{field}` is not that of the base image's spec, {}", quote(&theirs)),
                "another value",
                "a spec and the spec it stands on share one environment: leave the field out here, or change it there",
            );
        }
    }
    let is_lock = |spec: &ImageSpec| spec.requirements.as_ref().is_some_and(|file| file.kind.is_lock());
    let has_packages = |spec: &ImageSpec| !spec.packages.is_empty() || spec.requirements.is_some();
    let (mine, theirs) = (has_packages(spec), below.iter().any(|level| has_packages(level.spec)));
    if mine && theirs && (is_lock(spec) || below.iter().any(|level| is_lock(level.spec))) {
        let field = if spec.requirements.is_some() { "requirements" } else { "packages" };
        conflict(
            reader,
            fields,
            field,
            "packages cannot be added to a lockfile, here or in the base image's spec",
            "one lock for both",
            "lock all packages together, and name the lock in one of the two specs",
        );
    }
    if !spec.conda_channels.is_empty()
        && below
            .iter()
            .any(|level| !level.spec.conda_channels.is_empty() && level.spec.conda_channels != spec.conda_channels)
    {
        conflict(
            reader,
            fields,
            "conda_channels",
            "`conda_channels` are not those of the base image's spec",
            "other channels",
            "a spec and the spec it stands on share one environment: name the channels in one of the two",
        );
    }
    secrets(reader, fields, spec, &base.secrets());
}

/// One id is one secret, and one target has one secret, in all specs of an image.
fn secrets(reader: &mut Reader<'_, '_>, fields: &Fields<'_>, spec: &ImageSpec, below: &[&SecretMount]) {
    let target = |mount: &SecretMount| match &mount.target {
        SecretTarget::File(path) => path.clone(),
        SecretTarget::Env(name) => name.clone(),
    };
    let targets: BTreeMap<String, &SecretMount> = below.iter().map(|mount| (target(mount), *mount)).collect();
    for mount in &spec.pip_secret_mounts {
        let message = if below.iter().any(|other| other.id == mount.id && other.source != mount.source) {
            format!("the id {} stands for another secret in the base image's spec", quote(&mount.id))
        } else if targets.get(&target(mount)).is_some_and(|other| *other != mount) {
            format!("the base image's spec has another secret with the target {}", quote(&target(mount)))
        } else {
            continue;
        };
        let span: Option<Span> = fields.get("pip_secret_mounts").map(|(entry, _)| entry.key_span);
        let diagnostic = Diagnostic::new(&rules::SECRET, message).with_help(
            "install steps of both see all secrets: give each its own `id` and target, or leave it out here",
        );
        reader.report(match span {
            Some(span) => diagnostic.with_label(span, "in this list"),
            None => diagnostic,
        });
    }
}

fn conflict(reader: &mut Reader<'_, '_>, fields: &Fields<'_>, field: &str, message: &str, label: &str, help: &str) {
    let diagnostic = Diagnostic::new(&rules::CONFLICT, message).with_help(help);
    reader.report(match fields.get(field) {
        Some((entry, _)) => diagnostic.with_label(entry.key_span, label),
        None => diagnostic,
    });
}
