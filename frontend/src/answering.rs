//! Answers questions through the gateway: one function for each kind of question.
//!
//! The planner decides what is asked, and the driver in which order.

use std::collections::BTreeSet;

use buildkit_gateway::contexts::{CONTEXT_LOCAL, NamedSource, named_context};
use buildkit_gateway::{Bridge, BuildOptions, GatewayError, Reference, SolveRequest, Status};
use buildkit_llb::{Graph, Platform};
use futures_util::future::try_join_all;
use imagespec::SourceMap;
use imagespec_compile::{
    AnyQuestion, Ask, DaemonFact, Fact, ImageFact, InstalledPackage, InterpreterFact, LockFact, Program, Recipe,
    SurveyFact, lower_recipe, lower_steps, question,
};

use crate::load;
use crate::memory::Worker;
use crate::parts::Parts;

/// Answers the questions of one build.
#[derive(Clone, Copy)]
pub(crate) struct Answerer<'a> {
    pub(crate) bridge: &'a Bridge,
    pub(crate) options: &'a BuildOptions,
    pub(crate) parts: &'a Parts,
    /// The memory of the daemon, if there is one.
    pub(crate) worker: Option<Worker<'a>>,
    /// The number of groups of packages that are installed at the same time.
    pub(crate) jobs: usize,
}

/// A question that is ready to be answered, with the graphs of its recipe.
pub(crate) struct Prepared {
    question: AnyQuestion,
    /// The answer, if a permanent one is remembered.
    permanent: Option<Fact>,
    graph: Option<Graph>,
    /// Groups of packages that are installed first.
    groups: Vec<Graph>,
    /// The file with the answer.
    file: String,
    /// The file with what a lock was made from, if it has one.
    exported: Option<String>,
    /// Whether the recipe makes a lock where nothing can be built.
    is_lock_apart: bool,
}

impl<'a> Answerer<'a> {
    /// Prepares the answer to a question: the graph, unless a permanent answer is remembered.
    pub(crate) fn prepare(&self, ask: &Ask, sources: &SourceMap) -> Prepared {
        let Ask { question, recipe, is_expected: _, place: _ } = ask;
        let permanent = self.worker.filter(|_| question.is_permanent()).and_then(|worker| worker.permanent(question));
        let graph = recipe.as_ref().filter(|_| permanent.is_none()).and_then(|recipe| lower_recipe(recipe, sources));
        let groups = match recipe {
            Some(Recipe::Collisions(plan)) => lower_steps(plan, sources, &plan.groups_by_size()),
            _ => Vec::new(),
        };
        let recipe = recipe.as_ref();
        Prepared {
            question: question.clone(),
            permanent,
            graph,
            groups,
            file: recipe.and_then(Recipe::file).unwrap_or_default(),
            exported: recipe.and_then(Recipe::exported_file),
            is_lock_apart: matches!(recipe, Some(Recipe::Lock(lock)) if lock.is_apart()),
        }
    }

    /// Answers a question, and remembers a permanent answer.
    ///
    /// # Errors
    /// The daemon failed, or the answer cannot be read.
    pub(crate) async fn answer(self, prepared: Prepared, session: Option<String>) -> Result<Fact, Status> {
        let Prepared { question, permanent, graph, groups, file, exported, is_lock_apart } = prepared;
        let rest = if groups.is_empty() { groups } else { self.parts.build_in_order(groups, self.jobs).await? };
        if let Some(fact) = permanent {
            return Ok(fact);
        }
        // The planner asks only when the recipe is complete.
        let graph = graph.ok_or_else(|| Status::failed(format!("internal error: no graph answers {question}")));
        let fact: Fact = match question {
            AnyQuestion::Daemon(_) | AnyQuestion::ContextFile(_) => return Err(elsewhere(&question)),
            AnyQuestion::SpecFile(_) | AnyQuestion::ContextIgnore(_) => return Err(elsewhere(&question)),
            AnyQuestion::FolderIgnore(_) | AnyQuestion::Selection(_) => return Err(elsewhere(&question)),
            AnyQuestion::Image(question) => {
                let fact = self.image(&question.reference, &question.platform).await?;
                (question, fact).into()
            }
            AnyQuestion::ContextListing(question) => {
                let files = self.context_listing(&question, session.as_deref()).await?;
                (question, files).into()
            }
            AnyQuestion::Survey(question) => {
                let text = self.output(&self.solve(&graph?).await?, &file).await?;
                let survey = text.map(|text| SurveyFact::parse(&text, &question.folders));
                (question, survey).into()
            }
            AnyQuestion::Programs(question) => {
                let programs = self.programs(&self.solve(&graph?).await?, &question.folders).await?;
                (question, programs).into()
            }
            AnyQuestion::RootfsFile(question) => {
                let bytes = load::read_if_there(self.bridge, &self.solve(&graph?).await?, &question.path).await?;
                let text = bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
                (question, text).into()
            }
            AnyQuestion::Exists(question) => {
                let stat = load::stat_if_there(self.bridge, &self.solve(&graph?).await?, &question.path).await?;
                (question, stat.is_some()).into()
            }
            AnyQuestion::Interpreter(question) => {
                let text = self.output(&self.solve(&graph?).await?, &file).await?;
                (question, text.and_then(|text| InterpreterFact::parse(&text))).into()
            }
            AnyQuestion::Installed(question) => {
                let text = self.text(&self.solve(&graph?).await?, &file).await?;
                (question, InstalledPackage::parse_all(&text)).into()
            }
            AnyQuestion::Lock(question) => {
                let fact = match self.lock(&graph?, &file, exported.as_deref()).await {
                    Ok(fact) => fact,
                    // Where packages can be built, the step is tried again, and its error is told.
                    Err(status) if is_lock_apart && is_failed_process(&status) => {
                        LockFact { lock: None, exported: None }
                    }
                    Err(error) => return Err(error),
                };
                (question, fact).into()
            }
            AnyQuestion::Collisions(question) => {
                // In separate solves: if Engine 28.5 looks up many results to compare, it starts to build them, and reports an error
                // when it finds them.
                self.parts.build_all(rest, self.jobs).await?;
                let text = self.text(&self.solve(&graph?).await?, &file).await?;
                (question, text).into()
            }
        };
        if let Some(worker) = self.worker.filter(|_| fact.is_permanent()) {
            worker.keep_permanent(&fact);
        }
        Ok(fact)
    }

