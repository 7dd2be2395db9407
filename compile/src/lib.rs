//! From an [`ImageSpec`](imagespec::ImageSpec) and [`Facts`] to a [`Plan`], and from the plan to an LLB graph and an image config.
//!
//! ```text
//! (spec, settings, facts) ──plan──► Needs (gather these facts, then ask again)
//!                            └────► Plan ──lower──► Compiled { graph, image config }
//! ```
//!
//! Planning asks for the facts it misses instead of fetching them, so that the crate does no IO: the same spec, settings and
//! facts give the same bytes, and any build can be replayed from saved facts.
//!
//! ```
//! use imagespec_compile::{Document, Facts, Need, Planned, Settings, plan};
//!
//! let parsed = imagespec::parse("imagespec.yaml", "packages: [numpy]\n");
//! let mut document = Document::of(parsed, None).expect("a valid spec");
//! let planned = plan(&mut document, &Settings::default(), &Facts::default()).expect("nothing is wrong so far");
//! let Planned::Needs(needs) = planned else { panic!("nothing can be planned without facts") };
//! assert!(needs.contains(&Need::Daemon), "what kind of daemon is it?");
//! ```
//!
//! `tests/api_walkthrough.rs` goes all the way.
//!
//! # Main types
//!
//! - [`Document`]: a checked spec with its text. [`Settings`]: what the caller chose beside it.
//! - [`Facts`]: all that is known of the world; [`Need`]: one thing that is not known yet.
//! - [`Plan`]: the [`Step`]s of one platform, with no choices left. It prints, and serialises for tools.
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
//! It reads no file, asks no daemon and resolves no version: facts say what there is. It solves nothing either: the graph is the
//! caller's to send.
//!
//! # Dependencies
//!
//! `serde_json` holds image configs, whose unknown members are passed on. `pep440_rs` orders Python versions and reads specifiers, which is more corner
//! cases than lines; `toml` reads locks with places, as in `imagespec`; `sha2` puts names into buckets.

#![warn(missing_docs)]

mod arguments;
mod commands;
mod cuda;
mod env;
mod facts;
pub mod group;
mod image_config;
mod inquiry;
mod interpreter;
mod locations;
pub mod lock;
mod lock_file;
mod lock_step;
mod lower;
mod merged;
mod patterns;
mod plan;
mod planner;
mod probe;
mod requirements;
pub mod rules;
mod settings;

pub use commands::ended_command;
pub use env::read_by_installers as is_read_by_installers;
pub use facts::{Facts, ImageFact, InterpreterFact, Need, Place, Program, Root, RootfsFacts, image_key, rootfs_key};
pub use imagespec::full_reference as normalize_reference;
pub use inquiry::{Ahead, Asked, Inquiry, ahead, asked, first_group, graph_for, groups, lock_files};
pub use lock_file::LockFile;
pub use lower::lock::EXPORTED_FILE;
pub use lower::{Compiled, lower};
pub use plan::{
    Account, Action, CopyItem, GroupInstall, ImageConfigPlan, InstallSecret, LocalFilter, ManagedPython, Parent,
    PinnedImage, Plan, Shape, Step,
};
pub use planner::{ContextUse, Document, Planned, context_use, plan};
pub use probe::{INTERPRETER_FILE, context_listing};
pub use settings::{CaBundle, LockUse, Network, NoCache, ResolveMode, Settings};

/// Where our own mounts live in a step: below `/dev`, a tmpfs of the container, so that no mount point stays in a layer.
pub(crate) const MOUNTS: &str = "/dev/imagespec";

/// The Python environment's fixed path in the image.
pub const ENVIRONMENT: &str = "/opt/venv";

/// The conda environment's fixed path in the image (Flytekit's).
pub const CONDA_ENVIRONMENT: &str = "/opt/micromamba/envs/runtime";

/// Where interpreters are that uv installs.
pub(crate) const PYTHONS: &str = "/opt/python";

/// The Python of an image that has none and asks for no version.
pub(crate) const DEFAULT_PYTHON: &str = "3.12";

/// The tool image that holds micromamba, unless `builder_config.micromamba_image` names another (Flytekit's default).
pub const DEFAULT_MICROMAMBA_IMAGE: &str = "mambaorg/micromamba:2.0.3-debian12-slim";

/// The tool image that holds uv, unless `builder_config.uv_image` names another.
pub const DEFAULT_UV_IMAGE: &str = "ghcr.io/astral-sh/uv:0.13.9";

/// The base image of a spec that names none (Flytekit's default).
pub const DEFAULT_BASE_IMAGE: &str = "debian:bookworm-slim";
