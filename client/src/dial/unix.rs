//! Connects to a Unix socket.

use std::path::Path;

use tokio::net::UnixStream;

use super::{BoxedIo, DialProblem};

pub(super) async fn open(path: &Path) -> Result<BoxedIo, DialProblem> {
    match UnixStream::connect(path).await {
        Ok(stream) => Ok(Box::new(stream)),
        Err(error) => Err(DialProblem::Connect(error)),
    }
}
