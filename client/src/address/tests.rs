//! Every scheme and every error once.

use super::*;

#[track_caller]
fn check(text: &str, shown: &str) {
    let address: Address = text.parse().unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(address.to_string(), shown);
}

#[track_caller]
fn check_error(text: &str, problem: &str) {
    let error = text.parse::<Address>().expect_err(text);
    assert!(error.to_string().contains(problem), "{error}");
}

#[test]
fn every_scheme_reads_and_prints() {
    check("unix:///run/buildkit/buildkitd.sock", "unix:///run/buildkit/buildkitd.sock");
    check("tcp://10.0.0.1:1234", "tcp://10.0.0.1:1234");
    check("tcp://[::1]:1234", "tcp://[::1]:1234");
    check("docker-container://bk", "docker-container://bk");
    check("docker-container://bk?context=my%20ctx", "docker-container://bk?context=my ctx");
    check("podman-container://bk", "podman-container://bk");
    check("nerdctl-container://bk?namespace=ns", "nerdctl-container://bk?namespace=ns");
    check("kube-pod://p?namespace=n&context=c", "kube-pod://p?context=c&namespace=n");
    check("ssh://me@host:22/run/x.sock", "ssh://me@host:22/run/x.sock");
    check("docker+unix:///var/run/docker.sock", "docker+unix:///var/run/docker.sock");
    check("docker+tcp://engine", "docker+tcp://engine:2375");
    check("docker+ssh://engine", "docker+ssh://engine");
}

#[test]
fn parts_land_in_their_fields() {
    let ssh = Address::Helper(Helper::Ssh(SshTarget {
        user: Some("me".into()),
        host: "host".into(),
        port: Some(2222),
        socket: Some("/s".into()),
    }));
    assert_eq!("ssh://me@host:2222/s".parse(), Ok(ssh));
    let kube = Address::Helper(Helper::KubePod {
        pod: "p".into(),
        context: "c".into(),
        namespace: "n".into(),
        container: "k".into(),
    });
    assert_eq!("kube-pod://p?context=c&namespace=n&container=k".parse(), Ok(kube));
}

#[test]
fn wrong_addresses_say_what_is_wrong() {
    check_error("/run/buildkitd.sock", "expected an address such as");
    check_error("unix://", "socket path is missing");
    check_error("tcp://host", "port is missing");
    check_error("tcp://:1234", "host is missing");
    check_error("tcp://::1:1234", "needs brackets");
    check_error("tcp://host:99999", "not a number up to 65535");
    check_error("http://host:1", "use unix, tcp");
    check_error("docker-container://", "container name is missing");
    check_error("docker-container://--privileged", "must start with a letter");
    check_error("docker-container://bk?contxt=a", "use context");
    check_error("podman-container://bk?context=a", "has no parameters");
    check_error("kube-pod://Pod", "may contain only");
    check_error("kube-pod://p?namespace=a_b", "may contain only");
    check_error("ssh://host?x=1", "cannot have a query");
    check_error("ssh://-oProxyCommand=x", "must not be empty or start with '-'");
}

#[test]
fn a_password_is_refused_and_not_repeated() {
    let error = "ssh://me:geheim@host".parse::<Address>().expect_err("password");
    assert!(!error.to_string().contains("geheim"), "{error}");
    assert!(error.to_string().contains("ssh://me:xxxxx@host"), "{error}");
}

#[test]
fn tls_settings_are_not_ignored() {
    let tls = || TlsFiles { ca: Some("ca.pem".into()), ..TlsFiles::default() };
    let with_tls = |text: &str| text.parse::<Address>().expect(text).with_tls(tls());
    for text in ["tcp://h:1", "docker+tcp://h"] {
        let (Ok(Address::Tcp(tcp)) | Ok(Address::Engine(EngineAddress::Tcp(tcp)))) = with_tls(text) else {
            panic!("{text}")
        };
        assert_eq!(tcp.tls, Some(tls()), "{text}");
    }
    for text in ["unix:///s", "ssh://h", "docker-container://c", "kube-pod://p", "docker+unix:///s", "docker+ssh://h"] {
        let error = with_tls(text).expect_err(text).to_string();
        assert!(error.contains(text) && error.contains("only to TCP addresses"), "{error}");
    }
}
