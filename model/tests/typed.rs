//! Specs made in Rust: what is refused, and that they equal the spec of a file.

use imagespec::{
    BuilderConfig, BuilderOptions, Bytecode, CopyMode, Flavor, ImageSpec, Invalid, SecretMount, SecretSource,
    SecretTarget, parse,
};

fn code<T: std::fmt::Debug>(made: Result<T, Invalid>) -> &'static str {
    made.expect_err("not valid").code
}

#[test]
fn every_value_is_checked_when_it_is_set() {
    let spec = ImageSpec::default;
    assert_eq!(code(ImageSpec::named("My Image")), "E008");
    assert_eq!(code(spec().with_base_image("scratch")), "E007");
    assert_eq!(code(spec().with_python_version("9.9")), "E012");
    assert_eq!(code(spec().with_python_exec("python3")), "E013");
    assert_eq!(code(spec().with_cuda("12")), "E032");
    assert_eq!(code(spec().with_apt_packages(["git", "git curl"])), "E014");
    assert_eq!(code(spec().with_packages(["../lib"])), "E019");
    assert_eq!(code(spec().with_runtime_packages(["--pre"])), "E016");
    assert_eq!(code(spec().with_requirements("Pipfile")), "E007");
    assert_eq!(code(spec().with_pip_index("https://u:p@example.org")), "E017");
    assert_eq!(code(spec().with_pip_extra_args("--target /x")), "E016");
    assert_eq!(code(spec().with_env("A=B", "")), "E021");
    assert_eq!(code(spec().with_env("A", "\0")), "E008");
    assert_eq!(code(spec().with_source("/x", CopyMode::All)), "E019");
    assert_eq!(code(spec().with_commands([""])), "E008");
    assert_eq!(code(spec().with_platform("windows/amd64")), "E023");
    let options = BuilderOptions::default;
    assert_eq!(code(options().with_user("a b")), "E024");
    assert_eq!(code(options().with_label("a b", "")), "E025");
    assert_eq!(code(options().with_python_layers(61)), "E022");
    assert_eq!(code(options().with_python_jobs(0)), "E022");
    assert_eq!(code(options().with_apt_sources(["rpm"])), "E033");
    assert_eq!(code(options().with_apt_keys(["/x"])), "E019");
    assert_eq!(code(BuilderConfig::default().with_uv_image("Uv")), "E010");
}

#[test]
fn a_typed_spec_has_all_fields_of_a_file() {
    let made = || -> Result<ImageSpec, Invalid> {
        let source = Some(SecretSource::Env("TOKEN".to_owned()));
        let secret = SecretMount::new("token", source, SecretTarget::Env("UV_INDEX_A_PASSWORD".to_owned()))?;
        let options = BuilderOptions::default()
            .with_flavor(Flavor::Flyte)
            .with_user("1000")?
            .with_label("team", "ml")?
            .with_python_layers(40)?
            .with_bytecode(Bytecode::None)
            .with_apt_sources(["deb https://example.org/debian bookworm main"])?
            .with_apt_keys(["keys/a.asc"])?;
        ImageSpec::named("Train")?
            .with_registry("ghcr.io/Team")?
            .with_base_image("python:3.11-slim")?
            .with_python_version("3.11")?
            .with_cuda("12.4")?
            .with_cudnn("9")?
            .with_packages(["numpy"])?
            .with_pip_extra_args("-i https://example.org/simple --no-binary 'a b'")?
            .with_pip_secret_mounts([secret])?
            .with_source("./src/", CopyMode::Auto)?
            .with_entrypoint(["python", "-m", "my app"])?
            .with_platform("linux/aarch64")?
            .with_platform("linux/arm64")?
            .with_builder_options(options.clone())?
            .with_builder_options(BuilderOptions::default().with_user("app")?)
    };
    let spec = made().expect("a valid spec");
    let text = "name: train
registry: ghcr.io/team
base_image: python:3.11-slim
python_version: 3.11
cuda: 12.4
cudnn: 9
packages: [numpy]
pip_extra_args: \"--index-url https://example.org/simple --no-binary 'a b'\"
pip_secret_mounts: [{id: token, src_env: TOKEN, env: UV_INDEX_A_PASSWORD}]
source_root: src
source_copy_mode: auto
entrypoint: [python, -m, my app]
platform: linux/arm64
builder_options:
  flavor: flyte
  user: app
  labels: {team: ml}
  python_layers: 40
  bytecode: none
  apt_sources: [\"deb https://example.org/debian bookworm main\"]
  apt_keys: [keys/a.asc]
";
    assert_eq!(parse("spec.yaml", text).spec.as_ref(), Some(&spec));
    assert_eq!(parse("spec.yaml", &spec.to_yaml()).spec, Some(spec));
}

#[test]
fn specs_are_built_on_each_other_as_deep_as_a_file_may_be() {
    let labelled = || {
        let options = BuilderOptions::default().with_label("a", "b").expect("a label");
        ImageSpec::default().with_builder_options(options).expect("a valid spec")
    };
    let mut spec = labelled();
    let error = loop {
        let text = spec.to_yaml();
        assert_eq!(parse("spec.yaml", &text).spec.as_ref(), Some(&spec), "{} levels", spec.levels().len());
        match labelled().with_base_spec(spec) {
            Ok(higher) => spec = higher,
            Err(error) => break error,
        }
    };
    assert_eq!(error.to_string(), "E001: more than 30 specs are built on each other");
}
