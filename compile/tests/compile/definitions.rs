//! Reads the test data of `testdata/compile`, and compiles its specs with their saved facts.
//!
//! Nothing is compared here. The tests of this crate compare the results with the golden files, and the tests of `imagespec-driver`
//! solve them on a real daemon.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use imagespec_compile::{AnyQuestion, Ask, Compiled, Document, Fact, Outcome, Settings, Store, lower_for, plan};

use crate::world::{World, document};

/// A folder of the test data.
pub(crate) fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/compile").join(name)
}

#[track_caller]
#[allow(clippy::disallowed_methods, reason = "only the crate itself must not read files")]
pub(crate) fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[track_caller]
fn read_spec(case: &str) -> String {
    read(&folder("specs").join(format!("{case}.yaml")))
}

/// Loads saved facts from the file `<name>.json` in a folder of the test data.
#[track_caller]
pub(crate) fn load_store(folder_name: &str, name: &str) -> Store {
    let text = read(&folder(folder_name).join(format!("{name}.json")));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{folder_name}/{name}.json: {error}"))
}

/// The value of the line `# name: value` in the comments at the top of a spec.
fn header<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut comments = text.lines().map_while(|line| line.strip_prefix("# "));
    comments.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// The names of the saved facts that a spec is compiled with.
#[track_caller]
pub(crate) fn facts_of(case: &str) -> Vec<String> {
    header(&read_spec(case), "facts").expect("each spec names its facts").split(", ").map(str::to_owned).collect()
}

/// The names of the files in a folder of the test data, without their extensions.
pub(crate) fn names(folder_name: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder(folder_name)).expect("the folder can be read");
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        let name = entry.expect("the entry can be read").file_name().into_string().expect("the name is UTF-8");
        name.rsplit_once('.').map_or(name.clone(), |(stem, _)| stem.to_owned())
    };
    entries.map(name).collect()
}

/// A spec that was compiled with saved facts.
#[derive(Debug)]
pub(crate) struct Golden {
    pub(crate) outcome: Outcome,
    /// One per platform.
    pub(crate) compiled: Vec<Compiled>,
}

impl Golden {
    /// Compiles a spec.
    ///
    /// # Errors
    /// The problems of the spec, rendered.
    #[track_caller]
    pub(crate) fn make(case: &str, facts: &str) -> Result<Self, String> {
        let text = read_spec(case);
        let settings: Settings = header(&text, "settings")
            .map_or_else(Settings::default, |json| serde_json::from_str(json).expect("settings are JSON"));
        let mut store = load_store("facts", facts);
        let document = document(&format!("{case}.yaml"), &text);
        let outcome = loop {
            let outcome = plan(&document, &settings, &store);
            if outcome.is_certain() {
                break outcome;
            }
            outcome.asks().for_each(|ask| simulate_answer(case, ask, &document, &mut store));
        };
        let sources = &outcome.sources;
        let Some(plans) = outcome.plans() else { return Err(imagespec::render_all(&outcome.problems, sources)) };
        let compiled = lower_for(&plans, sources, store.daemon().expect("the facts describe the daemon"))
            .map_err(|problem| imagespec::render_all(&[problem], sources))?;
        Ok(Self { outcome, compiled })
    }
}

/// Answers the questions about resolved versions, which the saved facts leave out so that new versions do not change the golden files.
/// Each requirement is resolved to one small package.
#[track_caller]
fn simulate_answer(case: &str, ask: &Ask, document: &Document, store: &mut Store) {
    let mut world = World::python();
    for fact in store.facts() {
        if let Fact::ContextFile { question, answer: Some(text) } = fact {
            world.context.insert(question.path, text.as_str().to_owned());
        }
    }
    match &ask.question {
        // The image that compiles modules.
        AnyQuestion::Image(image) if image.reference.ends_with("-slim-bookworm") => {
            store.insert(world.answer(ask, document))
        }
        // The environment that a step creates.
        AnyQuestion::Survey(question) if question.folders.is_empty() => store.insert(world.answer(ask, document)),
        AnyQuestion::Installed(_)
        | AnyQuestion::Interpreter(_)
        | AnyQuestion::Lock(_)
        | AnyQuestion::Collisions(_)
        | AnyQuestion::SpecFile(_) => {
            store.insert(world.answer(ask, document));
        }
        _ => panic!("{case}: the saved facts do not answer {:#?}", ask.question),
    }
}
