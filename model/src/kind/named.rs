//! The kind of fields that are texts by name.

use std::collections::BTreeMap;

use crate::canonical::Canonical;
use crate::fault::Fault;
use crate::field::Shape;
use crate::kind::Kind;
use crate::read::{Fields, Reader};
use crate::text::without_nul;
use crate::url::without_published_credentials;
use crate::write::Yaml;

/// Texts by name.
pub(crate) struct Named {
    check_name: fn(&str) -> Result<(), Fault>,
    pub(crate) shape: Shape,
}

/// Texts whose names are checked; each text may be anything but NUL and URLs with passwords.
pub(crate) const fn named(check_name: fn(&str) -> Result<(), Fault>) -> Named {
    Named { check_name, shape: Shape::Mapping }
}

impl Named {
    /// Checks one entry and adds it.
    pub(crate) fn insert(&self, texts: &mut BTreeMap<String, String>, name: &str, text: &str) -> Result<(), Fault> {
        (self.check_name)(name)?;
        without_nul(text)?;
        without_published_credentials(text)?;
        texts.insert(name.to_owned(), text.to_owned());
        Ok(())
    }
}

impl Kind for Named {
    type Value = BTreeMap<String, String>;

    fn read<'t>(&self, reader: &mut Reader<'t, '_>, fields: &Fields<'t>, name: &'static str) -> Self::Value {
        reader.mapping(fields, name, self.check_name)
    }

    fn write(&self, yaml: &mut Yaml, name: &str, value: &Self::Value) {
        yaml.map(name, value);
    }

    fn canonical(&self, value: &Self::Value) -> Option<Canonical> {
        Canonical::named(value)
    }
}
