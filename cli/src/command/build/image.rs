//! One image of a build: its spec, read and checked, and its run on a daemon.

use std::collections::BTreeMap;
use std::sync::Arc;

use buildkit_client::dial::Connection;
use buildkit_client::discover::SystemEnvironment;
use buildkit_client::flag::{parse_allow, parse_cache_from, parse_cache_to};
use buildkit_client::session::auth::RegistryAuth;
use buildkit_client::session::secrets::Secrets;
use buildkit_client::session::{Session, SessionBuilder};
use buildkit_client::solve::{CacheEntry, Exporter, SolveOptions, SolveResponse, cache_imports_attr};
use buildkit_gateway::{Bridge, SolveRequest, Status};
use buildkit_proto::caps;
use buildkit_proto::keys::{self, option};
use imagespec::Diagnostic;
use imagespec_compile::{Document, LockUse};
use imagespec_engine::{Files, LastPush, Told, Variables, compress_ahead, content};
use imagespec_frontend::{Gathered, ImagespecFrontend, Recorded, Recorder};

use crate::args::{BuildArgs, SpecArgs};
use crate::error::{CliError, render_diagnostics};
use crate::run::{Driven, Driver, Run, Stage};
use crate::spec_file::SpecFile;
use crate::{facts, options, print, session};

use super::delivery::{self, Delivery};
use super::repeat::{self, Question};
use super::{attest, flag};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What the flags say of every build.
pub(super) struct Common {
    pub(super) cache_exports: Vec<CacheEntry>,
    cache_imports: Vec<CacheEntry>,
    entitlements: Vec<String>,
}

impl Common {
    pub(super) fn of(args: &BuildArgs) -> Result<Self, CliError> {
        let mut allowed = parse_allow(&args.output.allow).map_err(flag)?;
        if args.options.network.as_deref() == Some("host") {
            allowed.entitlements.push("network.host".to_owned());
        }
        Ok(Self {
            cache_exports: parse_cache_to(&args.output.cache_to, &SystemEnvironment).map_err(flag)?,
            cache_imports: parse_cache_from(&args.options.cache_from, &SystemEnvironment).map_err(flag)?,
            entitlements: allowed.entitlements,
        })
    }
}

/// An image to be built.
pub(super) struct Image {
    /// Tells it from the others.
    pub(super) title: String,
    /// What it will be called.
    pub(super) tags: Vec<String>,
    /// What is to be built.
    pub(super) document: Document,
    /// For registries.
    pub(super) credentials: Arc<RegistryAuth>,
    file: SpecFile,
    opts: BTreeMap<String, String>,
    secrets: Secrets,
    /// What was told of the spec.
    told: Vec<Diagnostic>,
    recorded: Recorded,
}

impl Image {
    /// Reads the spec and what belongs to it on this machine.
    pub(super) fn read(args: &BuildArgs, common: &Common, spec: &SpecArgs) -> Result<Self, CliError> {
        let mut file = SpecFile::read(spec)?;
        let mut opts = options::frontend_options(&args.options, &file, |name| std::env::var_os(name))?;
        attest::add(&mut opts, &args.output)?;
        file.choice.contexts = options::named_contexts(&opts);
        let (mut document, told) = imagespec_frontend::parse(&file.text, &file.choice)?;
        // The daemon compares what was asked for with what comes out, and knows of the spec's platforms only if it is told.
        let platforms: Vec<String> = document.spec.platforms().iter().map(ToString::to_string).collect();
        if !opts.contains_key("platform") && !platforms.is_empty() {
            opts.insert("platform".to_owned(), platforms.join(","));
        }
        if let Some(imports) = cache_imports_attr(&common.cache_imports) {
            opts.insert(option::CACHE_IMPORTS.to_owned(), imports);
        }
        let tags = tags(args, &file, &mut document)?;
        let credentials = session::registry_auth_of(&file, &document.spec)?;
        let secrets = session::secrets(&file, &document.spec, &args.options, session::Missing::Refuse)?;
        let recorded = Recorded::default();
        Ok(Self { title: spec.title(), tags, document, credentials, file, opts, secrets, told, recorded })
    }

    /// Where its files are.
    pub(super) fn files(&self) -> &Files {
        &self.file.files
    }

