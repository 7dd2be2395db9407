//! What the builds of one call have in common: the connection to a daemon, and a session for every build context.
//!
//! The daemon reads a session's folder once. That is why nothing is shared beyond a call: a later one is to see what has changed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use buildkit_client::address::Address;
use buildkit_client::dial::{Connection, DialOptions, dial};
use buildkit_client::session::Session;
use futures_util::FutureExt as _;
use tokio::sync::Mutex;

use crate::error::EngineError;
use crate::files::Files;

/// Opens what a build asks for first, and closes it when the last clone is gone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Together(Arc<Mutex<Vec<Daemon>>>);

#[derive(Debug)]
struct Daemon {
    address: Address,
    connection: Connection,
    contexts: BTreeMap<PathBuf, Session>,
}

impl Together {
    /// The connection to a daemon, and the id of the session there that has the build context.
    pub(crate) async fn reach(
        &self,
        address: &Address,
        options: &DialOptions,
        files: &Files,
    ) -> Result<(Connection, String), EngineError> {
        let known = |daemons: &[Daemon]| daemons.iter().position(|daemon| daemon.address == *address);
        let mut daemons = self.0.lock().await;
        if known(&daemons).is_none() {
            // Nobody waits for the attempt of another, which may take long; who is first is the one that all use.
            drop(daemons);
            let connection = dial(address, options).await?;
            daemons = self.0.lock().await;
            if known(&daemons).is_none() {
                daemons.push(Daemon { address: address.clone(), connection, contexts: BTreeMap::new() });
            }
        }
        let at = known(&daemons).unwrap_or_default();
        let Daemon { connection, contexts, .. } = &mut daemons[at];
        // A daemon that was started again knows nothing of it.
        contexts.retain(|_, session| session.closed().now_or_never().is_none());
        let id = match contexts.get(&files.context) {
            Some(session) => session.id().to_string(),
            None => {
                let session = files.context_session().open(connection.channel.clone()).await?;
                let id = session.id().to_string();
                contexts.insert(files.context.clone(), session);
                id
            }
        };
        Ok((connection.clone(), id))
    }
}
