//! Fields that take one of a few words.
//!
//! Uppercase and lowercase are the same. What a choice does to an image is not known here.

use std::fmt;

use serde::Serialize;

use crate::fault::Fault;
use crate::nearest::nearest;
use crate::quote::quote;
use crate::rules;

/// One of a few words.
pub(crate) trait Choice: Copy + PartialEq + 'static {
    /// All choices, in the order in which messages offer them.
    const ALL: &'static [Self];
    /// Their words, in the same order.
    const WORDS: &'static [&'static str];
    /// What a field without a value means, where that is one of the choices.
    const DEFAULT: Option<Self>;

    /// The word for it in a spec.
    fn word(self) -> &'static str;

    /// The choice that another tool has another word for.
    fn from_other_word(_word: &str) -> Option<Self> {
        None
    }
}

/// Reads the value of `field`.
pub(crate) fn choice<T: Choice>(field: &str, value: &str) -> Result<T, Fault> {
    let lower = value.to_ascii_lowercase();
    let found = T::ALL.iter().copied().find(|choice| choice.word() == lower).or_else(|| T::from_other_word(&lower));
    found.ok_or_else(|| {
        let help = match nearest(value, T::WORDS.iter().copied()) {
            Some(word) => format!("did you mean `{word}`?"),
            None => format!("choices are: {}", T::WORDS.join(", ")),
        };
        Fault::new(&rules::CHOICE, format!("{} is not a valid value of `{field}`", quote(value)))
            .label("not one of the choices")
            .help(help)
    })
}

macro_rules! choices {
    (
        $(#[$attribute:meta])*
        $Name:ident, default $default:expr, {
            $($(#[$variant_attribute:meta])* $Variant:ident = $word:literal,)*
        } $(other words $other:ident)?
    ) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
        #[serde(rename_all = "lowercase")]
        pub enum $Name {
            $($(#[$variant_attribute])* $Variant,)*
        }

        impl $Name {
            /// The word for it in a spec.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$Variant => $word,)*
                }
            }
        }

        impl Choice for $Name {
            const ALL: &'static [Self] = &[$(Self::$Variant),*];
            const WORDS: &'static [&'static str] = &[$($word),*];
            const DEFAULT: Option<Self> = $default;

            fn word(self) -> &'static str {
                self.as_str()
            }

            $(fn from_other_word(word: &str) -> Option<Self> {
                $other(word)
            })?
        }

        impl fmt::Display for $Name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

choices! {
    /// Which files below `source_root` are copied.
    CopyMode, default None, {
        /// Python sources.
        Auto = "auto",
        /// Every file that is not ignored.
        All = "all",
        /// None.
        None = "none",
    } other words flytekit_copy_mode
}

choices! {
    /// How Python packages are precompiled (PEP 552).
    #[derive(Default)]
    Bytecode, default Some(Self::Checked), {
        /// Python compares a file's content with its bytecode: a file that is edited later is compiled again.
        #[default]
        Checked = "checked",
        /// Python trusts the bytecode: imports are faster, and a file that is edited later has no effect.
        Unchecked = "unchecked",
        /// Not at all: the image is smaller, and the first import of a module compiles it.
        None = "none",
    }
}

choices! {
    /// What code that runs while packages are built from source can read.
    #[derive(Default)]
    SourceBuilds, default Some(Self::Isolated), {
        /// No secrets.
        #[default]
        Isolated = "isolated",
        /// The secrets of `pip_secret_mounts`.
        Trusted = "trusted",
    }
}

choices! {
    /// Whose conventions an image follows.
    #[derive(Default)]
    Flavor, default Some(Self::Plain), {
        /// Only what the spec asks for.
        #[default]
        Plain = "plain",
        /// What Flytekit's own builder produces.
        Flyte = "flyte",
    }
}

/// The names of Flytekit's `CopyFileDetection` and of its `--copy` option.
fn flytekit_copy_mode(word: &str) -> Option<CopyMode> {
    match word {
        "no_copy" => Some(CopyMode::None),
        "loaded_modules" => Some(CopyMode::Auto),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_in_any_case() {
        assert_eq!(choice::<CopyMode>("source_copy_mode", "ALL"), Ok(CopyMode::All));
        assert_eq!(choice::<CopyMode>("source_copy_mode", "LOADED_MODULES"), Ok(CopyMode::Auto));
        assert_eq!(choice::<Flavor>("flavor", "Flyte"), Ok(Flavor::Flyte));
        let fault = choice::<Bytecode>("bytecode", "uncheked").expect_err("a typo");
        assert_eq!(fault.help.as_deref(), Some("did you mean `unchecked`?"));
    }

    #[test]
    fn the_default_is_what_a_missing_field_means() {
        assert_eq!(Bytecode::DEFAULT, Some(Bytecode::default()));
        assert_eq!(Flavor::DEFAULT, Some(Flavor::default()));
    }
}
