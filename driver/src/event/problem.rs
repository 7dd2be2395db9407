//! Why there is no image, as data: problems with codes, fields and places.

use imagespec::{Diagnostic, Problems, Severity, SourceMap, Span};
use imagespec_compile::StepKey;
use serde::Serialize;

use crate::error::BuildError;

/// Why there is no image.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What failed.
    pub kind: FailureKind,
    /// All that is wrong; at least one problem.
    pub problems: Vec<Problem>,
    /// The step of the plan that failed.
    pub step: Option<StepKey>,
    /// The exit code of its process.
    pub exit_code: Option<u32>,
}

/// What failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// The request: its parts contradict each other, or the daemon cannot do it.
    Request,
    /// The spec.
    Spec,
    /// A step of the build.
    Step,
    /// The daemon: it is gone, refuses the session, or reports a fault of its own.
    Daemon,
    /// A registry, an Engine's image store, or credentials.
    Refused,
    /// Nothing: the caller cancelled.
    Cancelled,
    /// The program: a bug.
    Internal,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The code of the rule, such as `E012`; `imagespec check --explain` has more on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Whether there is an image nevertheless.
    pub severity: Severity,
    /// What is wrong, in one line.
    pub message: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The fields of the spec, such as `packages[2]`.
    pub fields: Vec<String>,
    /// The places in the user's files; the first one is the main one.
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
    /// The character behind the last one of the place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_column: Option<usize>,
    /// What there is to know about this place; often empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
}

impl Problem {
    /// A problem that has no place.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        let (fields, places) = (Vec::new(), Vec::new());
        Self { code: None, severity: Severity::Error, message: message.into(), help: None, fields, places }
    }

    /// A diagnostic. `sources` are the texts that it points into, and `fields` what of the spec it is about.
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
    /// A failure that is none of a build: the spec cannot be read, no daemon was found.
    #[must_use]
    pub fn new(kind: FailureKind, problems: Vec<Problem>) -> Self {
        Self { kind, problems, step: None, exit_code: None }
    }

    /// A spec that is wrong.
    #[must_use]
    pub fn from_problems(problems: &Problems) -> Self {
        let problem = |diagnostic: &Diagnostic| {
            let fields = problems.fields(diagnostic).into_iter().map(str::to_owned).collect();
            Problem::from_diagnostic(diagnostic, &problems.sources, fields)
        };
        Self::new(FailureKind::Spec, problems.diagnostics.iter().map(problem).collect())
    }

    /// A failed build.
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
            SolveError::Build(_) | SolveError::Frontend(_) => FailureKind::Step,
            SolveError::Cancelled => FailureKind::Cancelled,
            // The daemon's faults, and those of kinds that are not known here.
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
