//! Connections and sessions shared by the builds of one call: a connection for each daemon, and a session for each build context.
//!
//! A daemon reads the build context of a session once. Sessions are therefore not kept after the call: a later call must see
//! changed files.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use buildkit_client::address::Address;
use buildkit_client::dial::{Connection, DialOptions, dial};
use buildkit_client::session::Session;
use futures_util::FutureExt as _;
use tokio::sync::Mutex;

use imagespec_driver::Files;

use crate::error::EngineError;

/// Opens a connection or session when a build first needs it. They are closed when the last clone is dropped.
#[derive(Clone, Debug, Default)]
pub(crate) struct SharedSessions(Arc<Mutex<Vec<Daemon>>>);

#[derive(Debug)]
struct Daemon {
    address: Address,
    connection: Connection,
    contexts: BTreeMap<PathBuf, Arc<Session>>,
}

impl SharedSessions {
    /// The connection to a daemon, and the session that serves the build context on it.
    pub(crate) async fn reach(
        &self,
        address: &Address,
        options: &DialOptions,
        files: &Files,
    ) -> Result<(Connection, Arc<Session>), EngineError> {
        let known = |daemons: &[Daemon]| daemons.iter().position(|daemon| daemon.address == *address);
        let mut daemons = self.0.lock().await;
        if known(&daemons).is_none() {
            // Connect without the lock: an attempt may take long, and must not delay other builds. The first connection is kept.
            drop(daemons);
            let connection = dial(address, options).await?;
            daemons = self.0.lock().await;
            if known(&daemons).is_none() {
                daemons.push(Daemon { address: address.clone(), connection, contexts: BTreeMap::new() });
            }
        }
        let at = known(&daemons).unwrap_or_default();
        let Daemon { connection, contexts, .. } = &mut daemons[at];
        // A session is closed if its daemon was restarted.
        contexts.retain(|_, session| session.closed().now_or_never().is_none());
        let session = match contexts.get(&files.context) {
            Some(session) => Arc::clone(session),
            None => {
                let session = Arc::new(files.context_session().open(connection.channel.clone()).await?);
                contexts.insert(files.context.clone(), Arc::clone(&session));
                session
            }
        };
        Ok((connection.clone(), session))
    }
}
