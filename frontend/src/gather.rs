//! Gathering facts over the gateway: one function per kind of need.
//!
//! Decides nothing: what is asked for comes from the planner.

use std::collections::BTreeSet;

use buildkit_gateway::contexts::{NamedSource, named_context};
use buildkit_gateway::{Bridge, BuildOptions, GatewayError, Reference, Status};
use buildkit_llb::Platform;
use imagespec_compile::{
    Document, Facts, INTERPRETER_FILE, ImageFact, Inquiry, InterpreterFact, LocalFilter, Need, Program, Root,
    RootfsFacts, Settings, image_key, rootfs_key,
};

use crate::early::Early;
use crate::load;

/// Fulfils needs for one build.
pub(crate) struct Gatherer<'a> {
    pub(crate) bridge: &'a Bridge,
    pub(crate) options: &'a BuildOptions,
    pub(crate) settings: &'a Settings,
    pub(crate) early: &'a Early,
}

impl Gatherer<'_> {
    /// Adds what is needed to the facts.
    pub(crate) async fn gather(
        &self,
        needs: BTreeSet<Need>,
        document: &mut Document,
        facts: &mut Facts,
    ) -> Result<(), Status> {
        let mut context_files = Vec::new();
        if needs.iter().any(|need| matches!(need, Need::Lock { .. } | Need::Collisions { .. })) {
            // These take long, and much of the image does not depend on them.
            self.early.start(imagespec_compile::early_parts(document, self.settings, facts));
        }
        for need in needs {
            match need {
                Need::Daemon => self.daemon(facts).await?,
                Need::Image { reference, platform } => {
                    let fact = self.image(&reference, &platform).await?;
                    facts.images.insert(image_key(&reference, &platform), fact);
                }
                Need::ContextFile { path } => context_files.push(path),
                Need::ContextIgnore => {
                    facts.context_ignore = Some(load::ignore(self.bridge, self.options).await?);
                }
                Need::ContextSources { root, local } => {
                    let files = self.context_sources(&root, &local, facts.session.as_deref()).await?;
                    facts.context_sources.insert(root, files);
                }
                Need::Programs { ref platform, root, ref folders } => {
                    let (reference, _) = self.inquire(&need, document, facts).await?;
                    let programs = self.programs(&reference, folders).await?;
                    rootfs(facts, platform, root).programs = Some(programs);
                }
                Need::RootfsFile { ref platform, root, ref path } => {
                    let (reference, _) = self.inquire(&need, document, facts).await?;
                    let bytes = load::read_if_there(self.bridge, &reference, path).await?;
                    let text = bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
                    rootfs(facts, platform, root).files.insert(path.clone(), text);
                }
                Need::Exists { ref platform, root, ref path } => {
                    let (reference, _) = self.inquire(&need, document, facts).await?;
                    let stat = load::stat_if_there(self.bridge, &reference, path).await?;
                    rootfs(facts, platform, root).exists.insert(path.clone(), stat.is_some());
                }
                Need::Interpreter { ref platform, root, ref path } => {
                    let fact = self.interpreter(&need, document, facts).await?;
                    rootfs(facts, platform, root).interpreters.insert(path.clone(), fact);
                }
                Need::Lock { ref platform, root, ref interpreter, ref key } => {
                    let (reference, file) = self.inquire(&need, document, facts).await?;
                    let text = self.text(&reference, file.unwrap_or_default()).await?;
                    let said = self.text(&reference, INTERPRETER_FILE).await?;
                    facts.locks.insert(key.clone(), text);
                    let fact = InterpreterFact::parse(&said);
                    rootfs(facts, platform, root).interpreters.insert(interpreter.clone(), fact);
                }
                Need::Collisions { ref platform, ref key } => {
                    let groups = imagespec_compile::groups(document, self.settings, facts, platform);
                    self.early.build_in_order(groups, jobs(document)).await?;
                    let text = self.answer(&need, document, facts).await?;
                    facts.collisions.insert(key.clone(), text);
                }
            }
        }
        self.context_files(context_files, facts).await
    }

    async fn daemon(&self, facts: &mut Facts) -> Result<(), Status> {
        let pong = self.bridge.ping().await?;
        facts.capabilities = pong.llb_caps.iter().map(str::to_owned).collect();
        let worker = pong.workers.first().and_then(|worker| worker.platforms.first());
        let platform = worker.cloned().unwrap_or_else(|| self.options.build_platform());
        facts.default_platform = Some((&platform).into());
        facts.session = Some(self.options.session_of("context").to_owned());
        Ok(())
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

    /// Solves what answers a need; the file of the result to read, if it is one file.
    async fn inquire(
        &self,
        need: &Need,
        document: &mut Document,
        facts: &Facts,
    ) -> Result<(Reference, Option<&'static str>), Status> {
        let inquiry = imagespec_compile::graph_for(need, document, self.settings, facts);
        // The planner asks only once it knows what the answer is made of.
        let Inquiry { graph, file } =
            inquiry.ok_or_else(|| Status::failed(format!("internal error: {need:?} was asked for too early")))?;
        Ok((load::solve_single(self.bridge, graph.to_definition()).await?, file))
    }

    /// The file that answers a need.
    async fn answer(&self, need: &Need, document: &mut Document, facts: &Facts) -> Result<String, Status> {
        let (reference, file) = self.inquire(need, document, facts).await?;
        self.text(&reference, file.unwrap_or_default()).await
    }

    /// The text of a file that a step of ours has written.
    async fn text(&self, reference: &Reference, file: &str) -> Result<String, Status> {
        let bytes = self.bridge.read_file(reference, file, None).await?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Files named `python*`; folders of PATH that do not exist are common and mean nothing.
    async fn programs(&self, reference: &Reference, folders: &[String]) -> Result<Vec<Program>, GatewayError> {
        let mut programs = Vec::new();
        for folder in folders {
            let entries = match self.bridge.read_dir(reference, folder, Some("python*")).await {
                Ok(entries) => entries,
                Err(error) if error.is_missing_file() => continue,
                Err(error) => return Err(error),
            };
            let mut found: Vec<Program> = entries
                .into_iter()
                .filter(|entry| !entry.is_dir())
                .map(|entry| Program {
                    path: format!("{}/{}", folder.trim_end_matches('/'), entry.path),
                    link: entry.is_symlink().then_some(entry.linkname),
                })
                .collect();
            found.sort_by(|a, b| a.path.cmp(&b.path));
            programs.extend(found);
        }
        Ok(programs)
    }

    /// Runs the interpreter. One that does not run says nothing.
    async fn interpreter(
        &self,
        need: &Need,
        document: &mut Document,
        facts: &Facts,
    ) -> Result<Option<InterpreterFact>, Status> {
        let (reference, file) = self.inquire(need, document, facts).await?;
        match self.bridge.read_file(&reference, file.unwrap_or_default(), None).await {
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

    async fn context_files(&self, paths: Vec<String>, facts: &mut Facts) -> Result<(), Status> {
        if paths.is_empty() {
            return Ok(());
        }
        let graph = imagespec_compile::context_files(&paths, facts.session.as_deref(), &paths.join(", "));
        let reference = load::solve_single(self.bridge, graph.to_definition()).await?;
        for path in paths {
            let text = match load::read_if_there(self.bridge, &reference, &path).await? {
                None => None,
                Some(bytes) => {
                    Some(String::from_utf8(bytes).map_err(|_| Status::failed(format!("{path} is not UTF-8 text")))?)
                }
            };
            facts.context_files.insert(path, text);
        }
        Ok(())
    }
}

/// How many groups of packages are installed at the same time. More than a few only take turns on the machine's processors and
/// disk, and slow down what is built beside them.
fn jobs(document: &Document) -> usize {
    const DEFAULT: usize = 3;
    let chosen = document.spec.builder_options.python_jobs.and_then(|jobs| usize::try_from(jobs).ok());
    chosen.unwrap_or(DEFAULT)
}

fn rootfs<'a>(facts: &'a mut Facts, platform: &Platform, root: Root) -> &'a mut RootfsFacts {
    facts.rootfs.entry(rootfs_key(platform, root)).or_default()
}
