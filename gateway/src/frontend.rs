//! Running a frontend: check what the client needs of it, answer subrequests, build, and return exactly once.
//!
//! The same for a container and a client; [`main_stdio`] is all a frontend image's `main` needs.
//! Knows no particular frontend.

use std::process::ExitCode;

use tonic::Code;

use crate::bridge::Bridge;
use crate::error::{GatewayError, with_causes};
use crate::options::BuildOptions;
use crate::result::FrontendResult;
use crate::status::Status;
use crate::subrequest::{self, DESCRIBE, Subrequest, SubrequestAnswer};

/// The capabilities [`run_frontend`] accepts in `frontend.caps`. An image of such a frontend lists them, comma-separated,
/// in its label `moby.buildkit.frontend.caps` (`moby/buildkit: frontend/dockerfile/builder/caps.go`).
pub const FRONTEND_CAPS: &[&str] = buildkit_proto::caps::frontend::ALL;

/// One build: what a frontend is given.
///
/// What most frontends do with it is in few calls: [`Build::spec_file`], [`Build::context`], [`Build::image`].
///
/// ```
/// use buildkit_gateway::{Bridge, Build, BuildOptions};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let channel = tonic::transport::Endpoint::from_static("http://daemon").connect_lazy();
/// let opts = [("platform".to_owned(), "linux/arm64".to_owned())].into();
/// let build = Build {
///     bridge: Bridge::over_channel(channel, Some("the-ref-of-the-solve".to_owned()))?,
///     options: BuildOptions::new(opts, String::new(), Vec::new(), String::new())?,
/// };
/// assert_eq!(build.platforms()[0].to_string(), "linux/arm64");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Build {
    /// The daemon.
    pub bridge: Bridge,
    /// The user's wishes.
    pub options: BuildOptions,
}

/// A frontend. Your own errors need a `From` into [`Status`]; `?` does the rest.
///
/// ```
/// use buildkit_gateway::{Build, Frontend, FrontendResult, Status, Subrequest};
///
/// /// Answers every build with an empty filesystem.
/// struct Nothing;
///
/// impl Frontend for Nothing {
///     async fn build(&self, _build: &Build) -> Result<FrontendResult, Status> {
///         Ok(FrontendResult::single(None))
///     }
///
///     fn subrequests(&self) -> Vec<Subrequest> {
///         vec![Subrequest::new("frontend.lint", "1.0.0", "Lists what could be better")]
///     }
/// }
///
/// assert_eq!(Nothing.subrequests()[0].name, "frontend.lint");
/// ```
pub trait Frontend: Send + Sync {
    /// Builds.
    fn build(&self, build: &Build) -> impl Future<Output = Result<FrontendResult, Status>> + Send;

    /// The requests [`Frontend::subrequest`] answers; the list of them is answered for it.
    fn subrequests(&self) -> Vec<Subrequest> {
        Vec::new()
    }

    /// Answers one of [`Frontend::subrequests`], before any expensive work.
    fn subrequest(&self, name: &str, build: &Build) -> impl Future<Output = Result<SubrequestAnswer, Status>> + Send {
        let _ = build;
        std::future::ready(Err(Status::unsupported_subrequest(name)))
    }
}

/// Why a run did not end with a result.
///
/// ```
/// use buildkit_gateway::{GatewayError, RunError};
///
/// let error = RunError::from(GatewayError::Over { method: "Solve" });
/// assert!(matches!(error, RunError::Over), "no one is left to report to");
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The frontend failed, and the client has the error.
    #[error("{0}")]
    Failed(Status),
    /// The build was cancelled; no one is left to report to.
    #[error("the build was cancelled")]
    Over,
    /// The connection was lost, or the daemon stopped. In a container this is how a cancellation looks.
    #[error("lost the connection to BuildKit: {0}")]
    Lost(String),
    /// A call of the daemon failed.
    #[error(transparent)]
    Bridge(GatewayError),
}

impl From<GatewayError> for RunError {
    fn from(error: GatewayError) -> Self {
        match error {
            GatewayError::Lost { source, .. } => Self::Lost(with_causes(&*source)),
            error if error.is_final() => Self::Over,
            error => Self::Bridge(error),
        }
    }
}

