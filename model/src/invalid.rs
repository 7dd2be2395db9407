//! Why a value was refused for a spec made in Rust.
//!
//! For values of a file see [`Diagnostic`].

use std::fmt;

use crate::diagnostic::Diagnostic;
use crate::fault::Fault;

/// A value that no spec can have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// Stable code of the rule, such as `E014`; see [`explain`](crate::explain).
    pub code: &'static str,
    /// What is wrong: one line.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)?;
        match &self.help {
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Invalid {}

impl From<Fault> for Invalid {
    fn from(fault: Fault) -> Self {
        Self { code: fault.rule.code, message: format!("{}: {}", fault.message, fault.label), help: fault.help }
    }
}

impl From<Diagnostic> for Invalid {
    fn from(diagnostic: Diagnostic) -> Self {
        Self { code: diagnostic.code, message: diagnostic.message, help: diagnostic.help }
    }
}
