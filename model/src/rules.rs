//! The rules a spec is checked against: one table, from which codes, `--explain` and the documentation come.
//!
//! Says what a rule is; the checks themselves stand where the values are read.
//! A code keeps its meaning for ever. This crate has `E001` to `E099` and `W001` to `W099`.

use crate::diagnostic::{Rule, Severity};

/// All rules of this crate in the order of their codes.
pub fn rules() -> &'static [&'static Rule] {
    RULES
}

/// The rule with this code; upper and lower case are the same.
///
/// ```
/// let rule = imagespec::explain("e005").expect("a rule of this crate");
/// assert_eq!(rule.summary, "unknown field");
/// ```
pub fn explain(code: &str) -> Option<&'static Rule> {
    RULES.iter().copied().find(|rule| rule.code.eq_ignore_ascii_case(code))
}

macro_rules! rules {
    ($($name:ident $severity:ident $code:literal $summary:literal $explanation:literal)*) => {
        $(pub(crate) static $name: Rule = Rule {
            code: $code,
            severity: Severity::$severity,
            summary: $summary,
            explanation: $explanation,
        };)*
        static RULES: &[&Rule] = &[$(&$name),*];
    };
}

rules! {
    LIMIT Error "E001" "file too large or too deeply nested"
"A spec is small: up to 1 MiB of text, 32 levels of nesting and 50,000 values after YAML aliases are put in.
The limits keep a hostile file from using up the memory of whoever reads it.
Long lists of packages belong into a requirements file."

    SYNTAX Error "E002" "not valid YAML, TOML or JSON"
"The text cannot be read in its format.
The format is chosen by the file's extension; without a known one a text that begins with `{` is JSON, any other YAML 1.2.
In YAML, text that holds `: ` or ` #`, or begins with one of `@ * & ! [ { % |`, has to stand between quotes:

    commands: ['echo \"a: b\"']"

    DUPLICATE_KEY Error "E003" "key given twice"
"A key may stand only once in a mapping.
Most readers silently keep the last one, so half of what was written would have no effect."

    ROOT Error "E004" "not a mapping of fields"
"A spec file is one mapping from field names to values:

    base_image: debian:bookworm-slim
    packages: [numpy]

An empty file, a list, or several YAML documents in one file are not a spec."

    UNKNOWN_FIELD Error "E005" "unknown field"
"A spec has Flytekit's field names and no others.
Unknown fields are refused, because a misspelt field that is ignored builds the wrong image."

    WRONG_TYPE Error "E006" "value of the wrong type"
"A field was given another type of value than it takes, such as one text where a list is wanted.
Numbers and booleans are text only between quotes: `entrypoint: [sleep, \"10\"]`.
Where nothing but a number makes sense, as in `python_version: 3.10`, the number is taken as it is written.
A field without a value, or with `null`, counts as left out."

    NOT_BUILT Error "E007" "not supported yet"
"The value is part of Flytekit's ImageSpec, or of another tool's specs, and this version cannot build it.
It is refused rather than ignored: an image without it would not be the image that was asked for."

    TEXT Error "E008" "text that cannot be used here"
"A value is empty, has a line break where only one line makes sense, or has a NUL character, which no program can be given.
Line breaks are fine in `commands`, `entrypoint` and the values of `env`."

    CONFLICT Error "E009" "fields that exclude or need each other"
"Two fields of the spec do not go together, or one is missing that another needs.
For instance `source_copy_mode` says which files below `source_root` are copied, so it needs a `source_root`."

    IMAGE_REFERENCE Error "E010" "not a valid image reference"
"An image reference is `[registry[:port]/]name[:tag][@digest]`.
Name and path are lower case, a tag has letters, digits, `_`, `.` and `-`, a digest looks like `sha256:` and 64 hexadecimal digits:

    base_image: ghcr.io/my-team/base:1.2"

    IMAGE_NAME Error "E011" "not a name or registry for the image"
"`name` is the repository's name without registry and tag, `registry` is the host and the namespace in front of it:

    name: my-image
    registry: ghcr.io/my-team

Both are made lower case, as Flytekit does.
The tag is computed from the spec: it is `{spec_hash}`, or what `tag_format` makes of it, such as `\"{spec_hash}-dev\"`."

    PYTHON_VERSION Error "E012" "not a Python version that can be installed"
"`python_version` is `3.MINOR` or `3.MINOR.PATCH`, without operators:

    python_version: \"3.12\"

Without a patch version any will do: that of the base image where it has one, else the newest."

    PYTHON_EXEC Error "E013" "not the path of an interpreter"
"`python_exec` is the absolute path of a Python interpreter inside the base image:

    python_exec: /usr/bin/python3"

    APT_PACKAGE Error "E014" "not a Debian package"
"An entry of `apt_packages` is `name[:architecture][=version][/release]`.
Names have lower-case letters, digits, `+`, `-` and `.`. Versions may have `*`:

    apt_packages: [git, libssl-dev, \"git=1:2.39*\", \"curl/bookworm-backports\"]

Options of apt are refused: entries that begin with `-` are not packages."

    REQUIREMENT Error "E015" "not a Python requirement"
"A requirement is what a line of a requirements file may be (PEP 508): a name with optional extras, versions and a marker, or a URL:

    packages:
      - numpy
      - pandas[excel]>=2.2,<3 ; python_version >= \"3.10\"
      - mylib @ https://example.org/mylib-1.0-py3-none-any.whl
      - git+https://github.com/flyteorg/flytekit.git@master"

    INSTALLER_OPTION Error "E016" "installer option that cannot be used"
"Options in `packages`, `pip_extra_args` and requirements files are checked against what uv accepts there.
Options that name files or programs of the machine the spec was written on mean nothing inside a build and are refused."

    CREDENTIALS Error "E017" "credentials inside a URL"
"A user name or password in a URL ends up in command lines, in the lock, in the build's provenance and in its cache keys, for everyone who can read one of these.
Put it into a file instead and mount this while packages are installed:

    pip_secret_mounts:
      - id: netrc
        src: .netrc
        dst: /root/.netrc

A secret can also be an environment variable of the install steps: for `pip_extra_args: --index private=URL` uv reads `UV_INDEX_PRIVATE_USERNAME` and `UV_INDEX_PRIVATE_PASSWORD`, so `{id: token, env: UV_INDEX_PRIVATE_PASSWORD}`."

    URL Error "E018" "not a URL that can be used"
"An index is an `http://` or `https://` URL, or a `file://` URL of a folder inside the base image:

    pip_index: https://pypi.org/simple"

    OUTSIDE_CONTEXT Error "E019" "path outside the context"
"`copy`, `source_root` and `requirements` name files of the build context, the folder given to the build.
Paths are relative to it and have no `..`: a builder is sent the context and nothing else, and `..` behind a link does not lead where it seems to."

    SECRET Error "E020" "secret mount that cannot be used"
"A secret is `[source, target]`, or a mapping with `id`, `src` or `src_env`, and `dst` or `env`:

    pip_secret_mounts:
      - [.netrc, /root/.netrc]
      - {id: token, src_env: PYPI_TOKEN, env: UV_INDEX_PRIVATE_PASSWORD}
      - {id: gitconfig, dst: /etc/gitconfig}

Sources are the client's. Without one, the client is told with `--secret id=…`. Without `id` it is `secret_` and the entry's number from 0, behind those of the specs below."

    ENV_NAME Error "E021" "not the name of an environment variable"
"Names have letters, digits and `_` and do not begin with a digit. Other names cannot be set by a shell."

    CHOICE Error "E022" "not one of the choices"
"The field takes one of a few words. Upper and lower case are the same."

    PLATFORM Error "E023" "not a platform images can be built for"
"A platform is `linux/architecture` or `linux/architecture/variant`; several are a list, or separated by commas:

    platform: linux/amd64,linux/arm64

Other spellings that Docker knows mean the same: `x86_64` is `amd64`, `aarch64` and `arm64/v8` are `arm64`.
An architecture alone, such as `arm64`, is one of Linux.
`--platform` is read in the same way."

    USER Error "E024" "not a user"
"`user` is the name or number of a user of the image, and optionally `:` and a group:

    builder_options: {user: \"1000:1000\"}"

    LABEL Error "E025" "not a label"
"A label's name is one word, usually a reversed domain: `org.opencontainers.image.source`."

    WORDS Error "E026" "words that do not split"
"`pip_extra_args` is split into words as a shell does it, with quotes and backslashes, and nothing is expanded.
A quote is not closed, or a backslash has nothing after it."

    REQUIREMENTS_LINE Error "E027" "line of a requirements file that cannot be used"
"Requirements files have pip's format: requirements, `-r FILE`, `-c FILE`, index options, `--hash`, comments, and `\\` at the end of a line to go on.
Files that are included lie in the context too."

    CIRCLE Error "E028" "images that build on each other in a circle"
"In a file of several images a `base_image` may be the name of another image of the file.
An image cannot stand on itself, directly or through others: one of them has to start from an image that is there already."

    TARGET Error "E029" "no image of the file, or no choice between several"
"A file has one image, or several by name:

    images:
      base: {apt_packages: [git]}
      train: {base_image: base, packages: [torch]}

Which one is built is said with `--target`; a file of one image needs none.
Names have letters, digits, `_`, `.` and `-`, and begin with a letter or digit."

    CONDA_PACKAGE Error "E030" "not a conda package"
"An entry of `conda_packages` is a match spec, `[channel::]name[version[=build]]`:

    conda_packages: [\"python=3.11\", \"numpy>=2,<3\", \"conda-forge::pytorch\"]

Options and files are refused."

    CONDA_CHANNEL Error "E031" "not a conda channel"
"A channel is a name, or the URL of one:

    conda_channels: [conda-forge, \"https://conda.example.com/team\"]

The first one has the highest priority."

    CUDA Error "E032" "not a release of CUDA or cuDNN"
"`cuda` is `MAJOR.MINOR` or `MAJOR.MINOR.PATCH`, `cudnn` may be its major version alone:

    cuda: \"12.4\"
    cudnn: \"9\""

    APT_SOURCE Error "E033" "not a repository of Debian packages"
"An entry of `builder_options.apt_sources` is a line as in `/etc/apt/sources.list`: `deb`, an address, a suite and components:

    builder_options:
      apt_sources: [\"deb https://download.docker.com/linux/debian bookworm stable\"]
      apt_keys: [keys/docker.asc]

The keys of `apt_keys` are what it has to be signed with, unless the line says so itself (`[signed-by=…]`)."

    NUMBER_OF_PROBLEMS Error "E099" "more problems than are shown"
"So many things are wrong that only the first are shown."

    BOOLEAN_TEXT Warning "W001" "boolean used as text"
"A boolean was given where text is wanted and is used as it is written.
Flytekit writes Python's `True` and `False`; quotes make clear which one is meant:

    env: {DEBUG: \"true\"}"

    LISTED_TWICE Warning "W002" "entry listed twice"
"The same entry stands twice in a list. The second one changes nothing."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sorted_unique_and_fit_their_severity() {
        assert!(RULES.is_sorted_by(|a, b| a.code < b.code));
        for rule in RULES {
            let letter = match rule.severity {
                Severity::Error => 'E',
                Severity::Warning => 'W',
            };
            assert!(rule.code.starts_with(letter) && rule.code.len() == 4, "{}", rule.code);
            assert!(!rule.summary.ends_with('.') && !rule.explanation.is_empty());
            assert_eq!(explain(rule.code), Some(*rule));
        }
        assert_eq!(explain("E000"), None);
    }
}
