//! The store: typed answers by question, which are all facts that a plan may use.
//!
//! It is serializable, so that a build can be replayed without a daemon. It does not know how answers are found.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::answer::{
    DaemonFact, ImageFact, InstalledPackage, InterpreterFact, LockFact, Program, SelectionFact, SurveyFact, Text,
};
use crate::question::{
    Collisions, ContextFile, ContextIgnore, ContextListing, Daemon, Exists, FolderIgnore, Image, Installed,
    Interpreter, Lock, Programs, RootfsFile, Selection, SpecFile, Survey,
};

/// The version of the saved format. Other versions are refused, because the meaning of answers may differ.
const VERSION: u32 = 3;

/// A question with the type of its answer.
///
/// ```
/// use imagespec_compile::Store;
/// use imagespec_compile::question::ContextIgnore;
///
/// let mut store = Store::default();
/// assert_eq!(store.get(&ContextIgnore), None);
/// store.set(ContextIgnore, vec!["*.log".to_owned()]);
/// assert_eq!(store.get(&ContextIgnore).map(Vec::len), Some(1));
/// ```
pub trait Question: Clone + Ord + fmt::Debug + Into<AnyQuestion> + 'static {
    /// The answer's type.
    type Answer: Clone + fmt::Debug + PartialEq + 'static;
    #[doc(hidden)]
    fn table(store: &Store) -> &BTreeMap<Self, Self::Answer>;
    #[doc(hidden)]
    fn table_mut(store: &mut Store) -> &mut BTreeMap<Self, Self::Answer>;
}

macro_rules! questions {
    ($($name:ident => $answer:ty, $table:ident;)*) => {
        /// A question of any kind.
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(tag = "kind", content = "question", rename_all = "snake_case")]
        pub enum AnyQuestion {
            $(#[doc = concat!("A [`question::", stringify!($name), "`](crate::question::", stringify!($name), ").")]
            $name($name),)*
        }

        /// A question of any kind with its answer.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "kind", rename_all = "snake_case")]
        pub enum Fact {
            $(#[doc = concat!("To a [`question::", stringify!($name), "`](crate::question::", stringify!($name), ").")]
            $name {
                /// The question.
                question: $name,
                /// The answer.
                answer: $answer,
            },)*
        }

        /// Typed answers by question.
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct Store {
            $($table: BTreeMap<$name, $answer>,)*
        }

        $(impl From<$name> for AnyQuestion {
            fn from(question: $name) -> Self {
                Self::$name(question)
            }
        }

        impl Question for $name {
            type Answer = $answer;

            fn table(store: &Store) -> &BTreeMap<Self, Self::Answer> {
                &store.$table
            }

            fn table_mut(store: &mut Store) -> &mut BTreeMap<Self, Self::Answer> {
                &mut store.$table
            }
        }

        impl From<($name, $answer)> for Fact {
            fn from((question, answer): ($name, $answer)) -> Self {
                Self::$name { question, answer }
            }
        })*

        impl Store {
            /// Inserts an answer, and replaces an older one.
            pub fn insert(&mut self, fact: Fact) {
                match fact {
                    $(Fact::$name { question, answer } => _ = self.$table.insert(question, answer),)*
                }
            }

            /// The answer to a question of any kind.
            #[must_use]
            pub fn fact(&self, question: &AnyQuestion) -> Option<Fact> {
                match question {
                    $(AnyQuestion::$name(question) => {
                        let answer = self.$table.get(question)?.clone();
                        Some(Fact::$name { question: question.clone(), answer })
                    })*
                }
            }

            /// Removes an answer.
            pub fn remove(&mut self, question: &AnyQuestion) {
                match question {
                    $(AnyQuestion::$name(question) => _ = self.$table.remove(question),)*
                }
            }

            /// All answers, grouped by kind.
            pub fn facts(&self) -> impl Iterator<Item = Fact> {
                let facts = std::iter::empty();
                $(let facts = facts.chain(self.$table.iter().map(|(question, answer)| Fact::$name {
                    question: question.clone(),
                    answer: answer.clone(),
                }));)*
                facts
            }
        }

        impl Fact {
            /// The question of the answer.
            #[must_use]
            pub fn question(&self) -> AnyQuestion {
                match self {
                    $(Self::$name { question, .. } => question.clone().into(),)*
                }
            }
        }
    };
}

