//! A failed step in the spec's words: which step it was, which lines asked for it, and what it said about them.
//!
//! Works on what the build left behind; the daemon is not asked again.

use buildkit_client::error::BuildFailure;
use imagespec::{Diagnostic, SourceMap, Span};
use imagespec_compile::{Document, StepInfo, ended_command, rules};
use imagespec_frontend::{DriveError, Planned};

/// The failure of a build as a diagnostic, with what it points into; `None` when it was none of the plan's steps that failed.
///
/// `planned` is what a [`Recorder`](imagespec_frontend::Recorder) kept of the build.
pub fn step_failure(failure: &BuildFailure, planned: &Result<Planned, DriveError>) -> Option<(Diagnostic, SourceMap)> {
    let (document, steps) = match planned {
        Ok(planned) => (&planned.document, planned.outcome.steps()),
        Err(DriveError::Step { document, steps, .. }) => (&**document, steps.clone()),
        Err(DriveError::Problems { .. } | DriveError::Failed(_)) => return None,
    };
    Some((diagnostic(failure, document, &steps)?, document.sources.clone()))
}

fn diagnostic(failure: &BuildFailure, document: &Document, steps: &[StepInfo]) -> Option<Diagnostic> {
    let vertex = failure.vertex.as_ref()?;
    let name = vertex.name.as_deref()?;
    let step = steps.iter().find(|step| step.title == name)?;
    let how = match failure.exit_code {
        Some(code) => format!("with exit code {code}"),
        None => format!("({})", failure.message),
    };
    // The daemon's words for a path that is not among what the client sent.
    let is_missing = ["not found", "no such file"].iter().any(|words| failure.message.contains(words));
    let mut diagnostic = match step.is_copy && failure.exit_code.is_none() && is_missing {
        true => nothing_to_copy(name, &failure.message),
        false => Diagnostic::new(&rules::STEP_FAILED, format!("the step `{name}` failed {how}")),
    };
    for (span, said) in places(step, document, &vertex.log_tail) {
        diagnostic = diagnostic.with_label(span, said);
    }
    if let Some(advice) = missing_compiler(step, document, &vertex.log_tail) {
        return Some(diagnostic.with_help(advice));
    }
    let said = last_words(&vertex.log_tail);
    let is_shown = |line: &str| diagnostic.labels.iter().any(|label| label.text == line);
    Some(match said {
        Some(line) if !is_shown(line) => diagnostic.with_help(format!("the step's last words: {line}")),
        _ => diagnostic,
    })
}

fn nothing_to_copy(step: &str, message: &str) -> Diagnostic {
    let diagnostic = Diagnostic::new(&rules::NOTHING_TO_COPY, format!("the step `{step}` found no files: {message}"));
    diagnostic.with_help(
        "the path must be in the context and let through by .dockerignore and .gitignore; `source_copy_mode: auto` \
         copies Python files only",
    )
}

/// Python and apt are installed side by side, so a package that is built from source does not see apt's compilers unless the
/// spec says that it will be built.
fn missing_compiler(step: &StepInfo, document: &Document, log: &[String]) -> Option<String> {
    const SIGNS: [&str; 3] = ["failed to build", "command 'gcc' failed", "compiler"];
    let beside_apt = matches!(step.id.as_str(), "python" | "lock")
        && document.spec.levels().iter().any(|level| !level.spec.apt_packages().is_empty());
    let is_build = log.iter().any(|line| SIGNS.iter().any(|sign| line.to_ascii_lowercase().contains(sign)));
    (beside_apt && is_build && !step.stands_on_apt).then(|| {
        "if it needs what apt_packages installs, add a line `--no-binary NAME` to packages: the environment is then built on top of them".to_owned()
    })
}

/// The items the output speaks of, with what it says; if it names none of them, all that asked for the step.
fn places(step: &StepInfo, document: &Document, log: &[String]) -> Vec<(Span, String)> {
    // Where one step runs many commands, it says itself which of them ended it.
    let ended = log.iter().rev().find_map(|line| ended_command(without_time(line)));
    if let Some(span) = ended.and_then(|at| document.spans.nearest_span(step.fields.get(at)?)) {
        return vec![(span, String::new())];
    }
    let spans: Vec<Span> = step.fields.iter().filter_map(|field| document.spans.nearest_span(field)).collect();
    let named: Vec<(Span, String)> = spans
        .iter()
        .filter_map(|span| {
            let word = item_name(document.sources.snippet(*span)?)?;
            let line = complaints(log).find(|line| mentions(line, &word))?;
            Some((*span, line.to_owned()))
        })
        .collect();
    match (named.len(), spans.first()) {
        // Everything is mentioned when a tool lists what it was asked for; then nothing stands out.
        (count, _) if count > 0 && count < spans.len().max(2) => named,
        (_, Some(first)) => vec![(*first, String::new())],
        (_, None) => Vec::new(),
    }
}

