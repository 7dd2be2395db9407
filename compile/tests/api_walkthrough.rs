//! A tour of the crate: from a spec's text to the bytes a daemon solves, the way a frontend does it.

use std::collections::BTreeSet;

use buildkit_llb::Platform;
use imagespec_compile::{
    Compiled, DEFAULT_UV_IMAGE, Document, Facts, ImageFact, InterpreterFact, Need, Place, Planned, Program, Root,
    Settings, graph_for, image_key, lower, normalize_reference, plan, rootfs_key,
};
use serde_json::json;

#[test]
fn api_walkthrough() {
    // A spec is text that somebody wrote. Parsing checks it and remembers where everything stands.
    let text = "
base_image: python:3.11-slim
packages: [numpy]
env: {MODE: fast}
";
    let parsed = imagespec::parse("imagespec.yaml", text);
    let mut document = Document::of(parsed, None).expect("a valid spec");

    // What the caller chose on the command line; the spec has no say in it.
    let settings = Settings::default();

    // The crate does no IO. It says which facts it misses, somebody gathers them, and it is asked again.
    let mut facts = Facts::default();
    let needs = |planned| match planned {
        Ok(Planned::Needs(needs)) => needs,
        other => panic!("{other:?}"),
    };
    assert_eq!(needs(plan(&mut document, &settings, &facts)), BTreeSet::from([Need::Daemon]));

    // The daemon says what it is and what it can do.
    let amd64 = Platform::linux("amd64");
    facts.default_platform = Some(amd64.clone());
    facts.capabilities = buildkit_llb::caps::ALL.iter().map(|cap| (*cap).to_owned()).collect();

    // Images are asked for by their full names, per platform: the base, and the one that uv is mounted from. A lock that lies
    // beside the spec would spare the build choosing versions.
    let base = normalize_reference("python:3.11-slim").expect("a reference");
    let uv = normalize_reference(DEFAULT_UV_IMAGE).expect("a reference");
    let wanted = [&base, &uv].map(|reference| Need::Image { reference: reference.clone(), platform: amd64.clone() });
    let beside = Need::SpecFile { name: "pylock.imagespec-amd64.toml".to_owned() };
    let wanted = wanted.into_iter().chain([beside]).collect::<BTreeSet<_>>();
    assert_eq!(needs(plan(&mut document, &settings, &facts)), wanted);
    facts.spec_files.insert("pylock.imagespec-amd64.toml".to_owned(), None);
    for reference in [base, uv] {
        let config = json!({"config": {"Env": ["PATH=/usr/local/bin:/usr/bin"]}});
        let pinned = format!("{reference}@sha256:{}", "0".repeat(64));
        facts.images.insert(image_key(&reference, &amd64), ImageFact { reference: pinned, config });
    }

    // The base's config says where programs are, so now somebody has to look which Pythons there are.
    let programs = Need::Programs {
        platform: amd64.clone(),
        place: Place { depth: 0, root: Root::Base },
        folders: vec!["/usr/local/bin".to_owned(), "/usr/bin".to_owned()],
    };
    assert_eq!(needs(plan(&mut document, &settings, &facts)), BTreeSet::from([programs]));
    let python = Program { path: "/usr/local/bin/python3".to_owned(), link: Some("python3.11".to_owned()) };
    facts.rootfs.entry(rootfs_key(&amd64, Place { depth: 0, root: Root::Base })).or_default().programs =
        Some(vec![python]);

    // What has to be run to be known has a graph: who has a daemon solves it and reads one file of the result.
    let asked = needs(plan(&mut document, &settings, &facts));
    let [lock] = asked.iter().collect::<Vec<_>>().try_into().expect("the lock alone");
    let inquiry = graph_for(lock, &mut document, &settings, &facts).expect("a graph answers it");
    assert_eq!(inquiry.file, Some("pylock.toml"));
    // The same step says what the interpreter is.
    let said = "version 3.11.2\nimplementation cpython\nlibc glibc\nlibc-version 2.36\n";
    let python = facts.rootfs.entry(rootfs_key(&amd64, Place { depth: 0, root: Root::Base })).or_default();
    python.interpreters.insert("/usr/local/bin/python3".to_owned(), InterpreterFact::parse(said));
    let Need::Lock { key, .. } = lock else { panic!("{lock:?}") };
    let locked = "lock-version = '1.0'\ncreated-by = 'uv'\n[[packages]]\nname = 'numpy'\nversion = '2.3'\n\
        wheels = [{ url = 'https://example.com/numpy-2.3-py3-none-any.whl', size = 2000000, hashes = { sha256 = '00' } }]\n";
    facts.locks.insert(key.clone(), locked.to_owned());

    // With the lock the groups are known; whether their files clash, only their installs say.
    let asked = needs(plan(&mut document, &settings, &facts));
    let Some(Need::Collisions { key, .. }) = asked.first() else { panic!("{asked:?}") };
    facts.collisions.insert(key.clone(), String::new());

    // All facts are there: one plan per platform, data with no choices left, which prints.
    let Ok(Planned::Complete { plans, warnings }) = plan(&mut document, &settings, &facts) else { panic!("complete") };
    assert!(warnings.is_empty());
    let [plan] = plans.try_into().expect("one platform");
    insta::assert_snapshot!(plan, @r"
    linux/amd64 from docker.io/library/python:3.11-slim@sha256:0000000000000000000000000000000000000000000000000000000000000000
      venv      on base             [python] environment over /usr/local/bin/python3
      wheels    on venv             [pip] numpy
                2.0 MB to download: numpy 2.3
                from packages[0]
      image     branches merged; user root; workdir /root
      note      from the resolved lock, 1 packages, 2.0 MB: one step, because installing so little again costs less than more steps
    ");

    // A plan becomes a graph of ops and an image config. This cannot fail.
    let Compiled { graph, image_config, base_config: _ } = lower(&plan, &document.sources);
    assert_eq!(image_config["config"]["Env"][0], "PATH=/opt/venv/bin:/usr/local/bin:/usr/bin");
    assert_eq!(image_config["config"]["Env"][3], "MODE=fast");

    // Ops know the lines that asked for them, so a failing step points into the spec.
    let root = graph.root().expect("not empty").op();
    assert_eq!(graph.note(root).and_then(|note| note.name.as_deref()), Some("[pip] numpy"));
    assert_eq!(graph.locations(root).map(|location| location.start.0).collect::<Vec<_>>(), [3]);

    // And this is what the daemon solves: base, uv, environment, what installs, install, and the op that names the result.
    assert_eq!(graph.to_definition().def.len(), 6);

    // Facts serialise: with them the build can be compiled again anywhere, to the same bytes.
    let saved = serde_json::to_string(&facts).expect("plain data");
    assert_eq!(serde_json::from_str::<Facts>(&saved).expect("what was written"), facts);
}
