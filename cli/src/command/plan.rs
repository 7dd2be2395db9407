//! `imagespec plan`: prints the steps of a build and what each step depends on.

use imagespec_compile::LockUse;
use serde_json::Value;

use crate::args::{PlanArgs, Progress, TextFormat};
use crate::error::{CliError, render_diagnostics};
use crate::facts;
use crate::print;

pub(crate) async fn run(args: &PlanArgs) -> Result<(), CliError> {
    let planned =
        facts::plan(&args.spec, &args.options, &args.facts, &args.daemon, LockUse::Read, Progress::Quiet).await?;
    print::note(&render_diagnostics(&planned.warnings, &planned.document.sources));
    match args.format {
        TextFormat::Text => {
            let text: Vec<String> = planned.plans().into_iter().map(ToString::to_string).collect();
            print::text(&text.join("\n"))
        }
        TextFormat::Json => {
            let plans: Result<Vec<Value>, _> = planned.plans().into_iter().map(serde_json::to_value).collect();
            let plans = plans.map_err(|error| CliError::Internal(error.to_string()))?;
            print::data(&format!("{:#}\n", Value::from(plans)))
        }
    }
}
