//! Loading and pushing images with Engines.

use std::process::Command;

use buildkit_client::address::EngineAddress;
use buildkit_client::dial::DialOptions;
use buildkit_client::engine::{Engine, ImageError, ImageEvent, RegistryAuth};
use buildkit_client::output::{DaemonFacts, LoadEngine, OutputOptions, OutputPlan, Target, plan_outputs};
use buildkit_client::session::Session;
use buildkit_client::session::exports::ExportTarget;
use buildkit_client::solve::SolveOptions;

use crate::lab::{address, connect, fresh, options, run, run_served, shell, variable};

fn docker(host: &str, args: &[&str]) -> Result<String, String> {
    let mut command = Command::new(variable("IMAGESPEC_LAB_DOCKER"));
    let output = command.args(["--host", host]).args(args).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().trim().to_owned();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

async fn open(host: &str) -> Engine {
    let engine: EngineAddress = host.parse().unwrap();
    Engine::open(&engine, &DialOptions::default()).await.unwrap()
}

const ENGINES: [&str; 3] =
    ["IMAGESPEC_LAB_ENGINE_CONTAINERD", "IMAGESPEC_LAB_ENGINE_CLASSIC", "IMAGESPEC_LAB_ENGINE_2010"];

#[tokio::test]
async fn an_image_built_elsewhere_is_loaded_into_every_engine() {
    let connection = connect(&address(&variable("BUILDKIT_HOST"))).await;
    for name in ENGINES {
        let host = variable(name);
        let engine = open(&host).await;
        let containerd_store = engine.has_containerd_store().await.unwrap();
        assert_eq!(containerd_store, name == "IMAGESPEC_LAB_ENGINE_CONTAINERD");
        let tag = format!("imagespec-test-load:{}", fresh());
        let wanted = OutputOptions { load: true, tags: vec![tag.clone()], ..OutputOptions::default() };
        let mut facts = DaemonFacts::new(connection.image_store());
        facts.load_engine = Some(LoadEngine { containerd_store });
        let OutputPlan { exports, .. } = plan_outputs(&wanted, &facts).unwrap();
        let [export] = exports.as_slice() else { panic!("{exports:?}") };
        assert_eq!(export.target, Some(Target::Engine { context: None }));
        assert_eq!(export.exporter.kind.as_str(), if containerd_store { "oci" } else { "docker" });

        let (writer, load) = engine.load();
        let session = Session::builder().with_export(0, ExportTarget::Writer(Box::new(writer)));
        let session = session.open(connection.channel.clone()).await.unwrap();
        let request = SolveOptions {
            exporters: vec![export.exporter.clone()],
            ..options(shell(&format!("echo {tag} > /loaded")))
        };
        let mut events = Vec::new();
        let (report, loaded) =
            tokio::join!(run_served(&connection, session.id(), request), load.run(|event| events.push(event)));
        report.outcome.unwrap();
        assert!(loaded.unwrap(), "{name}");
        assert!(
            events.iter().any(|event| matches!(event, ImageEvent::Message(text) if text.contains(&tag))),
            "{events:?}"
        );
        session.close().await;
        let inside = docker(&host, &["run", "--rm", "--network", "none", &tag, "cat", "/loaded"]);
        assert_eq!(inside, Ok(tag.clone()), "{name}");
        docker(&host, &["rmi", &tag]).unwrap();
    }
}

#[tokio::test]
async fn a_build_that_exports_nothing_loads_nothing() {
    let engine = open(&variable("IMAGESPEC_LAB_ENGINE_CLASSIC")).await;
    let (writer, load) = engine.load();
    drop(writer);
    assert!(!load.run(|event| panic!("{event:?}")).await.unwrap());
}

#[tokio::test]
async fn bytes_that_are_no_archive_are_refused() {
    use tokio::io::AsyncWriteExt as _;
    let engine = open(&variable("IMAGESPEC_LAB_ENGINE_CLASSIC")).await;
    let (mut writer, load) = engine.load();
    let write = async {
        // The Engine may close the connection before it has read everything.
        let _ = writer.write_all(&[b'x'; 4096]).await;
        drop(writer);
    };
    let ((), loaded) = tokio::join!(write, load.run(drop));
    let error = loaded.expect_err("no tar");
    assert!(matches!(error, ImageError::Failed { .. } | ImageError::Call(_)), "{error:?}");
}

#[tokio::test]
async fn a_classic_store_is_pushed_by_its_engine() {
    for name in ["IMAGESPEC_LAB_ENGINE_CLASSIC", "IMAGESPEC_LAB_ENGINE_2010"] {
        let connection = connect(&address(&variable(name))).await;
        let engine = connection.engine().unwrap();
        let tag = format!("{}/imagespec-test/push:{}", variable("IMAGESPEC_LAB_REGISTRY"), fresh());
        let wanted = OutputOptions { push: true, tags: vec![tag.clone()], ..OutputOptions::default() };
        let mut facts = DaemonFacts::new(connection.image_store());
        facts.multiple_exporters = false;
        let OutputPlan { exports, push_afterwards, .. } = plan_outputs(&wanted, &facts).unwrap();
        assert_eq!(push_afterwards, std::slice::from_ref(&tag));
        let exporters = exports.into_iter().map(|export| export.exporter).collect();
        let request = SolveOptions { exporters, ..options(shell(&format!("echo {tag} > /pushed"))) };
        run(&connection, request).await.outcome.unwrap();
        let mut pushed = None;
        engine
            .push(&tag, None, |event| {
                if let ImageEvent::Pushed { digest, .. } = event {
                    pushed = Some(digest);
                }
            })
            .await
            .unwrap();
        let digest = pushed.expect("the Engine reports the digest");
        // A second engine pulls it from the registry by that digest.
        let other = variable("IMAGESPEC_LAB_ENGINE_CONTAINERD");
        let repository = tag.rsplit_once(':').unwrap().0;
        docker(&other, &["pull", "-q", &format!("{repository}@{digest}")]).unwrap();
        docker(&other, &["rmi", &format!("{repository}@{digest}")]).unwrap();
        docker(&variable(name), &["rmi", &tag]).unwrap();
    }
}

#[tokio::test]
async fn a_registry_that_wants_a_password_gets_it_or_refuses() {
    let host = variable("IMAGESPEC_LAB_ENGINE_CLASSIC");
    let engine = open(&host).await;
    let tag = format!("{}/imagespec-test/push:{}", variable("IMAGESPEC_LAB_TLS_REGISTRY"), fresh());
    docker(&host, &["tag", &variable("IMAGESPEC_LAB_DEBIAN_IMAGE"), &tag]).unwrap();
    let error = engine.push(&tag, None, drop).await.expect_err("a password is needed");
    assert!(error.to_string().contains("no basic auth credentials"), "{error}");
    let auth = RegistryAuth {
        username: variable("IMAGESPEC_LAB_TLS_REGISTRY_USER"),
        password: variable("IMAGESPEC_LAB_TLS_REGISTRY_PASSWORD"),
        server_address: variable("IMAGESPEC_LAB_TLS_REGISTRY"),
        ..RegistryAuth::default()
    };
    engine.push(&tag, Some(&auth), drop).await.unwrap();
    docker(&host, &["rmi", &tag]).unwrap();
}

#[tokio::test]
async fn an_image_missing_in_the_engine_is_reported() {
    let engine = open(&variable("IMAGESPEC_LAB_ENGINE_CLASSIC")).await;
    let error = engine.push("localhost:1/none:1", None, drop).await.expect_err("no such image");
    assert!(error.to_string().contains("does not exist"), "{error}");
}
