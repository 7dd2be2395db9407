//! Solves the golden definitions on a real daemon. The daemon gets exactly the bytes whose digests are in the golden files, and every
//! op must be solved, except for the steps in [`FAILING`] and the ops that are built on them.
//!
//! The saved facts name images that are in no registry. A source policy replaces them by images of the lab; the daemon applies the
//! policy, so the definitions themselves are sent unchanged. Some steps cannot succeed: they install files that only a simulated lock
//! names, or use example hosts. `FAILING` lists them with their exit codes. The daemon still has to accept the ops that are built on
//! them, but it does not run these ops.

use std::collections::{BTreeMap, BTreeSet};

use buildkit_client::dial::Connection;
use buildkit_client::error::SolveError;
use buildkit_client::progress;
use buildkit_client::session::files::LocalDir;
use buildkit_client::session::secrets::{SecretSource, Secrets};
use buildkit_client::session::{Session, SessionId};
use buildkit_client::solve::{Exporter, ExporterKind, SolveOptions, solve};
use buildkit_llb::{Exec, GraphBuilder, Platform, Source};
use buildkit_proto::keys::exporter_attr;
use buildkit_proto::rpc::sourcepolicy::{MatchType, Policy, PolicyAction, Rule, Selector, Update};
use buildkit_proto::{Digest, Message as _, map, pb};
use futures_util::StreamExt as _;
use tokio_util::sync::CancellationToken;

use crate::definitions::{Golden, facts_of, folder, names, read};
use crate::lab::{self, BUILDKITD, ca_bundles, connect, variable};
use When::{Always, OnlyWithout};

/// The maximum number of golden files that are replayed at the same time. Most of their steps wait for hosts that do not exist.
const MAX_CONCURRENT: usize = 8;

/// Images that the lab does not have, and the images of the lab that replace them. `@` is the address of the lab's registry.
const REPLACEMENTS: [(&str, &str); 5] = [
    ("docker.io/library/python:3.12.7-slim-bookworm", "docker.io/library/python:3.11.9-slim-bookworm"),
    ("docker.io/nvidia/cuda:12.4.1-cudnn-runtime-ubuntu22.04", "docker.io/library/debian:bookworm-slim"),
    ("registry.example.org/team/minimal:1", "docker.io/library/debian:bookworm-slim"),
    ("quay.io/jupyter/minimal-notebook:2026-11-10", "@/goldens/notebook:latest"),
    ("ghcr.io/team/base:v1", "@/goldens/own-image:latest"),
];

/// The replacements that this test builds and pushes: their names, and the scripts that change the lab's Python image so that it has the
/// programs that are in the saved facts.
const BUILT_REPLACEMENTS: [(&str, &str); 2] = [
    (
        "notebook",
        "useradd --uid 1000 --gid 100 --create-home jovyan
        mkdir -p /opt/conda/bin
        for name in python python3; do ln -s /usr/bin/python3.11 /opt/conda/bin/$name; done",
    ),
    ("own-image", "python3 -m venv /opt/venv"),
];

/// The files of the build context that steps copy.
const CONTEXT: [(&str, &str); 8] = [
    ("app/run.sh", "#!/bin/sh\n"),
    ("config/app.toml", "mode = 'x'\n"),
    ("data/table.csv", "1,2\n"),
    ("notebooks/first.ipynb", "{}\n"),
    ("setup.sh", "#!/bin/sh\n"),
    ("src/main.py", "print('main')\n"),
    ("src/pkg/__init__.py", ""),
    ("src/pkg/deep/leaf.py", "LEAF = 1\n"),
];

/// When a step fails if it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    /// On every daemon, because it needs something that does not exist.
    Always,
    /// Only on daemons that do not have access to this.
    OnlyWithout(&'static str),
}

