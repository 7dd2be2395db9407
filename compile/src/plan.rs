//! The plan: the build of one platform as data, without open decisions.
//!
//! It is serialized for users and tools, and never read back. `lower` converts steps to ops.

mod action;

use std::collections::BTreeMap;

use buildkit_llb::{Platform, Proxy};
use serde::Serialize;

pub use self::action::{
    Account, Action, Compiler, CopyItem, GroupInstall, InstallSecret, LocalFilter, ManagedPython, OtherEnvironment,
    Place,
};
use crate::outcome::Record;
use crate::settings::{Avoided, CaBundle, Network, NoCache, ResolveMode};

/// The build of one platform.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// The target platform.
    pub platform: Platform,
    /// Whether the changes of the steps are merged, or each step is built on the previous one.
    pub shape: Shape,
    /// The base image; of several images on top of each other, the innermost one's.
    pub base: PinnedImage,
    /// The finished image that this one is built on, if there is one: an image with commands, which run after all its other steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub below: Option<Box<Plan>>,
    /// The tool image with uv, if a step needs it.
    pub uv: Option<PinnedImage>,
    /// The tool image with micromamba, if a step needs it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub micromamba: Option<PinnedImage>,
    /// The tool image with Python that compiles modules, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub python: Option<PinnedImage>,
    /// The steps, each after the steps it is built on.
    pub steps: Vec<Step>,
    /// The environment, entrypoint and so on, which are no steps and no layers.
    pub image: ImageConfigPlan,
    /// Reasons for decisions, for users.
    pub reasons: Vec<String>,
    /// What the plan is based on, as files of the image.
    #[serde(skip)]
    pub(crate) records: Vec<Record>,
    /// Data that all steps share.
    #[serde(skip)]
    pub(crate) common: Common,
}

impl Step {
    /// The names by which `--no-cache-filter` selects the step.
    pub(crate) fn names(&self) -> Vec<&str> {
        let alias = match self.action {
            Action::RemovePackages { .. } | Action::InstallGroup(_) => Some("pip"),
            Action::Folders { .. } => None,
            // One for each spec with such a step; see the planner's `numbered`.
            Action::Apt { .. } | Action::Copy { .. } => self.id.split('-').next(),
            Action::OwnHome { .. } | Action::Venv { .. } | Action::Conda { .. } => None,
            Action::WriteFile { .. } | Action::Commands { .. } => None,
        };
        [Some(self.id.as_str()), alias].into_iter().flatten().collect()
    }

    /// Whether its files are compared with those of other groups. Packages that are built or have no hash are on top of all others.
    pub(crate) fn is_compared(&self) -> bool {
        matches!(&self.action, Action::InstallGroup(install) if !install.is_built() && install.obstacles.is_empty())
    }

    /// What compiles its packages, if it installs wheels.
    pub(crate) fn compiler(&self) -> Option<&Compiler> {
        match &self.action {
            Action::InstallGroup(install) => match &install.place {
                Place::Apart { compiler, .. } => Some(compiler),
                Place::OnTop => None,
            },
            _ => None,
        }
    }

    /// Whether it creates the environment into which packages are installed.
    pub(crate) fn is_venv(&self) -> bool {
        matches!(self.action, Action::Venv { .. })
    }
}

impl Plan {
    /// Removes the session, for a graph that another session will serve.
    pub fn forget_session(&mut self) {
        self.common.session = None;
        self.records.iter_mut().for_each(Record::forget_session);
        if let Some(below) = &mut self.below {
            below.forget_session();
        }
    }

    /// The ids of steps that install groups of packages, largest first. Started in this order, a few at a time, they finish soonest.
    #[must_use]
    pub fn groups_by_size(&self) -> Vec<&str> {
        let bytes = |step: &Step| match &step.action {
            Action::InstallGroup(install) => install.bytes,
            _ => 0,
        };
        let mut groups: Vec<&Step> = self.steps.iter().filter(|step| step.is_compared()).collect();
        groups.sort_by_key(|step| std::cmp::Reverse(bytes(step)));
        groups.into_iter().map(|step| step.id.as_str()).collect()
    }

