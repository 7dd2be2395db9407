//! The fields a spec may have: one table for reading, for messages, for the JSON Schema and for documentation.
//!
//! Says what a field looks like; what its values have to be is checked where they are read.

use crate::image_spec::{Bytecode, CopyMode, Flavor};

/// The most of `python_layers`: an image may have 127 layers, and the base and the other steps have some.
pub(crate) const MOST_PYTHON_LAYERS: u32 = 60;
/// The most of `python_jobs`.
pub(crate) const MOST_PYTHON_JOBS: u32 = 64;

/// A field and how it is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    /// What it takes, as in "must be …".
    pub(crate) takes: &'static str,
    /// A right one, in YAML.
    pub(crate) example: &'static str,
    pub(crate) shape: Shape,
    /// What it is for: one line, shown by editors.
    pub(crate) about: &'static str,
}

/// What a value looks like, whatever else it has to be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    Text,
    /// Text, or a number that means its own text.
    Version,
    /// A list of texts.
    Texts,
    /// A list of texts, or one text with commas.
    Platforms,
    /// Texts by name.
    Mapping,
    Choice(&'static [&'static str]),
    /// A whole number from 1.
    Count(u32),
    /// A mapping with fields of its own.
    Fields(&'static [Field]),
    /// A list of secrets.
    Secrets,
    /// An image reference or another spec.
    Base,
}

const fn field(
    name: &'static str,
    takes: &'static str,
    example: &'static str,
    shape: Shape,
    about: &'static str,
) -> Field {
    Field { name, takes, example, shape, about }
}

/// The fields of a spec: Flytekit's names, `flytekit/image_spec/image_spec.py`.
#[rustfmt::skip]
pub(crate) static SPEC: &[Field] = &[
    field("name", "text", "name: my-image", Shape::Text,
        "Name of the image's repository, without registry and tag."),
    field("registry", "text", "registry: ghcr.io/my-team", Shape::Text,
        "Host and namespace in front of the name."),
    field("tag_format", "text with `{spec_hash}` in it", "tag_format: \"{spec_hash}-dev\"", Shape::Text,
        "How the tag is made; `{spec_hash}` stands for the spec's fingerprint."),
    field("base_image", "an image reference or a spec", "base_image: debian:bookworm-slim", Shape::Base,
        "What the image starts from: a reference, a spec, or the name of another image of the file."),
    field("python_version", "a version", "python_version: \"3.12\"", Shape::Version,
        "Python as 3.MINOR or 3.MINOR.PATCH."),
    field("python_exec", "a path", "python_exec: /usr/bin/python3", Shape::Text,
        "Absolute path of an interpreter in the base image, whose packages count as installed."),
    field("cuda", "a version", "cuda: \"12.4\"", Shape::Version,
        "CUDA release whose libraries the image has."),
    field("cudnn", "a version", "cudnn: \"9\"", Shape::Version,
        "cuDNN release beside CUDA."),
    field("apt_packages", "a list of Debian packages", "apt_packages: [git, curl]", Shape::Texts,
        "Debian packages, name[:architecture][=version][/release]."),
    field("conda_packages", "a list of conda packages", "conda_packages: [\"python=3.11\", numpy]", Shape::Texts,
        "Conda packages as match specs; the image's Python is then conda's."),
    field("conda_channels", "a list of channels", "conda_channels: [conda-forge, pytorch]", Shape::Texts,
        "Where conda packages come from, the first channel first; conda-forge by default."),
    field("packages", "a list of requirements", "packages: [numpy, \"pandas>=2.2\"]", Shape::Texts,
        "Python packages: lines as in a requirements file."),
    field("requirements", "the path of one file", "requirements: requirements.txt", Shape::Text,
        "Requirements file, lock (uv.lock, poetry.lock, pylock.toml) or pyproject.toml, relative to the build context."),
    field("pip_index", "a URL", "pip_index: https://pypi.org/simple", Shape::Text,
        "Index instead of PyPI."),
    field("pip_extra_index_url", "a list of URLs", "pip_extra_index_url: [https://download.pytorch.org/whl/cpu]", Shape::Texts,
        "Further indexes, asked before the index."),
    field("pip_extra_args", "text", "pip_extra_args: --prerelease allow", Shape::Text,
        "Options of `uv pip install`."),
    field("pip_secret_mounts", "a list of secrets", "pip_secret_mounts: [[.netrc, /root/.netrc]]", Shape::Secrets,
        "Secrets that the steps which install Python packages can read, and nothing else."),
    field("env", "a mapping from names to values", "env: {LOG_LEVEL: info}", Shape::Mapping,
        "Environment variables of the image; $NAME stands for one of the base image's."),
    field("source_root", "the path of one folder", "source_root: .", Shape::Text,
        "Folder of the build context whose files go to /root."),
    field("source_copy_mode", "one of `auto`, `all` and `none`", "source_copy_mode: auto", Shape::Choice(&CopyMode::WORDS),
        "Which files of source_root are copied: Python sources, all, or none."),
    field("copy", "a list of paths", "copy: [data/table.csv, src]", Shape::Texts,
        "Files and folders of the build context, copied to /root and their own path."),
    field("commands", "a list of shell commands", "commands: [\"python -m compileall /root\"]", Shape::Texts,
        "Shell commands, run after everything else."),
    field("entrypoint", "a list of words", "entrypoint: [python, -m, my_app]", Shape::Texts,
        "Program to start and its arguments; [] removes the base image's."),
    field("platform", "a list of platforms, or text with commas", "platform: linux/amd64,linux/arm64", Shape::Platforms,
        "What the image is built for."),
    field("runtime_packages", "a list of requirements", "runtime_packages: [my-plugin]", Shape::Texts,
        "Python packages that are installed when a container starts."),
    field("registry_config", "the path of a file or folder", "registry_config: ~/.docker/config.json", Shape::Text,
        "The client's credentials for registries: a Docker config.json."),
    field("builder", "text", "builder: default", Shape::Text,
        "Which builder Flyte is to use."),
    field("builder_options", "a mapping of options", "builder_options: {user: flytekit}", Shape::Fields(BUILDER_OPTIONS),
        "Options of this builder."),
    field("builder_config", "a mapping of tool images", "builder_config: {uv_image: \"ghcr.io/astral-sh/uv:0.13.9\"}", Shape::Fields(BUILDER_CONFIG),
        "Images that hold the tools of this builder."),
];

