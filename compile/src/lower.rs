//! Lowering: converts a plan to an LLB graph and an image config, and recipes of answers to graphs. It cannot fail and makes no
//! decisions.
//!
//! No text of the spec becomes a program: steps are argv. Our own scripts are constant, and get packages, paths and names of secrets
//! as arguments. The only shell text is the user's own `commands`.

mod apt;
mod commands;
mod conda;
pub(crate) mod files;
pub(crate) mod group;
pub(crate) mod lock;
pub(crate) mod probe;
mod python;
mod recipe;
mod record;
mod user;

pub use recipe::{lower_recipe, lower_steps};

pub(crate) use group::COLLISIONS_FILE;
pub(crate) use lock::{EXPORTED_FILE, LOCK_FILE};
pub(crate) use probe::{INSTALLED_FILE, INTERPRETER_FILE};
pub(crate) use record::{path as record, title};

use std::collections::{BTreeMap, BTreeSet};

use buildkit_llb::{
    BindMount, Diff, Exec, ExecOutputs, File, Graph, GraphBuilder, ImageSource, Location, Merge, MkFile, Mount, Note,
    Output, missing_caps,
};
use imagespec::{Diagnostic, SourceMap};

use crate::answer::DaemonFact;
use crate::plan::{Action, Common, Parent, PinnedImage, Plan, Shape, Step};
use crate::settings::Avoided;
use crate::step_key::{STEP_DESCRIPTION, StepKey};
use crate::{image_config, locations, rules};

/// A filter that every worker matches, in steps that ignore the cache. It is part of the digest of an op, but not of its cache key.
///
/// All builds of a daemon share the ops in progress by their digests, also an op that ignores the cache and the same one that does not.
/// What is on top of such an op would have the inputs of the build that came first: it has the results of the wrong one, or fails with
/// `inconsistent graph state` when that build ends (moby/buildkit: `solver/jobs.go`, `loadUnlocked`).
const ANY_WORKER: &str = "";

/// The result of lowering a plan.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The graph of the root filesystem.
    pub graph: Graph,
    /// The image config (OCI image spec, config.md).
    pub image_config: serde_json::Value,
    /// The base image's config, unmodified: exporters use it to find the layers and history of the base.
    pub base_config: serde_json::Value,
    /// The results of the plan's steps, by id.
    steps: BTreeMap<String, Output>,
}

impl Compiled {
    /// The graph of one step, without steps that it does not depend on.
    #[must_use]
    pub fn step(&self, id: &str) -> Option<Graph> {
        self.graph.rooted_at(*self.steps.get(id)?).ok()
    }
}

/// Lowers a plan. `sources` are the texts that its locations refer to.
///
/// # Panics
/// If `sources` is not the map of the document that the plan was made from, because locations would refer to missing files.
#[must_use]
pub fn lower(plan: &Plan, sources: &SourceMap) -> Compiled {
    let mut lowering = Lowering::new(plan, sources);
    let base = lowering.steps(|_| true);
    let records = lowering.records();
    let whole = lowering.whole(base, &records);
    let steps = lowering.tips.iter().map(|(id, tip)| ((*id).to_owned(), tip.output)).collect();
    let graph = lowering.finish(Some(whole));
    // Exporters count layers from the pulled image.
    let base_config = plan.images().last().unwrap_or(plan).common.base_config.clone();
    Compiled { graph, image_config: image_config::with_records(plan), base_config, steps }
}

/// Lowers plans for a daemon.
///
/// # Errors
/// The daemon lacks a capability that a plan needs. This is checked here, because an old daemon would ignore unknown fields.
pub fn lower_for(plans: &[&Plan], sources: &SourceMap, daemon: &DaemonFact) -> Result<Vec<Compiled>, Diagnostic> {
    let compiled: Vec<Compiled> = plans.iter().map(|plan| lower(plan, sources)).collect();
    let caps = daemon.caps();
    let missing: BTreeSet<&str> = compiled.iter().flat_map(|compiled| missing_caps(&compiled.graph, &caps)).collect();
    if missing.is_empty() {
        return Ok(compiled);
    }
    let names = missing.into_iter().collect::<Vec<_>>().join(", ");
    let problem = Diagnostic::new(
        &rules::MISSING_CAPABILITY,
        format!("this daemon does not support what the build needs: {names}"),
    );
    Err(problem.with_help("use a newer BuildKit or Docker Engine; `imagespec doctor` shows what the daemon supports"))
}