    /// The ids of steps and of the steps they are built on.
    pub(crate) fn with_ancestors<'a>(&'a self, ids: &[&'a str]) -> Vec<&'a str> {
        let mut needed: Vec<&str> = ids.to_vec();
        // A step is only built on earlier steps.
        for step in self.steps.iter().rev() {
            // All steps are built on the one that changes the owner of the home folder.
            let is_foundation = matches!(step.action, Action::OwnHome { .. });
            if is_foundation || needed.contains(&step.id.as_str()) {
                needed.push(&step.id);
                needed.extend(step.parent.ids());
            }
        }
        needed
    }

    /// Steps in the order of their layers. The environment, or its folders, come after the packages that are installed apart from it:
    /// these know nothing of the folders that they share with the image, and a folder is as in the last layer that has it.
    pub(crate) fn in_layer_order<'a>(&self, steps: Vec<&'a Step>) -> Vec<&'a Step> {
        if self.shape == Shape::Chain {
            return steps;
        }
        let last = steps.iter().rposition(|step| step.compiler().is_some()).unwrap_or_default();
        let mut ordered = Vec::new();
        let mut environment = None;
        for (index, step) in steps.into_iter().enumerate() {
            let is_last = step.is_venv() || matches!(step.action, Action::Folders { .. });
            if is_last && index < last {
                environment = Some(step)
            } else {
                ordered.push(step)
            }
            if index == last {
                ordered.extend(environment);
            }
        }
        ordered
    }

    /// The records of this image and of the finished images below it, which come first.
    pub(crate) fn all_records(&self) -> impl Iterator<Item = &Record> {
        let images: Vec<&Plan> = self.images().collect();
        images.into_iter().rev().flat_map(|plan| &plan.records)
    }

    /// This image and the finished images below it, outermost first.
    pub(crate) fn images(&self) -> impl Iterator<Item = &Plan> {
        std::iter::successors(Some(self), |plan| plan.below.as_deref())
    }
}

/// Data that all steps of a plan share; from the settings.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Common {
    pub(crate) no_cache: NoCache,
    pub(crate) avoided: Avoided,
    pub(crate) resolve_mode: ResolveMode,
    pub(crate) network: Network,
    pub(crate) proxy: Option<Proxy>,
    pub(crate) hosts: Vec<(String, String)>,
    pub(crate) hostname: Option<String>,
    pub(crate) cache_namespace: Option<String>,
    pub(crate) ca_bundle: Option<CaBundle>,
    pub(crate) session: Option<String>,
    pub(crate) source_date_epoch: Option<i64>,
    /// The Python environment.
    pub(crate) home: Home,
    /// Whether the daemon can copy a folder without its files.
    pub(crate) copies_folders: bool,
    /// The base image's environment.
    pub(crate) base_env: Vec<(String, String)>,
    /// Whether several platforms are built, so that titles contain the platform.
    pub(crate) multi_platform: bool,
    /// The base image's config, from which the result's config is made.
    pub(crate) base_config: serde_json::Value,
}

/// The environment into which Python packages are installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Home {
    pub(crate) path: &'static str,
    /// The variable with the path of the environment.
    pub(crate) variable: &'static str,
}

impl Home {
    /// A Python virtual environment (PEP 405).
    pub(crate) const VENV: Self = Self { path: crate::fixed::ENVIRONMENT, variable: "VIRTUAL_ENV" };
    /// A conda environment.
    pub(crate) const CONDA: Self = Self { path: crate::fixed::CONDA_ENVIRONMENT, variable: "CONDA_PREFIX" };

    /// Whether a program is in the environment.
    pub(crate) fn contains(&self, program: &str) -> bool {
        program.strip_prefix(self.path).is_some_and(|rest| rest.starts_with('/'))
    }

    /// The folder of its programs.
    pub(crate) fn bin(&self) -> String {
        format!("{}/bin", self.path)
    }

    /// Its interpreter.
    pub(crate) fn python(&self) -> String {
        format!("{}/python", self.bin())
    }
}

impl Default for Home {
    fn default() -> Self {
        Self::VENV
    }
}

/// How steps are combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// Branches on top of the base, combined by one merge.
    Merge,
    /// Each step on top of the previous one.
    Chain,
}

/// An image with its resolved reference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PinnedImage {
    /// The normalized reference, with the digest if the daemon knows it.
    pub reference: String,
}

