//! Gathering facts over the gateway: one function per kind of need.
//!
//! Decides nothing: what is asked for comes from the planner. What one round asks for is asked at the same time, because a
//! build with nothing to do is mostly waiting for answers.

use std::collections::BTreeSet;
use std::future::Future;

use buildkit_gateway::contexts::{CONTEXT_LOCAL, NamedSource, named_context};
use buildkit_gateway::{Bridge, BuildOptions, GatewayError, Reference, Status};
use buildkit_llb::{Graph, Platform};
use futures_util::future::{try_join, try_join_all};
use imagespec_compile::{
    Document, EXPORTED_FILE, Facts, INTERPRETER_FILE, ImageFact, Inquiry, InterpreterFact, LocalFilter, LockUse, Need,
    Place, Program, RootfsFacts, Settings, image_key, rootfs_key,
};

use crate::answers::{Answers, lasting};
use crate::client_files::ClientFiles;
use crate::early::Early;
use crate::{client_files, load};

/// Fulfils needs for one build.
pub(crate) struct Gatherer<'a> {
    pub(crate) bridge: &'a Bridge,
    pub(crate) options: &'a BuildOptions,
    pub(crate) settings: &'a Settings,
    pub(crate) early: &'a Early,
    pub(crate) answers: Option<&'a dyn Answers>,
    pub(crate) client: Option<&'a dyn ClientFiles>,
}

/// What was found out: writes itself down once everything asked for beside it is known too.
pub(crate) type Learned = Box<dyn FnOnce(&mut Facts) + Send>;

