//! Which steps of a build a field moves: the kinds of work that an image is made of, and what a change means for them.
//!
//! A row of a table of fields lists its kinds, with conditions where they depend on other fields. The steps that are built on a
//! step that moves are added here. The result is computed from two specs alone, so it is what *may* run again: the rest depends
//! on facts, such as whether the base image has Python. It is for daemons that can merge layers; for other daemons each step is
//! built on the one before.

use std::collections::BTreeSet;
use std::fmt;

use crate::field::FieldInfo;
use crate::image_spec::ImageSpec;
use crate::merged::MergedSpec;

pub(crate) use conditions::*;

mod conditions;

/// A kind of work that an image is made of, in the order of a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StepKind {
    /// The base image, which everything is built on.
    Base,
    /// Accounts and the owner of `/root`; all other steps are built on it.
    User,
    /// Debian packages and their repositories.
    Apt,
    /// A Python environment, and the interpreter where uv installs it.
    Python,
    /// A conda environment.
    Conda,
    /// The step that chooses versions of Python packages. It is not part of the image.
    Lock,
    /// Python packages.
    Packages,
    /// The script that installs packages when a container starts.
    Entry,
    /// The start file of login shells.
    Profile,
    /// Files of the build context.
    Files,
    /// The user's shell commands, which see everything else.
    Commands,
    /// The image's config: variables, entrypoint, labels and user. It is not a step.
    Config,
}

impl StepKind {
    /// All kinds, in the order of a build.
    pub const ALL: [Self; 12] = [
        Self::Base,
        Self::User,
        Self::Apt,
        Self::Python,
        Self::Conda,
        Self::Lock,
        Self::Packages,
        Self::Entry,
        Self::Profile,
        Self::Files,
        Self::Commands,
        Self::Config,
    ];

    /// Its name for users: the step's id, if the kind is a single step.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::User => "user",
            Self::Apt => "apt",
            Self::Python => "venv",
            Self::Conda => "conda",
            Self::Lock => "lock",
            Self::Packages => "pip",
            Self::Entry => "entry",
            Self::Profile => "profile",
            Self::Files => "files",
            Self::Commands => "commands",
            Self::Config => "config",
        }
    }
}

impl fmt::Display for StepKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A kind of work that a field is part of, and when a change of the field moves it.
#[derive(Debug)]
pub(crate) struct Move {
    pub(crate) step: StepKind,
    pub(crate) when: fn(&Change<'_>) -> bool,
}

/// Two versions of the specs of one image.
#[derive(Debug)]
pub(crate) struct Change<'a> {
    pub(crate) old: MergedSpec<'a>,
    pub(crate) new: MergedSpec<'a>,
    /// The name of the entry that differs, in a field that has entries with names.
    pub(crate) entry: Option<&'a str>,
    /// Whether the image's id is another one.
    is_other_id: bool,
}

