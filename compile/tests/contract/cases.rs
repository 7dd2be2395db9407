//! The cases of the contract suite: specs, the files of their build contexts, and the questions and steps that every answer source
//! must lead to.
//!
//! Questions and steps are compared without digests and versions, because these differ between real and simulated images and indexes,
//! and change over time.

use super::Client;

/// A spec with the client's files, and the expected questions and steps.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// The text of the spec.
    pub(crate) spec: &'static str,
    /// The files of the build context as pairs of path and text, without the spec, [`Case::SPEC_FILE`].
    pub(crate) context: Vec<(&'static str, &'static str)>,
    /// Whether the daemon is the oldest supported one. Otherwise it has all capabilities.
    pub(crate) uses_old_daemon: bool,
    /// The questions, each after the number of its round.
    pub(crate) rounds: Vec<&'static str>,
    /// The steps of each platform, as listed by [`PlanningResult::steps`](super::PlanningResult::steps).
    pub(crate) steps: Vec<&'static str>,
}

/// A lock with one package.
pub(crate) const IDNA_LOCK: &str = "lock-version = \"1.0\"\ncreated-by = \"uv\"\nrequires-python = \">=3.11\"\n\n[[packages]]\n\
    name = \"idna\"\nversion = \"3.10\"\nwheels = [{ url = \"https://files.pythonhosted.org/packages/76/c6/\
    c88e154df9c4e1a2a66ccf0005a88dfb2650c1dffb6f5ce603dfbd452ce3/idna-3.10-py3-none-any.whl\", size = 70442, \
    hashes = { sha256 = \"946d195a0d259cbba61165e88e65941f16e9b36ea6ddb97f00452bae8b1287d3\" } }]\n";

impl Case {
    /// The path of the spec in the build context.
    pub(crate) const SPEC_FILE: &'static str = "spec.yaml";

    /// The files of a client's build context, without the spec.
    pub(crate) fn context_files(&self, client: Client) -> impl Iterator<Item = (&'static str, &'static str)> {
        // No case reads this file.
        let unread = (client == Client::Second).then_some(("unread.txt", "only the second client has this file\n"));
        self.context.iter().copied().chain(unread)
    }
}

/// All cases.
pub(crate) fn all() -> Vec<Case> {
    super::with_case_names!(case_list)
}

/// A spec with the most common fields.
pub(crate) fn apt_pip_and_sources() -> Case {
    Case {
        name: "apt_pip_and_sources",
        spec: "base_image: python:3.11-slim\napt_packages: [tree]\npackages: [click==8.1.7, idna==3.10]\n\
               source_root: app\ncopy: [data]\n",
        context: vec![
            (".dockerignore", "# Not sent.\n/app/generated/\n*.log\n"),
            ("app/main.py", "print('main')\n"),
            ("app/notes.txt", "No Python.\n"),
            ("app/pkg/deep/leaf.py", "LEAF = 1\n"),
            ("app/generated/schema.py", "SCHEMA = 1\n"),
            ("other/main.py", "print('other')\n"),
            ("data/table.csv", "1,2\n"),
        ],
        uses_old_daemon: false,
        rounds: vec![
            "1 the file .gitignore of the build context",
            "1 the file app/.gitignore of the build context",
            "1 the file pylock.spec-amd64.toml in the spec's folder",
            "1 the ignore file of app",
            "1 the ignore file of the build context",
            "1 the image docker.io/library/python:3.11-slim for linux/amd64",
            "1 the image ghcr.io/astral-sh/uv:0.13.9 for linux/amd64",
            "2 the files */.gitignore below .",
            "2 the programs, accounts and release of the base image",
            "3 the image docker.io/library/python:3.11.9-slim-bookworm for linux/amd64",
            "3 the resolved versions of the requirements",
            "4 the files that several packages share",
        ],
        steps: vec![
            "linux/amd64 on the base image",
            "  apt on Base for apt_packages[0]",
            "  venv on Base for no field",
            "  wheels on Nothing for packages[0], packages[1]",
            "  source on Base for source_root",
            "  copy on Base for copy[0]",
        ],
    }
}

