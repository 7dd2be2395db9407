//! The frontend run by a client in its own process, which then wants to know more than the wire has room for.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, OnceLock};

use buildkit_gateway::{Bridge, Build, BuildOptions, Frontend, FrontendResult, Status, run_frontend};
use buildkit_llb::Graph;
use futures_util::future::try_join;
use tokio::sync::mpsc::UnboundedSender;

use crate::build::{GatherError, Gathered, ImagespecFrontend, finish};
use crate::published::{Changed, Published};

/// What a [`Recorder`] kept: all that the build depends on, or why that is not known. Empty until the daemon has let it run.
pub type Recorded = Arc<OnceLock<Result<Gathered, GatherError>>>;

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
    Gather,
    Confirm(Published),
}

impl Recorder {
    /// Builds, and keeps what it gathered for that.
    #[must_use]
    pub fn new(frontend: ImagespecFrontend) -> Self {
        Self { frontend, task: Task::Build, recorded: Recorded::default() }
    }

    /// Gathers and builds nothing.
    #[must_use]
    pub fn gathering_only(mut self) -> Self {
        // Where the image is expected to be as the last one, it is built meanwhile.
        self.frontend.identity = None;
        Self { task: Task::Gather, ..self }
    }

    /// Asks whether all that the last build depended on is as it was and its image still has its names. Builds nothing, and keeps
    /// what is so only if all of it is.
    #[must_use]
    pub fn confirming_only(self, image: Published) -> Self {
        Self { task: Task::Confirm(image), ..self }
    }

    /// Keeps it where the caller looks.
    #[must_use]
    pub fn recording_to(self, recorded: Recorded) -> Self {
        Self { recorded, ..self }
    }

    /// Sets who is told of parts that are built; see [`ImagespecFrontend::news`].
    #[must_use]
    pub fn with_news(mut self, news: Option<UnboundedSender<Graph>>) -> Self {
        self.frontend.news = news;
        self
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
        let gathered = match &self.task {
            Task::Build | Task::Gather => self.frontend.gather(&build.bridge, &build.options).await,
            Task::Confirm(image) => {
                let confirmed = async {
                    // What is wrong is told by the build that follows.
                    let confirmed = self.frontend.confirm(&build.bridge, &build.options).await;
                    confirmed.ok().flatten().ok_or(Changed)
                };
                match try_join(confirmed, image.is_there(build)).await {
                    Ok((gathered, ())) => Ok(gathered),
                    Err(Changed) => return Ok(FrontendResult::single(None)),
                }
            }
        };
        let result = match &gathered {
            Err(error) => Err(error.clone().into()),
            Ok(gathered) if matches!(self.task, Task::Build) => finish(&build.bridge, &build.options, gathered).await,
            Ok(_) => Ok(FrontendResult::single(None)),
        };
        // A second build would find the first's facts, which are as true.
        let _ = self.recorded.set(gathered);
        result
    }
}
