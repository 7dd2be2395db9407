//! The subrequest `frontend.lint`: `docker buildx build --check` on a spec.
//!
//! Checks the spec's text only; nothing is resolved.

use buildkit_gateway::{Build, Status, Subrequest, SubrequestAnswer};
use imagespec::{Diagnostic, SourceMap};
use serde_json::{Value, json};

use crate::{load, report};

pub(crate) const REQUEST: &str = buildkit_proto::keys::subrequest::LINT;

pub(crate) fn describe() -> Subrequest {
    Subrequest::new(REQUEST, "1.0.0", "Check a spec without building it")
}

pub(crate) async fn answer(build: &Build) -> Result<SubrequestAnswer, Status> {
    let (name, bytes) = load::spec(&build.bridge, &build.options).await?;
    let (diagnostics, sources) = match imagespec::spec_text(&name, &bytes) {
        Ok(text) => {
            let parsed = imagespec::parse_to_check(&name, &text, &crate::choice(&build.options));
            (parsed.diagnostics, parsed.sources)
        }
        Err(problems) => (problems.diagnostics, problems.sources),
    };
    let warnings: Vec<Value> = diagnostics.iter().map(|diagnostic| warning(diagnostic, &sources)).collect();
    let text: Vec<String> = diagnostics.iter().map(|diagnostic| imagespec::render(diagnostic, &sources)).collect();
    let sources: Vec<Value> = sources
        .files()
        .map(|(_, file)| {
            use base64::Engine as _;
            json!({"filename": file.name(), "data": base64::engine::general_purpose::STANDARD.encode(imagespec::mask_credentials(file.text()).as_bytes())})
        })
        .collect();
    let has_problems = !diagnostics.is_empty();
    Ok(SubrequestAnswer {
        json: json!({"warnings": warnings, "sources": sources}).to_string().into_bytes(),
        text: text.join("\n"),
        version: "1.0.0".to_owned(),
        status_code: Some(i32::from(has_problems)),
    })
}

fn warning(diagnostic: &Diagnostic, sources: &SourceMap) -> Value {
    let ranges: Vec<Value> = diagnostic
        .span()
        .and_then(|span| report::range(sources, span))
        .map(|range| json!({"start": {"line": range.start.line, "character": range.start.character}, "end": {"line": range.end.line, "character": range.end.character}}))
        .into_iter()
        .collect();
    // Clients read the location without checking that it exists.
    let index = if ranges.is_empty() { -1 } else { 0 };
    json!({
        "ruleName": diagnostic.code,
        "description": diagnostic.help.clone().unwrap_or_default(),
        "detail": diagnostic.message,
        "location": {"sourceIndex": index, "ranges": ranges},
    })
}
