//! What most frontends do: read the file the user wrote, take files from the build context, return an image.
//!
//! Finds the file in the build's source; the frontend parses it. For builds that are
//! different, [`contexts`](crate::contexts) and [`Bridge`](crate::Bridge) have the parts this is made of.

use std::collections::BTreeMap;

use buildkit_llb::{GitSource, Graph, GraphBuilder, LocalSource, Note, Source, Violations};
use buildkit_proto::pb;
use oci_names::Platform;

use crate::bridge::{SolveRequest, Warning};
use crate::contexts::{ContextSource, MainContext, main_context};
use crate::error::GatewayError;
use crate::frontend::Build;
use crate::result::{FrontendResult, PlatformImage};
use crate::status::Status;
use buildkit_proto::errdefs::{SourceInfo, SourceRange};

/// The file a user wrote, and what it takes to point at its lines.
///
/// ```
/// use buildkit_gateway::{SourceInfo, SpecFile};
///
/// let info = SourceInfo { filename: "image.txt".into(), data: b"a\nb\n".to_vec(), ..SourceInfo::default() };
/// let spec = SpecFile::new(info, "sha256:of-the-vertex-that-loaded-it")?;
/// assert_eq!(spec.lines().collect::<Vec<_>>(), [(1, "a"), (2, "b")]);
/// assert!(spec.error(2, "no such letter").has_source());
/// # Ok::<(), buildkit_gateway::Status>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct SpecFile {
    text: String,
    info: SourceInfo,
    vertex: String,
}

impl SpecFile {
    /// A file, and the vertex that loaded it, by its digest.
    ///
    /// # Errors
    /// If it is not UTF-8.
    pub fn new(info: SourceInfo, vertex: impl Into<String>) -> Result<Self, Status> {
        let text = String::from_utf8(info.data.clone())
            .map_err(|_| Status::failed(format!("{} is not UTF-8 text", info.filename)))?;
        Ok(Self { text, info, vertex: vertex.into() })
    }

    /// Its text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its lines with their numbers, from 1.
    pub fn lines(&self) -> impl Iterator<Item = (u32, &str)> {
        (1..).zip(self.text.lines())
    }

    /// The file for error details, warnings and the sources of a graph.
    #[must_use]
    pub fn info(&self) -> &SourceInfo {
        &self.info
    }

    /// An error in a line: clients show it with the lines around it.
    pub fn error(&self, line: u32, message: impl Into<String>) -> Status {
        Status::failed(message).with_source(self.info.clone(), vec![SourceRange::lines(line, line)])
    }

    /// A warning about a line, for [`Bridge::warn`](crate::Bridge::warn).
    pub fn warning(&self, line: u32, message: impl Into<String>) -> Warning {
        Warning {
            digest: self.vertex.clone(),
            short: message.into(),
            source: Some(self.info.clone()),
            ranges: vec![SourceRange::lines(line, line)],
            ..Warning::default()
        }
    }
}

impl Build {
    /// Reads the file the user named, or `default_name`, from wherever this build has its spec: a folder of the client, a
    /// git repository, or an input.
    ///
    /// # Errors
    /// If there is no such file, it is not UTF-8, or the context is a web file, which only the frontend itself can make
    /// sense of.
    pub async fn spec_file(&self, default_name: &str) -> Result<SpecFile, Status> {
        let name = self.options.filename.as_deref().unwrap_or(default_name);
        let (MainContext { spec, .. }, mut inputs) = self.contexts().await?;
        let follow = vec![name.to_owned()];
        let definition = match &spec {
            ContextSource::Input { key } => {
                inputs.remove(key).ok_or_else(|| Status::failed(format!("the build has no input {key}")))?
            }
            other => {
                let mut graph = GraphBuilder::new();
                let source = graph.source(self.source(other, follow, name)?);
                graph.annotate(source.op(), Note::named(format!("[internal] load build definition from {name}")));
                graph.finish(Some(source))?.to_definition()
            }
        };
        // The last entry of a definition only names its result.
        let vertex = definition.def.iter().rev().nth(1).map(|op| buildkit_proto::Digest::from_content(op).to_string());
        let solved = self.bridge.solve(SolveRequest::definition(definition.clone())).await?;
        let reference = solved.single_ref()?;
        let reference = reference.ok_or_else(|| Status::failed("the build has no files"))?;
        let data = self.bridge.read_file(reference, name, None).await.map_err(|error| {
            if error.is_missing_file() { Status::failed(format!("there is no file {name}")) } else { error.into() }
        })?;
        let info =
            SourceInfo { filename: name.to_owned(), data, definition: Some(definition), ..SourceInfo::default() };
        SpecFile::new(info, vertex.unwrap_or_default())
    }

