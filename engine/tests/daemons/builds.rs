//! Builds on real daemons: what is built once, again or not at all, and where images end up.

use std::collections::BTreeSet;
use std::sync::Arc;

use imagespec::{BuilderOptions, CopyMode, ImageSpec};
use imagespec_driver::{Event, EventKind, Events};
use imagespec_engine::{BuildRequest, EngineError, Files, ImageBuildEngine, LlbBuilder, NoopBuilder, Settings, exist};

use crate::lab::{ALL, BUILDKITD, CLASSIC, CONTAINERD, credentials, docker, engine, marker, spec, variable, variables};

fn settings() -> Settings {
    Settings::from_variables(variables(std::path::Path::new("/nonexistent")))
}

fn pushed(name: &str) -> ImageSpec {
    spec(name).with_registry(&variable("IMAGESPEC_LAB_REGISTRY")).unwrap()
}

#[tokio::test]
async fn every_daemon_pushes_once() {
    for daemon in ALL {
        let spec = pushed("push");
        let first = engine(daemon, settings());
        let built = first.build(&spec).await.unwrap();
        assert!(built.was_built, "{daemon}");
        assert_eq!(built.real_name, built.image_name, "{daemon}");
        let merges = daemon == BUILDKITD || daemon == CONTAINERD;
        assert_eq!(built.warnings.is_empty(), merges, "{daemon}: {:?}", built.warnings);
        let found = exist(&built.image_name, &credentials(std::path::Path::new("/nonexistent"))).await;
        assert_eq!(found.to_string(), "exists", "{daemon}");
        assert_eq!(
            docker(CONTAINERD, &["run", "--rm", &built.image_name, "cat", "/marker"]),
            Ok(marker(&spec)),
            "{daemon}"
        );
        docker(CONTAINERD, &["rmi", &built.image_name]).unwrap();

        assert_eq!(first.build(&spec).await.unwrap(), built, "{daemon}: the engine remembers the image");
        let second = engine(daemon, settings());
        assert!(!second.build(&spec).await.unwrap().was_built, "{daemon}: a second engine finds the image");
        assert!(second.build(BuildRequest::new(spec).forced()).await.unwrap().was_built, "{daemon}");
        if daemon != BUILDKITD {
            docker(daemon, &["rmi", &built.image_name]).unwrap();
        }
    }
}

#[tokio::test]
async fn two_specs_are_built_in_parallel_and_once_each() {
    let (a, b) = (pushed("first"), pushed("second"));
    let engine = engine(BUILDKITD, settings());
    let built: Vec<_> = engine.build_all([&a, &b, &a]).await.into_iter().map(Result::unwrap).collect();
    assert!(built.iter().all(|built| built.was_built));
    assert_eq!(built[0], built[2]);
    for (spec, built) in [(&a, &built[0]), (&b, &built[1])] {
        assert_eq!(docker(CONTAINERD, &["run", "--rm", &built.image_name, "cat", "/marker"]), Ok(marker(spec)));
        docker(CONTAINERD, &["rmi", &built.image_name]).unwrap();
    }
}

/// The builds of one call send the context once, and a later call sees changed files.
#[tokio::test]
async fn builds_of_one_call_share_the_context() {
    for daemon in ALL {
        let folder = tempfile::tempdir().unwrap();
        let (events, mut received) = Events::channel();
        let mut engine = ImageBuildEngine::new().with_environment(settings());
        engine.register("llb", LlbBuilder::new(variable(daemon).parse().unwrap()).with_events(events), 5);
        let watch = tokio::spawn(async move {
            let mut sent = BTreeSet::new();
            while let Some(Event { kind, .. }) = received.recv().await {
                match kind {
                    EventKind::Vertex { vertex, .. } if vertex.name == "[internal] load build context" => {
                        sent.insert(vertex.digest);
                    }
                    _ => {}
                }
            }
            sent
        });
        for word in ["old", "new"] {
            std::fs::write(folder.path().join("a.txt"), word).unwrap();
            let requests = ["one", "two"].map(|name| {
                let spec = pushed(name).with_copy(["a.txt"]).unwrap();
                BuildRequest::new(spec).with_files(Files::in_folder(folder.path()))
            });
            for built in engine.build_all(&requests).await {
                let image = built.unwrap().image_name;
                let ran = docker(CONTAINERD, &["run", "--rm", &image, "cat", "/root/a.txt"]);
                docker(CONTAINERD, &["rmi", &image]).unwrap();
                assert_eq!(ran.as_deref(), Ok(word), "{daemon}");
            }
        }
        drop(engine);
        assert_eq!(watch.await.unwrap().len(), 2, "{daemon}: once for each call");
    }
}

