//! Rules about a spec together with its facts: what only shows once the base image or the context is known.
//!
//! Codes `E101` to `E199` and `W101` to `W199`; the spec's own rules are `imagespec`'s. [`all`] has both.

use imagespec::{Rule, rule_table};

/// Every rule of specs and of their builds: what `check --explain` knows, and what the documentation lists.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    imagespec::rules().iter().chain(ALL).copied()
}

rule_table! { pub ALL:
    MISSING_FILE Error "E101" "a file that the spec names is not in the context"
"`requirements`, and the files it includes, are read from the build context: the folder given to the build. Give a path relative to it, or build with the folder that holds the file."

    NO_INTERPRETER Error "E102" "there is no suitable Python interpreter"
"Python packages are installed into an environment over an interpreter of the base image, or over one that uv installs where the base has none that fits. A base image that has an environment at the same place already is extended, and its Python is the one there is; and wheels can be chosen for CPython and PyPy on glibc and musl only."

    NO_PYTHON_EXEC Error "E103" "the interpreter named by python_exec does not exist"
"`python_exec` is an absolute path inside the base image, or one that `apt_packages` installs."

    WRONG_PYTHON Error "E104" "the interpreter has another version than the spec asks for"
"`python_version` must agree with the interpreter that `python_exec` names. Change one of them, or leave one out."

    UNSUPPORTED_PLATFORM Error "E105" "only linux images can be built"
"Steps run in Linux containers, so every platform is `linux/<architecture>`."

    MISSING_CAPABILITY Error "E106" "the daemon cannot do what the spec needs"
"Some fields need a BuildKit that is new enough. The message names the capability; `imagespec doctor` shows what the daemon has."

    PATH_REQUIREMENT Error "E107" "requirements that name local paths are not supported yet"
"Local projects as requirements are not built yet. Publish a wheel to an index, or copy the project with `copy` and install it in `commands`."

    INCLUDE_CYCLE Error "E108" "requirements files include each other"
"A requirements file may include others with `-r` and `-c`, but not itself, directly or through others."

    BAD_REFERENCE Error "E109" "an image reference is not valid"
"Image references look like `registry/name:tag` or `name@sha256:…`."

    STEP_FAILED Error "E110" "a step of the build failed"
"What the step runs ended with an error. Its last lines of output say why; the marked lines of the spec asked for what failed."

    RESERVED_PATH Error "E111" "a secret's target is where the build keeps its own files"
"The installer, its cache and its input are mounted below `/dev/imagespec` while packages are installed, so no secret can be mounted there or in place of a folder above it. Choose another target, such as `/run/secrets/<name>`."

    NOTHING_TO_COPY Error "E112" "there is nothing to copy"
"`source_root` and `copy` name files and folders of the build context. They must be there and hold something that the ignore files let through; `source_copy_mode: auto`, the default, counts Python files only."

    LOCK_SYNTAX Error "E113" "a lockfile cannot be read"
"Lockfiles are `pylock.toml` files as PEP 751 describes them. Write the lock again with the tool that made it: `uv pip compile --format pylock.toml` or `uv export --format pylock.toml`."

    LOCK_VERSION Error "E114" "a lockfile has a format that is not known"
"Version 1 of `pylock.toml` is known (`lock-version = \"1.0\"`). A newer one may mean something else by the same words, so it is not guessed at."

    LOCK_UNFIT Error "E115" "a lockfile does not fit the image"
"A lock holds for the Python versions and platforms it was made for. Every package that applies needs a wheel for the image's interpreter, processor and C library, or sources to build from. Lock for the image: `uv pip compile --python-version 3.11 --python-platform x86_64-manylinux_2_36`."

    LOCK_CREDENTIALS Error "E116" "a lockfile holds credentials"
"Passwords and tokens in a lock's URLs would be readable in the graph of the build and in the image's provenance. Make the lock with URLs that hold none, and give credentials with `pip_secret_mounts`: a netrc file, or a variable that uv reads."

    HASH_MISMATCH Error "E117" "no file has a hash that the requirements allow"
"Hashes behind a requirement (`--hash=sha256:…`) are the only ones that may be installed. The index has other files, or the image's Python and platform need other ones: make the hashes again, or find out why the files changed."

    NO_CUDA Error "E118" "no image has the wanted CUDA"
"Without a `base_image`, a spec with `cuda` starts from NVIDIA's image of that release, with cuDNN if the spec names it. Not every release has one. With a `base_image`, CUDA comes as packages instead."

    APT_KEY Error "E119" "a file of apt_keys holds no key"
"Keys of repositories are text, ASCII-armored: the file begins with `-----BEGIN PGP PUBLIC KEY BLOCK-----`. A binary one becomes text with `gpg --import FILE`, then `gpg --armor --export NAME`."

    CONDA_TWICE Error "E120" "the base image has a conda environment already"
"micromamba makes an environment anew, so the one of the base image and all that is in it would be gone. Name all conda packages in one spec, or add Python packages with `packages`: they extend the environment that is there."

    IMAGE_NOT_FOUND Error "E121" "an image that the spec names does not exist"
"The registry has no image of this name and tag, or the image has no variant for the platform that is built for. Check the spelling and the tag. A name without a registry is looked for on Docker Hub. Registries often answer in the same way if an image is private and no login was given."

    CHAINED Warning "W101" "the daemon cannot merge layers"
"Without BuildKit's merge and diff operations (Docker's classic image store, BuildKit before 0.10) the steps form a chain: the image is the same, but changing one step redoes and pushes again all later ones."

    STALE_LOCK Warning "W102" "the lock beside the spec is of another spec"
"`imagespec lock` wrote the file for other requirements, options, platform or Python than the spec has now. The build chooses versions anew and keeps those of the file where they still fit. Write it again with `imagespec lock`, or delete it."

    CUDA_TWICE Warning "W103" "CUDA comes twice"
"The base image has CUDA (`CUDA_VERSION` is in its environment), and `cuda` adds the packages that bring it. Two releases in one image are large, and programs may load libraries of both. Leave `cuda` out to use the base's, or start from an image without CUDA."

    OTHER_PLATFORM Warning "W104" "the base image is for another platform"
"A name that stands for one image instead of one for each platform is that image, whatever is built for. Its programs run under emulation at best, and the image that is built says of itself that it is for the platform you asked for. Name an image that exists for this platform."
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