/// A base with `commands`. It has a plan of its own, because its commands run on the finished base.
pub(crate) fn base_with_commands() -> Case {
    Case {
        name: "base_with_commands",
        spec: "base_image:\n  base_image: python:3.11-slim\n  packages: [idna==3.10]\n  commands: [\"true\"]\n\
               packages: [click==8.1.7]\nenv: {MODE: fast}\n",
        context: Vec::new(),
        uses_old_daemon: false,
        rounds: vec![
            "1 the file pylock.spec-amd64.toml in the spec's folder",
            "1 the image docker.io/library/python:3.11-slim for linux/amd64",
            "1 the image ghcr.io/astral-sh/uv:0.13.9 for linux/amd64",
            "2 the programs, accounts and release of the base image",
            "3 the image docker.io/library/python:3.11.9-slim-bookworm for linux/amd64",
            "3 the resolved versions of the requirements",
            "4 the files that several packages share",
            "5 the programs, accounts and release of the base image",
            "6 the packages of the interpreter /opt/venv/bin/python3",
            "7 the resolved versions of the requirements",
            "8 the files that several packages share",
        ],
        steps: vec![
            "linux/amd64 on the base image",
            "  venv on Base for no field",
            "  wheels on Nothing for base_image.packages[0], base_image.commands[0]",
            r#"  commands on Joined(["venv", "wheels"]) for base_image.commands[0]"#,
            "linux/amd64 on the plan of its base",
            "  folders on Base for no field",
            "  wheels on Nothing for packages[0]",
        ],
    }
}

/// Requirements files that include each other, in two folders.
pub(crate) fn requirements_files() -> Case {
    Case {
        name: "requirements_files",
        spec: "base_image: python:3.11-slim\nrequirements: deps/requirements.txt\n",
        context: vec![
            ("deps/requirements.txt", "-r more/all.txt\n-c constraints.txt\nidna\n"),
            ("deps/more/all.txt", "click  # any\n"),
            ("deps/constraints.txt", "click==8.1.7\nidna==3.10\n"),
        ],
        uses_old_daemon: false,
        rounds: vec![
            "1 the file deps/requirements.txt of the build context",
            "1 the file pylock.spec-amd64.toml in the spec's folder",
            "1 the image docker.io/library/python:3.11-slim for linux/amd64",
            "1 the image ghcr.io/astral-sh/uv:0.13.9 for linux/amd64",
            "2 the file deps/constraints.txt of the build context",
            "2 the file deps/more/all.txt of the build context",
            "2 the programs, accounts and release of the base image",
            "3 the image docker.io/library/python:3.11.9-slim-bookworm for linux/amd64",
            "3 the resolved versions of the requirements",
            "4 the files that several packages share",
        ],
        steps: vec![
            "linux/amd64 on the base image",
            "  venv on Base for no field",
            "  wheels on Nothing for requirements",
        ],
    }
}

/// Two packages that install the same files.
pub(crate) fn packages_that_clash() -> Case {
    Case {
        name: "packages_that_clash",
        spec: "base_image: python:3.11-slim\npackages: [jwt==1.3.1, pyjwt==2.8.0]\npip_extra_args: --no-deps\n",
        context: Vec::new(),
        uses_old_daemon: false,
        rounds: vec![
            "1 the file pylock.spec-amd64.toml in the spec's folder",
            "1 the image docker.io/library/python:3.11-slim for linux/amd64",
            "1 the image ghcr.io/astral-sh/uv:0.13.9 for linux/amd64",
            "2 the programs, accounts and release of the base image",
            "3 the image docker.io/library/python:3.11.9-slim-bookworm for linux/amd64",
            "3 the resolved versions of the requirements",
            "4 the files that several packages share",
        ],
        steps: vec![
            "linux/amd64 on the base image",
            "  venv on Base for no field",
            "  wheels on Nothing for packages[0]",
            "  apart:pyjwt on Nothing for packages[1]",
        ],
    }
}

