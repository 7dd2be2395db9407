//! Files of the client that a plan depends on: some of the context, some next to the spec. If the frontend runs on the client, they are
//! read directly. Otherwise the files of each folder are requested through the daemon at once, because a build without changes mostly
//! waits for answers.
//!
//! The planner decides which files are needed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use buildkit_gateway::contexts::{CONTEXT_LOCAL, IGNORE_FILE, IgnoreFile};
use buildkit_gateway::{Bridge, BuildOptions, Status};
use futures_util::future::{try_join, try_join_all};
use imagespec_compile::{AnyQuestion, Fact, SelectionFact, Text, question};

use crate::load;

/// Bytes by path; `None` if the file does not exist.
type Files = BTreeMap<String, Option<Vec<u8>>>;

/// One of the two folders of a build on the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The build context.
    Context,
    /// The spec's folder.
    Spec,
}

/// The result of reading a path on the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AtPath {
    /// The content of a file.
    File(Vec<u8>),
    /// Nothing exists at the path.
    Nothing,
    /// Only the daemon can resolve the path, for example because it is a link.
    AskDaemon,
}

/// The client's files, for a frontend that runs on the client. Implementations must not read outside the two folders, because the client
/// would not send such files to a daemon.
pub trait ClientFiles: Debug + Send + Sync {
    /// Reads a relative path of one folder. The call may take a moment, but must not wait for other processes.
    fn read(&self, side: Side, path: &str) -> AtPath;

    /// Lists files of the context. The call may take as long as it takes to list the folders.
    ///
    /// # Errors
    /// A message, if the context cannot be read.
    fn select(&self, question: &question::Selection) -> Result<SelectionFact, String>;
}

/// Whether a question is answered by a few files of the client.
pub(crate) fn is_about_files(question: &AnyQuestion) -> bool {
    matches!(question, AnyQuestion::ContextFile(_) | AnyQuestion::SpecFile(_) | AnyQuestion::ContextIgnore(_))
        || matches!(question, AnyQuestion::FolderIgnore(_) | AnyQuestion::Selection(_))
}

/// Answers questions by reading the client's files. `None` if the daemon has to be asked for one of them.
///
/// # Errors
/// A question is not about files.
pub(crate) fn read_at_hand(
    options: &BuildOptions,
    client: &dyn ClientFiles,
    questions: &[AnyQuestion],
) -> Result<Option<Vec<Fact>>, Status> {
    // The client does not have files of other contexts.
    if load::local_name(options).is_err() {
        return Ok(None);
    }
    let Paths { context, spec_folder } = Paths::new(options, questions);
    let (context, spec_folder) = (read(client, Side::Context, context), read(client, Side::Spec, spec_folder));
    let (Some(context), Some(spec_folder)) = (context, spec_folder) else { return Ok(None) };
    Contents { context, spec_folder, client: Some(client) }.answers(options, questions).map(Some)
}

/// Answers questions through the daemon. Listings are the client's.
///
/// # Errors
/// The daemon failed.
pub(crate) async fn fetch(
    bridge: &Bridge,
    options: &BuildOptions,
    client: Option<&dyn ClientFiles>,
    questions: &[AnyQuestion],
) -> Result<Vec<Fact>, Status> {
    let Paths { context, spec_folder } = Paths::new(options, questions);
    let of_spec = load::local_name(options)?;
    let (context, spec_folder) =
        try_join(files(bridge, options, CONTEXT_LOCAL, context), files(bridge, options, &of_spec, spec_folder)).await?;
    Contents { context, spec_folder, client }.answers(options, questions)
}

/// The paths that questions are about, by folder.
#[derive(Default)]
struct Paths {
    context: BTreeSet<String>,
    spec_folder: BTreeSet<String>,
}

impl Paths {
    fn new(options: &BuildOptions, questions: &[AnyQuestion]) -> Self {
        let Self { mut context, mut spec_folder } = Self::default();
        for question in questions {
            match question {
                AnyQuestion::ContextFile(question::ContextFile { path }) => _ = context.insert(path.clone()),
                AnyQuestion::SpecFile(question::SpecFile { name }) => {
                    spec_folder.insert(load::spec_sibling(options, name));
                }
                AnyQuestion::ContextIgnore(_) => {
                    context.insert(IGNORE_FILE.to_owned());
                    spec_folder.extend(own_ignore(options));
                }
                AnyQuestion::FolderIgnore(question::FolderIgnore { folder }) => {
                    context.insert(format!("{folder}/{IGNORE_FILE}"));
                }
                _ => {}
            }
        }
        Self { context, spec_folder }
    }
}

/// The content of files, by folder.
struct Contents<'a> {
    context: Files,
    spec_folder: Files,
    client: Option<&'a dyn ClientFiles>,
}

impl Contents<'_> {
    fn answers(&self, options: &BuildOptions, questions: &[AnyQuestion]) -> Result<Vec<Fact>, Status> {
        let mut facts = Vec::new();
        for question in questions {
            facts.push(match question.clone() {
                AnyQuestion::ContextFile(question) => {
                    let text = text(self.context.get(&question.path));
                    (question, text).into()
                }
                AnyQuestion::SpecFile(question) => {
                    let path = load::spec_sibling(options, &question.name);
                    let text = text(self.spec_folder.get(&path));
                    (question, text).into()
                }
                AnyQuestion::ContextIgnore(question) => {
                    // The spec's own ignore file takes precedence over the one of the context.
                    let own = own_ignore(options).and_then(|path| self.spec_folder.get(&path)?.as_deref());
                    let bytes = own.or_else(|| self.context.get(IGNORE_FILE)?.as_deref());
                    (question, bytes.map(IgnoreFile::parse).unwrap_or_default()).into()
                }
                AnyQuestion::FolderIgnore(question) => {
                    let path = format!("{}/{IGNORE_FILE}", question.folder);
                    let bytes = self.context.get(&path).and_then(Option::as_deref);
                    (question, bytes.map(IgnoreFile::parse).unwrap_or_default()).into()
                }
                AnyQuestion::Selection(question) => {
                    let client =
                        self.client.ok_or_else(|| Status::failed("internal error: nobody lists the context"))?;
                    let selection = client.select(&question).map_err(Status::failed)?;
                    (question, selection).into()
                }
                other => return Err(Status::failed(format!("internal error: {other} is not about a file"))),
            });
        }
        Ok(facts)
    }
}

/// The path of the ignore file that belongs to this spec only.
fn own_ignore(options: &BuildOptions) -> Option<String> {
    options.filename.as_deref().map(IgnoreFile::path_for)
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

/// Reads all files. `None` if the daemon has to be asked for one.
fn read(client: &dyn ClientFiles, side: Side, paths: BTreeSet<String>) -> Option<Files> {
    let read = paths.into_iter().map(|path| match client.read(side, &path) {
        AtPath::File(bytes) => Some((path, Some(bytes))),
        AtPath::Nothing => Some((path, None)),
        AtPath::AskDaemon => None,
    });
    read.collect()
}

fn text(bytes: Option<&Option<Vec<u8>>>) -> Option<Text> {
    bytes.and_then(Option::as_deref).map(Text::from_bytes)
}
