//! The tasks of one session, which end with the session.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long [`Tasks::stop`] waits for blocking work. It can't be interrupted, and a read from a dead network file system must
/// not keep the program from ending.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Starts tasks and ends all of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tasks {
    tracker: TaskTracker,
    cancelled: CancellationToken,
}

impl Tasks {
    /// Runs a future until it is done or the session ends.
    pub(crate) fn spawn<F>(&self, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let cancelled = self.cancelled.clone();
        self.tracker.spawn(async move {
            cancelled.run_until_cancelled(future).await;
        });
    }

    /// Runs blocking work. It must end by itself when its channels close at the end of the session.
    pub(crate) fn spawn_blocking(&self, work: impl FnOnce() + Send + 'static) {
        self.tracker.spawn_blocking(work);
    }

    /// Ends all tasks and waits for them.
    pub(crate) async fn stop(&self) {
        self.cancelled.cancel();
        self.tracker.close();
        let _still_blocking = tokio::time::timeout(STOP_TIMEOUT, self.tracker.wait()).await;
    }
}

/// Lets hyper start its request handlers as tasks of the session.
impl<F> hyper::rt::Executor<F> for Tasks
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        self.spawn(async move {
            future.await;
        });
    }
}