/// The options in `builder_options`.
#[rustfmt::skip]
pub(crate) static BUILDER_OPTIONS: &[Field] = &[
    field("flavor", "one of `plain` and `flyte`", "flavor: plain", Shape::Choice(&Flavor::WORDS),
        "Whose habits the image follows: the spec's alone, or those of Flytekit's own builder."),
    field("user", "the name of a user", "user: \"1000:1000\"", Shape::Version,
        "User the image runs as, user or user:group."),
    field("ca_bundle", "the path of a file", "ca_bundle: certs/company.pem", Shape::Text,
        "Certificates on your machine that steps which talk to the network trust."),
    field("labels", "a mapping from names to values", "labels: {team: ml}", Shape::Mapping,
        "Labels of the image."),
    field("python_layers", "a whole number from 1 to 60", "python_layers: 26", Shape::Count(MOST_PYTHON_LAYERS),
        "The most layers Python packages may have; 1 installs them in one step."),
    field("python_jobs", "a whole number from 1 to 64", "python_jobs: 3", Shape::Count(MOST_PYTHON_JOBS),
        "How many steps that install Python packages run at the same time."),
    field("bytecode", "one of `checked`, `unchecked` and `none`", "bytecode: checked", Shape::Choice(&Bytecode::WORDS),
        "How Python packages are precompiled."),
    field("extras", "a list of names", "extras: [dev]", Shape::Texts,
        "Optional dependencies of the project whose lock or pyproject.toml `requirements` names."),
    field("groups", "a list of names", "groups: [test]", Shape::Texts,
        "Dependency groups of the project whose lock or pyproject.toml `requirements` names."),
    field("apt_sources", "a list of lines as in sources.list", "apt_sources: [\"deb https://download.docker.com/linux/debian bookworm stable\"]", Shape::Texts,
        "More repositories of Debian packages; the image keeps them."),
    field("apt_keys", "a list of paths", "apt_keys: [keys/docker.asc]", Shape::Texts,
        "Files of the build context with the keys those repositories are signed with."),
];

/// The images in `builder_config`.
#[rustfmt::skip]
pub(crate) static BUILDER_CONFIG: &[Field] = &[
    field("uv_image", "an image reference", "uv_image: \"ghcr.io/astral-sh/uv:0.13.9\"", Shape::Text,
        "Image that has uv at /uv."),
    field("micromamba_image", "an image reference", "micromamba_image: \"mambaorg/micromamba:2.0.3\"", Shape::Text,
        "Image that has micromamba at /usr/bin/micromamba or /bin/micromamba."),
];

/// The parts of a secret written as a mapping.
#[rustfmt::skip]
pub(crate) static SECRET: &[Field] = &[
    field("id", "text", "id: netrc", Shape::Text,
        "BuildKit's name of the secret."),
    field("src", "the path of a file of the client", "src: .netrc", Shape::Text,
        "File of your machine, relative to the spec file or below ~/."),
    field("src_env", "the name of a variable of the client", "src_env: PYPI_TOKEN", Shape::Text,
        "Environment variable of your machine."),
    field("dst", "an absolute path", "dst: /root/.netrc", Shape::Text,
        "Where install steps find it as a file."),
    field("env", "the name of a variable of the install steps", "env: UV_INDEX_PRIVATE_PASSWORD", Shape::Text,
        "Variable in which install steps find it."),
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
    ("conda", "conda_packages"),
    ("channels", "conda_channels"),
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
    ("optional_dependencies", "extras"),
    ("dependency_groups", "groups"),
    ("source", "src"),
    ("file", "src"),
    ("target", "dst"),
    ("destination", "dst"),
    ("path", "dst"),
    ("variable", "env"),
    ("user", "builder_options"),
];
