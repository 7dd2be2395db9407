//! The ImageSpec model: text to a checked [`ImageSpec`], with the place of every field and all problems at once.
//!
//! ```
//! let text = "base_image: debian:bookworm-slim\npackages: [numpy]\n";
//! let parsed = imagespec::parse("spec.yaml", text);
//! for diagnostic in &parsed.diagnostics {
//!     let _shown = imagespec::render(diagnostic, &parsed.sources);
//! }
//! let spec = parsed.spec.expect("a valid spec");
//! assert_eq!(spec.base_reference(), Some("debian:bookworm-slim"));
//! ```
//!
//! # Main types
//!
//! - [`ImageSpec`] is a spec: [`parse`] reads one from a text, `with_…` methods make one in Rust. Either way it is valid.
//! - [`field`] has an accessor for each field, with its name, what it is for and which steps of a build it moves.
//! - [`Diagnostic`] is a problem, [`Spans`] has the places of fields, and [`SourceMap`] the texts that both point into.
//! - [`rules`] is the table of everything that is checked.
//! - [`scan_requirements`] reads the requirements files that a spec names.
//!
//! # Where things are
//!
//! The tables of fields are `image_spec.rs` and `builder.rs`. A row makes the struct's field with its getter and `with_…` method,
//! and says how the field is read, written and compared, and which steps it moves: see `table.rs`, `kind.rs` and `moves.rs`.
//! Rules between fields are in `conflict.rs`, checks of values in the modules of their nouns, such as `debian.rs`.
//!
//! Pure: no IO, no clock, no environment; the same text gives the same result. It fetches and resolves nothing, and it knows
//! nothing of graphs, daemons and registries.
//!
//! # Dependencies
//!
//! - `granit-parser` reads YAML. Of the parsers that were tried, only this one has byte offsets for every event, joins the
//!   surrogate pairs of JSON-style escapes, limits nesting in block style too, and has no unsafe code. `saphyr-parser`, its
//!   origin, counts characters and nests without limit; readers based on `serde` lose places or merge keys.
//! - `toml` reads TOML with spans and continues after a mistake, so all mistakes are reported.
//! - `strsim` measures the distance between a misspelled name and a valid one; `unicode-width` measures the width of a shown
//!   character, so that markers are below the text they mark.
//! - `oci-names` reads platforms and image references.
//! - `pep440_rs` reads and compares versions, which has more corner cases than lines.
//! - JSON and PEP 508 are read by code in this crate. JSON readers keep no places. `pep508_rs` has no releases since it moved into
//!   uv, has a URL parser with Unicode tables and a process-wide table of markers, and its recursion is as deep as its input;
//!   `uv-pep508`, where it went on, has no stable interface, and reads files and the environment through other crates of uv.

#![warn(missing_docs)]

mod builder;
mod canonical;
mod choice;
mod conda;
mod conflict;
mod credentials;
mod cuda;
mod debian;
mod decode;
mod diagnostic;
mod fault;
pub mod field;
mod fingerprint;
mod image_reference;
mod image_spec;
mod invalid;
mod kind;
mod levels;
mod merged;
mod moves;
mod nearest;
mod package_name;
mod parse;
mod path;
mod platform;
mod problems;
mod python_version;
mod quote;
mod raw;
mod read;
mod render;
mod requirement;
mod requirements_file;
mod rules;
mod schema;
mod secret;
mod set;
mod source;
mod spans;
mod table;
mod text;
mod url;
mod variables;
mod words;
mod write;

pub use builder::{BuilderConfig, BuilderOptions, OWN_PYTHON};
pub use choice::{Bytecode, CopyMode, Flavor, SourceBuilds};
pub use credentials::mask_credentials;
pub use decode::{Decoded, decode, spec_text};
pub use diagnostic::{Diagnostic, Label, Rule, Severity};
pub use fingerprint::{Content, Difference, Fingerprint, differences};
pub use image_spec::{BaseImage, ImageSpec};
pub use invalid::Invalid;
pub use levels::Level;
pub use merged::MergedSpec;
pub use moves::StepKind;
pub use nearest::nearest;
pub use package_name::{PackageName, normalized_name};
pub use parse::{Choice, Parsed, parse, parse_to_check, parse_with};
pub use path::join_context_path;
pub use platform::{Platform, parse_platform};
pub use problems::Problems;
pub use python_version::PythonVersion;
pub use quote::is_unprintable;
pub use render::{render, render_all};
pub use requirement::{
    InstallerOption, Marker, MarkerError, MarkerValue, MarkerVariable, Requirement, RequirementKind, RequirementsLine,
    RequirementsLineKind, RequirementsScan, installer_option, scan_requirements,
};
pub use requirements_file::{RequirementsFile, RequirementsKind};
pub use rules::{explain, rules};
pub use schema::json_schema;
pub use secret::{SecretMount, SecretSource, SecretTarget};
pub use source::{FileId, Position, SourceFile, SourceMap, Span};
pub use spans::Spans;
pub use variables::{is_proxy, is_read_by_installers};
