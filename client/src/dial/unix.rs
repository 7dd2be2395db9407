//! Connects to a socket in the file system. What listens there is not known here.

use std::path::Path;

use tokio::net::UnixStream;

use super::{BoxedIo, DialProblem};

pub(super) async fn open(path: &Path) -> Result<BoxedIo, DialProblem> {
    match UnixStream::connect(path).await {
        Ok(stream) => Ok(Box::new(stream)),
        Err(error) => Err(DialProblem::Connect(error)),
    }
}
