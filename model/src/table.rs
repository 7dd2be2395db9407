//! Tables of fields: `fields!` makes a struct of a table, and with it everything that has to be done field by field.
//!
//! From a row come the private field and its getter, the `with_…` method, reading, writing, the canonical form, the row that the
//! JSON Schema and messages are made from, and the typed accessor of [`crate::field`]. What a kind of fields does is in `kind.rs`.

use crate::canonical::Form;
use crate::diagnostic::Diagnostic;
use crate::field::FieldInfo;
use crate::invalid::Invalid;
use crate::kind::Merge;
use crate::read::{Fields, Reader};
use crate::write::Yaml;

/// What `fields!` makes of a table.
pub(crate) trait Table: Clone + Default + Merge + PartialEq + Rules + 'static {
    /// The rows, in the order of the documentation.
    const FIELDS: &'static [&'static FieldInfo];

    /// Reads all fields; what is wrong with one is reported, and it is then as if it were left out.
    fn read<'t>(reader: &mut Reader<'t, '_>, fields: &Fields<'t>) -> Self;

    /// Writes all fields that have a value.
    fn write(&self, yaml: &mut Yaml);

    /// What distinguishes images.
    fn canonical(&self) -> Form;

    /// What the author may want to know of the values.
    fn warnings(&self) -> Vec<Diagnostic>;
}

/// Rules between the fields of one table.
pub(crate) trait Rules: Sized {
    /// The value if it breaks none of them.
    fn complete(self) -> Result<Self, Invalid> {
        Ok(self)
    }
}

/// Makes a struct of a table of fields.
///
/// ```text
/// fields! {
///     /// Documentation and attributes of the struct.
///     pub struct ImageSpec at [], accessors spec_fields;   // where in a spec it is: `[]` or `[builder_options]`
///
///     /// One line: what the field is for. It is shown by editors and documents the getter.
///     ///
///     /// More about the getter.
///     cuda as CUDA: Option<String> => Option<&str> {        // stored => returned by the getter
///         kind: text_or_number(cuda),                       // see `kind.rs`; the argument checks one text
///         takes: "a version",                               // as in "must be …"
///         example: "cuda: \"12.4\"",
///         also: ["cuda_version"],                           // optional: what others call it
///         set: with_cuda(value),                            // optional: the method that sets it
///         canonical: path::to::function,                    // optional: instead of what its kind does
///         moves: [Base if without_base, Packages if …],     // see `moves.rs`
///     }
/// }
/// ```
///
/// `set` takes one of: `(value)` one text; `(values)` more entries of a list; `(name, value)` an entry with a name; `(count)` a
/// number; `(Type)` a value that needs no check.
macro_rules! fields {
    (
        $(#[$attribute:meta])*
        pub struct $Struct:ident at $parents:tt, accessors $accessors:ident;
        $(
            #[doc = $about:literal]
            $(#[doc = $more:literal])*
            $field:ident as $CONST:ident: $stored:ty => $seen:ty {
                kind: $kind:expr,
                takes: $takes:literal,
                example: $example:literal,
                $(also: [$($other:literal),* $(,)?],)?
                $(set: $with:ident($($argument:tt)*),)?
                $(canonical: $canonical:path,)?
                moves: [$($step:ident $(if $when:path)?),* $(,)?] $(,)?
            }
        )*
    ) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
        pub struct $Struct {
            $($field: $stored,)*
        }

        impl $Struct {
            $(
                #[doc = $about]
                $(#[doc = $more])*
                #[must_use]
                pub fn $field(&self) -> $seen {
                    crate::kind::View::view(&self.$field)
                }

                $(crate::table::setter! { $about, $field, $with, $kind, ($($argument)*) })?
            )*
        }

        /// The fields, for those who read one by name and value.
        pub(crate) mod $accessors {
            use super::*;

            $(
                #[doc = $about]
                pub const $CONST: crate::field::Field<fn(&crate::image_spec::ImageSpec) -> $seen> = {
                    const INFO: &crate::field::FieldInfo = &crate::field::FieldInfo {
                        name: crate::table::name!($parents $field),
                        key: stringify!($field),
                        takes: $takes,
                        example: $example,
                        about: $about.trim_ascii(),
                        shape: $kind.shape,
                        other_names: &[$($($other),*)?],
                        moves: &[$(crate::moves::Move {
                            step: crate::moves::StepKind::$step,
                            when: crate::table::first!($($when,)? crate::moves::always),
                        }),*],
                    };
                    fn get(spec: &crate::image_spec::ImageSpec) -> $seen {
                        crate::table::reach!(spec, $parents).$field()
                    }
                    const { assert!(stringify!($CONST).eq_ignore_ascii_case(stringify!($field)), "named like the field") };
                    crate::field::Field::new(INFO, get)
                };
            )*
        }

        impl crate::table::Table for $Struct {
            const FIELDS: &'static [&'static crate::field::FieldInfo] = &[$($accessors::$CONST.info()),*];

            fn read<'t>(reader: &mut crate::read::Reader<'t, '_>, fields: &crate::read::Fields<'t>) -> Self {
                Self { $($field: crate::kind::Kind::read(&$kind, reader, fields, stringify!($field)),)* }
            }

            fn write(&self, yaml: &mut crate::write::Yaml) {
                $(crate::kind::Kind::write(&$kind, yaml, stringify!($field), &self.$field);)*
            }

            fn canonical(&self) -> crate::canonical::Form {
                let mut form = crate::canonical::Form::new();
                $(crate::table::canonical!(self, &mut form, $field, $kind $(, $canonical)?);)*
                form
            }

            fn warnings(&self) -> Vec<crate::diagnostic::Diagnostic> {
                let mut found = Vec::new();
                $(found.extend(crate::kind::Kind::warnings(&$kind, stringify!($field), &self.$field));)*
                found
            }
        }

        impl crate::kind::Merge for $Struct {
            fn merge(&mut self, other: Self) {
                $(crate::kind::Merge::merge(&mut self.$field, other.$field);)*
            }
        }
    };
}

