//! `builder_options` and `builder_config`: what only this builder knows.

use crate::fault::Fault;
use crate::field;
use crate::image_reference::image_reference;
use crate::image_spec::{BuilderConfig, BuilderOptions, Bytecode, Flavor};
use crate::quote::quote;
use crate::raw::Kind;
use crate::read::reader::{Fields, Reader};
use crate::read::value::{not_a_choice, number};
use crate::rules;
use crate::text::{label_key, one_line, user};

pub(super) fn builder_options(reader: &mut Reader<'_, '_>, fields: &Fields<'_>) -> BuilderOptions {
    let Some(options) = inner(reader, fields, "builder_options", field::BUILDER_OPTIONS) else {
        return BuilderOptions::default();
    };
    BuilderOptions {
        flavor: reader.text(&options, "flavor", flavor).unwrap_or_default(),
        user: reader.text_or_number(&options, "user", user),
        ca_bundle: reader.text(&options, "ca_bundle", |path| one_line(path).map(|()| path.to_owned())),
        labels: reader.mapping(&options, "labels", label_key),
        python_layers: reader.text_or_number(&options, "python_layers", |text| count("python_layers", text, 60)),
        python_jobs: reader.text_or_number(&options, "python_jobs", |text| count("python_jobs", text, 64)),
        bytecode: reader.text(&options, "bytecode", bytecode).unwrap_or_default(),
    }
}

pub(super) fn builder_config(reader: &mut Reader<'_, '_>, fields: &Fields<'_>) -> BuilderConfig {
    let Some(config) = inner(reader, fields, "builder_config", field::BUILDER_CONFIG) else {
        return BuilderConfig::default();
    };
    BuilderConfig { uv_image: reader.text(&config, "uv_image", image_reference) }
}

/// The fields of a mapping inside a field.
fn inner<'a>(
    reader: &mut Reader<'_, '_>,
    fields: &Fields<'a>,
    name: &str,
    known: &'static [field::Field],
) -> Option<Fields<'a>> {
    let (entry, field) = fields.get(name)?;
    let Kind::Map(entries) = &entry.value.kind else {
        reader.wrong_type(&entry.value, field);
        return None;
    };
    let entries: Vec<_> = entries.iter().collect();
    Some(reader.fields(&entries, known, &format!("`{name}`")))
}

fn flavor(value: &str) -> Result<Flavor, Fault> {
    match value.to_ascii_lowercase().as_str() {
        "plain" => Ok(Flavor::Plain),
        "flyte" => Err(Fault::new(&rules::NOT_BUILT, "the flavor `flyte` is not supported yet")
            .label("not supported yet")
            .help("leave it out, and list `flytekit` in `packages` if tasks are to run in the image")),
        _ => Err(not_a_choice("flavor", value, &["plain", "flyte"])),
    }
}

fn bytecode(value: &str) -> Result<Bytecode, Fault> {
    match value.to_ascii_lowercase().as_str() {
        "checked" => Ok(Bytecode::Checked),
        "unchecked" => Ok(Bytecode::Unchecked),
        "none" => Ok(Bytecode::None),
        _ => Err(not_a_choice("bytecode", value, &["checked", "unchecked", "none"])),
    }
}

/// A whole number from 1 to `most`.
fn count(field: &str, value: &str, most: u32) -> Result<u32, Fault> {
    let number = number(value).filter(|number| (1..=most).contains(number));
    number.ok_or_else(|| {
        Fault::new(&rules::CHOICE, format!("{} is no value of `{field}`", quote(value)))
            .label("out of range")
            .help(format!("a whole number from 1 to {most}"))
    })
}
