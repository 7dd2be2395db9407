//! What the specs of one image ask for together, as far as it decides which steps there are.
//!
//! Looks at specs alone: what a base image contains, such as an interpreter or a user, is not known here.

use super::MergedSpec;
use crate::builder::OWN_PYTHON;
use crate::choice::Flavor;
use crate::field;
use crate::image_spec::ImageSpec;
use crate::moves::StepKind;
use crate::requirement::{Requirement, installer_option};
use crate::requirements_file::RequirementsKind;

/// Where Python packages go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Environment {
    None,
    /// An environment over an interpreter.
    Venv,
    Conda,
}

impl<'a> MergedSpec<'a> {
    fn has_cuda(&self) -> bool {
        self.any(|spec| spec.cuda().is_some())
    }

    /// The base image is the one of NVIDIA's that has the release.
    pub(crate) fn has_cuda_image(&self) -> bool {
        self.has_cuda() && !self.has_base()
    }

    /// CUDA is installed like other packages.
    #[must_use]
    pub fn has_cuda_packages(&self) -> bool {
        self.has_cuda() && self.has_base()
    }

    /// CUDA comes as wheels, whose libraries the image's variables name: over a base image that somebody chose, without conda.
    #[must_use]
    pub fn has_cuda_wheels(&self) -> bool {
        self.has_cuda_packages() && !self.wants_conda()
    }

    /// Python packages are installed into a conda environment.
    #[must_use]
    pub fn wants_conda(&self) -> bool {
        self.any(ImageSpec::wants_conda)
    }

    /// The image follows Flytekit's conventions.
    #[must_use]
    pub fn is_flyte(&self) -> bool {
        self.levels.last().is_some_and(|level| level.spec.flavor() == Flavor::Flyte)
    }

    /// Python packages are listed, or a file of them is named.
    #[must_use]
    pub fn has_packages(&self) -> bool {
        self.any(|spec| !spec.packages().is_empty() || spec.requirements().is_some())
    }

    fn has_runtime_packages(&self) -> bool {
        self.any(|spec| !spec.runtime_packages().is_empty())
    }

    /// Some field needs a Python environment.
    #[must_use]
    pub fn wants_python(&self) -> bool {
        self.has_packages()
            || self.any(|spec| spec.python_version().is_some() || spec.python_exec().is_some())
            || self.wants_conda()
            || self.is_flyte()
            || self.has_runtime_packages()
            || self.has_cuda_wheels()
    }

    /// The interpreter is named.
    #[must_use]
    pub fn has_python_exec(&self) -> bool {
        self.any(|spec| spec.python_exec().is_some())
    }

    /// pip is installed although no field lists it: commands, and packages that are installed at the start, may need it.
    #[must_use]
    pub fn implies_pip(&self) -> bool {
        let calls_it = self.has_runtime_packages() || self.any(|spec| !spec.commands().is_empty());
        calls_it && self.wants_python() && !self.wants_conda() && !self.has_python_exec() && self.lock().is_none()
    }

    /// CUDA's wheels are installed although no field lists them.
    #[must_use]
    pub fn implies_cuda(&self) -> bool {
        self.has_cuda_wheels() && self.lock().is_none()
    }

    /// Flytekit is installed although no field lists it.
    #[must_use]
    pub fn implies_flytekit(&self) -> bool {
        self.is_flyte() && self.lock().is_none()
    }

    /// Python packages are installed, listed or implied.
    #[must_use]
    pub fn wants_packages(&self) -> bool {
        self.has_packages() || self.implies_pip() || self.implies_cuda() || self.implies_flytekit()
    }

    /// Versions are chosen, or read, by a step of their own.
    fn resolves(&self) -> bool {
        match self.lock() {
            Some((_, file)) => file.kind() != RequirementsKind::Pylock,
            None => self.wants_packages(),
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

    /// Debian packages are listed.
    #[must_use]
    pub fn has_apt_packages(&self) -> bool {
        self.any(|spec| !spec.apt_packages().is_empty())
    }

    /// What is built is built on top of the apt packages.
    pub(crate) fn builds_on_apt(&self) -> bool {
        self.may_build() && self.has_apt_packages()
    }

    /// A Debian package may be an interpreter.
    #[must_use]
    pub fn names_apt_python(&self) -> bool {
        self.any(|spec| spec.apt_packages().iter().any(|package| package.starts_with("python")))
    }

    /// The interpreter may be one of the apt packages.
    pub(crate) fn may_have_apt_python(&self) -> bool {
        self.wants_python() && (self.names_apt_python() || (self.has_python_exec() && self.has_apt_packages()))
    }

    /// Python packages may be installed on top of other steps: over what an environment has, or because they are built from source.
    pub(crate) fn installs_on_top(&self) -> bool {
        self.wants_conda() || self.has_python_exec() || self.may_build()
    }

    /// The image's own interpreter compiles packages: no image is named that does, and the default one may be out of reach.
    pub(crate) fn compiles_itself(&self) -> bool {
        match self.value(field::PYTHON_IMAGE) {
            Some(image) => image == OWN_PYTHON,
            None => self.value(field::UV_IMAGE).is_some(),
        }
    }

    /// uv may install the interpreter, in the same step that makes the environment.
    pub(crate) fn may_install_python(&self) -> bool {
        !self.has_python_exec()
    }

    pub(crate) fn environment(&self) -> Environment {
        if self.wants_conda() {
            Environment::Conda
        } else if self.wants_python() {
            Environment::Venv
        } else {
            Environment::None
        }
    }

    fn user(&self) -> Option<&'a str> {
        self.value(field::USER)
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
        self.any(|spec| spec.copied_root().is_some_and(is_below) || spec.copy().iter().any(|path| is_below(path)))
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
            StepKind::Python => matches!(self.environment(), Environment::Venv),
            StepKind::Conda => self.wants_conda(),
            StepKind::Lock => self.resolves(),
            StepKind::Packages => self.wants_packages(),
            StepKind::Entry => self.has_runtime_packages() && !self.is_flyte(),
            StepKind::Profile => self.is_flyte() && self.is_user_open(),
            StepKind::Files => self.any(|spec| spec.copied_root().is_some() || !spec.copy().is_empty()),
            StepKind::Commands => self.levels.last().is_some_and(|level| !level.spec.commands().is_empty()),
        }
    }
}
