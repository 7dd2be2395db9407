//! The client of BuildKit's LLBBridge service (`moby/buildkit: frontend/gateway/gateway.go`, `control/gateway/gateway.go`).
//!
//! One `Bridge` is one build, whether we are a frontend container on stdio or a client on the control connection.
//! It knows capabilities and picks the call an old daemon understands; it knows nothing of graphs, specs or progress,
//! and never retries what is not documented to be retried.

mod answer;
mod files;
mod image;
mod solve;
mod source;
mod stdio;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use buildkit_proto::rpc::gateway;
use http::uri::PathAndQuery;
use tokio::sync::OnceCell;
use tokio_stream::Stream;
use tonic::client::Grpc;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Channel;
use tonic::{Code, Streaming};
use tonic_prost::ProstCodec;

pub use answer::Warning;
pub use buildkit_llb::ResolveMode;
pub use files::Stat;
pub use image::{OciStore, ResolvedImage};
pub use solve::{CacheImport, SolveRequest};
pub use source::{
    AttestationBlob, AttestationChain, ChecksumAlgorithm, GitMeta, HttpMeta, ImageMeta, SourceMeta, SourceQuery,
};

use crate::error::{GatewayError, with_causes};
use crate::pong::Pong;
use crate::status::Status;

/// The limit both ways since BuildKit 0.14 (`moby/buildkit: frontend/gateway/gateway.go`, containerd's defaults).
const MAX_MESSAGE_SIZE: usize = 16 << 20;
/// How long a daemon may take to answer `Ping` (`moby/buildkit: frontend/gateway/grpcclient/client.go`).
const PING_TIMEOUT: Duration = Duration::from_secs(15);
/// How long we keep asking for a build whose `Control.Solve` may not have got so far yet.
const JOB_TIMEOUT: Duration = Duration::from_secs(60);
/// Between two such requests; the daemon itself waits 3 s before it refuses.
const JOB_PAUSE: Duration = Duration::from_millis(100);
/// Names the build on the control connection (`moby/buildkit: client/buildid/metadata.go`).
const BUILD_ID_HEADER: &str = "buildkit-controlapi-buildid";

/// A build in a daemon, as a frontend sees it. Cloning is cheap and calls may run in parallel.
///
/// ```no_run
/// # use buildkit_gateway::{Bridge, Definition, GatewayError, SolveRequest};
/// # async fn hosts(bridge: &Bridge, graph: Definition) -> Result<Option<Vec<u8>>, GatewayError> {
/// let solved = bridge.solve(SolveRequest::definition(graph)).await?;
/// let Ok(Some(rootfs)) = solved.single_ref() else { return Ok(None) };
/// # Ok(Some(
/// bridge.read_file(rootfs, "/etc/hosts", None).await?
/// # ))
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Bridge {
    channel: Channel,
    build_ref: Option<MetadataValue<Ascii>>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    pong: OnceCell<Pong>,
    over: AtomicBool,
    /// The error of a lost connection.
    lost: OnceLock<String>,
    returned: AtomicBool,
}

/// An LLBBridge method: its name for messages and its path for the wire.
pub(crate) struct Method {
    pub(crate) name: &'static str,
    path: &'static str,
}

impl Method {
    pub(crate) const fn new(name: &'static str, path: &'static str) -> Self {
        Self { name, path }
    }
}

macro_rules! method {
    ($name:literal) => {
        crate::bridge::Method::new($name, concat!("/moby.buildkit.v1.frontend.LLBBridge/", $name))
    };
}
pub(crate) use method;

impl Bridge {
    /// The bridge of a frontend container: HTTP/2 by prior knowledge over file descriptors 0 and 1.
    ///
    /// From here on nothing may be printed to stdout; stderr goes to the daemon's log.
    ///
    /// # Errors
    /// If stdin and stdout are not pipes, or their other ends do not speak HTTP/2.
    pub async fn over_stdio() -> Result<Self, GatewayError> {
        Self::over_channel(stdio::connect().await?, None)
    }