/// The steps that fail for a reason outside of their definition: golden file, title, exit code, and when.
#[rustfmt::skip]
const FAILING: &[(&str, &str, u32, When)] = &[
    ("apt_only@debian-bookworm-slim", "[apt] git, vim=2:9.0*, libssl-dev, curl/bookworm-backports and 3 more", 100, Always),
    ("base_user@notebook", "[lock] resolve polars", 2, OnlyWithout("pypi.org")),
    ("base_user@notebook", "[pip] 8 packages", 1, Always),
    ("ca_bundle_of_settings@python-3.11-slim", "[pip] 7 packages", 2, Always),
    ("ca_bundle_of_spec@python-3.11-slim", "[pip] 7 packages", 2, Always),
    ("commands@python-3.11-slim", "[lock] resolve numpy, pip", 2, OnlyWithout("pypi.org")),
    ("commands@python-3.11-slim", "[pip] 7 packages", 2, Always),
    ("conda@debian-bookworm-slim", "[conda] python=3.11, numpy>=2,<3", 1, OnlyWithout("conda.anaconda.org")),
    ("conda@debian-bookworm-slim", "[pip] 8 packages", 2, Always),
    ("cuda_image@nvidia-cuda-12.4", "[lock] resolve cupy-cuda12x", 2, OnlyWithout("pypi.org")),
    ("cuda_image@nvidia-cuda-12.4", "[pip] 8 packages", 2, Always),
    ("cuda_image@nvidia-cuda-12.4", "[python] create an environment with Python 3.12", 1, OnlyWithout("github.com")),
    ("cuda_wheels@python-3.11-slim", "[lock] resolve numpy, cuda-toolkit, nvidia-cudnn-cu12", 2, OnlyWithout("pypi.org")),
    ("cuda_wheels@python-3.11-slim", "[pip] 7 packages", 2, Always),
    ("flyte@python-3.11-slim", "[lock] resolve pandas, flytekit", 2, OnlyWithout("pypi.org")),
    ("flyte@python-3.11-slim", "[pip] 7 packages", 2, Always),
    ("main@python-3.11-slim", "[lock] resolve numpy, pandas, torch", 2, OnlyWithout("pypi.org")),
    ("main@python-3.11-slim", "[pip] 7 packages", 2, Always),
    ("main@python-3.11-slim.engine-20.10", "[pip] 7 packages", 2, Always),
    ("main@python-3.11-slim.engine-classic", "[pip] 7 packages", 2, Always),
    ("managed_python@debian-bookworm-slim", "[lock] resolve click", 2, OnlyWithout("pypi.org")),
    ("managed_python@debian-bookworm-slim", "[pip] 8 packages", 2, Always),
    ("managed_python@debian-bookworm-slim", "[python] create an environment with Python 3.13", 1, Always),
    ("multi_platform@python-3.11-slim", "[linux/amd64 lock] resolve numpy", 2, OnlyWithout("pypi.org")),
    ("multi_platform@python-3.11-slim", "[linux/amd64 pip] 7 packages", 2, Always),
    ("multi_platform@python-3.11-slim", "[linux/arm64 lock] resolve numpy", 2, OnlyWithout("pypi.org")),
    ("multi_platform@python-3.11-slim", "[linux/arm64 pip] 7 packages", 2, Always),
    ("namespace_and_epoch@python-3.11-slim", "[lock] resolve numpy", 2, OnlyWithout("pypi.org")),
    ("namespace_and_epoch@python-3.11-slim", "[pip] 7 packages", 2, Always),
    ("nested@python-3.11-slim", "[lock] resolve click, numpy", 2, OnlyWithout("pypi.org")),
    ("nested@python-3.11-slim", "[pip] 8 packages", 2, Always),
    ("network@python-3.11-slim", "[apt] git", 100, Always),
    ("network@python-3.11-slim", "[lock] resolve numpy", 2, OnlyWithout("pypi.org")),
    ("network@python-3.11-slim", "[pip] 7 packages", 2, Always),
    ("no_cache@python-3.11-slim", "[lock] resolve numpy", 2, OnlyWithout("pypi.org")),
    ("no_cache@python-3.11-slim", "[pip] 7 packages", 2, Always),
    ("option_lines@python-3.11-slim", "[lock] resolve torchvision, numpy, torch", 2, OnlyWithout("pypi.org")),
    ("option_lines@python-3.11-slim", "[pip] 8 packages", 2, Always),
    ("own_base@own-image", "[lock] resolve pandas", 2, OnlyWithout("pypi.org")),
    ("own_base@own-image", "[pip] 7 packages", 2, Always),
    ("packages_only@python-3.11-slim", "[lock] resolve requests, numpy, flask", 2, OnlyWithout("pypi.org")),
    ("packages_only@python-3.11-slim", "[pip] 7 packages", 2, Always),
    ("pull@python-3.11-slim.engine-classic", "[pip] 7 packages", 2, Always),
    ("pyproject@python-3.11-slim", "[lock] resolve click, app/pyproject.toml", 2, OnlyWithout("pypi.org")),
    ("pyproject@python-3.11-slim", "[pip] 8 packages", 2, Always),
    ("python_exec@notebook", "[lock] resolve polars", 2, OnlyWithout("pypi.org")),
    ("python_exec@notebook", "[pip] 8 packages", 1, Always),
    ("python_from_apt@debian-bookworm-slim", "[lock] resolve numpy", 2, OnlyWithout("pypi.org")),
    ("python_from_apt@debian-bookworm-slim", "[pip] 7 packages", 2, Always),
    ("requirements@python-3.11-slim", "[lock] resolve numpy, requests, flask, pandas", 2, OnlyWithout("pypi.org")),
    ("requirements@python-3.11-slim", "[pip] 7 packages", 2, Always),
    ("runtime_packages@python-3.11-slim", "[lock] resolve numpy, pip", 2, OnlyWithout("pypi.org")),
    ("runtime_packages@python-3.11-slim", "[pip] 7 packages", 2, Always),
    ("user@python-3.11-slim", "[lock] resolve numpy", 2, OnlyWithout("pypi.org")),
    ("user@python-3.11-slim", "[pip] 7 packages", 2, Always),
    ("vcs_with_apt@python-3.11-slim", "[lock] resolve git+https://github.com/flyteorg/flytekit.git@master, mylib", 1, OnlyWithout("github.com")),
    ("vcs_with_apt@python-3.11-slim", "[pip] 8 packages", 2, Always),
    ("vcs_with_apt@python-3.11-slim", "[pip] checkout", 1, OnlyWithout("github.com")),
];

