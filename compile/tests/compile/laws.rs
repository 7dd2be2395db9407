//! Properties of caching: which edit changes which vertex, for any spec.
//!
//! A vertex that moves is built again, so each law is a promise about what an edit costs.

use std::collections::{BTreeMap, BTreeSet};

use buildkit_llb::{Graph, Op, OpId, Platform};
use buildkit_proto::Message as _;
use imagespec_compile::{Avoided, CaBundle, NoCache, ResolveMode, Settings, Shape};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

use crate::world::{Build, World, build_with, digests, document, ops, try_build};

/// A spec as its fields, so that an edit is one assignment.
type Fields = BTreeMap<&'static str, Value>;

const PACKAGES: [&str; 6] =
    ["numpy", "pandas>=2", "flask[async]", "six==1.16.0", "torch ; python_version > '3.8'", "a.b-c"];
const APT: [&str; 5] = ["git", "curl", "libgomp1", "vim=2:9*", "less"];

/// Specs without `commands` and without anything built from source.
fn specs() -> impl Strategy<Value = Fields> {
    let fields = (
        subsequence(&PACKAGES[..], 1..=PACKAGES.len()),
        subsequence(&APT[..], 1..=APT.len()),
        select(vec![json!(null), json!("src"), json!(".")]),
        select(vec![json!(null), json!(["data"]), json!([".", "a b"])]),
        select(vec![json!(null), json!("app"), json!("1000:1000")]),
        select(vec![json!(null), json!("requirements.txt")]),
        any::<bool>(),
    );
    fields.prop_map(|(packages, apt, source_root, copy, user, requirements, has_secrets)| {
        let mut fields = Fields::from([
            ("packages", json!(packages)),
            ("apt_packages", json!(apt)),
            ("source_root", source_root),
            ("copy", copy),
            ("requirements", requirements),
            ("env", json!({"UV_HTTP_TIMEOUT": "60", "MODE": "x"})),
            ("builder_options", json!({"user": user})),
        ]);
        if has_secrets {
            fields.insert("pip_secret_mounts", json!([["a", "/root/.netrc"], {"id": "t", "src_env": "T", "env": "T"}]));
        }
        fields
    })
}

/// Worlds with daemons that can merge and that cannot.
fn worlds() -> impl Strategy<Value = World> {
    let old = ["mergeop", "diffop", "exec.secretenv", "file.copy.includeexcludepatterns"];
    select(vec![world(), world().chained(), world().without(&old)])
}

fn world() -> World {
    World::python().with_file("requirements.txt", "requests==2.32.0\nidna\n").with_file(".gitignore", "*.log\n!a.log\n")
}

fn text(fields: &Fields) -> String {
    json!(fields).to_string()
}

fn build(fields: &Fields, world: &World) -> Build {
    let document = document("spec.json", &text(fields));
    try_build(document, &Settings::default(), world).unwrap_or_else(|problems| panic!("{problems}"))
}

fn graph(fields: &Fields, world: &World) -> Graph {
    build(fields, world).graph()
}

fn all(graph: &Graph) -> BTreeSet<String> {
    digests(graph, "")
}

/// Asserts that an edit of the spec moves no vertex.
fn moves_nothing(fields: &Fields, world: &World, edit: impl FnOnce(&mut Fields)) -> Result<(), TestCaseError> {
    let mut edited = fields.clone();
    edit(&mut edited);
    prop_assert_ne!(fields, &edited, "an edit edits");
    // The bytes of all ops, in the order in which they are sent.
    prop_assert_eq!(graph(fields, world).to_definition().def, graph(&edited, world).to_definition().def);
    Ok(())
}