struct Lowering<'a> {
    plan: &'a Plan,
    common: &'a Common,
    graph: GraphBuilder,
    /// The result of each step.
    tips: BTreeMap<&'a str, Tip>,
    /// The lists of the files that groups of packages have installed.
    lists: Vec<Output>,
}

/// The result of a step, and what it is built on.
#[derive(Clone, Copy)]
struct Tip {
    /// Files that the step adds without depending on what it is built on.
    apart: Option<Output>,
    /// `None` if the result has only files of the step.
    below: Option<Output>,
    output: Output,
}

impl<'a> Lowering<'a> {
    fn new(plan: &'a Plan, sources: &SourceMap) -> Self {
        let mut graph = GraphBuilder::new();
        for file in locations::source_files(sources) {
            graph.add_file(file);
        }
        Self { graph, ..Self::on(plan) }
    }

    /// Without texts that locations refer to.
    fn on(plan: &'a Plan) -> Self {
        Self { plan, common: &plan.common, graph: GraphBuilder::new(), tips: BTreeMap::new(), lists: Vec::new() }
    }

    fn finish(self, root: Option<Output>) -> Graph {
        // The lowering emits only absolute paths, valid mounts and inputs of its own graph; anything else is a bug.
        self.graph.finish(root).expect("a lowered plan is a sound graph")
    }

    /// Lowers the steps that `is_wanted` selects, and returns the base of all others.
    fn steps(&mut self, is_wanted: impl Fn(&Step) -> bool) -> Output {
        let plan = self.plan;
        let mut base = match &plan.below {
            None => self.image(&plan.base),
            Some(below) => self.finished(below),
        };
        for step in plan.steps.iter().filter(|step| is_wanted(step)) {
            let on = |below, output| Tip { apart: None, below, output };
            let tip = match (&step.action, self.parent(&step.parent, base)) {
                (Action::InstallGroup(install), parent) => {
                    let Some(output) = self.install_group(step, parent, install) else { continue };
                    let is_apart = !install.is_built() && plan.shape == Shape::Merge;
                    on(parent.filter(|_| !is_apart), output)
                }
                // Only packages are built on nothing.
                (_, None) => continue,
                (Action::OwnHome { owner, account }, Some(below)) => {
                    // All other steps are built on it, because all branches that change `/root` must see the same owner.
                    base = self.own_home(step, below, owner, account.as_ref());
                    continue;
                }
                (Action::Apt { .. }, Some(below)) => on(Some(below), self.apt(step, below)),
                (Action::Venv { .. }, Some(below)) => self.venv(step, below),
                (Action::Conda { .. }, Some(below)) => on(Some(below), self.conda(step, below)),
                (Action::RemovePackages { interpreter, packages }, Some(below)) => {
                    on(Some(below), self.remove_packages(step, below, interpreter, packages))
                }
                (Action::Folders { folders }, Some(below)) => {
                    let output = self.folders(step, below, folders);
                    on((plan.shape == Shape::Chain).then_some(below), output)
                }
                (Action::Copy { local, items, owner }, Some(below)) => {
                    on(Some(below), self.copy(step, below, local, items, owner))
                }
                (Action::WriteFile { path, mode, text, owner }, Some(below)) => {
                    on(Some(below), self.write_file(step, below, (path, *mode, text), owner))
                }
                (Action::Commands { arguments, bytecode, env }, Some(below)) => {
                    on(Some(below), self.commands(step, below, arguments, *bytecode, env))
                }
            };
            self.tips.insert(&step.id, tip);
        }
        base
    }

    /// Lowers the finished image that this one is built on.
    fn finished(&mut self, plan: &'a Plan) -> Output {
        let graph = std::mem::take(&mut self.graph);
        let mut below = Lowering { graph, ..Lowering::on(plan) };
        let base = below.steps(|_| true);
        let whole = below.whole(base, &[]);
        self.graph = below.graph;
        whole
    }

