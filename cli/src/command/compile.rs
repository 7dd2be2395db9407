//! `imagespec compile`: the LLB definition, no build.

use buildkit_proto::Message as _;
use imagespec_compile::{Compiled, LockUse};

use crate::args::{CompileArgs, GraphFormat, Progress};
use crate::error::{CliError, render_diagnostics};
use crate::{facts, print};

pub(crate) async fn run(args: &CompileArgs) -> Result<(), CliError> {
    let planned =
        facts::plan(&args.spec, &args.options, &args.facts, &args.daemon, LockUse::Read, Progress::Quiet).await?;
    print::note(&render_diagnostics(&planned.warnings, &planned.document.sources));
    // Whoever solves the definition has a session of its own; ours is over by then.
    let compiled = planned.without_session();
    if let Some(file) = &args.config_file {
        let config = single(&compiled)?.image_config.to_string();
        std::fs::write(file, config)
            .map_err(|error| CliError::Output(format!("cannot write {}: {error}", file.display())))?;
    }
    match args.format {
        GraphFormat::Dot => print::data(&single(&compiled)?.graph.dump().dot()),
        GraphFormat::Mermaid => print::data(&single(&compiled)?.graph.dump().mermaid()),
        GraphFormat::Pb => print::bytes(&single(&compiled)?.graph.to_definition().encode_to_vec()),
        GraphFormat::Text => {
            let text: Vec<String> = compiled.iter().map(|compiled| compiled.graph.dump().to_string()).collect();
            print::data(&text.join("\n"))
        }
        GraphFormat::Json => {
            let graphs: Vec<serde_json::Value> = compiled.iter().map(|compiled| compiled.graph.dump().json()).collect();
            print::data(&format!("{:#}\n", serde_json::Value::from(graphs)))
        }
    }
}

/// A definition has one root, so one platform; a drawing is one of them too.
fn single(compiled: &[Compiled]) -> Result<&Compiled, CliError> {
    match compiled {
        [one] => Ok(one),
        many => Err(CliError::Input(format!(
            "a graph is of one platform, and the spec asks for {}; choose one with --platform",
            many.len()
        ))),
    }
}
