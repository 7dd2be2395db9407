//! The order of candidates, in artificial environments.

use std::collections::BTreeMap;
use std::io;

use buildkit_proto::Digest;

use super::*;

#[derive(Default)]
struct Made {
    variables: BTreeMap<String, String>,
    files: BTreeMap<PathBuf, String>,
}

impl Made {
    fn set(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    fn file(mut self, path: &str, content: &str) -> Self {
        self.files.insert(path.into(), content.into());
        self
    }

    fn context(self, name: &str, endpoint: &str) -> Self {
        let id = Digest::from_content(name.as_bytes()).hex();
        let meta =
            format!(r#"{{"Name":"{name}","Metadata":{{}},"Endpoints":{{"docker":{endpoint},"other":{{"x":1}}}}}}"#);
        self.file(&format!("/home/me/.docker/contexts/meta/{id}/meta.json"), &meta)
            .file(&format!("/home/me/.docker/contexts/tls/{id}/docker/ca.pem"), "ca")
    }

    fn builder(self, name: &str, driver: &str, endpoint: &str, options: &str) -> Self {
        let content = format!(
            r#"{{"Name":"{name}","Driver":"{driver}","Nodes":[{{"Name":"{name}0","Endpoint":"{endpoint}","Platforms":null,"DriverOpts":{options},"Flags":null,"Files":null}}],"Dynamic":false}}"#
        );
        self.file(&format!("/home/me/.docker/buildx/instances/{}", name.to_lowercase()), &content)
    }
}

impl Environment for Made {
    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }
    fn home(&self) -> Option<PathBuf> {
        Some("/home/me".into())
    }
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.files.get(path).map(|text| text.clone().into_bytes()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
    fn exists(&self, path: &Path) -> bool {
        self.files.keys().any(|file| file.starts_with(path))
    }
}

/// One line for the choice, and one for each candidate.
fn describe(options: &DiscoverOptions, environment: &Made) -> String {
    match discover(options, environment) {
        Ok(found) => {
            let considered: Vec<String> = found.considered.iter().map(ToString::to_string).collect();
            format!("{} because {}\n{}", found.address, found.reason, considered.join("\n"))
        }
        Err(error) => format!("error: {error}"),
    }
}

#[track_caller]
fn check(environment: &Made, choice: &str) {
    let text = describe(&DiscoverOptions::default(), environment);
    assert_eq!(text.lines().next().unwrap_or_default(), choice, "{text}");
}

#[test]
fn everything_set_is_taken_in_order() {
    let all = || {
        Made::default()
            .set("DOCKER_CONTEXT", "ctx")
            .context("ctx", r#"{"Host":"tcp://ctx:2376"}"#)
            .file("/run/buildkit/buildkitd.sock", "")
            .file("/var/run/docker.sock", "")
    };
    let by_flag = DiscoverOptions { address: Some("tcp://flag:1".into()), builder: Some("b".into()), tls: None };
    let with_host = || all().set("BUILDKIT_HOST", "tcp://bk:2").builder("b", "remote", "tcp://remote:3", "{}");
    assert!(describe(&by_flag, &with_host()).starts_with("tcp://flag:1 because --addr"));
    let by_builder = DiscoverOptions { builder: Some("b".into()), ..DiscoverOptions::default() };
    assert!(
        describe(&by_builder, &with_host()).starts_with("tcp://remote:3 because --builder names buildx builder \"b\"")
    );
    check(&with_host().set("BUILDX_BUILDER", "b"), "tcp://remote:3 because BUILDX_BUILDER names buildx builder \"b\"");
    check(&with_host(), "tcp://bk:2 because BUILDKIT_HOST");
    check(&all().set("DOCKER_HOST", "ssh://me@host"), "docker+ssh://me@host because DOCKER_HOST");
    check(&all(), "docker+tcp://ctx:2376 because Docker context \"ctx\" (DOCKER_CONTEXT)");
    check(
        &all().set("DOCKER_CONTEXT", "default"),
        "unix:///run/buildkit/buildkitd.sock because /run/buildkit/buildkitd.sock",
    );
}

#[test]
fn sockets_are_tried_in_order_and_all_are_listed() {
    let environment = Made::default().set("XDG_RUNTIME_DIR", "/run/user/7:/other").file("/var/run/docker.sock", "");
    insta::assert_snapshot!(describe(&DiscoverOptions::default(), &environment), @r"
    docker+unix:///var/run/docker.sock because /var/run/docker.sock
    BUILDKIT_HOST: none
    buildx builder in use: none
    Docker context: none
    /run/buildkit/buildkitd.sock: none
    /run/user/7/buildkit/buildkitd.sock: none
    /var/run/docker.sock: docker+unix:///var/run/docker.sock
    ");
    let rootless = environment.file("/run/user/7/buildkit/buildkitd.sock", "");
    check(&rootless, "unix:///run/user/7/buildkit/buildkitd.sock because /run/user/7/buildkit/buildkitd.sock");
}

#[test]
fn nothing_at_all_names_every_place() {
    let error = discover(&DiscoverOptions::default(), &Made::default()).expect_err("nothing is there");
    let text = error.to_string();
    for place in ["BUILDKIT_HOST", "Docker context", "/run/buildkit/buildkitd.sock", "/var/run/docker.sock"] {
        assert!(text.contains(place), "{place} in {text}");
    }
    assert!(error.help().is_some());
}

#[test]
fn an_empty_variable_is_unset() {
    let environment = Made::default()
        .set("BUILDKIT_HOST", "")
        .set("DOCKER_HOST", "")
        .set("DOCKER_CONTEXT", "")
        .file("/home/me/.docker/config.json", r#"{"currentContext":"ctx","auths":{}}"#)
        .context("ctx", r#"{"Host":"unix:///ctx.sock"}"#);
    check(&environment, "docker+unix:///ctx.sock because Docker context \"ctx\" (config.json)");
}

#[test]
fn a_named_daemon_that_cant_be_used_is_an_error() {
    let error = |environment: Made| describe(&DiscoverOptions::default(), &environment);
    assert_eq!(
        error(Made::default().set("BUILDKIT_HOST", "bk")),
        "error: BUILDKIT_HOST: invalid daemon address \"bk\": expected an address such as unix:///path, tcp://host:port, \
         docker-container://name, kube-pod://pod or ssh://host"
    );
    assert_eq!(
        error(Made::default().set("DOCKER_CONTEXT", "gone")),
        "error: Docker context \"gone\" (DOCKER_CONTEXT): there is no such context"
    );
    assert_eq!(
        error(Made::default().set("BUILDX_BUILDER", "gone")),
        "error: BUILDX_BUILDER: no builder or Docker context is named \"gone\""
    );
    let broken = error(Made::default().file("/home/me/.docker/config.json", "{"));
    assert!(broken.starts_with("error: Docker configuration: can't read /home/me/.docker/config.json"), "{broken}");
}

#[test]
fn a_context_brings_its_tls_files() {
    let environment =
        Made::default().set("DOCKER_CONTEXT", "ctx").context("ctx", r#"{"Host":"tcp://ctx","SkipTLSVerify":true}"#);
    let found = discover(&DiscoverOptions::default(), &environment).expect("found");
    let Address::Engine(EngineAddress::Tcp(tcp)) = found.address else { panic!("{}", found.address) };
    let tls = tcp.tls.expect("files are there");
    assert!(tls.skip_verify && tls.ca.expect("a CA").ends_with("docker/ca.pem"));
    assert_eq!((tls.cert, tcp.port), (None, 2376));
}

#[test]
fn docker_host_has_tls_from_variables() {
    let environment = Made::default()
        .set("DOCKER_HOST", "tcp://h")
        .set("DOCKER_TLS_VERIFY", "1")
        .set("DOCKER_CERT_PATH", "/certs")
        .file("/certs/ca.pem", "")
        .file("/certs/cert.pem", "")
        .file("/certs/key.pem", "");
    let found = discover(&DiscoverOptions::default(), &environment).expect("found");
    let Address::Engine(EngineAddress::Tcp(tcp)) = found.address else { panic!("{}", found.address) };
    let file = |name: &str| Some(PathBuf::from("/certs").join(name));
    let expect = TlsFiles { ca: file("ca.pem"), cert: file("cert.pem"), key: file("key.pem"), ..TlsFiles::default() };
    assert_eq!(tcp.tls, Some(expect));
}

#[test]
fn each_driver_has_its_way() {
    let reach = |driver: &str, endpoint: &str, options: &str| {
        let environment =
            Made::default().builder("B", driver, endpoint, options).context("ctx", r#"{"Host":"unix:///e.sock"}"#);
        let by_builder = DiscoverOptions { builder: Some("b".into()), ..DiscoverOptions::default() };
        describe(&by_builder, &environment).lines().next().unwrap_or_default().to_owned()
    };
    let because = "because --builder names buildx builder \"B\"";
    assert_eq!(reach("docker", "ctx", "null"), format!("docker+unix:///e.sock {because}"));
    assert_eq!(
        reach("docker-container", "unix:///x.sock", "{}"),
        format!("container buildx_buildkit_B0 on unix:///x.sock {because}")
    );
    assert_eq!(reach("remote", "kube-pod://p", "{}"), format!("kube-pod://p {because}"));
    assert!(reach("kubernetes", "kubernetes:///b", "{}").contains("--addr kube-pod://POD"));
    assert!(reach("remote", "podman-container://p", "{}").contains("can't use the endpoint"));
    assert!(reach("remote", "tcp://h:1", r#"{"cert":"/c"}"#).contains("no cacert"));
    assert!(reach("remote", "tcp://h:1", r#"{"cacert":"c"}"#).contains("not an absolute path"));
    assert!(reach("remote", "unix:///s", r#"{"cacert":"/c"}"#).contains("only to TCP addresses"));
}

#[test]
fn a_builder_in_use_counts_for_its_own_context_only() {
    let used = |key: &str, global: bool| {
        let current = format!(r#"{{"Key":"{key}","Name":"b","Global":{global}}}"#);
        Made::default()
            .builder("b", "remote", "tcp://b:1", "{}")
            .file("/home/me/.docker/buildx/current", &current)
            .file("/var/run/docker.sock", "")
    };
    let selected = "tcp://b:1 because docker buildx use selected buildx builder \"b\"";
    check(&used("unix:///var/run/docker.sock", false), selected);
    check(&used("elsewhere", true), selected);
    check(&used("elsewhere", false), "docker+unix:///var/run/docker.sock because /var/run/docker.sock");
    check(&used("tcp://h:1", false).set("DOCKER_HOST", "tcp://h:1"), selected);
    check(&used("elsewhere", false).set("DOCKER_HOST", "tcp://h:1"), "docker+tcp://h:1 because DOCKER_HOST");
}

#[test]
fn a_default_builder_is_found_by_the_hash_of_its_key() {
    let id = &Digest::from_content(b"ctx").hex()[..20];
    let environment = Made::default()
        .set("DOCKER_CONTEXT", "ctx")
        .context("ctx", r#"{"Host":"unix:///e.sock"}"#)
        .builder("b", "remote", "tcp://b:1", "{}")
        .file(&format!("/home/me/.docker/buildx/defaults/{id}"), "b\n");
    check(&environment, "tcp://b:1 because docker buildx use selected buildx builder \"b\"");
}

#[test]
fn a_selected_builder_that_cant_be_used_is_skipped_and_listed() {
    let environment = Made::default()
        .builder("k", "kubernetes", "kubernetes:///k", "{}")
        .file("/home/me/.docker/buildx/current", r#"{"Key":"","Name":"k","Global":true}"#)
        .file("/var/run/docker.sock", "");
    let text = describe(&DiscoverOptions::default(), &environment);
    assert!(text.starts_with("docker+unix:///var/run/docker.sock"), "{text}");
    assert!(text.contains("buildx builder in use: builder \"k\" uses the kubernetes driver"), "{text}");
}

#[test]
fn the_engine_to_load_into_is_dockers_own() {
    let engine = |environment: Made| discover_engine(&environment).expect("readable").map(|engine| engine.to_string());
    assert_eq!(engine(Made::default().file("/run/buildkit/buildkitd.sock", "")), None);
    assert_eq!(
        engine(Made::default().file("/var/run/docker.sock", "")).as_deref(),
        Some("unix:///var/run/docker.sock")
    );
    assert_eq!(engine(Made::default().set("DOCKER_HOST", "tcp://h:1")).as_deref(), Some("tcp://h:1"));
}

#[test]
fn tls_flags_are_for_tcp_addresses() {
    let tls = TlsFiles { ca: Some("ca.pem".into()), ..TlsFiles::default() };
    let find = |address: Option<&str>, environment: Made| {
        let address = address.map(str::to_owned);
        let options = DiscoverOptions { address, tls: Some(tls.clone()), ..DiscoverOptions::default() };
        discover(&options, &environment)
    };
    let found = find(None, Made::default().set("BUILDKIT_HOST", "tcp://bk:2")).expect("TCP");
    let Address::Tcp(tcp) = found.address else { panic!("{}", found.address) };
    assert_eq!(tcp.tls.as_ref(), Some(&tls));
    for (address, environment) in [
        (Some("unix:///s"), Made::default()),
        (None, Made::default().set("BUILDKIT_HOST", "ssh://h")),
        (None, Made::default().set("BUILDX_BUILDER", "b").builder("b", "remote", "tcp://remote:3", "{}")),
        (None, Made::default().file("/var/run/docker.sock", "")),
    ] {
        let error = find(address, environment).expect_err("not for TLS").to_string();
        assert!(error.contains("TCP address"), "{error}");
    }
}
