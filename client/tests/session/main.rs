//! Sessions with a real daemon: `eval "$(lab/up)"` first, then `cargo test -p buildkit-client --features e2e`.
//!
//! Each test has unique content, so that the daemon's cache has no result of other tests. Without a daemon they fail.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod daemon;
mod registry;
mod tree;

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use buildkit_client::session::auth::{AuthOptions, RegistryAuth};
use buildkit_client::session::exports::ExportTarget;
use buildkit_client::session::files::LocalDir;
use buildkit_client::session::secrets::{SecretSource, Secrets};
use buildkit_client::session::{Session, SessionEnd, SharedKey};
use buildkit_llb::{Copy, Exec, File, LocalSource, Mount, Platform, Source};
use daemon::Daemon;

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_comes_back_as_it_went() {
    let daemon = Daemon::connect().await;
    let source = tree::odd();
    let out = tempfile::tempdir().unwrap();
    let session = Session::builder()
        .with_local_dir("context", LocalDir::new(source.path()))
        .with_export(0, ExportTarget::Directory(out.path().join("direct")))
        .with_export(1, ExportTarget::Directory(out.path().join("again")))
        .open(daemon.channel())
        .await
        .unwrap();
    let definition = daemon::definition(|graph| graph.source(daemon::local("context", &session)));
    daemon.solve(&session, definition, &["local", "local"]).await.unwrap();
    let expected = tree::describe(source.path());
    assert!(expected.len() > 2000);
    for target in ["direct", "again"] {
        tree::assert_same(&tree::describe(&out.path().join(target)), &expected);
    }
    let received = session.received_exports();
    assert_eq!(received.len(), 2);
    assert!(received.iter().all(|export| export.entries == expected.len() as u64), "{received:?}");
    let odd: Vec<&[u8]> =
        expected.keys().map(Vec::as_slice).filter(|name| std::str::from_utf8(name).is_err()).collect();
    let names = session.names_not_utf8();
    assert!(odd.len() == 8 && names.len() == 8, "{names:?}");
    assert!(names.iter().all(|name| odd.contains(&name.as_os_str().as_bytes())), "{names:?}");
    assert!(matches!(session.close().await, SessionEnd::Closed));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copied_tree_comes_back_as_it_went() {
    let daemon = Daemon::connect().await;
    let source = tree::odd();
    let out = tempfile::tempdir().unwrap();
    let session = Session::builder()
        .with_local_dir("context", LocalDir::new(source.path()))
        .with_export(0, ExportTarget::Directory(out.path().to_owned()))
        .open(daemon.channel())
        .await
        .unwrap();
    let definition = daemon::definition(|graph| {
        let local = graph.source(daemon::local("context", &session));
        let copy = Copy { contents_only: true, create_dest_path: true, ..Copy::new(local, "/", "/inner") };
        graph.file(File::scratch().copy(copy))
    });
    daemon.solve(&session, definition, &["local"]).await.unwrap();
    let expected = tree::describe(source.path());
    tree::assert_same(&tree::describe(&out.path().join("inner")), &expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_are_those_of_the_source() {
    let daemon = Daemon::connect().await;
    let source = tree::odd();
    for (local, expected) in [
        (
            LocalSource {
                include: vec!["foo*".to_owned(), "caf\u{e9}".to_owned()],
                exclude: vec!["**/x".to_owned()],
                ..LocalSource::new("context")
            },
            &["caf\u{e9}", "caf\u{e9}/\u{2603}", "foo", "foo!", "foo-bar", "foo.d", "foo.d/y", "foo0"][..],
        ),
        (
            LocalSource {
                exclude: vec!["*".to_owned(), "!many/16/1.txt".to_owned(), "!many/1/1.txt".to_owned()],
                ..LocalSource::new("context")
            },
            &["many", "many/1", "many/1/1.txt"],
        ),
        (
            LocalSource { follow: vec!["links/dir/x".to_owned()], ..LocalSource::new("context") },
            &["foo", "foo/x", "links", "links/dir"],
        ),
    ] {
        let out = tempfile::tempdir().unwrap();
        let session = Session::builder()
            .with_local_dir("context", LocalDir::new(source.path()))
            .with_export(0, ExportTarget::Directory(out.path().to_owned()))
            .open(daemon.channel())
            .await
            .unwrap();
        let local = LocalSource { session: Some(session.id().to_string()), ..local };
        let definition = daemon::definition(|graph| graph.source(Source::local(local.clone())));
        daemon.solve(&session, definition, &["local"]).await.unwrap();
        let found: Vec<String> =
            tree::describe(out.path()).into_keys().map(|path| String::from_utf8(path).unwrap()).collect();
        assert_eq!(found, expected, "{local:?}");
    }
}

/// With the same shared key the daemon requests only what has changed.
#[tokio::test(flavor = "multi_thread")]
async fn only_changes_travel_the_second_time() {
    let daemon = Daemon::connect().await;
    let source = tree::odd();
    let key = SharedKey::for_directory(source.path(), "test");
    let transfer = async || {
        let out = tempfile::tempdir().unwrap();
        let session = Session::builder()
            .with_shared_key(key.clone())
            .with_local_dir("context", LocalDir::new(source.path()))
            .with_export(0, ExportTarget::Directory(out.path().to_owned()))
            .open(daemon.channel())
            .await
            .unwrap();
        let definition = daemon::definition(|graph| graph.source(daemon::local("context", &session)));
        let solved = daemon.solve(&session, definition, &["local"]).await.unwrap();
        // The daemon updates its copy of the directory, and does not set the time of the directory again.
        tree::assert_same(&tree::without_times(out.path()), &tree::without_times(source.path()));
        solved.transferred("transferring context")
    };
    let first = transfer().await;
    assert!(first > 5_000_000, "{first}");
    fs::write(source.path().join("foo/x"), vec![b'x'; 100_000]).unwrap();
    fs::remove_file(source.path().join("many/3/3.txt")).unwrap();
    let second = transfer().await;
    // The stats of 2000 entries and one file.
    assert!((100_000..400_000).contains(&second), "{second}");
}

#[tokio::test(flavor = "multi_thread")]
async fn directories_that_were_not_named_are_refused() {
    let daemon = Daemon::connect().await;
    let source = tempfile::tempdir().unwrap();
    let session = Session::builder()
        .with_local_dir("context", LocalDir::new(source.path()))
        .open(daemon.channel())
        .await
        .unwrap();
    let definition = daemon::definition(|graph| graph.source(daemon::local("other", &session)));
    let error = daemon.solve(&session, definition, &[]).await.unwrap_err();
    assert!(error.contains("no access allowed to dir \"other\""), "{error}");
}

/// The daemon drops an error that occurs when the directory is opened, unless the client reports it.
#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_is_gone_is_named() {
    let daemon = Daemon::connect().await;
    let session = Session::builder()
        .with_local_dir("context", LocalDir::new("/nowhere/at/all"))
        .open(daemon.channel())
        .await
        .unwrap();
    let definition = daemon::definition(|graph| graph.source(daemon::local("context", &session)));
    let error = daemon.solve(&session, definition, &[]).await.unwrap_err();
    assert!(error.contains("/nowhere/at/all"), "{error}");
}

/// Keeps what is written to it.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn images_and_archives_arrive_as_files_and_streams() {
    let daemon = Daemon::connect().await;
    let source = tree::odd();
    let out = tempfile::tempdir().unwrap();
    let (reader, writer) = tokio::io::duplex(64 * 1024);
    let kept = Kept::default();
    let mut sink = kept.clone();
    let reading = tokio::spawn(async move {
        let mut reader = reader;
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let length = tokio::io::AsyncReadExt::read(&mut reader, &mut buffer).await.unwrap();
            if length == 0 {
                return;
            }
            std::io::Write::write_all(&mut sink, &buffer[..length]).unwrap();
        }
    });
    let session = Session::builder()
        .with_local_dir("context", LocalDir::new(source.path()))
        .with_export(0, ExportTarget::File(out.path().join("image.tar")))
        .with_export(1, ExportTarget::Writer(Box::new(writer)))
        .open(daemon.channel())
        .await
        .unwrap();
    let definition = daemon::definition(|graph| graph.source(daemon::local("context", &session)));
    let solved = daemon.solve(&session, definition, &["oci", "tar"]).await.unwrap();
    reading.await.unwrap();
    let digest = &solved.response["containerimage.digest"];
    let received = session.received_exports();
    let image = received.iter().find(|export| export.exporter == 0).unwrap();
    assert_eq!(&image.metadata["containerimage.digest"], digest);
    assert_eq!(image.bytes, fs::metadata(out.path().join("image.tar")).unwrap().len());
    let (_, hex) = digest.split_once(':').unwrap();
    let listing = tree::tar_names(&fs::read(out.path().join("image.tar")).unwrap());
    assert!(listing.contains(&format!("blobs/sha256/{hex}")), "{listing:?}");
    let archive = kept.0.lock().unwrap().clone();
    let listing = tree::tar_names(&archive);
    for name in ["foo-bar", "many/0/0.txt", "big"] {
        assert!(listing.iter().any(|listed| listed == name), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_build_leaves_the_old_file() {
    let daemon = Daemon::connect().await;
    let out = tempfile::tempdir().unwrap();
    let target = out.path().join("image.tar");
    fs::write(&target, b"old").unwrap();
    let session =
        Session::builder().with_export(0, ExportTarget::File(target.clone())).open(daemon.channel()).await.unwrap();
    let definition = daemon::definition(|graph| graph.source(daemon::local("context", &session)));
    daemon.solve(&session, definition, &["oci"]).await.unwrap_err();
    session.close().await;
    assert_eq!(fs::read(&target).unwrap(), b"old");
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn steps_get_secrets_and_nothing_else_does() {
    let daemon = Daemon::connect().await;
    let out = tempfile::tempdir().unwrap();
    let secret = buildkit_client::solve::new_reference();
    let mut secrets = Secrets::default();
    let environment = |name: &str| (name == "TOKEN").then(|| secret.clone().into());
    secrets.add("token", SecretSource::Env("TOKEN".to_owned()), environment).unwrap();
    let session = Session::builder()
        .with_secrets(secrets)
        .with_export(0, ExportTarget::Directory(out.path().to_owned()))
        .open(daemon.channel())
        .await
        .unwrap();
    let amd64 = Platform::linux("amd64");
    let image = std::env::var("IMAGESPEC_LAB_DEBIAN_IMAGE").expect("IMAGESPEC_LAB_DEBIAN_IMAGE: run lab/up");
    let build = |id: &str, salt: &str| {
        daemon::definition(|graph| {
            let base = graph.source(Source::image(&format!("docker.io/library/{image}"), amd64.clone()));
            let script = format!("tr a-z0-9 b-z0-9a < /run/secret > /out/{salt}");
            let exec = Exec::new(["/bin/sh", "-c", &script], base, amd64.clone())
                .with_mount(Mount::secret("/run/secret", id))
                .with_mount(Mount::scratch_output("/out"));
            graph.exec(exec).at("/out").unwrap()
        })
    };
    let salt = buildkit_client::solve::new_reference();
    daemon.solve(&session, build("token", &salt), &["local"]).await.unwrap();
    let shifted = fs::read_to_string(out.path().join(&salt)).unwrap();
    let alphabet: Vec<char> = ('a'..='z').chain('0'..='9').collect();
    let expected: String = secret
        .chars()
        .map(|character| alphabet[(alphabet.iter().position(|letter| *letter == character).unwrap() + 1) % 36])
        .collect();
    assert_eq!(shifted, expected);
    let error = daemon.solve(&session, build("unknown", "x"), &["local"]).await.unwrap_err();
    assert!(error.contains("secret unknown: not found"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn registries_with_passwords_are_pushed_to_and_pulled_from() {
    let daemon = Daemon::connect().await;
    let registry = std::env::var("IMAGESPEC_LAB_TLS_REGISTRY").expect("IMAGESPEC_LAB_TLS_REGISTRY: run lab/up");
    let [user, password] = ["USER", "PASSWORD"].map(|what| {
        let variable = format!("IMAGESPEC_LAB_TLS_REGISTRY_{what}");
        std::env::var(&variable).unwrap_or_else(|_| panic!("{variable}: run lab/up"))
    });
    let config = tempfile::tempdir().unwrap();
    let entry = format!(r#"{{"auths": {{"{registry}": {{"username": "{user}", "password": "{password}"}}}}}}"#);
    fs::write(config.path().join("config.json"), entry).unwrap();
    let name = format!("{registry}/session-test/{}:1", buildkit_client::solve::new_reference());
    let source = tempfile::tempdir().unwrap();
    fs::write(source.path().join("file"), &name).unwrap();
    let open = async |config_dir: Option<&Path>, out: &Path| {
        let options = AuthOptions { config_dir: config_dir.map(Into::into), ..AuthOptions::default() };
        Session::builder()
            .with_registry_auth(RegistryAuth::new(options).unwrap())
            .with_local_dir("context", LocalDir::new(source.path()))
            .with_export(0, ExportTarget::Directory(out.to_owned()))
            .open(daemon.channel())
            .await
            .unwrap()
    };
    let out = tempfile::tempdir().unwrap();
    let pushed = |session| daemon::definition(|graph| graph.source(daemon::local("context", session)));
    let stranger = open(None, out.path()).await;
    let error = daemon.push(&stranger, pushed(&stranger), &name).await.unwrap_err();
    assert!(error.contains("401"), "{error}");
    let user = open(Some(config.path()), out.path()).await;
    daemon.push(&user, pushed(&user), &name).await.unwrap();
    let amd64 = Platform::linux("amd64");
    let pulled = daemon::definition(|graph| graph.source(Source::image(&name, amd64)));
    daemon.solve(&user, pulled, &["local"]).await.unwrap();
    assert_eq!(fs::read_to_string(out.path().join("file")).unwrap(), name);
}

/// The client fetches bearer tokens, unless this is disabled.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_fetched_here_and_passwords_stay_here() {
    let daemon = Daemon::connect().await;
    for no_client_token in [false, true] {
        let registry = registry::TokenRegistry::start().await;
        let config = tempfile::tempdir().unwrap();
        // dTpw is u:p
        let entry = format!(r#"{{"auths": {{"{}": {{"auth": "dTpw"}}}}}}"#, registry.host());
        fs::write(config.path().join("config.json"), entry).unwrap();
        let config_dir = Some(config.path().to_owned());
        let options = AuthOptions { config_dir, no_client_token, ..AuthOptions::default() };
        let out = tempfile::tempdir().unwrap();
        let session = Session::builder()
            .with_registry_auth(RegistryAuth::new(options).unwrap())
            .with_export(0, ExportTarget::Directory(out.path().to_owned()))
            .open(daemon.channel())
            .await
            .unwrap();
        let image = format!("{}/{}:1", registry.host(), registry::REPOSITORY);
        let definition = daemon::definition(|graph| graph.source(Source::image(&image, Platform::linux("amd64"))));
        daemon.solve(&session, definition, &["local"]).await.unwrap();
        assert_eq!(fs::read(out.path().join("hello")).unwrap(), registry.content());
        let requests = registry.token_requests();
        assert!(!requests.is_empty());
        for request in requests {
            let is_ours = request.agent.starts_with("buildkit-client/");
            assert_eq!(is_ours, !no_client_token, "{request:?}");
            if is_ours {
                assert!(request.text.starts_with("POST ") && request.text.contains("password=p"), "{request:?}");
            }
        }
    }
}

/// Two unanswered health checks end a session. The daemon sends one every five seconds.
#[tokio::test(flavor = "multi_thread")]
async fn an_idle_session_stays() {
    let daemon = Daemon::connect().await;
    let source = tempfile::tempdir().unwrap();
    fs::write(source.path().join("file"), buildkit_client::solve::new_reference()).unwrap();
    let out = tempfile::tempdir().unwrap();
    let session = Session::builder()
        .with_local_dir("context", LocalDir::new(source.path()))
        .with_export(0, ExportTarget::Directory(out.path().to_owned()))
        .open(daemon.channel())
        .await
        .unwrap();
    tokio::time::timeout(Duration::from_secs(12), session.closed()).await.unwrap_err();
    let definition = daemon::definition(|graph| graph.source(daemon::local("context", &session)));
    daemon.solve(&session, definition, &["local"]).await.unwrap();
    tree::assert_same(&tree::describe(out.path()), &tree::describe(source.path()));
}