/// The lines that complain. Names turn up elsewhere too: apt builds a dependency `tree`.
fn complaints(log: &[String]) -> impl Iterator<Item = &str> {
    const SIGNS: [&str; 7] = ["e:", "error", "cause", "fail", "unable", "not found", "no "];
    log.iter().map(|line| without_progress(without_time(line))).filter(|line| {
        let line = line.to_ascii_lowercase();
        SIGNS.iter().any(|sign| line.contains(sign))
    })
}

/// The last complaint. Only where there is none it is the last line: what a program prints on its other stream, such as progress,
/// may come after what it says of its end.
fn last_words(log: &[String]) -> Option<&str> {
    let is_said = |line: &&str| !line.is_empty() && ended_command(line).is_none();
    let last_line = || log.iter().rev().map(|line| without_time(line)).find(is_said);
    complaints(log).last().or_else(last_line)
}

/// `numpy` of `"numpy>=2"`, `git` of `git=1:2.39*`.
fn item_name(text: &str) -> Option<String> {
    let text = text.trim_matches(['"', '\'', ' ']);
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || "._-+".contains(c))).unwrap_or(text.len());
    (end > 0).then(|| normal(&text[..end]))
}

/// Whether a line speaks of a name, as a word of its own.
fn mentions(line: &str, word: &str) -> bool {
    normal(line).split(|c: char| !(c.is_ascii_alphanumeric() || ".-+".contains(c))).any(|part| {
        let part = part.trim_matches(['.', '-']);
        part == word
            || part
                .strip_prefix(word)
                .is_some_and(|rest| rest.starts_with('-') && rest[1..].starts_with(char::is_numeric))
    })
}

/// Case and the choice of separator mean nothing in package names (PEP 503).
fn normal(text: &str) -> String {
    text.to_ascii_lowercase().replace('_', "-")
}

/// A log line without the seconds that renderers put in front.
fn without_time(line: &str) -> &str {
    let line = line.trim();
    match line.split_once(' ') {
        Some((time, rest)) if time.contains('.') && time.chars().all(|c| c.is_ascii_digit() || c == '.') => rest.trim(),
        _ => line,
    }
}

/// A complaint without what was being done: apt's two streams meet in one line, `Building dependency tree...E: Unable to …`.
fn without_progress(line: &str) -> &str {
    line.split_once("...E: ").map_or(line, |(doing, _)| &line[doing.len() + "...".len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_items() {
        let check = |text, expect: &str| assert_eq!(item_name(text).as_deref(), Some(expect), "{text}");
        check("numpy", "numpy");
        check("\"Ruamel_yaml>=0.18\"", "ruamel-yaml");
        check("git=1:2.39*", "git");
        check("libstdc++6:arm64", "libstdc++6");
        assert_eq!(item_name("[x]"), None);
    }

    #[test]
    fn lines_that_speak_of_a_name() {
        assert!(mentions("E: Unable to locate package no-such", "no-such"));
        assert!(mentions("Because no_such was not found", "no-such"));
        assert!(mentions("you require no-such==9.9, we", "no-such"));
        assert!(mentions("building no-such-1.2.tar.gz", "no-such"));
        assert!(!mentions("package no-such-thing", "no-such"));
        assert!(!mentions("sixteen", "six"));
    }

    #[test]
    fn times_are_dropped() {
        assert_eq!(without_time("1.630 E: no"), "E: no");
        assert_eq!(without_time("E: no"), "E: no");
    }

    #[test]
    fn progress_is_no_last_word() {
        let log = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
        let apt = log(&["0.978 E: Unable to locate package x", "0.978 Reading state information..."]);
        assert_eq!(last_words(&apt), Some("E: Unable to locate package x"));
        assert_eq!(last_words(&log(&["0.1 one", "0.2 two", ""])), Some("two"));
        assert_eq!(last_words(&log(&["0.1 one", "0.2 imagespec: command 2 of 3 ended with 1"])), Some("one"));
        assert_eq!(last_words(&[]), None);
    }

    #[test]
    fn complaints_stand_alone() {
        let log = ["1.099 Building dependency tree...E: Unable to locate package x".to_owned(), "1.4 Done".to_owned()];
        assert_eq!(complaints(&log).collect::<Vec<_>>(), ["E: Unable to locate package x"]);
    }
}
