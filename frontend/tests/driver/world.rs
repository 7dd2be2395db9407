//! A daemon with a base image, an index and answers for all that a build asks; and builds on it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use buildkit_gateway::Bridge;
use buildkit_proto::rpc::gateway;
use buildkit_proto::{Digest, Message as _, pb};
use imagespec::Choice;
use imagespec_compile::{SelectionFact, question};
use imagespec_frontend::{
    AtPath, ClientFiles, DriveError, Event, Events, ImagespecFrontend, Memory, Planned, Recorder, Side, SpecText, parse,
};
use tonic::transport::{Endpoint, Uri};

use crate::support::{Call, Daemon, MODERN, Say, pong};

/// What there is, and how long it takes.
#[derive(Clone, Debug)]
pub(crate) struct World {
    /// The base image's digest.
    pub(crate) base: String,
    /// How long the registry takes to resolve a name.
    pub(crate) registry: Duration,
    /// How long solving an op takes, by a part of its name.
    pub(crate) solve: BTreeMap<&'static str, Duration>,
    /// Parts of the names of ops that fail.
    pub(crate) broken: Vec<&'static str>,
    /// A part of the names of ops whose inputs the daemon has lost, and a file that ops with other cache keys have.
    pub(crate) broken_state: Option<(&'static str, &'static str)>,
    /// The resolved lock.
    pub(crate) lock: String,
}

impl Default for World {
    fn default() -> Self {
        let wheel =
            "url = 'https://example.com/click-8.1-py3-none-any.whl', size = 2000000, hashes = { sha256 = '00' }";
        Self {
            base: digest("base"),
            registry: Duration::ZERO,
            solve: BTreeMap::new(),
            broken: Vec::new(),
            broken_state: None,
            lock: format!(
                "lock-version = '1.0'\ncreated-by = 'uv'\n[[packages]]\nname = 'click'\nversion = '8.1'\nwheels = [{{ {wheel} }}]\n"
            ),
        }
    }
}

/// What the base image has.
const SURVEY: &str = "program /usr/local/bin/python3.11
interpreter /usr/local/bin/python3.11
 version 3.11.2
 implementation cpython
 libc glibc
 libc-version 2.36
file /etc/os-release
 ID=debian
 VERSION_CODENAME=bookworm
";

/// A digest that looks like one.
pub(crate) fn digest(text: &str) -> String {
    Digest::from_content(text.as_bytes()).to_string()
}

impl World {
    pub(crate) fn daemon(self) -> Daemon {
        let caps = buildkit_llb::caps::ALL;
        Daemon::default().respond(move |method, message| match method {
            "Ping" => Some(pong(MODERN, caps)),
            "ResolveSourceMeta" => Some(self.resolve(message)),
            "Solve" => Some(self.solve(message)),
            "ReadFile" => Some(self.read_file(message)),
            _ => None,
        })
    }

    fn resolve(&self, message: &[u8]) -> Say {
        let request = gateway::ResolveSourceMetaRequest::decode(message).unwrap();
        let source = request.source.unwrap();
        if self.broken.iter().any(|part| source.identifier.contains(part)) {
            return Say::Failure(5, format!("{}: not found", source.identifier), Vec::new());
        }
        let is_base = source.identifier.contains("python");
        let config = r#"{"architecture":"amd64","os":"linux","config":{"Env":["PATH=/usr/local/bin"]}}"#;
        let image = sourceresolver_image(if is_base { self.base.clone() } else { digest("tool") }, config);
        let answer =
            gateway::ResolveSourceMetaResponse { source: Some(source), image: Some(image), ..Default::default() };
        later(self.registry, Say::message(&answer))
    }

    fn solve(&self, message: &[u8]) -> Say {
        let name = solved_name(message);
        let is_broken = |(part, file): (&str, &str)| {
            name.contains(part) && !message.windows(file.len()).any(|window| window == file.as_bytes())
        };
        if self.broken_state.is_some_and(is_broken) {
            let text = "failed to get edge: inconsistent graph state in edge [lock] resolve click sha256:00 1";
            return Say::Failure(13, text.to_owned(), Vec::new());
        }
        if self.broken.iter().any(|part| name.contains(part)) {
            return Say::Failure(2, format!("{name}: did not complete successfully: exit code: 1"), Vec::new());
        }
        let time = self.solve.iter().find(|(part, _)| name.contains(*part)).map(|(_, time)| *time);
        let result = gateway::result::Result::Ref(gateway::Ref { id: name, def: None });
        let answer = gateway::SolveResponse {
            result: Some(gateway::Result { result: Some(result), ..Default::default() }),
            ..Default::default()
        };
        later(time.unwrap_or_default(), Say::message(&answer))
    }

    fn read_file(&self, message: &[u8]) -> Say {
        let request = gateway::ReadFileRequest::decode(message).unwrap();
        let text = match request.file_path.trim_start_matches('/') {
            "usr/share/imagespec/pylock.toml" => self.lock.clone(),
            "usr/share/imagespec/base" => SURVEY.to_owned(),
            "usr/share/imagespec/collisions" => String::new(),
            other => return Say::Failure(5, format!("{other}: no such file or directory"), Vec::new()),
        };
        Say::message(&gateway::ReadFileResponse { data: text.into_bytes() })
    }
}

