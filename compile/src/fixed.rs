//! Fixed paths of images and steps, and defaults for what a spec does not name.

/// The folder of our mounts in a step. It is below `/dev`, a tmpfs of the container, so mount points do not end up in layers.
pub(crate) const MOUNTS: &str = "/dev/imagespec";

/// The path of the Python environment in the image.
pub const ENVIRONMENT: &str = "/opt/venv";

/// The path of the conda environment in the image (the same as Flytekit's).
pub const CONDA_ENVIRONMENT: &str = "/opt/micromamba/envs/runtime";

/// The folder of the interpreters that uv installs.
pub(crate) const PYTHONS: &str = "/opt/python";

/// The Python version if the image has no Python and the spec has no version.
pub(crate) const DEFAULT_PYTHON: &str = "3.12";

/// The image with micromamba, unless `builder_config.micromamba_image` names another (Flytekit's default).
pub const DEFAULT_MICROMAMBA_IMAGE: &str = "mambaorg/micromamba:2.0.3-debian12-slim";

/// The image with uv, unless `builder_config.uv_image` names another.
pub const DEFAULT_UV_IMAGE: &str = "ghcr.io/astral-sh/uv:0.13.9";

/// The base image if the spec has none (Flytekit's default).
pub const DEFAULT_BASE_IMAGE: &str = "debian:bookworm-slim";

/// The folder to which steps write results that are read back.
pub(crate) const OUTPUT: &str = "/dev/imagespec/out";
