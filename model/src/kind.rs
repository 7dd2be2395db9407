//! Kinds of fields: how a value is read from a file, written as YAML, compared and added to.
//!
//! A row of a table names its kind together with the function that checks one text of it. Kinds know no particular field.

mod inner;
mod list;
mod named;
mod text;

pub(crate) use inner::{base, inner};
pub(crate) use list::{list, listed_twice, ordered_set, platforms, repeated, secrets, set, words};
pub(crate) use named::named;
pub(crate) use text::{args, chosen, count, text, text_or_number};

use std::collections::BTreeMap;

use crate::canonical::Canonical;
use crate::diagnostic::Diagnostic;
use crate::fault::Fault;
use crate::read::{Fields, Reader};
use crate::write::Yaml;

/// A kind of fields.
pub(crate) trait Kind {
    /// What a spec keeps of a value; the default is that of a field that is not given.
    type Value: Default + Merge;

    /// Reads the field `name`; what is wrong with it is reported.
    fn read<'t>(&self, reader: &mut Reader<'t, '_>, fields: &Fields<'t>, name: &'static str) -> Self::Value;

    /// Writes the field, if it has a value.
    fn write(&self, yaml: &mut Yaml, name: &str, value: &Self::Value);

    /// The value in the canonical form, if it has one.
    fn canonical(&self, value: &Self::Value) -> Option<Canonical>;

    /// What the author may want to know of a value that is valid.
    fn warnings(&self, _name: &str, _value: &Self::Value) -> Vec<Diagnostic> {
        Vec::new()
    }
}

/// A value that another value of the field is added to.
pub(crate) trait Merge {
    /// Adds another value: it takes the place of this one where there can be only one.
    fn merge(&mut self, other: Self);
}

impl<T> Merge for Option<T> {
    fn merge(&mut self, other: Self) {
        *self = other.or(self.take());
    }
}

impl<T> Merge for Vec<T> {
    fn merge(&mut self, other: Self) {
        self.extend(other);
    }
}

impl Merge for BTreeMap<String, String> {
    fn merge(&mut self, other: Self) {
        self.extend(other);
    }
}

/// A kind of which one text is a whole value.
pub(crate) trait FromText: Kind {
    /// Checks the value of the field `name`.
    fn checked(&self, name: &str, text: &str) -> Result<Self::Value, Fault>;
}

/// A kind of which one text is an entry.
pub(crate) trait Entries: Kind {
    /// Checks an entry and adds it.
    fn add(&self, value: &mut Self::Value, text: &str) -> Result<(), Fault>;
}

/// What a getter returns of a stored value.
pub(crate) trait View {
    type Of<'a>
    where
        Self: 'a;

    fn view(&self) -> Self::Of<'_>;
}

impl View for Option<String> {
    type Of<'a> = Option<&'a str>;

    fn view(&self) -> Option<&str> {
        self.as_deref()
    }
}

impl View for Option<Vec<String>> {
    type Of<'a> = Option<&'a [String]>;

    fn view(&self) -> Option<&[String]> {
        self.as_deref()
    }
}

impl<T> View for Vec<T> {
    type Of<'a>
        = &'a [T]
    where
        T: 'a;

    fn view(&self) -> &[T] {
        self
    }
}

macro_rules! view {
    (copied: $($Copied:ty),*; borrowed: $($Borrowed:ty),*; whole: $($Whole:ty),*) => {
        $(impl View for Option<$Copied> {
            type Of<'a> = Self;

            fn view(&self) -> Self {
                *self
            }
        })*
        $(impl View for Option<$Borrowed> {
            type Of<'a> = Option<&'a $Borrowed>;

            fn view(&self) -> Option<&$Borrowed> {
                self.as_ref()
            }
        })*
        $(impl View for $Whole {
            type Of<'a> = &'a Self;

            fn view(&self) -> &Self {
                self
            }
        })*
    };
}

view! {
    copied: u32, crate::PythonVersion, crate::CopyMode, crate::Flavor, crate::Bytecode,
    crate::SourceBuilds;
    borrowed: crate::BaseImage, crate::RequirementsFile;
    whole: BTreeMap<String, String>, crate::BuilderOptions, crate::BuilderConfig
}
