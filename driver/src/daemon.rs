//! A daemon, with what decides where results can go and what is remembered of it.

use buildkit_client::dial::Connection;
use buildkit_client::engine::Engine;
use buildkit_client::output::DaemonFacts;

use crate::memory::DaemonMemory;
use crate::variables::Variables;

/// A connection to a daemon, and what belongs to it on this machine.
#[derive(Clone, Debug)]
pub struct Daemon {
    pub(crate) connection: Connection,
    /// The Engine that loads what a daemon of its own builds, or that pushes what its own BuildKit cannot.
    pub(crate) engine: Option<Engine>,
    pub(crate) facts: DaemonFacts,
    pub(crate) memory: Option<DaemonMemory>,
}

impl Daemon {
    /// A daemon. `engine` is the Engine that loads images, if the daemon is none itself; `default_load` loads them unless something
    /// else is asked for. `variables` name the folder of what is remembered.
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
