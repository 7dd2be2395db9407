//! What tells images of different specs apart: one canonical form, from which the id, the tag and the explanation of a changed
//! tag are made.
//!
//! Two specs have one form exactly if they ask for the same image. Secrets, registries' credentials and the builder's name are
//! no part of it, nor is the order in which a set was written. Files are the caller's to read: see [`Content`].

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use oci_names::ImageReference;
use sha2::{Digest, Sha256};

use crate::image_reference::SPEC_HASH;
use crate::image_spec::{BaseImage, Bytecode, CopyMode, Flavor, ImageSpec};
use crate::requirement::{Requirement, RequirementKind};

/// Hashed first. A change of the form's meaning gets another number, so that no tag ever means two forms.
const VERSION: &str = "imagespec 1";

/// Hexadecimal digits of a fingerprint in a tag: 128 bits.
pub(crate) const DIGITS: usize = 32;

/// What stands behind the paths of a spec: the digests of the files that its image is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Content {
    /// The requirements file with all it includes, or the lock with its project: by path in the context, the digest of the text.
    pub requirements: BTreeMap<String, String>,
    /// The locks beside the spec that its builds read: by platform, the digest of the text.
    pub locks: BTreeMap<String, String>,
    /// Copied files and sources: by path in the context, the digest of the content and whatever else of the file is copied.
    pub files: BTreeMap<String, String>,
    /// What is built for, if it is not what the spec says.
    pub platforms: Vec<String>,
}

impl Content {
    /// The digest of a file's bytes, as a form wants it.
    ///
    /// ```
    /// let digest = imagespec::Content::digest(b"");
    /// assert_eq!(digest, "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    /// ```
    #[must_use]
    pub fn digest(bytes: &[u8]) -> String {
        format!("sha256:{}", hex(&Sha256::digest(bytes)))
    }
}

/// A digest of everything that can change the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The part that goes into a tag: the first 128 bits.
    #[must_use]
    pub fn short(&self) -> String {
        self.to_string().chars().take(DIGITS).collect()
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// One thing that differs between two specs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The field, and inside of it the entry: `env.LOG_LEVEL`, `commands[2]`, `packages[numpy==1.26]`.
    pub field: String,
    /// What it was, if it was there.
    pub old: Option<String>,
    /// What it is, if it is there.
    pub new: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.old, &self.new) {
            (Some(old), Some(new)) => write!(f, "{}: {old:?} is now {new:?}", self.field),
            (Some(old), None) => write!(f, "{}: {old:?} is gone", self.field),
            (None, Some(new)) => write!(f, "{}: {new:?} is new", self.field),
            (None, None) => f.write_str(&self.field),
        }
    }
}

impl ImageSpec {
    /// What tells the image from others by its parameters alone, so that code in a container can compute it again: 64
    /// hexadecimal digits. Files behind the parameters do not change it; name and registry do.
    ///
    /// ```
    /// let spec = imagespec::parse("spec.yaml", "packages: [numpy, pandas]\n").spec.expect("a right spec");
    /// let other = imagespec::parse("spec.yaml", "packages: [pandas, numpy]\n").spec.expect("a right spec");
    /// assert_eq!(spec.id(), other.id());
    /// ```
    #[must_use]
    pub fn id(&self) -> String {
        let mut form = form(self);
        put(&mut form, "name", self.name.as_ref().map(text));
        put(&mut form, "registry", self.registry.as_ref().map(text));
        digest(&Value::Map(form)).to_string()
    }

    /// The digest of everything that can change the image, the files behind the spec included.
    #[must_use]
    pub fn fingerprint(&self, content: &Content) -> Fingerprint {
        digest(&whole(self, content))
    }

    /// The image's tag: the fingerprint as `tag_format` wants it.
    ///
    /// ```
    /// use imagespec::{Content, ImageSpec};
    ///
    /// let spec = ImageSpec { tag_format: Some("{spec_hash}-dev".to_owned()), ..ImageSpec::default() };
    /// assert!(spec.tag(&Content::default()).ends_with("-dev"));
    /// ```
    #[must_use]
    pub fn tag(&self, content: &Content) -> String {
        let hash = self.fingerprint(content).short();
        self.tag_format.as_ref().map_or(hash.clone(), |format| format.replace(SPEC_HASH, &hash))
    }

    /// The image's reference, `[registry/]name:tag`; Flytekit's name where the spec has none.
    #[must_use]
    pub fn image_name(&self, content: &Content) -> String {
        let name = self.name.as_deref().unwrap_or("flytekit");
        let repository = self.registry.as_ref().map_or(name.to_owned(), |registry| format!("{registry}/{name}"));
        format!("{repository}:{}", self.tag(content))
    }
}