fn config() -> ProptestConfig {
    // A failure is reproduced by its printed input; there is nothing to keep beside the source.
    ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_only_the_image_says_moves_nothing(fields in specs(), world in worlds(), value in "[ -~]{0,12}") {
        moves_nothing(&fields, &world, |fields| {
            fields.insert("env", json!({"UV_HTTP_TIMEOUT": "60", "MODE": "y", "OTHER": literal(&value), "PATH": "/x:$PATH"}));
        })?;
        moves_nothing(&fields, &world, |fields| {
            fields.insert("entrypoint", json!([value]));
        })?;
        moves_nothing(&fields, &world, |fields| {
            fields.insert("entrypoint", json!([]));
        })?;
        moves_nothing(&fields, &world, |fields| {
            fields.insert("name", json!("other"));
        })?;
    }

    #[test]
    fn a_label_moves_nothing(fields in specs(), world in worlds(), has_commands in any::<bool>(), value in "\\PC{0,12}") {
        let mut fields = fields;
        if has_commands {
            fields.insert("commands", json!(["make install"]));
        }
        moves_nothing(&fields, &world, |fields| {
            let options = fields.entry("builder_options").or_default();
            options["labels"] = json!({"org.example.note": value});
        })?;
        let settings = Settings { labels: BTreeMap::from([("a".to_owned(), value)]), ..Settings::default() };
        let labelled = try_build(document("spec.json", &text(&fields)), &settings, &world).expect("sound");
        prop_assert_eq!(labelled.graph().to_definition(), graph(&fields, &world).to_definition());
    }

    #[test]
    fn what_installers_read_moves_the_install_and_not_apt(fields in specs()) {
        let mut edited = fields.clone();
        edited.insert("env", json!({"UV_HTTP_TIMEOUT": "61", "MODE": "x"}));
        let (before, after) = (graph(&fields, &world()), graph(&edited, &world()));
        prop_assert_eq!(digests(&before, "[apt]"), digests(&after, "[apt]"));
        prop_assert_eq!(digests(&before, "[python] create an environment"), digests(&after, "[python] create an environment"));
        prop_assert_ne!(digests(&before, "[pip]"), digests(&after, "[pip]"));
    }

    #[test]
    fn apt_and_python_do_not_move_each_other(fields in specs(), apt in subsequence(&APT[..], 0..=APT.len()), package in select(&["zope", "attrs"][..])) {
        let python = |graph: &Graph| {
            let parts = ["[python]", "[source]", "[copy]", "[user]", "[internal] write requirements"];
            parts.into_iter().flat_map(|part| digests(graph, part)).collect::<BTreeSet<String>>()
        };
        let before = graph(&fields, &world());
        let mut edited = fields.clone();
        edited.insert("apt_packages", json!(apt));
        prop_assert_eq!(python(&before), python(&graph(&edited, &world())));
        let mut edited = fields.clone();
        edited.insert("packages", json!([package]));
        let after = graph(&edited, &world());
        for part in ["[apt]", "[python] create an environment", "[source]", "[copy]", "[user]", "[internal] write apt"] {
            prop_assert_eq!(digests(&before, part), digests(&after, part), "{}", part);
        }
        prop_assert_ne!(digests(&before, "[pip]"), digests(&after, "[pip]"));
    }

    #[test]
    fn in_a_chain_a_step_moves_only_those_after_it(fields in specs(), package in select(&["zope", "attrs"][..])) {
        let world = world().chained();
        let before = graph(&fields, &world);
        let mut edited = fields.clone();
        edited.insert("packages", json!([package]));
        let after = graph(&edited, &world);
        for part in ["[user]", "[apt]", "[python] create an environment"] {
            prop_assert_eq!(digests(&before, part), digests(&after, part), "{}", part);
        }
        for part in ["[source]", "[copy]"] {
            let (before, after) = (digests(&before, part), digests(&after, part));
            prop_assert!(before.is_disjoint(&after), "{} is built on a vertex that changed", part);
        }
    }

    #[test]
    fn comments_and_layout_of_requirements_move_nothing(
        fields in specs(),
        world in worlds(),
        comment in "[ -~]{0,20}",
        blanks in 0usize..4,
    ) {
        let mut fields = fields;
        fields.insert("requirements", json!("requirements.txt"));
        let edited = format!(
            "# {comment}\n{}requests==2.32.0   # {comment}\n{}  idna\r\n#{comment}",
            " ".repeat(blanks),
            "\n".repeat(blanks)
        );
        let before = graph(&fields, &world).to_definition();
        prop_assert_eq!(before.def, graph(&fields, &world.with_file("requirements.txt", &edited)).to_definition().def);
    }

    #[test]
    fn order_moves_nothing(fields in specs(), world in worlds(), seed in any::<prop::sample::Index>()) {
        let mut fields = fields;
        fields.insert("commands", json!(["true"]));
        let turned = |value: &Value| match value.as_array() {
            Some(items) if items.len() > 1 => {
                let mut items = items.clone();
                let at = seed.index(items.len());
                items.rotate_left(at);
                json!(items)
            }
            _ => value.clone(),
        };
        // Keys in another order, install sets turned; `copy` is a list in which the last one wins.
        let mut members: Vec<String> = fields
            .iter()
            .map(|(name, value)| {
                let value = if name.ends_with("packages") { turned(value) } else { value.clone() };
                format!("{:?}: {value}", name)
            })
            .collect();
        members.reverse();
        let at = seed.index(members.len());
        members.rotate_left(at);
        let text = format!("{{{}}}", members.join(", "));
        let other = try_build(document("spec.json", &text), &Settings::default(), &world).expect("sound");
        prop_assert_eq!(other.graph().to_definition().def, graph(&fields, &world).to_definition().def);
    }

    #[test]
    fn the_session_moves_the_context_and_what_stands_on_it(fields in specs(), world in worlds(), has_commands in any::<bool>()) {
        let mut fields = fields;
        if has_commands {
            fields.insert("commands", json!(["true"]));
        }
        let before = graph(&fields, &world);
        let after = graph(&fields, &World { session: Some("s1".to_owned()), ..world.clone() });
        let on_context = above_locals(&before);
        let digest = |graph: &Graph, id: OpId| graph.digest(id).expect("of this graph").to_string();
        for id in before.reachable() {
            let moved = !all(&after).contains(&digest(&before, id));
            prop_assert_eq!(moved, on_context.contains(&id), "{}", before.dump());
        }
        // Without a session in the facts there is none in the graph.
        let none = graph(&fields, &World { session: None, ..world.clone() });
        prop_assert!(!none.dump().to_string().contains("local.session"));
        let mut built = build(&fields, &world);
        built.plans[0].forget_session();
        prop_assert_eq!(built.graph().to_definition(), none.to_definition());
    }

    #[test]
    fn where_secrets_come_from_moves_nothing(fields in specs(), world in worlds(), source in "[a-z/.]{1,12}") {
        let mut fields = fields;
        let secrets = |file: &str, variable: &str| {
            json!([{"id": "f", "src": file, "dst": "/root/.netrc"}, {"id": "v", "src_env": variable, "env": "V"}])
        };
        fields.insert("pip_secret_mounts", secrets("netrc", "TOKEN"));
        moves_nothing(&fields, &world, |fields| {
            fields.insert("pip_secret_mounts", secrets(&format!("x{source}"), "OTHER"));
        })?;
    }

    #[test]
    fn settings_outside_of_the_ops_move_nothing(fields in specs(), world in worlds()) {
        let built = |settings: &Settings| {
            let document = document("spec.json", &text(&fields));
            try_build(document, settings, &world).expect("sound").graph().to_definition().def
        };
        let plain = built(&Settings::default());
        let epoch = Settings { source_date_epoch: Some(0), ..Settings::default() };
        prop_assert_eq!(&built(&epoch), &plain);
        // All references are pinned, so nobody has to look anything up.
        let pull = Settings { resolve_mode: ResolveMode::Pull, ..Settings::default() };
        prop_assert_eq!(&built(&pull), &plain);
    }

    /// A daemon keeps ops in progress by their digests, whether they ignore the cache or not.
    #[test]
    fn what_depends_on_a_step_without_cache_is_shared_with_no_other_build(
        fields in specs(), world in worlds(), step in select(vec!["lock", "apt", "pip", "copy"])
    ) {
        let built = |settings: &Settings| {
            try_build(document("spec.json", &text(&fields)), settings, &world).expect("sound").graph()
        };
        let plain = digests(&built(&Settings::default()), "");
        let no_cache = NoCache::Steps(vec![step.to_owned()]);
        let graph = built(&Settings { no_cache, ..Settings::default() });
        let mut apart = BTreeSet::new();
        let mut all = ops(&graph);
        // Inputs come before the ops that read them.
        all.sort_by_key(|(id, _, _)| *id);
        for (id, name, op) in all {
            let is_ignored = graph.note(id).is_some_and(|note| note.ignore_cache);
            if is_ignored || op.inputs().iter().any(|input| apart.contains(&input.op())) {
                apart.insert(id);
            }
            let is_shared = graph.digest(id).is_some_and(|digest| plain.contains(&digest.to_string()));
            prop_assert_eq!(is_shared, !apart.contains(&id), "{}", name);
        }
    }

    /// A daemon whose state is broken must not find what it has.
    #[test]
    fn avoided_results_have_other_digests(fields in specs(), world in worlds()) {
        let built = |avoided| {
            let document = document("spec.json", &text(&fields));
            try_build(document, &Settings { avoided, ..Settings::default() }, &world).expect("sound")
        };
        let plain = built(Avoided::Nothing);
        for (avoided, parts) in [(Avoided::Records, ["[record]"].as_slice()), (Avoided::Steps, &["[record]", "[pip]", "[lock]"])] {
            let other = built(avoided);
            prop_assert_eq!(other.image(), plain.image());
            for part in parts {
                let (known, found) = (digests(&plain.graph(), part), digests(&other.graph(), part));
                prop_assert_eq!(known.len(), found.len());
                prop_assert!(known.is_disjoint(&found), "{}", part);
            }
        }
    }

    #[test]
    fn the_same_inputs_give_the_same_bytes(fields in specs(), world in worlds()) {
        let bytes = || graph(&fields, &world).to_definition().encode_to_vec();
        prop_assert_eq!(bytes(), bytes());
        prop_assert_eq!(build(&fields, &world).image(), build(&fields, &world).image());
    }

    #[test]
    fn platforms_share_the_context_only(fields in specs(), world in worlds()) {
        let of = |platforms: &[&str]| {
            let platforms = platforms.iter().map(|name| Platform::linux(name)).collect();
            let settings = Settings { platforms, ..Settings::default() };
            let built = try_build(document("spec.json", &text(&fields)), &settings, &world).expect("sound");
            built.compile().into_iter().map(|compiled| compiled.graph).collect::<Vec<_>>()
        };
        let both = of(&["amd64", "arm64"]);
        let shared: BTreeSet<String> = all(&both[0]).intersection(&all(&both[1])).cloned().collect();
        for (id, name, op) in ops(&both[0]) {
            let is_shared = shared.contains(&both[0].digest(id).expect("of this graph").to_string());
            let is_neutral = match op {
                Op::Source(source) => source.identifier().starts_with("local://"),
                // The program that stands in for an interpreter is machine code.
                Op::File(_) => {
                    let is_for_one = ["write install inputs", "write interpreter inputs"].iter().any(|end| name.ends_with(end));
                    name.contains("internal] write") && !is_for_one
                }
                Op::Exec(_) | Op::Merge(_) | Op::Diff(_) => false,
                Op::Build(_) | Op::Passthrough(_) | Op::Foreign(_) => false,
            };
            prop_assert_eq!(is_shared, is_neutral, "{}", name);
        }
        // Building for another platform too costs the first one nothing.
        prop_assert_eq!(all(&of(&["amd64"])[0]), all(&both[0]));
        prop_assert_eq!(all(&of(&["arm64", "amd64"])[1]), all(&both[0]));
    }

    #[test]
    fn every_step_is_an_op_of_that_name(fields in specs(), world in worlds()) {
        let mut fields = fields;
        fields.insert("commands", json!(["true", "false"]));
        let built = build(&fields, &world);
        let graph = built.graph();
        let names: Vec<String> = ops(&graph).into_iter().map(|(_, name, _)| name).collect();
        for step in &built.plans[0].steps {
            // Wheels are a step and a copy in a chain.
            let most = if built.plans[0].shape == Shape::Chain && step.id == "wheels" { 2 } else { 1 };
            prop_assert_eq!(names.iter().filter(|name| **name == step.title).count(), most, "{}", step.title);
        }
        prop_assert!(names.iter().all(|name| !name.is_empty()), "{:?}", names);
    }

    #[test]
    fn no_text_of_a_spec_becomes_a_program(hostile in prop::collection::vec(hostile(), SLOTS.len()), world in worlds()) {
        let plain: Vec<String> = SLOTS.iter().map(|slot| format!("plain-{slot}")).collect();
        let (before, after) = (argv(&plain, &world), argv(&hostile, &world));
        prop_assert_eq!(before.len(), after.len());
        for (before, after) in before.iter().zip(&after) {
            prop_assert_eq!(before.len(), after.len(), "{:?}", after);
            for (before, after) in before.iter().zip(after) {
                let expect = expected(before, &plain, &hostile);
                prop_assert_eq!(&expect, after, "a text stays one argument");
            }
            if after.first().is_some_and(|program| program == "/bin/sh") {
                prop_assert_eq!(&before[..3], &after[..3], "scripts are constants");
            }
        }
    }
}

