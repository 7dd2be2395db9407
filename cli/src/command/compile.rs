//! `imagespec compile`: prints the LLB definition without building it.

use buildkit_proto::Message as _;
use imagespec_compile::{Compiled, LockUse};

use crate::args::{CompileArgs, GraphFormat, Progress};
use crate::error::{CliError, render_diagnostics};
use crate::{facts, file, print};

pub(crate) async fn run(args: &CompileArgs) -> Result<(), CliError> {
    let planned =
        facts::plan(&args.spec, &args.options, &args.facts, &args.daemon, LockUse::Read, Progress::Quiet).await?;
    print::note(&render_diagnostics(&planned.warnings, &planned.document.sources));
    // The client that solves the definition has its own session; this one has ended by then.
    let compiled = planned.without_session();
    if let Some(path) = &args.config_file {
        file::write(path, single(&compiled)?.image_config.to_string())?;
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

/// The only graph: a definition has one root and therefore one platform, and a diagram shows one graph.
fn single(compiled: &[Compiled]) -> Result<&Compiled, CliError> {
    match compiled {
        [one] => Ok(one),
        many => Err(CliError::Input(format!(
            "this output format holds one platform, but the spec asks for {}; choose one with --platform",
            many.len()
        ))),
    }
}