questions! {
    Daemon => DaemonFact, daemon;
    Image => ImageFact, images;
    ContextFile => Option<Text>, context_files;
    SpecFile => Option<Text>, spec_files;
    ContextIgnore => Vec<String>, context_ignore;
    FolderIgnore => Vec<String>, folder_ignores;
    ContextListing => Vec<String>, context_listings;
    Selection => SelectionFact, selections;
    Survey => Option<SurveyFact>, surveys;
    Programs => Vec<Program>, programs;
    RootfsFile => Option<String>, rootfs_files;
    Exists => bool, exists;
    Interpreter => Option<InterpreterFact>, interpreters;
    Installed => Vec<InstalledPackage>, installed;
    Lock => LockFact, locks;
    Collisions => String, collisions;
}

impl Store {
    /// The answer to a question.
    #[must_use]
    pub fn get<Q: Question>(&self, question: &Q) -> Option<&Q::Answer> {
        Q::table(self).get(question)
    }

    /// Sets the answer to a question.
    pub fn set<Q: Question>(&mut self, question: Q, answer: Q::Answer) {
        Q::table_mut(self).insert(question, answer);
    }

    /// The daemon's description, if known.
    #[must_use]
    pub fn daemon(&self) -> Option<&DaemonFact> {
        self.get(&Daemon)
    }

    /// Whether the store has no answers.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.facts().next().is_none()
    }

    /// The known answers to some questions.
    ///
    /// ```
    /// use imagespec_compile::Store;
    /// use imagespec_compile::question::{ContextFile, ContextIgnore};
    ///
    /// let mut store = Store::default();
    /// store.set(ContextIgnore, Vec::new());
    /// store.set(ContextFile { path: "a".to_owned() }, None);
    /// assert_eq!(store.only([&ContextIgnore.into()]).facts().count(), 1);
    /// ```
    #[must_use]
    pub fn only<'a>(&self, questions: impl IntoIterator<Item = &'a AnyQuestion>) -> Self {
        questions.into_iter().filter_map(|question| self.fact(question)).collect()
    }

    /// This store on top of answers that are only expected: those of an earlier build, which this build has to confirm.
    #[must_use]
    pub fn over<'a>(&'a self, expected: &'a Self) -> Knowledge<'a> {
        Knowledge { known: self, expected: Some(expected) }
    }
}

impl FromIterator<Fact> for Store {
    fn from_iter<I: IntoIterator<Item = Fact>>(facts: I) -> Self {
        let mut store = Self::default();
        facts.into_iter().for_each(|fact| store.insert(fact));
        store
    }
}

impl Extend<Fact> for Store {
    fn extend<I: IntoIterator<Item = Fact>>(&mut self, facts: I) {
        facts.into_iter().for_each(|fact| self.insert(fact));
    }
}

/// A store as it is saved. The first version of the format had no version number.
#[derive(Serialize, Deserialize)]
struct Saved {
    #[serde(default = "first_version")]
    version: u32,
    #[serde(default)]
    facts: Vec<Fact>,
}

fn first_version() -> u32 {
    1
}

impl Serialize for Store {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Saved { version: VERSION, facts: self.facts().collect() }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Store {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Saved { version, facts } = Saved::deserialize(deserializer)?;
        if version != VERSION {
            let message = format!(
                "saved facts of version {version} are not supported, only of version {VERSION}; save them again"
            );
            return Err(serde::de::Error::custom(message));
        }
        Ok(facts.into_iter().collect())
    }
}

impl AnyQuestion {
    /// Whether an answer never changes, because everything that it depends on is identified by its content. Other answers of an earlier
    /// build are only expected, and must be confirmed.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::Survey(Survey { root, .. })
            | Self::Programs(Programs { root, .. })
            | Self::RootfsFile(RootfsFile { root, .. })
            | Self::Exists(Exists { root, .. })
            | Self::Installed(Installed { root, .. })
            | Self::Interpreter(Interpreter { root, .. }) => root.is_pinned(),
            // Only packages whose files have hashes are compared.
            Self::Collisions(_) => true,
            Self::Lock(_) | Self::Image(_) => false,
            Self::Daemon(_) | Self::ContextFile(_) | Self::SpecFile(_) => false,
            Self::ContextIgnore(_) | Self::FolderIgnore(_) => false,
            Self::ContextListing(_) | Self::Selection(_) => false,
        }
    }

    /// Whether it is about files of the client, which are the same for all daemons and may change between builds.
    #[must_use]
    pub fn is_about_client_files(&self) -> bool {
        match self {
            Self::ContextFile(_) | Self::SpecFile(_) | Self::ContextIgnore(_) | Self::FolderIgnore(_) => true,
            Self::ContextListing(_) | Self::Selection(_) => true,
            Self::Daemon(_) | Self::Image(_) | Self::Programs(_) | Self::RootfsFile(_) | Self::Exists(_) => false,
            Self::Interpreter(_) | Self::Installed(_) | Self::Lock(_) | Self::Collisions(_) => false,
            Self::Survey(_) => false,
        }
    }
}

