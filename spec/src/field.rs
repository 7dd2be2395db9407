//! The fields a spec may have: one table for reading, for messages and for documentation.
//!
//! Says what a field looks like; what its values have to be is checked where they are read.

/// A field and how it is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    /// What it takes, as in "must be …".
    pub(crate) takes: &'static str,
    /// A right one, in YAML.
    pub(crate) example: &'static str,
    /// Why it is refused, with what to do instead, when this version cannot build it.
    pub(crate) not_built: Option<&'static str>,
}

const fn field(name: &'static str, takes: &'static str, example: &'static str) -> Field {
    Field { name, takes, example, not_built: None }
}

const fn not_built(name: &'static str, instead: &'static str) -> Field {
    Field { name, takes: "", example: "", not_built: Some(instead) }
}

/// The fields of a spec: Flytekit's names, `flytekit/image_spec/image_spec.py`.
pub(crate) static SPEC: &[Field] = &[
    field("name", "text", "name: my-image"),
    field("registry", "text", "registry: ghcr.io/my-team"),
    field("base_image", "an image reference", "base_image: debian:bookworm-slim"),
    field("python_version", "a version", "python_version: \"3.12\""),
    field("python_exec", "a path", "python_exec: /usr/bin/python3"),
    field("apt_packages", "a list of Debian packages", "apt_packages: [git, curl]"),
    field("packages", "a list of requirements", "packages: [numpy, \"pandas>=2.2\"]"),
    field("requirements", "the path of one file", "requirements: requirements.txt"),
    field("pip_index", "a URL", "pip_index: https://pypi.org/simple"),
    field("pip_extra_index_url", "a list of URLs", "pip_extra_index_url: [https://download.pytorch.org/whl/cpu]"),
    field("pip_extra_args", "text", "pip_extra_args: --prerelease allow"),
    field("pip_secret_mounts", "a list of secrets", "pip_secret_mounts: [[.netrc, /root/.netrc]]"),
    field("env", "a mapping from names to values", "env: {LOG_LEVEL: info}"),
    field("source_root", "the path of one folder", "source_root: ."),
    field("source_copy_mode", "one of `auto`, `all` and `none`", "source_copy_mode: auto"),
    field("copy", "a list of paths", "copy: [data/table.csv, src]"),
    field("commands", "a list of shell commands", "commands: [\"python -m compileall /root\"]"),
    field("entrypoint", "a list of words", "entrypoint: [python, -m, my_app]"),
    field("platform", "a list of platforms, or text with commas", "platform: linux/amd64,linux/arm64"),
    field("builder", "text", "builder: default"),
    field("builder_options", "a mapping of options", "builder_options: {user: flytekit}"),
    field("builder_config", "a mapping of tool images", "builder_config: {uv_image: \"ghcr.io/astral-sh/uv:0.5.1\"}"),
    not_built("conda_packages", "install them from PyPI with `packages`, or start from a `base_image` that has them"),
    not_built(
        "conda_channels",
        "install from PyPI with `packages`, or start from a `base_image` that has the packages",
    ),
    not_built("cuda", "start from a `base_image` with CUDA, or let the packages bring it, as torch's do"),
    not_built("cudnn", "start from a `base_image` with cuDNN, or let the packages bring it, as torch's do"),
    not_built("runtime_packages", "put them into `packages`: they are then part of the image"),
    not_built("registry_config", "log in with `docker login`: the client's own configuration is used"),
    not_built("tag_format", "name the image with `--tag` when building"),
    not_built("images", "write one image per file"),
];

/// The options in `builder_options`.
pub(crate) static BUILDER_OPTIONS: &[Field] = &[
    field("flavor", "one of `plain` and `flyte`", "flavor: plain"),
    field("user", "the name of a user", "user: \"1000:1000\""),
    field("ca_bundle", "the path of a file", "ca_bundle: certs/company.pem"),
    field("labels", "a mapping from names to values", "labels: {team: ml}"),
    field("python_layers", "a whole number from 1 to 60", "python_layers: 26"),
    field("python_jobs", "a whole number from 1 to 64", "python_jobs: 3"),
    field("bytecode", "one of `checked`, `unchecked` and `none`", "bytecode: checked"),
];

/// The images in `builder_config`.
pub(crate) static BUILDER_CONFIG: &[Field] = &[
    field("uv_image", "an image reference", "uv_image: \"ghcr.io/astral-sh/uv:0.5.1\""),
    not_built("micromamba_image", "leave it out: nothing is installed with micromamba"),
];

/// The parts of a secret written as a mapping.
pub(crate) static SECRET: &[Field] = &[
    field("id", "text", "id: netrc"),
    field("src", "the path of a file of the client", "src: .netrc"),
    field("src_env", "the name of a variable of the client", "src_env: PYPI_TOKEN"),
    field("dst", "an absolute path", "dst: /root/.netrc"),
    field("env", "the name of a variable of the install steps", "env: UV_INDEX_PRIVATE_PASSWORD"),
];

/// Names people know from Dockerfiles, other tools or older documentation, and the field that does it here.
pub(crate) static OTHER_NAMES: &[(&str, &str)] = &[
    ("image", "base_image"),
    ("base", "base_image"),
    ("from", "base_image"),
    ("python", "python_version"),
    ("pip", "packages"),
    ("pip_packages", "packages"),
    ("python_packages", "packages"),
    ("dependencies", "packages"),
    ("system_packages", "apt_packages"),
    ("run", "commands"),
    ("command", "commands"),
    ("cmd", "entrypoint"),
    ("environment", "env"),
    ("index_url", "pip_index"),
    ("pip_index_url", "pip_index"),
    ("extra_index_url", "pip_extra_index_url"),
    ("pip_extra_index_urls", "pip_extra_index_url"),
    ("secrets", "pip_secret_mounts"),
    ("files", "copy"),
    ("platforms", "platform"),
    ("tag", "tag_format"),
    ("labels", "builder_options"),
    ("source", "src"),
    ("file", "src"),
    ("target", "dst"),
    ("destination", "dst"),
    ("path", "dst"),
    ("variable", "env"),
    ("user", "builder_options"),
];
