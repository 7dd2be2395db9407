//! The golden definitions on a real daemon: it accepts the very bytes whose digests are in the golden files, and solves all ops in
//! them that do not stand on something made up.
//!
//! The saved facts name images that exist in no registry. A source policy puts images of the lab in their place; the daemon applies
//! it, and what is sent stays as it is. Some steps cannot work: they install files that only a made-up lock names, or use hosts that
//! are examples. [`FAILING`] lists them with their exit codes. An op that stands on one of them is accepted by the daemon, and not
//! run.

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
use buildkit_proto::{Digest, Message as _, pb};
use futures_util::StreamExt as _;
use tokio_util::sync::CancellationToken;

use crate::definitions::{Golden, facts_of, folder, names, read};
use crate::lab::{self, BUILDKITD, certificates, connect, variable};
use When::{Always, OnlyWithout};

/// How many definitions are solved at the same time. Most of them wait for hosts that do not exist.
const JOBS: usize = 8;

/// Images of the lab by the names of those that it does not have. `@` is the lab's registry.
const STAND_INS: [(&str, &str); 4] = [
    ("docker.io/nvidia/cuda:12.4.1-cudnn-runtime-ubuntu22.04", "docker.io/library/debian:bookworm-slim"),
    ("registry.example.org/team/minimal:1", "docker.io/library/debian:bookworm-slim"),
    ("quay.io/jupyter/minimal-notebook:2026-11-10", "@/goldens/notebook:latest"),
    ("ghcr.io/team/base:v1", "@/goldens/own-image:latest"),
];

/// What makes the stand-ins that this test pushes of the lab's Python image: it gives them what the facts say they have.
const MADE: [(&str, &str); 2] = [
    (
        "notebook",
        "useradd --uid 1000 --gid 100 --create-home jovyan
        mkdir -p /opt/conda/bin
        for name in python python3; do ln -s /usr/bin/python3.11 /opt/conda/bin/$name; done",
    ),
    ("own-image", "python3 -m venv /opt/venv"),
];

/// The files of the context that steps copy.
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

/// When a step fails that is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    /// Everywhere: what it needs does not exist.
    Always,
    /// Where the daemon does not have this.
    OnlyWithout(&'static str),
}

/// The steps that fail for a reason outside of their definition: golden, title, exit code.
#[rustfmt::skip]
const FAILING: &[(&str, &str, u32, When)] = &[
    ("apt_only@debian-bookworm-slim", "[apt] git, vim=2:9.0*, libssl-dev, curl/bookworm-backports and 3 more", 100, Always),
    ("base_user@notebook", "[pip] 8 packages", 2, Always),
    ("ca_bundle_of_settings@python-3.11-slim", "[pip] 7 packages", 2, Always),
    ("ca_bundle_of_spec@python-3.11-slim", "[pip] 7 packages", 2, Always),
    ("commands@python-3.11-slim", "[pip] 7 packages", 2, Always),
    ("conda@debian-bookworm-slim", "[conda] python=3.11, numpy>=2,<3", 1, OnlyWithout("conda.anaconda.org")),
    ("conda@debian-bookworm-slim", "[python] click", 2, OnlyWithout("pypi.org")),
    ("cuda_image@nvidia-cuda-12.4", "[python] create an environment with Python 3.12", 1, OnlyWithout("github.com")),
    ("cuda_image@nvidia-cuda-12.4", "[pip] 8 packages", 2, Always),
    ("cuda_wheels@python-3.11-slim", "[pip] 7 packages", 2, Always),
    ("flyte@python-3.11-slim", "[pip] 7 packages", 2, Always),
    ("main@python-3.11-slim", "[pip] 7 packages", 2, Always),
    ("main@python-3.11-slim.engine-20.10", "[python] numpy, pandas, torch", 2, Always),
    ("main@python-3.11-slim.engine-classic", "[python] numpy, pandas, torch", 2, Always),
    ("managed_python@debian-bookworm-slim", "[python] create an environment with Python 3.13", 1, Always),
    ("multi_platform@python-3.11-slim", "[linux/amd64 pip] 7 packages", 2, Always),
    ("multi_platform@python-3.11-slim", "[linux/arm64 pip] 7 packages", 2, Always),
    ("namespace_and_epoch@python-3.11-slim", "[pip] 7 packages", 2, Always),
    ("nested@python-3.11-slim", "[pip] 8 packages", 2, Always),
    ("network@python-3.11-slim", "[apt] git", 100, OnlyWithout("the lists of packages of an earlier build")),
    ("network@python-3.11-slim", "[pip] 7 packages", 2, Always),
    ("no_cache@python-3.11-slim", "[pip] 7 packages", 2, Always),
    ("option_lines@python-3.11-slim", "[pip] 8 packages", 2, Always),
    ("own_base@own-image", "[python] pandas", 2, OnlyWithout("pypi.org")),
    ("packages_only@python-3.11-slim", "[pip] 7 packages", 2, Always),
    ("pull@python-3.11-slim.engine-classic", "[python] numpy", 2, OnlyWithout("pypi.org")),
    ("pyproject@python-3.11-slim", "[pip] 8 packages", 2, Always),
    ("python_exec@notebook", "[python] polars", 2, OnlyWithout("pypi.org")),
    ("python_from_apt@debian-bookworm-slim", "[pip] 7 packages", 2, Always),
    ("requirements@python-3.11-slim", "[pip] 7 packages", 2, Always),
    ("runtime_packages@python-3.11-slim", "[pip] 7 packages", 2, Always),
    ("user@python-3.11-slim", "[pip] 7 packages", 2, Always),
    ("vcs_with_apt@python-3.11-slim", "[pip] 8 packages", 2, Always),
];

