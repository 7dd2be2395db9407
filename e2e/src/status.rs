//! The steps of a build, as reported by the solver: which vertices exist, which ran, which were cached.
//!
//! Reads BuildKit's status messages as JSON lines (`--progress rawjson` of all clients) and the plain lines of Docker 20.10,
//! which has nothing else.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use serde_json::Value;

/// One vertex of a build.
#[derive(Clone, Debug, Default)]
pub struct Vertex {
    /// Its digest.
    pub digest: String,
    /// Its name in progress displays.
    pub name: String,
    /// The digests of its inputs; unknown in plain output.
    pub inputs: Vec<String>,
    /// Whether its result was cached.
    pub cached: bool,
    /// Whether the daemon ran it.
    pub ran: bool,
}

impl Vertex {
    /// The label and the rest of the name: `apt` and `git` for `[apt] git`, and for `[linux/amd64 apt] git`, the name in builds for
    /// several platforms.
    #[must_use]
    pub fn label(&self) -> Option<(&str, &str)> {
        let (part, text) = self.name.strip_prefix('[')?.split_once("] ")?;
        Some((part.rsplit(' ').next()?, text))
    }
}

/// The status of a build.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// All vertices in the order of their first report.
    pub vertices: Vec<Vertex>,
    /// The output of the steps.
    pub logs: Vec<u8>,
    /// The client's output between status messages.
    pub text: String,
}

impl Status {
    /// Reads `--progress rawjson`.
    ///
    /// # Panics
    /// If there are no status messages.
    #[must_use]
    #[track_caller]
    pub fn from_json_lines(text: &str) -> Self {
        let mut status = Self::default();
        let mut runs: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for line in text.lines() {
            let message: Value = match serde_json::from_str(line) {
                Ok(message @ Value::Object(_)) => message,
                _ => {
                    status.text += line;
                    status.text.push('\n');
                    continue;
                }
            };
            for report in message["vertexes"].as_array().into_iter().flatten() {
                status.add_vertex(report, &mut runs);
            }
            for log in message["logs"].as_array().into_iter().flatten() {
                let data = log["data"].as_str().unwrap_or_default();
                let data = base64::engine::general_purpose::STANDARD.decode(data);
                status.logs.extend(data.unwrap_or_else(|error| panic!("a log line is not base64: {error}: {line}")));
            }
        }
        assert!(!status.vertices.is_empty(), "the build reported no status:\n{text}");
        for vertex in &mut status.vertices {
            let starts = runs.get(&vertex.digest).map_or(0, BTreeSet::len);
            // For a vertex without inputs, the daemon also reports the cache lookup as a start (`moby/buildkit: solver/jobs.go`, `CacheMap`), so
            // only a second start means that it ran.
            vertex.ran = starts > usize::from(vertex.inputs.is_empty());
        }
        status
    }

    fn add_vertex(&mut self, report: &Value, runs: &mut BTreeMap<String, BTreeSet<String>>) {
        let text = |name: &str| report[name].as_str().unwrap_or_default().to_owned();
        let digest = text("digest");
        if !self.vertices.iter().any(|vertex| vertex.digest == digest) {
            self.vertices.push(Vertex { digest: digest.clone(), ..Vertex::default() });
        }
        let Some(vertex) = self.vertices.iter_mut().find(|vertex| vertex.digest == digest) else { return };
        vertex.name = text("name");
        let inputs = report["inputs"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
        vertex.inputs = inputs.collect();
        let cached = report["cached"].as_bool().unwrap_or_default();
        vertex.cached |= cached;
        let started = text("started");
        // The solver may start a step while it looks up the result, and cancel it when the result is found. Then the step has not run.
        let is_retracted = text("error").contains("context canceled");
        let runs = runs.entry(digest).or_default();
        if is_retracted {
            runs.remove(&started);
        } else if !started.is_empty() && !cached {
            runs.insert(started);
        }
    }

    /// Reads `--progress plain` of Docker 20.10: `#7 <name>`, `#7 sha256:…`, then `#7 CACHED` or `#7 DONE 0.1s`.
    ///
    /// # Panics
    /// If there is no status.
    #[must_use]
    #[track_caller]
    pub fn from_plain(text: &str) -> Self {
        let mut vertices: BTreeMap<usize, Vertex> = BTreeMap::new();
        for line in text.lines() {
            let Some((number, rest)) = line.strip_prefix('#').and_then(|line| line.split_once(' ')) else { continue };
            let Ok(number) = number.parse() else { continue };
            let first = !vertices.contains_key(&number);
            let vertex = vertices.entry(number).or_default();
            match rest {
                name if first => vertex.name = name.to_owned(),
                "CACHED" => vertex.cached = true,
                digest if digest.starts_with("sha256:") && vertex.digest.is_empty() => {
                    vertex.digest = digest.to_owned()
                }
                done if done.starts_with("DONE") => vertex.ran = !vertex.cached,
                _ => {}
            }
        }
        assert!(!vertices.is_empty(), "the build reported no status:\n{text}");
        for vertex in vertices.values_mut() {
            // Our input files have no inputs; in plain output their cache lookup looks like a run, see above.
            vertex.ran &= !vertex.name.starts_with("[internal] write ");
        }
        Self { vertices: vertices.into_values().collect(), logs: Vec::new(), text: text.to_owned() }
    }

    /// The steps: vertices that change files. Sources, whose content is requested in every build, and the work of clients and exporters are
    /// not included.
    pub fn steps(&self) -> impl Iterator<Item = &Vertex> {
        const OTHERS: [&str; 7] = [
            "docker-image://",
            "exporting ",
            "importing ",
            "loading ",
            "pushing ",
            "resolve image config for ",
            "resolving provenance for ",
        ];
        self.vertices.iter().filter(|vertex| match vertex.label() {
            Some(("auth" | "image", _)) => false,
            Some(("internal", text)) => !text.starts_with("load "),
            _ => !OTHERS.iter().any(|other| vertex.name.starts_with(other)),
        })
    }

    /// The names of the steps that ran.
    #[must_use]
    pub fn ran(&self) -> Vec<&str> {
        self.steps().filter(|vertex| vertex.ran).map(|vertex| vertex.name.as_str()).collect()
    }

    /// The names of the steps whose results came from the cache.
    #[must_use]
    pub fn cached(&self) -> Vec<&str> {
        self.steps().filter(|vertex| vertex.cached).map(|vertex| vertex.name.as_str()).collect()
    }
}
