//! Builds that the client drives through the daemon's gateway.

use std::time::{Duration, Instant};

use buildkit_client::dial::Connection;
use buildkit_client::error::SolveError;
use buildkit_client::progress;
use buildkit_client::solve::{BUILD_ID_METADATA, BuildHandle, SolveOptions, SolveResponse, solve_with_gateway};
use buildkit_proto::rpc::gateway::llb_bridge_client::LlbBridgeClient;
use buildkit_proto::rpc::gateway::{self, PingRequest, ReturnRequest, SolveRequest};
use buildkit_proto::rpc::{llb, status};
use prost::Message as _;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use crate::lab::{address, all, connect, fresh, shell, variable};

/// The few calls that these tests need; the gateway crate has the full client.
struct Bridge {
    client: LlbBridgeClient<Channel>,
    build_ref: String,
}

impl Bridge {
    fn new(handle: BuildHandle) -> Self {
        Self { client: LlbBridgeClient::new(handle.channel), build_ref: handle.build_ref }
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert(BUILD_ID_METADATA, self.build_ref.parse().unwrap());
        request
    }

    async fn solve(&mut self, definition: Vec<u8>) -> Result<Option<gateway::Result>, Status> {
        let definition = llb::Definition::decode(definition.as_slice()).unwrap();
        let solve = SolveRequest {
            definition: Some(definition),
            allow_result_return: true,
            allow_result_array_ref: true,
            evaluate: true,
            ..SolveRequest::default()
        };
        Ok(self.client.solve(self.request(solve)).await?.into_inner().result)
    }

    async fn end(&mut self, outcome: Result<Option<gateway::Result>, Status>) -> Result<(), Status> {
        let end = match outcome {
            Ok(result) => ReturnRequest { result, error: None },
            Err(error) => {
                let decoded = status::Status::decode(error.details()).unwrap_or_default();
                let error =
                    status::Status { code: error.code() as i32, message: error.message().to_owned(), ..decoded };
                ReturnRequest { result: None, error: Some(error) }
            }
        };
        self.client.r#return(self.request(end)).await.map(drop)
    }
}

async fn drive<T, E, Fut>(
    connection: &Connection,
    cancel: &CancellationToken,
    build: impl FnOnce(BuildHandle) -> Fut,
) -> Result<(SolveResponse, T), SolveError>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
    Fut: Future<Output = Result<T, E>>,
{
    let (sender, mut receiver) = progress::channel();
    let build = async {
        let outcome = solve_with_gateway(connection, None, SolveOptions::new(), &sender, cancel, build).await;
        drop(sender);
        outcome
    };
    let drain = async { while receiver.recv().await.is_some() {} };
    let (outcome, ()) =
        tokio::time::timeout(Duration::from_secs(60), async { tokio::join!(build, drain) }).await.unwrap();
    outcome
}

#[tokio::test]
async fn our_code_drives_a_build_on_every_daemon() {
    for (name, address) in all() {
        let connection = connect(&address).await;
        let definition = shell(&format!("echo hi; : {}", fresh()));
        let cancel = CancellationToken::new();
        let outcome = drive(&connection, &cancel, async |handle| {
            let mut bridge = Bridge::new(handle);
            let pong = bridge.client.ping(bridge.request(PingRequest::default())).await?.into_inner();
            let result = bridge.solve(definition).await?;
            bridge.end(Ok(result)).await?;
            Ok::<_, Status>(pong.llb_caps.len())
        });
        let (_, caps) = outcome.await.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(caps > 10, "{name}: {caps}");
    }
}

#[tokio::test]
async fn the_daemons_error_is_preferred_and_keeps_its_details() {
    let connection = connect(&address(&variable("BUILDKIT_HOST"))).await;
    let definition = shell(&format!("echo broken; : {}; exit 9", fresh()));
    let outcome: Result<(_, ()), _> = drive(&connection, &CancellationToken::new(), async |handle| {
        let mut bridge = Bridge::new(handle);
        let failed = bridge.solve(definition).await.expect_err("exit 9");
        bridge.end(Err(failed)).await?;
        Err(Status::unknown("our own words for it"))
    })
    .await;
    let Err(SolveError::Build(failure)) = outcome else { panic!("{outcome:?}") };
    assert_eq!(failure.exit_code, Some(9), "{failure:?}");
    assert!(failure.vertex.is_some_and(|vertex| vertex.log_tail == ["broken"]));
}

#[tokio::test]
async fn code_that_gives_up_without_a_word_ends_the_build() {
    let connection = connect(&address(&variable("BUILDKIT_HOST"))).await;
    let began = Instant::now();
    let outcome: Result<(_, ()), _> =
        drive(&connection, &CancellationToken::new(), async |_| Err("the spec has a hole")).await;
    let Err(SolveError::Frontend(error)) = outcome else { panic!("{outcome:?}") };
    assert_eq!(error.to_string(), "the spec has a hole");
    // 5 s for an error from the daemon, which it can't have, and 5 s for its last status.
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
}

#[tokio::test]
async fn cancelling_drops_our_code_too() {
    let connection = connect(&address(&variable("BUILDKIT_HOST"))).await;
    let cancel = CancellationToken::new();
    let outcome: Result<(_, ()), _> = drive(&connection, &cancel, async |handle| {
        cancel.cancel();
        Bridge::new(handle).solve(shell(&format!("sleep 100; : {}", fresh()))).await?;
        Err(Status::new(Code::Internal, "it went on"))
    })
    .await;
    assert!(matches!(outcome, Err(SolveError::Cancelled)), "{outcome:?}");
}
