//! Describes a failed step in terms of the spec: the step, the lines of the spec that it results from, and the relevant output.
//!
//! It uses the data of the finished build; the daemon is not queried again.

use buildkit_client::error::{BuildFailure, FailedVertex};
use imagespec::{Diagnostic, SourceMap, Span};
use imagespec_compile::{Document, STEP_DESCRIPTION, StepInfo, StepKey, ended_command, rules};
use imagespec_frontend::{DriveError, Planned, Vertices};

/// A failed step of the plan.
#[derive(Clone, Debug)]
pub struct StepFailure {
    /// The step.
    pub step: StepInfo,
    /// The fields of the spec that caused the failure, such as `packages[2]`; all fields of the step if its output names none.
    pub fields: Vec<String>,
    /// The problem in terms of the spec.
    pub diagnostic: Diagnostic,
    /// The texts that the diagnostic refers to.
    pub sources: SourceMap,
    /// The exit code of its process, if there was one.
    pub exit_code: Option<u32>,
}

/// The failure of a build as a diagnostic; `None` if no step of the plan failed.
///
/// `planned` and `vertices` are from the [`Recorder`](imagespec_frontend::Recorder) of the build. The failed vertex belongs to the step
/// in whose graph it was sent. A source policy of the daemon changes digests; then the description of the vertex names the step.
pub fn step_failure(
    failure: &BuildFailure,
    planned: &Result<Planned, DriveError>,
    vertices: &Vertices,
) -> Option<StepFailure> {
    let (document, steps) = match planned {
        Ok(planned) => (&planned.document, planned.outcome.steps()),
        Err(DriveError::Step { document, steps, .. }) => (&**document, steps.clone()),
        Err(DriveError::Problems(_) | DriveError::Failed(_)) => return None,
    };
    let vertex = failure.vertex.as_ref()?;
    let known = vertices.step(&vertex.digest);
    let key = known.as_ref().map(StepKey::as_str);
    let key = key.or_else(|| failure.details.description.get(STEP_DESCRIPTION).map(String::as_str))?;
    let step = steps.into_iter().find(|step| step.key.as_str() == key)?;
    let origin = Origin::find(&step, document, &vertex.log_tail);
    let diagnostic = diagnostic(failure, vertex, document, &step, origin.places);
    let (sources, exit_code) = (document.sources.clone(), failure.exit_code);
    Some(StepFailure { step, fields: origin.fields, diagnostic, sources, exit_code })
}

fn diagnostic(
    failure: &BuildFailure,
    vertex: &FailedVertex,
    document: &Document,
    step: &StepInfo,
    places: Vec<(Span, String)>,
) -> Diagnostic {
    // A step may have several vertices with different names.
    let name = vertex.name.as_deref().unwrap_or(&step.title);
    let how = match failure.exit_code {
        Some(code) => format!("with exit code {code}"),
        None => format!("({})", failure.message),
    };
    // The daemon's messages for a path that the client did not send.
    let is_missing = ["not found", "no such file"].iter().any(|words| failure.message.contains(words));
    let mut diagnostic = match step.is_copy && failure.exit_code.is_none() && is_missing {
        true => nothing_to_copy(name, &failure.message),
        false => Diagnostic::new(&rules::STEP_FAILED, format!("the step `{name}` failed {how}")),
    };
    for (span, line) in places {
        diagnostic = diagnostic.with_label(span, line);
    }
    if let Some(advice) = missing_compiler(step, document, &vertex.log_tail) {
        return diagnostic.with_help(advice);
    }
    let last_line = last_error_line(&vertex.log_tail);
    let is_shown = |line: &str| diagnostic.labels.iter().any(|label| label.text == line);
    match last_line {
        Some(line) if !is_shown(line) => diagnostic.with_help(format!("last output of the step: {line}")),
        _ => diagnostic,
    }
}

fn nothing_to_copy(step: &str, message: &str) -> Diagnostic {
    let diagnostic = Diagnostic::new(&rules::NOTHING_TO_COPY, format!("the step `{step}` found no files: {message}"));
    diagnostic.with_help(
        "the path must be in the context and not excluded by .dockerignore or .gitignore; `source_copy_mode: auto` \
         copies Python files only",
    )
}

/// Python and apt packages are installed in parallel, so a package that is built from source has no compilers of apt, unless the spec
/// says that it will be built.
fn missing_compiler(step: &StepInfo, document: &Document, log: &[String]) -> Option<String> {
    const SIGNS: [&str; 3] = ["failed to build", "command 'gcc' failed", "compiler"];
    let beside_apt = matches!(step.id.as_str(), "python" | "lock")
        && document.spec.levels().iter().any(|level| !level.spec.apt_packages().is_empty());
    let is_build = log.iter().any(|line| SIGNS.iter().any(|sign| line.to_ascii_lowercase().contains(sign)));
    (beside_apt && is_build && !step.stands_on_apt).then(|| {
        "if the build needs packages of apt_packages, add a line `--no-binary NAME` to packages: the environment is then built on top of the apt packages".to_owned()
    })
}

/// The fields of the spec that a failure results from.
struct Origin {
    fields: Vec<String>,
    /// The places of the fields, with the lines of the output that mention them.
    places: Vec<(Span, String)>,
}

