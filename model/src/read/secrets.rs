//! `pip_secret_mounts`: how a list of secrets is written.
//!
//! What the parts of a secret have to be is checked in [`crate::secret`].

use crate::diagnostic::Diagnostic;
use crate::field::FieldInfo;
use crate::raw::{Kind, Node};
use crate::read::reader::{Fields, Reader};
use crate::rules;
use crate::secret::{SecretMount, clashes, env_source, env_target, file_source, file_target};
use crate::source::Span;
use crate::text::secret_id;

/// The parts of a secret that is written as a mapping.
pub(crate) const SECRET_PARTS: &[&FieldInfo] = &[
    &FieldInfo::part("id", "text", "id: netrc", &[], "BuildKit's name of the secret."),
    &FieldInfo::part(
        "src",
        "the path of a file of the client",
        "src: .netrc",
        &["source", "file"],
        "File of your machine, relative to the spec file or below ~/.",
    ),
    &FieldInfo::part(
        "src_env",
        "the name of a variable of the client",
        "src_env: PYPI_TOKEN",
        &[],
        "Environment variable of your machine.",
    ),
    &FieldInfo::part(
        "dst",
        "an absolute path",
        "dst: /root/.netrc",
        &["target", "destination", "path"],
        "Where install steps find it as a file.",
    ),
    &FieldInfo::part(
        "env",
        "the name of a variable of the install steps",
        "env: UV_INDEX_PRIVATE_PASSWORD",
        &["variable"],
        "Variable in which install steps find it.",
    ),
];

/// Reads the list. Entries without an id are numbered after those of the specs below, so that each has its own.
pub(crate) fn secrets(reader: &mut Reader<'_, '_>, fields: &Fields<'_>, name: &str) -> Vec<SecretMount> {
    let Some((entry, field)) = fields.get(name) else { return Vec::new() };
    let Kind::List(items) = &entry.value.kind else {
        reader.wrong_type(&entry.value, field);
        return Vec::new();
    };
    let (mut places, mut mounts): (Vec<Span>, Vec<SecretMount>) = (Vec::new(), Vec::new());
    for (index, item) in items.iter().enumerate() {
        let id = format!("secret_{}", reader.secrets_below + index);
        let mount = match &item.kind {
            Kind::List(pair) => from_pair(reader, item, pair, id),
            Kind::Map(_) => from_mapping(reader, item, id),
            _ => {
                reader.report(not_a_secret(item, format!("found {}", item.kind_name())));
                None
            }
        };
        places.extend(mount.as_ref().map(|_| item.span));
        mounts.extend(mount);
    }
    for clash in clashes(&mounts, |index| places.get(index).copied()) {
        reader.report(clash);
    }
    mounts
}

/// `[source, target]`, as Flytekit has it.
fn from_pair(reader: &mut Reader<'_, '_>, item: &Node, pair: &[Node], id: String) -> Option<SecretMount> {
    let [source, target] = pair else {
        reader.report(not_a_secret(item, "not two entries".to_owned()));
        return None;
    };
    let (Kind::Text(source_path), Kind::Text(target_path)) = (&source.kind, &target.kind) else {
        reader.report(not_a_secret(item, "both entries have to be text".to_owned()));
        return None;
    };
    let source = reader.checked(source.span, source_path, file_source);
    let target = reader.checked(target.span, target_path, file_target);
    Some(SecretMount::from_checked(id, Some(source?), target?))
}

/// `{id, src | src_env, dst | env}`.
fn from_mapping(reader: &mut Reader<'_, '_>, item: &Node, default_id: String) -> Option<SecretMount> {
    let Kind::Map(entries) = &item.kind else { return None };
    let entries: Vec<_> = entries.iter().collect();
    let fields = reader.fields(&entries, SECRET_PARTS, "a secret");
    let id = if fields.has("id") { reader.text(&fields, "id", secret_id) } else { Some(default_id) };
    let file = reader.text(&fields, "src", file_source);
    let variable = reader.text(&fields, "src_env", env_source);
    let path = reader.text(&fields, "dst", file_target);
    let name = reader.text(&fields, "env", env_target);
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
        // A misspelled target has been reported, and would be reported twice.
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
    Some(SecretMount::from_checked(id?, source, path.or(name)?))
}

fn not_a_secret(item: &Node, label: String) -> Diagnostic {
    Diagnostic::new(&rules::WRONG_TYPE, "a secret is `[source, target]` or a mapping")
        .with_label(item.span, label)
        .with_help("for example `[.netrc, /root/.netrc]` or `{id: token, env: UV_INDEX_PRIVATE_PASSWORD}`")
}
