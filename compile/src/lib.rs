//! Compiles an [`ImageSpec`](imagespec::ImageSpec) with a [`Store`] of answers to a [`Plan`], and the plan to an LLB graph and an
//! image config.
//!
//! ```text
//! (spec, settings, store) ──plan──► Outcome { drafts, asks, diagnostics }
//!                     ▲                        │ answers of the asks, until there are none
//!                     └────────────────────────┘
//!                              Plan ──lower──► Compiled { graph, image config }
//! ```
//!
//! Planning asks for unknown facts instead of fetching them, so that the crate does no IO: the same spec, settings and answers
//! result in the same bytes, and any build can be replayed from saved answers.
//!
//! ```
//! use imagespec_compile::{Document, Settings, Store, plan, question};
//!
//! let parsed = imagespec::parse("imagespec.yaml", "packages: [numpy]\n");
//! let document = Document::from_parsed(parsed, None).expect("a valid spec");
//! let (settings, store) = (Settings::default(), Store::default());
//! let outcome = plan(&document, &settings, &store);
//! let asks: Vec<_> = outcome.missing().map(|ask| ask.question.clone()).collect();
//! assert_eq!(asks, [question::Daemon.into()], "what kind of daemon is it?");
//! ```
//!
//! `tests/api_walkthrough.rs` shows all steps.
//!
//! # Main types
//!
//! - [`Document`]: a checked spec with its text. [`Settings`]: the options of a build.
//! - [`question`]: the facts that planning may need, one type for each. [`Store`]: typed answers.
//! - [`Outcome`]: the result of one planning pass: [`Draft`]s, which may be incomplete, and [`Ask`]s.
//! - [`Plan`]: the [`Step`]s of one platform, without open decisions. It can be printed, and serialized for tools.
//! - [`Compiled`]: the graph of the root filesystem, and the image config.
//!
//! # Properties of every plan
//!
//! - A step depends only on what it needs. If the daemon can merge, independent steps are parallel branches.
//! - Data that is only in the image config (variables that no installer reads, entrypoint, labels, user) is in no op, except for the
//!   ops of `commands`, which run with it.
//! - Package lists are sets: the order of `packages` and `apt_packages` changes no vertex.
//! - A text of the spec is a whole argument or the content of a file; only `commands` become shell text.
//! - Secrets are mounted, by id, in the steps that install Python packages. The client decides where they come from.
//!
//! `tests/compile/laws.rs` tests these properties.
//!
//! # What it does not do
//!
//! It reads no file, contacts no daemon and resolves no version: all facts come from the store. It does not solve the graph
//! either; that is left to the caller.
//!
//! # Dependencies
//!
//! `serde_json` represents image configs, whose unknown members are kept. `pep440_rs` orders Python versions and parses
//! specifiers, which have many corner cases. `toml` parses locks with positions, as in `imagespec`. `sha2` assigns names to
//! buckets. `regex-lite` matches patterns in references to variables; `regex` would make the frontend's program a fifth larger.

#![warn(missing_docs)]

mod answer;
mod arguments;
mod commands;
mod cuda;
mod document;
mod env;
mod fixed;
pub mod group;
mod identity;
mod image_config;
mod interpreter;
mod locations;
pub mod lock;
mod lock_file;
mod lock_step;
mod lower;
mod outcome;
mod patterns;
mod pip_config;
mod plan;
mod planner;
mod project;
pub mod question;
mod requirements;
pub mod rules;
mod settings;
mod stand_in;
mod step_key;
mod store;

pub use answer::{
    CopiedLink, DaemonFact, ImageFact, InstalledPackage, InterpreterFact, LockFact, Program, SelectionFact, StrayLink,
    StrayReason, SurveyFact, Text,
};
pub use commands::ended_command;
pub use document::Document;
pub use fixed::{
    CONDA_ENVIRONMENT, DEFAULT_BASE_IMAGE, DEFAULT_MICROMAMBA_IMAGE, DEFAULT_UV_IMAGE, ENVIRONMENT, SURVEYED_FILES,
};
pub use lock_file::LockFile;
pub use lower::probe::{context_listing, image_fetch};
pub use lower::{Compiled, lower, lower_for, lower_recipe, lower_steps};
pub use outcome::{Ask, Draft, EarlyStep, LockRecipe, Outcome, Recipe, RootRecipe, StepInfo, SurveyRecipe};
pub use plan::{
    Account, Action, Compiler, CopyItem, GroupInstall, ImageConfigPlan, InstallSecret, LocalFilter, ManagedPython,
    OtherEnvironment, Parent, PinnedImage, Place, Plan, Shape, Step,
};
pub use planner::{ContextUse, context_use, plan};
pub use settings::{Avoided, CaBundle, LockUse, Network, NoCache, ResolveMode, Settings};
pub use step_key::{STEP_DESCRIPTION, StepKey, steps_of};
pub use store::{AnyQuestion, Fact, Knowledge, Question, Reads, Store};
