//! What only this builder knows: its options and the images that hold its tools, as tables of fields.
//!
//! Every value has been checked. Rules between these fields and others are the spec's: an [`ImageSpec`](crate::ImageSpec) checks
//! them when it is given options.

use std::collections::BTreeMap;

use crate::canonical;
use crate::choice::{Bytecode, Flavor, SourceBuilds};
use crate::debian::apt_source;
use crate::image_reference::image_reference;
use crate::kind::{chosen, count, named, ordered_set, set, text, text_or_number};
use crate::moves::{environment_or_owner_differs, installs_python, is_flyte, user_is_open};
use crate::path::context_path;
use crate::table::{Rules, fields};
use crate::text::{label_key, line, part_name, user};

/// The value of `python_image` that stands for the base image's own interpreter.
pub const OWN_PYTHON: &str = "base_image";

/// The maximum of `python_layers`: an image may have 127 layers, and the base and the other steps have some.
const MAX_PYTHON_LAYERS: u32 = 60;
/// The maximum of `python_jobs`.
const MAX_PYTHON_JOBS: u32 = 64;

fields! {
    /// Options of this builder.
    ///
    /// ```
    /// use imagespec::{BuilderOptions, Flavor, ImageSpec};
    ///
    /// let options = BuilderOptions::default().with_flavor(Flavor::Flyte).with_label("team", "ml")?;
    /// let spec = ImageSpec::named("train")?.with_builder_options(options)?;
    /// assert_eq!(spec.builder_options().flavor(), Some(Flavor::Flyte));
    /// # Ok::<(), imagespec::Invalid>(())
    /// ```
    pub struct BuilderOptions at [builder_options], accessors option_fields;

    /// Whose habits the image follows: the spec's alone, or those of Flytekit's own builder.
    flavor as FLAVOR: Option<Flavor> => Option<Flavor> {
        kind: chosen::<Flavor>(),
        takes: "one of `plain` and `flyte`",
        example: "flavor: plain",
        set: with_flavor(Flavor),
        moves: [
            User if user_is_open, Python if environment_or_owner_differs, Lock, Packages, Entry, Profile, Commands,
            Config,
        ],
    }

    /// User the image runs as, user or user:group.
    user as USER: Option<String> => Option<&str> {
        kind: text_or_number(user),
        takes: "the name of a user",
        example: "user: \"1000:1000\"",
        set: with_user(value),
        moves: [User, Python, Profile, Files, Config],
    }

    /// Certificates on your machine that steps which talk to the network trust.
    ///
    /// A file, relative to the spec file.
    ca_bundle as CA_BUNDLE: Option<String> => Option<&str> {
        kind: text(line),
        takes: "the path of a file",
        example: "ca_bundle: certs/company.pem",
        set: with_ca_bundle(value),
        canonical: canonical::left_out,
        moves: [Apt, Python if installs_python, Conda, Lock, Packages, Commands],
    }

    /// Labels of the image.
    labels as LABELS: BTreeMap<String, String> => &BTreeMap<String, String> {
        kind: named(label_key),
        takes: "a mapping from names to values",
        example: "labels: {team: ml}",
        set: with_label(name, value),
        moves: [Commands if is_flyte, Config],
    }

    /// The most layers Python packages may have; 1 installs them in one step.
    python_layers as PYTHON_LAYERS: Option<u32> => Option<u32> {
        kind: count(MAX_PYTHON_LAYERS),
        takes: "a whole number from 1 to 60",
        example: "python_layers: 26",
        set: with_python_layers(count),
        moves: [Packages],
    }

    /// How many steps that install Python packages run at the same time.
    python_jobs as PYTHON_JOBS: Option<u32> => Option<u32> {
        kind: count(MAX_PYTHON_JOBS),
        takes: "a whole number from 1 to 64",
        example: "python_jobs: 3",
        set: with_python_jobs(count),
        canonical: canonical::left_out,
        moves: [],
    }

    /// How Python packages are precompiled.
    bytecode as BYTECODE: Option<Bytecode> => Option<Bytecode> {
        kind: chosen::<Bytecode>(),
        takes: "one of `checked`, `unchecked` and `none`",
        example: "bytecode: checked",
        set: with_bytecode(Bytecode),
        moves: [Python if installs_python, Conda, Packages, Commands],
    }

    /// Optional dependencies of the project whose lock or pyproject.toml `requirements` names.
    extras as EXTRAS: Vec<String> => &[String] {
        kind: set(part_name),
        takes: "a list of names",
        example: "extras: [dev]",
        also: ["optional_dependencies"],
        set: with_extras(values),
        moves: [Lock, Packages],
    }

    /// Dependency groups of the project whose lock or pyproject.toml `requirements` names.
    groups as GROUPS: Vec<String> => &[String] {
        kind: set(part_name),
        takes: "a list of names",
        example: "groups: [test]",
        also: ["dependency_groups"],
        set: with_groups(values),
        moves: [Lock, Packages],
    }

    /// Whether code that runs while packages are built from source may read the secrets of pip_secret_mounts.
    source_builds as SOURCE_BUILDS: Option<SourceBuilds> => Option<SourceBuilds> {
        kind: chosen::<SourceBuilds>(),
        takes: "one of `isolated` and `trusted`",
        example: "source_builds: isolated",
        set: with_source_builds(SourceBuilds),
        moves: [Lock, Packages],
    }

    /// More repositories of Debian packages; the image keeps them.
    ///
    /// Lines of sources.list(5).
    apt_sources as APT_SOURCES: Vec<String> => &[String] {
        kind: ordered_set(apt_source),
        takes: "a list of lines as in sources.list",
        example: "apt_sources: [\"deb https://download.docker.com/linux/debian bookworm stable\"]",
        set: with_apt_sources(values),
        moves: [Apt],
    }

    /// Files of the build context with the keys those repositories are signed with.
    ///
    /// ASCII-armored.
    apt_keys as APT_KEYS: Vec<String> => &[String] {
        kind: ordered_set(context_path),
        takes: "a list of paths",
        example: "apt_keys: [keys/docker.asc]",
        set: with_apt_keys(values),
        moves: [Apt],
    }
}

