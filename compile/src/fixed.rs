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

/// Minor and patch releases of Python with a fixed image on Docker Hub: a later patch release replaced each of them, and the tag of a
/// replaced release is not built again (docker-library/official-images: `library/python` lists only the newest).
pub(crate) const PYTHON_RELEASES: [(u32, u32); 6] = [(9, 19), (10, 14), (11, 9), (12, 7), (13, 1), (14, 0)];

/// The base image if the spec has none (Flytekit's default).
pub const DEFAULT_BASE_IMAGE: &str = "debian:bookworm-slim";

/// The files that a survey of a root filesystem reads.
pub const SURVEYED_FILES: [&str; 4] = ["/etc/os-release", "/etc/passwd", "/etc/group", PIP_CONFIG];

/// The configuration of pip for all users (pip: `src/pip/_internal/configuration.py`).
pub(crate) const PIP_CONFIG: &str = "/etc/pip.conf";

/// The time of all files that steps write, in seconds since 1970: 1980-01-02, because zip archives know no earlier year in any time
/// zone.
pub(crate) const FILE_TIME: i64 = 315_619_200;

/// The same in nanoseconds, as ops take it.
pub(crate) const FILE_TIMESTAMP: i64 = FILE_TIME * 1_000_000_000;

/// The folder with the metadata of packages that an environment has, while versions are resolved.
pub(crate) const INSTALLED: &str = "/dev/imagespec/installed";

/// The beginning of the URLs of files in that folder.
pub(crate) const INSTALLED_URL: &str = "file:///dev/imagespec/installed/";

/// The folder of an image with what planning has read from results of steps. A cache that is kept elsewhere has the results of what is in
/// the image, so another daemon finds the answers there.
pub(crate) const RECORDS: &str = "/usr/share/imagespec";

/// The folder to which steps write results that are read back.
pub(crate) const OUTPUT: &str = "/dev/imagespec/out";
