//! A change of every field, in each kind of image in which it has a different effect.

use imagespec::StepKind::{Commands, Config, Lock, Packages, Python};
use imagespec::{StepKind, field};
use serde_json::{Value, json};

/// A change of one field.
pub(super) struct Case {
    pub(super) scenario: &'static str,
    pub(super) field: &'static str,
    pub(super) value: Value,
    /// The change results in other resolved versions.
    pub(super) is_other_lock: bool,
    /// Kinds that may move according to the specs, but do not move with these facts; each has a reason.
    pub(super) spare: &'static [StepKind],
}

impl Case {
    /// Resolves other versions, or files at other addresses.
    fn with_other_lock(self) -> Self {
        Self { is_other_lock: true, ..self }
    }

    /// These kinds may move according to the specs, but do not move here.
    fn without(self, spare: &'static [StepKind]) -> Self {
        Self { spare, ..self }
    }
}

pub(super) fn case<G>(scenario: &'static str, field: field::Field<G>, value: Value) -> Case {
    Case { scenario, field: field.name(), value, is_other_lock: false, spare: &[] }
}

pub(super) fn cases() -> Vec<Case> {
    [base_cases(), python_cases(), other_cases(), option_cases()].into_iter().flatten().collect()
}

/// Name, base and system packages.
fn base_cases() -> Vec<Case> {
    let finished = json!({"base_image": "python:3.11-slim", "apt_packages": ["curl"], "commands": ["true"]});
    vec![
        case("full", field::NAME, json!("other")),
        case("flyte", field::NAME, json!("other")),
        case("full", field::REGISTRY, json!("docker.io/me")),
        case("flyte", field::REGISTRY, json!("docker.io/me")),
        case("full", field::TAG_FORMAT, json!("v-{spec_hash}")),
        // The two images have the same config and interpreter here.
        case("full", field::BASE_IMAGE, json!("python:3.11")).without(&[Config, Lock]),
        case("finished", field::BASE_IMAGE, finished).without(&[Config, Lock, Packages]),
        // CUDA is then installed from wheels, whose libraries must be on the library path.
        case("cuda image", field::BASE_IMAGE, json!("python:3.11")).with_other_lock(),
        case("full", field::PLATFORM, json!(["linux/arm64"])),
        case("full", field::APT_PACKAGES, json!(["git", "curl"])),
        case("parts", field::APT_PACKAGES, json!(["git", "curl"])),
        case("apt python", field::APT_PACKAGES, json!(["python3", "git"])),
        case("source", field::APT_PACKAGES, json!(["git", "curl"])),
        case("parts", field::APT_SOURCES, json!(["deb https://example.org/debian trixie main"])),
        case("parts", field::APT_KEYS, json!(["keys/b.asc"])),
    ]
}

/// The interpreter, packages and the options of the installer.
fn python_cases() -> Vec<Case> {
    let token = json!([{"id": "token", "src_env": "TOKEN", "env": "UV_INDEX_A_PASSWORD"}]);
    let index = json!("https://b.example.org/simple");
    vec![
        case("full", field::PYTHON_VERSION, json!("3.12")).with_other_lock(),
        case("plain", field::PYTHON_VERSION, json!("3.11")),
        // The same packages are added to another environment.
        case("conda", field::PYTHON_VERSION, json!("3.11")).without(&[Packages]),
        // The folder of its libraries has the same name.
        case("parts", field::PYTHON_EXEC, json!("/usr/bin/python3")).without(&[Config]),
        case("plain", field::PYTHON_EXEC, json!("/usr/bin/python3")),
        case("full", field::CUDA, json!("13.0")).with_other_lock(),
        // The folders of the libraries of both releases have the same names.
        case("parts", field::CUDA, json!("12.5")).with_other_lock().without(&[Config]),
        // Python comes from uv for both images.
        case("cuda image", field::CUDA, json!("12.5")).without(&[Lock, Packages]),
        case("plain", field::CUDA, json!("12.5")),
        case("conda", field::CUDA, json!("12.5")).without(&[Packages]),
        case("full", field::CUDNN, json!(null)).with_other_lock(),
        case("cuda image", field::CUDNN, json!(null)).without(&[Lock, Packages]),
        case("conda", field::CUDNN, json!(null)).without(&[Packages]),
        case("conda", field::CONDA_PACKAGES, json!(["scipy"])).without(&[Packages]),
        case("parts", field::CONDA_PACKAGES, json!(["scipy"])),
        case("plain", field::CONDA_PACKAGES, json!(["scipy"])),
        case("conda", field::CONDA_CHANNELS, json!(["bioconda"])).without(&[Packages]),
        case("parts", field::CONDA_CHANNELS, json!(["bioconda"])),
        case("parts", field::PACKAGES, json!(["numpy", "pandas", "six"])),
        case("plain", field::PACKAGES, json!(["numpy"])),
        case("parts", field::REQUIREMENTS, json!("other.txt")).with_other_lock(),
        case("plain", field::REQUIREMENTS, json!("requirements.txt")),
        case("parts", field::PIP_INDEX, index.clone()).with_other_lock(),
        case("one step", field::PIP_INDEX, index.clone()).with_other_lock(),
        case("parts", field::PIP_EXTRA_INDEX_URL, json!([index])).with_other_lock(),
        case("one step", field::PIP_EXTRA_INDEX_URL, json!([index])).with_other_lock(),
        case("parts", field::PIP_EXTRA_ARGS, json!("--prerelease disallow")).with_other_lock(),
        case("one step", field::PIP_EXTRA_ARGS, json!("--no-binary numpy")).with_other_lock(),
        // The image has an interpreter, so uv installs none.
        case("parts", field::PIP_SECRET_MOUNTS, token.clone()).without(&[Python]),
        case("managed", field::PIP_SECRET_MOUNTS, token),
        case("parts", field::PYTHON_LAYERS, json!(1)),
        case("parts", field::PYTHON_LAYERS, json!(2)),
        case("source", field::PYTHON_LAYERS, json!(1)),
        case("full", field::PYTHON_JOBS, json!(3)),
        // The image has an interpreter, so uv precompiles none.
        case("full", field::BYTECODE, json!("none")).without(&[Python]),
        case("managed", field::BYTECODE, json!("none")),
        case("conda", field::BYTECODE, json!("none")),
        case("project", field::EXTRAS, json!(["dev", "docs"])).with_other_lock(),
        case("project", field::GROUPS, json!(["test", "lint"])).with_other_lock(),
        // Nothing is built.
        case("full", field::SOURCE_BUILDS, json!("trusted")).without(&[Lock, Packages, Commands]),
        case("source", field::SOURCE_BUILDS, json!("trusted")),
        case("full", field::PYTHON_IMAGE, json!("python:3.11.8-slim")),
        case("full", field::UV_IMAGE, json!("ghcr.io/astral-sh/uv:0.13.8")),
        case("conda", field::MICROMAMBA_IMAGE, json!("mambaorg/micromamba:2.0.4")).without(&[Packages]),
        case("full", field::MICROMAMBA_IMAGE, json!("mambaorg/micromamba:2.0.4")),
    ]
}