fields! {
    /// Images that hold the tools of this builder.
    ///
    /// ```
    /// use imagespec::BuilderConfig;
    ///
    /// let config = BuilderConfig::default().with_uv_image("ghcr.io/astral-sh/uv:0.13.9")?;
    /// assert_eq!(config.uv_image(), Some("ghcr.io/astral-sh/uv:0.13.9"));
    /// # Ok::<(), imagespec::Invalid>(())
    /// ```
    pub struct BuilderConfig at [builder_config], accessors tool_fields;

    /// Image that has uv at /uv.
    uv_image as UV_IMAGE: Option<String> => Option<&str> {
        kind: text(image_reference),
        takes: "an image reference",
        example: "uv_image: \"ghcr.io/astral-sh/uv:0.13.9\"",
        set: with_uv_image(value),
        moves: [Python, Lock, Packages, Commands],
    }

    /// Image that has the spec's version of Python as python3, which prepares wheels; base_image stands for the base itself.
    ///
    /// Packages are unpacked and compiled with it, apart from the base image.
    python_image as PYTHON_IMAGE: Option<String> => Option<&str> {
        kind: text(image_reference),
        takes: "an image reference, or `base_image`",
        example: "python_image: \"python:3.11.9-slim-bookworm\"",
        set: with_python_image(value),
        moves: [Packages if installs_python],
    }

    /// Image that has micromamba at /usr/bin/micromamba or /bin/micromamba.
    micromamba_image as MICROMAMBA_IMAGE: Option<String> => Option<&str> {
        kind: text(image_reference),
        takes: "an image reference",
        example: "micromamba_image: \"mambaorg/micromamba:2.0.3\"",
        set: with_micromamba_image(value),
        moves: [Conda],
    }
}

/// There are no rules between its own fields.
impl Rules for BuilderOptions {}

/// There are no rules between its own fields.
impl Rules for BuilderConfig {}