fn sourceresolver_image(digest: String, config: &str) -> gateway::ResolveSourceImageResponse {
    gateway::ResolveSourceImageResponse { digest, config: config.as_bytes().to_vec(), ..Default::default() }
}

fn later(time: Duration, say: Say) -> Say {
    if time.is_zero() { say } else { Say::Later(time, Box::new(say)) }
}

/// The name of the op that a call solves.
pub(crate) fn solved_name(message: &[u8]) -> String {
    let request = gateway::SolveRequest::decode(message).unwrap();
    let definition = request.definition.unwrap_or_default();
    let root = pb::Op::decode(definition.def.last().unwrap().as_slice()).unwrap();
    let digest = root.inputs.first().map(|input| input.digest.clone()).unwrap_or_default();
    let metadata = definition.metadata.get(&digest).cloned().unwrap_or_default();
    metadata.description.get("llb.customname").cloned().unwrap_or_default()
}

/// What a build came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) planned: Result<Planned, DriveError>,
    pub(crate) events: Vec<Event>,
}

impl Outcome {
    /// How often was planned.
    pub(crate) fn passes(&self) -> usize {
        self.events.iter().filter(|event| matches!(event, Event::Planned(_))).count()
    }

    /// What was asked.
    pub(crate) fn asked(&self) -> Vec<String> {
        let asked = |event: &Event| match event {
            Event::Asked(question) => Some(question.to_string()),
            _ => None,
        };
        self.events.iter().filter_map(asked).collect()
    }
}

/// A place for texts in memory.
#[derive(Debug, Default)]
pub(crate) struct Kept(Mutex<BTreeMap<String, String>>);

impl Kept {
    /// Makes every text one that cannot be read.
    pub(crate) fn spoil(&self) {
        self.0.lock().unwrap().values_mut().for_each(|text| text.truncate(text.len() / 2));
    }
}

impl Memory for Kept {
    fn get(&self, key: &str) -> Option<String> {
        self.0.lock().unwrap().get(key).cloned()
    }

    fn put(&self, key: &str, text: &str) {
        self.0.lock().unwrap().insert(key.to_owned(), text.to_owned());
    }
}

pub(crate) fn frontend(spec: &str) -> ImagespecFrontend {
    let text = SpecText { name: "spec.yaml".to_owned(), text: spec.to_owned() };
    let document = parse(&text, &Choice::default()).unwrap();
    ImagespecFrontend { document: Some(document), ..ImagespecFrontend::default() }
}

/// A client that has no files but the spec.
#[derive(Debug)]
struct NoFiles;

impl ClientFiles for NoFiles {
    fn read(&self, _side: Side, _path: &str) -> AtPath {
        AtPath::Nothing
    }

    fn select(&self, _question: &question::Selection) -> Result<SelectionFact, String> {
        Ok(SelectionFact::default())
    }
}

/// A frontend that remembers, where the client's files are.
pub(crate) fn remembering(spec: &str, memory: &Arc<Kept>) -> ImagespecFrontend {
    let memory: Arc<dyn Memory> = Arc::<Kept>::clone(memory);
    let identity = Some("spec.yaml".to_owned());
    ImagespecFrontend { memory: Some(memory), identity, files: Some(Arc::new(NoFiles)), ..frontend(spec) }
}

/// Builds on a daemon.
pub(crate) async fn build(frontend: ImagespecFrontend, daemon: &Daemon) -> Outcome {
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let recorder = Recorder::new(ImagespecFrontend { events: Events::new(sender), ..frontend });
    let recorded = recorder.recorded();
    let options = BTreeMap::from([("filename".to_owned(), "spec.yaml".to_owned())]);
    // What is wrong is in what was recorded.
    let _ = recorder.run(connect(daemon).await, options, "session".to_owned()).await;
    drop(recorder);
    let mut events = Vec::new();
    while let Some(event) = receiver.recv().await {
        events.push(event);
    }
    Outcome { planned: recorded.get().unwrap().clone(), events }
}

async fn connect(daemon: &Daemon) -> Bridge {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    tokio::spawn(daemon.clone().serve(theirs));
    let mut ours = Some(hyper_util::rt::TokioIo::new(ours));
    let connector = tower::service_fn(move |_: Uri| {
        std::future::ready(ours.take().ok_or(std::io::Error::from(std::io::ErrorKind::NotConnected)))
    });
    let channel = Endpoint::from_static("http://localhost").connect_with_connector(connector).await.unwrap();
    Bridge::over_channel(channel, None).unwrap()
}

/// Each call as a line: its method, and what it is about.
pub(crate) fn lines(calls: &[Call]) -> Vec<String> {
    let line = |call: &Call| match call.method.as_str() {
        "Solve" => format!("Solve {}", solved_name(&call.message)),
        "ResolveSourceMeta" => {
            let request = gateway::ResolveSourceMetaRequest::decode(&*call.message).unwrap();
            let identifier = request.source.unwrap().identifier;
            format!("Resolve {}", identifier.rsplit('/').next().unwrap_or_default())
        }
        "ReadFile" => format!("ReadFile {}", gateway::ReadFileRequest::decode(&*call.message).unwrap().file_path),
        other => other.to_owned(),
    };
    calls.iter().map(line).collect()
}