/// The ops that are built on a local source, and the sources themselves.
fn above_locals(graph: &Graph) -> BTreeSet<OpId> {
    let mut above = BTreeSet::new();
    for (id, _, op) in ops(graph) {
        let is_local = matches!(op, Op::Source(source) if source.identifier().starts_with("local://"));
        if is_local || op.inputs().iter().any(|input| above.contains(&input.op())) {
            above.insert(id);
        }
    }
    above
}

/// Places of a spec that take almost any text.
const SLOTS: [&str; 8] = ["index", "links", "exec", "secret", "copy", "source", "env", "entrypoint"];

/// What a shell would do something with.
fn hostile() -> impl Strategy<Value = String> {
    "[a-z$`;|&<>(){}\\[\\]\"\\\\*?!#~=%+,^@:-]{1,16}".prop_filter("not a way to leave a folder", |text| {
        // Each slot has rules of its own; these texts would be refused before they come here.
        !text.contains('@') && !text.starts_with(['-', '.']) && text.chars().any(|c| !c.is_ascii_lowercase())
    })
}

/// A value of a variable that refers to no other.
fn literal(value: &str) -> String {
    value.replace('\\', "\\\\").replace('$', "\\$")
}

/// The arguments of all processes, the user's own commands left out.
fn argv(texts: &[String], world: &World) -> Vec<Vec<String>> {
    let [index, links, exec, secret, copy, source, env, entrypoint] = texts else { panic!("one text per slot") };
    // A `$name` in a URL is refused: nothing would expand it.
    let index = index.replace('$', "%24");
    let mut fields = Fields::from([
        ("packages", json!(["numpy"])),
        ("apt_packages", json!(["git"])),
        ("pip_index", json!(format!("https://host/{index}"))),
        ("pip_extra_args", json!(format!("--find-links '/{links}'"))),
        ("python_exec", json!(format!("/opt/{exec}"))),
        ("pip_secret_mounts", json!([{"id": "x", "dst": format!("/run/{secret}")}, {"id": "y", "env": "TOKEN"}])),
        ("copy", json!([format!("cc{copy}")])),
        ("source_root", json!(format!("ss{source}"))),
        ("env", json!({"UV_X": literal(env), "MODE": literal(env)})),
        ("entrypoint", json!([entrypoint])),
    ]);
    fields.insert("builder_options", json!({"labels": {"a": env}, "user": "app"}));
    let mut world = world.clone();
    world.base.exists.insert(format!("/opt/{exec}"), true);
    world.sources = vec![format!("ss{source}/main.py")];
    let graph = graph(&fields, &world);
    let args = |op: &Op| match op {
        Op::Exec(exec) => Some(exec.args().to_vec()),
        _ => None,
    };
    ops(&graph).into_iter().filter_map(|(_, _, op)| args(op)).collect()
}

