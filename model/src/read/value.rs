//! Fields with a meaning of their own: versions, modes, platforms.
//!
//! Everything here is about one field, never about the world.

use std::collections::BTreeMap;

use crate::diagnostic::Diagnostic;
use crate::fault::Fault;
use crate::image_reference::image_reference;
use crate::image_spec::{BaseImage, CopyMode, PythonVersion, RequirementsFile, RequirementsKind};
use crate::nearest::nearest;
use crate::path::{context_path, image_path};
use crate::platform::{Platform, comma_list, platform};
use crate::quote::quote;
use crate::raw::Kind;
use crate::read::reader::{Fields, Reader};
use crate::read::spec_of;
use crate::requirement::{Requirement, RequirementKind, extra_args, package};
use crate::rules;
use crate::source::Span;
use crate::text::{env_name, one_line, without_nul};

/// The minor versions of Python 3 that uv installs and that are out or in preview. Newer ones are added as they come.
const PYTHON_MINORS: std::ops::RangeInclusive<u32> = 8..=15;

pub(super) fn base_image<'t>(reader: &mut Reader<'t, '_>, fields: &Fields<'t>) -> Option<BaseImage> {
    let (entry, _) = fields.get("base_image")?;
    match &entry.value.kind {
        Kind::Map(_) => Some(BaseImage::Spec(Box::new(spec_of(reader, &entry.value)))),
        Kind::Text(name) if reader.images.has(name) => reader.images.base(reader.sources, name),
        _ => reader.text(fields, "base_image", |value| {
            if value == "scratch" {
                return Err(Fault::new(&rules::NOT_BUILT, "`scratch` cannot be a `base_image`")
                    .label("an empty image")
                    .help(
                        "Python needs a C library around it: start from a small image such as `debian:bookworm-slim`",
                    ));
            }
            image_reference(value).map(BaseImage::Reference)
        }),
    }
}

/// What is installed when a container starts cannot be told options of the build's.
pub(crate) fn runtime_package(value: &str) -> Result<Requirement, Fault> {
    // The container's entrypoint splits the list at blanks (`flytekit/bin/entrypoint.py`), so an entry can have none.
    let compact: String = value.split_whitespace().collect();
    let requirement = package(value)?;
    match requirement.kind {
        RequirementKind::Options { .. } => {
            Err(Fault::new(&rules::INSTALLER_OPTION, "options cannot stand in `runtime_packages`")
                .label("an option")
                .help("name requirements only; indexes are those that pip is configured with in the container"))
        }
        RequirementKind::Path { .. } => {
            Err(Fault::new(&rules::REQUIREMENT, "a path cannot stand in `runtime_packages`")
                .label("a local path")
                .help("name a distribution, a URL or a repository"))
        }
        ref kind => package(&compact).ok().filter(|compact| compact.kind == *kind).ok_or_else(|| {
            Fault::new(&rules::REQUIREMENT, format!("{} cannot be written without blanks", quote(value)))
                .label("a blank that means something")
                .help("entries are told to the container in one variable, split at blanks: write it without a marker")
        }),
    }
}

pub(crate) fn python_version(value: &str) -> Result<PythonVersion, Fault> {
    one_line(value)?;
    let refuse =
        |why: &str| Fault::new(&rules::PYTHON_VERSION, format!("{} is not a Python version", quote(value))).label(why);
    let numbers: Option<Vec<u32>> = value.split('.').map(number).collect();
    let (major, minor, patch) = match numbers.as_deref() {
        Some([major, minor]) => (*major, *minor, None),
        Some([major, minor, patch]) => (*major, *minor, Some(*patch)),
        Some([_]) => return Err(refuse("no minor version").help("write it as `\"3.12\"`")),
        _ => {
            return Err(refuse("expected `3.MINOR` or `3.MINOR.PATCH`")
                .help("write one version without operators, such as `\"3.12\"`"));
        }
    };
    if major != 3 || !PYTHON_MINORS.contains(&minor) {
        let (oldest, newest) = (PYTHON_MINORS.start(), PYTHON_MINORS.end());
        let help = match (major, minor, patch) {
            // What is left of `3.10` when a tool has read it as a number and written it again.
            (3, 1, None) => "did you mean `3.10`?".to_owned(),
            _ => format!("Python 3.{oldest} to 3.{newest} can be"),
        };
        return Err(Fault::new(&rules::PYTHON_VERSION, format!("Python {} cannot be installed", quote(value)))
            .label("unknown version")
            .help(help));
    }
    Ok(PythonVersion { major, minor, patch })
}

/// Digits only: `parse` alone would take a sign.
pub(super) fn number(text: &str) -> Option<u32> {
    let is_digits = text.bytes().all(|b| b.is_ascii_digit());
    let has_zero_in_front = text.len() > 1 && text.starts_with('0');
    if is_digits && !has_zero_in_front { text.parse().ok() } else { None }
}

pub(super) fn python_exec(value: &str) -> Result<String, Fault> {
    image_path(value, &rules::PYTHON_EXEC)?;
    Ok(value.to_owned())
}