#[tokio::test]
async fn tasks_share_an_engine() {
    let (events, mut received) = Events::channel();
    let mut engine = ImageBuildEngine::new().with_environment(settings());
    engine.register("llb", LlbBuilder::new(variable(BUILDKITD).parse().unwrap()).with_events(events), 5);
    let engine = Arc::new(engine);
    let spec = pushed("shared");
    let watch = tokio::spawn(async move {
        let mut exports = BTreeSet::new();
        while let Some(Event { kind, .. }) = received.recv().await {
            match kind {
                EventKind::Vertex { vertex, .. } if vertex.name == "exporting to image" => {
                    exports.insert(vertex.digest);
                }
                _ => {}
            }
        }
        exports
    });
    let tasks = [0, 1].map(|_| {
        let (engine, spec) = (Arc::clone(&engine), spec.clone());
        tokio::spawn(async move { engine.build(spec).await })
    });
    let [one, other] = tasks;
    assert_eq!(one.await.unwrap().unwrap(), other.await.unwrap().unwrap());
    engine.build(BuildRequest::new(spec).forced()).await.unwrap();
    drop(engine);
    assert_eq!(watch.await.unwrap().len(), 2, "once for both, and once more for the forced build");
}

#[tokio::test]
async fn images_that_are_not_pushed_are_loaded() {
    let off = Settings { push: false, ..settings() };
    for daemon in [CONTAINERD, CLASSIC] {
        for spec in [spec("loaded"), pushed("held-back")] {
            let image = engine(daemon, off.clone()).build(&spec).await.unwrap().image_name;
            let ran = docker(daemon, &["run", "--rm", "--network", "none", &image, "cat", "/marker"]);
            assert_eq!(ran, Ok(marker(&spec)), "{daemon}");
            docker(daemon, &["rmi", &image]).unwrap();
            let found = exist(&image, &credentials(std::path::Path::new("/nonexistent"))).await;
            assert!(spec.registry().is_none() || found.to_string() == "missing", "{found:?}");
        }
    }
    let spec = spec("elsewhere");
    let mut engine = ImageBuildEngine::new().with_environment(settings());
    let builder = LlbBuilder::new(variable(BUILDKITD).parse().unwrap());
    engine.register("llb", builder.clone().with_engine(variable(CLASSIC).parse().unwrap()), 5);
    let image = engine.build(&spec).await.unwrap().image_name;
    assert_eq!(docker(CLASSIC, &["run", "--rm", "--network", "none", &image, "cat", "/marker"]), Ok(marker(&spec)));
    docker(CLASSIC, &["rmi", &image]).unwrap();
    engine.register("llb", builder, 5);
    let kept = engine.build(&spec).await.unwrap();
    assert!(kept.warnings[0].contains("cache only"), "{kept:?}");
}

#[tokio::test]
async fn a_registry_that_does_not_answer() {
    // Without credentials the registry neither answers nor accepts the image.
    let spec = spec("unknown").with_registry(&variable("IMAGESPEC_LAB_TLS_REGISTRY")).unwrap();
    let strict = engine(BUILDKITD, Settings { fail_fast: true, ..settings() });
    let error = strict.build(&spec).await.unwrap_err();
    assert!(matches!(&error, EngineError::ExistenceUnknown { reason, .. } if reason.contains("401")), "{error}");
    let error = engine(BUILDKITD, settings()).build(&spec).await.unwrap_err();
    assert!(matches!(&error, EngineError::Solve(_)), "it is built, and cannot be pushed: {error}");
    let off = engine(BUILDKITD, Settings { push: false, ..settings() });
    let built = off.build(&spec).await.unwrap();
    assert!(built.was_built && built.warnings[0].contains("401"), "{built:?}");
}

#[tokio::test]
async fn failures_point_into_the_spec() {
    let engine = engine(BUILDKITD, settings());
    let failing = spec("fails").with_commands(["exit 7"]).unwrap();
    for _ in 0..2 {
        let error = engine.build(&failing).await.unwrap_err();
        assert!(matches!(&error, EngineError::Step(_)), "{error}");
        let rendered = error.render();
        for part in ["exit code 7", "imagespec.yaml:", "exit 7"] {
            assert!(rendered.contains(part), "{part}: {rendered}");
        }
    }
    let wrong = spec("wrong").with_python_exec("/no/such/python").unwrap();
    let wrong = wrong.with_packages(["click==8.1.7"]).unwrap();
    let error = engine.build(&wrong).await.unwrap_err();
    assert!(matches!(&error, EngineError::Spec(problems) if !problems.diagnostics.is_empty()), "{error}");
}