/// An old daemon cannot copy only the files that match a pattern, and resolves images without their digests.
pub(crate) fn sources_on_an_old_daemon() -> Case {
    Case {
        name: "sources_on_an_old_daemon",
        spec: "base_image: python:3.11-slim\npackages: [click==8.1.7]\nsource_root: app\n",
        context: apt_pip_and_sources().context,
        uses_old_daemon: true,
        rounds: vec![
            "1 the file .gitignore of the build context",
            "1 the file app/.gitignore of the build context",
            "1 the file pylock.spec-amd64.toml in the spec's folder",
            "1 the ignore file of app",
            "1 the ignore file of the build context",
            "1 the image docker.io/library/python:3.11-slim for linux/amd64",
            "1 the image ghcr.io/astral-sh/uv:0.13.9 for linux/amd64",
            "2 the files *.py below app",
            "2 the programs, accounts and release of the base image",
            "3 the image docker.io/library/python:3.11.9-slim-bookworm for linux/amd64",
            "3 the resolved versions of the requirements",
            "4 the files that several packages share",
        ],
        steps: vec![
            "linux/amd64 on the base image",
            "  venv on Base for no field",
            r#"  wheels on Step("venv") for packages[0]"#,
            r#"  source on Step("wheels") for source_root"#,
        ],
    }
}

/// Two platforms, each with its own plan.
pub(crate) fn two_platforms() -> Case {
    Case {
        name: "two_platforms",
        spec: "base_image: python:3.11-slim\nplatform: linux/amd64,linux/arm64\npackages: [click==8.1.7]\n",
        context: Vec::new(),
        uses_old_daemon: false,
        rounds: vec![
            "1 the file pylock.spec-amd64.toml in the spec's folder",
            "1 the file pylock.spec-arm64.toml in the spec's folder",
            "1 the image docker.io/library/python:3.11-slim for linux/amd64",
            "1 the image docker.io/library/python:3.11-slim for linux/arm64",
            "1 the image ghcr.io/astral-sh/uv:0.13.9 for linux/amd64",
            "1 the image ghcr.io/astral-sh/uv:0.13.9 for linux/arm64",
            "2 the programs, accounts and release of the base image",
            "2 the programs, accounts and release of the base image",
            "3 the image docker.io/library/python:3.11.9-slim-bookworm for linux/amd64",
            "3 the image docker.io/library/python:3.11.9-slim-bookworm for linux/arm64",
            "3 the resolved versions of the requirements",
            "3 the resolved versions of the requirements",
            "4 the files that several packages share",
            "4 the files that several packages share",
        ],
        steps: vec![
            "linux/amd64 on the base image",
            "  venv on Base for no field",
            "  wheels on Nothing for packages[0]",
            "linux/arm64 on the base image",
            "  venv on Base for no field",
            "  wheels on Nothing for packages[0]",
        ],
    }
}

/// A lock that the spec names. Nothing has to be resolved.
pub(crate) fn own_lock() -> Case {
    Case {
        name: "own_lock",
        spec: "base_image: python:3.11-slim\nrequirements: locks/pylock.toml\n",
        context: vec![("locks/pylock.toml", IDNA_LOCK)],
        uses_old_daemon: false,
        rounds: vec![
            "1 the image docker.io/library/python:3.11-slim for linux/amd64",
            "1 the image ghcr.io/astral-sh/uv:0.13.9 for linux/amd64",
            "2 the programs, accounts and release of the base image",
            "3 the file locks/pylock.toml of the build context",
            "3 the image docker.io/library/python:3.11.9-slim-bookworm for linux/amd64",
            "4 the files that several packages share",
        ],
        steps: vec![
            "linux/amd64 on the base image",
            "  venv on Base for no field",
            "  wheels on Nothing for requirements",
        ],
    }
}

