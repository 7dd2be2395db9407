//! Builds parts of the image before the plan is complete: while versions are resolved, and in the order that finishes soonest.
//!
//! Nothing is built twice: the daemon has the results in its cache when the image is solved. What to build is not decided here.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use buildkit_gateway::{Bridge, CacheImport, Reference, SolveRequest, Status};
use buildkit_llb::{Digest, Graph};
use futures_util::stream::{self, FuturesUnordered, StreamExt as _, TryStreamExt as _};
use tokio::task::JoinSet;

use crate::event::{Event, Events};
use crate::load;
use crate::vertices::Vertices;

/// A local daemon answers cache hits faster than this.
const LOCAL_LOOKUP: Duration = Duration::from_millis(150);

/// The maximum number of calls that build a part and read its result.
const MAX_CALLS: u32 = 5;

/// The parts of one build.
#[derive(Debug)]
pub(crate) struct Parts {
    builder: Builder,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    running: JoinSet<Result<(), Status>>,
    /// Results of these are not used; the step that needs a failed one reports the error.
    fetching: JoinSet<()>,
    started: BTreeSet<String>,
    built: BTreeSet<Digest>,
}

impl Parts {
    /// `call` is the time in which the daemon answers a call.
    pub(crate) fn new(
        bridge: Bridge,
        cache_imports: Vec<CacheImport>,
        call: Duration,
        events: Events,
        vertices: Vertices,
    ) -> Self {
        let lookup = LOCAL_LOOKUP + call * MAX_CALLS;
        Self { builder: Builder { bridge, cache_imports, lookup, events, vertices }, state: Mutex::default() }
    }

    /// The steps of all vertices that the daemon was sent.
    pub(crate) fn vertices(&self) -> &Vertices {
        &self.builder.vertices
    }

    /// The time after which a result is considered not to be in the daemon's cache.
    pub(crate) fn lookup(&self) -> Duration {
        self.builder.lookup
    }

    /// Whether the daemon looks up results in caches that are kept elsewhere.
    pub(crate) fn imports_caches(&self) -> bool {
        !self.builder.cache_imports.is_empty()
    }

    /// Whether nothing with this name was started before. From now on it counts as started.
    pub(crate) fn is_new(&self, name: &str) -> bool {
        self.state().started.insert(name.to_owned())
    }

    /// Starts steps without waiting for them.
    pub(crate) fn start_steps(&self, steps: Vec<Graph>) {
        let mut state = self.state();
        for step in steps {
            state.running.spawn(self.builder.clone().build(step));
        }
    }

    /// Fetches an input of steps that is not part of the image, without waiting for it.
    pub(crate) fn start_fetching(&self, input: Graph) {
        let builder = self.builder.clone();
        // It is not part of the image, so no event is sent.
        self.state().fetching.spawn(async move { _ = builder.solve(&input).await });
    }

    /// Builds a complete image.
    pub(crate) async fn build_whole(&self, image: &Graph) -> Result<Option<Reference>, Status> {
        self.builder.solve(image).await
    }

    /// Builds parts that were not built here before, `width` at a time and in order. If the first ones are in the cache, the others probably
    /// are too, and are returned.
    pub(crate) async fn build_in_order(&self, parts: Vec<Graph>, width: usize) -> Result<Vec<Graph>, Status> {
        let width = width.max(1);
        let is_new = |part: &Graph| {
            let digest = part.root().and_then(|root| part.digest(root.op()));
            digest.is_some_and(|digest| self.state().built.insert(digest))
        };
        let mut waiting = parts.into_iter().filter(is_new).collect::<Vec<_>>().into_iter();
        let build = |part: Graph| self.builder.clone().build(part);
        let mut running: FuturesUnordered<_> = waiting.by_ref().take(width).map(build).collect();
        let ended = async {
            while running.try_next().await?.is_some() {}
            Ok(())
        };
        if let Ok(outcome) = tokio::time::timeout(self.builder.lookup, ended).await {
            return outcome.map(|()| waiting.collect());
        }
        loop {
            running.extend(waiting.by_ref().take(width - running.len()).map(build));
            if running.try_next().await?.is_none() {
                return Ok(Vec::new());
            }
        }
    }

    /// Builds parts, `width` at a time.
    pub(crate) async fn build_all(&self, parts: Vec<Graph>, width: usize) -> Result<(), Status> {
        let builds = parts.into_iter().map(|part| self.builder.clone().build(part));
        stream::iter(builds).buffer_unordered(width.max(1)).try_collect().await
    }

    /// Waits for the started steps. A failed one fails the build, because solving it again would only run it again.
    pub(crate) async fn finish(&self) -> Result<(), Status> {
        let mut running = std::mem::take(&mut self.state().running);
        while let Some(ended) = running.join_next().await {
            ended.unwrap_or_else(|error| {
                Err(Status::failed(format!("internal error: a part of the build ended: {error}")))
            })?;
        }
        Ok(())
    }

    /// Waits for everything that was started, whatever becomes of it.
    pub(crate) async fn settle(&self) {
        let (mut running, mut fetching) = {
            let mut state = self.state();
            (std::mem::take(&mut state.running), std::mem::take(&mut state.fetching))
        };
        while running.join_next().await.is_some() {}
        while fetching.join_next().await.is_some() {}
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Builds one part.
#[derive(Clone, Debug)]
struct Builder {
    bridge: Bridge,
    cache_imports: Vec<CacheImport>,
    lookup: Duration,
    events: Events,
    vertices: Vertices,
}

impl Builder {
    async fn build(self, part: Graph) -> Result<(), Status> {
        let began = Instant::now();
        self.solve(&part).await?;
        if began.elapsed() >= self.lookup {
            self.events.send(Event::PartBuilt(part));
        }
        Ok(())
    }

    async fn solve(&self, graph: &Graph) -> Result<Option<Reference>, Status> {
        self.vertices.add(graph);
        let request = SolveRequest::definition(graph.to_definition());
        load::solve(&self.bridge, request.with_cache_imports(self.cache_imports.clone()).with_evaluate()).await
    }
}
