//! Gathering facts over the gateway: one function per kind of need.
//!
//! Decides nothing: what is asked for comes from the planner.

use std::collections::BTreeSet;

use buildkit_gateway::contexts::{NamedSource, named_context};
use buildkit_gateway::{Bridge, BuildOptions, GatewayError, Reference, Status};
use buildkit_llb::{Graph, Platform};
use imagespec_compile::{
    Document, Facts, ImageFact, LocalFilter, Need, Program, Root, RootfsFacts, Settings, image_key, rootfs_key,
};

use crate::load;

/// Fulfils needs for one build.
pub(crate) struct Gatherer<'a> {
    pub(crate) bridge: &'a Bridge,
    pub(crate) options: &'a BuildOptions,
    pub(crate) settings: &'a Settings,
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
                Need::Programs { platform, root, folders } => {
                    let reference = self.root(document, facts, &platform, root).await?;
                    let programs = self.programs(&reference, &folders).await?;
                    rootfs(facts, &platform, root).programs = Some(programs);
                }
                Need::RootfsFile { platform, root, path } => {
                    let reference = self.root(document, facts, &platform, root).await?;
                    let bytes = load::read_if_there(self.bridge, &reference, &path).await?;
                    let text = bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
                    rootfs(facts, &platform, root).files.insert(path, text);
                }
                Need::Exists { platform, root, path } => {
                    let reference = self.root(document, facts, &platform, root).await?;
                    let stat = load::stat_if_there(self.bridge, &reference, &path).await?;
                    rootfs(facts, &platform, root).exists.insert(path, stat.is_some());
                }
                Need::Version { platform, root, path } => {
                    let version = self.version(document, facts, &platform, root, &path).await?;
                    rootfs(facts, &platform, root).versions.insert(path, version);
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

    /// The graph of a root filesystem that facts are looked up in.
    fn root_graph(
        &self,
        document: &mut Document,
        facts: &Facts,
        platform: &Platform,
        root: Root,
    ) -> Result<Graph, Status> {
        let graph = match root {
            Root::Base => base_image(document, facts, platform)
                .map(|image| imagespec_compile::base_root(&image.reference, platform)),
            Root::Apt => imagespec_compile::apt_root(document, self.settings, facts, platform)
                .map_err(|problems| crate::to_status(&problems, &document.sources))?,
        };
        // The planner asks for a root's content only once it knows what the root is made of.
        graph
            .ok_or_else(|| Status::failed("internal error: a root filesystem was asked for before its image was known"))
    }

    async fn root(
        &self,
        document: &mut Document,
        facts: &Facts,
        platform: &Platform,
        root: Root,
    ) -> Result<Reference, Status> {
        let graph = self.root_graph(document, facts, platform, root)?;
        load::solve_single(self.bridge, graph.to_definition()).await
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

    /// Runs the interpreter. One that does not run has no version.
    async fn version(
        &self,
        document: &mut Document,
        facts: &Facts,
        platform: &Platform,
        root: Root,
        path: &str,
    ) -> Result<Option<String>, Status> {
        let graph = self.root_graph(document, facts, platform, root)?;
        let config = base_image(document, facts, platform).map(|image| image.config.clone()).unwrap_or_default();
        let Some(probe) = imagespec_compile::version_probe(&graph, path, platform, &config) else { return Ok(None) };
        let reference = load::solve_single(self.bridge, probe.to_definition()).await?;
        match self.bridge.read_file(&reference, imagespec_compile::VERSION_FILE, None).await {
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).trim().to_owned())),
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

/// The resolved base image, once it is known.
fn base_image<'a>(document: &Document, facts: &'a Facts, platform: &Platform) -> Option<&'a ImageFact> {
    let written = document.spec.base_image.as_deref().unwrap_or(imagespec_compile::DEFAULT_BASE_IMAGE);
    let reference = imagespec_compile::normalize_reference(written).ok()?;
    facts.images.get(&image_key(&reference, platform))
}

fn rootfs<'a>(facts: &'a mut Facts, platform: &Platform, root: Root) -> &'a mut RootfsFacts {
    facts.rootfs.entry(rootfs_key(platform, root)).or_default()
}
