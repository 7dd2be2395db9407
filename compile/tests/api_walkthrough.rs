//! A tour of the crate: from a spec's text to the bytes that a daemon solves, as in a frontend.

use std::collections::BTreeSet;

use buildkit_llb::Platform;
use imagespec_compile::question::{self, Root};
use imagespec_compile::{
    AnyQuestion, Compiled, DEFAULT_UV_IMAGE, DaemonFact, Document, ImageFact, LockFact, Outcome, Settings, Store,
    SurveyFact, lower, lower_recipe, plan,
};
use oci_names::ImageReference;
use serde_json::json;

/// The questions that a pass waits for.
fn missing(outcome: &Outcome) -> BTreeSet<AnyQuestion> {
    outcome.missing().map(|ask| ask.question.clone()).collect()
}

#[test]
fn api_walkthrough() {
    // A spec is a text of the user. Parsing checks it and records the positions of its fields.
    let text = "
base_image: python:3.11-slim
packages: [numpy]
env: {MODE: fast}
";
    let parsed = imagespec::parse("imagespec.yaml", text);
    let document = Document::from_parsed(parsed, None).expect("a valid spec");

    // The settings come from the command line, not from the spec.
    let settings = Settings::default();

    // The crate does no IO. A planning pass returns its open questions, the caller answers them, and the next pass continues.
    let mut store = Store::default();
    assert_eq!(missing(&plan(&document, &settings, &store)), BTreeSet::from([question::Daemon.into()]));

    // The daemon reports its platform and capabilities.
    let amd64 = Platform::linux("amd64");
    let capabilities = buildkit_llb::caps::ALL.iter().map(|cap| (*cap).to_owned()).collect();
    store
        .set(question::Daemon, DaemonFact { platform: amd64.clone(), capabilities, session: None, lists_files: false });

    // Images are requested with their full names, per platform: the base, and the one with uv. A lockfile next to the spec would make
    // resolving unnecessary.
    let full = |name| ImageReference::parse(name).expect("a reference").with_default_tag().to_string();
    let base = full("python:3.11-slim");
    let uv = full(DEFAULT_UV_IMAGE);
    let image = |reference: &str| question::Image { reference: reference.to_owned(), platform: amd64.clone() };
    let beside = question::SpecFile { name: "pylock.imagespec-amd64.toml".to_owned() };
    let expected = BTreeSet::from([image(&base).into(), image(&uv).into(), beside.clone().into()]);
    assert_eq!(missing(&plan(&document, &settings, &store)), expected);
    store.set(beside, None);
    for reference in [&base, &uv] {
        let config = json!({"config": {"Env": ["PATH=/usr/local/bin:/usr/bin"]}});
        let pinned = format!("{reference}@sha256:{}", "0".repeat(64));
        store.set(image(reference), ImageFact { reference: pinned, config });
    }

    // The base's config names the folders of programs; the next question is what is in them and in a few files. It identifies the
    // image by its digest, so the answer never changes. Some answers are results of steps: lowering makes a graph of the recipe; the
    // caller solves it and reads a file of the result. Here a script of ours describes the image, without network and secrets.
    let root = Root::Image { reference: format!("{base}@sha256:{}", "0".repeat(64)), platform: amd64.clone() };
    let folders = vec!["/usr/local/bin".to_owned(), "/usr/bin".to_owned()];
    let survey = question::Survey { root, folders, program: None };
    let outcome = plan(&document, &settings, &store);
    let [ask] = outcome.missing().collect::<Vec<_>>().try_into().expect("the survey alone");
    assert_eq!(ask.question, survey.clone().into());
    assert!(ask.question.is_permanent());
    let recipe = ask.recipe.as_ref().expect("a step makes it");
    assert!(lower_recipe(recipe, &outcome.sources).expect("a graph").root().is_some());
    assert_eq!(recipe.file().as_deref(), Some("/usr/share/imagespec/base"));
    let found = "program /usr/local/bin/python3\ninterpreter /usr/local/bin/python3\n version 3.11.2\n \
        implementation cpython\n libc glibc\n libc-version 2.36\n";
    store.set(survey.clone(), Some(SurveyFact::parse(found, &survey.folders)));

    // An image with the same version of Python compiles modules; in the same round, versions are resolved for the interpreter.
    let python = "docker.io/library/python:3.11.9-slim-bookworm";
    let asked = missing(&plan(&document, &settings, &store));
    assert!(asked.contains(&image(python).into()) && asked.len() == 2, "{asked:?}");
    let config = json!({"config": {"Env": ["PATH=/usr/local/bin:/usr/bin"]}});
    store.set(image(python), ImageFact { reference: format!("{python}@sha256:{}", "1".repeat(64)), config });
    let outcome = plan(&document, &settings, &store);
    let [lock] = outcome.missing().collect::<Vec<_>>().try_into().expect("the lock alone");
    let AnyQuestion::Lock(question) = &lock.question else { panic!("{lock:?}") };
    let locked = "lock-version = '1.0'\ncreated-by = 'uv'\n[[packages]]\nname = 'numpy'\nversion = '2.3'\n\
        wheels = [{ url = 'https://example.com/numpy-2.3-py3-none-any.whl', size = 2000000, hashes = { sha256 = '00' } }]\n";
    store.set(question.clone(), LockFact { lock: Some(locked.into()), exported: None });

    // With the lock the groups are known. Whether their files collide is only known after installing them; the draft has the groups.
    let outcome = plan(&document, &settings, &store);
    assert!(outcome.drafts[0].plan.steps.iter().any(|step| step.id == "wheels"));
    let Some(AnyQuestion::Collisions(question)) = missing(&outcome).into_iter().next() else { panic!("{outcome:?}") };
    store.set(question, String::new());

    // All questions are answered: there is one plan per platform, which is data without open decisions.
    let outcome = plan(&document, &settings, &store);
    assert!(outcome.is_certain() && outcome.warnings.is_empty());
    let [plan] = outcome.plans().expect("complete").try_into().expect("one platform");
    insta::assert_snapshot!(plan, @r"
    linux/amd64 from docker.io/library/python:3.11-slim@sha256:0000000000000000000000000000000000000000000000000000000000000000
      venv      on base             [python] create an environment with /usr/local/bin/python3
      wheels    on its own          [pip] numpy
                2.0 MB to download: numpy 2.3
                from packages[0]
      image     branches merged; user root; workdir /root
      note      from the resolved lock, 1 packages, 2.0 MB: one step, because installing so little again costs less than more steps
      note      without a lockfile (`imagespec lock`), a package that joins later changes one of these steps
    ");

    // Lowering a plan to a graph of ops and an image config cannot fail.
    let Compiled { graph, image_config, base_config: _, .. } = lower(plan, &outcome.sources);
    assert_eq!(image_config["config"]["Env"][0], "PATH=/opt/venv/bin:/usr/local/bin:/usr/bin");
    assert_eq!(image_config["config"]["Env"][3], "MODE=fast");

    // Ops have the lines of the spec that they result from, so a failed step points into the spec.
    let root = graph.root().expect("not empty").op();
    assert_eq!(graph.note(root).and_then(|note| note.name.as_deref()), Some("[join] merge all branches"));
    let install = graph
        .reachable()
        .into_iter()
        .find(|id| graph.note(*id).and_then(|note| note.name.as_deref()) == Some("[pip] numpy"));
    let lines = graph.locations(install.expect("a step")).map(|location| location.start.0);
    assert_eq!(lines.collect::<Vec<_>>(), [3]);

    // The ops that the daemon solves: three images, the environment with its input and its changes, the packages with theirs, the
    // merge, and the op that names the result. The image also contains the answers that are results of steps, so that another daemon
    // finds them in a cache: three files, three steps that find them out, and four ops with their scripts and other inputs.
    assert_eq!(graph.to_definition().def.len(), 10 + 10);

    // A store serializes, so the build can be compiled again anywhere, with the same bytes.
    let saved = serde_json::to_string(&store).expect("plain data");
    assert_eq!(serde_json::from_str::<Store>(&saved).expect("what was written"), store);
}
