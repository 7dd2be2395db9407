//! The daemon of the lab.

use std::collections::BTreeMap;

use buildkit_client::address::Address;
use buildkit_client::dial::{Connection, DialOptions, dial};
use buildkit_client::progress::{self, Update};
use buildkit_client::session::Session;
use buildkit_client::solve::{Exporter, ExporterKind, SolveOptions, solve};
use buildkit_llb::{GraphBuilder, LocalSource, Output, Source};
use prost::Message as _;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

pub(crate) struct Daemon {
    connection: Connection,
}

/// A build that succeeded.
#[derive(Debug)]
pub(crate) struct Solved {
    pub(crate) response: BTreeMap<String, String>,
    updates: Vec<Update>,
}

impl Solved {
    /// Bytes of a sub-task, as counted by the daemon.
    pub(crate) fn transferred(&self, task: &str) -> i64 {
        let statuses = self.updates.iter().flat_map(|update| &update.statuses);
        let counts = statuses.filter(|status| status.id.contains(task)).map(|status| status.current);
        counts.max().unwrap_or_else(|| panic!("no sub-task {task:?}"))
    }
}

impl Daemon {
    pub(crate) async fn connect() -> Self {
        let address = std::env::var("BUILDKIT_HOST").expect("BUILDKIT_HOST: run eval \"$(lab/up)\"");
        let address: Address = address.parse().unwrap();
        Self { connection: dial(&address, &DialOptions::default()).await.unwrap() }
    }

    pub(crate) fn channel(&self) -> Channel {
        self.connection.channel.clone()
    }

    /// Builds and exports to the session's targets. An error is returned as text with its causes.
    pub(crate) async fn solve(
        &self,
        session: &Session,
        definition: Vec<u8>,
        exporters: &[&str],
    ) -> Result<Solved, String> {
        let exporter = |kind: &&str| Exporter::new((*kind).into());
        self.run(session, definition, exporters.iter().map(exporter).collect()).await
    }

    pub(crate) async fn push(&self, session: &Session, definition: Vec<u8>, name: &str) -> Result<Solved, String> {
        let image = Exporter::new(ExporterKind::Image).with_attr("name", name).with_attr("push", "true");
        self.run(session, definition, vec![image]).await
    }

    async fn run(&self, session: &Session, definition: Vec<u8>, exporters: Vec<Exporter>) -> Result<Solved, String> {
        let mut options = SolveOptions::new();
        options.definition = Some(definition);
        options.exporters = exporters;
        let (sender, mut receiver) = progress::channel();
        let collect = tokio::spawn(async move {
            let mut updates = Vec::new();
            while let Some(update) = receiver.recv().await {
                updates.push(update);
            }
            updates
        });
        let outcome = solve(&self.connection, Some(session.id()), options, &sender, &CancellationToken::new()).await;
        drop(sender);
        let updates = collect.await.unwrap();
        outcome.map(|response| Solved { response: response.exporter_response, updates }).map_err(|error| {
            let mut text = error.to_string();
            let mut cause = std::error::Error::source(&error);
            while let Some(error) = cause {
                text = format!("{text}: {error}");
                cause = error.source();
            }
            text
        })
    }
}

/// An encoded definition of the output that `build` returns.
pub(crate) fn definition(build: impl FnOnce(&mut GraphBuilder) -> Output) -> Vec<u8> {
    let mut graph = GraphBuilder::new();
    let root = build(&mut graph);
    graph.finish(Some(root)).unwrap().to_definition().encode_to_vec()
}

/// A directory of this session. Without the session id, the daemon would merge equal builds of several tests, and could use
/// the session of any of them.
pub(crate) fn local(name: &str, session: &Session) -> Source {
    Source::local(LocalSource { session: Some(session.id().to_string()), ..LocalSource::new(name) })
}
