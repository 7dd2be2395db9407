//! Fixed paths of images and steps, and what is used where a spec names nothing.

/// Where our own mounts live in a step: below `/dev`, a tmpfs of the container, so that no mount point stays in a layer.
pub(crate) const MOUNTS: &str = "/dev/imagespec";

/// The Python environment's fixed path in the image.
pub const ENVIRONMENT: &str = "/opt/venv";

/// The conda environment's fixed path in the image (Flytekit's).
pub const CONDA_ENVIRONMENT: &str = "/opt/micromamba/envs/runtime";

/// Where interpreters are that uv installs.
pub(crate) const PYTHONS: &str = "/opt/python";

/// The Python of an image that has none and asks for no version.
pub(crate) const DEFAULT_PYTHON: &str = "3.12";

/// The tool image that holds micromamba, unless `builder_config.micromamba_image` names another (Flytekit's default).
pub const DEFAULT_MICROMAMBA_IMAGE: &str = "mambaorg/micromamba:2.0.3-debian12-slim";

/// The tool image that holds uv, unless `builder_config.uv_image` names another.
pub const DEFAULT_UV_IMAGE: &str = "ghcr.io/astral-sh/uv:0.13.9";

/// The base image of a spec that names none (Flytekit's default).
pub const DEFAULT_BASE_IMAGE: &str = "debian:bookworm-slim";

/// Where steps write what is read back.
pub(crate) const OUTPUT: &str = "/dev/imagespec/out";