/// Runs a frontend once and returns its result, or its error, to the client of the build.
///
/// A client cancels by dropping this future together with its `Control.Solve`: a call that is waiting for a step to run
/// is a request of its own to the daemon, which ends with it and not with the build.
///
/// # Errors
/// If there was no result. The client already has a [`RunError::Failed`].
pub async fn run_frontend<F: Frontend>(bridge: Bridge, options: BuildOptions, frontend: &F) -> Result<(), RunError> {
    bridge.ping().await?;
    let build = Build { bridge, options };
    let outcome = answer(&build, frontend).await;
    let bridge = &build.bridge;
    if bridge.is_over() {
        return Err(over(bridge));
    }
    let status = match outcome {
        Ok(result) => match bridge.return_result(result).await {
            Ok(()) => return Ok(()),
            Err(error @ GatewayError::AlreadyReturned) => return Err(error.into()),
            Err(error) if error.is_final() => return Err(over(bridge)),
            Err(refused) => refused.into(),
        },
        Err(status) => status,
    };
    bridge.return_error(status.clone()).await?;
    Err(RunError::Failed(status))
}

/// How a build ended that is over.
fn over(bridge: &Bridge) -> RunError {
    bridge.loss().map_or(RunError::Over, |message| RunError::Lost(message.to_owned()))
}

async fn answer<F: Frontend>(build: &Build, frontend: &F) -> Result<FrontendResult, Status> {
    if let Some(missing) = build.options.frontend_caps.iter().find(|cap| !FRONTEND_CAPS.contains(&cap.as_str())) {
        return Err(Status::unsupported_frontend_cap(missing));
    }
    let Some(request) = &build.options.request_id else {
        return frontend.build(build).await;
    };
    let requests = frontend.subrequests();
    if request == DESCRIBE {
        return Ok(subrequest::describe(requests).into());
    }
    if !requests.iter().any(|known| known.name == *request) {
        return Err(Status::unsupported_subrequest(request));
    }
    frontend.subrequest(request, build).await.map(FrontendResult::from)
}

/// The `main` of a frontend image: options from the environment, the bridge on stdio, one run.
///
/// Nothing may be printed to stdout. What cannot be reported to the client goes to stderr, which is the daemon's log.
pub fn main_stdio<F: Frontend + 'static>(frontend: F) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&error),
    };
    let outcome = runtime.block_on(serve(frontend));
    // A read of stdin may still be waiting; the process ends here anyway.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(RunError::Failed(_) | RunError::Over | RunError::Lost(_)) => ExitCode::FAILURE,
        Err(RunError::Bridge(error)) => complain(&error),
    }
}

async fn serve<F: Frontend + 'static>(frontend: F) -> Result<(), RunError> {
    let bridge = Bridge::over_stdio().await?;
    let variables = std::env::vars_os()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()));
    let options = match BuildOptions::from_env(variables) {
        Ok(options) => options,
        Err(error) => {
            let status = Status::failed(error.to_string());
            bridge.return_error(status.clone()).await?;
            return Err(RunError::Failed(status));
        }
    };
    let run = tokio::spawn({
        let bridge = bridge.clone();
        async move { run_frontend(bridge, options, &frontend).await }
    });
    match run.await {
        Ok(outcome) => outcome,
        Err(panicked) => {
            // Without this the user would read "exit code: 101" and nothing else.
            let status = Status::new(Code::Internal, format!("the frontend has a bug: {}", panic_message(panicked)));
            bridge.return_error(status.clone()).await?;
            Err(RunError::Failed(status))
        }
    }
}

fn panic_message(error: tokio::task::JoinError) -> String {
    let Ok(payload) = error.try_into_panic() else {
        return "its task was cancelled".to_owned();
    };
    match payload.downcast::<String>() {
        Ok(message) => *message,
        Err(payload) => payload.downcast_ref::<&str>().map_or("it panicked", |message| message).to_owned(),
    }
}

fn complain(error: &dyn std::error::Error) -> ExitCode {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        line = format!("{line}: {cause}");
        source = cause.source();
    }
    #[expect(
        clippy::print_stderr,
        reason = "this is the main function of a frontend image, and stderr is the daemon's log"
    )]
    {
        eprintln!("{line}");
    }
    ExitCode::FAILURE
}
