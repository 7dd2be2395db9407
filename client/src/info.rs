//! What a daemon reports about itself: version, workers, platforms, labels.
//!
//! LLB capabilities are reported by the gateway's Ping; see the gateway crate.

use buildkit_proto::rpc::control::{InfoRequest, ListWorkersRequest};
use tonic::Code;

pub use crate::worker::{Version, Worker};

use crate::dial::Connection;
use crate::error::SolveError;

/// The version and workers of a daemon.
///
/// ```no_run
/// use buildkit_client::info::info;
///
/// # async fn example(connection: &buildkit_client::dial::Connection) -> Result<(), buildkit_client::error::SolveError> {
/// let daemon = info(connection).await?;
/// for worker in &daemon.workers {
///     println!("{}: {}", worker.id, worker.platforms.join(", "));
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DaemonInfo {
    /// BuildKit's version as reported by the daemon. Engines of distributions report `v0.0.0+unknown`, old Engines nothing.
    pub version: Option<Version>,
    /// The first one is the default worker.
    pub workers: Vec<Worker>,
}

/// Asks a daemon for its version and workers. A daemon too old to report its version still lists its workers.
///
/// # Errors
/// The daemon is gone or refuses to list its workers.
pub async fn info(connection: &Connection) -> Result<DaemonInfo, SolveError> {
    let mut control = connection.control();
    let version = match control.info(InfoRequest {}).await {
        Ok(answer) => answer.into_inner().buildkit_version.and_then(Version::from_wire),
        Err(status) if status.code() == Code::Unimplemented => None,
        Err(status) => return Err(SolveError::from_status(&status)),
    };
    let answer =
        control.list_workers(ListWorkersRequest::default()).await.map_err(|status| SolveError::from_status(&status))?;
    let workers: Vec<Worker> = answer.into_inner().record.into_iter().map(Worker::from_wire).collect();
    let version = version.or_else(|| workers.first().and_then(|worker| worker.version.clone()));
    Ok(DaemonInfo { version, workers })
}