impl<'a> Change<'a> {
    /// Whether something holds before or after.
    pub(crate) fn either(&self, holds: impl Fn(&MergedSpec<'a>) -> bool) -> bool {
        holds(&self.old) || holds(&self.new)
    }

    /// Whether a value differs.
    pub(crate) fn differs<T: PartialEq>(&self, value: impl Fn(&MergedSpec<'a>) -> T) -> bool {
        value(&self.old) != value(&self.new)
    }

    /// The kinds that a row's field moves, with all that is built on them.
    fn moved(&self, moves: &[Move]) -> BTreeSet<StepKind> {
        let mut moved: BTreeSet<StepKind> =
            moves.iter().filter(|found| (found.when)(self)).map(|found| found.step).collect();
        if self.is_other_id && self.either(MergedSpec::is_flyte) {
            // Images of this flavor carry their id in a variable.
            moved.extend([StepKind::Commands, StepKind::Config]);
        }
        // Each kind is before those that are built on it. Kinds that the image does not have are removed first.
        moved.retain(|kind| self.either(|scope| scope.has(*kind)));
        for kind in StepKind::ALL {
            if moved.contains(&kind) {
                moved.extend(self.built_on(kind));
            }
        }
        moved.retain(|kind| self.either(|scope| scope.has(*kind)));
        moved
    }

    /// The kinds whose steps are built on those of a kind.
    fn built_on(&self, kind: StepKind) -> Vec<StepKind> {
        use StepKind::{Apt, Base, Commands, Conda, Config, Entry, Files, Lock, Packages, Profile, Python, User};
        // Wheels are installed apart from everything else, unless the image's own interpreter compiles them.
        let is_on_top = self.either(MergedSpec::installs_on_top);
        let is_compiled = is_on_top || self.either(MergedSpec::compiles_itself);
        let on_top = [(Lock, is_on_top), (Packages, is_compiled)];
        let packages: Vec<StepKind> = on_top.into_iter().filter(|(_, is)| *is).map(|(kind, _)| kind).collect();
        match kind {
            // The environment and the version of Python may be the base's.
            Base => StepKind::ALL.into_iter().filter(|other| *other > kind && *other != Config).collect(),
            User => {
                let others = StepKind::ALL.into_iter().filter(|other| *other > kind && *other != Config);
                others.filter(|other| ![Lock, Packages].contains(other) || packages.contains(other)).collect()
            }
            Apt if self.either(MergedSpec::may_have_apt_python) => [packages, vec![Python, Commands]].concat(),
            Apt if self.either(MergedSpec::builds_on_apt) => vec![Lock, Packages, Commands],
            Apt => vec![Commands],
            Python | Conda => [packages, vec![Commands]].concat(),
            // Its result decides what is installed.
            Lock => vec![Packages],
            Packages | Entry | Profile | Files => vec![Commands],
            Commands | Config => Vec::new(),
        }
    }
}

impl FieldInfo {
    /// The kinds of work that may have to be done again when the field alone is changed from one spec to another. `entry` is the
    /// name of the entry that is changed, for `env`.
    ///
    /// ```
    /// use imagespec::{ImageSpec, StepKind, field};
    ///
    /// let old = ImageSpec::named("train")?.with_packages(["numpy"])?;
    /// let new = old.clone().with_apt_packages(["git"])?;
    /// assert!(field::APT_PACKAGES.info().moved(None, &old, &new).into_iter().eq([StepKind::Apt]));
    /// # Ok::<(), imagespec::Invalid>(())
    /// ```
    #[must_use]
    pub fn moved(&self, entry: Option<&str>, old: &ImageSpec, new: &ImageSpec) -> BTreeSet<StepKind> {
        self.moved_at(0, entry, old, new)
    }

    /// The same for a field of a spec that others are built on; `depth` says how many.
    pub(crate) fn moved_at(
        &self,
        depth: usize,
        entry: Option<&str>,
        old: &ImageSpec,
        new: &ImageSpec,
    ) -> BTreeSet<StepKind> {
        moved(self.moves, entry, depth, old, new)
    }
}

/// What a change of a field in one of the specs moves; `depth` says how many specs are built on that one.
fn moved(moves: &[Move], entry: Option<&str>, depth: usize, old: &ImageSpec, new: &ImageSpec) -> BTreeSet<StepKind> {
    let (before, after) = (MergedSpec::images(old), MergedSpec::images(new));
    let is_other_id = old.id() != new.id();
    let change = |old, new| Change { old, new, entry, is_other_id }.moved(moves);
    match (image_at(&before, depth), image_at(&after, depth)) {
        (Some(0) | None, Some(0) | None) => change(image(&before, Some(0)), image(&after, Some(0))),
        (first, second) => {
            let inner = change(image(&before, first), image(&after, second));
            let on_top = Change { old: image(&before, Some(0)), new: image(&after, Some(0)), entry, is_other_id };
            on_top.with_base(inner)
        }
    }
}

impl Change<'_> {
    /// What a change of the finished image below means for this one: all of it is built again, unless only its config differs.
    fn with_base(&self, below: BTreeSet<StepKind>) -> BTreeSet<StepKind> {
        if below.iter().all(|kind| matches!(kind, StepKind::Config | StepKind::Lock)) {
            return below;
        }
        let is_other_config = below.contains(&StepKind::Config);
        let mut moved = self.moved(&[Move { step: StepKind::Base, when: always }]);
        moved.extend(is_other_config.then_some(StepKind::Config));
        moved
    }
}

/// One of the images of a spec; an empty one if there is none.
fn image<'a>(images: &[MergedSpec<'a>], index: Option<usize>) -> MergedSpec<'a> {
    index.and_then(|index| images.get(index)).cloned().unwrap_or_default()
}

/// Which of the images a spec is part of; `None` where there is no such spec.
fn image_at(images: &[MergedSpec<'_>], depth: usize) -> Option<usize> {
    let mut end = 0;
    images.iter().position(|image| {
        end += image.levels().len();
        depth < end
    })
}

/// The files that a spec names, for the comparison of two builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ContentKind {
    Requirements,
    Locks,
    Files,
}

/// What a change of a file moves. A spec that is finished below others may be the one that uses it.
pub(crate) fn moved_by_content(kind: ContentKind, path: &str, old: &ImageSpec, new: &ImageSpec) -> BTreeSet<StepKind> {
    let (before, after) = (MergedSpec::images(old), MergedSpec::images(new));
    let moves: &[Move] = match kind {
        ContentKind::Requirements => &[
            Move { step: StepKind::Apt, when: is_apt_key },
            Move { step: StepKind::Lock, when: is_not_apt_key },
            Move { step: StepKind::Packages, when: is_not_apt_key },
        ],
        ContentKind::Locks => {
            &[Move { step: StepKind::Lock, when: always }, Move { step: StepKind::Packages, when: always }]
        }
        ContentKind::Files => &[Move { step: StepKind::Files, when: always }],
    };
    let change = |old, new| Change { old, new, entry: Some(path), is_other_id: false };
    let on_top = change(image(&before, Some(0)), image(&after, Some(0)));
    let uses = |image: &&MergedSpec<'_>| match kind {
        ContentKind::Requirements => image.has_apt_key(path) || image.has_requirements_file(),
        ContentKind::Locks => false,
        ContentKind::Files => image.copies_file(path),
    };
    match after.iter().skip(1).find(uses) {
        Some(below) => on_top.with_base(change(below.clone(), below.clone()).moved(moves)),
        None => on_top.moved(moves),
    }
}