/// How an op ended.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Ended {
    Solved,
    Failed(Failure),
    /// It stands on one that failed.
    NotReached,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Failure {
    exit_code: Option<u32>,
    /// The daemon's, with the whole command.
    message: String,
    /// The end of what was printed, if that came in time.
    log: Vec<String>,
}

#[tokio::test(flavor = "multi_thread")]
async fn every_golden_definition_is_solved_as_far_as_it_can_be() {
    let connection = connect(BUILDKITD).await;
    make_stand_ins(&connection).await;
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
    let replayed = futures_util::stream::iter(&goldens).map(|(case, facts)| replay(&daemon, case, facts));
    let wrong: Vec<String> = replayed.buffer_unordered(JOBS).concat().await;
    daemon.session.close().await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Solves the definitions of a golden file. What is not as expected.
async fn replay(daemon: &Daemon, case: &str, facts: &str) -> Vec<String> {
    let golden = format!("{case}@{facts}");
    let text = read(&folder("golden").join(format!("{golden}.snap")));
    let compiled = Golden::make(case, facts).map(|golden| golden.compiled).unwrap_or_default();
    assert_eq!(text.matches("=== definition").count(), compiled.len(), "{golden}");
    let rows = FAILING.iter().filter(|row| row.0 == golden);
    let rows: BTreeMap<&str, (u32, When)> =
        rows.map(|(_, step, exit_code, when)| (*step, (*exit_code, *when))).collect();
    let mut solved = BTreeSet::new();
    let mut wrong = Vec::new();
    for compiled in compiled {
        let bytes = compiled.graph.to_definition().encode_to_vec();
        let digest = Digest::from_content(&bytes);
        assert!(text.contains(&format!(" ops, {digest}\n")), "{digest} is not in the golden file {golden}");
        let definition = pb::Definition::decode(bytes.as_slice()).unwrap();
        // Together, so that a step that both need runs once.
        let (whole, parts) = tokio::join!(daemon.solve(bytes, &definition), each_op(daemon, &definition));

        let mut failures: Vec<&Failure> = Vec::new();
        for (step, ended) in &parts {
            match ended {
                Ended::Solved => _ = solved.insert(step.clone()),
                Ended::Failed(failure) => {
                    failures.push(failure);
                    if rows.get(step.as_str()).is_none_or(|(exit_code, _)| failure.exit_code != Some(*exit_code)) {
                        wrong.push(format!("{golden}: {step} failed: {failure:?}"));
                    }
                }
                Ended::NotReached => {}
            }
        }
        let is_like_parts = match &whole {
            Ended::Solved => failures.is_empty(),
            // Goldens share steps, so the daemon may have the failed one's title from another build.
            Ended::Failed(failure) => failures.iter().any(|part| part.message == failure.message),
            Ended::NotReached => false,
        };
        if !is_like_parts {
            wrong.push(format!("{golden}: as a whole {whole:?}, its parts {failures:?}"));
        }
    }
    for (step, (_, when)) in rows {
        if when == Always && solved.contains(step) {
            wrong.push(format!("{golden}: {step} does not fail any more"));
        }
    }
    wrong
}

/// Solves each op that can be reached, with its title.
async fn each_op(daemon: &Daemon, definition: &pb::Definition) -> Vec<(String, Ended)> {
    let mut ended: BTreeMap<String, Ended> = BTreeMap::new();
    let mut titled = Vec::new();
    // Inputs come first, and the last op only names the result.
    let (_, ops) = definition.def.split_last().unwrap();
    for bytes in ops {
        let digest = Digest::from_content(bytes).to_string();
        let inputs = pb::Op::decode(bytes.as_slice()).unwrap().inputs;
        let outcome = if inputs.iter().all(|input| ended.get(&input.digest) == Some(&Ended::Solved)) {
            let part = part(definition, &digest);
            daemon.solve(part.encode_to_vec(), &part).await
        } else {
            Ended::NotReached
        };
        titled.push((title(definition, &digest), outcome.clone()));
        ended.insert(digest, outcome);
    }
    titled
}

/// What progress calls an op.
fn title(definition: &pb::Definition, digest: &str) -> String {
    let entry = definition.metadata.iter().find(|entry| entry.key.as_deref() == Some(digest));
    let description = entry.and_then(|entry| Some(&entry.value.as_ref()?.description));
    let title = description.and_then(|entries| entries.iter().find(|entry| entry.key.as_deref() == Some(CUSTOM_NAME)));
    title.and_then(|entry| entry.value.clone()).unwrap_or_default()
}

/// The entry of an op's description with its title.
const CUSTOM_NAME: &str = "llb.customname";

/// An op with those that it stands on, their bytes as they are.
fn part(definition: &pb::Definition, root: &str) -> pb::Definition {
    let ops: BTreeMap<String, &Vec<u8>> =
        definition.def.iter().map(|bytes| (Digest::from_content(bytes).to_string(), bytes)).collect();
    let mut needed = BTreeSet::from([root.to_owned()]);
    let mut left = vec![root.to_owned()];
    while let Some(digest) = left.pop() {
        let inputs = pb::Op::decode(ops[&digest].as_slice()).unwrap().inputs;
        left.extend(inputs.into_iter().map(|input| input.digest).filter(|digest| needed.insert(digest.clone())));
    }
    let is_needed = |bytes: &&Vec<u8>| needed.contains(&Digest::from_content(bytes).to_string());
    let mut def: Vec<Vec<u8>> = definition.def.iter().filter(is_needed).cloned().collect();
    let result = pb::Input { digest: root.to_owned(), index: 0 };
    def.push(pb::Op { inputs: vec![result], ..pb::Op::default() }.encode_to_vec());
    let mut metadata = definition.metadata.clone();
    metadata.retain(|entry| entry.key.as_ref().is_some_and(|digest| needed.contains(digest)));
    pb::Definition { def, metadata, source: None }
}

/// The daemon, with the session that serves all definitions.
struct Daemon {
    connection: Connection,
    session: Session,
}

impl Daemon {
    /// Solves a definition.
    async fn solve(&self, bytes: Vec<u8>, definition: &pb::Definition) -> Ended {
        let options = SolveOptions {
            definition: Some(bytes),
            source_policy: Some(policy(definition, self.session.id())),
            entitlements: vec!["network.host".to_owned()],
            internal: true,
            ..SolveOptions::new()
        };
        match run(&self.connection, Some(self.session.id()), options).await {
            Ok(()) => Ended::Solved,
            Err(SolveError::Build(failure)) => {
                let log = failure.vertex.map(|vertex| vertex.log_tail).unwrap_or_default();
                Ended::Failed(Failure { exit_code: failure.exit_code, message: failure.message, log })
            }
            Err(error) => Ended::Failed(Failure { exit_code: None, message: error.to_string(), log: Vec::new() }),
        }
    }
}

async fn run(connection: &Connection, session: Option<&SessionId>, options: SolveOptions) -> Result<(), SolveError> {
    let (progress, mut updates) = progress::channel();
    tokio::spawn(async move { while updates.recv().await.is_some() {} });
    solve(connection, session, options, &progress, &CancellationToken::new()).await.map(drop)
}

/// Puts the lab's images in the place of those that a definition names, and the session that serves in the place of the saved one:
/// the daemon would wait for that one, and then take the context for the same as in an earlier run.
fn policy(definition: &pb::Definition, session: &SessionId) -> Policy {
    let mut rules = Vec::new();
    for bytes in &definition.def {
        let Some(pb::op::Op::Source(source)) = pb::Op::decode(bytes.as_slice()).unwrap().op else { continue };
        let updates = match source.identifier.strip_prefix("docker-image://") {
            Some(image) => {
                let name = image.split('@').next().unwrap_or_default();
                let stand_in = STAND_INS.iter().find(|(missing, _)| *missing == name).map_or(name, |(_, image)| image);
                let stand_in = stand_in.replace('@', &variable("IMAGESPEC_LAB_REGISTRY"));
                Update { identifier: format!("docker-image://{stand_in}"), ..Update::default() }
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

/// Pushes the images that stand in for those that no image of the lab is like.
async fn make_stand_ins(connection: &Connection) {
    for (name, script) in MADE {
        let platform = Platform::linux("amd64");
        let mut graph = GraphBuilder::new();
        let base = graph.source(Source::image("docker.io/library/python:3.11-slim", platform.clone()));
        let run_script = Exec::new(["/bin/sh", "-ec", script], base, platform);
        let made = graph.exec(run_script.with_env("PATH", "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"));
        let image = format!("{}/goldens/{name}:latest", variable("IMAGESPEC_LAB_REGISTRY"));
        let exporter = Exporter::new(ExporterKind::Image);
        let exporter = exporter.with_attr(exporter_attr::NAME, image).with_attr(exporter_attr::PUSH, "true");
        let definition = Some(graph.finish(made.root()).unwrap().to_definition().encode_to_vec());
        let options = SolveOptions { definition, exporters: vec![exporter], internal: true, ..SolveOptions::new() };
        run(connection, None, options).await.unwrap();
    }
}

/// The certificates under the ids that the goldens have for them, and credentials that open nothing.
fn secrets() -> Secrets {
    let mut secrets = certificates(&["company", "ca_bundle"]);
    for id in ["secret_0", "token"] {
        secrets.add(id, SecretSource::Bytes(b"nothing".to_vec().into()), |_| None).unwrap();
    }
    secrets
}
