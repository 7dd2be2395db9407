//! Specs that are modeled after public ones: all of them compile, for a daemon that merges and for one that does not.

use std::path::Path;

use imagespec::{Choice, RequirementsKind, parse, parse_with};
use imagespec_compile::{Document, Settings, lower};

use crate::world::{World, try_build};

const PROJECT: &str = "[project]\nname = \"a\"\nversion = \"1\"\ndependencies = [\"click\"]\n";

#[test]
#[expect(clippy::disallowed_methods, reason = "the crate reads no files, its tests do")]
fn public_specs_compile() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/specs/public");
    let mut paths: Vec<_> =
        std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let mut count = 0;
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).expect("text");
        let names = parse(&name, &text).images;
        let targets: Vec<Option<String>> =
            if names.is_empty() { vec![None] } else { names.into_iter().map(Some).collect() };
        for target in targets {
            let parsed = parse_with(&name, &text, &Choice { target: target.clone(), ..Choice::default() });
            let document =
                Document::from_parsed(parsed, target.as_deref()).unwrap_or_else(|| panic!("{name} is wrong"));
            for world in [World::python(), World::python().chained()] {
                let world = with_files(world, &document);
                let shown = format!("{name} {}", target.as_deref().unwrap_or_default());
                match try_build(document.clone(), &Settings::default(), &world) {
                    Ok(build) => {
                        for plan in &build.plans {
                            assert!(lower(plan, &build.outcome.sources).graph.root().is_some(), "{shown} is an image");
                        }
                        count += 1;
                    }
                    Err(problems) => panic!("{shown}:\n{problems}"),
                }
            }
        }
    }
    assert!(count >= 120, "{count}");
}

/// The files that a spec names, with some content.
fn with_files(mut world: World, document: &Document) -> World {
    for level in document.spec.levels() {
        world.base.exists.extend(level.spec.python_exec().map(|path| (path.to_owned(), true)));
        let Some(file) = level.spec.requirements() else { continue };
        let folder = file.path().rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
        let text = match file.kind() {
            RequirementsKind::Txt => "click\n",
            RequirementsKind::Pylock => "lock-version = \"1.0\"\ncreated-by = \"test\"\npackages = []\n",
            RequirementsKind::Uv | RequirementsKind::Poetry => "version = 1\n",
            RequirementsKind::Pyproject => PROJECT,
        };
        world.context.insert(file.path().to_owned(), text.to_owned());
        if file.kind() != RequirementsKind::Txt {
            world.lock = Some("lock-version = \"1.0\"\ncreated-by = \"test\"\npackages = []\n".to_owned());
        }
        world.context.insert(format!("{folder}pyproject.toml"), PROJECT.to_owned());
    }
    world
}
