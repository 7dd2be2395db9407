//! From an [`ImageSpec`](imagespec::ImageSpec) and a [`Store`] of answers to a [`Plan`], and from the plan to an LLB graph and an image
//! config.
//!
//! ```text
//! (spec, settings, store) ──plan──► Outcome { drafts, asks, diagnostics }
//!                     ▲                        │ answers of the asks, until there are none
//!                     └────────────────────────┘
//!                              Plan ──lower──► Compiled { graph, image config }
//! ```
//!
//! Planning asks for what it does not know instead of fetching it, so that the crate does no IO: the same spec, settings and
//! answers give the same bytes, and any build can be replayed from saved answers.
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
//! `tests/api_walkthrough.rs` goes all the way.
//!
//! # Main types
//!
//! - [`Document`]: a checked spec with its text. [`Settings`]: what the caller chose beside it.
//! - [`question`]: what planning may have to know, a type each. [`Store`]: typed answers.
//! - [`Outcome`]: what one pass of planning yields: [`Draft`]s, however much is missing, and [`Ask`]s.
//! - [`Plan`]: the [`Step`]s of one platform, with no choices left. It prints, and serializes for tools.
//! - [`Compiled`]: the graph of the root filesystem, and the image config.
//!
//! # What holds of every plan
//!
//! - A step stands on what it needs and on nothing else; where the daemon can merge, the others are branches beside it.
//! - What only the image says (variables no installer reads, entrypoint, labels, user) is in no op, unless `commands` see it.
//! - Install sets have no order: the order of `packages` and `apt_packages` moves no vertex.
//! - A text of the spec is an argument as a whole or the content of a file; only `commands` become shell text.
//! - Secrets are mounted, by id, in the steps that install Python packages; where they come from is the client's business.
//!
//! `tests/compile/laws.rs` holds these for any spec.
//!
//! # What it does not do
//!
//! It reads no file, asks no daemon and resolves no version: the store says what there is. It solves nothing either: the graph is the
//! caller's to send.
//!
//! # Dependencies
//!
//! `serde_json` holds image configs, whose unknown members are passed on. `pep440_rs` orders Python versions and reads specifiers, which is more corner
//! cases than lines; `toml` reads locks with places, as in `imagespec`; `sha2` puts names into buckets.

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
mod plan;
mod planner;
pub mod question;
mod requirements;
pub mod rules;
mod settings;
mod step_key;
mod store;

pub use answer::{DaemonFact, ImageFact, InterpreterFact, LockFact, Program, Text};
pub use commands::ended_command;
pub use document::Document;
pub use fixed::{CONDA_ENVIRONMENT, DEFAULT_BASE_IMAGE, DEFAULT_MICROMAMBA_IMAGE, DEFAULT_UV_IMAGE, ENVIRONMENT};
pub use lock_file::LockFile;
pub use lower::group::COLLISIONS_FILE;
pub use lower::lock::{EXPORTED_FILE, LOCK_FILE};
pub use lower::probe::{INTERPRETER_FILE, context_listing, image_fetch};
pub use lower::{Compiled, lower, lower_for, lower_recipe, lower_steps};
pub use outcome::{Ask, Draft, EarlyStep, LockRecipe, Outcome, Recipe, RootRecipe, StepInfo};
pub use plan::{
    Account, Action, CopyItem, GroupInstall, ImageConfigPlan, InstallSecret, LocalFilter, ManagedPython, Parent,
    PinnedImage, Plan, Shape, Step,
};
pub use planner::{ContextUse, context_use, plan};
pub use settings::{CaBundle, LockUse, Network, NoCache, ResolveMode, Settings};
pub use step_key::{STEP_DESCRIPTION, StepKey, steps_of};
pub use store::{AnyQuestion, Fact, Knowledge, Question, Reads, Store};
