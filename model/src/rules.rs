//! The rules that a spec is checked against: a table, from which codes, `--explain` and the documentation come.
//!
//! Describes the rules; the checks are in the modules of the values. A code keeps its meaning forever. This crate has `E001` to
//! `E099` and `W001` to `W099`; other crates make tables of their own with [`rule_table!`](crate::rule_table).

use crate::diagnostic::Rule;

/// All rules of this crate in the order of their codes.
pub fn rules() -> &'static [&'static Rule] {
    RULES
}

/// The rule with this code, in uppercase or lowercase.
///
/// ```
/// let rule = imagespec::explain("e005").expect("a rule of this crate");
/// assert_eq!(rule.summary, "unknown field");
/// ```
pub fn explain(code: &str) -> Option<&'static Rule> {
    RULES.iter().copied().find(|rule| rule.code.eq_ignore_ascii_case(code))
}

/// Makes a table of rules: a static for each rule, and one with all of them, by code.
///
/// ```
/// imagespec::rule_table! { pub(crate) RULES:
///     TOO_NEW Error "X001" "made for a later version" "Use the version that the file was made for."
/// }
/// assert_eq!(RULES[0].code, TOO_NEW.code);
/// ```
#[macro_export]
macro_rules! rule_table {
    ($visibility:vis $all:ident: $($name:ident $severity:ident $code:literal $summary:literal $explanation:literal)*) => {
        $(
            #[doc = $summary]
            $visibility static $name: $crate::Rule = $crate::Rule {
                code: $code,
                severity: $crate::Severity::$severity,
                summary: $summary,
                explanation: $explanation,
            };
        )*
        /// All rules of this table, in the order of their codes.
        $visibility static $all: &[&$crate::Rule] = &[$(&$name),*];
    };
}

