//! The lab's daemons, and bridges into builds on them.

use std::collections::BTreeMap;
use std::time::Duration;

use buildkit_client::dial::{DialOptions, dial};
use buildkit_client::progress;
use buildkit_client::session::secrets::{SecretSource, Secrets};
use buildkit_client::session::{SecretBytes, Session};
use buildkit_client::solve::{SolveOptions, solve_with_gateway};
use buildkit_gateway::{Bridge, FrontendResult, GatewayError, Reference, SolveRequest};
use buildkit_llb::{Exec, GraphBuilder, Platform, Source};
use tokio_util::sync::CancellationToken;

/// The secret every build has.
pub(crate) const SECRET: (&str, &str) = ("greeting", "a secret hello");

#[track_caller]
pub(crate) fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run eval \"$(lab/up)\""))
}

/// buildkitd, the current release.
pub(crate) fn buildkitd() -> String {
    variable("BUILDKIT_HOST")
}

/// Every kind of daemon.
pub(crate) fn all() -> [(&'static str, String); 4] {
    [
        ("buildkitd", buildkitd()),
        ("engine with containerd store", variable("IMAGESPEC_LAB_ENGINE_CONTAINERD")),
        ("engine with classic store", variable("IMAGESPEC_LAB_ENGINE_CLASSIC")),
        ("engine 20.10", variable("IMAGESPEC_LAB_ENGINE_2010")),
    ]
}

/// Runs `test` as the frontend of a build, which ends with an empty result.
pub(crate) async fn build<T>(address: &str, test: impl AsyncFnOnce(&Bridge) -> T) -> T {
    build_with(address, BTreeMap::new(), test).await
}

/// The same, with graphs attached.
pub(crate) async fn build_with<T>(
    address: &str,
    inputs: BTreeMap<String, Vec<u8>>,
    test: impl AsyncFnOnce(&Bridge) -> T,
) -> T {
    let connection = dial(&address.parse().unwrap(), &DialOptions::default()).await.unwrap();
    let mut secrets = Secrets::default();
    let (id, value) = SECRET;
    secrets.add(id, SecretSource::Bytes(SecretBytes::from(value.as_bytes().to_vec())), |_| None).unwrap();
    let session = Session::builder().with_secrets(secrets).open(connection.channel.clone()).await.unwrap();
    let options = SolveOptions { frontend_inputs: inputs, ..SolveOptions::new() };
    let (sender, mut receiver) = progress::channel();
    let cancel = CancellationToken::new();
    let build = async {
        let outcome = solve_with_gateway(&connection, Some(session.id()), options, &sender, &cancel, async |handle| {
            let bridge = Bridge::over_channel(handle.channel, Some(handle.build_ref))?;
            bridge.ping().await?;
            let answer = test(&bridge).await;
            bridge.return_result(FrontendResult::default()).await?;
            Ok::<_, GatewayError>(answer)
        })
        .await;
        drop(sender);
        outcome
    };
    let drain = async { while receiver.recv().await.is_some() {} };
    let both = async { tokio::join!(build, drain).0 };
    let (_, answer) = tokio::time::timeout(Duration::from_secs(30), both).await.expect("the build ends").unwrap();
    session.close().await;
    answer
}

/// The lab's Debian.
pub(crate) async fn debian(bridge: &Bridge) -> Reference {
    let mut graph = GraphBuilder::new();
    let base = graph.source(image());
    let definition = graph.finish(Some(base)).unwrap().to_definition();
    let solved = bridge.solve(SolveRequest::definition(definition)).await.unwrap();
    solved.single_ref().unwrap().unwrap().clone()
}

/// A step of a shell script in the lab's Debian.
pub(crate) fn shell(script: &str) -> SolveRequest {
    let mut graph = GraphBuilder::new();
    let base = graph.source(image());
    let run = graph.exec(Exec::new(["/bin/sh", "-c", script], base, Platform::linux("amd64")));
    SolveRequest::definition(graph.finish(run.root()).unwrap().to_definition()).with_evaluate()
}

fn image() -> Source {
    let name = format!("docker.io/library/{}", variable("IMAGESPEC_LAB_DEBIAN_IMAGE"));
    Source::image(&name, Platform::linux("amd64"))
}
