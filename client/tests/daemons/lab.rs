//! The lab's daemons, and builds on them.

use std::path::PathBuf;
use std::time::Duration;

use buildkit_client::address::Address;
use buildkit_client::dial::{Connection, DialOptions, dial};
use buildkit_client::error::SolveError;
use buildkit_client::progress::{self, ProgressReceiver, Update, Vertex};
use buildkit_client::session::SessionId;
use buildkit_client::solve::{SolveOptions, SolveResponse, solve};
use buildkit_client::tls::TlsFiles;
use buildkit_llb::{Exec, GraphBuilder, Platform, Source};
use prost::Message as _;
use tokio_util::sync::CancellationToken;

#[track_caller]
pub(crate) fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run eval \"$(lab/up)\""))
}

pub(crate) fn mtls() -> Address {
    let file = |name: &str| Some(PathBuf::from(variable(name)));
    let tls = TlsFiles {
        ca: file("IMAGESPEC_LAB_MTLS_CACERT"),
        cert: file("IMAGESPEC_LAB_MTLS_CERT"),
        key: file("IMAGESPEC_LAB_MTLS_KEY"),
        ..TlsFiles::default()
    };
    address(&variable("IMAGESPEC_LAB_MTLS_ADDR")).with_tls(tls).expect("it is TCP")
}

/// Every daemon of the lab, with a name for messages.
pub(crate) fn all() -> Vec<(&'static str, Address)> {
    vec![
        ("buildkitd", address(&variable("BUILDKIT_HOST"))),
        ("buildkitd over mTLS", mtls()),
        ("engine with containerd store", address(&variable("IMAGESPEC_LAB_ENGINE_CONTAINERD"))),
        ("engine with classic store", address(&variable("IMAGESPEC_LAB_ENGINE_CLASSIC"))),
        ("engine 20.10", address(&variable("IMAGESPEC_LAB_ENGINE_2010"))),
    ]
}

#[track_caller]
pub(crate) fn address(text: &str) -> Address {
    text.parse().unwrap()
}

pub(crate) async fn connect(address: &Address) -> Connection {
    match dial(address, &DialOptions::default()).await {
        Ok(connection) => connection,
        Err(error) => panic!("{error}"),
    }
}

/// A shell command in the lab's Debian. Callers add a fresh word, so that the cache of other tests is not used.
pub(crate) fn shell(script: &str) -> Vec<u8> {
    shell_in(&variable("IMAGESPEC_LAB_DEBIAN_IMAGE"), script)
}

pub(crate) fn shell_in(image: &str, script: &str) -> Vec<u8> {
    let image = if image.contains('/') { image.to_owned() } else { format!("docker.io/library/{image}") };
    let amd64 = Platform::linux("amd64");
    let mut graph = GraphBuilder::new();
    let base = graph.source(Source::image(&image, amd64.clone()));
    let run = graph.exec(Exec::new(["/bin/sh", "-c", script], base, amd64));
    graph.finish(run.root()).unwrap().to_definition().encode_to_vec()
}

/// A word that no other run uses.
pub(crate) fn fresh() -> String {
    buildkit_client::solve::new_reference()
}

pub(crate) fn options(definition: Vec<u8>) -> SolveOptions {
    SolveOptions { definition: Some(definition), ..SolveOptions::new() }
}

/// What a build reported, and how it ended.
pub(crate) struct Report {
    pub(crate) outcome: Result<SolveResponse, SolveError>,
    pub(crate) updates: Vec<Update>,
}

impl Report {
    /// The last state of the vertex whose name contains `part`.
    #[track_caller]
    pub(crate) fn vertex(&self, part: &str) -> &Vertex {
        let mut vertexes = self.updates.iter().flat_map(|update| &update.vertexes);
        vertexes.rfind(|vertex| vertex.name.contains(part)).unwrap_or_else(|| panic!("no vertex {part:?}"))
    }

    pub(crate) fn logs(&self) -> String {
        let logs = self.updates.iter().flat_map(|update| &update.logs);
        logs.map(|log| String::from_utf8_lossy(&log.data).into_owned()).collect()
    }
}

pub(crate) async fn run(connection: &Connection, options: SolveOptions) -> Report {
    run_until(connection, options, CancellationToken::new(), |_| false).await
}

/// Builds with a session.
pub(crate) async fn run_served(connection: &Connection, session: &SessionId, options: SolveOptions) -> Report {
    follow(connection, Some(session), options, CancellationToken::new(), |_| false).await
}

/// Cancels when `enough` returns true for an update.
pub(crate) async fn run_until(
    connection: &Connection,
    options: SolveOptions,
    cancel: CancellationToken,
    enough: impl Fn(&Update) -> bool,
) -> Report {
    follow(connection, None, options, cancel, enough).await
}

async fn follow(
    connection: &Connection,
    session: Option<&SessionId>,
    options: SolveOptions,
    cancel: CancellationToken,
    enough: impl Fn(&Update) -> bool,
) -> Report {
    let (sender, receiver) = progress::channel();
    let build = async {
        let outcome = solve(connection, session, options, &sender, &cancel).await;
        drop(sender);
        outcome
    };
    let both = async { tokio::join!(build, collect(receiver, &cancel, enough)) };
    let (outcome, updates) = tokio::time::timeout(Duration::from_secs(120), both).await.expect("the build ends");
    Report { outcome, updates }
}

async fn collect(
    mut receiver: ProgressReceiver,
    cancel: &CancellationToken,
    enough: impl Fn(&Update) -> bool,
) -> Vec<Update> {
    let mut updates = Vec::new();
    while let Some(update) = receiver.recv().await {
        if enough(&update) {
            cancel.cancel();
        }
        updates.push(update);
    }
    updates
}