impl Gatherer<'_> {
    /// Adds what is needed to the facts. All is asked for at the same time.
    pub(crate) async fn gather(
        &self,
        needs: BTreeSet<Need>,
        document: &mut Document,
        facts: &mut Facts,
    ) -> Result<(), Status> {
        let (mut files, needs): (Vec<Need>, Vec<Need>) = needs.into_iter().partition(client_files::is_one);
        if self.read_at_hand(&files, facts)? {
            files.clear();
        }
        if self.settings.lock == LockUse::Read {
            // Some facts take long, and much of the image does not depend on them.
            self.early.start(imagespec_compile::ahead(document, self.settings, facts));
        }
        let asked: Vec<_> = needs.into_iter().map(|need| self.ask(need, document, facts)).collect();
        let files = client_files::fetch(self.bridge, self.options, files);
        let (learned, files) = try_join(try_join_all(asked), files).await?;
        learned.into_iter().for_each(|learned| learned(facts));
        files.note(self.options, facts)
    }

    /// Reads files of the client's where they are; whether it could, of all of these.
    pub(crate) fn read_at_hand(&self, files: &[Need], facts: &mut Facts) -> Result<bool, Status> {
        match self.client.and_then(|client| client_files::at_hand(self.options, client, files)) {
            Some(found) => found.note(self.options, facts).map(|()| true),
            None => Ok(false),
        }
    }

    /// Asks for what answers a need, which these facts are enough for.
    pub(crate) fn ask(
        &self,
        need: Need,
        document: &mut Document,
        facts: &Facts,
    ) -> impl Future<Output = Result<Learned, Status>> + Send + use<'_> {
        let inquiry = imagespec_compile::graph_for(&need, document, self.settings, facts);
        let groups = match &need {
            Need::Collisions { platform, depth, .. } => {
                imagespec_compile::groups(document, self.settings, facts, platform, *depth)
            }
            _ => Vec::new(),
        };
        self.learn(need, inquiry, groups, jobs(document), facts.session.clone())
    }

    /// Answers one need. Groups of packages, if there are any, are to be installed before.
    async fn learn(
        &self,
        need: Need,
        inquiry: Option<Inquiry>,
        groups: Vec<Graph>,
        jobs: usize,
        session: Option<String>,
    ) -> Result<Learned, Status> {
        // The planner asks only once it knows what the answer is made of.
        let inquiry =
            inquiry.ok_or_else(|| Status::failed(format!("internal error: {need:?} was asked for too early")));
        Ok(match need {
            Need::Daemon => daemon(self.bridge, self.options).await?,
            Need::Image { reference, platform } => {
                let fact = self.image(&reference, &platform).await?;
                Box::new(move |facts| _ = facts.images.insert(image_key(&reference, &platform), fact))
            }
            // Files of the client's, which are fetched together.
            Need::ContextFile { .. } | Need::SpecFile { .. } | Need::ContextIgnore => Box::new(|_| ()),
            Need::ContextSources { root, local } => {
                let files = self.context_sources(&root, &local, session.as_deref()).await?;
                Box::new(|facts| _ = facts.context_sources.insert(root, files))
            }
            Need::Programs { platform, place, folders } => {
                let question = format!("programs in {}", folders.join(":"));
                let ask = async |inquiry| Ok(self.programs(&self.solve(inquiry).await?.0, &folders).await?);
                let programs = lasting(self.answers, &question, inquiry?, ask).await?;
                Box::new(move |facts| rootfs(facts, &platform, place).programs = Some(programs))
            }
            Need::RootfsFile { platform, place, path } => {
                let ask = async |inquiry| {
                    let (reference, _) = self.solve(inquiry).await?;
                    let bytes = load::read_if_there(self.bridge, &reference, &path).await?;
                    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
                };
                let text = lasting(self.answers, &format!("file {path}"), inquiry?, ask).await?;
                Box::new(move |facts| _ = rootfs(facts, &platform, place).files.insert(path, text))
            }
            Need::Exists { platform, place, path } => {
                let ask = async |inquiry| {
                    let (reference, _) = self.solve(inquiry).await?;
                    Ok(load::stat_if_there(self.bridge, &reference, &path).await?.is_some())
                };
                let is_there = lasting(self.answers, &format!("exists {path}"), inquiry?, ask).await?;
                Box::new(move |facts| _ = rootfs(facts, &platform, place).exists.insert(path, is_there))
            }
            Need::Interpreter { platform, place, path } => {
                let fact = self.interpreter(inquiry?).await?;
                Box::new(move |facts| _ = rootfs(facts, &platform, place).interpreters.insert(path, fact))
            }
            Need::Lock { platform, place, interpreter, key, exports } => {
                let (reference, file) = self.solve(inquiry?).await?;
                let (text, said) =
                    try_join(self.text(&reference, file), self.text(&reference, INTERPRETER_FILE)).await?;
                let fact = InterpreterFact::parse(&said);
                let exported = if exports { Some(self.text(&reference, EXPORTED_FILE).await?) } else { None };
                Box::new(move |facts| {
                    facts.exports.extend(exported.map(|exported| (key.clone(), exported)));
                    facts.locks.insert(key, text);
                    rootfs(facts, &platform, place).interpreters.insert(interpreter, fact);
                })
            }
            Need::Collisions { platform: _, depth: _, key } => {
                let rest = self.early.build_in_order(groups, jobs).await?;
                let ask = async |inquiry| {
                    // Each for itself: an Engine 28.5 that looks for many results to compare begins to make them, and says
                    // that it gave up when it finds them.
                    self.early.build_all(rest, jobs).await?;
                    let (reference, file) = self.solve(inquiry).await?;
                    self.text(&reference, file).await
                };
                let text = lasting(self.answers, "collisions", inquiry?, ask).await?;
                Box::new(|facts| _ = facts.collisions.insert(key, text))
            }
        })
    }

    /// Resolves an image, or what the user put in its place with a named context.
    async fn image(&self, reference: &str, platform: &Platform) -> Result<ImageFact, Status> {
        let platform = platform.into();
        let named = named_context(self.options, reference, Some(&platform))
            .map_err(|error| Status::failed(error.to_string()))?;
        let reference = match named.map(|named| named.source) {
            None => reference.to_owned(),
            Some(NamedSource::Image(image)) => image.to_string(),
            Some(_) => {
                let text =
                    format!("the named context for {reference} is no image; only docker-image:// is supported yet");
                return Err(Status::failed(text));
            }
        };
        let log_name = format!("[internal] load metadata for {reference}");
        let resolved =
            self.bridge.resolve_image(&reference, Some(&platform), self.options.resolve_mode, &log_name).await?;
        let config = serde_json::from_slice(&resolved.config)
            .map_err(|error| Status::failed(format!("the image config of {reference} is no JSON: {error}")))?;
        Ok(ImageFact { reference: resolved.pinned(), config })
    }

    /// Solves what answers a need; with the file of the result to read, if it is one file.
    async fn solve(&self, inquiry: Inquiry) -> Result<(Reference, &'static str), Status> {
        let reference = load::solve_single(self.bridge, inquiry.graph.to_definition()).await?;
        Ok((reference, inquiry.file.unwrap_or_default()))
    }

    /// The text of a file that a step of ours has written.
    async fn text(&self, reference: &Reference, file: &str) -> Result<String, Status> {
        let bytes = self.bridge.read_file(reference, file, None).await?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Files named `python*`; folders of PATH that do not exist are common and mean nothing.
    async fn programs(&self, reference: &Reference, folders: &[String]) -> Result<Vec<Program>, GatewayError> {
        let found = folders.iter().map(|folder| async move {
            let entries = match self.bridge.read_dir(reference, folder, Some("python*")).await {
                Ok(entries) => entries,
                Err(error) if error.is_missing_file() => Vec::new(),
                Err(error) => return Err(error),
            };
            let entries = entries.into_iter().filter(|entry| !entry.is_dir());
            let mut programs: Vec<Program> = entries
                .map(|entry| Program {
                    path: format!("{}/{}", folder.trim_end_matches('/'), entry.path),
                    link: entry.is_symlink().then_some(entry.linkname),
                })
                .collect();
            programs.sort_by(|a, b| a.path.cmp(&b.path));
            Ok(programs)
        });
        Ok(try_join_all(found).await?.into_iter().flatten().collect())
    }

    /// Runs the interpreter. One that does not run says nothing.
    async fn interpreter(&self, inquiry: Inquiry) -> Result<Option<InterpreterFact>, Status> {
        let (reference, file) = self.solve(inquiry).await?;
        match self.bridge.read_file(&reference, file, None).await {
            Ok(bytes) => Ok(InterpreterFact::parse(&String::from_utf8_lossy(&bytes))),
            Err(error) if error.is_final() => Err(error.into()),
            Err(_) => Ok(None),
        }
    }

    /// The Python files that the client sends, folder by folder. A link is one if it leads to a file.
    async fn context_sources(
        &self,
        root: &str,
        local: &LocalFilter,
        session: Option<&str>,
    ) -> Result<Vec<String>, Status> {
        let graph = imagespec_compile::context_listing(local, session);
        let reference = load::solve_single(self.bridge, graph.to_definition()).await?;
        let mut folders = vec![if root == "." { String::new() } else { root.to_owned() }];
        let mut files = BTreeSet::new();
        while let Some(folder) = folders.pop() {
            for entry in self.bridge.read_dir(&reference, &format!("/{folder}"), None).await? {
                let path = if folder.is_empty() { entry.path.clone() } else { format!("{folder}/{}", entry.path) };
                let is_python = path.ends_with(".py");
                if entry.is_dir() {
                    folders.push(path);
                } else if is_python && (entry.is_file() || self.leads_to_a_file(&reference, &path).await?) {
                    files.insert(path);
                }
            }
        }
        Ok(files.into_iter().collect())
    }

    async fn leads_to_a_file(&self, reference: &Reference, path: &str) -> Result<bool, GatewayError> {
        let stat = load::stat_if_there(self.bridge, reference, path).await?;
        Ok(stat.is_some_and(|stat| stat.is_file()))
    }
}