/// Lock files have formats of their own; by Flytekit's rule the name tells them apart.
pub(crate) fn requirements(value: &str) -> Result<RequirementsFile, Fault> {
    let path = context_path(value)?;
    let name = path.rsplit('/').next().unwrap_or(&path);
    let kind = match name {
        "uv.lock" => RequirementsKind::Uv,
        "poetry.lock" => RequirementsKind::Poetry,
        "pyproject.toml" => RequirementsKind::Pyproject,
        "Pipfile" | "Pipfile.lock" | "pdm.lock" => {
            let message = format!("`requirements` from {} is not supported yet", quote(name));
            return Err(Fault::new(&rules::NOT_BUILT, message)
                .label("not supported yet")
                .help("give a `pylock.toml`, `uv.lock`, `poetry.lock`, `pyproject.toml` or a requirements file"));
        }
        name if is_pylock(name) => RequirementsKind::Pylock,
        _ => RequirementsKind::Txt,
    };
    if path == "." || value.ends_with('/') {
        return Err(Fault::new(&rules::TEXT, format!("{} is a folder", quote(value)))
            .label("expected a file")
            .help("for example `requirements: requirements.txt`"));
    }
    Ok(RequirementsFile { path, kind })
}

/// `pylock.toml` or `pylock.<name>.toml`, with no dot in the name (PEP 751, "File name").
fn is_pylock(name: &str) -> bool {
    name == "pylock.toml"
        || name
            .strip_prefix("pylock.")
            .and_then(|rest| rest.strip_suffix(".toml"))
            .is_some_and(|name| !name.is_empty() && !name.contains('.'))
}

pub(super) fn copy_mode(value: &str) -> Result<CopyMode, Fault> {
    // The names of Flytekit's `CopyFileDetection` and of its `--copy` option.
    match value.to_ascii_lowercase().as_str() {
        "no_copy" => Ok(CopyMode::None),
        "loaded_modules" => Ok(CopyMode::Auto),
        _ => choice("source_copy_mode", value, &CopyMode::ALL, CopyMode::as_str),
    }
}

/// The one of `all` that a word names, in whatever case.
pub(super) fn choice<T: Copy>(field: &str, value: &str, all: &[T], word: fn(T) -> &'static str) -> Result<T, Fault> {
    if let Some(found) = all.iter().find(|choice| word(**choice).eq_ignore_ascii_case(value)) {
        return Ok(*found);
    }
    let words: Vec<&str> = all.iter().map(|choice| word(*choice)).collect();
    let help = match nearest(value, words.iter().copied()) {
        Some(word) => format!("did you mean `{word}`?"),
        None => format!("choices are: {}", words.join(", ")),
    };
    Err(Fault::new(&rules::CHOICE, format!("{} is no value of `{field}`", quote(value)))
        .label("not one of the choices")
        .help(help))
}

/// A command may have many lines and any character but NUL; it is kept as it is.
pub(crate) fn command(value: &str) -> Result<String, Fault> {
    without_nul(value)?;
    if value.trim().is_empty() {
        return Err(Fault::new(&rules::TEXT, "the command is empty")
            .label("empty")
            .help("leave the entry out: commands are joined with `&&`"));
    }
    Ok(value.to_owned())
}

pub(super) fn env(reader: &mut Reader<'_, '_>, fields: &Fields<'_>) -> BTreeMap<String, String> {
    reader.mapping(fields, "env", env_name)
}

/// A list, or one text with commas; every wrong entry is reported.
pub(super) fn platforms(reader: &mut Reader<'_, '_>, fields: &Fields<'_>) -> Vec<Platform> {
    let Some((entry, field)) = fields.get("platform") else {
        return Vec::new();
    };
    let texts = match &entry.value.kind {
        Kind::List(_) => reader.items(fields, "platform"),
        Kind::Text(text) => vec![(entry.value.span, text.as_str())],
        _ => {
            reader.wrong_type(&entry.value, field);
            Vec::new()
        }
    };
    let mut seen: BTreeMap<Platform, Span> = BTreeMap::new();
    let mut found = Vec::new();
    for (span, text) in texts {
        for (offset, piece) in comma_list(text) {
            let place = reader.part(span, text, offset..offset + piece.len());
            let Some(platform) =
                reader.checked(span, text, |_| platform(piece).map_err(|fault| fault.moved(offset, piece.len())))
            else {
                continue;
            };
            match seen.get(&platform) {
                Some(first) => reader.report(
                    Diagnostic::new(&rules::PLATFORM, format!("the platform `{platform}` is given twice"))
                        .with_label(place, "given again here")
                        .with_label(*first, "first given here")
                        .with_help("different spellings, such as `arm64` and `aarch64`, mean the same"),
                ),
                None => {
                    seen.insert(platform.clone(), place);
                    found.push(platform);
                }
            }
        }
    }
    found
}

pub(super) fn pip_extra_args(reader: &mut Reader<'_, '_>, fields: &Fields<'_>) -> Vec<String> {
    let Some((entry, field)) = fields.get("pip_extra_args") else {
        return Vec::new();
    };
    let Kind::Text(text) = &entry.value.kind else {
        reader.wrong_type(&entry.value, field);
        return Vec::new();
    };
    match extra_args(text) {
        Ok(args) => args,
        Err(faults) => {
            for fault in faults {
                reader.fault(entry.value.span, text, fault);
            }
            Vec::new()
        }
    }
}
