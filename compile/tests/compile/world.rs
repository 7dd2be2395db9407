//! A small world to gather facts from, and a build in it: asks and answers until the plan is complete.

use std::collections::{BTreeMap, BTreeSet};

use buildkit_llb::{Graph, Op, OpId, Platform};
use imagespec::{Diagnostic, Requirement, RequirementKind};
use imagespec_compile::{
    AnyQuestion, Ask, Compiled, DaemonFact, Document, Fact, ImageFact, InstalledPackage, InterpreterFact, LockFact,
    Outcome, Plan, Program, Recipe, SelectionFact, Settings, Store, SurveyFact, lower, lower_for, plan,
};
use serde_json::{Value, json};

/// No plan needs more rounds than a chain of facts is long; the longest here are requirements files that include each other.
const MAX_ROUNDS: usize = 12;

/// A digest that looks like one.
pub(crate) const DIGEST: &str = "sha256:5f1c0d3f0a1f0f7a5e4d2b8c9a6e7d1c2b3a49586776859403122130fedcba98";

/// What is in a root filesystem.
#[derive(Clone, Debug, Default)]
pub(crate) struct RootfsFacts {
    /// Files named `python*` in the folders of PATH.
    pub(crate) programs: Vec<Program>,
    /// Text of files.
    pub(crate) files: BTreeMap<String, String>,
    /// Which paths exist.
    pub(crate) exists: BTreeMap<String, bool>,
    /// What interpreters report about themselves; one that is not described is the usual one.
    pub(crate) interpreters: BTreeMap<String, Option<InterpreterFact>>,
}

impl RootfsFacts {
    /// The programs in a folder.
    fn in_folder(&self, folder: &str) -> Vec<Program> {
        let is_in = |program: &&Program| program.path.rsplit_once('/').is_some_and(|(at, _)| at == folder);
        self.programs.iter().filter(is_in).cloned().collect()
    }
}

/// Whether a program has the name of an interpreter.
fn is_interpreter(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let version = name.strip_prefix("python").unwrap_or("-");
    version.chars().all(|c| c.is_ascii_digit() || c == '.')
}

/// All there is to know.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) platform: Platform,
    pub(crate) capabilities: BTreeSet<String>,
    pub(crate) session: Option<String>,
    /// The base image's config.
    pub(crate) config: Value,
    /// Its name stands for one image instead of one for each platform.
    pub(crate) is_of_one_platform: bool,
    pub(crate) base: RootfsFacts,
    /// With the apt packages on top.
    pub(crate) apt: RootfsFacts,
    /// Whether images have a shell that can describe them.
    pub(crate) has_shell: bool,
    /// Files of the context.
    pub(crate) context: BTreeMap<String, String>,
    /// Files beside the spec.
    pub(crate) spec_files: BTreeMap<String, String>,
    pub(crate) ignore: Vec<String>,
    /// The Python files that the client sends, by their paths in the context.
    pub(crate) sources: Vec<String>,
    /// What the client says of the files that are copied, if it lists them.
    pub(crate) selection: Option<SelectionFact>,
    /// What requirements are resolved to; without it, to one small package each.
    pub(crate) lock: Option<String>,
    /// The requirements that a tool exports from its own lock.
    pub(crate) exported: String,
    /// The packages of environments that have some.
    pub(crate) installed: Vec<InstalledPackage>,
    /// Whether requirements of packages are only known after building them.
    pub(crate) has_to_build: bool,
    /// What packages bring that others bring too.
    pub(crate) collisions: String,
}

