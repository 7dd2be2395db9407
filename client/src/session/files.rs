//! `moby.filesync.v1.FileSync`: lets the daemon read directories the user named (moby/buildkit:
//! `session/filesync/filesync.go`).
//!
//! A daemon may ask for any part of a directory that is served, whatever an ignore file says: serve the narrowest one
//! that will do. How a tree travels is the `fsutil` module's business.

mod request;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use tonic::Status;
use tonic_prost::ProstCodec;

use super::fsutil::filter::Filter;
use super::fsutil::sender::{OddNames, Source};
use super::fsutil::tree::Tree;
use super::fsutil::wire::Packet;
use super::fsutil::{follow, sender};
use super::grpc::{self, Attachment};
use super::tasks::Tasks;
use request::DirRequest;

pub use super::fsutil::walk::Owner;

const SERVICE: &str = "moby.filesync.v1.FileSync";
/// `TarStream` exists but is never negotiated; the daemon only looks for `DiffCopy` in the list.
const METHODS: [&str; 2] = ["DiffCopy", "TarStream"];

/// A directory that the daemon may read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalDir {
    /// Where it is; links in this path are followed, links below it never.
    pub path: PathBuf,
    /// Whose files the daemon sees.
    pub owner: Owner,
}

impl LocalDir {
    /// A directory whose files the daemon sees as root's.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), owner: Owner::Root }
    }
}

/// Serves the directories under their names in `local://` sources.
pub(crate) fn attach(dirs: BTreeMap<String, LocalDir>, odd_names: OddNames, tasks: &Tasks) -> Attachment {
    let dirs = Arc::new(dirs);
    let tasks = tasks.clone();
    Attachment::new(SERVICE, &METHODS, move |request| {
        let (dirs, odd_names, tasks) = (Arc::clone(&dirs), odd_names.clone(), tasks.clone());
        Box::pin(async move {
            if request.uri().path() != "/moby.filesync.v1.FileSync/DiffCopy" {
                return grpc::unimplemented();
            }
            let wanted = DirRequest::from_headers(request.headers());
            let codec = ProstCodec::<Packet, Packet>::default();
            grpc::streaming(codec, request, async move |inbound| {
                let wanted = wanted?;
                let dir = dirs
                    .get(&wanted.name)
                    .cloned()
                    .ok_or_else(|| Status::not_found(format!("no access allowed to dir {:?}", wanted.name)))?;
                let owner = dir.owner;
                let (tree, filter) = tokio::task::spawn_blocking(move || open(&dir, &wanted))
                    .await
                    .map_err(|error| Status::internal(error.to_string()))??;
                Ok(sender::send(Source { tree, filter, owner, odd_names }, inbound, &tasks))
            })
            .await
        })
    })
}

/// Opens the tree and resolves what the request means in it. Blocking.
fn open(dir: &LocalDir, wanted: &DirRequest) -> Result<(Tree, Filter), Status> {
    let unreadable = |error: super::fsutil::tree::TreeError| {
        Status::failed_precondition(format!("local directory {:?}: {error}", wanted.name))
    };
    let tree = Tree::open(&dir.path).map_err(unreadable)?;
    let include = follow::include_patterns(&tree, &wanted.include, &wanted.follow).map_err(unreadable)?;
    let filter = Filter::new(&include, &wanted.exclude).map_err(|error| Status::invalid_argument(error.to_string()))?;
    Ok((tree, filter))
}
