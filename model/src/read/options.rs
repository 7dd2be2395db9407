//! `builder_options` and `builder_config`: what only this builder knows.

use crate::debian::apt_source;
use crate::fault::Fault;
use crate::field::{self, MOST_PYTHON_JOBS, MOST_PYTHON_LAYERS};
use crate::image_reference::image_reference;
use crate::image_spec::{BuilderConfig, BuilderOptions, Bytecode, Flavor};
use crate::path::context_path;
use crate::quote::quote;
use crate::raw::Kind;
use crate::read::reader::{Fields, Reader};
use crate::read::value::{choice, number};
use crate::rules;
use crate::text::{label_key, one_line, user};

pub(super) fn builder_options(reader: &mut Reader<'_, '_>, fields: &Fields<'_>) -> BuilderOptions {
    let Some(options) = inner(reader, fields, "builder_options", field::BUILDER_OPTIONS) else {
        return BuilderOptions::default();
    };
    BuilderOptions {
        flavor: reader.text(&options, "flavor", flavor),
        user: reader.text_or_number(&options, "user", user),
        ca_bundle: reader.text(&options, "ca_bundle", |path| one_line(path).map(|()| path.to_owned())),
        labels: reader.mapping(&options, "labels", label_key),
        python_layers: reader
            .text_or_number(&options, "python_layers", |text| count("python_layers", text, MOST_PYTHON_LAYERS)),
        python_jobs: reader
            .text_or_number(&options, "python_jobs", |text| count("python_jobs", text, MOST_PYTHON_JOBS)),
        bytecode: reader.text(&options, "bytecode", bytecode),
        extras: reader.set(&options, "extras", part_name),
        groups: reader.set(&options, "groups", part_name),
        apt_sources: reader.set(&options, "apt_sources", apt_source),
        apt_keys: reader.set(&options, "apt_keys", context_path),
    }
}

pub(super) fn builder_config(reader: &mut Reader<'_, '_>, fields: &Fields<'_>) -> BuilderConfig {
    let Some(config) = inner(reader, fields, "builder_config", field::BUILDER_CONFIG) else {
        return BuilderConfig::default();
    };
    BuilderConfig {
        uv_image: reader.text(&config, "uv_image", image_reference),
        micromamba_image: reader.text(&config, "micromamba_image", image_reference),
    }
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
    choice("flavor", value, &Flavor::ALL, Flavor::as_str)
}

fn bytecode(value: &str) -> Result<Bytecode, Fault> {
    choice("bytecode", value, &Bytecode::ALL, Bytecode::as_str)
}

/// The name of an extra or of a dependency group (PEP 685, PEP 735).
fn part_name(value: &str) -> Result<String, Fault> {
    let is_right = value.starts_with(|c: char| c.is_ascii_alphanumeric())
        && value.ends_with(|c: char| c.is_ascii_alphanumeric())
        && value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
    if is_right {
        return Ok(value.to_owned());
    }
    Err(Fault::new(&rules::TEXT, format!("{} is no name of dependencies", quote(value)))
        .label("letters, digits, `_`, `-` and `.`")
        .help("name what `pyproject.toml` calls them, such as `dev`"))
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