    /// The bridge of a client-side build: `channel` leads to the daemon's control API, `build_ref` is the `Ref` of the
    /// `Control.Solve` that waits for our `Return`.
    ///
    /// The channel should accept header lists of 16 MiB
    /// ([`http2_max_header_list_size`](tonic::transport::Endpoint::http2_max_header_list_size)), because error details
    /// travel in trailers.
    ///
    /// # Errors
    /// If `build_ref` cannot be sent in a header.
    pub fn over_channel(channel: Channel, build_ref: Option<String>) -> Result<Self, GatewayError> {
        let build_ref = build_ref
            .map(MetadataValue::try_from)
            .transpose()
            .map_err(|_| GatewayError::Invalid("the build's ref must be printable ASCII"))?;
        Ok(Self { channel, build_ref, shared: Arc::default() })
    }

    /// The daemon's capabilities and workers. They are requested once; later calls return the same answer.
    ///
    /// On a control connection the build may not be registered yet; that answer is waited out for a minute, so run this
    /// next to `Control.Solve` and drop it if that fails first.
    ///
    /// ```no_run
    /// # use buildkit_gateway::{Bridge, GatewayError, caps};
    /// # async fn can_run(bridge: &Bridge) -> Result<bool, GatewayError> {
    /// let pong = bridge.ping().await?;
    /// # Ok(
    /// pong.gateway_caps.contains(caps::EXEC) && pong.llb_caps.contains("mergeop")
    /// # )
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the daemon does not answer, or refuses.
    pub async fn ping(&self) -> Result<Pong, GatewayError> {
        self.pong().await.cloned()
    }

    async fn pong(&self) -> Result<&Pong, GatewayError> {
        self.shared.pong.get_or_try_init(|| self.first_ping()).await
    }

    async fn first_ping(&self) -> Result<Pong, GatewayError> {
        let give_up = tokio::time::Instant::now() + JOB_TIMEOUT;
        loop {
            match self.one_ping().await {
                Err(GatewayError::Rpc { status, .. })
                    if self.build_ref.is_some() && is_unknown_job(&status) && tokio::time::Instant::now() < give_up =>
                {
                    tokio::time::sleep(JOB_PAUSE).await;
                }
                answer => return answer.map(Pong::from_rpc),
            }
        }
    }

    async fn one_ping(&self) -> Result<gateway::PongResponse, GatewayError> {
        let method = method!("Ping");
        let name = method.name;
        tokio::time::timeout(PING_TIMEOUT, self.call(method, gateway::PingRequest {}))
            .await
            .unwrap_or(Err(GatewayError::NoAnswer { method: name, seconds: PING_TIMEOUT.as_secs() }))
    }

