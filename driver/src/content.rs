//! The files of a spec, for its tag: read from the build context with the same filters as in a build.
//!
//! No daemon is needed.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use buildkit_client::session::files::{LocalDir, SentKind};
use buildkit_gateway::contexts::{IGNORE_FILE, IgnoreFile};
use buildkit_llb::Digest;
use imagespec::{Content, Invalid, Problems, parse_platform};
use imagespec_compile::question::ContextFile;
use imagespec_compile::{AnyQuestion, ContextUse, CopyItem, Document, Fact, LocalFilter, Store, Text, context_use};
use sha2::{Digest as _, Sha256};

use crate::confined;
use crate::files::Files;
use crate::selection;

/// Why the content of a spec cannot be computed.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    /// The spec is invalid together with its files.
    #[error("the spec has errors")]
    Spec(Box<Problems>),
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A platform cannot be built for.
    #[error(transparent)]
    Platform(#[from] Invalid),
    /// The context cannot be listed.
    #[error("{0}")]
    List(std::io::Error),
    /// A bug.
    #[error("internal error: {0}")]
    Internal(String),
}

/// Collects the content of a spec: the files at its paths, and the lockfiles next to it. `platforms` are the target platforms if they
/// differ from the spec's, such as `linux/arm64`. Blocking.
///
/// ```
/// use imagespec_compile::Document;
/// use imagespec_driver::{Files, content};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let folder = tempfile::tempdir()?;
/// std::fs::write(folder.path().join("train.py"), "print()\n")?;
/// let parsed = imagespec::parse("spec.yaml", "copy: [train.py]\n");
/// let document = Document::from_parsed(parsed, None).expect("a valid spec");
/// let content = content::gather(&Files::in_folder(folder.path()), &document, &[])?;
/// assert!(content.files.contains_key("train.py"));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// A file cannot be read, the files make the spec invalid, or a platform cannot be built for.
pub fn gather(files: &Files, document: &Document, platforms: &[String]) -> Result<Content, ContentError> {
    let platforms = platforms.iter().filter(|text| !text.is_empty()).map(|text| parse_platform(text));
    let platforms = platforms.collect::<Result<Vec<_>, _>>()?;
    let mut store = Store::default();
    loop {
        match context_use(document, &platforms, &store) {
            Err(problems) => return Err(ContentError::Spec(Box::new(problems))),
            Ok(ContextUse::Asks(questions)) => {
                for question in questions {
                    store.insert(answer(files, question)?);
                }
            }
            Ok(ContextUse::Known { requirements, locks, copied, links }) => {
                let texts = requirements.into_iter().map(|path| {
                    let known = store.get(&ContextFile { path: path.clone() });
                    let text = known.and_then(Option::as_ref).map(Text::as_str).unwrap_or_default();
                    (path, Content::digest(text.as_bytes()))
                });
                let mut content = Content { requirements: texts.collect(), ..Content::default() };
                for (platform, name) in locks {
                    if let Some(bytes) = read(files.spec_folder(), &name)? {
                        content.locks.insert(platform, Content::digest(&bytes));
                    }
                }
                for filter in copied {
                    add(&files.context, &filter, &mut content.files)?;
                }
                for CopyItem { from, to } in links {
                    content.files.insert(format!("link {to}"), from);
                }
                content.platforms = platforms.iter().map(ToString::to_string).collect();
                return Ok(content);
            }
        }
    }
}

fn answer(files: &Files, question: AnyQuestion) -> Result<Fact, ContentError> {
    Ok(match question {
        AnyQuestion::ContextFile(question) => {
            let bytes = read(&files.context, &question.path)?;
            (question, bytes.map(|bytes| Text::from_bytes(&bytes))).into()
        }
        AnyQuestion::ContextIgnore(question) => {
            let own = IgnoreFile::path_for(&files.spec.to_string_lossy());
            let own = Path::new(&own).file_name().map(Path::new).unwrap_or(Path::new(&own));
            let bytes = match read(files.spec_folder(), own)? {
                Some(bytes) => Some(bytes),
                None => read(&files.context, IGNORE_FILE)?,
            };
            (question, bytes.map(|bytes| IgnoreFile::parse(&bytes)).unwrap_or_default()).into()
        }
        AnyQuestion::FolderIgnore(question) => {
            let bytes = read(&files.context, Path::new(&question.folder).join(IGNORE_FILE))?;
            (question, bytes.map(|bytes| IgnoreFile::parse(&bytes)).unwrap_or_default()).into()
        }
        AnyQuestion::Selection(question) => {
            let selection = selection::select(&files.context, &question).map_err(std::io::Error::other);
            (question, selection.map_err(ContentError::List)?).into()
        }
        other => return Err(ContentError::Internal(format!("{other} is not a file of the context"))),
    })
}

