//! The typed spec, and the table of its fields: everything that is done field by field comes from here.
//!
//! A spec is always valid: its values and the rules between its fields are checked when they are set. It has no spans (see
//! [`crate::Spans`]) and no defaults of a build: a field that is left out is absent here.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::builder::{BuilderConfig, BuilderOptions};
use crate::canonical;
use crate::choice::CopyMode;
use crate::conda::{conda_channel, conda_package};
use crate::cuda::{cuda, cudnn};
use crate::debian::apt_package;
use crate::image_reference::{image_name, registry, tag_format};
use crate::kind::{
    args, base, chosen, inner, list, named, ordered_set, platforms, secrets, set, text, text_or_number, words,
};
use crate::moves::{
    base_differs, cuda_is_base, entry_differs, environment_differs, environment_or_owner_differs, implies_cuda,
    installs_python, installs_python_with_variable, is_flyte, is_installer_variable, is_path_variable,
    is_proxy_variable, is_variable_of_builds, names_libraries, over_base, pip_differs, variables_differ,
};
use crate::path::{context_path, interpreter_path};
use crate::platform::Platform;
use crate::python_version::{PythonVersion, python_version};
use crate::requirement::{Requirement, package, runtime_package};
use crate::requirements_file::{RequirementsFile, requirements_file};
use crate::secret::SecretMount;
use crate::table::fields;
use crate::text::{command, image_variable, line};
use crate::url::index_url;

mod with;

/// What an image starts from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum BaseImage {
    /// An image reference, as written.
    Reference(String),
    /// Another spec: its image is built in the same build, and pushed nowhere.
    Spec(Box<ImageSpec>),
}