rule_table! { pub(crate) RULES:
    LIMIT Error "E001" "file too large or too deeply nested"
"A spec is small: up to 1 MiB of text, 32 levels of nesting and 50,000 values after YAML aliases are put in.
The limits keep a hostile file from using up the memory of its reader.
Put long lists of packages into a requirements file."

    SYNTAX Error "E002" "not valid YAML, TOML or JSON"
"The text cannot be read in its format.
The file's extension selects the format. Without a known extension, text that begins with `{` is read as JSON, and any other text as YAML 1.2.
In YAML, text that contains `: ` or ` #`, or begins with one of `@ * & ! [ { % |`, needs quotes:

    commands: ['echo \"a: b\"']"

    DUPLICATE_KEY Error "E003" "key given twice"
"A mapping can have each key only once.
Most readers silently keep the last value, so half of what was written would have no effect."

    ROOT Error "E004" "not a mapping of fields"
"A spec file is one mapping from field names to values:

    base_image: debian:bookworm-slim
    packages: [numpy]

An empty file, a list, or a file with several YAML documents is not a spec."

    UNKNOWN_FIELD Error "E005" "unknown field"
"A spec has Flytekit's field names and no others.
Unknown fields are refused: if a misspelled field were ignored, the wrong image would be built."

    WRONG_TYPE Error "E006" "value of the wrong type"
"A field has a value of another type than it takes, such as one text instead of a list.
Numbers and booleans are text only in quotes: `entrypoint: [sleep, \"10\"]`.
Where only a number makes sense, as in `python_version: 3.10`, the number is used as it is written.
A field without a value, or with `null`, counts as left out."

    NOT_BUILT Error "E007" "not supported yet"
"The value is part of Flytekit's ImageSpec, or of another tool's specs, and this version cannot build it.
It is refused instead of ignored: an image built without it would not be the requested image."

    TEXT Error "E008" "text that cannot be used here"
"A value is empty, contains a line break where it has to be one line, or contains a NUL character, which cannot be passed to a program.
Line breaks are allowed in `commands`, `entrypoint` and the values of `env`."

    CONFLICT Error "E009" "fields that cannot be combined, or that need another field"
"Two fields of the spec cannot be combined, or a field is missing that another field needs.
For example, `source_copy_mode` selects the files below `source_root` that are copied, so it needs a `source_root`."

    IMAGE_REFERENCE Error "E010" "not a valid image reference"
"An image reference is `[registry[:port]/]name[:tag][@digest]`.
Name and path are lowercase. A tag has letters, digits, `_`, `.` and `-`. A digest is `sha256:` followed by 64 hexadecimal digits:

    base_image: ghcr.io/my-team/base:1.2"

    IMAGE_NAME Error "E011" "not a valid name or registry for the image"
"`name` is the repository's name without registry and tag; `registry` is the host and the namespace in front of it:

    name: my-image
    registry: ghcr.io/my-team

Both are converted to lowercase, as Flytekit does.
The tag is computed from the spec: it is `{spec_hash}`, or the result of `tag_format`, such as `\"{spec_hash}-dev\"`."

    PYTHON_VERSION Error "E012" "not a Python version that can be installed"
"`python_version` is `3.MINOR` or `3.MINOR.PATCH`, without operators:

    python_version: \"3.12\"

Without a patch version, any patch release is accepted: the one in the base image if there is one, otherwise the newest."

    PYTHON_EXEC Error "E013" "not a valid path of an interpreter"
"`python_exec` is the absolute path of a Python interpreter inside the base image:

    python_exec: /usr/bin/python3"

    APT_PACKAGE Error "E014" "not a valid Debian package"
"An entry of `apt_packages` is `name[:architecture][=version][/release]`.
Names have lowercase letters, digits, `+`, `-` and `.`. Versions may contain `*`:

    apt_packages: [git, libssl-dev, \"git=1:2.39*\", \"curl/bookworm-backports\"]

Options of apt are refused: an entry that begins with `-` is not a package."

    REQUIREMENT Error "E015" "not a valid Python requirement"
"A requirement is a line as in a requirements file (PEP 508): a name with optional extras, versions and a marker, or a URL:

    packages:
      - numpy
      - pandas[excel]>=2.2,<3 ; python_version >= \"3.10\"
      - mylib @ https://example.org/mylib-1.0-py3-none-any.whl
      - git+https://github.com/flyteorg/flytekit.git@master"

    INSTALLER_OPTION Error "E016" "installer option that cannot be used"
"Options in `packages`, `pip_extra_args` and requirements files are checked against the options that uv accepts there.
Options that name files or programs of your machine are refused: these files do not exist during the build."

    CREDENTIALS Error "E017" "credentials inside a URL"
"A user name, password, token or signature in a URL ends up in command lines, in the lock, in the build's provenance and in its cache keys, where others can read it.
In `env` and labels, everyone who can pull the image can read it.
Put it into a file instead, and mount the file while packages are installed:

    pip_secret_mounts:
      - id: netrc
        src: .netrc
        dst: /root/.netrc

A secret can also be an environment variable of the install steps. For `pip_extra_args: --index private=URL`, uv reads `UV_INDEX_PRIVATE_USERNAME` and `UV_INDEX_PRIVATE_PASSWORD`: use `{id: token, env: UV_INDEX_PRIVATE_PASSWORD}`."

    URL Error "E018" "not a valid URL"
"Variables in URLs are not expanded. An index is an `http://` or `https://` URL, or a `file://` URL of a folder inside the base image:

    pip_index: https://pypi.org/simple"

    OUTSIDE_CONTEXT Error "E019" "path outside the context"
"`copy`, `source_root` and `requirements` name files of the build context, which is the folder given to the build.
Paths are relative to it and do not contain `..`: only the context is sent to a builder, and `..` after a link does not lead where it seems to."

    SECRET Error "E020" "not a valid secret mount"
"A secret is `[source, target]`, or a mapping with `id`, `src` or `src_env`, and `dst` or `env`:

    pip_secret_mounts:
      - [.netrc, /root/.netrc]
      - {id: token, src_env: PYPI_TOKEN, env: UV_INDEX_PRIVATE_PASSWORD}
      - {id: gitconfig, dst: /etc/gitconfig}

Sources are files and variables of the client. Without a source, pass `--secret id=…` to the client. Without an `id`, the id is `secret_` and the entry's number, which starts at 0 and continues the numbers of the base image's specs."

    ENV_NAME Error "E021" "not a valid name of an environment variable"
"Names in `env` have printable ASCII characters except `=`, `$`, quotes and backslashes.
Variables of secrets have letters, digits and `_`, and do not begin with a digit: a shell cannot set variables with other names."

    CHOICE Error "E022" "not one of the choices"
"The field takes one of a few words, in uppercase or lowercase, or a number in a certain range."

    PLATFORM Error "E023" "not a platform that images can be built for"
"A platform is `linux/architecture` or `linux/architecture/variant`. Several platforms are a list, or one text with commas:

    platform: linux/amd64,linux/arm64

Other spellings that Docker knows mean the same: `x86_64` is `amd64`, `aarch64` and `arm64/v8` are `arm64`.
An architecture alone, such as `arm64`, is one of Linux.
`--platform` is read in the same way."

    USER Error "E024" "not a valid user"
"`user` is the name or number of a user, optionally followed by `:` and a group:

    builder_options: {user: \"1000:1000\"}"

    LABEL Error "E025" "not a valid label"
"A label's name is one word, usually a reversed domain: `org.opencontainers.image.source`."

    WORDS Error "E026" "text that cannot be split into words"
"`pip_extra_args` is split into words as a shell does, with quotes and backslashes. Nothing is expanded.
A quote is not closed, or nothing follows a backslash."

    REQUIREMENTS_LINE Error "E027" "not a valid line of a requirements file"
"Requirements files have pip's format: requirements, `-r FILE`, `-c FILE`, index options, `--hash`, comments, and `\\` at the end of a line that continues.
Files that are included are in the build context too."

    CIRCLE Error "E028" "images that build on each other in a circle"
"In a file of several images a `base_image` may be the name of another image of the file.
An image cannot be its own base, directly or through other images: one of them has to start from an existing image."

    TARGET Error "E029" "unknown image, or no choice between several"
"A file describes one image, or several images by name:

    images:
      base: {apt_packages: [git]}
      train: {base_image: base, packages: [torch]}

`--target` selects the image that is built; a file with one image does not need it.
Names have letters, digits, `_`, `.` and `-`, and begin with a letter or digit."

    CONDA_PACKAGE Error "E030" "not a valid conda package"
"An entry of `conda_packages` is a match spec, `[channel::]name[version[=build]]`:

    conda_packages: [\"python=3.11\", \"numpy>=2,<3\", \"conda-forge::pytorch\"]

Options and files are refused."

    CONDA_CHANNEL Error "E031" "not a valid conda channel"
"A channel is a name, or the URL of one:

    conda_channels: [conda-forge, \"https://conda.example.com/team\"]

The first one has the highest priority."

    CUDA Error "E032" "not a valid release of CUDA or cuDNN"
"`cuda` is `MAJOR.MINOR` or `MAJOR.MINOR.PATCH`; `cudnn` can be the major version alone:

    cuda: \"12.4\"
    cudnn: \"9\""

    APT_SOURCE Error "E033" "not a valid repository of Debian packages"
"An entry of `builder_options.apt_sources` is a line as in `/etc/apt/sources.list`: `deb`, an address, a suite and components:

    builder_options:
      apt_sources: [\"deb https://download.docker.com/linux/debian bookworm stable\"]
      apt_keys: [keys/docker.asc]

The repository has to be signed with one of the keys in `apt_keys`, unless the line names a key itself (`[signed-by=…]`)."

    NOT_TEXT Error "E034" "a spec is not text"
"A spec is UTF-8 text. With a byte order mark it may also be UTF-16 or UTF-32, as some editors on Windows write it.
The marked bytes are neither: the file may have been saved in an older encoding such as Latin-1, or it is no text."

    NUMBER_OF_PROBLEMS Error "E099" "more problems than are shown"
"There are so many problems that only the first are shown."

    BOOLEAN_TEXT Warning "W001" "boolean used as text"
"A boolean is used where text is expected. Its text is used as it is written.
Flytekit writes Python's `True` and `False`; quotes make clear which spelling is meant:

    env: {DEBUG: \"true\"}"

    LISTED_TWICE Warning "W002" "entry listed twice"
"A list has the same entry twice. The second one has no effect."
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Severity;

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