/// `builder_options.user`
macro_rules! name {
    ([] $field:ident) => {
        stringify!($field)
    };
    ([$parent:ident] $field:ident) => {
        concat!(stringify!($parent), ".", stringify!($field))
    };
}

/// The struct that holds a field.
macro_rules! reach {
    ($spec:ident, []) => {
        $spec
    };
    ($spec:ident, [$parent:ident]) => {
        $spec.$parent()
    };
}

/// The first of one or two paths.
macro_rules! first {
    ($first:path $(, $rest:path)*) => {
        $first
    };
}

/// Puts a field's value into the canonical form, in the way of its kind or in its own.
macro_rules! canonical {
    ($spec:ident, $form:expr, $field:ident, $kind:expr) => {
        crate::canonical::put($form, stringify!($field), crate::kind::Kind::canonical(&$kind, &$spec.$field))
    };
    ($spec:ident, $form:expr, $field:ident, $kind:expr, $canonical:path) => {
        $canonical($spec, $form)
    };
}

/// A `with_…` method.
macro_rules! setter {
    ($about:literal, $field:ident, $with:ident, $kind:expr, (value)) => {
        #[doc = concat!("Sets `", stringify!($field), "`:", $about)]
        ///
        /// # Errors
        /// The value is not valid, or cannot be combined with the other fields.
        pub fn $with(mut self, value: &str) -> Result<Self, crate::Invalid> {
            self.$field = crate::kind::FromText::checked(&$kind, stringify!($field), value)?;
            crate::table::Rules::complete(self)
        }
    };
    ($about:literal, $field:ident, $with:ident, $kind:expr, (values)) => {
        #[doc = concat!("Adds to `", stringify!($field), "`:", $about)]
        ///
        /// # Errors
        /// The first value that is not valid, or the values cannot be combined with the other fields.
        pub fn $with<I, S>(mut self, values: I) -> Result<Self, crate::Invalid>
        where
            I: IntoIterator<Item = S>,
            S: AsRef<str>,
        {
            for value in values {
                crate::kind::Entries::add(&$kind, &mut self.$field, value.as_ref())?;
            }
            crate::table::Rules::complete(self)
        }
    };
    ($about:literal, $field:ident, $with:ident, $kind:expr, (name, value)) => {
        #[doc = concat!("Sets an entry of `", stringify!($field), "`:", $about)]
        ///
        /// # Errors
        /// The name is not valid, or the value has a NUL character.
        pub fn $with(mut self, name: &str, value: &str) -> Result<Self, crate::Invalid> {
            $kind.insert(&mut self.$field, name, value)?;
            crate::table::Rules::complete(self)
        }
    };
    ($about:literal, $field:ident, $with:ident, $kind:expr, (count)) => {
        #[doc = concat!("Sets `", stringify!($field), "`:", $about)]
        ///
        /// # Errors
        /// The number is out of range.
        pub fn $with(mut self, count: u32) -> Result<Self, crate::Invalid> {
            self.$field = crate::kind::FromText::checked(&$kind, stringify!($field), &count.to_string())?;
            crate::table::Rules::complete(self)
        }
    };
    ($about:literal, $field:ident, $with:ident, $kind:expr, ($Type:ty)) => {
        #[doc = concat!("Sets `", stringify!($field), "`:", $about)]
        #[must_use]
        pub fn $with(mut self, value: $Type) -> Self {
            self.$field = Some(value);
            self
        }
    };
}

pub(crate) use {canonical, fields, first, name, reach, setter};