impl World {
    /// An image like `python:3.11-slim` on a daemon with everything.
    pub(crate) fn python() -> Self {
        let folder = "/usr/local/bin";
        let programs = [
            ("python", Some("python3")),
            ("python3", Some("python3.11")),
            ("python3-config", Some("python3.11-config")),
            ("python3.11", None),
            ("python3.11-config", None),
        ];
        Self {
            platform: Platform::linux("amd64"),
            capabilities: buildkit_llb::caps::ALL.iter().map(|cap| (*cap).to_owned()).collect(),
            session: Some("s0".to_owned()),
            config: json!({
                "architecture": "amd64",
                "os": "linux",
                "config": {"Env": [format!("PATH={folder}:/usr/bin:/bin"), "LANG=C.UTF-8"], "Cmd": ["python3"]},
                "rootfs": {"type": "layers", "diff_ids": [DIGEST]},
                "history": [{"created_by": "debian.sh"}],
            }),
            is_of_one_platform: false,
            base: rootfs(&programs.map(|(name, link)| (format!("{folder}/{name}"), link))),
            apt: RootfsFacts::default(),
            has_shell: true,
            context: BTreeMap::new(),
            spec_files: BTreeMap::new(),
            ignore: Vec::new(),
            sources: ["src/main.py", "src/pkg/deep/leaf.py"].map(str::to_owned).to_vec(),
            selection: None,
            lock: None,
            exported: String::new(),
            installed: Vec::new(),
            has_to_build: false,
            collisions: String::new(),
        }
    }

    /// An image like `debian:bookworm-slim`, without Python.
    pub(crate) fn debian() -> Self {
        let config = json!({"config": {"Env": ["PATH=/usr/local/bin:/usr/bin:/bin"]}});
        Self { config, base: rootfs::<&str>(&[]), ..Self::python() }
    }

    #[must_use]
    pub(crate) fn with_file(mut self, path: &str, text: &str) -> Self {
        self.context.insert(path.to_owned(), text.to_owned());
        self
    }

    #[must_use]
    pub(crate) fn beside_spec(mut self, name: &str, text: &str) -> Self {
        self.spec_files.insert(name.to_owned(), text.to_owned());
        self
    }

    #[must_use]
    pub(crate) fn with_config(mut self, name: &str, value: Value) -> Self {
        self.config["config"][name] = value;
        self
    }

    /// A daemon that cannot merge.
    #[must_use]
    pub(crate) fn chained(self) -> Self {
        self.without(&["mergeop", "diffop"])
    }

    #[must_use]
    pub(crate) fn without(mut self, capabilities: &[&str]) -> Self {
        self.capabilities.retain(|cap| !capabilities.contains(&cap.as_str()));
        self
    }

