//! A daemon, with the Engine next to it and the memory of its answers.

use buildkit_client::dial::Connection;
use buildkit_client::engine::Engine;
use buildkit_client::output::DaemonFacts;

use crate::memory::DaemonMemory;
use crate::variables::Variables;

/// A connection to a daemon, with the data that belongs to it on this machine.
#[derive(Clone, Debug)]
pub struct Daemon {
    pub(crate) connection: Connection,
    /// The Engine that loads images of a separate daemon, or that pushes what its own BuildKit cannot push.
    pub(crate) engine: Option<Engine>,
    pub(crate) facts: DaemonFacts,
    pub(crate) memory: Option<DaemonMemory>,
}

impl Daemon {
    /// Creates a daemon. `engine` is the Engine that loads images, if the daemon is not an Engine itself. With `default_load`, images are
    /// loaded unless another output is requested. `variables` name the folder for remembered answers.
    pub async fn new(
        connection: Connection,
        engine: Option<Engine>,
        default_load: bool,
        variables: &Variables,
    ) -> Self {
        let engine = connection.engine().cloned().or(engine);
        let facts = DaemonFacts::from_connection(&connection, engine.as_ref(), default_load).await;
        let memory = DaemonMemory::from_variables(variables, connection.daemon_identity());
        Self { connection, engine, facts, memory }
    }

    /// The connection.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        &self.connection
    }
}