#[tokio::test]
async fn files_and_secrets_come_from_the_client() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.txt"), "from the context\n").unwrap();
    let spec = pushed("files").with_copy(["a.txt"]).unwrap();
    let request = |spec: &ImageSpec| BuildRequest::new(spec.clone()).with_files(Files::in_folder(folder.path()));
    let image = engine(BUILDKITD, settings()).build(request(&spec)).await.unwrap().image_name;
    let ran = docker(CONTAINERD, &["run", "--rm", &image, "cat", "/root/a.txt"]);
    docker(CONTAINERD, &["rmi", &image]).unwrap();
    assert_eq!(ran.as_deref(), Ok("from the context"));

    let text = "pip_secret_mounts: [{id: netrc, src: no-such-file, dst: /root/.netrc}]\n";
    let missing = imagespec::parse("spec.yaml", text).spec.unwrap();
    let missing = pushed("secret").with_pip_secret_mounts(missing.pip_secret_mounts().to_vec()).unwrap();
    let error = engine(BUILDKITD, settings()).build(request(&missing)).await.unwrap_err();
    assert!(matches!(&error, EngineError::Secrets(_)) && error.to_string().contains("no-such-file"), "{error}");
}

/// Every builder method of a spec has an effect on the image.
#[tokio::test]
async fn a_spec_made_in_rust() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("src")).unwrap();
    std::fs::write(folder.path().join("src/app.py"), "import os, click\nprint(os.environ['A'], click.__name__)\n")
        .unwrap();
    std::fs::write(folder.path().join("data.txt"), "data\n").unwrap();
    std::fs::write(folder.path().join("requirements.txt"), "iniconfig==2.0.0\n").unwrap();
    let base = ImageSpec::default().with_base_image("python:3.11-slim").unwrap().with_apt_packages(["tree"]).unwrap();
    let spec = ImageSpec::named("engine-test/rust")
        .and_then(|spec| spec.with_registry(&variable("IMAGESPEC_LAB_REGISTRY")))
        .and_then(|spec| spec.with_tag_format("v-{spec_hash}"))
        .and_then(|spec| spec.with_base_spec(base))
        .and_then(|spec| spec.with_python_version("3.11"))
        .and_then(|spec| spec.with_packages(["click==8.1.7"]))
        .and_then(|spec| spec.with_requirements("requirements.txt"))
        .and_then(|spec| spec.with_env("A", "b"))
        .and_then(|spec| spec.with_source("src", CopyMode::All))
        .and_then(|spec| spec.with_copy(["data.txt"]))
        .and_then(|spec| spec.with_commands(["cp /root/data.txt /srv/data"]))
        .and_then(|spec| spec.with_runtime_packages(["markupsafe"]))
        .and_then(|spec| spec.with_entrypoint(["python", "app.py"]))
        .and_then(|spec| spec.with_platform("linux/amd64"))
        .unwrap();
    let options = BuilderOptions::default().with_user("www-data").unwrap();
    let options = options.with_ca_bundle(&variable("IMAGESPEC_LAB_CA_BUNDLE")).unwrap();
    let spec = spec.with_builder_options(options).unwrap();
    assert_eq!(spec.check(), []);
    let request = BuildRequest::new(spec.clone()).with_files(Files::in_folder(folder.path()));
    let image = engine(BUILDKITD, settings()).build(request).await.unwrap().image_name;
    assert!(image.contains("engine-test/rust:v-"), "{image}");
    let script = "cat /srv/data; command -v tree; id -un; python app.py; python -c 'import iniconfig'; \
                  echo $_F_RUNTIME_PACKAGES";
    let ran = docker(CONTAINERD, &["run", "--rm", "--entrypoint", "/bin/sh", &image, "-ec", script]);
    docker(CONTAINERD, &["rmi", &image]).unwrap();
    assert_eq!(ran.as_deref(), Ok("data\n/usr/bin/tree\nwww-data\nb click\nmarkupsafe"));
}

#[tokio::test]
async fn noop_next_to_llb() {
    let mut engine = engine(BUILDKITD, settings());
    engine.register("noop", NoopBuilder, 1);
    let spec = pushed("noop").with_builder("noop").unwrap();
    assert_eq!(engine.build(&spec).await.unwrap().real_name, "debian:bookworm-slim");
}
