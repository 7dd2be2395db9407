//! Compressing parts of an image while the rest is still being built.
//!
//! A daemon compresses layers when it exports an image, which is when all of it is there: the processors that were idle while the
//! last step ran are then all wanted at once. Exporting a part to nowhere makes its layers, and the daemon keeps them for the real
//! export. What is built, and when, is not decided here.

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

/// What makes the bytes of a layer, of an exporter's attributes (`moby/buildkit: exporter/containerimage/opts.go`).
const LAYER_ATTRS: [&str; 4] =
    [attr::COMPRESSION, attr::COMPRESSION_LEVEL, attr::FORCE_COMPRESSION, attr::OCI_MEDIATYPES];

/// A part is compressed by one processor; the steps that are still running want some, too.
const MAX_CONCURRENT: usize = 2;

/// Compresses the parts of an image as `exporter` will. To be called within a runtime; ends when nobody sends parts any more.
///
/// A daemon that cannot do it makes no difference: the export compresses what is not compressed yet.
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

/// Ends when nobody sends any more; parts that wait by then are the real export's to compress.
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

/// Whether it fails is no matter: the real export does it again, and says so.
async fn compress(connection: &Connection, session: &SessionId, attrs: BTreeMap<String, String>, part: &Graph) {
    let mut options = SolveOptions::new();
    options.definition = Some(part.to_definition().encode_to_vec());
    options.exporters = vec![Exporter { kind: ExporterKind::Image, attrs }];
    options.internal = true;
    let (sender, unseen) = progress::channel();
    // Updates that nobody reads would pile up, and then nobody could send any.
    drop(unseen);
    let _ = solve(connection, Some(session), options, &sender, &CancellationToken::new()).await;
}
