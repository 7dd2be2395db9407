//! Kinds with fields of their own: a mapping of options, and the spec that another one is built on.

use std::marker::PhantomData;

use oci_names::ImageReference;

use crate::canonical::Canonical;
use crate::diagnostic::Diagnostic;
use crate::fault::Fault;
use crate::field::Shape;
use crate::image_reference::image_reference;
use crate::image_spec::{BaseImage, ImageSpec};
use crate::kind::{FromText, Kind};
use crate::raw::Kind as RawKind;
use crate::read::{Fields, Reader, spec_of};
use crate::rules;
use crate::table::Table;
use crate::write::Yaml;

/// A mapping with its own table.
pub(crate) struct Inner<T> {
    pub(crate) shape: Shape,
    table: PhantomData<T>,
}

/// A mapping with the fields of `T`.
pub(crate) const fn inner<T: Table>() -> Inner<T> {
    Inner { shape: Shape::Fields(T::FIELDS), table: PhantomData }
}

impl<T: Table> Kind for Inner<T> {
    type Value = T;

    fn read<'t>(&self, reader: &mut Reader<'t, '_>, fields: &Fields<'t>, name: &'static str) -> T {
        let Some((entry, field)) = fields.get(name) else { return T::default() };
        let RawKind::Map(entries) = &entry.value.kind else {
            reader.wrong_type(&entry.value, field);
            return T::default();
        };
        let entries: Vec<_> = entries.iter().collect();
        let fields = reader.fields(&entries, T::FIELDS, &format!("`{name}`"));
        T::read(reader, &fields)
    }

    fn write(&self, yaml: &mut Yaml, name: &str, value: &T) {
        if *value != T::default() {
            yaml.mapping(name, |yaml| value.write(yaml));
        }
    }

    fn canonical(&self, value: &T) -> Option<Canonical> {
        let form = value.canonical();
        (!form.is_empty()).then_some(Canonical::Map(form))
    }

    fn warnings(&self, _name: &str, value: &T) -> Vec<Diagnostic> {
        value.warnings()
    }
}

/// What an image starts from.
pub(crate) struct Base {
    pub(crate) shape: Shape,
}

/// An image reference, a spec, or the name of another image of the file.
pub(crate) const fn base() -> Base {
    Base { shape: Shape::Base }
}

impl Kind for Base {
    type Value = Option<BaseImage>;

    fn read<'t>(&self, reader: &mut Reader<'t, '_>, fields: &Fields<'t>, name: &'static str) -> Self::Value {
        let (entry, _) = fields.get(name)?;
        match &entry.value.kind {
            RawKind::Map(_) => Some(BaseImage::Spec(Box::new(spec_of(reader, &entry.value)))),
            RawKind::Text(image) if reader.images.has(image) => reader.images.base(reader.sources, image),
            _ => reader.text(fields, name, |text| self.checked(name, text)).flatten(),
        }
    }

    fn write(&self, yaml: &mut Yaml, name: &str, value: &Self::Value) {
        match value {
            None => {}
            Some(BaseImage::Reference(reference)) => yaml.text(name, reference),
            Some(BaseImage::Spec(base)) if **base == ImageSpec::default() => yaml.value(name, "{}"),
            Some(BaseImage::Spec(base)) => yaml.mapping(name, |yaml| base.write(yaml)),
        }
    }

    fn canonical(&self, value: &Self::Value) -> Option<Canonical> {
        value.as_ref().map(|base| match base {
            BaseImage::Reference(reference) => match ImageReference::parse(reference) {
                Ok(image) => Canonical::text(image.with_default_tag().to_string()),
                Err(_) => Canonical::text(reference),
            },
            BaseImage::Spec(base) => Canonical::Map(base.canonical()),
        })
    }

    fn warnings(&self, _name: &str, value: &Self::Value) -> Vec<Diagnostic> {
        match value {
            Some(BaseImage::Spec(base)) => base.warnings(),
            Some(BaseImage::Reference(_)) | None => Vec::new(),
        }
    }
}

impl FromText for Base {
    fn checked(&self, _name: &str, text: &str) -> Result<Self::Value, Fault> {
        if text == "scratch" {
            return Err(Fault::new(&rules::NOT_BUILT, "`scratch` cannot be a `base_image`")
                .label("an empty image")
                .help("Python needs a C library: start from a small image such as `debian:bookworm-slim`"));
        }
        image_reference(text).map(|reference| Some(BaseImage::Reference(reference)))
    }
}
