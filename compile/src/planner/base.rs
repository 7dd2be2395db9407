//! The base of an image: an image of a registry, or a finished image of the same build.

use imagespec::{Diagnostic, field};
use oci_names::ImageReference;

use crate::answer::ImageFact;
use crate::env::Env;
use crate::identity;
use crate::image_config;
use crate::plan::{Home, PinnedImage, Plan};
use crate::planner::Planner;
use crate::question;
use crate::rules;

/// The base of an image.
pub(super) struct Base {
    /// The base image; of several images on top of each other, the innermost one's.
    pub(super) image: PinnedImage,
    /// The finished image, if the base is one.
    pub(super) below: Option<Box<Plan>>,
    /// The base's root filesystem.
    pub(super) root: question::Root,
    pub(super) config: serde_json::Value,
    pub(super) env: Env,
}

impl Base {
    /// The environment that the base already has, from an earlier build or another tool with the same path. It is recognized by the first
    /// entry of PATH.
    pub(super) fn home(&self) -> Option<Home> {
        let homes = [Home::VENV, Home::CONDA];
        self.env.path().split(':').find_map(|folder| homes.into_iter().find(|home| folder == home.bin()))
    }

    /// The folders of the base's programs. Images name folders twice, as the official ones of Python do; the first place counts.
    pub(super) fn program_folders(&self) -> Vec<String> {
        let folders = self.env.path().split(':').filter(|folder| folder.starts_with('/')).map(str::to_owned);
        super::dedup(folders.collect())
    }
}

impl<'a> Planner<'a, '_> {
    /// The base; `None` while facts are missing or if there are problems.
    pub(super) fn base(&mut self) -> Option<Base> {
        if let Some(below) = self.below() {
            let plan = below?;
            let config = image_config::image_config(&plan);
            let (image, env) = (plan.base.clone(), Env::from_image_config(&config));
            let root = question::Root::Steps { digest: identity::image_digest(&plan) };
            return Some(Base { image, below: Some(Box::new(plan)), root, env, config });
        }
        let (reference, field) = self.base_reference()?;
        let (image, fact) = self.image(&reference, &field)?;
        let config = fact.config.clone();
        self.other_platform(&image, &config, &field);
        self.triggers(&image, &config, &field);
        let root = question::Root::Image { reference: image.reference.clone(), platform: self.platform.clone() };
        Some(Base { image, below: None, root, env: Env::from_image_config(&config), config })
    }

    /// Warns about an image with a single, different platform, which a daemon uses for any platform.
    fn other_platform(&mut self, image: &PinnedImage, config: &serde_json::Value, field: &str) {
        let text = |key: &str| config[key].as_str().filter(|text| !text.is_empty());
        let Some(architecture) = text("architecture") else { return };
        let variant = text("variant").unwrap_or_default();
        let is = buildkit_llb::Platform::new(text("os").unwrap_or("linux"), architecture, variant);
        if (&is.os, &is.architecture) == (&self.platform.os, &self.platform.architecture) {
            return;
        }
        let message = format!("{} is an image for {is}, not for {}", image.reference, self.platform);
        let warning = Diagnostic::new(&rules::OTHER_PLATFORM, message).with_help(
            "its programs may not run on the target platform; use an image for that platform, or build for another one",
        );
        self.out.warnings.push(warning.with_place(self.part.spans.nearest_span(field)));
    }

    /// Warns about an image with `ONBUILD` instructions.
    fn triggers(&mut self, image: &PinnedImage, config: &serde_json::Value, field: &str) {
        let triggers = config["config"]["OnBuild"].as_array().into_iter().flatten();
        let triggers: Vec<String> = triggers.filter_map(|trigger| trigger.as_str()).map(str::to_owned).collect();
        if triggers.is_empty() {
            return;
        }
        let message =
            format!("{} has ONBUILD triggers, which are not run: {}", image.reference, super::summary(&triggers));
        let warning = Diagnostic::new(&rules::ON_BUILD, message).with_help("add what they do to the spec");
        self.out.warnings.push(warning.with_place(self.part.spans.nearest_span(field)));
    }

    /// The image that the innermost spec starts from, and the field that names it. It is a problem if CUDA is requested and no image has
    /// it.
    fn base_reference(&mut self) -> Option<(String, String)> {
        let specs = self.specs();
        let innermost = specs.levels().first();
        let base_image = innermost.map(|level| level.path(field::BASE_IMAGE.name())).unwrap_or_default();
        if let Some(reference) = self.part.spec.base_reference() {
            return Some((reference.to_owned(), base_image));
        }
        let Some((field, cuda)) = specs.given(field::CUDA) else {
            return Some((crate::fixed::DEFAULT_BASE_IMAGE.to_owned(), base_image));
        };
        let cudnn = specs.value(field::CUDNN);
        match crate::cuda::image(cuda, cudnn) {
            Ok(reference) => Some((reference, field)),
            Err(known) => {
                let what = cudnn.map(|cudnn| format!(" with cuDNN {cudnn}")).unwrap_or_default();
                let message = format!("NVIDIA has no image with CUDA {cuda}{what}: {known}");
                let help = "choose another release, or set `base_image`, so that CUDA is installed from packages";
                self.problem(&rules::NO_CUDA, message, &[&field], help);
                None
            }
        }
    }

    /// The environment that Python packages are installed into.
    pub(super) fn home(&self, base: &Base) -> Home {
        if self.specs().wants_conda() {
            return Home::CONDA;
        }
        let python_exec = self.specs().value(field::PYTHON_EXEC);
        // A folder on PATH may be empty, so the programs are checked as far as known.
        let question = question::Programs { root: base.root.clone(), folders: base.program_folders() };
        let programs = match self.look_at_base(base) {
            Some(survey) => Some(&survey.programs),
            None => self.knowledge.look(&question),
        };
        let is_extended = |home: &Home| match (python_exec, programs) {
            (Some(path), _) => home.contains(path),
            (None, Some(programs)) => programs.iter().any(|program| home.contains(&program.path)),
            (None, None) => true,
        };
        base.home().filter(is_extended).unwrap_or_default()
    }

    /// A resolved image; it is asked for until known.
    pub(super) fn image(&mut self, written: &str, field: &str) -> Option<(PinnedImage, &'a ImageFact)> {
        let reference = match ImageReference::parse(written) {
            Ok(reference) => reference.with_default_tag().to_string(),
            Err(error) => {
                self.problem(&rules::BAD_REFERENCE, error.to_string(), &[field], "write registry/name:tag");
                return None;
            }
        };
        let question = question::Image { reference, platform: self.platform.clone() };
        let found = self.ask(question.clone(), |_| None);
        if let Some(ask) = self.out.asks.get_mut(&question.into()) {
            ask.place = ask.place.or_else(|| self.part.spans.nearest_span(field));
        }
        let fact = found?;
        // A daemon or a file with facts may say anything.
        let parsed = ImageReference::parse(&fact.reference);
        if !parsed.is_ok_and(|reference| reference.tag().is_some() || reference.digest().is_some()) {
            let message =
                format!("{written} was resolved to {:?}, which has neither a tag nor a digest", fact.reference);
            self.problem(&rules::BAD_REFERENCE, message, &[field], "check the daemon, or the file with facts");
            return None;
        }
        Some((PinnedImage { reference: fact.reference.clone() }, fact))
    }
}
