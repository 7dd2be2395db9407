//! The cases: specs with the files beside them, and what every source leads planning to.
//!
//! What is asked and planned is written without digests and versions, because bases and indexes change and the made-up ones have
//! others.

/// A spec, the client's files, and what planning comes to.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) spec: &'static str,
    /// Files of the build context by path. The spec is there too, as `spec.yaml`.
    pub(crate) context: Vec<(&'static str, &'static str)>,
    /// The daemon is the oldest that builds, instead of one with everything.
    pub(crate) is_on_old_daemon: bool,
    /// The questions, each with its round.
    pub(crate) rounds: Vec<&'static str>,
    /// The steps of each platform.
    pub(crate) steps: Vec<&'static str>,
}

/// A lock with one package.
pub(crate) const LOCK_OF_IDNA: &str = "lock-version = \"1.0\"\ncreated-by = \"uv\"\nrequires-python = \">=3.11\"\n\n[[packages]]\n\
    name = \"idna\"\nversion = \"3.10\"\nwheels = [{ url = \"https://files.pythonhosted.org/packages/76/c6/\
    c88e154df9c4e1a2a66ccf0005a88dfb2650c1dffb6f5ce603dfbd452ce3/idna-3.10-py3-none-any.whl\", size = 70442, \
    hashes = { sha256 = \"946d195a0d259cbba61165e88e65941f16e9b36ea6ddb97f00452bae8b1287d3\" } }]\n";

impl Case {
    /// The name of the spec's file.
    pub(crate) const SPEC: &'static str = "spec.yaml";
    /// A file that the other client has, and that no case reads.
    pub(crate) const UNREAD: &'static str = "unread.txt";
}

/// What most specs have.
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
        is_on_old_daemon: false,
        rounds: vec![
            "1 the file .gitignore of the build context",
            "1 the file app/.gitignore of the build context",
            "1 the file pylock.spec-amd64.toml in the spec's folder",
            "1 the ignore file of the build context",
            "1 the image docker.io/library/python:3.11-slim for linux/amd64",
            "1 the image ghcr.io/astral-sh/uv:0.13.9 for linux/amd64",
            "2 the file /etc/os-release of the base image",
            "2 the interpreters in /usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin",
            "3 the resolved versions of the requirements",
            "4 the files that several packages share",
        ],
        steps: vec![
            "linux/amd64 on the base",
            "  apt on Base for apt_packages[0]",
            "  venv on Base for nothing",
            r#"  wheels on Step("venv") for packages[0], packages[1]"#,
            "  source on Base for source_root",
            "  copy on Base for copy[0]",
        ],
    }
}

/// A finished image below, which its own commands have seen.
pub(crate) fn base_with_commands() -> Case {
    Case {
        name: "base_with_commands",
        spec: "base_image:\n  base_image: python:3.11-slim\n  packages: [idna==3.10]\n  commands: [\"true\"]\n\
               packages: [click==8.1.7]\nenv: {MODE: fast}\n",
        context: Vec::new(),
        is_on_old_daemon: false,
        rounds: vec![
            "1 the file pylock.spec-amd64.toml in the spec's folder",
            "1 the image docker.io/library/python:3.11-slim for linux/amd64",
            "1 the image ghcr.io/astral-sh/uv:0.13.9 for linux/amd64",
            "2 the interpreters in /usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin",
            "3 the resolved versions of the requirements",
            "4 the files that several packages share",
            "5 the interpreters in /opt/venv/bin:/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin",
        ],
        steps: vec![
            "linux/amd64 on the base",
            "  venv on Base for nothing",
            r#"  wheels on Step("venv") for base_image.packages[0], base_image.commands[0]"#,
            r#"  commands on Joined(["venv", "wheels"]) for base_image.commands[0]"#,
            "linux/amd64 on that image",
            "  python on Base for packages[0]",
        ],
    }
}

/// Requirements in files that include each other, one of them from a folder.
pub(crate) fn requirements_files() -> Case {
    Case {
        name: "requirements_files",
        spec: "base_image: python:3.11-slim\nrequirements: deps/requirements.txt\n",
        context: vec![
            ("deps/requirements.txt", "-r more/all.txt\n-c constraints.txt\nidna\n"),
            ("deps/more/all.txt", "click  # any\n"),
            ("deps/constraints.txt", "click==8.1.7\nidna==3.10\n"),
        ],
        is_on_old_daemon: false,
        rounds: vec![
            "1 the file deps/requirements.txt of the build context",
            "1 the file pylock.spec-amd64.toml in the spec's folder",
            "1 the image docker.io/library/python:3.11-slim for linux/amd64",
            "1 the image ghcr.io/astral-sh/uv:0.13.9 for linux/amd64",
            "2 the file deps/constraints.txt of the build context",
            "2 the file deps/more/all.txt of the build context",
            "2 the interpreters in /usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin",
            "3 the resolved versions of the requirements",
            "4 the files that several packages share",
        ],
        steps: vec![
            "linux/amd64 on the base",
            "  venv on Base for nothing",
            r#"  wheels on Step("venv") for requirements"#,
        ],
    }
}

/// Two packages that bring the same files.
pub(crate) fn packages_that_clash() -> Case {
    Case {
        name: "packages_that_clash",
        spec: "base_image: python:3.11-slim\npackages: [jwt==1.3.1, pyjwt==2.8.0]\npip_extra_args: --no-deps\n",
        context: Vec::new(),
        is_on_old_daemon: false,
        rounds: vec![
            "1 the file pylock.spec-amd64.toml in the spec's folder",
            "1 the image docker.io/library/python:3.11-slim for linux/amd64",
            "1 the image ghcr.io/astral-sh/uv:0.13.9 for linux/amd64",
            "2 the interpreters in /usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin",
            "3 the resolved versions of the requirements",
            "4 the files that several packages share",
        ],
        steps: vec![
            "linux/amd64 on the base",
            "  venv on Base for nothing",
            r#"  wheels on Step("venv") for packages[0]"#,
            r#"  apart:pyjwt on Step("venv") for packages[1]"#,
        ],
    }
}

