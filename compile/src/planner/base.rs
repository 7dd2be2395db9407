//! What an image stands on: an image of a registry, or a finished image of the same build.

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

/// What the image stands on.
pub(super) struct Base {
    /// The base image, of the innermost image if there are several.
    pub(super) image: PinnedImage,
    /// The finished image, if it is one.
    pub(super) below: Option<Box<Plan>>,
    /// Its root filesystem.
    pub(super) root: question::Root,
    pub(super) config: serde_json::Value,
    pub(super) env: Env,
}

impl Base {
    /// The environment of an earlier build of ours, or of somebody else who likes the same place: what the base's programs are
    /// looked for in first says which.
    pub(super) fn home(&self) -> Option<Home> {
        let homes = [Home::VENV, Home::CONDA];
        self.env.path().split(':').find_map(|folder| homes.into_iter().find(|home| folder == home.bin()))
    }

    /// Where the base's programs are. Images name folders twice, as the official ones of Python do; the first place counts.
    pub(super) fn program_folders(&self) -> Vec<String> {
        let folders = self.env.path().split(':').filter(|folder| folder.starts_with('/')).map(str::to_owned);
        super::dedup(folders.collect())
    }
}

impl<'a> Planner<'a, '_> {
    /// `None` while facts are missing or something is wrong.
    pub(super) fn base(&mut self) -> Option<Base> {
        if let Some(below) = self.below() {
            let plan = below?;
            let config = image_config::image_config(&plan);
            let (image, env) = (plan.base.clone(), Env::of_image(&config));
            let root = question::Root::Steps { digest: identity::of_image(&plan) };
            return Some(Base { image, below: Some(Box::new(plan)), root, env, config });
        }
        let (reference, field) = self.base_reference()?;
        let (image, fact) = self.image(&reference, &field)?;
        let config = fact.config.clone();
        self.other_platform(&image, &config, &field);
        let root = question::Root::Image { reference: image.reference.clone(), platform: self.platform.clone() };
        Some(Base { image, below: None, root, env: Env::of_image(&config), config })
    }

    /// A daemon takes an image that is for one platform only for any.
    fn other_platform(&mut self, image: &PinnedImage, config: &serde_json::Value, field: &str) {
        let said = |key: &str| config[key].as_str().filter(|text| !text.is_empty());
        let Some(architecture) = said("architecture") else { return };
        let variant = said("variant").unwrap_or_default();
        let is = buildkit_llb::Platform::new(said("os").unwrap_or("linux"), architecture, variant);
        if (&is.os, &is.architecture) == (&self.platform.os, &self.platform.architecture) {
            return;
        }
        let message = format!("{} is an image for {is}, not for {}", image.reference, self.platform);
        let warning = Diagnostic::new(&rules::OTHER_PLATFORM, message).with_help(
            "what it holds may not run there; name an image that is for both, or build for another platform",
        );
        self.out.warnings.push(warning.with_place(self.part.spans.nearest_span(field)));
    }

    /// The image that the innermost spec starts from, and the field that says so; a problem where CUDA is asked for and no image
    /// has it.
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
                let message = format!("NVIDIA has no image of CUDA {cuda}{what}: {known}");
                let help = "choose another release, or name a `base_image`: packages then bring CUDA";
                self.problem(&rules::NO_CUDA, message, &[&field], help);
                None
            }
        }
    }

    /// Where Python packages are installed.
    pub(super) fn home(&self, base: &Base) -> Home {
        if self.specs().wants_conda() {
            return Home::CONDA;
        }
        let said = self.specs().value(field::PYTHON_EXEC);
        // As far as anybody has looked: a folder on PATH may be empty.
        let programs = question::Programs { root: base.root.clone(), folders: base.program_folders() };
        let programs = self.knowledge.look(&programs);
        let is_extended = |home: &Home| match (said, programs) {
            (Some(path), _) => home.has(path),
            (None, Some(programs)) => programs.iter().any(|program| home.has(&program.path)),
            (None, None) => true,
        };
        base.home().filter(is_extended).unwrap_or_default()
    }

    /// A resolved image; asked for until known.
    pub(super) fn image(&mut self, written: &str, field: &str) -> Option<(PinnedImage, &'a ImageFact)> {
        let reference = match ImageReference::parse(written) {
            Ok(reference) => reference.with_default_tag().to_string(),
            Err(error) => {
                self.problem(&rules::BAD_REFERENCE, error.to_string(), &[field], "write registry/name:tag");
                return None;
            }
        };
        let fact = self.ask(question::Image { reference, platform: self.platform.clone() }, |_| None)?;
        Some((PinnedImage { reference: fact.reference.clone() }, fact))
    }
}