    /// Answers a question of a build of a document.
    pub(crate) fn answer(&self, ask: &Ask, document: &Document) -> Fact {
        let root = match &ask.recipe {
            Some(Recipe::Root(root) | Recipe::Interpreter { root, .. }) if root.step().is_some() => &self.apt,
            Some(Recipe::Survey(survey)) if survey.step().is_some() => &self.apt,
            _ => &self.base,
        };
        let reported = |root: &RootfsFacts, path: &str| {
            root.interpreters.get(path).cloned().unwrap_or_else(|| Some(interpreter("3.11.2")))
        };
        match ask.question.clone() {
            AnyQuestion::Daemon(question) => {
                let (capabilities, session) = (self.capabilities.clone(), self.session.clone());
                let lists_files = self.selection.is_some();
                (question, DaemonFact { platform: self.platform.clone(), capabilities, session, lists_files }).into()
            }
            AnyQuestion::Image(question) => {
                let (mut config, platform) = (self.config.clone(), &question.platform);
                if !self.is_of_one_platform && config.is_object() {
                    (config["os"], config["architecture"]) = (json!(platform.os), json!(platform.architecture));
                }
                let reference = format!("{}@{DIGEST}", question.reference);
                (question, ImageFact { reference, config }).into()
            }
            AnyQuestion::ContextFile(question) => {
                let text = self.context.get(&question.path).map(|text| text.as_str().into());
                (question, text).into()
            }
            AnyQuestion::SpecFile(question) => {
                let text = self.spec_files.get(&question.name).map(|text| text.as_str().into());
                (question, text).into()
            }
            AnyQuestion::ContextIgnore(question) => (question, self.ignore.clone()).into(),
            AnyQuestion::FolderIgnore(question) => {
                let text = self.context.get(&format!("{}/.dockerignore", question.folder));
                let patterns = text.map(|text| text.lines().map(str::to_owned).collect()).unwrap_or_default();
                (question, patterns).into()
            }
            AnyQuestion::Selection(question) => {
                (question, self.selection.clone().expect("the client lists its files")).into()
            }
            AnyQuestion::ContextListing(question) if question.suffix == "/.gitignore" => {
                let is_wanted = |path: &&String| format!("/{path}").ends_with(&question.suffix);
                let paths = self.context.keys().filter(is_wanted).cloned().collect();
                (question, paths).into()
            }
            AnyQuestion::ContextListing(question) => {
                let below = format!("{}/", question.root);
                let is_below = |path: &&String| question.root == "." || path.starts_with(&below);
                let sources = self.sources.iter().filter(is_below).cloned().collect();
                (question, sources).into()
            }
            AnyQuestion::Survey(question) => {
                let programs: Vec<Program> =
                    question.folders.iter().flat_map(|folder| root.in_folder(folder)).collect();
                let named = programs.iter().map(|program| &program.path).filter(|path| is_interpreter(path));
                let named = named.chain(question.program.iter().filter(|path| root.exists.get(*path) != Some(&false)));
                let survey = SurveyFact {
                    interpreters: named.map(|path| (path.clone(), reported(root, path))).collect(),
                    paths: root.exists.iter().filter(|(_, exists)| **exists).map(|(path, _)| path.clone()).collect(),
                    files: root.files.clone(),
                    programs,
                };
                (question, self.has_shell.then_some(survey)).into()
            }
            AnyQuestion::Programs(question) => {
                let programs = question.folders.iter().flat_map(|folder| root.in_folder(folder)).collect();
                (question, programs).into()
            }
            AnyQuestion::RootfsFile(question) => {
                let text = root.files.get(&question.path).cloned();
                (question, text).into()
            }
            AnyQuestion::Exists(question) => {
                let exists = root.exists.get(&question.path) == Some(&true);
                (question, exists).into()
            }
            AnyQuestion::Interpreter(question) => {
                let fact = reported(root, &question.path);
                (question, fact).into()
            }
            AnyQuestion::Installed(question) => (question, self.installed.clone()).into(),
            AnyQuestion::Lock(question) => {
                let Some(recipe @ Recipe::Lock(lock)) = &ask.recipe else { panic!("a lock is made by a step") };
                let is_refused = lock.is_apart() && self.has_to_build;
                let lock_text = self.lock.clone().unwrap_or_else(|| self.lock_of(document));
                let exported = recipe.exports_requirements().then(|| self.exported.clone());
                let lock = (!is_refused).then(|| lock_text.into());
                (question, LockFact { lock, exported }).into()
            }
            AnyQuestion::Collisions(question) => (question, self.collisions.clone()).into(),
        }
    }

    /// What a resolver would make of a spec's requirements, were each of them one small package without dependencies.
    fn lock_of(&self, document: &Document) -> String {
        let levels = document.spec.levels();
        let mut requirements: Vec<Requirement> =
            levels.iter().flat_map(|level| level.spec.packages().to_vec()).collect();
        let mut sources = imagespec::SourceMap::new();
        for (path, text) in &self.context {
            if path.ends_with(".txt") {
                let scan = imagespec::scan_requirements(sources.add(path.as_str(), text.as_str()), text);
                requirements.extend(scan.lines.into_iter().filter_map(|line| match line.kind {
                    imagespec::RequirementsLineKind::Requirement(requirement) => Some(requirement),
                    _ => None,
                }));
            }
        }
        let entries: BTreeMap<String, String> = requirements.iter().filter_map(entry).collect();
        let entries: Vec<String> = entries.into_values().collect();
        let none = if entries.is_empty() { "packages = []\n" } else { "" };
        format!("lock-version = \"1.0\"\ncreated-by = \"uv\"\n{none}{}", entries.join(""))
    }
}