    /// Builds and delivers it, if that has not been done already. `context` is the session that has the build context, if the
    /// build's own has not.
    pub(super) async fn build(
        &self,
        args: &BuildArgs,
        common: &Common,
        connection: &Connection,
        stage: &Stage,
        delivery: &Delivery<'_>,
        context: Option<&Session>,
    ) -> Result<SolveResponse, CliError> {
        let mut opts = self.opts.clone();
        if let Some(session) = context {
            opts.insert(Files::CONTEXT_SESSION.to_owned(), session.id().to_string());
        }
        let exporters = delivery.exporters();
        let last_push = self.last_push(args, common, delivery, &exporters);
        let repeated = || last_push.as_ref().filter(|_| !args.always_build).and_then(LastPush::repeated);
        // Other images are not to wait for a walk through the files of this one.
        if let Some(repeated) = tokio::task::block_in_place(repeated) {
            let (session, recorder) = (self.session(), Recorder::new(self.frontend()));
            let entitlements = common.entitlements.clone();
            let question = Question { connection, session, recorder, opts: opts.clone(), entitlements };
            if let Some((gathered, exporter_response)) = repeat::confirm(repeated, question, stage).await? {
                // Nothing else has run that could have set it.
                let _ = self.recorded.set(Ok(gathered));
                return Ok(SolveResponse { exporter_response, ..SolveResponse::default() });
            }
        }
        let (serving, mut loads) = delivery.attach(self.session())?;
        let solve = SolveOptions {
            cache_exports: common.cache_exports.clone(),
            cache_imports: common.cache_imports.clone(),
            entitlements: common.entitlements.clone(),
            frontend_attrs: opts.clone(),
            exporters: exporters.clone(),
            ..SolveOptions::new()
        };
        let recorder = Recorder::new(self.frontend()).recording_to(Arc::clone(&self.recorded));
        let layers = delivery.layers().cloned();
        let ahead = connection.clone();
        let image = args.frontend.clone();
        let run = Run { connection, session: serving, solve };
        let drive = |driver: Driver| async move {
            match image {
                None => {
                    let news = layers.map(|layers| compress_ahead(&ahead, &driver.session_id, &layers));
                    in_process(driver, opts, recorder.with_news(news)).await
                }
                Some(image) => in_daemon(driver, opts, &image).await,
            }
        };
        let outcome = run
            .drive(stage, stage.progress(), drive, |progress| {
                delivery::finish(delivery, &mut loads, &self.credentials, progress)
            })
            .await;
        match outcome {
            Ok(Driven { response, made: (), mut sent }) => {
                sent.extend(context.map(Session::sent_dirs).unwrap_or_default());
                if let (Some(last_push), Some(Ok(gathered))) = (last_push, self.recorded.get()) {
                    last_push.keep(gathered, sent, &response.exporter_response);
                }
                Ok(response)
            }
            Err(error) => {
                // An archive that ends early is refused as well: that says nothing new.
                let error = match error {
                    CliError::Interrupted | CliError::SessionLost(_) => error,
                    error => delivery::load_failure(loads).await.unwrap_or(error),
                };
                Err(match args.frontend {
                    None => facts::take(&self.recorded, Err(error)).err().unwrap_or(CliError::Interrupted),
                    Some(_) => error,
                })
            }
        }
    }

    /// Serves its files, secrets and credentials.
    fn session(&self) -> SessionBuilder {
        let serving = self.file.files.session().with_secrets(self.secrets.clone());
        serving.with_registry_auth(Arc::clone(&self.credentials))
    }

    fn frontend(&self) -> ImagespecFrontend {
        self.files().frontend(self.file.text.clone(), LockUse::Read, &Variables::of_process())
    }

    /// Where its last push is written down, if a push is all that is wanted.
    fn last_push<'a>(
        &'a self,
        args: &BuildArgs,
        common: &Common,
        delivery: &Delivery<'_>,
        exporters: &'a [Exporter],
    ) -> Option<LastPush<'a>> {
        if args.frontend.is_some() || !common.cache_exports.is_empty() || !delivery.is_for_registries() {
            return None;
        }
        let (files, target) = (self.files(), self.file.choice.target.as_deref());
        let told = Told { files, spec: &self.document.spec, target, opts: &self.opts, exporters };
        LastPush::of(told, &Variables::of_process())
    }

    /// What is to be known of the spec alone.
    pub(super) fn told_of_the_spec(&self) -> String {
        render_diagnostics(&self.told, &self.document.sources)
    }

    /// What was found out while it was built.
    pub(super) fn told_of_the_build(&self) -> String {
        let Some(Ok(Gathered { warnings, document, .. })) = self.recorded.get() else { return String::new() };
        let found: Vec<_> = warnings.iter().filter(|said| !self.told.contains(said)).cloned().collect();
        render_diagnostics(&found, &document.sources)
    }

    /// Writes down what it was built from, if that is wanted.
    pub(super) fn save_facts(&self, args: &BuildArgs) -> Result<(), CliError> {
        match (&args.save_facts, self.recorded.get()) {
            (Some(path), Some(Ok(gathered))) => facts::save(path, &gathered.facts),
            _ => Ok(()),
        }
    }
}

/// What the image is called: by the flags, else, where it goes somewhere under a name, by the spec.
fn tags(args: &BuildArgs, file: &SpecFile, document: &mut Document) -> Result<Vec<String>, CliError> {
    let goes_somewhere = args.output.push || args.output.load;
    if !args.output.tag.is_empty() || !goes_somewhere || document.spec.name.is_none() {
        return Ok(args.output.tag.clone());
    }
    let content = content::gather(&file.files, document, &args.options.platform)?;
    let name = document.spec.image_name(&content);
    if !args.output.quiet {
        print::note(&format!("image: {name}\n"));
    }
    Ok(vec![name])
}

/// Compiles here; the daemon is asked for facts and solves the graph.
async fn in_process(driver: Driver, opts: BTreeMap<String, String>, recorder: Recorder) -> Result<(), BoxError> {
    let bridge = Bridge::over_channel(driver.handle.channel, Some(driver.handle.build_ref))?;
    recorder.run(bridge, opts, driver.session_id.into()).await
}

/// Lets a frontend image do it all in the daemon.
async fn in_daemon(driver: Driver, mut opts: BTreeMap<String, String>, image: &str) -> Result<(), BoxError> {
    let bridge = Bridge::over_channel(driver.handle.channel, Some(driver.handle.build_ref))?;
    bridge.ping().await?;
    opts.insert(option::SOURCE.to_owned(), image.to_owned());
    opts.insert(option::FRONTEND_CAPS.to_owned(), format!("{}+forward", caps::frontend::SUBREQUESTS));
    let request = SolveRequest {
        frontend: Some(keys::frontend::GATEWAY_V0.to_owned()),
        frontend_opts: opts,
        ..SolveRequest::default()
    };
    match bridge.solve(request).await {
        Ok(result) => Ok(bridge.return_result(result).await?),
        Err(error) => {
            let status = Status::from(error);
            bridge.return_error(status.clone()).await?;
            Err(status.message.into())
        }
    }
}
