//! Rules between fields: what cannot be combined and what needs another field, in one spec and between a spec and the spec it is
//! built on.
//!
//! A spec and its base make one image: one interpreter, one lock, one set of secrets. The rules look at the typed spec, whether
//! it comes from a file or was made in Rust; only a file has places to point at. No facts are needed.

use std::collections::BTreeMap;

use crate::choice::CopyMode;
use crate::diagnostic::Diagnostic;
use crate::field::{Field, FieldInfo};
use crate::image_spec::spec_fields::{
    BUILDER_OPTIONS, CONDA_CHANNELS, CUDA, CUDNN, PACKAGES, PIP_INDEX, PIP_SECRET_MOUNTS, PYTHON_EXEC, PYTHON_VERSION,
    REQUIREMENTS, SOURCE_COPY_MODE, SOURCE_ROOT,
};
use crate::image_spec::{BaseImage, ImageSpec};
use crate::merged::MergedSpec;
use crate::quote::quote;
use crate::rules;
use crate::secret::SecretMount;
use crate::source::Span;

/// Where the fields of a spec are written.
pub(crate) trait Places {
    /// The name of a field.
    fn key(&self, field: &FieldInfo) -> Option<Span>;

    /// Whether a field is given, even if its value is wrong and therefore not in the spec.
    fn is_given(&self, field: &FieldInfo) -> bool;
}

/// The places of a spec that was not read from a file.
pub(crate) struct Nowhere;

impl Places for Nowhere {
    fn key(&self, _field: &FieldInfo) -> Option<Span> {
        None
    }

    fn is_given(&self, _field: &FieldInfo) -> bool {
        false
    }
}

/// The rules that a spec breaks.
pub(crate) fn conflicts(spec: &ImageSpec, places: &dyn Places) -> Vec<Diagnostic> {
    let mut check = Check { spec, places, found: Vec::new() };
    check.needs();
    check.exclusions();
    if let Some(BaseImage::Spec(base)) = spec.base_image() {
        check.base();
        check.secrets(&base.secrets());
    }
    check.found
}

struct Check<'a> {
    spec: &'a ImageSpec,
    places: &'a dyn Places,
    found: Vec<Diagnostic>,
}