fn read(folder: &Path, path: impl AsRef<Path>) -> Result<Option<Vec<u8>>, ContentError> {
    let read = confined::read(folder, &path);
    read.map_err(|source| ContentError::Read { path: folder.join(path), source })
}

/// Computes the same digest as [`Content::digest`] for a file that may not fit into memory.
fn digest(path: &Path) -> std::io::Result<String> {
    let mut reader = BufReader::with_capacity(1 << 20, File::open(path)?);
    let mut hash = Sha256::new();
    loop {
        let read = reader.fill_buf()?;
        if read.is_empty() {
            break;
        }
        hash.update(read);
        let count = read.len();
        reader.consume(count);
    }
    Ok(Digest::from(<[u8; 32]>::from(hash.finalize())).to_string())
}

/// Adds the digests of all files that pass a filter. Times and owners are not copied, so they are not included.
fn add(context: &Path, filter: &LocalFilter, files: &mut BTreeMap<String, String>) -> Result<(), ContentError> {
    let sent =
        LocalDir::new(context).list(&filter.include, &filter.exclude, &filter.follow).map_err(ContentError::List)?;
    for file in sent {
        let content = match file.kind {
            SentKind::Directory => "folder".to_owned(),
            SentKind::Link(target) => format!("link to {target}"),
            SentKind::Other => "special file".to_owned(),
            SentKind::File { executable } => {
                let path = context.join(&file.on_disk);
                let digest = digest(&path).map_err(|source| ContentError::Read { path, source })?;
                let executable = if executable { ", executable" } else { "" };
                format!("{digest}{executable}")
            }
        };
        // A path in two filters is the same file.
        files.insert(file.path, content);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_finished_images_are_included() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("a.txt", "a"), ("b.txt", "b"), ("c.txt", "c"), ("requirements.txt", "click\n")] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let text = "base_image: {base_image: {copy: [a.txt], commands: [\"true\"]}, copy: [b.txt], commands: [\"true\"], \
                    requirements: requirements.txt}\ncopy: [c.txt]\n";
        let document = Document::from_parsed(imagespec::parse("spec.yaml", text), None).unwrap();
        let content = gather(&Files::in_folder(folder.path()), &document, &[]).unwrap();
        assert_eq!(content.files.keys().collect::<Vec<_>>(), ["a.txt", "b.txt", "c.txt"]);
        assert_eq!(content.requirements.keys().collect::<Vec<_>>(), ["requirements.txt"]);
    }

    #[test]
    fn lockfiles_of_the_target_platforms_are_included() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["pylock.spec-amd64.toml", "pylock.spec-arm64.toml", "pylock.spec-other-amd64.toml", "pylock.toml"]
        {
            std::fs::write(folder.path().join(name), name).unwrap();
        }
        let files = Files { context: folder.path().to_owned(), spec: folder.path().join("spec.yaml") };
        let locks = |text: &str, platforms: &[&str]| -> Vec<String> {
            let document = Document::from_parsed(imagespec::parse("spec.yaml", text), None).unwrap();
            let platforms: Vec<String> = platforms.iter().map(|&platform| platform.to_owned()).collect();
            gather(&files, &document, &platforms).unwrap().locks.into_keys().collect()
        };
        let (amd64, arm64) = ("linux/amd64", "linux/arm64");
        assert_eq!(locks("packages: [click]\n", &[]), [amd64, arm64], "nobody says what it is built for");
        assert_eq!(locks("packages: [click]\n", &["aarch64"]), [arm64]);
        assert_eq!(locks("packages: [click]\nplatform: linux/amd64\n", &[]), [amd64]);
        assert_eq!(locks("packages: [click]\nplatform: linux/amd64\n", &["linux/arm64/v8"]), [arm64]);
        assert_eq!(locks("apt_packages: [git]\n", &[]), <[&str; 0]>::default(), "there is nothing to lock");
        assert_eq!(locks("requirements: pylock.toml\n", &[]), <[&str; 0]>::default(), "it names its own");
    }

    #[test]
    fn a_missing_file_is_reported_once_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let text = "base_image: {requirements: pyproject.toml, commands: [\"true\"]}\npackages: [click]\n";
        let document = Document::from_parsed(imagespec::parse("spec.yaml", text), None).unwrap();
        let error = gather(&Files::in_folder(folder.path()), &document, &[]).unwrap_err();
        let ContentError::Spec(problems) = error else { panic!("{error}") };
        let [problem] = problems.diagnostics.as_slice() else { panic!("{problems:?}") };
        assert_eq!(problem.span().and_then(|span| problems.sources.snippet(span)), Some("pyproject.toml"));
        assert_eq!(problems.fields(problem), ["base_image.requirements"]);
    }
}
