//! `imagespec check`: checks a spec without a daemon.

use imagespec::{Rule, Severity};
use serde_json::{Value, json};

use crate::args::{CheckArgs, TextFormat};
use crate::error::{CliError, render_diagnostics};
use crate::print;
use crate::spec_file::SpecFile;

pub(crate) fn run(args: &CheckArgs) -> Result<(), CliError> {
    if let Some(code) = &args.explain {
        return explain(code);
    }
    let file = SpecFile::read(&args.spec)?;
    let parsed = imagespec::parse_to_check(&file.text.name, &file.text.text, &file.choice);
    match args.format {
        TextFormat::Json => {
            let diagnostics: Vec<Value> = parsed
                .diagnostics
                .iter()
                .map(|diagnostic| {
                    let position = diagnostic.span().and_then(|span| parsed.sources.position(span));
                    json!({
                        "code": diagnostic.code,
                        "severity": diagnostic.severity,
                        "message": diagnostic.message,
                        "help": diagnostic.help,
                        "file": file.files.spec,
                        "line": position.map(|position| position.line),
                        "column": position.map(|position| position.column),
                    })
                })
                .collect();
            print::data(&format!("{:#}\n", Value::from(diagnostics)))?;
            match parsed.spec {
                Some(_) => Ok(()),
                // The problems are already on stdout; this only sets the exit code.
                None => Err(CliError::Input(format!("{} has problems", file.files.spec.display()))),
            }
        }
        TextFormat::Text => match parsed.spec {
            None => Err(CliError::Spec(Box::new(parsed.into()))),
            Some(_) => {
                print::note(&render_diagnostics(&parsed.diagnostics, &parsed.sources));
                let count = parsed.diagnostics.iter().filter(|d| d.severity == Severity::Warning).count();
                let warnings = if count == 0 { String::new() } else { format!(", {count} warnings") };
                print::text(&format!("{}: ok{warnings}\n", file.files.spec.display()))
            }
        },
    }
}

fn explain(code: &str) -> Result<(), CliError> {
    let wanted = code.trim().to_ascii_uppercase();
    let rules: Vec<&Rule> = imagespec_compile::rules::all().collect();
    match rules.iter().find(|rule| rule.code == wanted) {
        Some(rule) => print::data(&format!("{}: {}\n\n{}\n", rule.code, rule.summary, rule.explanation)),
        None => {
            let codes: Vec<&str> = rules.iter().map(|rule| rule.code).collect();
            Err(CliError::Input(format!("unknown diagnostic code {code:?}; the codes are {}", codes.join(", "))))
        }
    }
}
