//! What the golden files are made of: each spec of `testdata/compile/specs`, planned and lowered with saved facts.
//!
//! Nothing is compared here. The tests of this crate compare it with the golden files, and those of `imagespec-driver` have a real
//! daemon build it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use imagespec_compile::{AnyQuestion, Ask, Compiled, Document, Fact, Outcome, Settings, Store, lower_for, plan};

use crate::world::{World, document};

pub(crate) fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/compile").join(name)
}

#[track_caller]
#[allow(clippy::disallowed_methods, reason = "the crate reads no files, its tests do; others may")]
pub(crate) fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What stands behind `# name: ` in the spec's first lines.
fn header<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut comments = text.lines().map_while(|line| line.strip_prefix("# "));
    comments.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// The names of the facts that a spec is built with.
#[track_caller]
pub(crate) fn facts_of(case: &str) -> Vec<String> {
    let text = read(&folder("specs").join(format!("{case}.yaml")));
    header(&text, "facts").expect("a spec names its facts").split(", ").map(str::to_owned).collect()
}

/// The names of the files in a folder of the test data, without their endings.
pub(crate) fn names(folder_name: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder(folder_name)).expect("a folder");
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        let name = entry.expect("an entry").file_name().into_string().expect("UTF-8");
        name.rsplit_once('.').map_or(name.clone(), |(stem, _)| stem.to_owned())
    };
    entries.map(name).collect()
}

/// A spec that was planned and lowered with saved facts.
#[derive(Debug)]
pub(crate) struct Golden {
    pub(crate) outcome: Outcome,
    /// One for each platform.
    pub(crate) compiled: Vec<Compiled>,
}

impl Golden {
    /// Plans and lowers a spec.
    ///
    /// # Errors
    /// Everything that is wrong, rendered.
    #[track_caller]
    pub(crate) fn make(case: &str, facts: &str) -> Result<Self, String> {
        let text = read(&folder("specs").join(format!("{case}.yaml")));
        let settings: Settings = header(&text, "settings")
            .map_or_else(Settings::default, |json| serde_json::from_str(json).expect("settings are JSON"));
        let facts = read(&folder("facts").join(format!("{facts}.json")));
        let mut store: Store = serde_json::from_str(&facts).expect("facts");
        let document = document(&format!("{case}.yaml"), &text);
        let outcome = loop {
            let outcome = plan(&document, &settings, &store);
            if outcome.is_certain() {
                break outcome;
            }
            outcome.asks().for_each(|ask| resolve(case, ask, &document, &mut store));
        };
        let sources = &outcome.sources;
        let Some(plans) = outcome.plans() else { return Err(imagespec::render_all(&outcome.problems, sources)) };
        let compiled = lower_for(&plans, sources, store.daemon().expect("saved"))
            .map_err(|problem| imagespec::render_all(&[problem], sources))?;
        Ok(Self { outcome, compiled })
    }
}

/// What versions are chosen is no saved fact, because goldens are not to change with it: one small package a requirement.
#[track_caller]
fn resolve(case: &str, ask: &Ask, document: &Document, store: &mut Store) {
    let mut world = World::python();
    for fact in store.facts() {
        if let Fact::ContextFile { question, answer: Some(text) } = fact {
            world.context.insert(question.path, text.as_str().to_owned());
        }
    }
    match ask.question {
        AnyQuestion::Interpreter(_) | AnyQuestion::Lock(_) | AnyQuestion::Collisions(_) | AnyQuestion::SpecFile(_) => {
            store.insert(world.answer(ask, document));
        }
        _ => panic!("{case}: the facts lack {:#?}", ask.question),
    }
}
