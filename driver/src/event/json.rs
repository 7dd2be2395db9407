//! Events as JSON for other programs. `docs/cli.md` documents the format; names and meanings do not change, but more may be added.

use buildkit_client::progress::{Stream, Warning};
use imagespec_compile::StepInfo;
use imagespec_frontend::PlanningPass;
use serde_json::{Map, Value, json};

use super::{Delivered, Destination, Event, EventKind, Failure, VertexState};

impl Event {
    /// The event as a JSON object. `event` is the kind of event, `image` is the title of the image.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let (name, fields) = match &self.kind {
            EventKind::Planned(PlanningPass { steps, missing, expected }) => {
                let steps: Vec<Value> = steps.iter().map(step).collect();
                ("planned", json!({"steps": steps, "missing": missing, "expected": expected}))
            }
            EventKind::Asked(question) => ("asked", json!({"question": question.to_string()})),
            EventKind::Answered(question) => ("answered", json!({"question": question.to_string()})),
            EventKind::Vertex { state, step, vertex } => {
                let time = vertex.completed.or(vertex.started).map(|time| time.to_string());
                let ran = vertex.started.zip(vertex.completed);
                let seconds = ran.map(|(started, completed)| completed.since(started).as_secs_f64());
                let error = Some(&vertex.error).filter(|error| !error.is_empty());
                let fields = json!({
                    "vertex": vertex.digest, "name": vertex.name, "step": step, "inputs": vertex.inputs,
                    "time": time, "seconds": seconds, "error": error,
                });
                (state.name(), fields)
            }
            EventKind::Progress(status) => {
                let is_done = status.completed.is_some();
                let fields = json!({
                    "vertex": status.vertex, "id": status.id, "current": status.current, "total": status.total,
                    "done": is_done,
                });
                ("progress", fields)
            }
            EventKind::Log { step, log } => {
                let stream = match log.stream {
                    Stream::Stdout => "stdout",
                    Stream::Stderr => "stderr",
                };
                let text = String::from_utf8_lossy(&log.data);
                let time = log.timestamp.map(|time| time.to_string());
                ("log", json!({"vertex": log.vertex, "step": step, "stream": stream, "text": text, "time": time}))
            }
            EventKind::Warning(warning) => ("warning", warning_fields(warning)),
            EventKind::Delivered(delivered) => ("delivered", delivered_fields(delivered)),
            EventKind::Failed(failure) => ("failed", failure_fields(failure)),
        };
        let mut object =
            Map::from_iter([("event".to_owned(), Value::from(name)), ("image".to_owned(), Value::from(&*self.image))]);
        if let Value::Object(fields) = fields {
            object.extend(fields.into_iter().filter(|(_, value)| !value.is_null()));
        }
        Value::Object(object)
    }
}

impl VertexState {
    fn name(self) -> &'static str {
        match self {
            Self::Announced => "announced",
            Self::Started => "started",
            Self::Cached => "cached",
            Self::Done => "done",
            Self::Canceled => "canceled",
            // `failed` is the event of the whole image.
            Self::Failed => "step-failed",
        }
    }
}

fn step(step: &StepInfo) -> Value {
    json!({"step": step.key, "id": step.id, "title": step.title, "fields": step.fields})
}

fn warning_fields(warning: &Warning) -> Value {
    let short = String::from_utf8_lossy(&warning.short);
    // The format in which the frontend sends warnings about the spec.
    let (code, message) = match short.split_once(": ") {
        Some((code, message)) if is_code(code) => (Some(code), message),
        _ => (None, &*short),
    };
    let detail: Vec<_> = warning.detail.iter().map(|line| String::from_utf8_lossy(line)).collect();
    let help = Some(detail.join("\n")).filter(|help| !help.is_empty());
    let url = Some(&warning.url).filter(|url| !url.is_empty());
    let source = warning.source();
    let places = source.iter().flat_map(|source| {
        let place = |range: &buildkit_client::error::LineRange| {
            json!({"file": source.filename, "line": range.start(), "end_line": range.end()})
        };
        source.ranges.iter().map(place)
    });
    json!({"code": code, "message": message, "help": help, "url": url, "places": places.collect::<Vec<_>>()})
}

fn is_code(text: &str) -> bool {
    let digits = text.strip_prefix(['E', 'W']);
    digits.is_some_and(|digits| digits.len() == 3 && digits.bytes().all(|digit| digit.is_ascii_digit()))
}

fn delivered_fields(delivered: &Delivered) -> Value {
    let Delivered { to, names, digest, bytes, is_up_to_date } = delivered;
    let (to, path) = match to {
        Destination::Registry => ("registry", None),
        Destination::Store => ("store", None),
        Destination::Engine => ("engine", None),
        Destination::File(path) => ("file", Some(path)),
        Destination::Directory(path) => ("directory", Some(path)),
        Destination::Stdout => ("stdout", None),
        Destination::Cache => ("cache", None),
    };
    let path = path.map(|path| path.to_string_lossy());
    json!({"to": to, "path": path, "names": names, "digest": digest, "bytes": bytes, "up_to_date": is_up_to_date})
}

fn failure_fields(failure: &Failure) -> Value {
    let Failure { kind, problems, step, exit_code } = failure;
    json!({"kind": kind, "problems": problems, "step": step, "exit_code": exit_code})
}
