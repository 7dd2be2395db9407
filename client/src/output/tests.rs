//! Values of `--output`, and their plans on each kind of daemon.

use super::*;
use crate::dial::ImageStore;

fn parse(text: &str) -> Output {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

fn shown(output: &Output) -> String {
    let dest = match &output.dest {
        Some(Destination::Path(path)) => format!(" → {}", path.display()),
        Some(Destination::Stdout) => " → stdout".to_owned(),
        None => String::new(),
    };
    let attrs: String = output.attrs.iter().map(|(key, value)| format!(" {key}={value}")).collect();
    format!("{}{attrs}{dest}", output.kind.name())
}

#[test]
fn every_form_of_output() {
    let check = |text: &str, expect: &str| assert_eq!(shown(&parse(text)), expect, "{text}");
    check("out", "local → out");
    check("-", "tar → stdout");
    check("a=b", "local → a=b");
    check("type=local,dest=out", "local → out");
    check("type=tar", "tar");
    check("type=tar,dest=-", "tar → stdout");
    check("Type=oci,DEST=a.tar,compression=zstd", "oci compression=zstd → a.tar");
    check("type=docker", "docker");
    check("type=registry", "image push=true unpack=false");
    check("type=registry,unpack=true", "image push=true unpack=true");
    check(r#"type=image,"name=a,b",push=true"#, "image name=a,b push=true");
    check(
        "type=image,annotation.k=v,annotation-index[linux/amd64].org.x=y",
        "image annotation-index[linux/amd64].org.x=y annotation.k=v",
    );
    check("type=cacheonly", "cacheonly");
}

#[test]
fn mistakes_in_outputs_are_reported() {
    for (text, problem) in [
        ("type=imag", "did you mean \"image\"?"),
        ("dest=x,a=b", "type=… is missing"),
        ("type=image,compresion=zstd", "did you mean \"compression\"?"),
        ("type=image,annotation-manfest.k=v", "has no attribute"),
        ("type=image,dest=x", "does not support dest"),
        ("type=local,dest=x,name=y", "has no attribute \"name\""),
        ("type=local,dest", "is not KEY=VALUE"),
        ("type=image,\"name=a", "not closed"),
    ] {
        let error = text.parse::<Output>().map(|output| shown(&output)).expect_err(text).to_string();
        assert!(error.contains(problem), "{error}");
    }
}

const BUILDKITD: DaemonFacts =
    DaemonFacts { store: ImageStore::None, load_engine: None, default_load: false, multiple_exporters: true };
const CLASSIC: DaemonFacts = DaemonFacts { store: ImageStore::Classic, ..BUILDKITD };
const CONTAINERD: DaemonFacts = DaemonFacts { store: ImageStore::Containerd, ..BUILDKITD };

/// Words: `push`, `load`, `multi` (platforms), `iid`, `tty`; a word with a colon is a tag, others are outputs.
fn describe(words: &str, daemon: &DaemonFacts) -> String {
    let mut options = OutputOptions::default();
    for word in words.split_whitespace() {
        match word {
            "push" => options.push = true,
            "load" => options.load = true,
            "multi" => options.multi_platform = true,
            "iid" => options.image_id_file = true,
            "tty" => options.stdout_is_terminal = true,
            tag if tag.contains(':') => options.tags.push(tag.to_owned()),
            output => options.outputs.push(parse(output)),
        }
    }
    match plan_outputs(&options, daemon) {
        Ok(OutputPlan { exports, push_afterwards, warnings }) => {
            let mut parts: Vec<String> = exports
                .into_iter()
                .map(|Export { exporter, target }| {
                    let attrs: String = exporter.attrs.iter().map(|(key, value)| format!(" {key}={value}")).collect();
                    let target = match target {
                        None => String::new(),
                        Some(Target::Directory(path)) => format!(" → {}/", path.display()),
                        Some(Target::File(path)) => format!(" → {}", path.display()),
                        Some(Target::Stdout) => " → stdout".to_owned(),
                        Some(Target::Engine { context: None }) => " → engine".to_owned(),
                        Some(Target::Engine { context: Some(context) }) => format!(" → engine of {context}"),
                    };
                    format!("{}{attrs}{target}", exporter.kind)
                })
                .collect();
            parts.extend(push_afterwards.iter().map(|name| format!("then push {name}")));
            parts.extend(warnings.iter().map(|_| "warning".to_owned()));
            parts.join("; ")
        }
        Err(error) => format!("error: {error}"),
    }
}

#[test]
fn a_standalone_daemon_exports_the_requested_outputs() {
    let loads = |containerd_store| DaemonFacts { load_engine: Some(LoadEngine { containerd_store }), ..BUILDKITD };
    assert_eq!(describe("a:1", &BUILDKITD), "warning");
    assert_eq!(describe("a:1", &DaemonFacts { default_load: true, ..loads(false) }), "docker name=a:1 → engine");
    assert_eq!(describe("type=cacheonly", &BUILDKITD), "");
    assert_eq!(describe("push a:1 b:2", &BUILDKITD), "image name=a:1,b:2 push=true unpack=false");
    assert_eq!(describe("push type=image,name=x", &BUILDKITD), "image name=x push=true unpack=false");
    assert_eq!(
        describe("push type=oci,dest=/nowhere/f a:1", &BUILDKITD),
        "oci name=a:1 → /nowhere/f; image name=a:1 push=true unpack=false"
    );
    assert_eq!(describe("load a:1", &loads(false)), "docker name=a:1 → engine");
    assert_eq!(describe("load a:1", &loads(true)), "oci name=a:1 → engine");
    assert_eq!(describe("load multi a:1", &loads(true)), "oci name=a:1 → engine");
    assert_eq!(describe("type=docker,context=c", &loads(true)), "oci → engine of c");
    assert_eq!(describe("type=tar", &BUILDKITD), "tar → stdout");
    assert_eq!(describe("type=local,dest=/nowhere/d", &BUILDKITD), "local → /nowhere/d/");
}

#[test]
fn a_containerd_store_loads_as_it_exports() {
    assert_eq!(describe("a:1", &CONTAINERD), "moby name=a:1");
    assert_eq!(describe("load a:1", &CONTAINERD), "moby name=a:1");
    assert_eq!(describe("push a:1", &CONTAINERD), "moby name=a:1 push=true unpack=false");
    assert_eq!(describe("push load a:1", &CONTAINERD), "moby name=a:1 push=true");
    assert_eq!(describe("multi push a:1", &CONTAINERD), "moby name=a:1 push=true unpack=false");
    assert_eq!(describe("type=oci,dest=/nowhere/f", &CONTAINERD), "oci → /nowhere/f");
}

#[test]
fn a_classic_store_pushes_afterwards() {
    assert_eq!(describe("a:1", &CLASSIC), "moby name=a:1");
    assert_eq!(describe("load a:1", &CLASSIC), "moby name=a:1");
    assert_eq!(describe("push a:1 b:2", &CLASSIC), "moby name=a:1,b:2; then push a:1; then push b:2");
    assert_eq!(describe("push load a:1", &CLASSIC), "moby name=a:1; then push a:1");
    assert_eq!(describe("type=tar", &CLASSIC), "tar → stdout");
    assert_eq!(
        describe("type=oci,dest=/nowhere/f", &CLASSIC),
        "error: type=oci is not possible with the Engine's classic image store; enable its containerd image store or use a different builder"
    );
    assert!(describe("multi a:1", &CLASSIC).contains("several platforms is not possible"));
}

#[test]
fn impossible_outputs_are_reported_before_the_build() {
    let dir = tempfile::tempdir().expect("temp dir");
    let file = dir.path().join("file");
    std::fs::write(&file, "").expect("written");
    let check = |words: &str, daemon: &DaemonFacts, problem: &str| {
        let text = describe(words, daemon);
        assert!(text.starts_with("error: ") && text.contains(problem), "{words}: {text}");
    };
    check("push", &BUILDKITD, "needs a name");
    check("load", &BUILDKITD, "no Docker Engine to load");
    check(
        "load multi",
        &DaemonFacts { load_engine: Some(LoadEngine { containerd_store: false }), ..BUILDKITD },
        "type=oci, or an Engine",
    );
    check("multi type=docker,dest=/nowhere/f", &BUILDKITD, "use type=oci");
    check("type=local", &BUILDKITD, "needs dest=FOLDER");
    check("type=local,dest=-", &BUILDKITD, "needs dest=FOLDER");
    check(&format!("type=local,dest={}", file.display()), &BUILDKITD, "it is not a folder");
    check(&format!("type=tar,dest={}", dir.path().display()), &BUILDKITD, "it is a folder");
    check("type=local,dest=/nowhere/d,mode=delete", &BUILDKITD, "mode=delete");
    check("type=oci,dest=/nowhere/d,tar=false", &BUILDKITD, "tar=false");
    check("type=tar tty", &BUILDKITD, "terminal");
    check("type=tar type=oci", &BUILDKITD, "only one output");
    check("out iid", &BUILDKITD, "does not make an image");
    check("type=image,push=true,push-by-digest=true,name=x", &CONTAINERD, "by digest");
    check(
        "type=image type=tar,dest=/nowhere/f",
        &DaemonFacts { multiple_exporters: false, ..BUILDKITD },
        "one output per build",
    );
}
