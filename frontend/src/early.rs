//! Building parts of the image before the whole is known: while versions are chosen, and in an order that ends soonest.
//!
//! What is built here is built once: the daemon finds it done when the image is asked for. What to build is not decided here.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use buildkit_gateway::{Bridge, CacheImport, Reference, SolveRequest, Status};
use buildkit_llb::{Digest, Graph};
use futures_util::stream::{self, FuturesUnordered, StreamExt as _, TryStreamExt as _};
use imagespec_compile::Ahead;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinSet;

use crate::load;

/// A daemon beside us has looked up sooner whatever is in its cache.
const LOOKUP: Duration = Duration::from_millis(150);

/// How many calls it takes to build a part and read what it says, at most.
const CALLS: u32 = 5;

/// Parts of one build that are under way.
#[derive(Debug)]
pub(crate) struct Early {
    builder: Builder,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    running: JoinSet<Result<(), Status>>,
    /// Nobody waits for these, and whether one fails is told by the step that needs it.
    fetching: JoinSet<()>,
    started: BTreeSet<Digest>,
}

impl Early {
    /// `call` is how long the daemon takes to answer a call; `news` is told of each part that had to be built.
    pub(crate) fn new(
        bridge: Bridge,
        cache_imports: Vec<CacheImport>,
        call: Duration,
        news: Option<UnboundedSender<Graph>>,
    ) -> Self {
        let lookup = LOOKUP + call * CALLS;
        Self { builder: Builder { bridge, cache_imports, lookup, news }, state: Mutex::default() }
    }

    /// What takes longer is not in the daemon's cache.
    pub(crate) fn lookup(&self) -> Duration {
        self.builder.lookup
    }

    /// Starts parts and fetches inputs, each once, and waits for none.
    pub(crate) fn start(&self, ahead: Ahead) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for part in ahead.parts {
            if state.is_new(&part) {
                state.running.spawn(self.builder.clone().build(part));
            }
        }
        for input in ahead.inputs {
            if state.is_new(&input) {
                let builder = self.builder.clone();
                // Part of no image, so it is no news.
                state.fetching.spawn(async move { _ = builder.solve(&input).await });
            }
        }
    }

    /// Builds a whole image.
    pub(crate) async fn build_whole(&self, image: &Graph) -> Result<Option<Reference>, Status> {
        self.builder.solve(image).await
    }

    /// Builds parts, a few at a time and the first ones first. If the first few are in the cache, little will be missing of the
    /// others, and these are returned.
    pub(crate) async fn build_in_order(&self, parts: Vec<Graph>, at_a_time: usize) -> Result<Vec<Graph>, Status> {
        let width = at_a_time.max(1);
        let mut waiting = parts.into_iter();
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

    /// Builds parts, a few at a time.
    pub(crate) async fn build_all(&self, parts: Vec<Graph>, at_a_time: usize) -> Result<(), Status> {
        let builds = parts.into_iter().map(|part| self.builder.clone().build(part));
        stream::iter(builds).buffer_unordered(at_a_time.max(1)).try_collect().await
    }

    /// Waits for what was started. A part that failed fails the build: asking for it again would only run it again.
    pub(crate) async fn finish(&self) -> Result<(), Status> {
        let mut running = std::mem::take(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner).running);
        while let Some(ended) = running.join_next().await {
            outcome(ended)?;
        }
        Ok(())
    }
}

impl State {
    fn is_new(&mut self, part: &Graph) -> bool {
        part.root().and_then(|root| part.digest(root.op())).is_some_and(|digest| self.started.insert(digest))
    }
}

/// Builds one part.
#[derive(Clone, Debug)]
struct Builder {
    bridge: Bridge,
    cache_imports: Vec<CacheImport>,
    lookup: Duration,
    news: Option<UnboundedSender<Graph>>,
}

impl Builder {
    async fn build(self, part: Graph) -> Result<(), Status> {
        let began = Instant::now();
        self.solve(&part).await?;
        if let Some(news) = self.news.filter(|_| began.elapsed() >= self.lookup) {
            // Whoever wanted to know may have gone.
            let _ = news.send(part);
        }
        Ok(())
    }

    async fn solve(&self, graph: &Graph) -> Result<Option<Reference>, Status> {
        let request = SolveRequest::definition(graph.to_definition());
        load::solve(&self.bridge, request.with_cache_imports(self.cache_imports.clone()).with_evaluate()).await
    }
}

fn outcome(ended: Result<Result<(), Status>, tokio::task::JoinError>) -> Result<(), Status> {
    ended.unwrap_or_else(|error| Err(Status::failed(format!("internal error: a part of the build ended: {error}"))))
}
