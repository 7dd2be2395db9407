//! The frontend run by a client in its own process, which then wants to know more than the wire has room for.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, OnceLock};

use buildkit_gateway::{Bridge, Build, BuildOptions, Frontend, FrontendResult, Status, run_frontend};
use futures_util::future::try_join;

use crate::build::{ImagespecFrontend, Planned, finish};
use crate::drive::Goal;
use crate::error::DriveError;
use crate::published::{Changed, Published};

/// What a [`Recorder`] kept: all that the build depends on, or why that is not known. Empty until the daemon has let it run.
pub type Recorded = Arc<OnceLock<Result<Planned, DriveError>>>;

/// An [`ImagespecFrontend`] that keeps what it gathered: problems with their places, and facts to be saved.
///
/// One recorder is for one build.
///
/// ```
/// use imagespec_frontend::{ImagespecFrontend, Recorder};
///
/// let recorder = Recorder::new(ImagespecFrontend::default());
/// assert!(recorder.recorded().get().is_none(), "nothing has run yet");
/// ```
#[derive(Debug)]
pub struct Recorder {
    frontend: ImagespecFrontend,
    task: Task,
    recorded: Recorded,
}

#[derive(Debug)]
enum Task {
    Build,
    Plan,
    Confirm(Published),
}

impl Recorder {
    /// Builds, and keeps what it gathered for that.
    #[must_use]
    pub fn new(frontend: ImagespecFrontend) -> Self {
        Self { frontend, task: Task::Build, recorded: Recorded::default() }
    }

    /// Plans, and builds nothing but what that takes.
    #[must_use]
    pub fn planning_only(self) -> Self {
        Self { task: Task::Plan, ..self }
    }

    /// Asks whether all that the last build depended on is as it was and its image still has its names. Builds nothing, and keeps
    /// what is so only if all of it is.
    #[must_use]
    pub fn confirming_only(self, image: Published) -> Self {
        Self { task: Task::Confirm(image), ..self }
    }

    /// Runs in a build that a client has begun: `bridge` leads into it, `options` are those of its request, and `session` serves it.
    ///
    /// # Errors
    /// Options that contradict each other, or a daemon that is gone; what is wrong with the build itself is told to the daemon.
    pub async fn run(
        &self,
        bridge: Bridge,
        options: BTreeMap<String, String>,
        session: String,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        let options = BuildOptions::new(options, session, Vec::new(), String::new())?;
        Ok(run_frontend(bridge, options, self).await?)
    }

    /// Where what is gathered will be.
    #[must_use]
    pub fn recorded(&self) -> Recorded {
        Arc::clone(&self.recorded)
    }
}

impl Frontend for Recorder {
    async fn build(&self, build: &Build) -> Result<FrontendResult, Status> {
        let Build { bridge, options } = build;
        let goal = match &self.task {
            Task::Build => Goal::Build,
            Task::Plan => Goal::Plan,
            Task::Confirm(image) => {
                let confirmed = async {
                    // What is wrong is reported by the build that follows.
                    let confirmed = self.frontend.drive(bridge, options, Goal::Confirm).await;
                    confirmed.ok().flatten().ok_or(Changed)
                };
                if let Ok((planned, ())) = try_join(confirmed, image.is_there(build)).await {
                    let _ = self.recorded.set(Ok(planned));
                }
                return Ok(FrontendResult::single(None));
            }
        };
        let planned = self.frontend.drive(bridge, options, goal).await;
        let result = match &planned {
            Err(error) => Err(error.clone().into()),
            Ok(Some(planned)) if goal == Goal::Build => finish(bridge, options, planned).await,
            Ok(_) => Ok(FrontendResult::single(None)),
        };
        // A second build would find the first's facts, which are as true.
        let _ = self.recorded.set(planned.and_then(|planned| planned.ok_or_else(nothing_planned)));
        result
    }
}

fn nothing_planned() -> DriveError {
    Status::failed("internal error: the build ended without a plan").into()
}