    /// Resolves an image, or the image that a named context replaces it with.
    async fn image(&self, reference: &str, platform: &Platform) -> Result<ImageFact, Status> {
        let named = named_context(self.options, reference, Some(platform))
            .map_err(|error| Status::failed(error.to_string()))?;
        let reference = match named.map(|named| named.source) {
            None => reference.to_owned(),
            Some(NamedSource::Image(image)) => image.to_string(),
            Some(_) => {
                let text =
                    format!("the named context for {reference} is not an image; only docker-image:// is supported");
                return Err(Status::failed(text));
            }
        };
        let log_name = format!("[internal] load metadata for {reference}");
        let resolved =
            self.bridge.resolve_image(&reference, Some(platform), self.options.resolve_mode, &log_name).await?;
        let config = serde_json::from_slice(&resolved.config)
            .map_err(|error| Status::failed(format!("the image config of {reference} is not valid JSON: {error}")))?;
        Ok(ImageFact { reference: resolved.pinned(), config })
    }

    async fn solve(&self, graph: &Graph) -> Result<Reference, Status> {
        self.parts.vertices().add(graph);
        let request = SolveRequest::definition(graph.to_definition());
        let request = request.with_cache_imports(self.options.cache_imports.clone());
        let reference = load::solve(self.bridge, request).await?;
        reference.ok_or_else(|| Status::failed("the daemon returned no result for a graph"))
    }

    async fn lock(&self, graph: &Graph, file: &str, exported: Option<&str>) -> Result<LockFact, Status> {
        let reference = self.solve(graph).await?;
        let lock = self.text(&reference, file).await?;
        let exported = match exported {
            Some(file) => Some(self.text(&reference, file).await?),
            None => None,
        };
        Ok(LockFact { lock: Some(lock.into()), exported })
    }

    /// The text of a file that one of our steps has written.
    async fn text(&self, reference: &Reference, file: &str) -> Result<String, Status> {
        let bytes = load::read(self.bridge, reference, file).await?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Files named `python*`. Folders on PATH often do not exist, which is not an error.
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

    /// The output of a program of the image; `None` if it cannot run.
    async fn output(&self, reference: &Reference, file: &str) -> Result<Option<String>, Status> {
        match load::read(self.bridge, reference, file).await {
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            Err(error) if error.status().is_some_and(is_failed_process) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The files that the client sends, folder by folder. A link counts if it leads to a file.
    async fn context_listing(
        &self,
        question: &question::ContextListing,
        session: Option<&str>,
    ) -> Result<Vec<String>, Status> {
        let question::ContextListing { root, local, suffix } = question;
        let graph = imagespec_compile::context_listing(local, session);
        let reference = load::solve_single(self.bridge, graph.to_definition()).await?;
        let mut folders = vec![if root == "." { String::new() } else { root.clone() }];
        let mut files = BTreeSet::new();
        while let Some(folder) = folders.pop() {
            for entry in self.bridge.read_dir(&reference, &format!("/{folder}"), None).await? {
                let path = if folder.is_empty() { entry.path.clone() } else { format!("{folder}/{}", entry.path) };
                let is_wanted = format!("/{path}").ends_with(suffix);
                if entry.is_dir() {
                    folders.push(path);
                } else if is_wanted && (entry.is_file() || self.leads_to_a_file(&reference, &path).await?) {
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

/// Whether a process failed, or could not be started (`moby/buildkit: solver/llbsolver/ops/exec.go`; the second text is that of version
/// 0.8, in Docker 20.10).
fn is_failed_process(status: &Status) -> bool {
    ["did not complete successfully", "executor failed running"].iter().any(|text| status.message.contains(text))
}

fn elsewhere(question: &AnyQuestion) -> Status {
    Status::failed(format!("internal error: {question} is answered elsewhere"))
}

/// The description of a daemon.
pub(crate) struct Daemon {
    pub(crate) fact: DaemonFact,
    /// The id of the worker that builds, as the daemon reports it.
    pub(crate) worker: String,
}

/// The daemon's platform and capabilities, and the session. `lists_files` says whether the client lists its files.
pub(crate) async fn daemon(bridge: &Bridge, options: &BuildOptions, lists_files: bool) -> Result<Daemon, Status> {
    let pong = bridge.ping().await?;
    let worker = pong.workers.first();
    let platform = worker.and_then(|worker| worker.platforms.first()).cloned();
    let platform = platform.unwrap_or_else(|| options.build_platform()).normalized();
    let capabilities = pong.llb_caps.iter().map(str::to_owned).collect();
    let session = Some(options.session_of(CONTEXT_LOCAL).to_owned());
    let worker = worker.map(|worker| worker.id.clone()).unwrap_or_default();
    Ok(Daemon { fact: DaemonFact { platform, capabilities, session, lists_files }, worker })
}
