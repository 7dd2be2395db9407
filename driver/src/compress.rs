//! Compresses parts of an image while the rest is built.
//!
//! A daemon compresses layers when it exports an image, at the end of the build. While the last steps run, processors are often
//! idle. Exporting a finished part without a destination compresses its layers, and the daemon reuses them for the final export.

use std::collections::BTreeMap;
use std::sync::Arc;

use buildkit_client::dial::Connection;
use buildkit_client::progress;
use buildkit_client::session::SessionId;
use buildkit_client::solve::{Exporter, ExporterKind, SolveOptions, solve};
use buildkit_llb::Graph;
use buildkit_proto::Message as _;
use buildkit_proto::keys::exporter_attr as attr;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// The exporter attributes that determine the bytes of a layer (`moby/buildkit: exporter/containerimage/opts.go`).
const LAYER_ATTRS: [&str; 4] =
    [attr::COMPRESSION, attr::COMPRESSION_LEVEL, attr::FORCE_COMPRESSION, attr::OCI_MEDIATYPES];

/// The maximum number of parts that are compressed at once. Each needs one processor, and running steps need some too.
const MAX_CONCURRENT: usize = 2;

/// Compresses the parts of an image like `exporter`. Must be called within a runtime; it ends when all senders are dropped.
///
/// Failures have no effect: the final export compresses layers that are not compressed yet.
pub(crate) fn compress_ahead(
    connection: &Connection,
    session: &SessionId,
    exporter: &Exporter,
    parts: UnboundedReceiver<Graph>,
) {
    let attrs = exporter.attrs.iter().filter(|(name, _)| LAYER_ATTRS.contains(&name.as_str()));
    let attrs = attrs.map(|(name, value)| (name.clone(), value.clone())).collect();
    tokio::spawn(run(connection.clone(), session.clone(), attrs, parts));
}

/// Runs until all senders are dropped. Parts that are still waiting are left to the final export.
async fn run(
    connection: Connection,
    session: SessionId,
    attrs: BTreeMap<String, String>,
    mut parts: UnboundedReceiver<Graph>,
) {
    let width = Arc::new(Semaphore::new(MAX_CONCURRENT));
    let ended = CancellationToken::new();
    let mut running = JoinSet::new();
    while let Some(part) = parts.recv().await {
        let (connection, session, attrs) = (connection.clone(), session.clone(), attrs.clone());
        let (width, ended) = (width.clone(), ended.clone());
        running.spawn(async move {
            let Ok(_turn) = width.acquire().await else { return };
            if !ended.is_cancelled() {
                compress(&connection, &session, attrs, &part).await;
            }
        });
    }
    ended.cancel();
    while running.join_next().await.is_some() {}
}

/// Compresses a part. An error is ignored, because the final export repeats the work and reports it.
async fn compress(connection: &Connection, session: &SessionId, attrs: BTreeMap<String, String>, part: &Graph) {
    let mut options = SolveOptions::new();
    options.definition = Some(part.to_definition().encode_to_vec());
    options.exporters = vec![Exporter { kind: ExporterKind::Image, attrs }];
    options.internal = true;
    let (sender, unseen) = progress::channel();
    // Without a reader, progress updates would fill the channel and block their sender.
    drop(unseen);
    let _ = solve(connection, Some(session), options, &sender, &CancellationToken::new()).await;
}
