//! Runs the frontend in the process of a client, and records data that the gateway protocol does not return.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, OnceLock};

use buildkit_gateway::{Bridge, Build, BuildOptions, Frontend, FrontendResult, Status, run_frontend};
use futures_util::future::join;
use imagespec_compile::Avoided;

use crate::build::{Driven, ImagespecFrontend, Planned};
use crate::drive::Goal;
use crate::error::DriveError;
use crate::published::Published;

/// The record of a [`Recorder`]: the planned build, or the reason why there is none. Empty until the daemon has run the frontend.
pub type Recorded = Arc<OnceLock<Result<Planned, DriveError>>>;

/// An [`ImagespecFrontend`] that records its results: problems with their places, and facts to be saved.
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
    /// Records a build.
    #[must_use]
    pub fn new(frontend: ImagespecFrontend) -> Self {
        Self { frontend, task: Task::Build, recorded: Recorded::default() }
    }

    /// Plans only, and builds nothing except what that requires.
    #[must_use]
    pub fn planning_only(self) -> Self {
        Self { task: Task::Plan, ..self }
    }

    /// Checks that the answers are the same as in the last build, and that its image still has its names. Builds nothing, and records the
    /// plan only if nothing has changed.
    #[must_use]
    pub fn confirming_only(self, image: Published) -> Self {
        Self { task: Task::Confirm(image), ..self }
    }

    /// Runs in a build that a client has started: `bridge` is connected to it, `options` are those of its request, and `session` serves it.
    ///
    /// # Errors
    /// Options contradict each other, or the connection was lost. Errors of the build itself are reported to the daemon.
    pub async fn run(
        &self,
        bridge: Bridge,
        options: BTreeMap<String, String>,
        session: String,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        let options = BuildOptions::new(options, session, Vec::new(), String::new())?;
        Ok(Box::pin(run_frontend(bridge, options, self)).await?)
    }

    /// The record, which is filled when the build runs.
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
                // Neither is stopped when the other fails: see `Driver::drive`.
                let confirmed = Box::pin(self.frontend.drive(bridge, options, Goal::Confirm, Avoided::Nothing));
                let (confirmed, is_there) = join(confirmed, image.is_there(build)).await;
                // The build that follows reports the error.
                if let (Ok(Some(planned)), Ok(())) = (confirmed, is_there) {
                    let _ = self.recorded.set(Ok(planned));
                }
                return Ok(FrontendResult::single(None));
            }
        };
        let Driven { planned, result } = Box::pin(self.frontend.build_to(bridge, options, goal)).await;
        // A second build would record the same facts.
        let _ = self.recorded.set(planned.and_then(|planned| planned.ok_or_else(nothing_planned)));
        result
    }
}

fn nothing_planned() -> DriveError {
    Status::failed("internal error: the build ended without a plan").into()
}
