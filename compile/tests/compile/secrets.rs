//! Secrets are mounted at their targets, and are in no argument, no image and no text that leaves the machine.

use buildkit_proto::Message as _;
use imagespec_compile::{CaBundle, Settings};

use crate::world::{World, build, build_with, described, problems};

#[test]
fn files_and_variables() {
    let spec = "
packages: [numpy]
pip_secret_mounts:
  - [.netrc, /root/.netrc]
  - {id: token, env: UV_INDEX_PRIVATE_PASSWORD}
";
    let install = described(&build(spec, &World::python()).graph(), "[pip] numpy");
    assert!(install.contains("mount /root/.netrc secret secret_0 0:0 400\n"), "{install}");
    assert!(install.contains("secret env UV_INDEX_PRIVATE_PASSWORD = token\n"), "{install}");
    let old = World::python().without(&["exec.secretenv"]);
    let install = described(&build(spec, &old).graph(), "[pip] numpy");
    assert!(
        install.contains("\"export-secrets\", \"UV_INDEX_PRIVATE_PASSWORD\", \"/dev/imagespec/secrets/1\", \"--\", ")
    );
    assert!(install.contains("mount /dev/imagespec/secrets/1 secret token 0:0 400\n"), "{install}");
    assert!(!install.contains("secret env"), "{install}");
}

#[test]
fn only_install_steps_get_secrets() {
    let spec = "
apt_packages: [git]
packages: [numpy]
pip_secret_mounts: [[.netrc, /root/.netrc]]
commands: [\"true\"]
";
    let dump = build(spec, &World::python()).graph().dump().to_string();
    assert_eq!(dump.matches("secret secret_0").count(), 2, "the lock, and the packages: {dump}");
}

#[test]
fn a_target_below_the_builds_mounts_is_refused() {
    for path in ["/dev", "/dev/imagespec", "/dev/imagespec/ca.pem", "/dev/imagespec/requirements/x"] {
        let shown = problems(&format!("packages: [a]\npip_secret_mounts: [[x, {path}]]\n"), &World::python());
        assert!(shown.starts_with(&format!("error[E111]: a secret cannot be mounted at {path}")), "{shown}");
    }
    for path in ["/dev/imagespecs", "/device", "/dev/shm/x"] {
        build(&format!("packages: [a]\npip_secret_mounts: [[x, {path}]]\n"), &World::python());
    }
}

#[test]
fn credentials_in_comments_are_not_sent() {
    let comment = "# was: --index-url https://joe:hunter2@example.org/simple\n";
    let world = World::python().with_file("requirements.txt", &format!("{comment}numpy\n"));
    let built = build(&format!("{comment}requirements: requirements.txt\n"), &world);
    let bytes = built.graph().to_definition().encode_to_vec();
    let sent = String::from_utf8_lossy(&bytes);
    assert!(sent.contains("# was:"), "comments are part of what a failure is shown in");
    assert!(!sent.contains("hunter2"));
}

#[test]
fn only_steps_with_network_access_get_the_ca_bundle() {
    let spec = "
apt_packages: [git]
packages: [numpy]
commands: [\"true\"]
source_root: .
";
    let with_field = format!("{spec}builder_options: {{ca_bundle: company.pem}}\n");
    let of_settings = Settings { ca_bundle: Some(CaBundle { secret_id: "ours".to_owned() }), ..Settings::default() };
    for (text, settings, id) in [
        (with_field.as_str(), Settings::default(), CaBundle::DEFAULT_ID),
        (spec, of_settings.clone(), "ours"),
        (with_field.as_str(), of_settings, "ours"),
    ] {
        let graph = build_with(text, &settings, &World::python()).graph();
        for step in ["[apt]", "[pip] numpy", "[commands]"] {
            let detail = described(&graph, step);
            assert!(detail.contains(&format!("mount /dev/imagespec/ca.pem secret {id} 0:0 444\n")), "{detail}");
            assert!(detail.contains("env SSL_CERT_FILE=\"/dev/imagespec/ca.pem\"\n"), "{detail}");
        }
        assert!(!described(&graph, "[python] create an environment").contains("ca.pem"));
    }
}