/// An entry of a lock for a requirement: a small wheel, or a checkout.
fn entry(requirement: &Requirement) -> Option<(String, String)> {
    let wheel = |name: &str| {
        let file = name.replace('-', "_");
        // Where a line names hashes, the index has a file with the first of them.
        let hash = buildkit_llb::Digest::from_content(name.as_bytes()).to_string();
        let hash = requirement.hashes().into_iter().next().unwrap_or(hash);
        let digits = hash.trim_start_matches("sha256:");
        format!(
            "\n[[packages]]\nname = \"{name}\"\nversion = \"1.0\"\nwheels = [{{ url = \"https://files.example.com/{file}-1.0-py3-none-any.whl\", size = 1000, hashes = {{ sha256 = \"{digits}\" }} }}]\n"
        )
    };
    match requirement.kind() {
        RequirementKind::Named { name, .. } | RequirementKind::Url { name: Some(name) } => {
            Some((name.to_string(), wheel(name.as_str())))
        }
        RequirementKind::Vcs { name } => {
            let name = name.as_ref().map_or("checkout".to_owned(), ToString::to_string);
            let vcs = "{ type = \"git\", url = \"https://example.com/x.git\", commit-id = \"0123456789012345678901234567890123456789\" }";
            Some((name.clone(), format!("\n[[packages]]\nname = \"{name}\"\nvcs = {vcs}\n")))
        }
        RequirementKind::Options { requirement, .. } => requirement.as_deref().and_then(entry),
        RequirementKind::Url { name: None } | RequirementKind::Path { .. } => None,
    }
}

/// CPython on Debian bookworm.
pub(crate) fn interpreter(version: &str) -> InterpreterFact {
    InterpreterFact {
        version: version.to_owned(),
        implementation: "cpython".to_owned(),
        implementation_version: version.to_owned(),
        free_threaded: false,
        libc: "glibc".to_owned(),
        libc_version: "2.36".to_owned(),
        packages: Vec::new(),
    }
}

/// A Debian root filesystem with some programs.
pub(crate) fn rootfs<P: AsRef<str>>(programs: &[(P, Option<&str>)]) -> RootfsFacts {
    let program =
        |(path, link): &(P, Option<&str>)| Program { path: path.as_ref().to_owned(), link: link.map(str::to_owned) };
    let release = "ID=debian\nVERSION_CODENAME=bookworm\n".to_owned();
    RootfsFacts {
        programs: programs.iter().map(program).collect(),
        files: BTreeMap::from([("/etc/os-release".to_owned(), release)]),
        exists: programs.iter().map(|(path, _)| (path.as_ref().to_owned(), true)).collect(),
        interpreters: BTreeMap::new(),
    }
}

/// A finished build.
#[derive(Debug)]
pub(crate) struct Build {
    pub(crate) store: Store,
    pub(crate) outcome: Outcome,
    pub(crate) plans: Vec<Plan>,
    pub(crate) warnings: Vec<Diagnostic>,
    /// What was asked, round by round.
    pub(crate) rounds: Vec<Vec<Ask>>,
}

/// The checked spec of a text.
#[track_caller]
pub(crate) fn document(name: &str, text: &str) -> Document {
    let mut parsed = imagespec::parse(name, text);
    if let Some(target) = parsed.images.last().cloned() {
        // Usually the last image of a file is built on the others.
        let choice = imagespec::Choice { target: Some(target), ..imagespec::Choice::default() };
        parsed = imagespec::parse_with(name, text, &choice);
    }
    let problems = imagespec::render_all(&parsed.diagnostics, &parsed.sources);
    Document::from_parsed(parsed, None).expect(&problems)
}

