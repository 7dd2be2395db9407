//! `imagespec from-env` and `imagespec init`: a spec from the environment of an interpreter, and a first spec file.

use std::path::Path;

use imagespec::ImageSpec;
use imagespec_engine::from_env as ask;

use crate::args::{FromEnvArgs, InitArgs};
use crate::error::CliError;
use crate::print;

/// What `init` writes where nobody says more.
const FIRST: &str = "# yaml-language-server: $schema=imagespec.schema.json
# An editor that knows the schema shows what the fields mean.
base_image: debian:bookworm-slim
python_version: \"3.12\"
packages: []
source_root: .
";

pub(crate) fn from_env(args: &FromEnvArgs) -> Result<(), CliError> {
    print::data(&spec_of(&args.python, args.base_image.as_deref(), args.minor)?.to_yaml())
}

pub(crate) fn init(args: &InitArgs) -> Result<(), CliError> {
    let path = args.context.join("imagespec.yaml");
    if path.exists() {
        return Err(CliError::Input(format!("{} is there already; it is left as it is", path.display())));
    }
    let text = match &args.python {
        None => FIRST.to_owned(),
        Some(python) => {
            let spec = spec_of(python, None, false)?;
            let schema = FIRST.lines().next().unwrap_or_default();
            format!("{schema}\n{}source_root: .\n", spec.to_yaml())
        }
    };
    write(&path, &text)?;
    let schema = args.context.join("imagespec.schema.json");
    if !schema.exists() {
        write(&schema, &format!("{:#}\n", imagespec::json_schema()))?;
    }
    print::note(&format!("wrote {} and {}\n", path.display(), schema.display()));
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), CliError> {
    std::fs::write(path, text).map_err(|error| CliError::Output(format!("cannot write {}: {error}", path.display())))
}

/// The interpreter's version and packages as a spec, with a base image; what is left out is told.
fn spec_of(python: &str, base_image: Option<&str>, minor: bool) -> Result<ImageSpec, CliError> {
    let refused = |error: &dyn std::fmt::Display| CliError::Input(error.to_string());
    let found = ask(Path::new(python), minor).map_err(|error| refused(&error))?;
    for (name, version) in &found.left_out {
        print::note(&format!(
            "warning: {name} {version} did not come from an index and is left out; add it to `packages` or `copy`\n"
        ));
    }
    let base_image = base_image.unwrap_or(imagespec_compile::DEFAULT_BASE_IMAGE);
    found.spec.with_base_image(base_image).map_err(|error| refused(&error))
}