/// Variables, files, commands and the entrypoint.
fn other_cases() -> Vec<Case> {
    let env = |level: &str, timeout: &str, proxy: &str| json!({"LOG_LEVEL": level, "UV_HTTP_TIMEOUT": timeout, "http_proxy": proxy});
    vec![
        case("full", field::ENV, env("debug", "60", "http://proxy:3128")),
        // The image has an interpreter, so uv installs none.
        case("full", field::ENV, env("info", "61", "http://proxy:3128")).without(&[Python]),
        case("full", field::ENV, env("info", "60", "http://proxy:3129")).without(&[Python]),
        case("managed", field::ENV, json!({"UV_HTTP_TIMEOUT": "61"})),
        case("source", field::ENV, json!({"MODE": "y"})),
        case("conda", field::ENV, json!({"CONDA_OVERRIDE_CUDA": "13"})),
        case("flyte", field::ENV, json!({"PATH": "/opt/tool:$PATH"})),
        case("full", field::SOURCE_ROOT, json!("lib")),
        case("parts", field::SOURCE_COPY_MODE, json!("all")),
        case("parts", field::COPY, json!(["data", "models"])),
        case("full", field::COMMANDS, json!(["false"])),
        case("plain", field::COMMANDS, json!(["true"])),
        case("simple", field::COMMANDS, json!(["true"])).with_other_lock(),
        case("project", field::COMMANDS, json!(["true"])).with_other_lock(),
        case("full", field::ENTRYPOINT, json!([])),
        case("flyte", field::ENTRYPOINT, json!(["sh"])),
        case("full", field::RUNTIME_PACKAGES, json!(["my-plugin", "other"])),
        case("parts", field::RUNTIME_PACKAGES, json!(null)).with_other_lock(),
        case("simple", field::RUNTIME_PACKAGES, json!(["my-plugin"])).with_other_lock(),
        case("plain", field::RUNTIME_PACKAGES, json!(["my-plugin"])),
        case("managed", field::RUNTIME_PACKAGES, json!(null)).with_other_lock(),
        case("flyte", field::RUNTIME_PACKAGES, json!(["my-plugin"])),
        case("full", field::REGISTRY_CONFIG, json!("other.json")),
        case("full", field::BUILDER, json!("llb")),
    ]
}

/// Options of the image as a whole.
fn option_cases() -> Vec<Case> {
    vec![
        case("full", field::FLAVOR, json!("flyte")).with_other_lock(),
        case("plain", field::FLAVOR, json!("flyte")),
        case("flyte", field::FLAVOR, json!(null)).with_other_lock(),
        case("full", field::USER, json!("other")),
        case("plain", field::USER, json!("root")),
        case("flyte", field::USER, json!("app")),
        case("managed", field::USER, json!("root")),
        // The image has an interpreter, so uv installs none.
        case("full", field::CA_BUNDLE, json!(null)).without(&[Python]),
        case("managed", field::CA_BUNDLE, json!("company.pem")),
        case("conda", field::CA_BUNDLE, json!("company.pem")),
        case("full", field::LABELS, json!({"team": "web"})),
        case("flyte", field::LABELS, json!({"team": "web"})),
    ]
}
