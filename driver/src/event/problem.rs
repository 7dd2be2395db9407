//! Failures as data: problems with codes, fields and places.

use imagespec::{Diagnostic, Problems, Severity, SourceMap, Span};
use imagespec_compile::StepKey;
use serde::Serialize;

use crate::error::BuildError;

/// Why there is no image.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The kind of failure.
    pub kind: FailureKind,
    /// The problems, at least one.
    pub problems: Vec<Problem>,
    /// The step of the plan that failed, if one did.
    pub step: Option<StepKey>,
    /// The exit code of its process.
    pub exit_code: Option<u32>,
}

/// Kinds of failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// The request: its options contradict each other, or the daemon does not support them.
    Request,
    /// The spec.
    Spec,
    /// A step of the build.
    Step,
    /// The daemon: the connection was lost, the session was refused, or the daemon has an error of its own.
    Daemon,
    /// A registry, an Engine's image store, or credentials.
    Refused,
    /// A registry that is overloaded, fails, or cannot be reached. A later build may succeed.
    Unavailable,
    /// The result cannot be written on this machine.
    Output,
    /// The caller cancelled the build.
    Cancelled,
    /// A bug in this program.
    Internal,
}

/// A single problem.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The code of the rule, such as `E012`; `imagespec check --explain` describes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Whether it is an error or a warning.
    pub severity: Severity,
    /// A message of one line.
    pub message: String,
    /// A suggestion.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The fields of the spec, such as `packages[2]`.
    pub fields: Vec<String>,
    /// The places in the user's files, most important first.
    pub places: Vec<Place>,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The file as the user named it.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1; `None` if only lines are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
    /// The line in which the place ends.
    pub end_line: usize,
    /// The column after the last character.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_column: Option<usize>,
    /// A note about this place; often empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
}

impl Problem {
    /// A problem without a place.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        let (fields, places) = (Vec::new(), Vec::new());
        Self { code: None, severity: Severity::Error, message: message.into(), help: None, fields, places }
    }

    /// Converts a diagnostic. `sources` are the texts that it refers to, and `fields` are the fields of the spec that it is about.
    fn from_diagnostic(diagnostic: &Diagnostic, sources: &SourceMap, fields: Vec<String>) -> Self {
        let Diagnostic { code, severity, message, labels, help } = diagnostic;
        Self {
            code: Some((*code).to_owned()),
            severity: *severity,
            message: message.clone(),
            help: help.clone(),
            fields,
            places: labels.iter().filter_map(|label| Place::new(label.span, &label.text, sources)).collect(),
        }
    }
}

impl Place {
    fn new(span: Span, note: &str, sources: &SourceMap) -> Option<Self> {
        let file = sources.file(span.file)?;
        let (start, end) = (file.position(span.start), file.position(span.end));
        Some(Self {
            file: file.name().to_owned(),
            line: start.line,
            column: Some(start.column),
            end_line: end.line,
            end_column: Some(end.column),
            note: note.to_owned(),
        })
    }
}

impl Failure {
    /// A failure outside of a build, such as an unreadable spec or a missing daemon.
    #[must_use]
    pub fn new(kind: FailureKind, problems: Vec<Problem>) -> Self {
        Self { kind, problems, step: None, exit_code: None }
    }

    /// The failure of an invalid spec.
    #[must_use]
    pub fn from_problems(problems: &Problems) -> Self {
        let problem = |diagnostic: &Diagnostic| {
            let fields = problems.fields(diagnostic).into_iter().map(str::to_owned).collect();
            Problem::from_diagnostic(diagnostic, &problems.sources, fields)
        };
        Self::new(FailureKind::Spec, problems.diagnostics.iter().map(problem).collect())
    }

    /// The failure of a build.
    #[must_use]
    pub fn from_build(error: &BuildError) -> Self {
        let alone = |kind| Self::new(kind, vec![Problem::new(error.to_string())]);
        match error {
            BuildError::Input(_) => alone(FailureKind::Request),
            BuildError::Spec(problems) => Self::from_problems(problems),
            BuildError::Step(failure) => {
                let problem = Problem::from_diagnostic(&failure.diagnostic, &failure.sources, failure.fields.clone());
                let step = Some(failure.step.key.clone());
                Self { step, exit_code: failure.exit_code, ..Self::new(FailureKind::Step, vec![problem]) }
            }
            BuildError::Session(_) | BuildError::SessionLost(_) => alone(FailureKind::Daemon),
            BuildError::Solve(error) => Self::from_solve(error),
            BuildError::Refused(_) => alone(FailureKind::Refused),
            BuildError::Cancelled => alone(FailureKind::Cancelled),
            BuildError::Internal(_) => alone(FailureKind::Internal),
        }
    }

    fn from_solve(error: &buildkit_client::error::SolveError) -> Self {
        use buildkit_client::error::SolveError;
        let kind = match error {
            SolveError::Invalid { .. } => FailureKind::Request,
            SolveError::Refused { .. } => FailureKind::Refused,
            SolveError::Unavailable { .. } => FailureKind::Unavailable,
            SolveError::Build(_) | SolveError::Frontend(_) => FailureKind::Step,
            SolveError::Cancelled => FailureKind::Cancelled,
            SolveError::Output { .. } => FailureKind::Output,
            // Errors of the daemon, and unknown kinds.
            _ => FailureKind::Daemon,
        };
        let exit_code = match error {
            SolveError::Build(failure) => failure.exit_code,
            _ => None,
        };
        let places = error.sources().iter().flat_map(|source| {
            source.ranges.iter().map(|range| Place {
                file: source.filename.clone(),
                line: range.start(),
                column: None,
                end_line: range.end(),
                end_column: None,
                note: String::new(),
            })
        });
        let problem = Problem { places: places.collect(), ..Problem::new(error.to_string()) };
        Self { exit_code, ..Self::new(kind, vec![problem]) }
    }
}
