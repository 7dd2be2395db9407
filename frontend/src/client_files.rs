//! Files that the client has and a plan wants to know: some of the context, some beside the spec. They are read where they are if
//! the frontend runs there. Else each side comes in one go through the daemon, because a build with nothing to do is mostly waiting
//! for answers.
//!
//! Decides nothing: what is asked for comes from the planner.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use buildkit_gateway::contexts::{CONTEXT_LOCAL, IGNORE_FILE, IgnoreFile};
use buildkit_gateway::{Bridge, BuildOptions, Status};
use futures_util::future::{try_join, try_join_all};
use imagespec_compile::{Facts, Need};

use crate::load;

/// Bytes by path; `None` where there is no such file.
type Files = BTreeMap<String, Option<Vec<u8>>>;

/// One of the two folders that a client has for a build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The build context.
    Context,
    /// The folder of the spec.
    Spec,
}

/// What a client has at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AtPath {
    /// A file with these bytes.
    File(Vec<u8>),
    /// Nothing.
    Nothing,
    /// Something that has to be looked at as the daemon does, such as a link.
    AskDaemon,
}

/// The files of the client, for a frontend that runs where they are. Whoever has them reads nothing outside of the two folders,
/// since a daemon would not be sent it either.
pub trait ClientFiles: Debug + Send + Sync {
    /// What is at a relative path of one side. It may take a moment, but waits for nobody.
    fn read(&self, side: Side, path: &str) -> AtPath;
}

/// Whether a need is for a file of the client's.
pub(crate) fn is_one(need: &Need) -> bool {
    matches!(need, Need::ContextFile { .. } | Need::SpecFile { .. } | Need::ContextIgnore)
}

/// What was found, for [`Found::note`].
pub(crate) struct Found {
    needs: Vec<Need>,
    context: Files,
    beside: Files,
}

/// What these needs ask for, read where the client's files are; `None` where the daemon has to be asked for one of them.
pub(crate) fn at_hand(options: &BuildOptions, client: &dyn ClientFiles, needs: &[Need]) -> Option<Found> {
    // Of another context the client has nothing.
    load::local_name(options).ok()?;
    let Paths { context, beside } = Paths::of(options, needs);
    let (context, beside) = (read(client, Side::Context, context)?, read(client, Side::Spec, beside)?);
    Some(Found { needs: needs.to_vec(), context, beside })
}

/// Fetches what these needs ask for through the daemon.
pub(crate) async fn fetch(bridge: &Bridge, options: &BuildOptions, needs: Vec<Need>) -> Result<Found, Status> {
    if needs.is_empty() {
        return Ok(Found { needs, context: Files::new(), beside: Files::new() });
    }
    let Paths { context, beside } = Paths::of(options, &needs);
    let of_spec = load::local_name(options)?;
    let (context, beside) =
        try_join(files(bridge, options, CONTEXT_LOCAL, context), files(bridge, options, &of_spec, beside)).await?;
    Ok(Found { needs, context, beside })
}

/// What needs ask for, by side.
#[derive(Default)]
struct Paths {
    context: BTreeSet<String>,
    beside: BTreeSet<String>,
}

impl Paths {
    fn of(options: &BuildOptions, needs: &[Need]) -> Self {
        let Self { mut context, mut beside } = Self::default();
        for need in needs {
            match need {
                Need::ContextFile { path } => _ = context.insert(path.clone()),
                Need::SpecFile { name } => _ = beside.insert(load::beside_spec(options, name)),
                Need::ContextIgnore => {
                    context.insert(IGNORE_FILE.to_owned());
                    beside.extend(own_ignore(options));
                }
                _ => {}
            }
        }
        Self { context, beside }
    }
}

impl Found {
    /// Writes down what was asked for.
    ///
    /// # Errors
    /// A file that is no text.
    pub(crate) fn note(mut self, options: &BuildOptions, facts: &mut Facts) -> Result<(), Status> {
        for need in std::mem::take(&mut self.needs) {
            match need {
                Need::ContextFile { path } => {
                    let text = text(&path, self.context.get(&path))?;
                    facts.context_files.insert(path, text);
                }
                Need::SpecFile { name } => {
                    let path = load::beside_spec(options, &name);
                    let text = text(&path, self.beside.get(&path))?;
                    facts.spec_files.insert(name, text);
                }
                Need::ContextIgnore => {
                    // The one beside the spec, else the one at the context's root.
                    let own = own_ignore(options).and_then(|path| self.beside.get(&path)?.as_deref());
                    let bytes = own.or_else(|| self.context.get(IGNORE_FILE)?.as_deref());
                    facts.context_ignore = Some(bytes.map(IgnoreFile::parse).unwrap_or_default());
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// The ignore file that belongs to this spec alone.
fn own_ignore(options: &BuildOptions) -> Option<String> {
    options.filename.as_deref().map(IgnoreFile::beside)
}

async fn files(bridge: &Bridge, options: &BuildOptions, local: &str, paths: BTreeSet<String>) -> Result<Files, Status> {
    if paths.is_empty() {
        return Ok(Files::new());
    }
    let paths: Vec<String> = paths.into_iter().collect();
    let title = format!("[internal] load {}", paths.join(", "));
    let reference = load::local_files(bridge, options, local, &paths, &title).await?;
    let read = paths.into_iter().map(|path| {
        let reference = &reference;
        async move {
            let bytes = load::read_if_there(bridge, reference, &path).await?;
            Ok::<_, Status>((path, bytes))
        }
    });
    Ok(try_join_all(read).await?.into_iter().collect())
}

/// All of these files, unless the daemon has to be asked for one.
fn read(client: &dyn ClientFiles, side: Side, paths: BTreeSet<String>) -> Option<Files> {
    let read = paths.into_iter().map(|path| match client.read(side, &path) {
        AtPath::File(bytes) => Some((path, Some(bytes))),
        AtPath::Nothing => Some((path, None)),
        AtPath::AskDaemon => None,
    });
    read.collect()
}

fn text(path: &str, bytes: Option<&Option<Vec<u8>>>) -> Result<Option<String>, Status> {
    let text = bytes.and_then(Option::as_deref).map(std::str::from_utf8).transpose();
    let text = text.map_err(|_| Status::failed(format!("{path} is not UTF-8 text")))?;
    Ok(text.map(str::to_owned))
}
