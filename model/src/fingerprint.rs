//! What distinguishes the images of different specs: the id, the tag, and the explanation of a changed tag, all made from one
//! canonical form.
//!
//! Two specs have the same form exactly if they ask for the same image. Secrets, registries' credentials and the builder's name
//! are not part of it, nor is the order in which a set was written. The caller reads the files: see [`Content`].

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::canonical::{Canonical, Form, Leaf, PACKAGES_WITH_OPTIONS, digest, leaves, put};
use crate::field::fields;
use crate::image_reference::SPEC_HASH;
use crate::image_spec::ImageSpec;
use crate::moves::{ContentKind, StepKind, moved_by_content};
use crate::table::Table as _;

/// Hexadecimal digits of a fingerprint in a tag: 128 bits.
pub(crate) const DIGITS: usize = 32;

/// The files that a spec names, as digests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Content {
    /// The requirements file with all it includes, or the lock with its project: by path in the context, the digest of the text.
    pub requirements: BTreeMap<String, String>,
    /// The locks next to the spec file that its builds read: by platform, the digest of the text.
    pub locks: BTreeMap<String, String>,
    /// Copied files and sources: by path in the context, the digest of the content and the copied metadata.
    pub files: BTreeMap<String, String>,
    /// The platforms that are built for, if they are not the spec's.
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
    /// The kinds of work that may have to be done again because of it.
    pub steps: BTreeSet<StepKind>,
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
    /// Distinguishes the image from others by its parameters alone, so that code in a container can compute it again: 64
    /// hexadecimal digits. The files that the spec names do not change it; name and registry do.
    ///
    /// ```
    /// let spec = imagespec::parse("spec.yaml", "packages: [numpy, pandas]\n").spec.expect("a valid spec");
    /// let other = imagespec::parse("spec.yaml", "packages: [pandas, numpy]\n").spec.expect("a valid spec");
    /// assert_eq!(spec.id(), other.id());
    /// ```
    #[must_use]
    pub fn id(&self) -> String {
        let mut form = self.canonical();
        put(&mut form, "name", self.name().map(Canonical::text));
        put(&mut form, "registry", self.registry().map(Canonical::text));
        hex(&digest(&Canonical::Map(form)))
    }

    /// The digest of everything that can change the image, including the files that the spec names.
    #[must_use]
    pub fn fingerprint(&self, content: &Content) -> Fingerprint {
        Fingerprint(digest(&Canonical::Map(whole(self, content))))
    }

    /// The image's tag: the fingerprint in the form of `tag_format`.
    ///
    /// ```
    /// use imagespec::{Content, ImageSpec};
    ///
    /// let spec = ImageSpec::default().with_tag_format("{spec_hash}-dev")?;
    /// assert!(spec.tag(&Content::default()).ends_with("-dev"));
    /// # Ok::<(), imagespec::Invalid>(())
    /// ```
    #[must_use]
    pub fn tag(&self, content: &Content) -> String {
        let hash = self.fingerprint(content).short();
        self.tag_format().map_or(hash.clone(), |format| format.replace(SPEC_HASH, &hash))
    }

    /// The image's reference, `[registry/]name:tag`; Flytekit's name where the spec has none.
    #[must_use]
    pub fn image_name(&self, content: &Content) -> String {
        let name = self.name().unwrap_or("flytekit");
        let repository = self.registry().map_or(name.to_owned(), |registry| format!("{registry}/{name}"));
        format!("{repository}:{}", self.tag(content))
    }
}

/// Why two specs have different fingerprints, field by field; empty exactly if they have the same one.
///
/// ```
/// use imagespec::{Content, differences, parse};
///
/// let spec = |text| parse("spec.yaml", text).spec.expect("a valid spec");
/// let (old, new) = (spec("packages: [numpy]\n"), spec("packages: [numpy]\nenv: {A: b}\n"));
/// let found = differences((&old, &Content::default()), (&new, &Content::default()));
/// assert_eq!(found[0].to_string(), "env.A: \"b\" is new");
/// ```
#[must_use]
pub fn differences(old: (&ImageSpec, &Content), new: (&ImageSpec, &Content)) -> Vec<Difference> {
    let (before, after) = (leaves(&whole(old.0, old.1)), leaves(&whole(new.0, new.1)));
    let paths: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let difference = |path: &String| {
        let (before, after) = (before.get(path), after.get(path));
        let value = |leaf: Option<&Leaf>| leaf.map(|leaf| leaf.value.clone());
        let leaf = before.or(after).filter(|_| value(before) != value(after))?;
        let steps = steps(leaf, old.0, new.0);
        Some(Difference { field: path.clone(), old: value(before), new: value(after), steps })
    };
    paths.into_iter().filter_map(difference).collect()
}

/// What a difference moves, by the table of fields.
fn steps(leaf: &Leaf, old: &ImageSpec, new: &ImageSpec) -> BTreeSet<StepKind> {
    let entry = leaf.entry.as_deref();
    if let Some((_, kind)) = CONTENT.iter().find(|(key, _)| *key == leaf.field) {
        return moved_by_content(*kind, entry.unwrap_or_default(), old, new);
    }
    let name = if leaf.field == PACKAGES_WITH_OPTIONS { "packages" } else { &leaf.field };
    let field = fields().find(|field| field.name() == name);
    field.map(|field| field.moved_at(leaf.depth, entry, old, new)).unwrap_or_default()
}

/// The keys of the files that a spec names, in the canonical form.
const CONTENT: [(&str, ContentKind); 3] =
    [("requirements content", ContentKind::Requirements), ("locks", ContentKind::Locks), ("files", ContentKind::Files)];

/// The canonical form with the files that the spec names.
fn whole(spec: &ImageSpec, content: &Content) -> Form {
    let mut form = spec.canonical();
    let Content { requirements, locks, files, platforms } = content;
    put(&mut form, "platform", (!platforms.is_empty()).then(|| Canonical::list(platforms)));
    for ((key, _), texts) in CONTENT.into_iter().zip([requirements, locks, files]) {
        put(&mut form, key, Canonical::named(texts));
    }
    form
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