    fn parent(&mut self, parent: &Parent, base: Output) -> Option<Output> {
        Some(match parent {
            Parent::Nothing => return None,
            Parent::Base => base,
            Parent::Step(id) => self.tips.get(id.as_str()).map_or(base, |tip| tip.output),
            Parent::Joined(ids) => {
                let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
                self.joined(base, &ids, &[])
            }
        })
    }

    /// The complete image: the last step if it is built on all others, otherwise all steps merged; and the records.
    fn whole(&mut self, base: Output, records: &[Output]) -> Output {
        let steps = &self.plan.steps;
        match steps.last() {
            Some(Step { id, action: Action::Commands { .. }, .. }) => {
                let commands = self.tips.get(id.as_str()).map_or(base, |tip| tip.output);
                self.joined(commands, &[], records)
            }
            _ => {
                let ids: Vec<&str> = steps.iter().map(|step| step.id.as_str()).collect();
                self.joined(base, &ids, records)
            }
        }
    }

    /// The changes of steps and other files, merged in their order on top of the base.
    fn joined(&mut self, base: Output, ids: &[&str], others: &[Output]) -> Output {
        let plan = self.plan;
        let steps = ids.iter().filter_map(|id| plan.steps.iter().find(|step| step.id == **id)).collect();
        let steps = plan.in_layer_order(steps).into_iter();
        let tips: Vec<(&Step, Tip)> =
            steps.filter_map(|step| Some((step, *self.tips.get(step.id.as_str())?))).collect();
        // If each step is built on the previous one, the last one contains all.
        let mut end = base;
        let is_chain = tips.iter().all(|(_, tip)| Some(std::mem::replace(&mut end, tip.output)) == tip.below);
        let (base, tips) = match tips.last() {
            Some((_, last)) if is_chain || plan.shape == Shape::Chain => (last.output, Vec::new()),
            _ => (base, tips),
        };
        let changes: Vec<Output> = tips
            .iter()
            .flat_map(|(step, tip)| {
                if tip.below.is_none() {
                    return [Some(tip.output), None];
                }
                let diff = self.graph.diff(Diff::new(tip.below, tip.output));
                // Without locations: a diff never fails, and its step has them.
                self.graph.annotate(diff.op(), Note::named(format!("changes of {}", step.title)));
                [tip.apart, Some(diff)]
            })
            .flatten()
            .chain(others.iter().copied())
            .collect();
        let Some((first, others)) = changes.split_first() else { return base };
        let merged =
            self.graph.merge(others.iter().fold(Merge::new(base, *first), |merge, change| merge.with(*change)));
        self.graph.annotate(merged.op(), Note::named(self.named("join", "merge all branches")));
        merged
    }

    fn image(&mut self, image: &PinnedImage) -> Output {
        let mut source = ImageSource::new(&image.reference, self.plan.platform.clone());
        // A digest needs no lookup, so the mode only matters for a name without one.
        if !image.reference.contains('@') {
            source.resolve_mode = self.common.resolve_mode;
        }
        let output = self.graph.source(source);
        self.graph.annotate(output.op(), Note::named(self.named("image", &image.reference)));
        output
    }

    fn named(&self, part: &str, text: &str) -> String {
        if self.common.multi_platform {
            format!("[{} {part}] {text}", self.plan.platform)
        } else {
            format!("[{part}] {text}")
        }
    }

    /// Adds a process of a step.
    fn step_exec(&mut self, step: &Step, exec: Exec) -> ExecOutputs {
        let ignore_cache = self.common.no_cache.applies_to(&step.names());
        self.exec_of(Note { ignore_cache, ..self.note(&step.id, &step.title, &step.locations) }, exec)
    }

    fn exec_of(&mut self, note: Note, exec: Exec) -> ExecOutputs {
        let outputs = self.graph.exec(if note.ignore_cache { exec.with_worker_filter(ANY_WORKER) } else { exec });
        self.graph.annotate(outputs.op(), note);
        outputs
    }

    /// Adds changes of files of a step.
    fn step_file(&mut self, step: &Step, file: File) -> Output {
        let ignore_cache = self.common.no_cache.applies_to(&step.names());
        self.file_of(Note { ignore_cache, ..self.note(&step.id, &step.title, &step.locations) }, file)
    }

    fn file_of(&mut self, note: Note, file: File) -> Output {
        let output = if note.ignore_cache {
            self.graph.file(file.with_worker_filter(ANY_WORKER))
        } else {
            self.graph.file(file)
        };
        self.graph.annotate(output.op(), note);
        output
    }