impl Check<'_> {
    /// Fields that need another one. If that one is given and has a wrong value, its problem has been reported already.
    fn needs(&mut self) {
        let spec = self.spec;
        let copies = matches!(spec.source_copy_mode(), Some(CopyMode::All | CopyMode::Auto));
        if copies && spec.source_root().is_none() && !self.is_given(&SOURCE_ROOT) {
            self.conflict(
                &SOURCE_COPY_MODE,
                "`source_copy_mode` needs a `source_root`",
                "files of which folder?",
                "add `source_root: .` for the whole build context",
            );
        }
        if spec.cudnn().is_some() && spec.cuda().is_none() && !self.is_given(&CUDA) {
            self.conflict(&CUDNN, "`cudnn` needs `cuda`", "for which CUDA release?", "add `cuda: \"12.4\"`");
        }
        let options = spec.builder_options();
        let has_project = |spec: &ImageSpec| spec.requirements().is_some_and(|file| file.kind().is_project());
        if (!options.extras().is_empty() || !options.groups().is_empty())
            && !spec.levels().iter().any(|level| has_project(level.spec))
        {
            self.conflict(
                &BUILDER_OPTIONS,
                "`extras` and `groups` need a project in `requirements`",
                "of which project?",
                "name its `uv.lock`, `poetry.lock` or `pyproject.toml` in `requirements`",
            );
        }
        if options.apt_sources().is_empty() && !options.apt_keys().is_empty() {
            self.conflict(
                &BUILDER_OPTIONS,
                "`apt_keys` needs `apt_sources`",
                "keys of which repositories?",
                "name the repositories in `apt_sources`",
            );
        }
    }

    /// Fields that cannot be combined.
    fn exclusions(&mut self) {
        let spec = self.spec;
        if spec.requirements().is_some_and(|file| file.kind().is_lock()) && !spec.packages().is_empty() {
            let diagnostic = Diagnostic::new(&rules::CONFLICT, "`packages` cannot be combined with a lockfile")
                .with_label_at(self.places.key(PACKAGES.info()), "their versions would be chosen without the lock")
                .with_label_at(self.places.key(REQUIREMENTS.info()), "every version is chosen here")
                .with_help("add the packages to the project and lock it again, or leave the lock out");
            self.found.push(diagnostic);
        }
        if spec.python_exec().is_some() && spec.wants_conda() {
            self.conflict(
                &PYTHON_EXEC,
                "`python_exec` cannot be combined with conda packages",
                "a second interpreter",
                "the conda environment has its own interpreter: leave `python_exec` out, and choose the version with \
                 `python_version`",
            );
        }
    }

    /// Fields that share one environment with those of the spec below.
    fn base(&mut self) {
        let spec = self.spec;
        // A base with commands is a finished image: what is built on it only has to fit its environment, which the build sees.
        let merged = MergedSpec::new(spec);
        let below = merged.levels().split_last().map_or(&[][..], |(_, below)| below);
        let below: Vec<&ImageSpec> = below.iter().map(|level| level.spec).collect();
        self.same(&below, &PYTHON_VERSION, |field, spec| field.get(spec).map(|version| version.to_string()));
        for field in [&PYTHON_EXEC, &PIP_INDEX, &CUDA, &CUDNN] {
            self.same(&below, field, |field, spec| field.get(spec).map(str::to_owned));
        }
        let is_lock = |spec: &ImageSpec| spec.requirements().is_some_and(|file| file.kind().is_lock());
        let has_packages = |spec: &ImageSpec| !spec.packages().is_empty() || spec.requirements().is_some();
        let (mine, theirs) = (has_packages(spec), below.iter().any(|below| has_packages(below)));
        if mine && theirs && (is_lock(spec) || below.iter().any(|below| is_lock(below))) {
            let field = if spec.requirements().is_some() { REQUIREMENTS.info() } else { PACKAGES.info() };
            self.report(
                field,
                "packages cannot be added to a lockfile, here or in the base image's spec",
                "cannot be combined",
                "lock all packages together, and name the lock in one of the two specs",
            );
        }
        let channels = spec.conda_channels();
        let differs = |below: &&ImageSpec| !below.conda_channels().is_empty() && below.conda_channels() != channels;
        if !channels.is_empty() && below.iter().any(differs) {
            self.conflict(
                &CONDA_CHANNELS,
                "`conda_channels` differs from the base image's spec",
                "other channels",
                "a spec and its base share one environment: name the channels in one of the two",
            );
        }
    }

    /// A field that can have one value in both specs.
    fn same<G>(
        &mut self,
        below: &[&ImageSpec],
        field: &Field<G>,
        text: impl Fn(&Field<G>, &ImageSpec) -> Option<String>,
    ) {
        let (mine, theirs) = (text(field, self.spec), below.iter().rev().find_map(|below| text(field, below)));
        if let (Some(mine), Some(theirs)) = (mine, theirs)
            && mine != theirs
        {
            let name = field.name();
            self.conflict(
                field,
                &format!("`{name}` differs from the base image's spec, which has {}", quote(&theirs)),
                "another value",
                "a spec and its base share one environment: leave the field out here, or change it there",
            );
        }
    }

    /// One id is one secret, and one target has one secret, in all specs of an image.
    fn secrets(&mut self, below: &[&SecretMount]) {
        let targets: BTreeMap<&str, &SecretMount> =
            below.iter().map(|mount| (mount.target().as_str(), *mount)).collect();
        for mount in self.spec.pip_secret_mounts() {
            let target = mount.target().as_str();
            let message = if below.iter().any(|other| other.id() == mount.id() && other.source() != mount.source()) {
                format!("the id {} is used for another secret in the base image's spec", quote(mount.id()))
            } else if targets.get(target).is_some_and(|other| *other != mount) {
                format!("the base image's spec has another secret with the target {}", quote(target))
            } else {
                continue;
            };
            let diagnostic = Diagnostic::new(&rules::SECRET, message)
                .with_label_at(self.places.key(PIP_SECRET_MOUNTS.info()), "in this list")
                .with_help("install steps see the secrets of both specs: give each its own `id` and target, or leave it out here");
            self.found.push(diagnostic);
        }
    }

    fn is_given<G>(&self, field: &Field<G>) -> bool {
        self.places.is_given(field.info())
    }

    fn conflict<G>(&mut self, field: &Field<G>, message: &str, label: &str, help: &str) {
        self.report(field.info(), message, label, help);
    }

    fn report(&mut self, field: &FieldInfo, message: &str, label: &str, help: &str) {
        let diagnostic = Diagnostic::new(&rules::CONFLICT, message).with_help(help);
        self.found.push(diagnostic.with_label_at(self.places.key(field), label));
    }
}