    /// The build context as a source of a graph; of a client's folder only `paths` are sent, all of it if there are none.
    ///
    /// # Errors
    /// If the context is an input, whose graph has to be taken in, or a web file, which has to be unpacked: ask
    /// [`main_context`].
    pub async fn context(&self, paths: impl IntoIterator<Item = String>) -> Result<Source, Status> {
        let (MainContext { context, .. }, _) = self.contexts().await?;
        self.source(&context, paths.into_iter().collect(), "")
    }

    /// The target platforms: the requested ones, or else the daemon's own.
    #[must_use]
    pub fn platforms(&self) -> Vec<Platform> {
        match self.options.platforms.as_slice() {
            [] => vec![self.options.build_platform()],
            platforms => platforms.to_vec(),
        }
    }

    /// Builds an image for every platform asked for: `make` gives the graph of its filesystem and its config (JSON of the
    /// OCI image spec; operating system and architecture are added). The user's cache imports are used.
    ///
    /// # Errors
    /// The error of `make`, or why a graph cannot be built.
    pub async fn image<M>(&self, mut make: M) -> Result<FrontendResult, Status>
    where
        M: FnMut(&Platform) -> Result<(Graph, serde_json::Value), Status> + Send,
    {
        let mut images = Vec::new();
        for platform in self.platforms() {
            let (graph, mut config) = make(&platform)?;
            let request = SolveRequest::definition(graph.to_definition()).with_evaluate();
            let solved = self.bridge.solve(request.with_cache_imports(self.options.cache_imports.clone())).await?;
            let reference = solved.single_ref()?.cloned();
            if let (Some(config), Ok(serde_json::Value::Object(names))) =
                (config.as_object_mut(), serde_json::to_value(&platform))
            {
                config.extend(names);
            }
            let config = config.to_string().into_bytes();
            images.push(PlatformImage { platform, reference, config, base_config: None, epoch: None });
        }
        Ok(FrontendResult::image(images, self.options.multi_platform)?)
    }

    /// Where the build has its files, and the inputs that may be among them.
    async fn contexts(&self) -> Result<(MainContext, BTreeMap<String, pb::Definition>), Status> {
        let inputs = match self.bridge.inputs().await {
            // Such a daemon has none to attach.
            Err(GatewayError::MissingCapability { .. }) => Default::default(),
            inputs => inputs?,
        };
        Ok((main_context(&self.options, |key| inputs.contains_key(key))?, inputs))
    }

    fn source(&self, context: &ContextSource, follow: Vec<String>, hint: &str) -> Result<Source, Status> {
        match context {
            ContextSource::Local { name } => Ok(Source::local(LocalSource {
                session: Some(self.options.session_of(name).to_owned()),
                follow,
                // Other paths of one folder under one hint would push each other's copy out.
                shared_key_hint: Some(if hint.is_empty() { name.clone() } else { format!("{name}:{hint}") }),
                ..LocalSource::new(name)
            })),
            ContextSource::Git(git) => {
                let keep_git_dir = self.options.keep_git_dir.or(git.keep_git_dir).unwrap_or_default();
                let git = GitSource::try_from(git)?;
                Ok(GitSource { keep_git_dir, ..git }.into())
            }
            ContextSource::Http { .. } => Err(Status::failed("a web file cannot be the context of this build")),
            ContextSource::Input { key } => Err(Status::failed(format!("the input {key} cannot be a source"))),
        }
    }
}

impl From<Violations> for Status {
    /// A graph that breaks rules: a mistake of the frontend, unless it took words of the user unchecked.
    fn from(violations: Violations) -> Self {
        Self::failed(format!("the graph is not valid: {violations}"))
    }
}