/// A step: the smallest unit that is cached or rebuilt.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// The id, unique within the plan.
    pub id: String,
    /// The title in progress displays.
    pub title: String,
    /// The parent of the step.
    pub parent: Parent,
    /// The action of the step.
    pub action: Action,
    /// The fields of the spec that the step results from.
    pub fields: Vec<String>,
    /// The positions of those fields in the user's files.
    #[serde(skip)]
    pub(crate) locations: Vec<buildkit_llb::Location>,
}

/// What a step is built on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Parent {
    /// Nothing: the result has only the files that the step makes.
    Nothing,
    /// The base image.
    Base,
    /// Another step.
    Step(String),
    /// The changes of these steps, in this order on top of the base; each after the steps it is built on.
    Joined(Vec<String>),
}

impl Parent {
    /// The steps that it names.
    pub(crate) fn ids(&self) -> Vec<&str> {
        match self {
            Self::Nothing | Self::Base => Vec::new(),
            Self::Step(id) => vec![id],
            Self::Joined(ids) => ids.iter().map(String::as_str).collect(),
        }
    }
}

/// The image config.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ImageConfigPlan {
    /// The whole environment, expanded.
    pub env: Vec<(String, String)>,
    /// Working directory.
    pub workdir: String,
    /// `user[:group]`; empty is root.
    pub user: String,
    /// `None` keeps the base's entrypoint; an empty list removes it.
    pub entrypoint: Option<Vec<String>>,
    /// Whether the base's arguments are kept although the entrypoint is changed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub keep_cmd: bool,
    /// Labels in addition to the base's.
    pub labels: BTreeMap<String, String>,
}

/// A plan as text: one paragraph per step.
impl std::fmt::Display for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.below {
            None => writeln!(f, "{} from {}", self.platform, self.base.reference)?,
            Some(below) => writeln!(f, "{below}and on top of that image:")?,
        }
        for (index, step) in self.steps.iter().enumerate() {
            let parent = match &step.parent {
                Parent::Nothing => "its own".to_owned(),
                Parent::Base => "base".to_owned(),
                Parent::Step(id) => id.clone(),
                Parent::Joined(ids) if ids.len() == index => "all of the above".to_owned(),
                Parent::Joined(ids) => ids.join(" + "),
            };
            writeln!(f, "  {:<9} on {parent:<16} {}", step.id, step.title)?;
            if let Action::InstallGroup(install) = &step.action {
                let GroupInstall { packages, bytes, obstacles, .. } = install.as_ref();
                writeln!(f, "            {} to download: {}", size(*bytes), packages.join(", "))?;
                for obstacle in obstacles {
                    writeln!(f, "            {obstacle}")?;
                }
            }
            if !step.fields.is_empty() {
                writeln!(f, "            from {}", collapse(&step.fields).join(", "))?;
            }
        }
        let joined = match self.shape {
            Shape::Merge => "branches merged",
            Shape::Chain => "one chain",
        };
        writeln!(f, "  image     {joined}; user {}; workdir {}", or(&self.image.user, "root"), self.image.workdir)?;
        for reason in &self.reasons {
            writeln!(f, "  note      {reason}")?;
        }
        Ok(())
    }
}

/// A number of bytes for users.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} kB", bytes / 1_000),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes / 100_000 % 10),
    }
}

/// Combines runs of list items: `packages[0]`, `packages[1]`, … become `packages[0..9]`.
fn collapse(fields: &[String]) -> Vec<String> {
    let item = |field: &str| {
        let (name, index) = field.strip_suffix(']')?.rsplit_once('[')?;
        Some((name.to_owned(), index.parse::<usize>().ok()?))
    };
    let mut out: Vec<(String, Option<(usize, usize)>)> = Vec::new();
    for field in fields {
        match (item(field), out.last_mut()) {
            (Some((name, index)), Some((last, Some((_, end))))) if *last == name && *end + 1 == index => *end = index,
            (Some((name, index)), _) => out.push((name, Some((index, index)))),
            (None, _) => out.push((field.clone(), None)),
        }
    }
    out.into_iter()
        .map(|(name, range)| match range {
            None => name,
            Some((start, end)) if start == end => format!("{name}[{start}]"),
            Some((start, end)) => format!("{name}[{start}..{end}]"),
        })
        .collect()
}

fn or<'a>(text: &'a str, default: &'a str) -> &'a str {
    if text.is_empty() { default } else { text }
}
