//! Values of command-line flags, in the syntax of `docker buildx build` (docker/buildx: `util/buildflags`).
//!
//! The functions parse text to typed values. They read only the variables that their docs name, and send nothing.

mod cache;
mod csv;
mod entitlement;
mod secret;
mod source_policy;

use thiserror::Error;

pub use self::cache::{parse_cache_from, parse_cache_to};
pub use self::entitlement::{Allowed, parse_allow};
pub use self::secret::SecretFlag;
pub use self::source_policy::parse_source_policy;

pub(crate) use self::csv::{Pairs, fields};

/// A value of a flag that can't be parsed.
///
/// ```
/// use buildkit_client::output::Output;
///
/// let error = "type=imag".parse::<Output>().expect_err("no such type");
/// assert_eq!((error.flag, error.value.as_str()), ("--output", "type=imag"));
/// assert!(error.problem.contains("did you mean \"image\"?"));
/// ```
#[derive(Debug, Error, PartialEq, Eq)]
#[error("invalid {flag} {value:?}: {problem}")]
#[non_exhaustive]
pub struct FlagError {
    /// The flag, for example `--secret`.
    pub flag: &'static str,
    /// What was given.
    pub value: String,
    /// What is wrong with it.
    pub problem: String,
}

impl FlagError {
    pub(crate) fn new(flag: &'static str, value: &str, problem: impl Into<String>) -> Self {
        Self { flag, value: value.to_owned(), problem: problem.into() }
    }
}

/// ` (did you mean …?)` if one of the known names is similar.
pub(crate) fn suggestion<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let near = known.into_iter().map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate)).min();
    match near {
        Some((distance, candidate)) if distance <= candidate.len().max(3) / 3 => {
            format!(" (did you mean {candidate:?}?)")
        }
        _ => String::new(),
    }
}