/// Why two specs have different fingerprints, field by field; empty exactly if they have the same one.
///
/// ```
/// use imagespec::{Content, differences, parse};
///
/// let spec = |text| parse("spec.yaml", text).spec.expect("a right spec");
/// let (old, new) = (spec("packages: [numpy]\n"), spec("packages: [numpy]\nenv: {A: b}\n"));
/// let found = differences((&old, &Content::default()), (&new, &Content::default()));
/// assert_eq!(found[0].to_string(), "env.A: \"b\" is new");
/// ```
#[must_use]
pub fn differences(old: (&ImageSpec, &Content), new: (&ImageSpec, &Content)) -> Vec<Difference> {
    let (mut before, mut after) = (BTreeMap::new(), BTreeMap::new());
    leaves(&whole(old.0, old.1), "", &mut before);
    leaves(&whole(new.0, new.1), "", &mut after);
    let fields: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let changed = fields.into_iter().filter(|field| before.get(*field) != after.get(*field));
    changed
        .map(|field| Difference {
            field: field.clone(),
            old: before.get(field).cloned(),
            new: after.get(field).cloned(),
        })
        .collect()
}

/// The canonical form. What is left out is not there at all.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    Text(String),
    /// The order means something.
    List(Vec<Value>),
    /// Entries without order, each once.
    Set(BTreeSet<String>),
    Map(BTreeMap<&'static str, Value>),
    /// Texts by names of the user's.
    Named(BTreeMap<String, String>),
}

type Form = BTreeMap<&'static str, Value>;

fn whole(spec: &ImageSpec, content: &Content) -> Value {
    let mut form = form(spec);
    put(&mut form, "platform", (!content.platforms.is_empty()).then(|| list(&content.platforms)));
    put(&mut form, "requirements content", named(&content.requirements));
    put(&mut form, "locks", named(&content.locks));
    put(&mut form, "files", named(&content.files));
    Value::Map(form)
}

/// Everything of a spec that can change its image.
fn form(spec: &ImageSpec) -> Form {
    let ImageSpec {
        base_image,
        cuda,
        cudnn,
        python_version,
        python_exec,
        apt_packages,
        conda_packages,
        conda_channels,
        packages,
        requirements,
        pip_index,
        pip_extra_index_url,
        pip_extra_args,
        env,
        source_root,
        source_copy_mode,
        copy,
        commands,
        entrypoint,
        platform,
        runtime_packages,
        builder_options,
        builder_config,
        // What the image is called, who builds it and how it is brought somewhere is not what it is.
        name: _,
        registry: _,
        tag_format: _,
        pip_secret_mounts: _,
        registry_config: _,
        builder: _,
    } = spec;
    let mut form = Form::new();
    put(
        &mut form,
        "base_image",
        base_image.as_ref().map(|base| match base {
            BaseImage::Reference(reference) => match ImageReference::parse(reference) {
                Ok(image) => Value::Text(image.with_default_tag().to_string()),
                Err(_) => text(reference),
            },
            BaseImage::Spec(base) => Value::Map(self::form(base)),
        }),
    );
    put(&mut form, "cuda", cuda.as_ref().map(text));
    put(&mut form, "cudnn", cudnn.as_ref().map(text));
    put(&mut form, "python_version", python_version.map(|version| Value::Text(version.to_string())));
    put(&mut form, "python_exec", python_exec.as_ref().map(text));
    put(&mut form, "apt_packages", set(apt_packages.iter().cloned()));
    put(&mut form, "conda_packages", set(conda_packages.iter().cloned()));
    put(&mut form, "conda_channels", some_list(conda_channels));
    // A line with options can change what the lines after it mean.
    let is_option = |line: &&Requirement| matches!(line.kind, RequirementKind::Options { .. });
    put(&mut form, "packages", set(packages.iter().filter(|line| !is_option(line)).map(|line| line.text.clone())));
    let options: Vec<String> = packages.iter().filter(is_option).map(|line| line.text.clone()).collect();
    put(&mut form, "packages with options", some_list(&options));
    put(&mut form, "requirements", requirements.as_ref().map(|file| text(&file.path)));
    put(&mut form, "pip_index", pip_index.as_ref().map(text));
    put(&mut form, "pip_extra_index_url", some_list(pip_extra_index_url));
    put(&mut form, "pip_extra_args", some_list(pip_extra_args));
    put(&mut form, "env", named(env));
    // A root without a mode means Python sources, and no mode at all copies nothing.
    let mode = source_copy_mode.unwrap_or(CopyMode::Auto);
    let copied = source_root.as_ref().filter(|_| mode != CopyMode::None);
    put(&mut form, "source_root", copied.map(text));
    put(&mut form, "source_copy_mode", copied.map(|_| text(mode.as_str())));
    put(&mut form, "copy", some_list(copy));
    put(&mut form, "commands", some_list(commands));
    put(&mut form, "entrypoint", entrypoint.as_ref().map(|words| list(words)));
    put(&mut form, "platform", some_list(&platform.iter().map(ToString::to_string).collect::<Vec<_>>()));
    put(&mut form, "runtime_packages", set(runtime_packages.iter().map(|line| line.text.clone())));
    put(&mut form, "builder_options", options_form(builder_options));
    let mut tools = Form::new();
    put(&mut tools, "uv_image", builder_config.uv_image.as_ref().map(text));
    put(&mut tools, "micromamba_image", builder_config.micromamba_image.as_ref().map(text));
    put(&mut form, "builder_config", (!tools.is_empty()).then_some(Value::Map(tools)));
    form
}