impl Origin {
    /// The items that the output mentions. If it mentions none, all fields of the step, of which the first is shown.
    fn find(step: &StepInfo, document: &Document, log: &[String]) -> Self {
        let place = |field: &String| document.spans.nearest_span(field);
        // A step with several commands reports the one that failed.
        let ended = log.iter().rev().find_map(|line| ended_command(without_time(line)));
        if let Some((field, span)) =
            ended.and_then(|at| step.fields.get(at)).and_then(|field| Some((field, place(field)?)))
        {
            return Self { fields: vec![field.clone()], places: vec![(span, String::new())] };
        }
        let placed: Vec<(&String, Span)> =
            step.fields.iter().filter_map(|field| Some((field, place(field)?))).collect();
        let mentioned = placed.iter().filter_map(|(field, span)| {
            let word = item_name(document.sources.snippet(*span)?)?;
            let line = error_lines(log).find(|line| mentions(line, &word))?;
            Some(((*field).clone(), (*span, line.to_owned())))
        });
        let (fields, places): (Vec<_>, Vec<_>) = mentioned.unzip();
        // A tool that prints all its arguments mentions every item, so no item is special.
        if !fields.is_empty() && fields.len() < placed.len().max(2) {
            return Self { fields, places };
        }
        let places = placed.first().map(|(_, span)| (*span, String::new()));
        Self { fields: step.fields.clone(), places: places.into_iter().collect() }
    }
}

/// The lines with signs of an error. A name in another line says nothing: apt builds a dependency `tree`.
fn error_lines(log: &[String]) -> impl Iterator<Item = &str> {
    const SIGNS: [&str; 7] = ["e:", "error", "cause", "fail", "unable", "not found", "no "];
    output(log).map(without_progress).filter(|line| {
        let line = line.to_ascii_lowercase();
        SIGNS.iter().any(|sign| line.contains(sign))
    })
}

/// The last line with signs of an error, or else the last line. The last line is less useful: progress from the other output stream
/// may follow the error.
fn last_error_line(log: &[String]) -> Option<&str> {
    error_lines(log).last().or_else(|| output(log).last())
}

/// The output of the programs in the step, without our own line about the failed command.
fn output(log: &[String]) -> impl DoubleEndedIterator<Item = &str> {
    let lines = log.iter().map(|line| without_time(line));
    lines.filter(|line| !line.is_empty() && ended_command(line).is_none())
}

/// The name of an item: `numpy` for `"numpy>=2"`, `git` for `git=1:2.39*`.
fn item_name(text: &str) -> Option<String> {
    let text = text.trim_matches(['"', '\'', ' ']);
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || "._-+".contains(c))).unwrap_or(text.len());
    (end > 0).then(|| comparable(&text[..end]))
}

/// Whether a line contains a name as a separate word.
fn mentions(line: &str, word: &str) -> bool {
    comparable(line).split(|c: char| !(c.is_ascii_alphanumeric() || ".-+".contains(c))).any(|part| {
        let part = part.trim_matches(['.', '-']);
        part == word
            || part
                .strip_prefix(word)
                .is_some_and(|rest| rest.starts_with('-') && rest[1..].starts_with(char::is_numeric))
    })
}

/// Text in lowercase with a single kind of separator, because tools write package names in several forms. Dots are kept: they also end
/// sentences, and names of Debian packages contain them.
fn comparable(text: &str) -> String {
    text.to_ascii_lowercase().replace('_', "-")
}

/// A log line without the time that renderers put in front.
fn without_time(line: &str) -> &str {
    let line = line.trim();
    match line.split_once(' ') {
        Some((time, rest)) if time.contains('.') && time.chars().all(|c| c.is_ascii_digit() || c == '.') => rest.trim(),
        _ => line,
    }
}

/// An error without preceding progress: apt's output streams can share a line, `Building dependency tree...E: Unable to …`.
fn without_progress(line: &str) -> &str {
    line.split_once("...E: ").map_or(line, |(doing, _)| &line[doing.len() + "...".len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn item_names() {
        let check = |text, expect: &str| assert_eq!(item_name(text).as_deref(), Some(expect), "{text}");
        check("numpy", "numpy");
        check("\"Ruamel_yaml>=0.18\"", "ruamel-yaml");
        check("git=1:2.39*", "git");
        check("libstdc++6:arm64", "libstdc++6");
        assert_eq!(item_name("[x]"), None);
    }

    #[test]
    fn lines_that_mention_a_name() {
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
    fn progress_is_not_the_last_error() {
        let log = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
        let apt = log(&["0.978 E: Unable to locate package x", "0.978 Reading state information..."]);
        assert_eq!(last_error_line(&apt), Some("E: Unable to locate package x"));
        assert_eq!(last_error_line(&log(&["0.1 one", "0.2 two", ""])), Some("two"));
        assert_eq!(
            last_error_line(&log(&["0.1 one", "0.2 imagespec: command 2 of 3 failed with exit code 1"])),
            Some("one")
        );
        assert_eq!(last_error_line(&[]), None);
    }

    #[test]
    fn errors_are_separated_from_progress() {
        let log = ["1.099 Building dependency tree...E: Unable to locate package x".to_owned(), "1.4 Done".to_owned()];
        assert_eq!(error_lines(&log).collect::<Vec<_>>(), ["E: Unable to locate package x"]);
    }
}