fields! {
    /// What one image is made of: Flytekit's fields, `flytekit/image_spec/image_spec.py`.
    ///
    /// It comes from [`parse`](crate::parse), or from the default one and `with_…` methods. Every value is checked when it is set,
    /// and with it the rules between fields: what cannot be combined, and what needs another field. So a field that needs another
    /// one is set after it, or together with it: `with_cudnn` after `with_cuda`.
    ///
    /// ```
    /// use imagespec::ImageSpec;
    ///
    /// let spec = ImageSpec::named("train")?.with_python_version("3.12")?.with_packages(["numpy", "pandas>=2.2"])?;
    /// assert_eq!(spec.packages()[1].text(), "pandas>=2.2");
    /// let error = spec.clone().with_python_version("9.9").expect_err("there is no such version");
    /// assert_eq!(error.code, "E012");
    /// let error = spec.with_cudnn("9").expect_err("it needs a release of CUDA");
    /// assert_eq!(error.code, "E009");
    /// # Ok::<(), imagespec::Invalid>(())
    /// ```
    pub struct ImageSpec at [], accessors spec_fields;

    /// Name of the image's repository, without registry and tag.
    ///
    /// Lowercase.
    name as NAME: Option<String> => Option<&str> {
        kind: text(image_name),
        takes: "text",
        example: "name: my-image",
        set: with_name(value),
        canonical: canonical::left_out,
        moves: [Commands if is_flyte, Config if is_flyte],
    }

    /// Host and namespace in front of the name.
    ///
    /// Lowercase. An empty text counts as left out: real specs have one where Python left the field unset.
    registry as REGISTRY: Option<String> => Option<&str> {
        kind: text(registry).or_empty(),
        takes: "text",
        example: "registry: ghcr.io/my-team",
        set: with_registry(value),
        canonical: canonical::left_out,
        moves: [Commands if is_flyte, Config if is_flyte],
    }

    /// How the tag is made; `{spec_hash}` is replaced by the spec's fingerprint.
    tag_format as TAG_FORMAT: Option<String> => Option<&str> {
        kind: text(tag_format),
        takes: "text with `{spec_hash}` in it",
        example: "tag_format: \"{spec_hash}-dev\"",
        also: ["tag"],
        set: with_tag_format(value),
        canonical: canonical::left_out,
        moves: [],
    }

    /// What the image starts from: a reference, a spec, or the name of another image of the file.
    base_image as BASE_IMAGE: Option<BaseImage> => Option<&BaseImage> {
        kind: base(),
        takes: "an image reference or a spec",
        example: "base_image: debian:bookworm-slim",
        also: ["image", "base", "from"],
        set: with_base_image(value),
        moves: [Base if base_differs, Config if base_differs],
    }

    /// Python as 3.MINOR or 3.MINOR.PATCH.
    python_version as PYTHON_VERSION: Option<PythonVersion> => Option<PythonVersion> {
        kind: text_or_number(python_version),
        takes: "a version",
        example: "python_version: \"3.12\"",
        also: ["python"],
        set: with_python_version(value),
        moves: [Python, Conda, Lock, Packages, Config if variables_differ],
    }

    /// Absolute path of an interpreter in the base image, whose packages count as installed.
    python_exec as PYTHON_EXEC: Option<String> => Option<&str> {
        kind: text(interpreter_path),
        takes: "a path",
        example: "python_exec: /usr/bin/python3",
        set: with_python_exec(value),
        moves: [Python, Lock, Packages, Config if variables_differ],
    }

    /// CUDA release whose libraries the image has.
    ///
    /// Such as `12.4`.
    cuda as CUDA: Option<String> => Option<&str> {
        kind: text_or_number(cuda),
        takes: "a version",
        example: "cuda: \"12.4\"",
        set: with_cuda(value),
        moves: [
            Base if cuda_is_base, Conda if over_base, Python if environment_differs, Lock if implies_cuda,
            Packages if implies_cuda, Config if variables_differ,
        ],
    }

    /// cuDNN release that goes with CUDA.
    ///
    /// Such as `9` or `8.9`.
    cudnn as CUDNN: Option<String> => Option<&str> {
        kind: text_or_number(cudnn),
        takes: "a version",
        example: "cudnn: \"9\"",
        set: with_cudnn(value),
        moves: [
            Base if cuda_is_base, Conda if over_base, Lock if implies_cuda, Packages if implies_cuda,
            Config if names_libraries,
        ],
    }

    /// Debian packages: `name[:architecture][=version][/release]`.
    ///
    /// A set; the order is the author's.
    apt_packages as APT_PACKAGES: Vec<String> => &[String] {
        kind: set(apt_package),
        takes: "a list of Debian packages",
        example: "apt_packages: [git, curl]",
        also: ["system_packages"],
        set: with_apt_packages(values),
        moves: [Apt],
    }

    /// Conda packages as match specs; the image's Python is then conda's.
    ///
    /// A set; the order is the author's.
    conda_packages as CONDA_PACKAGES: Vec<String> => &[String] {
        kind: set(conda_package),
        takes: "a list of conda packages",
        example: "conda_packages: [\"python=3.11\", numpy]",
        also: ["conda"],
        set: with_conda_packages(values),
        moves: [Conda, Python if environment_differs, Packages, Config if environment_differs],
    }

    /// Where conda packages come from, the first channel first; conda-forge by default.
    conda_channels as CONDA_CHANNELS: Vec<String> => &[String] {
        kind: ordered_set(conda_channel),
        takes: "a list of channels",
        example: "conda_channels: [conda-forge, pytorch]",
        also: ["channels"],
        set: with_conda_channels(values),
        moves: [Conda, Python if environment_differs, Packages, Config if environment_differs],
    }

    /// Python packages: lines as in a requirements file.
    ///
    /// The order is kept: lines with options depend on it.
    packages as PACKAGES: Vec<Requirement> => &[Requirement] {
        kind: set(package),
        takes: "a list of requirements",
        example: "packages: [numpy, \"pandas>=2.2\"]",
        also: ["pip", "pip_packages", "python_packages", "dependencies"],
        set: with_packages(values),
        canonical: canonical::packages,
        moves: [Python if environment_differs, Lock, Packages, Config if environment_differs],
    }

    /// Requirements file, lock (uv.lock, poetry.lock, pylock.toml) or pyproject.toml, relative to the build context.
    requirements as REQUIREMENTS: Option<RequirementsFile> => Option<&RequirementsFile> {
        kind: text(requirements_file),
        takes: "the path of one file",
        example: "requirements: requirements.txt",
        set: with_requirements(value),
        moves: [Python if environment_differs, Lock, Packages, Config if environment_differs],
    }

    /// Index instead of PyPI.
    pip_index as PIP_INDEX: Option<String> => Option<&str> {
        kind: text(index_url),
        takes: "a URL",
        example: "pip_index: https://pypi.org/simple",
        also: ["index_url", "pip_index_url"],
        set: with_pip_index(value),
        moves: [Lock, Packages],
    }

    /// Further indexes, queried before the index.
    pip_extra_index_url as PIP_EXTRA_INDEX_URL: Vec<String> => &[String] {
        kind: list(index_url),
        takes: "a list of URLs",
        example: "pip_extra_index_url: [https://download.pytorch.org/whl/cpu]",
        also: ["extra_index_url", "pip_extra_index_urls"],
        set: with_pip_extra_index_url(values),
        moves: [Lock, Packages],
    }

    /// Options of `uv pip install`.
    ///
    /// Split into words: long names, values on their own.
    pip_extra_args as PIP_EXTRA_ARGS: Vec<String> => &[String] {
        kind: args(),
        takes: "text",
        example: "pip_extra_args: --prerelease allow",
        set: with_pip_extra_args(value),
        moves: [Lock, Packages],
    }

    /// Secrets that the steps which install Python packages can read, and nothing else.
    pip_secret_mounts as PIP_SECRET_MOUNTS: Vec<SecretMount> => &[SecretMount] {
        kind: secrets(),
        takes: "a list of secrets",
        example: "pip_secret_mounts: [[.netrc, /root/.netrc]]",
        also: ["secrets"],
        moves: [Python if installs_python, Lock, Packages],
    }

    /// Environment variables of the image; $NAME is replaced by a variable of the base image.
    env as ENV: BTreeMap<String, String> => &BTreeMap<String, String> {
        kind: named(image_variable),
        takes: "a mapping from names to values",
        example: "env: {LOG_LEVEL: info}",
        also: ["environment"],
        set: with_env(name, value),
        moves: [
            Apt if is_proxy_variable, Python if installs_python_with_variable, Conda if is_installer_variable,
            Lock if is_variable_of_builds, Packages if is_variable_of_builds, Profile if is_path_variable, Commands,
            Config,
        ],
    }

    /// Folder of the build context whose files go to /root.
    ///
    /// Relative to the context; `.` is the context itself.
    source_root as SOURCE_ROOT: Option<String> => Option<&str> {
        kind: text(context_path),
        takes: "the path of one folder",
        example: "source_root: .",
        set: with_source_root(value),
        canonical: canonical::source_root,
        moves: [Files],
    }

    /// Which files of source_root are copied: Python sources, all, or none.
    source_copy_mode as SOURCE_COPY_MODE: Option<CopyMode> => Option<CopyMode> {
        kind: chosen::<CopyMode>(),
        takes: "one of `auto`, `all` and `none`",
        example: "source_copy_mode: auto",
        canonical: canonical::source_copy_mode,
        moves: [Files],
    }

    /// Files and folders of the build context, copied to /root and their own path.
    copy as COPY: Vec<String> => &[String] {
        kind: ordered_set(context_path),
        takes: "a list of paths",
        example: "copy: [data/table.csv, src]",
        also: ["files"],
        set: with_copy(values),
        moves: [Files],
    }

    /// Shell commands, run after everything else.
    commands as COMMANDS: Vec<String> => &[String] {
        kind: list(command),
        takes: "a list of shell commands",
        example: "commands: [\"python -m compileall /root\"]",
        also: ["run", "command"],
        set: with_commands(values),
        moves: [Lock if pip_differs, Packages if pip_differs, Commands],
    }

    /// Program to start and its arguments; [] removes the base image's.
    entrypoint as ENTRYPOINT: Option<Vec<String>> => Option<&[String]> {
        kind: words(),
        takes: "a list of words",
        example: "entrypoint: [python, -m, my_app]",
        also: ["cmd"],
        moves: [Config],
    }

    /// What the image is built for.
    ///
    /// Each platform once, in its normal form.
    platform as PLATFORM: Vec<Platform> => &[Platform] {
        kind: platforms(),
        takes: "a list of platforms, or text with commas",
        example: "platform: linux/amd64,linux/arm64",
        also: ["platforms"],
        moves: [Base, Config],
    }

    /// Python packages that are installed when a container starts.
    runtime_packages as RUNTIME_PACKAGES: Vec<Requirement> => &[Requirement] {
        kind: set(runtime_package),
        takes: "a list of requirements",
        example: "runtime_packages: [my-plugin]",
        set: with_runtime_packages(values),
        moves: [
            Python if environment_or_owner_differs, Lock if pip_differs, Packages if pip_differs, Entry if entry_differs,
            Commands, Config,
        ],
    }

    /// The client's credentials for registries: a Docker config.json.
    ///
    /// A file, or the folder that has it, relative to the spec file.
    registry_config as REGISTRY_CONFIG: Option<String> => Option<&str> {
        kind: text(line),
        takes: "the path of a file or folder",
        example: "registry_config: ~/.docker/config.json",
        set: with_registry_config(value),
        canonical: canonical::left_out,
        moves: [],
    }

    /// Which builder Flyte is to use.
    builder as BUILDER: Option<String> => Option<&str> {
        kind: text(line),
        takes: "text",
        example: "builder: default",
        set: with_builder(value),
        canonical: canonical::left_out,
        moves: [],
    }

    /// Options of this builder.
    builder_options as BUILDER_OPTIONS: BuilderOptions => &BuilderOptions {
        kind: inner::<BuilderOptions>(),
        takes: "a mapping of options",
        example: "builder_options: {user: flytekit}",
        moves: [],
    }

    /// Images that hold the tools of this builder.
    builder_config as BUILDER_CONFIG: BuilderConfig => &BuilderConfig {
        kind: inner::<BuilderConfig>(),
        takes: "a mapping of tool images",
        example: "builder_config: {uv_image: \"ghcr.io/astral-sh/uv:0.13.9\"}",
        moves: [],
    }
}
