//! Loads the spec from the client, and reads files of results.
//!
//! This module does not parse files.

use buildkit_gateway::contexts::{ContextSource, IgnoreFile, main_context};
use buildkit_gateway::{Bridge, BuildOptions, GatewayError, Reference, SolveRequest, Stat, Status};
use buildkit_llb::{GraphBuilder, LocalSource, Note, Source};

/// The default name of the spec. Docker's clients always pass a name.
const DEFAULT_NAME: &str = "imagespec.yaml";

/// The spec's name for messages, and its bytes.
pub(crate) async fn spec(bridge: &Bridge, options: &BuildOptions) -> Result<(String, Vec<u8>), Status> {
    let name = options.filename.clone().unwrap_or_else(|| DEFAULT_NAME.to_owned());
    let local = local_name(options)?;
    let title = format!("[internal] load build definition from {name}");
    let files = [name.clone(), IgnoreFile::path_for(&name)];
    let reference = local_files(bridge, options, &local, &files, &title).await?;
    let bytes = read(bridge, &reference, &name).await.map_err(|error| {
        if error.is_missing_file() {
            Status::failed(format!("there is no spec file {name}"))
        } else {
            Status::from(error)
        }
    })?;
    Ok((name, bytes))
}

/// The path of a file next to the spec, in the local source with the spec.
pub(crate) fn spec_sibling(options: &BuildOptions, name: &str) -> String {
    let spec = options.filename.as_deref().unwrap_or(DEFAULT_NAME);
    spec.rsplit_once('/').map_or_else(|| name.to_owned(), |(folder, _)| format!("{folder}/{name}"))
}

/// A file's bytes; `None` if the file does not exist.
pub(crate) async fn read_if_there(
    bridge: &Bridge,
    reference: &Reference,
    path: &str,
) -> Result<Option<Vec<u8>>, GatewayError> {
    match read(bridge, reference, path).await {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.is_missing_file() => Ok(None),
        Err(error) => Err(error),
    }
}

/// The maximum size of a file that is read as a whole.
const MAX_BYTES: u64 = 32 << 20;

/// Reads a file. Images, packages and clients decide how large it is.
pub(crate) async fn read(bridge: &Bridge, reference: &Reference, path: &str) -> Result<Vec<u8>, GatewayError> {
    let bytes = bridge.read_file(reference, path, Some(0..MAX_BYTES + 1)).await?;
    match bytes.len() as u64 > MAX_BYTES {
        true => Err(GatewayError::Invalid("a file that is read as a whole has more than 32 MiB")),
        false => Ok(bytes),
    }
}

/// The metadata of a path, with links followed; `None` if nothing exists there.
pub(crate) async fn stat_if_there(
    bridge: &Bridge,
    reference: &Reference,
    path: &str,
) -> Result<Option<Stat>, GatewayError> {
    match bridge.stat_file(reference, path).await {
        Ok(stat) => Ok(Some(stat)),
        Err(error) if error.is_missing_file() => Ok(None),
        Err(error) => Err(error),
    }
}

/// The name of the local source with the spec.
pub(crate) fn local_name(options: &BuildOptions) -> Result<String, Status> {
    let context = main_context(options, |_| false).map_err(|error| Status::failed(error.to_string()))?;
    match (context.context, context.spec) {
        (ContextSource::Local { .. }, ContextSource::Local { name }) => Ok(name),
        _ => Err(Status::failed("only local build contexts are supported: build from a folder, not from a URL")),
    }
}

pub(crate) async fn local_files(
    bridge: &Bridge,
    options: &BuildOptions,
    local: &str,
    files: &[String],
    title: &str,
) -> Result<Reference, Status> {
    let mut graph = GraphBuilder::new();
    let source = graph.source(Source::local(LocalSource {
        session: Some(options.session_of(local).to_owned()),
        follow: files.to_vec(),
        shared_key_hint: Some(format!("{local}:{}", files.first().map_or("", String::as_str))),
        ..LocalSource::new(local)
    }));
    graph.annotate(source.op(), Note::named(title));
    // A single source with a scheme always passes verification.
    let graph = graph.finish(Some(source)).expect("a single source is a sound graph");
    solve_single(bridge, graph.to_definition()).await
}

/// Solves a graph with one result.
pub(crate) async fn solve_single(
    bridge: &Bridge,
    definition: buildkit_proto::pb::Definition,
) -> Result<Reference, Status> {
    let reference = solve(bridge, SolveRequest::definition(definition)).await?;
    reference.ok_or_else(|| Status::failed("the daemon returned no result for a graph"))
}

/// Solves a request with one result, which may be an empty filesystem.
pub(crate) async fn solve(bridge: &Bridge, request: SolveRequest) -> Result<Option<Reference>, Status> {
    let solved = bridge.solve(request).await?;
    Ok(solved.single_ref().map_err(|error| Status::failed(error.to_string()))?.cloned())
}
