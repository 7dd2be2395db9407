//! Rules that need more than the spec, such as the base image or the files of the context.
//!
//! Codes `E101` to `E199` and `W101` to `W199`. Rules of the spec alone are in the crate `imagespec`; [`all`] has both.

use imagespec::{Rule, rule_table};

/// All rules of specs and builds, for `check --explain` and the documentation.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    imagespec::rules().iter().chain(ALL).copied()
}

rule_table! { pub ALL:
    MISSING_FILE Error "E101" "a file that the spec names is not in the context"
"`requirements`, and the files it includes, are read from the build context, which is the folder given to the build.
Give a path relative to the context, or build with the folder that contains the file."

    NO_INTERPRETER Error "E102" "there is no suitable Python interpreter"
"Python packages are installed into an environment. Its interpreter is one of the base image, or one that uv installs if the base image has none that fits.
If the base image already has an environment at the same path, that environment is extended, and its Python version cannot be changed.
Wheels can be selected only for CPython and PyPy on glibc and musl."

    NO_PYTHON_EXEC Error "E103" "the interpreter named by python_exec does not exist"
"`python_exec` is an absolute path inside the base image, or one that `apt_packages` installs."

    WRONG_PYTHON Error "E104" "the interpreter does not have the requested version"
"`python_version` must match the version of the interpreter that `python_exec` names. Change one of them, or leave one out."

    UNSUPPORTED_PLATFORM Error "E105" "only Linux images can be built"
"Steps run in Linux containers, so every platform is `linux/<architecture>`."

    MISSING_CAPABILITY Error "E106" "the daemon does not support what the spec needs"
"Some fields need a newer BuildKit. The message names the missing capability; `imagespec doctor` shows what the daemon supports."

    PATH_REQUIREMENT Error "E107" "requirements that name local paths are not supported yet"
"Local projects cannot be requirements yet. Publish a wheel to an index, or copy the project with `copy` and install it in `commands`."

    INCLUDE_CYCLE Error "E108" "requirements files include each other"
"A requirements file may include others with `-r` and `-c`, but not itself, directly or through others."

    BAD_REFERENCE Error "E109" "an image reference is not valid"
"An image reference is `registry/name:tag` or `name@sha256:…`."

    STEP_FAILED Error "E110" "a step of the build failed"
"A program that the step runs failed. The last lines of its output give the reason; the marked lines of the spec are the ones that the failed step was built from."

    RESERVED_PATH Error "E111" "the target of a secret is a path that the build uses itself"
"While packages are installed, the installer, its cache and its input are mounted below `/dev/imagespec`. A secret cannot be mounted there, or at a folder above it.
Choose another target, such as `/run/secrets/<name>`."

    NOTHING_TO_COPY Error "E112" "there is nothing to copy"
"`source_root` and `copy` name files and folders of the build context. They must exist and contain at least one file that the ignore files do not exclude.
`source_copy_mode: auto`, the default, copies only Python files."

    LOCK_SYNTAX Error "E113" "a lockfile cannot be read"
"A lockfile is a `pylock.toml` file as described in PEP 751. Write it again with the tool that made it: `uv pip compile --format pylock.toml` or `uv export --format pylock.toml`."

    LOCK_VERSION Error "E114" "a lockfile has an unsupported format version"
"Only version 1 of `pylock.toml` is supported (`lock-version = \"1.0\"`). In a newer version the same keys may have another meaning."

    LOCK_UNFIT Error "E115" "a lockfile does not fit the image"
"A lockfile is valid for the Python versions and platforms it was made for.
Every package that applies needs a wheel for the image's interpreter, architecture and C library, or a source to build from.
Lock for the image: `uv pip compile --python-version 3.11 --python-platform x86_64-manylinux_2_36`."

    LOCK_CREDENTIALS Error "E116" "a lockfile contains credentials"
"Passwords and tokens in the URLs of a lockfile would be readable in the build graph and in the image's provenance.
Lock with URLs without credentials, and provide the credentials with `pip_secret_mounts`: as a netrc file, or as a variable that uv reads."

    HASH_MISMATCH Error "E117" "no file has a hash that the requirements allow"
"If a requirement has hashes (`--hash=sha256:…`), only files with these hashes are installed.
The index has other files, or the image's Python version and platform need other files. Update the hashes, or find out why the files changed."

    NO_CUDA Error "E118" "no image has the requested CUDA release"
"A spec with `cuda` and without `base_image` starts from NVIDIA's image of that CUDA release, with cuDNN if the spec has `cudnn`. Not every release has an image.
With a `base_image`, CUDA is installed from packages instead."

    APT_KEY Error "E119" "a file of apt_keys contains no key"
"Keys of repositories are ASCII-armored text that begins with `-----BEGIN PGP PUBLIC KEY BLOCK-----`.
To convert a binary key to text, run `gpg --import FILE`, then `gpg --armor --export NAME`."

    CONDA_TWICE Error "E120" "the base image already has a conda environment"
"micromamba creates a new environment, which would replace the one of the base image with everything in it.
Name all conda packages in one spec, or add Python packages with `packages`, which extend the existing environment."

    IMAGE_NOT_FOUND Error "E121" "an image that the spec names does not exist"
"The registry has no image of this name and tag, or the image has no variant for the platform that is built for. Check the spelling and the tag. A name without a registry is looked for on Docker Hub. Registries often answer in the same way if an image is private and no login was given."

    ENV_VALUE Error "E122" "a value of env cannot be expanded"
"Values of `env` refer to variables as in the `ENV` of a Dockerfile: `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME:+text}`, `${NAME:?message}`, `${NAME#pattern}`, `${NAME%pattern}` and `${NAME/pattern/text}`.
Write a dollar sign that is none of these as `\\$`."

    NO_APT Error "E123" "the base image has no apt"
"`apt_packages` are installed with apt, which only Debian, Ubuntu and distributions derived from them have.
Use such a base image, or install with the base image's own package manager in `commands`."

    DYNAMIC_PROJECT Error "E124" "the dependencies of a project are not in its pyproject.toml"
"`dynamic` in `[project]` says that a build backend computes the dependencies, often from a requirements file. A project without `[project]` leaves all of it to the backend, as in `setup.py` and `setup.cfg`.
The build gets only the files that the spec names, so a backend would find nothing and report no dependencies.
Name the file that the dependencies are in as `requirements`, or lock the project with `uv lock` and use the `uv.lock`."

    UNSUPPORTED_PYTHON Error "E125" "a project does not support the Python version of the image"
"`requires-python` in `[project]` names the versions that the project supports. Set `python_version`, or use a base image with one of them."

    PIP_INDEX Error "E126" "the base image configures an index for pip"
"pip in the base image would use the index of `PIP_INDEX_URL` or `/etc/pip.conf`, and so does the build, unless the spec names an index.
An index that a base image chooses gets no secrets, and a URL with a password would end up in the build's provenance. Name the index that you mean as `pip_index`."

    CHAINED Warning "W101" "the daemon cannot merge layers"
"The daemon does not support BuildKit's merge and diff operations (Docker's classic image store, BuildKit before 0.10), so each step is built on top of the previous one.
The image is the same, but when a step changes, all later steps are rebuilt and pushed again."

    STALE_LOCK Warning "W102" "the lockfile next to the spec was made for a different spec"
"`imagespec lock` wrote the file for other requirements, options, Python version or platform than the spec has now.
The build resolves the versions again, and keeps those of the file where they still fit.
Update the file with `imagespec lock`, or delete it."

    CUDA_TWICE Warning "W103" "CUDA is installed twice"
"The base image has CUDA (`CUDA_VERSION` is in its environment), and `cuda` adds packages with CUDA.
Two releases make the image larger, and programs may load libraries of both. Leave out `cuda` to use the CUDA of the base image, or start from an image without CUDA."

    OTHER_PLATFORM Warning "W104" "the base image is for another platform"
"The base image has a single platform, and it is not the target platform. The daemon uses it anyway.
Its programs run under emulation at best, but the config of the built image names the target platform. Use a base image that exists for the target platform."

    ON_BUILD Warning "W105" "the base image has triggers that are not run"
"The Dockerfile of the base image has `ONBUILD` instructions, which a Dockerfile that starts from the image would run first.
A spec does not run them. Add what they do to the spec: files to `copy`, packages to `apt_packages` or `packages`, anything else to `commands`."

    STRAY_LINKS Warning "W106" "a copied link leads to nothing in the image"
"The copied files include symbolic links to something that is not copied: a file outside of the build context, one that an ignore file excludes, or nothing at all.
They are copied as links. Put the files into the context, or leave out the links with `.dockerignore`."

    GIT_RULES Warning "W107" "the rules of git cannot be applied"
"`source_root` leaves out what git ignores. The repository could not be read, so only the `.gitignore` files in the build context were used.
Files that git ignores for another reason are copied, and files that it tracks in spite of a pattern are not."
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use imagespec::Severity;

    use super::*;

    #[test]
    fn codes_are_unique_and_fit_their_table() {
        let codes: BTreeSet<&str> = all().map(|rule| rule.code).collect();
        assert_eq!(codes.len(), all().count());
        assert!(ALL.is_sorted_by(|a, b| a.code < b.code));
        for rule in ALL {
            let letter = if rule.severity == Severity::Error { "E1" } else { "W1" };
            assert!(rule.code.starts_with(letter) && rule.code.len() == 4, "{}", rule.code);
            assert!(!rule.summary.ends_with('.') && rule.explanation.ends_with('.'), "{}", rule.code);
        }
    }
}
