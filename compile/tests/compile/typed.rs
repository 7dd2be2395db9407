//! Specs made in Rust: a spec that is not valid cannot be made, and every spec that can be made is lowered.

use imagespec::{
    BuilderConfig, BuilderOptions, CopyMode, ImageSpec, Invalid, PythonVersion, SecretMount, SecretSource, SecretTarget,
};
use imagespec_compile::{Document, Settings, lower};
use proptest::prelude::*;

use crate::world::{World, try_build};

/// A relative mount, and a variable whose name contains `=`, are refused by the daemon. They once made lowering panic.
#[test]
fn a_typed_spec_cannot_have_values_that_the_daemon_refuses() {
    let file = |path: &str| SecretMount::new("netrc", None, SecretTarget::File(path.to_owned()));
    for path in ["root/.netrc", "", "/", "/a/../b", "/a\0b"] {
        assert!(file(path).is_err(), "{path:?}");
    }
    let variable = |name: &str| SecretMount::new("token", None, SecretTarget::Env(name.to_owned()));
    for name in ["A=B", "", "A B"] {
        assert!(variable(name).is_err(), "{name:?}");
        assert!(ImageSpec::default().with_env(name, "x").is_err(), "{name:?}");
    }
    // A shell cannot set such a variable.
    assert!(variable("1A").is_err() && ImageSpec::default().with_env("1A", "x").is_ok());
    assert!(SecretMount::new("", None, SecretTarget::Env("A".to_owned())).is_err(), "a secret has an id");
    let twice = [file("/root/.netrc"), variable("A"), file("/root/.netrc")].map(Result::unwrap);
    let error = ImageSpec::default().with_pip_secret_mounts(twice).expect_err("two mounts at one place");
    assert_eq!(error.code, "E020");
    assert!("9.9".parse::<PythonVersion>().is_err());
}

/// The rules between fields do not depend on the order, except that a field that needs another one is set after it.
#[test]
fn a_typed_spec_cannot_have_fields_that_cannot_be_combined() {
    let check = |made: Result<ImageSpec, Invalid>, message: &str| {
        let error = made.expect_err(message);
        assert_eq!((error.code, error.message.as_str()), ("E009", message));
    };
    let spec = ImageSpec::default;
    let conda = || spec().with_conda_packages(["numpy"]);
    let conda_and_exec = "`python_exec` cannot be combined with conda packages";
    check(conda().and_then(|spec| spec.with_python_exec("/usr/bin/python3")), conda_and_exec);
    let exec = || spec().with_python_exec("/usr/bin/python3");
    check(exec().and_then(|spec| spec.with_conda_channels(["pytorch"])), conda_and_exec);
    let lock = "`packages` cannot be combined with a lockfile";
    check(spec().with_packages(["numpy"]).and_then(|spec| spec.with_requirements("uv.lock")), lock);
    check(spec().with_requirements("uv.lock").and_then(|spec| spec.with_packages(["numpy"])), lock);
    check(spec().with_cudnn("9"), "`cudnn` needs `cuda`");
    assert!(spec().with_cuda("12.4").and_then(|spec| spec.with_cudnn("9")).is_ok());
    let extras = BuilderOptions::default().with_extras(["dev"]).expect("a name");
    check(spec().with_builder_options(extras.clone()), "`extras` and `groups` need a project in `requirements`");
    assert!(spec().with_requirements("uv.lock").and_then(|spec| spec.with_builder_options(extras)).is_ok());
    let old = spec().with_python_version("3.11").expect("a version");
    let new = spec().with_python_version("3.12").expect("a version");
    check(new.with_base_spec(old), "`python_version` differs from the base image's spec, which has `3.11`");
}

/// A change that may be refused, in which case the spec is unchanged.
fn applied(spec: ImageSpec, change: impl FnOnce(ImageSpec) -> Result<ImageSpec, Invalid>) -> ImageSpec {
    change(spec.clone()).unwrap_or(spec)
}

/// Texts that some fields accept.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[ -~]{0,20}",
        "[a-zA-Z0-9_./:=@~+-]{1,12}",
        Just("numpy".to_owned()),
        Just("/opt/x".to_owned()),
        Just("3.12".to_owned()),
        Just("https://example.org/simple".to_owned()),
    ]
}

fn any_spec() -> impl Strategy<Value = ImageSpec> {
    prop::collection::vec((0usize..26, text(), text()), 0..24).prop_map(|changes| {
        changes.into_iter().fold(ImageSpec::default(), |spec, (field, text, other)| {
            let (value, other) = (text.as_str(), other.as_str());
            applied(spec, |spec| match field {
                0 => spec.with_base_image(value),
                1 => spec.with_python_version(value),
                2 => spec.with_python_exec(value),
                3 => spec.with_apt_packages([value]),
                4 => spec.with_packages([value]),
                5 => spec.with_pip_index(value),
                6 => spec.with_pip_extra_index_url([value]),
                7 => spec.with_pip_extra_args(value),
                8 | 9 => spec.with_env(value, other),
                10 => spec.with_source(value, CopyMode::All),
                11 => spec.with_copy([value, other]),
                12 => spec.with_commands([value]),
                13 => spec.with_entrypoint([value, other]),
                14 => spec.with_runtime_packages([value]),
                15 => spec.with_requirements(value),
                16 => spec.with_conda_packages([value]),
                17 => spec.with_conda_channels([value]),
                18 => spec.with_cuda(value),
                19 => spec.with_builder_options(BuilderOptions::default().with_user(value)?),
                20 => spec.with_builder_options(BuilderOptions::default().with_label(value, other)?),
                21 => Ok(spec.with_builder_config(BuilderConfig::default().with_uv_image(value)?)),
                22 => spec.with_builder_options(BuilderOptions::default().with_apt_sources([value])?),
                23 => {
                    let source = Some(SecretSource::File(other.to_owned()));
                    spec.with_pip_secret_mounts([SecretMount::new("x", source, SecretTarget::File(value.to_owned()))?])
                }
                24 => {
                    spec.with_pip_secret_mounts([SecretMount::new(value, None, SecretTarget::Env(other.to_owned()))?])
                }
                _ => ImageSpec::default().with_base_spec(spec),
            })
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_typed_spec_is_lowered(spec in any_spec(), is_new in any::<bool>()) {
        let world = if is_new { World::python() } else { World::python().chained() };
        if let Ok(built) = try_build(Document::from(spec), &Settings::default(), &world) {
            for plan in &built.plans {
                prop_assert!(lower(plan, &built.outcome.sources).graph.root().is_some());
            }
        }
    }

    #[test]
    fn a_typed_spec_equals_the_spec_of_its_file(spec in any_spec()) {
        let (parsed, written) = (imagespec::parse("spec.yaml", &spec.to_yaml()), spec.to_parsed("spec.yaml"));
        prop_assert_eq!(&parsed.spec, &Some(spec.clone()), "{}", spec.to_yaml());
        prop_assert_eq!((parsed.spans, parsed.sources), (written.spans, written.sources), "{}", spec.to_yaml());
    }
}