/// The lockfile of a project, which `uv export` turns into a lock.
pub(crate) fn project_lock() -> Case {
    const PROJECT: &str = "[project]\nname = \"a-project\"\nversion = \"0.1.0\"\nrequires-python = \">=3.11\"\n\
        dependencies = [\"idna==3.10\"]\n";
    const LOCK: &str = "version = 1\nrevision = 3\nrequires-python = \">=3.11\"\n\n[[package]]\nname = \"a-project\"\n\
        version = \"0.1.0\"\nsource = { virtual = \".\" }\ndependencies = [{ name = \"idna\" }]\n\n[package.metadata]\n\
        requires-dist = [{ name = \"idna\", specifier = \"==3.10\" }]\n\n[[package]]\nname = \"idna\"\nversion = \"3.10\"\n\
        source = { registry = \"https://pypi.org/simple\" }\nsdist = { url = \"https://files.pythonhosted.org/packages/f1/70/\
        7703c29685631f5a7590aa73f1f1d3fa9a380e654b86af429e0934a32f7d/idna-3.10.tar.gz\", hash = \"sha256:\
        12f65c9b470abda6dc35cf8e63cc574b1c52b11df2c86030af0ac09b01b13ea9\", size = 190490 }\nwheels = [{ url = \
        \"https://files.pythonhosted.org/packages/76/c6/c88e154df9c4e1a2a66ccf0005a88dfb2650c1dffb6f5ce603dfbd452ce3/\
        idna-3.10-py3-none-any.whl\", hash = \"sha256:946d195a0d259cbba61165e88e65941f16e9b36ea6ddb97f00452bae8b1287d3\", \
        size = 70442 }]\n";
    Case {
        name: "project_lock",
        spec: "base_image: python:3.11-slim\nrequirements: uv.lock\n",
        context: vec![("uv.lock", LOCK), ("pyproject.toml", PROJECT)],
        uses_old_daemon: false,
        rounds: vec![
            "1 the image docker.io/library/python:3.11-slim for linux/amd64",
            "1 the image ghcr.io/astral-sh/uv:0.13.9 for linux/amd64",
            "2 the programs, accounts and release of the base image",
            "3 the file pyproject.toml of the build context",
            "3 the file uv.lock of the build context",
            "3 the image docker.io/library/python:3.11.9-slim-bookworm for linux/amd64",
            "4 the resolved versions of the requirements",
            "5 the files that several packages share",
        ],
        steps: vec![
            "linux/amd64 on the base image",
            "  venv on Base for no field",
            "  wheels on Nothing for requirements",
        ],
    }
}

/// A Python interpreter that the apt step installs.
pub(crate) fn python_from_apt() -> Case {
    Case {
        name: "python_from_apt",
        spec: "base_image: debian:bookworm-slim\napt_packages: [python3]\npython_exec: /usr/bin/python3\n\
               python_version: \"3.11\"\npackages: [click==8.1.7]\n",
        context: Vec::new(),
        uses_old_daemon: false,
        rounds: vec![
            "1 the file pylock.spec-amd64.toml in the spec's folder",
            "1 the image docker.io/library/debian:bookworm-slim for linux/amd64",
            "1 the image docker.io/library/python:3.11.9-slim-bookworm for linux/amd64",
            "1 the image ghcr.io/astral-sh/uv:0.13.9 for linux/amd64",
            "2 the programs, accounts and release of the base image",
            "3 the programs, accounts and release of the base image",
            "4 the packages of the interpreter /usr/bin/python3",
            "5 the resolved versions of the requirements",
            "6 the files that several packages share",
        ],
        steps: vec![
            "linux/amd64 on the base image",
            "  apt on Base for apt_packages[0]",
            r#"  venv on Step("apt") for python_exec, python_version"#,
            "  wheels on Nothing for packages[0]",
        ],
    }
}
