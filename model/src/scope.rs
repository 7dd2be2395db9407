//! What the specs of one image ask for together, as far as it decides which steps there are.
//!
//! Looks at specs alone: what a base image contains, such as an interpreter or a user, is not known here.

use crate::choice::{CopyMode, Flavor};
use crate::image_spec::{BaseImage, ImageSpec};
use crate::moves::StepKind;
use crate::requirement::{Requirement, installer_option};
use crate::requirements_file::RequirementsKind;

/// A spec and those below it whose parts are built side by side: one image.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scope<'a> {
    /// The outermost first.
    levels: Vec<&'a ImageSpec>,
    base: Base<'a>,
}

/// What an image is built on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Base<'a> {
    /// The builder's default, because no base image is named.
    #[default]
    Default,
    /// An image by its reference.
    Reference(&'a str),
    /// The image of a spec with commands: they see all of it, so it is finished before anything is built on it.
    Finished(&'a ImageSpec),
}

/// Where Python packages go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Environment {
    None,
    /// An environment over an interpreter; on top of the apt packages where something in it may be built.
    Venv {
        on_apt: bool,
    },
    Conda,
}

impl<'a> Scope<'a> {
    /// The images that a spec makes, the outermost first, each with the specs it is made of.
    pub(crate) fn images(spec: &'a ImageSpec) -> Vec<Self> {
        let mut images = Vec::new();
        let mut image = Self::default();
        let mut next = Some(spec);
        while let Some(spec) = next {
            if !image.levels.is_empty() && !spec.commands().is_empty() {
                image.base = Base::Finished(spec);
                images.push(std::mem::take(&mut image));
            }
            image.levels.push(spec);
            next = match spec.base_image() {
                None => None,
                Some(BaseImage::Reference(reference)) => {
                    image.base = Base::Reference(reference);
                    None
                }
                Some(BaseImage::Spec(base)) => Some(base),
            };
        }
        images.push(image);
        images
    }

    /// How many specs it is made of.
    pub(crate) fn len(&self) -> usize {
        self.levels.len()
    }

