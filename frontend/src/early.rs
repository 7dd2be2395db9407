//! Building parts of the image before the whole is known: while versions are chosen, and in an order that ends soonest.
//!
//! What is built here is built once: the daemon finds it done when the image is asked for. What to build is not decided here.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use buildkit_gateway::{Bridge, CacheImport, SolveRequest, Status};
use buildkit_llb::{Digest, Graph};
use tokio::task::JoinSet;

/// Parts of one build that are under way.
#[derive(Debug)]
pub(crate) struct Early {
    bridge: Bridge,
    cache_imports: Vec<CacheImport>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    running: JoinSet<Result<(), Status>>,
    started: BTreeSet<Digest>,
}

impl Early {
    pub(crate) fn new(bridge: Bridge, cache_imports: Vec<CacheImport>) -> Self {
        Self { bridge, cache_imports, state: Mutex::default() }
    }

    /// Starts parts, each once, and waits for none.
    pub(crate) fn start(&self, parts: Vec<Graph>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for part in parts {
            let digest = part.root().and_then(|root| part.digest(root.op()));
            if digest.is_some_and(|digest| state.started.insert(digest)) {
                let build = build(self.bridge.clone(), part, self.cache_imports.clone());
                state.running.spawn(build);
            }
        }
    }

    /// Builds parts, a few at a time and the first ones first.
    pub(crate) async fn build_in_order(&self, parts: Vec<Graph>, at_a_time: usize) -> Result<(), Status> {
        let mut parts = parts.into_iter();
        let mut running = JoinSet::new();
        let start = |running: &mut JoinSet<Result<(), Status>>, part| {
            running.spawn(build(self.bridge.clone(), part, self.cache_imports.clone()));
        };
        for part in parts.by_ref().take(at_a_time.max(1)) {
            start(&mut running, part);
        }
        while let Some(ended) = running.join_next().await {
            outcome(ended)?;
            if let Some(part) = parts.next() {
                start(&mut running, part);
            }
        }
        Ok(())
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

async fn build(bridge: Bridge, part: Graph, cache_imports: Vec<CacheImport>) -> Result<(), Status> {
    let request = SolveRequest::definition(part.to_definition()).with_cache_imports(cache_imports).with_evaluate();
    bridge.solve(request).await?;
    Ok(())
}

fn outcome(ended: Result<Result<(), Status>, tokio::task::JoinError>) -> Result<(), Status> {
    ended.unwrap_or_else(|error| Err(Status::failed(format!("internal error: a part of the build ended: {error}"))))
}
