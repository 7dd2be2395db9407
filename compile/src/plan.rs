//! The plan: the build of one platform as data, with no choices left.
//!
//! It serialises for people and tools; nothing reads it back. How a step becomes ops is `lower`'s business.

mod action;

use std::collections::BTreeMap;

use buildkit_llb::{Platform, Proxy};
use serde::Serialize;

pub use self::action::{Account, Action, CopyItem, GroupInstall, InstallSecret, LocalFilter, ManagedPython};
use crate::settings::{CaBundle, Network, NoCache, ResolveMode};

/// The build of one platform.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// What it is built for.
    pub platform: Platform,
    /// Whether the steps' changes are merged, or each step stands on the one before.
    pub shape: Shape,
    /// The base image, of the innermost image if there are several.
    pub base: PinnedImage,
    /// The finished image that this one stands on, if its spec does: one whose commands have seen all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub below: Option<Box<Plan>>,
    /// The tool image with uv, if a step needs it.
    pub uv: Option<PinnedImage>,
    /// The tool image with micromamba, if a step needs it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub micromamba: Option<PinnedImage>,
    /// The steps, each after those it stands on.
    pub steps: Vec<Step>,
    /// Environment, entrypoint and so on: no step, no layer.
    pub image: ImageConfigPlan,
    /// Why the plan is as it is, for people.
    pub reasons: Vec<String>,
    /// What all steps share.
    #[serde(skip)]
    pub(crate) common: Common,
}

impl Step {
    /// The names by which a run may leave out its cache.
    pub(crate) fn names(&self) -> Vec<&str> {
        let alias = match self.action {
            Action::Install { .. } | Action::InstallGroup(_) => Some("pip"),
            // One for each spec that has some; see the planner's `numbered`.
            Action::Apt { .. } | Action::Copy { .. } => self.id.split('-').next(),
            Action::OwnHome { .. } | Action::Venv { .. } | Action::Conda { .. } => None,
            Action::WriteFile { .. } | Action::Commands { .. } => None,
        };
        [Some(self.id.as_str()), alias].into_iter().flatten().collect()
    }

    /// Whether what it installs is worth comparing: what is built lies over everything else in any case.
    pub(crate) fn is_compared(&self) -> bool {
        matches!(&self.action, Action::InstallGroup(install) if !install.is_built)
    }

    /// Whether it makes the environment that packages are installed into.
    pub(crate) fn is_venv(&self) -> bool {
        matches!(self.action, Action::Venv { .. })
    }
}

impl Plan {
    /// Takes the session out, for a graph that somebody else's session will serve.
    pub fn forget_session(&mut self) {
        self.common.session = None;
        if let Some(below) = &mut self.below {
            below.forget_session();
        }
    }

    /// The ids of steps that install groups of packages, the largest first: started in this order, a few at a time, the whole is
    /// done soonest.
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

    /// Some steps and those they stand on, by id.
    pub(crate) fn with_ancestors<'a>(&'a self, ids: &[&'a str]) -> Vec<&'a str> {
        let mut needed: Vec<&str> = ids.to_vec();
        // A step stands on earlier ones only.
        for step in self.steps.iter().rev() {
            // All steps stand on the one that owns the home folder.
            let is_foundation = matches!(step.action, Action::OwnHome { .. });
            if is_foundation || needed.contains(&step.id.as_str()) {
                needed.push(&step.id);
                match &step.parent {
                    Parent::Base => {}
                    Parent::Step(id) => needed.push(id),
                    Parent::Joined(ids) => needed.extend(ids.iter().map(String::as_str)),
                }
            }
        }
        needed
    }

    /// This image and those it stands on, from the outside in.
    pub(crate) fn images(&self) -> impl Iterator<Item = &Plan> {
        std::iter::successors(Some(self), |plan| plan.below.as_deref())
    }
}

/// What all steps of a plan share; from the settings.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Common {
    pub(crate) no_cache: NoCache,
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
    /// The base image's environment.
    pub(crate) base_env: Vec<(String, String)>,
    /// Several platforms are built, so names say which.
    pub(crate) multi_platform: bool,
    /// The base image's config, the start of the result's.
    pub(crate) base_config: serde_json::Value,
}

/// Where Python packages are installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Home {
    pub(crate) path: &'static str,
    /// The variable by which programs know it.
    pub(crate) variable: &'static str,
}

impl Home {
    /// An environment of Python's own (PEP 405).
    pub(crate) const VENV: Self = Self { path: crate::fixed::ENVIRONMENT, variable: "VIRTUAL_ENV" };
    /// An environment of conda's.
    pub(crate) const CONDA: Self = Self { path: crate::fixed::CONDA_ENVIRONMENT, variable: "CONDA_PREFIX" };

    /// Whether a program belongs to it.
    pub(crate) fn has(&self, program: &str) -> bool {
        program.strip_prefix(self.path).is_some_and(|rest| rest.starts_with('/'))
    }

    /// Where its programs are.
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

/// How steps are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// Branches over the base, joined by one merge.
    Merge,
    /// Each step on top of the one before.
    Chain,
}

/// An image by its resolved reference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PinnedImage {
    /// The normalised reference, with the digest where the daemon knows one.
    pub reference: String,
}

/// One step: the smallest thing that is redone or kept as a whole.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// Names the step within the plan.
    pub id: String,
    /// What progress shows.
    pub title: String,
    /// What it stands on.
    pub parent: Parent,
    /// What it does.
    pub action: Action,
    /// The spec's fields that asked for it.
    pub fields: Vec<String>,
    /// Where those fields stand in the user's files.
    #[serde(skip)]
    pub(crate) locations: Vec<buildkit_llb::Location>,
}

/// What a step stands on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Parent {
    /// The base image.
    Base,
    /// Another step.
    Step(String),
    /// What these steps change, in this order over the base; each after those it stands on.
    Joined(Vec<String>),
}

/// What the image says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ImageConfigPlan {
    /// The whole environment, expanded.
    pub env: Vec<(String, String)>,
    /// Working directory.
    pub workdir: String,
    /// `user[:group]`; empty is root.
    pub user: String,
    /// `None` keeps the base's; empty removes it.
    pub entrypoint: Option<Vec<String>>,
    /// The base's arguments stay although the entrypoint is another.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub keep_cmd: bool,
    /// Labels added to the base's.
    pub labels: BTreeMap<String, String>,
}

/// A plan as text: one paragraph per step.
impl std::fmt::Display for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.below {
            None => writeln!(f, "{} from {}", self.platform, self.base.reference)?,
            Some(below) => writeln!(f, "{below}and on top of that image:")?,
        }
        for step in &self.steps {
            let parent = match &step.parent {
                Parent::Base => "base",
                Parent::Step(id) => id,
                Parent::Joined(_) => "all of the above",
            };
            writeln!(f, "  {:<9} on {parent:<16} {}", step.id, step.title)?;
            if let Action::InstallGroup(GroupInstall { packages, bytes, obstacles, .. }) = &step.action {
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

/// Bytes for people.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} kB", bytes / 1_000),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes / 100_000 % 10),
    }
}

/// Runs of list items as one range: `packages[0]`, `packages[1]`, … become `packages[0..9]`.
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
