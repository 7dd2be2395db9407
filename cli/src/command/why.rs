//! `imagespec why`: what differs between two specs, field by field, and which steps of the build that concerns.

use std::collections::BTreeSet;
use std::path::Path;

use imagespec::{Content, Difference, ImageSpec, differences};
use imagespec_driver::content;
use serde_json::{Value, json};

use crate::args::{PlaceArgs, SpecArgs, TextFormat, WhyArgs};
use crate::error::CliError;
use crate::exit::Exit;
use crate::print;
use crate::spec_file::SpecFile;

pub(crate) fn run(args: &WhyArgs) -> Result<Exit, CliError> {
    let old = load(&args.old, args.old_context.as_deref(), args)?;
    let new = load(&args.new, args.new_context.as_deref(), args)?;
    let found = differences((&old.0, &old.1), (&new.0, &new.1));
    let (before, after) = (old.0.tag(&old.1), new.0.tag(&new.1));
    match args.format {
        TextFormat::Text => {
            let mut text = match found.is_empty() {
                true => format!("the same image: {after}\n"),
                false => format!("{before} is now {after}\n"),
            };
            for difference in &found {
                text += &format!("  {difference}\n    {}\n", consequence(difference, &new.0));
            }
            print::data(&text)?;
        }
        TextFormat::Json => {
            let list: Vec<Value> = found
                .iter()
                .map(|one| json!({"field": one.field, "old": one.old, "new": one.new, "steps": steps(one, &new.0)}))
                .collect();
            print::data(&format!("{:#}\n", json!({"old": before, "new": after, "differences": list})))?;
        }
    }
    Ok(if found.is_empty() { Exit::Success } else { Exit::Different })
}

fn load(path: &Path, context: Option<&Path>, args: &WhyArgs) -> Result<(ImageSpec, Content), CliError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let spec = SpecArgs {
        file: Some(path.to_path_buf()),
        target: args.target.clone(),
        place: PlaceArgs { set: Vec::new(), context: context.unwrap_or(folder).to_path_buf() },
    };
    let file = SpecFile::read(&spec)?;
    let (document, _warnings) = imagespec_frontend::parse(&file.text, &file.choice)?;
    let content = content::gather(&file.files, &document, &[])?;
    Ok((document.spec, content))
}

/// The kinds of steps that a difference reruns; the image's config is no step. An estimate from the field alone: `imagespec plan`
/// shows the steps of a spec.
fn steps(difference: &Difference, spec: &ImageSpec) -> BTreeSet<&'static str> {
    let field = difference.field.rsplit("base_image.").next().unwrap_or_default();
    let field = field.split(['.', '[']).next().unwrap_or_default();
    let name = difference.field.rsplit('.').next().unwrap_or_default();
    let mut steps: BTreeSet<&'static str> = match field {
        "base_image" | "cuda" | "cudnn" => BTreeSet::from(["everything"]),
        "apt_packages" => BTreeSet::from(["apt"]),
        "conda_packages" | "conda_channels" => BTreeSet::from(["conda", "pip"]),
        "python_version" | "python_exec" => BTreeSet::from(["venv", "lock", "pip"]),
        "files" | "source_root" | "source_copy_mode" | "copy" => BTreeSet::from(["files"]),
        "env" if is_read_by_installers(name) => BTreeSet::from(["lock", "pip"]),
        "env" | "entrypoint" | "runtime_packages" => BTreeSet::new(),
        "commands" => BTreeSet::new(),
        "platform" => BTreeSet::from(["everything"]),
        "builder_options" if difference.field.contains("labels") => BTreeSet::new(),
        "builder_options" if difference.field.contains("user") || difference.field.contains("flavor") => {
            BTreeSet::from(["everything"])
        }
        _ => BTreeSet::from(["lock", "pip"]),
    };
    let sees_everything = levels_have_commands(spec) && !difference.field.contains("labels") && field != "entrypoint";
    if sees_everything && !steps.contains("everything") {
        steps.insert("commands");
    }
    steps
}

fn levels_have_commands(spec: &ImageSpec) -> bool {
    spec.levels().iter().any(|level| !level.spec.commands.is_empty())
}

fn is_read_by_installers(name: &str) -> bool {
    imagespec_compile::is_read_by_installers(name)
}

fn consequence(difference: &Difference, spec: &ImageSpec) -> String {
    let steps = steps(difference, spec);
    let listed = steps.iter().copied().collect::<Vec<_>>().join(", ");
    match (steps.is_empty(), steps.contains("pip")) {
        (true, _) => "no step: only the image's config".to_owned(),
        (false, true) => format!("steps: {listed} (the groups whose packages or versions change)"),
        (false, false) => format!("steps: {listed}"),
    }
}