impl Fact {
    /// Whether an answer never changes, and so needs no confirmation. An interpreter that could not run may run the next time.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        !matches!(self, Self::Interpreter { answer: None, .. }) && self.question().is_permanent()
    }
}

/// Describes a question to users.
impl fmt::Display for AnyQuestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Daemon(_) => f.write_str("the daemon's capabilities"),
            Self::Image(Image { reference, platform }) => write!(f, "the image {reference} for {platform}"),
            Self::ContextFile(ContextFile { path }) => write!(f, "the file {path} of the build context"),
            Self::SpecFile(SpecFile { name }) => write!(f, "the file {name} in the spec's folder"),
            Self::ContextIgnore(_) => f.write_str("the ignore file of the build context"),
            Self::FolderIgnore(FolderIgnore { folder }) => write!(f, "the ignore file of {folder}"),
            Self::ContextListing(ContextListing { root, suffix, .. }) => write!(f, "the files *{suffix} below {root}"),
            Self::Selection(Selection { roots, .. }) => write!(f, "the files below {}", roots.join(", ")),
            Self::Survey(_) => f.write_str("the programs, accounts and release of the base image"),
            Self::Programs(Programs { folders, .. }) => write!(f, "the interpreters in {}", folders.join(":")),
            Self::RootfsFile(RootfsFile { path, .. }) => write!(f, "the file {path} of the base image"),
            Self::Exists(Exists { path, .. }) => write!(f, "whether the base image has {path}"),
            Self::Interpreter(Interpreter { path, .. }) => write!(f, "the version of the interpreter {path}"),
            Self::Installed(Installed { path, .. }) => write!(f, "the packages of the interpreter {path}"),
            Self::Lock(_) => f.write_str("the resolved versions of the requirements"),
            Self::Collisions(_) => f.write_str("the files that several packages share"),
        }
    }
}

/// The facts for a planning pass: known answers, on top of expected ones.
#[derive(Clone, Copy, Debug)]
pub struct Knowledge<'a> {
    known: &'a Store,
    expected: Option<&'a Store>,
}

impl<'a> From<&'a Store> for Knowledge<'a> {
    fn from(known: &'a Store) -> Self {
        Self { known, expected: None }
    }
}

/// How reliable an answer is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Found<T> {
    /// The answer is known.
    Known(T),
    /// The answer is from an earlier build.
    Expected(T),
    /// There is no answer.
    Missing,
}

impl<'a> Knowledge<'a> {
    /// The answer to a question.
    pub(crate) fn find<Q: Question>(&self, question: &Q) -> Found<&'a Q::Answer> {
        if let Some(answer) = self.known.get(question) {
            return Found::Known(answer);
        }
        match self.expected.and_then(|expected| expected.get(question)) {
            Some(answer) if question.clone().into().is_permanent() => Found::Known(answer),
            Some(answer) => Found::Expected(answer),
            None => Found::Missing,
        }
    }

    /// The answer to a question, known or expected.
    pub(crate) fn look<Q: Question>(&self, question: &Q) -> Option<&'a Q::Answer> {
        match self.find(question) {
            Found::Known(answer) | Found::Expected(answer) => Some(answer),
            Found::Missing => None,
        }
    }

    /// The daemon's description. It is asked for first, and never expected.
    pub(crate) fn daemon(&self) -> Option<&'a DaemonFact> {
        self.known.daemon()
    }
}

/// The questions whose answers a planning pass has read.
pub type Reads = BTreeSet<AnyQuestion>;

#[cfg(test)]
mod tests;