/// An old daemon cannot choose files by their names, and knows images without digests.
pub(crate) fn sources_on_an_old_daemon() -> Case {
    Case {
        name: "sources_on_an_old_daemon",
        spec: "base_image: python:3.11-slim\npackages: [click==8.1.7]\nsource_root: app\n",
        context: apt_pip_and_sources().context,
        is_on_old_daemon: true,
        rounds: vec![
            "1 the file .gitignore of the build context",
            "1 the file app/.gitignore of the build context",
            "1 the file pylock.spec-amd64.toml in the spec's folder",
            "1 the ignore file of the build context",
            "1 the image docker.io/library/python:3.11-slim for linux/amd64",
            "1 the image ghcr.io/astral-sh/uv:0.13.9 for linux/amd64",
            "2 the Python files below app",
            "2 the interpreters in /usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin",
        ],
        steps: vec![
            "linux/amd64 on the base",
            "  venv on Base for nothing",
            r#"  python on Step("venv") for packages[0]"#,
            r#"  source on Step("python") for source_root"#,
        ],
    }
}

/// A plan for each platform.
pub(crate) fn two_platforms() -> Case {
    Case {
        name: "two_platforms",
        spec: "base_image: python:3.11-slim\nplatform: linux/amd64,linux/arm64\npackages: [click==8.1.7]\n",
        context: Vec::new(),
        is_on_old_daemon: false,
        rounds: vec![
            "1 the file pylock.spec-amd64.toml in the spec's folder",
            "1 the file pylock.spec-arm64.toml in the spec's folder",
            "1 the image docker.io/library/python:3.11-slim for linux/amd64",
            "1 the image docker.io/library/python:3.11-slim for linux/arm64",
            "1 the image ghcr.io/astral-sh/uv:0.13.9 for linux/amd64",
            "1 the image ghcr.io/astral-sh/uv:0.13.9 for linux/arm64",
            "2 the interpreters in /usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin",
            "2 the interpreters in /usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin",
            "3 the resolved versions of the requirements",
            "3 the resolved versions of the requirements",
            "4 the files that several packages share",
            "4 the files that several packages share",
        ],
        steps: vec![
            "linux/amd64 on the base",
            "  venv on Base for nothing",
            r#"  wheels on Step("venv") for packages[0]"#,
            "linux/arm64 on the base",
            "  venv on Base for nothing",
            r#"  wheels on Step("venv") for packages[0]"#,
        ],
    }
}

/// A lock that the spec names: nothing is resolved.
pub(crate) fn own_lock() -> Case {
    Case {
        name: "own_lock",
        spec: "base_image: python:3.11-slim\nrequirements: locks/pylock.toml\n",
        context: vec![("locks/pylock.toml", LOCK_OF_IDNA)],
        is_on_old_daemon: false,
        rounds: vec![
            "1 the image docker.io/library/python:3.11-slim for linux/amd64",
            "1 the image ghcr.io/astral-sh/uv:0.13.9 for linux/amd64",
            "2 the interpreters in /usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin",
            "3 the file locks/pylock.toml of the build context",
            "4 the version of the interpreter /usr/local/bin/python3",
            "5 the files that several packages share",
        ],
        steps: vec![
            "linux/amd64 on the base",
            "  venv on Base for nothing",
            r#"  wheels on Step("venv") for requirements"#,
        ],
    }
}

/// The lock of a project, which its tool exports.
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
        is_on_old_daemon: false,
        rounds: vec![
            "1 the image docker.io/library/python:3.11-slim for linux/amd64",
            "1 the image ghcr.io/astral-sh/uv:0.13.9 for linux/amd64",
            "2 the interpreters in /usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin",
            "3 the file pyproject.toml of the build context",
            "3 the file uv.lock of the build context",
            "4 the resolved versions of the requirements",
            "5 the files that several packages share",
        ],
        steps: vec![
            "linux/amd64 on the base",
            "  venv on Base for nothing",
            r#"  wheels on Step("venv") for requirements"#,
        ],
    }
}

/// An interpreter that a step brings.
pub(crate) fn python_from_apt() -> Case {
    Case {
        name: "python_from_apt",
        spec: "base_image: debian:bookworm-slim\napt_packages: [python3]\npython_exec: /usr/bin/python3\n\
               python_version: \"3.11\"\npackages: [click==8.1.7]\n",
        context: Vec::new(),
        is_on_old_daemon: false,
        rounds: vec![
            "1 the file pylock.spec-amd64.toml in the spec's folder",
            "1 the image docker.io/library/debian:bookworm-slim for linux/amd64",
            "1 the image ghcr.io/astral-sh/uv:0.13.9 for linux/amd64",
            "2 the file /etc/os-release of the base image",
            "2 whether the base image has /usr/bin/python3",
            "3 whether the base image has /usr/bin/python3",
            "4 the version of the interpreter /usr/bin/python3",
        ],
        steps: vec![
            "linux/amd64 on the base",
            "  apt on Base for apt_packages[0]",
            r#"  venv on Step("apt") for python_exec, python_version"#,
            r#"  python on Step("venv") for packages[0]"#,
        ],
    }
}
