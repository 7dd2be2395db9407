//! Reads the Status stream of one build: forwards every report, and records what is needed to explain errors.

use std::collections::BTreeMap;
use std::time::Duration;

use buildkit_proto::rpc::control::StatusRequest;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::dial::Connection;
use crate::error::SeenVertex;
use crate::progress::{ProgressSender, Update};

/// How long the daemon may be silent after Solve has ended. The last states, including cancellations, arrive after it.
const INACTIVITY_TIMEOUT: Duration = Duration::from_secs(5);
/// Lines to keep of each step.
const MAX_TAIL_LINES: usize = 50;
/// Longer lines are cut.
const MAX_TAIL_LINE_BYTES: usize = 4096;

/// Reads until the daemon ends the stream, or is silent for too long after `solve_ended` became true.
///
/// A stream that breaks ends the progress but not the build, whose result is reported by Solve.
pub(super) async fn read(
    connection: &Connection,
    reference: &str,
    progress: &ProgressSender,
    mut solve_ended: watch::Receiver<bool>,
) -> BTreeMap<String, SeenVertex> {
    let mut seen = BTreeMap::new();
    let mut control = connection.control();
    let request = StatusRequest { r#ref: reference.to_owned() };
    let opened = tokio::select! {
        opened = control.status(request) => opened,
        () = silent_after(&mut solve_ended) => return seen,
    };
    let Ok(answer) = opened else { return seen };
    let mut stream = answer.into_inner();
    loop {
        let message = if *solve_ended.borrow_and_update() {
            match timeout(INACTIVITY_TIMEOUT, stream.message()).await {
                Ok(message) => message,
                Err(_) => return seen,
            }
        } else {
            tokio::select! {
                message = stream.message() => message,
                changed = solve_ended.changed() => match changed {
                    Ok(()) => continue,
                    Err(_) => return seen,
                },
            }
        };
        let Ok(Some(response)) = message else {
            return seen;
        };
        let update = Update::from(response);
        remember(&mut seen, &update);
        progress.send(update).await;
    }
}

async fn silent_after(solve_ended: &mut watch::Receiver<bool>) {
    // An error means that the sender and Solve are gone.
    let _ = solve_ended.wait_for(|&ended| ended).await;
    tokio::time::sleep(INACTIVITY_TIMEOUT).await;
}

fn remember(seen: &mut BTreeMap<String, SeenVertex>, update: &Update) {
    for vertex in &update.vertexes {
        let entry = seen.entry(vertex.digest.clone()).or_default();
        entry.name.clone_from(&vertex.name);
        entry.failed = !vertex.error.is_empty() && !vertex.is_canceled();
        if vertex.completed.is_some() && vertex.error.is_empty() {
            // It is not the step that failed, so its output need not be kept.
            entry.forget();
        }
    }
    for log in &update.logs {
        seen.entry(log.vertex.clone()).or_default().append(&log.data);
    }
}

impl SeenVertex {
    fn append(&mut self, data: &[u8]) {
        for piece in String::from_utf8_lossy(data).split_inclusive('\n') {
            let room = MAX_TAIL_LINE_BYTES.saturating_sub(self.partial.len());
            let keep = piece.trim_end_matches(['\n', '\r']);
            self.partial.extend(keep.chars().take(room));
            if piece.ends_with('\n') {
                self.log_tail.push_back(std::mem::take(&mut self.partial));
                if self.log_tail.len() > MAX_TAIL_LINES {
                    self.log_tail.pop_front();
                }
            }
        }
    }

    fn forget(&mut self) {
        self.log_tail.clear();
        self.partial.clear();
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        let unfinished = Some(&self.partial).filter(|partial| !partial.is_empty());
        self.log_tail.iter().chain(unfinished).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn torn_lines_are_joined_and_only_the_last_are_kept() {
        let mut vertex = SeenVertex::default();
        vertex.append(b"fir");
        vertex.append(b"st\nsecond\r\nthi");
        assert_eq!(vertex.lines(), ["first", "second", "thi"]);
        for number in 0..200 {
            vertex.append(format!("{number}\n").as_bytes());
        }
        assert_eq!(vertex.lines().len(), MAX_TAIL_LINES);
        assert_eq!(vertex.lines().last().map(String::as_str), Some("199"));
    }

    #[test]
    fn an_endless_line_takes_bounded_memory() {
        let mut vertex = SeenVertex::default();
        for _ in 0..100 {
            vertex.append(&[b'x'; 1000]);
        }
        assert_eq!(vertex.lines(), ["x".repeat(MAX_TAIL_LINE_BYTES)]);
    }
}