/// What the daemon is and can do, and the session.
pub(crate) async fn daemon(bridge: &Bridge, options: &BuildOptions) -> Result<Learned, Status> {
    let pong = bridge.ping().await?;
    let capabilities = pong.llb_caps.iter().map(str::to_owned).collect();
    let worker = pong.workers.first().and_then(|worker| worker.platforms.first());
    let platform = worker.cloned().unwrap_or_else(|| options.build_platform());
    let session = options.session_of(CONTEXT_LOCAL).to_owned();
    Ok(Box::new(move |facts| {
        facts.capabilities = capabilities;
        facts.default_platform = Some((&platform).into());
        facts.session = Some(session);
    }))
}

/// How many groups of packages are installed at the same time. More than a few only take turns on the machine's processors and
/// disk, and slow down what is built beside them.
fn jobs(document: &Document) -> usize {
    const DEFAULT: usize = 3;
    let levels = document.spec.levels();
    let chosen = levels.iter().rev().find_map(|level| level.spec.builder_options.python_jobs);
    let chosen = chosen.and_then(|jobs| usize::try_from(jobs).ok());
    chosen.unwrap_or(DEFAULT)
}

fn rootfs<'a>(facts: &'a mut Facts, platform: &Platform, place: Place) -> &'a mut RootfsFacts {
    facts.rootfs.entry(rootfs_key(platform, place)).or_default()
}
