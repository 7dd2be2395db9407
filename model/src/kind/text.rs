//! Kinds with one value that is written as one text.

use std::fmt::Display;
use std::marker::PhantomData;

use crate::canonical::Canonical;
use crate::choice::{Choice, choice};
use crate::fault::Fault;
use crate::field::Shape;
use crate::kind::{FromText, Kind};
use crate::quote::quote;
use crate::raw::Kind as RawKind;
use crate::read::{Fields, Reader};
use crate::requirement::extra_args;
use crate::rules;
use crate::text::number;
use crate::write::Yaml;

/// Checks one text.
pub(crate) type Check<T> = fn(&str) -> Result<T, Fault>;

/// A text, or a value that is written as one.
pub(crate) struct Text<T> {
    check: Check<T>,
    pub(crate) shape: Shape,
    empty_is_absent: bool,
}

/// A text.
pub(crate) const fn text<T>(check: Check<T>) -> Text<T> {
    Text { check, shape: Shape::Text, empty_is_absent: false }
}

/// A text, where a number means its own text.
pub(crate) const fn text_or_number<T>(check: Check<T>) -> Text<T> {
    Text { check, shape: Shape::Version, empty_is_absent: false }
}

impl<T> Text<T> {
    /// Takes an empty text for a field that is left out.
    pub(crate) const fn or_empty(mut self) -> Self {
        self.empty_is_absent = true;
        self
    }
}

impl<T: Display> Kind for Text<T> {
    type Value = Option<T>;

    fn read<'t>(&self, reader: &mut Reader<'t, '_>, fields: &Fields<'t>, name: &'static str) -> Option<T> {
        let check = |text: &str| self.checked(name, text);
        match self.shape {
            Shape::Version => reader.text_or_number(fields, name, check).flatten(),
            _ => reader.text(fields, name, check).flatten(),
        }
    }

    fn write(&self, yaml: &mut Yaml, name: &str, value: &Option<T>) {
        if let Some(value) = value {
            yaml.text(name, &value.to_string());
        }
    }

    fn canonical(&self, value: &Option<T>) -> Option<Canonical> {
        value.as_ref().map(Canonical::text)
    }
}

impl<T: Display> FromText for Text<T> {
    fn checked(&self, _name: &str, text: &str) -> Result<Option<T>, Fault> {
        if self.empty_is_absent && text.is_empty() { Ok(None) } else { (self.check)(text).map(Some) }
    }
}

/// One of a few words.
pub(crate) struct Chosen<T> {
    pub(crate) shape: Shape,
    choice: PhantomData<T>,
}

/// One of the words of `T`.
pub(crate) const fn chosen<T: Choice>() -> Chosen<T> {
    Chosen { shape: Shape::Choice(T::WORDS), choice: PhantomData }
}

impl<T: Choice> Kind for Chosen<T> {
    type Value = Option<T>;

    fn read<'t>(&self, reader: &mut Reader<'t, '_>, fields: &Fields<'t>, name: &'static str) -> Option<T> {
        reader.text(fields, name, |text| choice(name, text))
    }

    fn write(&self, yaml: &mut Yaml, name: &str, value: &Option<T>) {
        if let Some(value) = value {
            yaml.text(name, value.word());
        }
    }

    /// The default is left out, whether it is given or not.
    fn canonical(&self, value: &Option<T>) -> Option<Canonical> {
        value.filter(|value| T::DEFAULT != Some(*value)).map(|value| Canonical::text(value.word()))
    }
}

/// A whole number from 1.
pub(crate) struct Count {
    pub(crate) shape: Shape,
    max: u32,
}

/// A whole number from 1 to `max`.
pub(crate) const fn count(max: u32) -> Count {
    Count { shape: Shape::Count(max), max }
}

impl Kind for Count {
    type Value = Option<u32>;

    fn read<'t>(&self, reader: &mut Reader<'t, '_>, fields: &Fields<'t>, name: &'static str) -> Option<u32> {
        reader.text_or_number(fields, name, |text| self.checked(name, text)).flatten()
    }

    fn write(&self, yaml: &mut Yaml, name: &str, value: &Option<u32>) {
        if let Some(value) = value {
            yaml.value(name, &value.to_string());
        }
    }

    fn canonical(&self, value: &Option<u32>) -> Option<Canonical> {
        value.map(Canonical::text)
    }
}

impl FromText for Count {
    fn checked(&self, name: &str, text: &str) -> Result<Option<u32>, Fault> {
        let number = number(text).filter(|number| (1..=self.max).contains(number));
        number.map(Some).ok_or_else(|| {
            Fault::new(&rules::CHOICE, format!("{} is not a valid value of `{name}`", quote(text)))
                .label("out of range")
                .help(format!("a whole number from 1 to {}", self.max))
        })
    }
}

/// Arguments of the installer, in one text.
pub(crate) struct Args {
    pub(crate) shape: Shape,
}

/// Arguments, kept as words: long names, values on their own.
pub(crate) const fn args() -> Args {
    Args { shape: Shape::Text }
}

impl Kind for Args {
    type Value = Vec<String>;

    /// Every wrong argument is reported.
    fn read<'t>(&self, reader: &mut Reader<'t, '_>, fields: &Fields<'t>, name: &'static str) -> Vec<String> {
        let Some((entry, field)) = fields.get(name) else { return Vec::new() };
        let RawKind::Text(text) = &entry.value.kind else {
            reader.wrong_type(&entry.value, field);
            return Vec::new();
        };
        extra_args(text).unwrap_or_else(|faults| {
            faults.into_iter().for_each(|fault| reader.fault(entry.value.span, text, fault));
            Vec::new()
        })
    }

    fn write(&self, yaml: &mut Yaml, name: &str, value: &Vec<String>) {
        if !value.is_empty() {
            let words: Vec<String> = value.iter().map(|word| shell_word(word)).collect();
            yaml.text(name, &words.join(" "));
        }
    }

    fn canonical(&self, value: &Vec<String>) -> Option<Canonical> {
        Canonical::some_list(value)
    }
}

impl FromText for Args {
    fn checked(&self, _name: &str, text: &str) -> Result<Vec<String>, Fault> {
        // If there is no value, there is at least one fault.
        extra_args(text).map_err(|faults| {
            let first = faults.into_iter().next();
            first.unwrap_or_else(|| Fault::new(&rules::INSTALLER_OPTION, "the options cannot be read"))
        })
    }
}

/// A word that splits as one.
fn shell_word(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+@%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}
