//! Lowering: a plan to an LLB graph and an image config. Total, and without choices of its own.
//!
//! No text of the spec ever becomes a program here: steps are argv, the one script of ours is constant and takes packages as
//! its arguments, and the only shell text is the user's own `commands`.

mod apt;
mod commands;
pub(crate) mod files;
mod python;
mod user;

use std::collections::BTreeMap;

use buildkit_llb::{Diff, Exec, File, Graph, GraphBuilder, Merge, MkFile, Mount, Note, OpId, Output, Source};
use imagespec::SourceMap;

use crate::plan::{Action, Common, Parent, PinnedImage, Plan, Shape, Step};
use crate::{image_config, locations};

/// What a plan becomes.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The graph of the root filesystem.
    pub graph: Graph,
    /// The image config (OCI image spec, config.md).
    pub image_config: serde_json::Value,
    /// The base image's config, unmodified: it tells exporters which layers and history are the base's.
    pub base_config: serde_json::Value,
}

/// Lowers a plan. `sources` are the texts its locations point into.
#[must_use]
pub fn lower(plan: &Plan, sources: &SourceMap) -> Compiled {
    let mut graph = GraphBuilder::new();
    for file in locations::source_files(sources) {
        graph.add_file(file);
    }
    let mut lowering = Lowering { plan, common: &plan.common, graph, tips: BTreeMap::new() };
    let base = lowering.image(&plan.base);
    let root = lowering.steps(base);
    // The lowering emits absolute paths, mounts and inputs of its own graph only; anything else is our bug.
    let graph = lowering.graph.finish(Some(root)).expect("a lowered plan is a sound graph");
    Compiled { graph, image_config: image_config::image_config(plan), base_config: plan.common.base_config.clone() }
}

struct Lowering<'a> {
    plan: &'a Plan,
    common: &'a Common,
    graph: GraphBuilder,
    /// What each step yields.
    tips: BTreeMap<&'static str, Output>,
}

impl Lowering<'_> {
    fn steps(&mut self, mut base: Output) -> Output {
        for step in &self.plan.steps {
            let parent = match step.parent {
                Parent::Base => base,
                Parent::Step(id) => self.tips.get(id).copied().unwrap_or(base),
                Parent::Joined => self.joined(base, step.id),
            };
            let output = match &step.action {
                Action::OwnHome { owner } => {
                    // Everything else stands on it: branches that touch `/root` must all see the same owner.
                    base = self.own_home(step, parent, owner);
                    continue;
                }
                Action::Apt { packages, cache_scope, env } => self.apt(step, parent, packages, cache_scope, env),
                Action::Venv { interpreter, system_site_packages } => {
                    self.venv(step, parent, interpreter, *system_site_packages)
                }
                Action::Install { .. } => self.install(step, parent),
                Action::Copy { local, items, owner } => self.copy(step, parent, local, items, owner),
                Action::Commands { script, env } => self.commands(step, parent, script, env),
            };
            self.tips.insert(step.id, output);
        }
        match self.plan.steps.last() {
            None => base,
            Some(last) if last.parent == Parent::Joined => self.tips.get(last.id).copied().unwrap_or(base),
            Some(_) => self.joined(base, ""),
        }
    }

    /// All steps before `until`, joined: the branches' changes merged over the base, or the end of the chain.
    fn joined(&mut self, base: Output, until: &str) -> Output {
        let foundation = |step: &Step| matches!(step.action, Action::OwnHome { .. });
        let steps: Vec<&Step> =
            self.plan.steps.iter().take_while(|step| step.id != until).filter(|step| !foundation(step)).collect();
        // A branch ends with a step that no other stands on.
        let stood_on = |id| steps.iter().any(|step| step.parent == Parent::Step(id));
        let tips: Vec<&Step> = steps.iter().copied().filter(|step| !stood_on(step.id)).collect();
        let of = |lowering: &Self, step: &Step| lowering.tips.get(step.id).copied().unwrap_or(base);
        match tips.as_slice() {
            [] => base,
            // One branch needs no merge: its end is the whole.
            [only] => of(self, only),
            tips if self.plan.shape == Shape::Merge => {
                let changes: Vec<Output> = tips
                    .iter()
                    .map(|step| {
                        let upper = of(self, step);
                        let diff = self.graph.diff(Diff::new(Some(base), upper));
                        self.graph.annotate(diff.op(), self.note(step, format!("changes of {}", step.title)));
                        diff
                    })
                    .collect();
                let mut merge = Merge::new(base, changes[0]);
                for change in &changes[1..] {
                    merge = merge.with(*change);
                }
                let merged = self.graph.merge(merge);
                self.graph.annotate(merged.op(), Note::named(self.named("join", "merge all branches")));
                merged
            }
            tips => tips.last().map_or(base, |step| of(self, step)),
        }
    }

    fn image(&mut self, image: &PinnedImage) -> Output {
        let mut source = Source::image(&image.reference, self.plan.platform.clone());
        // A digest needs no lookup, so the mode is said only where the name alone decides.
        if !image.reference.contains('@') {
            source = source.with_resolve_mode(self.common.resolve_mode);
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

    fn note(&self, step: &Step, name: String) -> Note {
        Note::named(name).at_all(step.locations.iter().copied())
    }

    /// Says what an op is called and which lines of the spec asked for it.
    fn annotate(&mut self, step: &Step, op: OpId) {
        let mut note = self.note(step, step.title.clone());
        note.ignore_cache = self.common.no_cache;
        self.graph.annotate(op, note);
    }

    /// An exec with what all steps share: the base's environment, network, hosts, proxies.
    fn exec<A: Into<String>>(&self, args: impl IntoIterator<Item = A>, root: Output) -> Exec {
        let mut exec = Exec::new(args, root, self.plan.platform.clone())
            .with_envs(self.common.base_env.clone())
            .with_network(self.common.network);
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

    /// Lets an exec trust the user's CA bundle: a secret mount and the variables that the usual tools read. The image's own
    /// bundle is not touched.
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
        // Certificates are no secret: helpers that drop root, apt's for one, must be able to read them.
        let exec = exec.with_mount(Mount::secret(ca_path(), &bundle.secret_id).readable_by_all());
        VARIABLES.into_iter().fold(exec, |exec, name| exec.with_env(name, ca_path()))
    }

    /// Our own files for a step, mounted read-only at `<MOUNTS>/<name>`.
    fn inputs(&mut self, name: &str, files: &[(&str, &str)]) -> Mount {
        let file = files.iter().fold(File::scratch(), |file, (path, text)| {
            // A fixed time keeps the layer, and with it content keys, the same on every day.
            file.mkfile(MkFile { timestamp: Some(0), ..MkFile::new(format!("/{path}"), 0o644, *text) })
        });
        let output = self.graph.file(file);
        self.graph.annotate(output.op(), Note::named(self.named("internal", &format!("write {name} inputs"))));
        Mount::read_only(format!("{}/{name}", crate::MOUNTS), output)
    }

    fn cache_id(&self, name: &str) -> String {
        match &self.common.cache_namespace {
            Some(namespace) => format!("{namespace}/imagespec-{name}"),
            None => format!("imagespec-{name}"),
        }
    }
}

fn ca_path() -> String {
    format!("{}/ca.pem", crate::MOUNTS)
}
