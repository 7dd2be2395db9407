//! The lab's daemons and registries, and a user's environment for them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use buildkit_client::session::auth::RegistryAuth;
use imagespec::ImageSpec;
use imagespec_driver::auth_options;
use imagespec_engine::{ImageBuildEngine, LlbBuilder, Settings, Variables};

#[track_caller]
pub(crate) fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run eval \"$(lab/up)\""))
}

/// The variables with the addresses of the daemons.
pub(crate) const BUILDKITD: &str = "BUILDKIT_HOST";
pub(crate) const CONTAINERD: &str = "IMAGESPEC_LAB_ENGINE_CONTAINERD";
pub(crate) const CLASSIC: &str = "IMAGESPEC_LAB_ENGINE_CLASSIC";
pub(crate) const ENGINE_2010: &str = "IMAGESPEC_LAB_ENGINE_2010";
pub(crate) const ALL: [&str; 4] = [BUILDKITD, CONTAINERD, CLASSIC, ENGINE_2010];

/// A word that no other run uses.
pub(crate) fn fresh() -> String {
    buildkit_client::solve::new_reference()
}

/// A user's environment: a folder with Docker's configuration, and trust in the lab's certificate authority.
pub(crate) fn variables(config: &Path) -> Variables {
    variables_and(config, [])
}

/// The same with more variables.
pub(crate) fn variables_and<const N: usize>(config: &Path, more: [(&'static str, OsString); N]) -> Variables {
    let mut known: BTreeMap<&str, OsString> = BTreeMap::from([
        ("DOCKER_CONFIG", config.into()),
        ("SSL_CERT_FILE", variable("IMAGESPEC_LAB_TLS_REGISTRY_CA").into()),
    ]);
    known.extend(more);
    Variables::new(move |name| known.get(name).cloned())
}

/// A Docker configuration folder with a login for the TLS registry that uses this password.
pub(crate) fn logged_in(password: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (host, user) = (variable("IMAGESPEC_LAB_TLS_REGISTRY"), variable("IMAGESPEC_LAB_TLS_REGISTRY_USER"));
    let entry = serde_json::json!({"auths": {host: {"username": user, "password": password}}});
    std::fs::write(folder.path().join("config.json"), entry.to_string()).unwrap();
    folder
}

pub(crate) fn credentials(config: &Path) -> RegistryAuth {
    RegistryAuth::new(auth_options(None, &variables(config))).unwrap()
}

/// An engine on a daemon, with a user's environment.
#[track_caller]
pub(crate) fn engine(daemon: &str, settings: Settings) -> ImageBuildEngine {
    let mut engine = ImageBuildEngine::new().with_environment(settings);
    engine.register("llb", LlbBuilder::new(variable(daemon).parse().unwrap()), 5);
    engine
}

/// A quick spec that no other run has built.
pub(crate) fn spec(name: &str) -> ImageSpec {
    let spec =
        ImageSpec::named(&format!("engine-test/{name}")).unwrap().with_base_image("debian:bookworm-slim").unwrap();
    spec.with_commands([format!("echo {} >/marker", fresh())]).unwrap()
}

pub(crate) fn docker(daemon: &str, args: &[&str]) -> Result<String, String> {
    let mut command = Command::new(variable("IMAGESPEC_LAB_DOCKER"));
    let output = command.args(["--host", &variable(daemon)]).args(args).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().trim().to_owned();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

/// The text that the spec's command wrote.
pub(crate) fn marker(spec: &ImageSpec) -> String {
    spec.commands()[0].split(' ').nth(1).unwrap().to_owned()
}
