//! The ImageSpec model: text to a checked [`ImageSpec`], with the place of every field and everything wrong at once.
//!
//! ```
//! let text = "base_image: debian:bookworm-slim\npackages: [numpy]\n";
//! let parsed = imagespec::parse("spec.yaml", text);
//! for diagnostic in &parsed.diagnostics {
//!     let _shown = imagespec::render(diagnostic, &parsed.sources);
//! }
//! let spec = parsed.spec.expect("nothing is wrong with it");
//! assert_eq!(spec.base_reference(), Some("debian:bookworm-slim"));
//! ```
//!
//! The main types: [`ImageSpec`] is what a spec says, [`Spans`] where it says so, [`Diagnostic`] what is wrong,
//! [`SourceMap`] the texts all of them point into, and [`rules`] the table of everything that is checked.
//! [`scan_requirements`] reads the requirements files a spec names.
//!
//! Pure: no IO, no clock, no environment; the same text gives the same result. It fetches and resolves nothing,
//! and it knows nothing of graphs, daemons and registries.
//!
//! # Dependencies
//!
//! - `granit-parser` reads YAML: of the parsers tried it alone has byte offsets for every event, joins the surrogate
//!   pairs of JSON-style escapes, limits nesting in block style too, and has no unsafe code. `saphyr-parser`, from
//!   which it comes, counts characters and nests without limit; `serde` based readers lose places or merge keys.
//! - `toml` reads TOML with spans and goes on after a mistake, so all of them are reported.
//! - `strsim` measures how far a misspelt name is from a right one; `unicode-width` says how wide a character is
//!   shown, so that markers stand below what they mark.
//! - JSON, PEP 508 and image references are read by code of our own. JSON readers keep no places. `pep508_rs` brings
//!   a URL parser with Unicode tables and a process-wide table of markers, and recurses as deep as its input says.

#![warn(missing_docs)]

mod builder;
mod canonical;
mod choice;
mod conda;
mod conflict;
mod credentials;
mod cuda;
mod debian;
mod diagnostic;
mod fault;
pub mod field;
mod fingerprint;
mod image_reference;
mod image_spec;
mod invalid;
mod kind;
mod levels;
mod moves;
mod nearest;
mod parse;
mod path;
mod platform;
mod python_version;
mod quote;
mod raw;
mod read;
mod render;
mod requirement;
mod requirements_file;
mod rules;
mod schema;
mod scope;
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

pub use builder::{BuilderConfig, BuilderOptions};
pub use choice::{Bytecode, CopyMode, Flavor};
pub use credentials::mask_credentials;
pub use diagnostic::{Diagnostic, Label, Rule, Severity};
pub use fingerprint::{Content, Difference, Fingerprint, differences};
pub use image_reference::full_reference;
pub use image_spec::{BaseImage, ImageSpec};
pub use invalid::Invalid;
pub use levels::Level;
pub use moves::StepKind;
pub use nearest::nearest;
pub use parse::{Choice, Parsed, parse, parse_to_check, parse_with};
pub use path::join_context_path;
pub use platform::Platform;
pub use python_version::PythonVersion;
pub use render::{render, render_all};
pub use requirement::{
    InstallerOption, Requirement, RequirementKind, RequirementsLine, RequirementsLineKind, RequirementsScan,
    installer_option, normalized_name, scan_requirements,
};
pub use requirements_file::{RequirementsFile, RequirementsKind};
pub use rules::{explain, rules};
pub use schema::json_schema;
pub use secret::{SecretMount, SecretSource, SecretTarget};
pub use source::{FileId, Position, SourceFile, SourceMap, Span};
pub use spans::Spans;
pub use variables::{is_proxy, is_read_by_installers};