/// An argument of the plain spec as it has to be for the hostile one.
fn expected(plain: &str, before: &[String], after: &[String]) -> String {
    let slot = |name: &str, prefix: &str| {
        let at = SLOTS.iter().position(|slot| *slot == name).expect("a slot");
        (format!("{prefix}{}", before[at]), format!("{prefix}{}", after[at]))
    };
    let whole = [slot("index", "https://host/"), slot("links", "/"), slot("exec", "/opt/")];
    let found = whole.into_iter().find(|(before, _)| before == plain);
    found.map_or_else(
        || plain.to_owned(),
        |(_, after)| after.replace('$', if after.starts_with("https") { "%24" } else { "$" }),
    )
}

#[test]
fn a_ca_bundle_moves_what_it_is_mounted_in() {
    let spec = "apt_packages: [git]\npackages: [numpy]\nsource_root: .\n";
    let bundle = Settings { ca_bundle: Some(CaBundle { secret_id: "ca".to_owned() }), ..Settings::default() };
    let before = build_with(spec, &Settings::default(), &world()).graph();
    let after = build_with(spec, &bundle, &world()).graph();
    for part in ["[source]", "[python] create an environment"] {
        assert_eq!(digests(&before, part), digests(&after, part), "{part}");
    }
    for part in ["[apt]", "[pip]"] {
        assert!(digests(&before, part).is_disjoint(&digests(&after, part)), "{part}");
    }
}