    pub(crate) fn base(&self) -> Base<'a> {
        self.base
    }

    fn any(&self, is: impl Fn(&ImageSpec) -> bool) -> bool {
        self.levels.iter().any(|spec| is(spec))
    }

    /// The value of the outermost spec that has one.
    fn value<T>(&self, get: impl Fn(&'a ImageSpec) -> Option<T>) -> Option<T> {
        self.levels.iter().find_map(|spec| get(spec))
    }

    fn has_base(&self) -> bool {
        self.base != Base::Default
    }

    fn has_cuda(&self) -> bool {
        self.any(|spec| spec.cuda().is_some())
    }

    /// The base image is the one of NVIDIA's that has the release.
    pub(crate) fn has_cuda_image(&self) -> bool {
        self.has_cuda() && !self.has_base()
    }

    /// CUDA is installed like other packages.
    pub(crate) fn has_cuda_packages(&self) -> bool {
        self.has_cuda() && self.has_base()
    }

    /// CUDA comes as wheels, whose libraries the image's variables name.
    pub(crate) fn has_cuda_wheels(&self) -> bool {
        self.has_cuda_packages() && !self.is_conda()
    }

    pub(crate) fn is_conda(&self) -> bool {
        self.any(ImageSpec::wants_conda)
    }

    pub(crate) fn is_flyte(&self) -> bool {
        self.levels.first().is_some_and(|spec| spec.flavor() == Flavor::Flyte)
    }

    fn has_packages(&self) -> bool {
        self.any(|spec| !spec.packages().is_empty() || spec.requirements().is_some())
    }

    fn has_runtime_packages(&self) -> bool {
        self.any(|spec| !spec.runtime_packages().is_empty())
    }

    fn has_python(&self) -> bool {
        self.has_packages()
            || self.any(|spec| spec.python_version().is_some() || spec.python_exec().is_some())
            || self.is_conda()
            || self.is_flyte()
            || self.has_runtime_packages()
            || self.has_cuda_wheels()
    }

    /// The lockfile that a spec names: nothing else is installed.
    fn lock(&self) -> Option<RequirementsKind> {
        self.value(|spec| spec.requirements().map(|file| file.kind()).filter(|kind| kind.is_lock()))
    }

    fn has_python_exec(&self) -> bool {
        self.any(|spec| spec.python_exec().is_some())
    }

    /// pip is installed although no field lists it: commands, and packages that are installed at the start, may need it.
    pub(crate) fn implies_pip(&self) -> bool {
        let calls_it = self.has_runtime_packages() || self.any(|spec| !spec.commands().is_empty());
        calls_it && self.has_python() && !self.is_conda() && !self.has_python_exec() && self.lock().is_none()
    }

    /// CUDA's wheels are installed although no field lists them.
    pub(crate) fn implies_cuda(&self) -> bool {
        self.has_cuda_wheels() && self.lock().is_none()
    }

    fn installs(&self) -> bool {
        self.has_packages() || self.implies_pip() || self.implies_cuda() || (self.is_flyte() && self.lock().is_none())
    }

    /// All Python packages are one step.
    fn is_one_step(&self) -> bool {
        self.value(|spec| spec.builder_options().python_layers()) == Some(1)
            || self.has_python_exec()
            || self.is_conda()
    }

    /// Versions are chosen, or read, by a step of their own.
    fn resolves(&self) -> bool {
        match self.lock() {
            Some(kind) => kind != RequirementsKind::Pylock,
            None => {
                let is_project = |spec: &ImageSpec| {
                    spec.requirements().is_some_and(|file| file.kind() == RequirementsKind::Pyproject)
                };
                self.installs() && (!self.is_one_step() || self.any(is_project))
            }
        }
    }

    /// Something may have to be built from source, judged by the specs alone: it then sees the apt packages and all variables.
    pub(crate) fn may_build(&self) -> bool {
        let options = |spec: &ImageSpec| {
            let lines = spec.packages().iter().flat_map(Requirement::options);
            let mut words = spec.pip_extra_args().iter().chain(lines);
            words.any(|word| installer_option(word).is_some_and(|option| option.builds))
        };
        self.any(|spec| spec.packages().iter().any(Requirement::may_build) || options(spec))
    }

    fn has_apt_packages(&self) -> bool {
        self.any(|spec| !spec.apt_packages().is_empty())
    }

    /// What is built is built on top of the apt packages.
    pub(crate) fn builds_on_apt(&self) -> bool {
        self.may_build() && self.has_apt_packages()
    }

    /// The interpreter may be one of the apt packages.
    pub(crate) fn may_have_apt_python(&self) -> bool {
        let names_python = |spec: &ImageSpec| spec.apt_packages().iter().any(|package| package.starts_with("python"));
        self.has_python() && (self.any(names_python) || (self.has_python_exec() && self.has_apt_packages()))
    }

    /// uv may install the interpreter, in the same step that makes the environment.
    pub(crate) fn may_install_python(&self) -> bool {
        !self.has_python_exec()
    }

    pub(crate) fn environment(&self) -> Environment {
        if self.is_conda() {
            Environment::Conda
        } else if self.has_python() {
            Environment::Venv { on_apt: self.builds_on_apt() && self.is_one_step() }
        } else {
            Environment::None
        }
    }

    fn user(&self) -> Option<&'a str> {
        self.value(|spec| spec.builder_options().user())
    }

    /// No user is named, so it is the flavor's or the base image's.
    pub(crate) fn is_user_open(&self) -> bool {
        self.user().is_none()
    }

    /// The user who is named, or the flavor's, is another one than root.
    fn has_user(&self) -> bool {
        match self.user() {
            Some(user) => !matches!(user.split(':').next(), Some("root" | "0")),
            None => self.is_flyte(),
        }
    }

    /// The environment belongs to the user, who adds packages when a container starts.
    pub(crate) fn gives_environment_away(&self) -> bool {
        self.has_runtime_packages() && self.has_user()
    }

    /// Whether it names a file of the context as the key of a repository.
    pub(crate) fn has_apt_key(&self, path: &str) -> bool {
        self.any(|spec| spec.builder_options().apt_keys().iter().any(|key| key == path))
    }

    /// Whether it reads requirements from files.
    pub(crate) fn has_requirements_file(&self) -> bool {
        self.any(|spec| spec.requirements().is_some())
    }

    /// Whether a file of the context is among those it copies.
    pub(crate) fn copies_file(&self, path: &str) -> bool {
        let is_below = |folder: &str| {
            folder == "." || path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.any(|spec| copied_root(spec).is_some_and(is_below) || spec.copy().iter().any(|path| is_below(path)))
    }

    /// Whether the image has work of a kind, judged by the specs alone.
    pub(crate) fn has(&self, kind: StepKind) -> bool {
        match kind {
            StepKind::Base | StepKind::Config => true,
            StepKind::User => self.has_user(),
            StepKind::Apt => {
                let options = |spec: &ImageSpec| {
                    let options = spec.builder_options();
                    !options.apt_sources().is_empty() || !options.apt_keys().is_empty()
                };
                self.has_apt_packages() || self.any(options)
            }
            StepKind::Python => matches!(self.environment(), Environment::Venv { .. }),
            StepKind::Conda => self.is_conda(),
            StepKind::Lock => self.resolves(),
            StepKind::Packages => self.installs(),
            StepKind::Entry => self.has_runtime_packages() && !self.is_flyte(),
            StepKind::Profile => self.is_flyte() && self.is_user_open(),
            StepKind::Files => self.any(|spec| copied_root(spec).is_some() || !spec.copy().is_empty()),
            StepKind::Commands => self.levels.first().is_some_and(|spec| !spec.commands().is_empty()),
        }
    }
}

/// The source root, unless nothing of it is copied.
fn copied_root(spec: &ImageSpec) -> Option<&str> {
    spec.source_root().filter(|_| spec.source_copy_mode() != Some(CopyMode::None))
}
