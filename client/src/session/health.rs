//! `grpc.health.v1.Health`: the daemon sends a check every five seconds, and closes a session after two checks without an
//! answer (moby/buildkit: `session/grpc.go`, `monitorHealth`).
//!
//! The client uses the checks as a heartbeat: BuildKit sends no HTTP/2 pings, so only missing checks reveal a dead connection.
//! An answer needs no lock and no disk access.

use std::time::Duration;

use buildkit_proto::rpc::health::health_check_response::ServingStatus;
use buildkit_proto::rpc::health::health_server::{self, HealthServer};
use buildkit_proto::rpc::health::{HealthCheckRequest, HealthCheckResponse, HealthListRequest, HealthListResponse};
use tokio::sync::watch;
use tokio::time::Instant;
use tonic::{Request, Response, Status};

use super::grpc::{Attachment, BoxStream};

const METHODS: [&str; 3] = ["Check", "List", "Watch"];

/// The time of the last check.
#[derive(Clone, Debug)]
pub(super) struct Heartbeat(watch::Sender<Option<Instant>>);

impl Heartbeat {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(None))
    }

    fn beat(&self) {
        self.0.send_replace(Some(Instant::now()));
    }

    /// Returns when there was no check for `limit`. Does not return if the daemon has never sent one.
    pub(super) async fn stopped(&self, limit: Duration) {
        let mut beats = self.0.subscribe();
        loop {
            let last = *beats.borrow_and_update();
            let silence = async {
                match last {
                    Some(last) => tokio::time::sleep_until(last + limit).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = silence => return,
                // `self` holds the sender, so this only ends with another beat.
                _ = beats.changed() => {}
            }
        }
    }
}

pub(super) fn attach(heartbeat: Heartbeat) -> Attachment {
    Attachment::generated(health_server::SERVICE_NAME, &METHODS, HealthServer::new(Service(heartbeat)))
}

struct Service(Heartbeat);

#[tonic::async_trait]
impl health_server::Health for Service {
    type WatchStream = BoxStream<HealthCheckResponse>;

    async fn check(&self, _: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        self.0.beat();
        Ok(Response::new(HealthCheckResponse { status: ServingStatus::Serving.into() }))
    }

    async fn list(&self, _: Request<HealthListRequest>) -> Result<Response<HealthListResponse>, Status> {
        Err(Status::unimplemented("only Check is served"))
    }

    async fn watch(&self, _: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        Err(Status::unimplemented("only Check is served"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn misses_a_daemon_that_stops_asking() {
        let heartbeat = Heartbeat::new();
        let limit = Duration::from_secs(60);
        let start = Instant::now();
        let beating = async {
            for _ in 0..10 {
                tokio::time::sleep(Duration::from_secs(5)).await;
                heartbeat.beat();
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = heartbeat.stopped(limit) => {}
            () = beating => {}
        }
        assert_eq!(start.elapsed(), Duration::from_secs(50 + 60));
    }

    #[tokio::test(start_paused = true)]
    async fn does_not_miss_a_daemon_that_never_asks() {
        let heartbeat = Heartbeat::new();
        let stopped = heartbeat.stopped(Duration::from_secs(60));
        let hour = Duration::from_secs(3600);
        assert!(tokio::time::timeout(hour, stopped).await.is_err());
    }
}
