//! The errors of all commands, their rendering, and their exit codes.
//!
//! This is the only place that maps an error to an exit code.

use buildkit_client::dial::DialError;
use buildkit_client::error::{SolveError, render_source};
use buildkit_client::flag::FlagError;
use buildkit_client::session::{SessionEnd, SessionError};
use imagespec::{Diagnostic, Problems, SourceMap};
use imagespec_driver::content::ContentError;
use imagespec_driver::{BuildError, CredentialsError, Event, EventKind, Failure, FailureKind, Problem, StepFailure};
use imagespec_frontend::DriveError;

use crate::args::Progress;
use crate::exit::Exit;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// The arguments, or the files they name, are invalid.
    #[error("{0}")]
    Input(String),
    /// The spec is invalid.
    #[error("the spec has errors")]
    Spec(Box<Problems>),
    /// A step of the build failed.
    #[error("{}", .0.diagnostic.message)]
    Step(Box<StepFailure>),
    /// No daemon was found.
    #[error("{0}")]
    NoDaemon(String),
    /// The connection could not be made.
    #[error(transparent)]
    Dial(Box<DialError>),
    /// The session could not be opened.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The session ended before the build.
    #[error("{0}")]
    SessionLost(#[from] SessionEnd),
    /// The build failed.
    #[error("{0}")]
    Solve(#[from] SolveError),
    /// A registry, an Engine's image store or a secret refused access, or credentials are unusable.
    #[error("{0}")]
    Refused(String),
    /// Output could not be written.
    #[error("{0}")]
    Output(String),
    /// Some images of a build failed.
    #[error("{} of {total} images failed", .failed.len())]
    Several {
        /// The title and the error of each failed image.
        failed: Vec<(String, CliError)>,
        /// The number of images in the build.
        total: usize,
    },
    /// The failure was reported as an event.
    #[error("the build failed")]
    Reported(Exit),
    /// The user interrupted the command.
    #[error("interrupted")]
    Interrupted,
    /// A bug in imagespec.
    #[error("internal error: {0}")]
    Internal(String),
}

impl From<DialError> for CliError {
    fn from(error: DialError) -> Self {
        Self::Dial(Box::new(error))
    }
}

impl From<ContentError> for CliError {
    fn from(error: ContentError) -> Self {
        match error {
            ContentError::Spec(problems) => Self::Spec(problems),
            ContentError::Internal(problem) => Self::Internal(problem),
            error @ (ContentError::Read { .. } | ContentError::List(_) | ContentError::Platform(_)) => {
                Self::Input(error.to_string())
            }
        }
    }
}

impl From<FlagError> for CliError {
    fn from(error: FlagError) -> Self {
        Self::Input(error.to_string())
    }
}

impl From<CredentialsError> for CliError {
    fn from(error: CredentialsError) -> Self {
        Self::Refused(error.to_string())
    }
}

impl From<BuildError> for CliError {
    fn from(error: BuildError) -> Self {
        match error {
            BuildError::Input(problem) => Self::Input(problem),
            BuildError::Spec(problems) => Self::Spec(problems),
            BuildError::Step(failure) => Self::Step(failure),
            BuildError::Session(error) => Self::Session(error),
            BuildError::SessionLost(end) => Self::SessionLost(end),
            BuildError::Solve(error) => Self::Solve(error),
            BuildError::Refused(problem) => Self::Refused(problem),
            BuildError::Cancelled => Self::Interrupted,
            BuildError::Internal(problem) => Self::Internal(problem),
        }
    }
}

impl From<DriveError> for CliError {
    fn from(error: DriveError) -> Self {
        BuildError::from(error).into()
    }
}

impl CliError {
    /// All results, or all errors with the titles of their images. The error of a single image is returned as it is.
    pub(crate) fn unless_all<T>(outcomes: Vec<(String, Result<T, Self>)>) -> Result<Vec<T>, Self> {
        let total = outcomes.len();
        let (mut done, mut failed) = (Vec::new(), Vec::new());
        for (title, outcome) in outcomes {
            match outcome {
                Ok(result) => done.push(result),
                Err(error) => failed.push((title, error)),
            }
        }
        match failed.pop() {
            None => Ok(done),
            Some((_, error)) if total == 1 => Err(error),
            Some(last) => {
                failed.push(last);
                Err(Self::Several { failed, total })
            }
        }
    }

    /// Nothing more to say where the events of builds are written, which include their failures.
    pub(crate) fn reported_by(self, progress: Progress) -> Self {
        if progress == Progress::Json { Self::Reported(self.exit()) } else { self }
    }

    /// The error as events, for programs; one for each image that failed.
    pub(crate) fn events(&self) -> Vec<Event> {
        let event = |title: &str, failure| Event { image: title.into(), kind: EventKind::Failed(failure) };
        match self {
            Self::Reported(_) => Vec::new(),
            Self::Several { failed, .. } => failed.iter().map(|(title, error)| event(title, error.failure())).collect(),
            other => vec![event("", other.failure())],
        }
    }

    fn failure(&self) -> Failure {
        let kind = match self.exit() {
            Exit::InvalidInput => FailureKind::Request,
            Exit::Unreachable => FailureKind::Daemon,
            Exit::Refused => FailureKind::Refused,
            Exit::RegistryUnavailable => FailureKind::Unavailable,
            Exit::StepFailed => FailureKind::Step,
            Exit::Interrupted => FailureKind::Cancelled,
            Exit::Success | Exit::Different | Exit::Missing | Exit::Internal => FailureKind::Internal,
        };
        match self {
            Self::Spec(problems) => Failure::from_problems(problems),
            other => {
                let text = other.to_string();
                let (message, help) = match text.split_once("\n  = help: ") {
                    Some((message, help)) => (message, Some(help.to_owned())),
                    None => (text.as_str(), None),
                };
                Failure::new(kind, vec![Problem { help, ..Problem::new(message) }])
            }
        }
    }

    /// The exit code.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Input(_) | Self::Spec(_) => Exit::InvalidInput,
            Self::NoDaemon(_) | Self::Dial(_) | Self::Session(_) | Self::SessionLost(_) => Exit::Unreachable,
            Self::Refused(_) => Exit::Refused,
            Self::Output(_) | Self::Internal(_) => Exit::Internal,
            Self::Interrupted => Exit::Interrupted,
            Self::Step(_) => Exit::StepFailed,
            Self::Reported(exit) => *exit,
            // An interrupt ends all builds; otherwise the first failure decides.
            Self::Several { failed, .. } => {
                let mut exits = failed.iter().map(|(_, error)| error.exit());
                let first = exits.clone().next().unwrap_or(Exit::Internal);
                exits.find(|exit| *exit == Exit::Interrupted).unwrap_or(first)
            }
            Self::Solve(error) => match error {
                SolveError::Invalid { .. } => Exit::InvalidInput,
                SolveError::Lost { .. } | SolveError::Exhausted { .. } => Exit::Unreachable,
                SolveError::Refused { .. } => Exit::Refused,
                SolveError::Unavailable { .. } => Exit::RegistryUnavailable,
                SolveError::Cancelled => Exit::Interrupted,
                SolveError::Build(_) | SolveError::Frontend(_) => Exit::StepFailed,
                // `SolveError` is non-exhaustive: an unknown variant counts as a bug in imagespec.
                SolveError::Output { .. } | SolveError::Unreadable { .. } | SolveError::Internal { .. } | _ => {
                    Exit::Internal
                }
            },
        }
    }

    /// The text for stderr.
    pub(crate) fn render(&self) -> String {
        match self {
            Self::Spec(problems) => render_diagnostics(&problems.diagnostics, &problems.sources),
            Self::Step(failure) => imagespec::render(&failure.diagnostic, &failure.sources) + "\n",
            Self::Solve(error) => {
                let mut text: String = error.sources().iter().map(|source| render_source(source) + "\n").collect();
                text += &format!("error: {error}\n");
                if let SolveError::Build(failure) = error
                    && let Some(code) = failure.exit_code
                {
                    text += &format!("  = exit code of the step: {code}\n");
                }
                if let Some(help) = help(error) {
                    text += &format!("  = help: {help}\n");
                }
                text
            }
            Self::Several { failed, .. } => {
                // Images of one file share its problems; show these once.
                let mut rendered: Vec<(String, Vec<&str>)> = Vec::new();
                for (title, error) in failed {
                    let text = error.render();
                    match rendered.iter_mut().find(|(before, _)| *before == text) {
                        Some((_, titles)) => titles.push(title),
                        None => rendered.push((text, vec![title])),
                    }
                }
                let each = rendered.iter().map(|(text, titles)| format!("{}:\n{text}", titles.join(", ")));
                each.chain([format!("error: {self}\n")]).collect()
            }
            Self::Internal(_) => {
                format!(
                    "error: {self}\n  = help: this is a bug in imagespec; please report it, and attach the file that --save-facts writes\n"
                )
            }
            other => {
                let mut text = format!("error: {other}\n");
                let mut cause = std::error::Error::source(other);
                while let Some(error) = cause {
                    // Many messages already include the message of their cause.
                    let message = error.to_string();
                    if !text.contains(&message) {
                        text += &format!("  = caused by: {message}\n");
                    }
                    cause = error.source();
                }
                if let Self::Dial(error) = other {
                    let help = error.help().unwrap_or_else(|| {
                        "choose a different daemon with --addr, --builder or BUILDKIT_HOST".to_owned()
                    });
                    text += &format!("  = help: {help}; run `imagespec doctor` to see which daemons were considered\n");
                }
                text
            }
        }
    }
}

/// What can be done about a failed build.
fn help(error: &SolveError) -> Option<String> {
    match error {
        SolveError::Lost { .. } | SolveError::Exhausted { .. } => {
            Some("check that the daemon is running, then try again".to_owned())
        }
        SolveError::Refused { .. } => error.registry().map(|host| {
            format!("log in with `docker login {host}`, as a user who may do this; `registry_config` in the spec names other logins")
        }),
        SolveError::Unavailable { .. } => {
            let host = error.registry().unwrap_or("the registry");
            Some(format!("{host} cannot answer now; what was built is kept, so run the same again later"))
        }
        _ => None,
    }
}

/// All diagnostics as text, followed by the number of errors.
pub(crate) fn render_diagnostics(diagnostics: &[Diagnostic], sources: &SourceMap) -> String {
    let mut text: String = diagnostics.iter().map(|diagnostic| imagespec::render(diagnostic, sources) + "\n").collect();
    let errors = diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).count();
    if errors > 0 {
        let plural = if errors == 1 { "" } else { "s" };
        text += &format!("error: {errors} problem{plural} found; run `imagespec check --explain CODE` for details\n");
    }
    text
}
