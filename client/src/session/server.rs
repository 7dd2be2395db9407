//! The HTTP/2 server on a session's byte stream. It routes requests by service name.
//!
//! hyper is used directly because its connection is a future that ends when the connection does; tonic's own server would
//! hide that.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::server::conn::http2::Builder;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::grpc::{self, Attachment, Request, RequestBody};
use super::tasks::Tasks;

/// How much one export may send before it is written to disk.
const STREAM_WINDOW: u32 = 4 * 1024 * 1024;
/// Unread content of all streams counts against this window, and a health check must still fit. It is therefore many times
/// the window of a stream. hyper's adaptive windows are not used, because one waiting export would fill both.
const CONNECTION_WINDOW: u32 = 64 * STREAM_WINDOW;
/// Patterns are sent as headers. A Go server accepts about a megabyte of headers; hyper's default is 16 KiB.
const MAX_HEADER_LIST_SIZE: u32 = 4 * 1024 * 1024;
/// One build can request many files and secrets at once. Beyond this limit a Go client delays further calls, including health
/// checks.
const MAX_CONCURRENT_CALLS: u32 = 1024;

/// The services of a session by name.
#[derive(Clone)]
pub(super) struct Services {
    by_name: Arc<BTreeMap<&'static str, Attachment>>,
}

impl Services {
    pub(super) fn new(attachments: Vec<Attachment>) -> Self {
        let by_name = attachments.into_iter().map(|attachment| (attachment.service, attachment));
        Self { by_name: Arc::new(by_name.collect()) }
    }

    /// All served methods, as `/package.Service/Method`.
    pub(super) fn methods(&self) -> impl Iterator<Item = String> {
        self.by_name
            .values()
            .flat_map(|attachment| attachment.methods.iter().map(|method| format!("/{}/{method}", attachment.service)))
    }

    async fn call(&self, request: Request) -> grpc::Response {
        let path = request.uri().path();
        let service = path.strip_prefix('/').and_then(|path| path.split_once('/'));
        match service.and_then(|(name, _)| self.by_name.get(name)) {
            Some(attachment) => attachment.call(request).await,
            None => grpc::unimplemented(),
        }
    }
}

/// Serves until the connection ends.
pub(super) async fn serve<IO>(io: IO, services: Services, tasks: Tasks) -> Result<(), hyper::Error>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let service = service_fn(move |request: http::Request<Incoming>| {
        let services = services.clone();
        async move { Ok::<_, Infallible>(services.call(request.map(RequestBody::from)).await) }
    });
    Builder::new(tasks)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(MAX_HEADER_LIST_SIZE)
        .max_concurrent_streams(MAX_CONCURRENT_CALLS)
        .serve_connection(TokioIo::new(io), service)
        .await
}
