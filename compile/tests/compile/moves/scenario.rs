//! The specs in which fields are changed, and the facts for their builds.

use serde_json::{Value, json};

use crate::world::{World, interpreter, rootfs};

/// A spec and the facts for its build.
pub(super) struct Scenario {
    pub(super) spec: Value,
    pub(super) world: World,
}

/// A scenario by name.
pub(super) fn scenario(name: &str) -> Scenario {
    let python = || {
        let mut world = World::python().with_file("requirements.txt", "requests==2.32.0\n");
        world.context.insert("other.txt".to_owned(), "idna\n".to_owned());
        for key in ["keys/a.asc", "keys/b.asc"] {
            world.context.insert(key.to_owned(), format!("-----BEGIN PGP PUBLIC KEY BLOCK-----\n{key}\n"));
        }
        world.context.insert("pyproject.toml".to_owned(), "[project]\nname = \"app\"\nversion = \"1\"\n".to_owned());
        world.base.exists.insert("/usr/bin/python3".to_owned(), true);
        // The version that uv installs if another one is requested.
        world.apt.interpreters.insert("/opt/venv/bin/python".to_owned(), Some(interpreter("3.12.1")));
        world
    };
    let (spec, world) = match name {
        // A base with Python, and all fields that can be combined.
        "full" => (full(), python()),
        // The same without commands, which depend on everything.
        "parts" => (with(full(), "commands", json!(null)), python()),
        // Without Python.
        "plain" => (json!({"base_image": "python:3.11-slim", "copy": ["data"]}), python()),
        // All packages in one step, which gets the options itself.
        "one step" => {
            (with(with(full(), "commands", json!(null)), "builder_options.python_layers", json!(1)), python())
        }
        // Python comes from uv.
        "managed" => {
            let spec = json!({
                "apt_packages": ["git"],
                "packages": ["numpy"],
                "runtime_packages": ["my-plugin"],
                "env": {"UV_HTTP_TIMEOUT": "60"},
                "builder_options": {"user": "app"},
            });
            (spec, World::debian())
        }
        "apt python" => {
            let programs = [("/usr/bin/python3", Some("python3.11")), ("/usr/bin/python3.11", None)];
            let world = World { apt: rootfs(&programs), ..World::debian() };
            (json!({"apt_packages": ["python3"], "packages": ["numpy"]}), world)
        }
        // A package is built from source, on top of the apt packages.
        "source" => {
            let spec = json!({
                "base_image": "python:3.11-slim",
                "apt_packages": ["git"],
                "packages": ["lib @ git+https://example.org/lib.git"],
                "pip_secret_mounts": [{"id": "token", "src_env": "TOKEN", "env": "UV_INDEX_A_PASSWORD"}],
                "env": {"MODE": "x"},
            });
            (spec, python())
        }
        "conda" => {
            let spec = json!({
                "base_image": "debian:bookworm-slim",
                "conda_packages": ["numpy"],
                "conda_channels": ["pytorch"],
                "packages": ["pandas"],
                "cuda": "12.4",
                "cudnn": "9",
                "env": {"CONDA_OVERRIDE_CUDA": "12"},
            });
            (spec, World::debian())
        }
        // Flytekit's defaults: a user, packages and variables that the spec does not name.
        "flyte" => {
            let spec = json!({
                "name": "train",
                "registry": "ghcr.io/team",
                "base_image": "python:3.11-slim",
                "packages": ["numpy"],
                "entrypoint": ["python"],
                "env": {"PATH": "/opt/bin:$PATH"},
                "commands": ["true"],
                "builder_options": {"flavor": "flyte", "labels": {"team": "ml"}},
            });
            (spec, python())
        }
        // The base image is chosen by the release of CUDA.
        "cuda image" => (json!({"packages": ["numpy"], "cuda": "12.4", "cudnn": "9"}), python()),
        "simple" => {
            let options = json!({"python_layers": 1});
            (json!({"base_image": "python:3.11-slim", "packages": ["numpy"], "builder_options": options}), python())
        }
        "project" => {
            let spec = json!({
                "base_image": "python:3.11-slim",
                "requirements": "pyproject.toml",
                "builder_options": {"extras": ["dev"], "groups": ["test"]},
            });
            (spec, python())
        }
        // On top of a finished image.
        "finished" => {
            let base = json!({"base_image": "python:3.11-slim", "apt_packages": ["git"], "commands": ["true"]});
            (json!({"base_image": base, "packages": ["numpy"], "copy": ["data"]}), python())
        }
        other => panic!("no scenario {other}"),
    };
    Scenario { spec, world }
}

/// All fields that can be given together.
fn full() -> Value {
    json!({
        "name": "train",
        "registry": "ghcr.io/team",
        "tag_format": "{spec_hash}-dev",
        "base_image": "python:3.11-slim",
        "python_version": "3.11",
        "cuda": "12.4",
        "cudnn": "9",
        "apt_packages": ["git"],
        "packages": ["numpy", "pandas"],
        "requirements": "requirements.txt",
        "pip_index": "https://pypi.org/simple",
        "pip_extra_index_url": ["https://a.example.org/simple"],
        "pip_extra_args": "--prerelease allow",
        "pip_secret_mounts": [{"id": "netrc", "src": ".netrc", "dst": "/root/.netrc"}],
        "env": {"LOG_LEVEL": "info", "UV_HTTP_TIMEOUT": "60", "http_proxy": "http://proxy:3128"},
        "source_root": "src",
        "source_copy_mode": "auto",
        "copy": ["data"],
        "commands": ["true"],
        "entrypoint": ["python"],
        "platform": ["linux/amd64"],
        "runtime_packages": ["my-plugin"],
        "registry_config": "config.json",
        "builder": "default",
        "builder_options": {
            "flavor": "plain",
            "user": "app",
            "ca_bundle": "company.pem",
            "labels": {"team": "ml"},
            "python_layers": 20,
            "python_jobs": 2,
            "bytecode": "checked",
            "apt_sources": ["deb https://example.org/debian bookworm main"],
            "apt_keys": ["keys/a.asc"],
        },
        "builder_config": {"uv_image": "ghcr.io/astral-sh/uv:0.13.9", "micromamba_image": "mambaorg/micromamba:2.0.3"},
    })
}

/// Versions that differ from those of the first build.
pub(super) const OTHER_LOCK: &str = "lock-version = \"1.0\"
created-by = \"uv\"

[[packages]]
name = \"numpy\"
version = \"2.0\"
wheels = [{ url = \"https://files.example.com/numpy-2.0-py3-none-any.whl\", size = 1000, hashes = { sha256 = \"0000000000000000000000000000000000000000000000000000000000000000\" } }]
";

/// A spec with another value of the field at a path.
pub(super) fn with(mut spec: Value, path: &str, value: Value) -> Value {
    let mut node = &mut spec;
    for part in path.split('.') {
        node = &mut node[part];
    }
    *node = value;
    spec
}
