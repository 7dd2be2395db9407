//! `imagespec from-env` and `imagespec init`: a spec from the environment of an interpreter, and a new spec file.

use std::path::Path;

use imagespec::ImageSpec;
use imagespec_engine::from_env as read_environment;

use crate::args::{FromEnvArgs, InitArgs};
use crate::error::CliError;
use crate::{file, print};

/// The spec file that `init` writes without `--python`.
const TEMPLATE: &str = "# yaml-language-server: $schema=imagespec.schema.json
# An editor that uses the schema describes and completes the fields.
base_image: debian:bookworm-slim
python_version: \"3.12\"
packages: []
source_root: .
";

pub(crate) fn from_env(args: &FromEnvArgs) -> Result<(), CliError> {
    print::data(&read_spec(&args.python, args.base_image.as_deref(), args.minor)?.to_yaml())
}

pub(crate) fn init(args: &InitArgs) -> Result<(), CliError> {
    let path = args.context.join("imagespec.yaml");
    if path.exists() {
        return Err(CliError::Input(format!("{} already exists; delete it first to create a new one", path.display())));
    }
    let text = match &args.python {
        None => TEMPLATE.to_owned(),
        Some(python) => {
            let spec = read_spec(python, None, false)?;
            let schema = TEMPLATE.lines().next().unwrap_or_default();
            format!("{schema}\n{}source_root: .\n", spec.to_yaml())
        }
    };
    file::write(&path, text)?;
    let schema = args.context.join("imagespec.schema.json");
    if !schema.exists() {
        file::write(&schema, format!("{:#}\n", imagespec::json_schema()))?;
    }
    print::note(&format!("wrote {} and {}\n", path.display(), schema.display()));
    Ok(())
}

/// The interpreter's version and packages as a spec with a base image. Warns about packages that are left out.
fn read_spec(python: &str, base_image: Option<&str>, minor: bool) -> Result<ImageSpec, CliError> {
    let refused = |error: &dyn std::fmt::Display| CliError::Input(error.to_string());
    let found = read_environment(Path::new(python), minor).map_err(|error| refused(&error))?;
    for (name, version) in &found.left_out {
        print::note(&format!(
            "warning: {name} {version} is left out because it was not installed from an index; add it to `packages` or `copy`\n"
        ));
    }
    let base_image = base_image.unwrap_or(imagespec_compile::DEFAULT_BASE_IMAGE);
    found.spec.with_base_image(base_image).map_err(|error| refused(&error))
}