    fn note(&self, id: &str, title: &str, locations: &[Location]) -> Note {
        let key = StepKey::new(self.plan, id).to_string();
        let description = BTreeMap::from([(STEP_DESCRIPTION.to_owned(), key)]);
        Note { description, ..Note::named(title).at_all(locations.iter().copied()) }
    }

    /// An exec in a root filesystem with the base: with its environment, and the data that all steps share.
    fn exec<A: Into<String>>(&self, args: impl IntoIterator<Item = A>, root: Output) -> Exec {
        let exec = Exec::new(args, root, self.plan.platform.clone()).with_envs(self.common.base_env.clone());
        self.with_surroundings(exec)
    }

    /// Adds the data that all steps share: network, hosts, proxies.
    fn with_surroundings(&self, exec: Exec) -> Exec {
        let mut exec = exec.with_network(self.common.network);
        for (host, ip) in &self.common.hosts {
            exec = exec.with_host(host, ip);
        }
        if let Some(hostname) = &self.common.hostname {
            exec = exec.with_hostname(hostname);
        }
        if let Some(proxy) = &self.common.proxy {
            exec = exec.with_proxy(proxy.clone());
        }
        exec
    }

    /// Adds the user's CA bundle to an exec, as a secret mount and in the variables that the usual tools read. The image's own bundle is
    /// not changed.
    fn with_ca_bundle(&self, exec: Exec) -> Exec {
        const VARIABLES: [&str; 6] = [
            "SSL_CERT_FILE",
            "PIP_CERT",
            "REQUESTS_CA_BUNDLE",
            "CURL_CA_BUNDLE",
            "GIT_SSL_CAINFO",
            "NODE_EXTRA_CA_CERTS",
        ];
        let Some(bundle) = &self.common.ca_bundle else { return exec };
        // Certificates are not secret: programs that drop root privileges, such as apt's helpers, must be able to read them.
        let exec = exec.with_mount(Mount::secret(ca_path(), &bundle.secret_id).readable_by_all());
        VARIABLES.into_iter().fold(exec, |exec, name| exec.with_env(name, ca_path()))
    }

    /// Generated input files of a step, mounted read-only at `<MOUNTS>/<name>`.
    fn inputs(&mut self, name: &str, files: &[(&str, &str)]) -> BindMount {
        self.inputs_with_program(name, files, None)
    }

    /// The same with a program.
    fn inputs_with_program(
        &mut self,
        name: &str,
        files: &[(&str, &str)],
        program: Option<(&str, Vec<u8>)>,
    ) -> BindMount {
        let output = self.input_files(name, files, program);
        Mount::read_only(format!("{}/{name}", crate::fixed::MOUNTS), output)
    }

    fn input_files(&mut self, name: &str, files: &[(&str, &str)], program: Option<(&str, Vec<u8>)>) -> Output {
        let program = program.into_iter().fold(File::scratch(), |file, (path, bytes)| {
            file.mkfile(MkFile { timestamp: Some(0), ..MkFile::new(format!("/{path}"), 0o755, bytes) })
        });
        let file = files.iter().fold(program, |file, (path, text)| {
            // With a fixed time, the layer and therefore content-based cache keys do not depend on the day.
            file.mkfile(MkFile { timestamp: Some(0), ..MkFile::new(format!("/{path}"), 0o644, *text) })
        });
        let file = match self.common.avoided {
            Avoided::Nothing | Avoided::Records => file,
            // Steps that read these files have other cache keys.
            avoided => file.mkfile(MkFile {
                timestamp: Some(0),
                ..MkFile::new(format!("/{}", record::other_name(avoided)), 0o644, "")
            }),
        };
        let output = self.graph.file(file);
        self.graph.annotate(output.op(), Note::named(self.named("internal", &format!("write {name} inputs"))));
        output
    }

    fn cache_id(&self, name: &str) -> String {
        match &self.common.cache_namespace {
            Some(namespace) => format!("{namespace}/imagespec-{name}"),
            None => format!("imagespec-{name}"),
        }
    }
}

fn ca_path() -> String {
    format!("{}/ca.pem", crate::fixed::MOUNTS)
}