/// The result of solving an op.
#[derive(Clone, Debug, PartialEq, Eq)]
enum OpResult {
    Solved,
    Failed(Failure),
    /// It was not solved, because one of its inputs was not.
    Skipped,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Failure {
    exit_code: Option<u32>,
    /// The daemon's message, with the whole command.
    message: String,
    /// The end of the output, if it arrived before the error.
    log: Vec<String>,
}

#[tokio::test(flavor = "multi_thread")]
async fn every_golden_definition_is_solved_except_for_known_failures() {
    let connection = connect(BUILDKITD).await;
    push_replacements(&connection).await;
    let context = lab::folder(CONTEXT);
    let session = Session::builder().with_local_dir("context", LocalDir::new(context.path())).with_secrets(secrets());
    let session = session.open(connection.channel.clone()).await.unwrap();
    let daemon = Daemon { connection, session };

    let goldens: Vec<(String, String)> = names("specs")
        .into_iter()
        .flat_map(|case| facts_of(&case).into_iter().map(move |facts| (case.clone(), facts)))
        .collect();
    let known: BTreeSet<String> = goldens.iter().map(|(case, facts)| format!("{case}@{facts}")).collect();
    let unknown = FAILING.iter().find(|(golden, ..)| !known.contains(*golden));
    assert_eq!(unknown, None, "there is no such golden file");
    let replays = futures_util::stream::iter(&goldens).map(|(case, facts)| replay(&daemon, case, facts));
    let problems: Vec<String> = replays.buffer_unordered(MAX_CONCURRENT).concat().await;
    daemon.session.close().await;
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// Solves the definitions of a golden file, and returns everything that is not as expected.
async fn replay(daemon: &Daemon, case: &str, facts: &str) -> Vec<String> {
    let golden = format!("{case}@{facts}");
    let text = read(&folder("golden").join(format!("{golden}.snap")));
    let compiled = Golden::make(case, facts).map(|golden| golden.compiled).unwrap_or_default();
    assert_eq!(text.matches("=== definition").count(), compiled.len(), "{golden}");
    let rows = FAILING.iter().filter(|row| row.0 == golden);
    let expected_failures: BTreeMap<&str, (u32, When)> =
        rows.map(|(_, step, exit_code, when)| (*step, (*exit_code, *when))).collect();
    let mut solved = BTreeSet::new();
    let mut problems = Vec::new();
    for compiled in compiled {
        let bytes = compiled.graph.to_definition().encode_to_vec();
        let digest = Digest::from_content(&bytes);
        assert!(text.contains(&format!(" ops, {digest}\n")), "{digest} is not in the golden file {golden}");
        let definition = pb::Definition::decode(bytes.as_slice()).unwrap();
        // At the same time, so that the daemon runs each step only once.
        let (whole, ops) = tokio::join!(daemon.solve(bytes, &definition), solve_each_op(daemon, &definition));

        let mut failures: Vec<&Failure> = Vec::new();
        for (step, result) in &ops {
            match result {
                OpResult::Solved => _ = solved.insert(step.clone()),
                OpResult::Failed(failure) => {
                    failures.push(failure);
                    let expected = expected_failures.get(step.as_str());
                    if expected.is_none_or(|(exit_code, _)| failure.exit_code != Some(*exit_code)) {
                        problems.push(format!("{golden}: {step} failed: {failure:?}"));
                    }
                }
                OpResult::Skipped => {}
            }
        }
        let is_consistent = match &whole {
            OpResult::Solved => failures.is_empty(),
            // Only the messages are compared: golden definitions share steps, so the daemon may report a step with the title that it has
            // in another build.
            OpResult::Failed(failure) => failures.iter().any(|of_op| of_op.message == failure.message),
            OpResult::Skipped => false,
        };
        if !is_consistent {
            problems.push(format!("{golden}: the whole definition: {whole:?}; the failures of its ops: {failures:?}"));
        }
    }
    for (step, (_, when)) in expected_failures {
        if when == Always && solved.contains(step) {
            problems.push(format!("{golden}: {step} is expected to fail, but was solved"));
        }
    }
    problems
}

/// Solves the ops of a definition one by one, and returns their titles and results. Ops whose inputs were not solved are skipped.
async fn solve_each_op(daemon: &Daemon, definition: &pb::Definition) -> Vec<(String, OpResult)> {
    let titles = titles(definition);
    let mut solved: BTreeSet<String> = BTreeSet::new();
    let mut results = Vec::new();
    // Ops come after their inputs. The last one only refers to the result.
    let (_, ops) = definition.def.split_last().unwrap();
    for bytes in ops {
        let digest = Digest::from_content(bytes).to_string();
        let inputs = pb::Op::decode(bytes.as_slice()).unwrap().inputs;
        let result = if inputs.iter().all(|input| solved.contains(&input.digest)) {
            let definition = definition_up_to(definition, &digest);
            daemon.solve(definition.encode_to_vec(), &definition).await
        } else {
            OpResult::Skipped
        };
        results.push((titles.get(&digest).cloned().unwrap_or_default(), result.clone()));
        if result == OpResult::Solved {
            solved.insert(digest);
        }
    }
    results
}

/// The titles of ops in progress displays, by their digests.
fn titles(definition: &pb::Definition) -> BTreeMap<String, String> {
    let metadata = map::from_metadata(&definition.metadata).into_iter();
    let title = |metadata: pb::OpMetadata| map::from_strings(&metadata.description).remove(CUSTOM_NAME);
    metadata.filter_map(|(digest, metadata)| Some((digest, title(metadata)?))).collect()
}

/// The entry of an op's description that contains its title.
const CUSTOM_NAME: &str = "llb.customname";

/// The definition of one op: its unchanged bytes, and those of all ops that it depends on.
fn definition_up_to(definition: &pb::Definition, root: &str) -> pb::Definition {
    let ops: BTreeMap<String, &Vec<u8>> =
        definition.def.iter().map(|bytes| (Digest::from_content(bytes).to_string(), bytes)).collect();
    let mut needed = BTreeSet::from([root.to_owned()]);
    let mut unvisited = vec![root.to_owned()];
    while let Some(digest) = unvisited.pop() {
        let inputs = pb::Op::decode(ops[&digest].as_slice()).unwrap().inputs;
        unvisited.extend(inputs.into_iter().map(|input| input.digest).filter(|digest| needed.insert(digest.clone())));
    }
    let is_needed = |bytes: &&Vec<u8>| needed.contains(&Digest::from_content(bytes).to_string());
    let mut def: Vec<Vec<u8>> = definition.def.iter().filter(is_needed).cloned().collect();
    let result = pb::Input { digest: root.to_owned(), index: 0 };
    def.push(pb::Op { inputs: vec![result], ..pb::Op::default() }.encode_to_vec());
    let mut metadata = definition.metadata.clone();
    metadata.retain(|entry| entry.key.as_ref().is_some_and(|digest| needed.contains(digest)));
    pb::Definition { def, metadata, source: None }
}

/// A daemon, and the session that serves all builds on it.
struct Daemon {
    connection: Connection,
    session: Session,
}

impl Daemon {
    /// Solves a definition. `bytes` are sent, and `definition` is the same definition decoded.
    async fn solve(&self, bytes: Vec<u8>, definition: &pb::Definition) -> OpResult {
        let options = SolveOptions {
            definition: Some(bytes),
            source_policy: Some(policy(definition, self.session.id())),
            entitlements: vec!["network.host".to_owned()],
            internal: true,
            ..SolveOptions::new()
        };
        match run(&self.connection, Some(self.session.id()), options).await {
            Ok(()) => OpResult::Solved,
            Err(SolveError::Build(failure)) => {
                let log = failure.vertex.map(|vertex| vertex.log_tail).unwrap_or_default();
                OpResult::Failed(Failure { exit_code: failure.exit_code, message: failure.message, log })
            }
            Err(error) => OpResult::Failed(Failure { exit_code: None, message: error.to_string(), log: Vec::new() }),
        }
    }
}

async fn run(connection: &Connection, session: Option<&SessionId>, options: SolveOptions) -> Result<(), SolveError> {
    let (progress, mut updates) = progress::channel();
    tokio::spawn(async move { while updates.recv().await.is_some() {} });
    solve(connection, session, options, &progress, &CancellationToken::new()).await.map(drop)
}

/// A policy that replaces the images of a definition by images of the lab, and the session of the saved facts by the session that serves
/// the build. Otherwise the daemon would wait for the saved session, and then reuse the context of an earlier run.
fn policy(definition: &pb::Definition, session: &SessionId) -> Policy {
    let mut rules = Vec::new();
    for bytes in &definition.def {
        let Some(pb::op::Op::Source(source)) = pb::Op::decode(bytes.as_slice()).unwrap().op else { continue };
        let updates = match source.identifier.strip_prefix("docker-image://") {
            Some(image) => {
                let name = image.split('@').next().unwrap_or_default();
                let replacement = REPLACEMENTS.iter().find(|(missing, _)| *missing == name);
                let image = replacement.map_or(name, |(_, image)| image);
                let image = image.replace('@', &variable("IMAGESPEC_LAB_REGISTRY"));
                Update { identifier: format!("docker-image://{image}"), ..Update::default() }
            }
            None => {
                let attrs = [("local.session".to_owned(), session.to_string())].into();
                Update { identifier: source.identifier.clone(), attrs }
            }
        };
        let selector =
            Selector { identifier: source.identifier, match_type: MatchType::Exact.into(), ..Selector::default() };
        rules.push(Rule { action: PolicyAction::Convert.into(), selector: Some(selector), updates: Some(updates) });
    }
    Policy { version: 1, rules }
}

/// Builds [`BUILT_REPLACEMENTS`], and pushes them to the lab's registry.
async fn push_replacements(connection: &Connection) {
    for (name, script) in BUILT_REPLACEMENTS {
        let platform = Platform::linux("amd64");
        let mut graph = GraphBuilder::new();
        let base = graph.source(Source::image("docker.io/library/python:3.11-slim", platform.clone()));
        let run_script = Exec::new(["/bin/sh", "-ec", script], base, platform);
        let built = graph.exec(run_script.with_env("PATH", "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"));
        let image = format!("{}/goldens/{name}:latest", variable("IMAGESPEC_LAB_REGISTRY"));
        let exporter = Exporter::new(ExporterKind::Image);
        let exporter = exporter.with_attr(exporter_attr::NAME, image).with_attr(exporter_attr::PUSH, "true");
        let definition = Some(graph.finish(built.root()).unwrap().to_definition().encode_to_vec());
        let options = SolveOptions { definition, exporters: vec![exporter], internal: true, ..SolveOptions::new() };
        run(connection, None, options).await.unwrap();
    }
}

/// The secrets of the golden definitions: the CA bundle under all ids that they use for it, and invalid credentials.
fn secrets() -> Secrets {
    let mut secrets = ca_bundles(&["company", "ca_bundle"]);
    for id in ["secret_0", "token"] {
        secrets.add(id, SecretSource::Bytes(b"invalid".to_vec().into()), |_| None).unwrap();
    }
    secrets
}
