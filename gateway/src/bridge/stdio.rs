//! The transport of a frontend container: this process's own stdin and stdout.
//!
//! Raw descriptors, because Rust's `Stdout` buffers lines. Knows nothing of gRPC.

use std::io;
use std::os::fd::AsFd as _;

use hyper_util::rt::TokioIo;
use tokio::net::unix::pipe;
use tonic::transport::{Channel, Endpoint, Uri};

use crate::error::GatewayError;

/// Error details travel base64-coded in trailers, with whole specs and graphs in them; hyper's own limit is 16 KiB.
pub(super) const MAX_HEADER_LIST_SIZE: u32 = 16 << 20;

/// Opens the one connection there is; once it is gone, it is gone.
pub(super) async fn connect() -> Result<Channel, GatewayError> {
    let io = pipes().map_err(GatewayError::Stdio)?;
    let mut io = Some(TokioIo::new(io));
    let connector = tower::service_fn(move |_: Uri| {
        let io =
            io.take().ok_or_else(|| io::Error::new(io::ErrorKind::NotConnected, "stdin and stdout can be used once"));
        std::future::ready(io)
    });
    // The authority is sent but means nothing on a pipe.
    Endpoint::from_static("http://localhost")
        .http2_max_header_list_size(MAX_HEADER_LIST_SIZE)
        .connect_with_connector(connector)
        .await
        .map_err(|error| GatewayError::Handshake(error.into()))
}

fn pipes() -> io::Result<tokio::io::Join<pipe::Receiver, pipe::Sender>> {
    let stdin = io::stdin().as_fd().try_clone_to_owned()?;
    let stdout = io::stdout().as_fd().try_clone_to_owned()?;
    Ok(tokio::io::join(pipe::Receiver::from_owned_fd(stdin)?, pipe::Sender::from_owned_fd(stdout)?))
}