/// Builds a spec in a world; `Err` is everything wrong, rendered.
#[track_caller]
pub(crate) fn try_build(document: Document, settings: &Settings, world: &World) -> Result<Build, String> {
    let mut store = Store::default();
    let mut rounds: Vec<Vec<Ask>> = Vec::new();
    loop {
        let outcome = plan(&document, settings, &store);
        if !outcome.is_certain() {
            let asks: Vec<Ask> = outcome.asks().cloned().collect();
            for ask in &asks {
                let is_asked_again = rounds.iter().flatten().any(|before| before.question == ask.question);
                assert!(!is_asked_again, "{:?} is asked again", ask.question);
                store.insert(world.answer(ask, &document));
            }
            rounds.push(asks);
            assert!(rounds.len() <= MAX_ROUNDS, "planning does not end: {rounds:#?}");
            continue;
        }
        let Some(plans) = outcome.plans() else {
            assert!(!outcome.problems.is_empty(), "planning stopped without asking");
            return Err(imagespec::render_all(&outcome.problems, &outcome.sources));
        };
        let daemon = store.daemon().expect("it is asked first");
        if let Err(problem) = lower_for(&plans, &outcome.sources, daemon) {
            return Err(imagespec::render_all(&[problem], &outcome.sources));
        }
        let plans = plans.into_iter().cloned().collect();
        let warnings = outcome.warnings.clone();
        return Ok(Build { store, outcome, plans, warnings, rounds });
    }
}

/// Builds a YAML text that nothing is wrong with.
#[track_caller]
pub(crate) fn build(text: &str, world: &World) -> Build {
    build_with(text, &Settings::default(), world)
}

#[track_caller]
pub(crate) fn build_with(text: &str, settings: &Settings, world: &World) -> Build {
    try_build(document("spec.yaml", text), settings, world).unwrap_or_else(|problems| panic!("{problems}"))
}

/// What is wrong with a YAML text in a world.
#[track_caller]
pub(crate) fn problems(text: &str, world: &World) -> String {
    try_build(document("spec.yaml", text), &Settings::default(), world).expect_err("something is wrong")
}

impl Build {
    /// What was asked.
    pub(crate) fn asked(&self) -> impl Iterator<Item = &AnyQuestion> {
        self.rounds.iter().flatten().map(|ask| &ask.question)
    }

    pub(crate) fn compile(&self) -> Vec<Compiled> {
        self.plans.iter().map(|plan| lower(plan, &self.outcome.sources)).collect()
    }

    /// The graph of the only platform.
    #[track_caller]
    pub(crate) fn graph(&self) -> Graph {
        let [compiled] = self.compile().try_into().expect("one platform");
        compiled.graph
    }

    /// The image config of the only platform.
    #[track_caller]
    pub(crate) fn image(&self) -> Value {
        let [compiled] = self.compile().try_into().expect("one platform");
        compiled.image_config
    }

    /// The steps' ids with the text of what each is built on.
    pub(crate) fn shape(&self) -> String {
        let steps: Vec<String> =
            self.plans[0].steps.iter().map(|step| format!("{}<-{:?}", step.id, step.parent)).collect();
        steps.join(" ")
    }
}

/// The reachable ops with their names, inputs first.
pub(crate) fn ops(graph: &Graph) -> Vec<(OpId, String, &Op)> {
    let named = |id: OpId| graph.note(id).and_then(|note| note.name.clone()).unwrap_or_default();
    graph.reachable().into_iter().filter_map(|id| Some((id, named(id), graph.op(id)?))).collect()
}

/// The digests of the ops whose names begin with a text.
pub(crate) fn digests(graph: &Graph, prefix: &str) -> BTreeSet<String> {
    let of = |id: OpId| graph.digest(id).map(|digest| digest.to_string()).unwrap_or_default();
    ops(graph).into_iter().filter(|(_, name, _)| name.starts_with(prefix)).map(|(id, _, _)| of(id)).collect()
}

/// Arguments, environment and mounts of the op whose name begins with a text, as the dump has them.
#[track_caller]
pub(crate) fn described(graph: &Graph, prefix: &str) -> String {
    let dump = graph.dump().json();
    let ops = dump["ops"].as_array().cloned().unwrap_or_default();
    let found = ops.iter().find(|op| op["name"].as_str().is_some_and(|name| name.starts_with(prefix)));
    let detail = found.and_then(|op| op["detail"].as_array()).unwrap_or_else(|| panic!("no op {prefix} in {dump:#}"));
    detail.iter().filter_map(Value::as_str).map(|line| format!("{line}\n")).collect()
}
