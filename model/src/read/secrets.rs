//! `pip_secret_mounts`: where a secret comes from and where install steps find it.
//!
//! Never the secret itself: no value of one is part of a spec.

use std::collections::BTreeMap;

use crate::diagnostic::Diagnostic;
use crate::fault::Fault;
use crate::field;
use crate::image_spec::{BaseImage, SecretMount, SecretSource, SecretTarget};
use crate::path::image_path;
use crate::quote::quote;
use crate::raw::{Kind, Node};
use crate::read::reader::{Fields, Reader};
use crate::rules;
use crate::source::Span;
use crate::text::{env_name, one_line, secret_id};

/// Entries without an id are numbered behind those of the base, so that both have their own.
pub(super) fn secrets(reader: &mut Reader<'_, '_>, fields: &Fields<'_>, base: Option<&BaseImage>) -> Vec<SecretMount> {
    let before = match base {
        Some(BaseImage::Spec(spec)) => spec.levels().iter().map(|level| level.spec.pip_secret_mounts.len()).sum(),
        Some(BaseImage::Reference(_)) | None => 0,
    };
    let Some((entry, field)) = fields.get("pip_secret_mounts") else {
        return Vec::new();
    };
    let Kind::List(items) = &entry.value.kind else {
        reader.wrong_type(&entry.value, field);
        return Vec::new();
    };
    let mut mounts = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let id = format!("secret_{}", before + index);
        let mount = match &item.kind {
            Kind::List(pair) => from_pair(reader, item, pair, id),
            Kind::Map(_) => from_mapping(reader, item, id),
            _ => {
                reader.report(not_a_secret(item, format!("found {}", item.kind_name())));
                None
            }
        };
        mounts.extend(mount.map(|mount| (item.span, mount)));
    }
    check_apart(reader, &mounts);
    mounts.into_iter().map(|(_, mount)| mount).collect()
}

/// `[source, target]`, as Flytekit has it.
fn from_pair(reader: &mut Reader<'_, '_>, item: &Node, pair: &[Node], id: String) -> Option<SecretMount> {
    let [source, target] = pair else {
        reader.report(not_a_secret(item, "not two entries".to_owned()));
        return None;
    };
    let (Kind::Text(source_path), Kind::Text(target_path)) = (&source.kind, &target.kind) else {
        reader.report(not_a_secret(item, "both have to be text".to_owned()));
        return None;
    };
    let source = reader.checked(source.span, source_path, file_source);
    let target = reader.checked(target.span, target_path, file_target);
    Some(SecretMount { id, source: Some(source?), target: target? })
}

/// `{id, src | src_env, dst | env}`.
fn from_mapping(reader: &mut Reader<'_, '_>, item: &Node, default_id: String) -> Option<SecretMount> {
    let Kind::Map(entries) = &item.kind else {
        return None;
    };
    let entries: Vec<_> = entries.iter().collect();
    let fields = reader.fields(&entries, field::SECRET, "a secret");
    let id = if fields.has("id") {
        reader.text(&fields, "id", |id| secret_id(id).map(|()| id.to_owned()))
    } else {
        Some(default_id)
    };
    let file = reader.text(&fields, "src", file_source);
    let variable = reader.text(&fields, "src_env", |name| env_name(name).map(|()| SecretSource::Env(name.to_owned())));
    let path = reader.text(&fields, "dst", file_target);
    let name = reader.text(&fields, "env", |name| env_name(name).map(|()| SecretTarget::Env(name.to_owned())));
    for (one, other) in [("src", "src_env"), ("dst", "env")] {
        if let (Some((first, _)), Some((second, _))) = (fields.get(one), fields.get(other)) {
            reader.report(
                Diagnostic::new(&rules::SECRET, format!("a secret has `{one}` or `{other}`, not both"))
                    .with_label(second.key_span, "and this")
                    .with_label(first.key_span, "this"),
            );
            return None;
        }
    }
    if !fields.has("dst") && !fields.has("env") {
        // A misspelt target has been reported, and would be reported twice.
        if fields.has_unknown {
            return None;
        }
        reader.report(
            Diagnostic::new(&rules::SECRET, "the secret has no target")
                .with_label(item.span, "neither `dst` nor `env`")
                .with_help("`dst: /root/.netrc` makes it a file, `env: NAME` a variable of the install steps"),
        );
        return None;
    }
    let had_source = fields.has("src") || fields.has("src_env");
    let source = file.or(variable);
    if had_source && source.is_none() {
        return None;
    }
    Some(SecretMount { id: id?, source, target: path.or(name)? })
}

fn file_source(path: &str) -> Result<SecretSource, Fault> {
    one_line(path)?;
    Ok(SecretSource::File(path.to_owned()))
}

fn file_target(path: &str) -> Result<SecretTarget, Fault> {
    image_path(path, &rules::SECRET)?;
    Ok(SecretTarget::File(path.to_owned()))
}

/// Two secrets cannot have one target, and one id cannot mean two sources.
fn check_apart(reader: &mut Reader<'_, '_>, mounts: &[(Span, SecretMount)]) {
    let mut targets: BTreeMap<&str, Span> = BTreeMap::new();
    let mut sources: BTreeMap<&str, (&Option<SecretSource>, Span)> = BTreeMap::new();
    for (span, mount) in mounts {
        let target = match &mount.target {
            SecretTarget::File(path) => path,
            SecretTarget::Env(name) => name,
        };
        if let Some(first) = targets.insert(target, *span) {
            reader.report(
                Diagnostic::new(&rules::SECRET, format!("two secrets have the target {}", quote(target)))
                    .with_label(*span, "second one")
                    .with_label(first, "first one"),
            );
        }
        let (source, first) = *sources.entry(&mount.id).or_insert((&mount.source, *span));
        if *source != mount.source {
            reader.report(
                Diagnostic::new(
                    &rules::SECRET,
                    format!("the id {} stands for two different secrets", quote(&mount.id)),
                )
                .with_label(*span, "another source")
                .with_label(first, "first used here"),
            );
        }
    }
}

fn not_a_secret(item: &Node, label: String) -> Diagnostic {
    Diagnostic::new(&rules::WRONG_TYPE, "a secret is `[source, target]` or a mapping")
        .with_label(item.span, label)
        .with_help("for example `[.netrc, /root/.netrc]` or `{id: token, env: UV_INDEX_PRIVATE_PASSWORD}`")
}