    /// Whether the build was cancelled or the connection lost: nothing more is sent then.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.shared.over.load(Ordering::Acquire)
    }

    /// The error of the connection, if it was lost.
    #[must_use]
    pub fn loss(&self) -> Option<&str> {
        self.shared.lost.get().map(String::as_str)
    }

    fn lose(&self, method: &'static str, source: Box<dyn std::error::Error + Send + Sync>) -> GatewayError {
        // Later calls fail because of the first.
        self.shared.lost.get_or_init(|| with_causes(&*source));
        self.shared.over.store(true, Ordering::Release);
        GatewayError::Lost { method, source }
    }

    pub(crate) async fn has_gateway_cap(&self, capability: &str) -> Result<bool, GatewayError> {
        Ok(self.pong().await?.gateway_caps.contains(capability))
    }

    pub(crate) async fn require_gateway_cap(
        &self,
        capability: &'static str,
        what: &'static str,
    ) -> Result<(), GatewayError> {
        if self.has_gateway_cap(capability).await? {
            Ok(())
        } else {
            Err(GatewayError::MissingCapability { capability: capability.to_owned(), what })
        }
    }

    /// One unary call: adds the build's ref, sets the limits, sorts the failures.
    pub(crate) async fn call<Q, A>(&self, method: Method, request: Q) -> Result<A, GatewayError>
    where
        Q: prost::Message + Send + Sync + 'static,
        A: prost::Message + Default + Send + Sync + 'static,
    {
        let name = method.name;
        self.unary(method, request).await?.map_err(|status| self.classify_failure(name, status))
    }

    /// A call that may be answered with a cancellation which is not the build's.
    pub(crate) async fn call_with_own_cancellation<Q, A>(&self, method: Method, request: Q) -> Result<A, GatewayError>
    where
        Q: prost::Message + Send + Sync + 'static,
        A: prost::Message + Default + Send + Sync + 'static,
    {
        let name = method.name;
        self.unary(method, request).await?.map_err(|status| self.classify_call_failure(name, status))
    }

    async fn unary<Q, A>(&self, method: Method, request: Q) -> Result<Result<A, tonic::Status>, GatewayError>
    where
        Q: prost::Message + Send + Sync + 'static,
        A: prost::Message + Default + Send + Sync + 'static,
    {
        let Method { name, path } = method;
        let mut grpc = self.ready(name).await?;
        let request = self.request(request);
        // Boxed, like the stream below: futures of calls are large, and callers hold several of them.
        let call = Box::pin(grpc.unary(request, PathAndQuery::from_static(path), ProstCodec::<Q, A>::default()));
        let answer = call.await;
        Ok(answer.map(tonic::Response::into_inner))
    }

    /// One call with a stream each way. Returns when the daemon has begun to answer, so the request has to begin by itself.
    pub(crate) async fn stream<Q, A>(
        &self,
        method: Method,
        requests: impl Stream<Item = Q> + Send + 'static,
    ) -> Result<Streaming<A>, GatewayError>
    where
        Q: prost::Message + Send + Sync + 'static,
        A: prost::Message + Default + Send + Sync + 'static,
    {
        let Method { name, path } = method;
        let mut grpc = self.ready(name).await?;
        let requests = self.request(requests);
        let call = Box::pin(grpc.streaming(requests, PathAndQuery::from_static(path), ProstCodec::<Q, A>::default()));
        let answer = call.await;
        answer.map(tonic::Response::into_inner).map_err(|status| self.classify_call_failure(name, status))
    }

    async fn ready(&self, name: &'static str) -> Result<Grpc<Channel>, GatewayError> {
        if self.is_over() {
            return Err(GatewayError::Over { method: name });
        }
        let mut grpc = Grpc::new(self.channel.clone())
            .max_decoding_message_size(MAX_MESSAGE_SIZE)
            .max_encoding_message_size(MAX_MESSAGE_SIZE);
        if let Err(source) = grpc.ready().await {
            return Err(self.lose(name, source.into()));
        }
        Ok(grpc)
    }

    fn request<T>(&self, message: T) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message);
        if let Some(build_ref) = &self.build_ref {
            request.metadata_mut().insert(BUILD_ID_HEADER, build_ref.clone());
        }
        request
    }

    fn classify_failure(&self, method: &'static str, status: tonic::Status) -> GatewayError {
        match self.classify_call_failure(method, status) {
            GatewayError::Rpc { method, status } if self.means_over(&status) => {
                self.shared.over.store(true, Ordering::Release);
                GatewayError::Canceled { method, status }
            }
            error => error,
        }
    }

    /// Statuses with a source were made on our side, out of a transport failure; the daemon's have none.
    pub(crate) fn classify_call_failure(&self, method: &'static str, status: tonic::Status) -> GatewayError {
        if std::error::Error::source(&status).is_some() {
            return self.lose(method, status.into());
        }
        GatewayError::Rpc { method, status: Status::from_rpc(&status) }
    }

    fn means_over(&self, status: &Status) -> bool {
        // On a control connection, cancelling `Control.Solve` does not end our pending calls; it unregisters the build.
        let is_unregistered = self.build_ref.is_some() && self.shared.pong.initialized() && is_unknown_job(status);
        status.code() == Code::Cancelled || is_unregistered
    }
}

/// The daemon's message for a build it has not registered (`moby/buildkit: solver/errdefs/jobs.go`).
fn is_unknown_job(status: &Status) -> bool {
    status.code() == Code::NotFound && status.message.contains("no such job")
}