fn options_form(options: &crate::image_spec::BuilderOptions) -> Option<Value> {
    let crate::image_spec::BuilderOptions {
        flavor,
        user,
        labels,
        python_layers,
        bytecode,
        extras,
        groups,
        apt_sources,
        apt_keys,
        // Both say how it is built, not what.
        ca_bundle: _,
        python_jobs: _,
    } = options;
    let mut form = Form::new();
    // What is so by default is not there, whether it is said or not.
    let flavor = flavor.filter(|flavor| *flavor != Flavor::default());
    put(&mut form, "flavor", flavor.map(|flavor| text(flavor.as_str())));
    put(&mut form, "user", user.as_ref().map(text));
    put(&mut form, "labels", named(labels));
    put(&mut form, "python_layers", python_layers.map(|layers| Value::Text(layers.to_string())));
    let bytecode = bytecode.filter(|bytecode| *bytecode != Bytecode::default());
    put(&mut form, "bytecode", bytecode.map(|bytecode| text(bytecode.as_str())));
    put(&mut form, "extras", set(extras.iter().cloned()));
    put(&mut form, "groups", set(groups.iter().cloned()));
    put(&mut form, "apt_sources", some_list(apt_sources));
    put(&mut form, "apt_keys", some_list(apt_keys));
    (!form.is_empty()).then_some(Value::Map(form))
}

fn put(form: &mut Form, name: &'static str, value: Option<Value>) {
    if let Some(value) = value {
        form.insert(name, value);
    }
}

fn text(value: impl AsRef<str>) -> Value {
    Value::Text(value.as_ref().to_owned())
}

fn list(items: &[String]) -> Value {
    Value::List(items.iter().map(text).collect())
}

fn some_list(items: &[String]) -> Option<Value> {
    (!items.is_empty()).then(|| list(items))
}

fn set(items: impl Iterator<Item = String>) -> Option<Value> {
    let items: BTreeSet<String> = items.collect();
    (!items.is_empty()).then_some(Value::Set(items))
}

fn named(texts: &BTreeMap<String, String>) -> Option<Value> {
    (!texts.is_empty()).then(|| Value::Named(texts.clone()))
}

/// SHA-256 over the form: each value begins with a letter for its kind, each text and each count of entries with its length, so
/// that no two forms have the same bytes.
fn digest(value: &Value) -> Fingerprint {
    let mut bytes = Vec::new();
    write_text(&mut bytes, VERSION);
    write(&mut bytes, value);
    Fingerprint(Sha256::digest(&bytes).into())
}

fn write(bytes: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Text(text) => {
            bytes.push(b't');
            write_text(bytes, text);
        }
        Value::List(items) => {
            write_count(bytes, b'l', items.len());
            items.iter().for_each(|item| write(bytes, item));
        }
        Value::Set(items) => {
            write_count(bytes, b's', items.len());
            items.iter().for_each(|item| write_text(bytes, item));
        }
        Value::Map(fields) => {
            write_count(bytes, b'm', fields.len());
            for (name, value) in fields {
                write_text(bytes, name);
                write(bytes, value);
            }
        }
        Value::Named(texts) => {
            write_count(bytes, b'n', texts.len());
            for (name, text) in texts {
                write_text(bytes, name);
                write_text(bytes, text);
            }
        }
    }
}

fn write_count(bytes: &mut Vec<u8>, kind: u8, count: usize) {
    bytes.push(kind);
    bytes.extend((count as u64).to_le_bytes());
}

fn write_text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend((text.len() as u64).to_le_bytes());
    bytes.extend(text.as_bytes());
}

/// Every value by its place, as people read it.
fn leaves(value: &Value, path: &str, out: &mut BTreeMap<String, String>) {
    let inner = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        Value::Text(text) => {
            out.insert(path.to_owned(), text.clone());
        }
        Value::List(items) if items.is_empty() => {
            out.insert(path.to_owned(), "[]".to_owned());
        }
        Value::List(items) => {
            for (index, item) in items.iter().enumerate() {
                leaves(item, &format!("{path}[{index}]"), out);
            }
        }
        Value::Set(items) => out.extend(items.iter().map(|item| (format!("{path}[{item}]"), item.clone()))),
        Value::Map(fields) if fields.is_empty() && !path.is_empty() => {
            out.insert(path.to_owned(), "{}".to_owned());
        }
        Value::Map(fields) => {
            for (name, value) in fields {
                leaves(value, &inner(name), out);
            }
        }
        Value::Named(texts) => out.extend(texts.iter().map(|(name, text)| (inner(name), text.clone()))),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
