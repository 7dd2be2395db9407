//! The files of a spec.
//!
//! Reads only files that a frontend in this process requests.

use std::fs::File;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use buildkit_client::session::files::LocalDir;
use buildkit_client::session::sent::SentDir;
use buildkit_client::session::{Session, SessionBuilder, SharedKey};
use buildkit_llb::Digest;
use buildkit_proto::keys::local;
use imagespec::{Diagnostic, ImageSpec, Parsed};
use imagespec_compile::question::Selection;
use imagespec_compile::{Document, LockUse, SelectionFact};
use imagespec_frontend::{AtPath, ClientFiles, ImagespecFrontend, Memory, Side};

use crate::confined;
use crate::memory::DaemonMemory;
use crate::selection;

/// The names of the folders in the session.
const CONTEXT: &str = local::CONTEXT;
const SPEC_FOLDER: &str = local::DOCKERFILE;

/// The build context and the spec file. For a spec made in Rust, the path is the one of a file that need not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The folder that `source_root`, `copy` and `requirements` are relative to.
    pub context: PathBuf,
    /// The spec file. Its ignore file and lockfile are next to it, and paths on the client, such as those of secrets and
    /// `registry_config`, are relative to its folder.
    pub spec: PathBuf,
}

impl Files {
    /// The default name of a spec file.
    pub const SPEC: &str = "imagespec.yaml";
    /// The frontend option with the session that serves the build context, if it is not the build's own
    /// (`moby/buildkit: frontend/dockerui/config.go`).
    pub const CONTEXT_SESSION: &str = "local-sessionid:context";

    /// The files of a spec without a file of its own.
    ///
    /// ```
    /// use std::path::Path;
    /// use imagespec_driver::Files;
    ///
    /// let files = Files::in_folder("project");
    /// assert_eq!(files.spec, Path::new("project/imagespec.yaml"));
    /// assert_eq!(files.resolve("netrc"), Path::new("project/netrc"));
    /// ```
    #[must_use]
    pub fn in_folder(context: impl Into<PathBuf>) -> Self {
        let context = context.into();
        Self { spec: context.join(Self::SPEC), context }
    }

    /// The folder of the spec file.
    #[must_use]
    pub fn spec_folder(&self) -> &Path {
        match self.spec.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        }
    }

    /// The spec's file name without its folder.
    #[must_use]
    pub fn spec_name(&self) -> String {
        self.spec.file_name().map_or_else(|| Self::SPEC.to_owned(), |name| name.to_string_lossy().into_owned())
    }

    /// A session that serves both folders. All clients of this workspace use the same names, so that files that one has sent are not sent
    /// again by another.
    #[must_use]
    pub fn session(&self) -> SessionBuilder {
        self.context_session().with_local_dir(SPEC_FOLDER, LocalDir::new(self.spec_folder()))
    }

    /// A session that serves only the build context, to several builds at once, so that common files are sent once and in one step. It
    /// must stay open until the builds end, and not longer: the daemon does not look into the folder again.
    ///
    /// Each build also has its own session, and this session's id in the option [`CONTEXT_SESSION`](Self::CONTEXT_SESSION). The build's own
    /// session serves the context too: Engine 20.10 asks it regardless of the option, and then stores the answer under the id of this
    /// one.
    #[must_use]
    pub fn context_session(&self) -> SessionBuilder {
        Session::builder().with_shared_key(self.shared_key()).with_local_dir(CONTEXT, LocalDir::new(&self.context))
    }

    /// The key under which the daemon stores this context. It requests only files whose names, sizes and times differ from those sent with
    /// the same key, so folders of other projects and machines must have other keys.
    fn shared_key(&self) -> SharedKey {
        let context = absolute(&self.context);
        let read = |path: &str| std::fs::read_to_string(path).ok().filter(|text| !text.trim().is_empty());
        let machine = read("/etc/machine-id").or_else(|| read("/proc/sys/kernel/hostname")).unwrap_or_default();
        let salt = Digest::from_content(format!("{}\n{}", machine.trim(), context.display()).as_bytes());
        SharedKey::for_directory(&context, &salt.to_string())
    }

    /// Whether the files are the same as when they were sent. Blocking.
    #[must_use]
    pub(crate) fn are_unchanged(&self, sent: &[SentDir]) -> bool {
        sent.iter().all(|sent| match sent.request.name.as_str() {
            CONTEXT => sent.is_as_sent(&LocalDir::new(&self.context)),
            SPEC_FOLDER => sent.is_as_sent(&LocalDir::new(self.spec_folder())),
            _ => false,
        })
    }

    /// A frontend that runs in this process, with direct access to the files and the memory of the daemon.
    pub(crate) fn frontend(
        &self,
        document: Document,
        warnings: Vec<Diagnostic>,
        lock: LockUse,
        memory: Option<DaemonMemory>,
    ) -> ImagespecFrontend {
        ImagespecFrontend {
            document: Some((document, warnings)),
            lock,
            memory: memory.map(|memory| Arc::new(memory) as Arc<dyn Memory>),
            identity: Some(absolute(&self.spec).display().to_string()),
            files: Some(Arc::new(self.clone())),
            ..ImagespecFrontend::default()
        }
    }

    /// A spec made in Rust, as if it was read from the file, with its warnings.
    #[must_use]
    pub fn document(&self, spec: &ImageSpec) -> (Document, Vec<Diagnostic>) {
        let Parsed { spec: _, images: _, spans, diagnostics, sources } = spec.to_parsed(&self.spec_name());
        (Document { spec: spec.clone(), spans, sources, target: None }, diagnostics)
    }

    /// A path on the client that the spec names, relative to the spec's folder.
    #[must_use]
    pub fn resolve(&self, path: &str) -> PathBuf {
        self.spec_folder().join(path)
    }

    /// The same, with `~/` as the user's home folder.
    #[must_use]
    pub fn resolve_with_home(&self, path: &str, home: Option<&Path>) -> PathBuf {
        match path.strip_prefix("~/").zip(home) {
            Some((rest, home)) => home.join(rest),
            None => self.resolve(path),
        }
    }
}

/// An absolute path; unchanged if the current folder is unknown.
pub(crate) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// Reads a file only if the daemon would find the same file at the path.
impl ClientFiles for Files {
    fn read(&self, side: Side, path: &str) -> AtPath {
        let mut at = match side {
            Side::Context => self.context.clone(),
            Side::Spec => self.spec_folder().to_path_buf(),
        };
        let mut kind = None;
        for part in Path::new(path).components() {
            let Component::Normal(name) = part else { return AtPath::AskDaemon };
            at.push(name);
            kind = match std::fs::symlink_metadata(&at) {
                // The daemon resolves links within the folder, which is more than opening the file.
                Ok(metadata) if metadata.is_symlink() => return AtPath::AskDaemon,
                Ok(metadata) => Some(metadata.file_type()),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return AtPath::Nothing,
                Err(_) => return AtPath::AskDaemon,
            };
        }
        let open = |_| File::open(&at).and_then(confined::read_bounded).ok();
        let read = kind.filter(std::fs::FileType::is_file).and_then(open);
        read.map_or(AtPath::AskDaemon, AtPath::File)
    }

    fn select(&self, question: &Selection) -> Result<SelectionFact, String> {
        selection::select(&self.context, question)
    }
}

impl Default for Files {
    /// The current folder.
    fn default() -> Self {
        Self::in_folder(".")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_only_if_the_daemon_would_read_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let context = folder.path().join("context");
        std::fs::create_dir_all(context.join("deep")).unwrap();
        for name in ["context/a.txt", "context/deep/b.txt", "outside.txt"] {
            std::fs::write(folder.path().join(name), name).unwrap();
        }
        std::os::unix::fs::symlink("../outside.txt", context.join("leak.txt")).unwrap();
        std::os::unix::fs::symlink("deep", context.join("link")).unwrap();
        let files = Files { context, spec: folder.path().join("spec.yaml") };
        let check = |side, path, expect| assert_eq!(files.read(side, path), expect, "{path}");
        check(Side::Context, "a.txt", AtPath::File(b"context/a.txt".to_vec()));
        check(Side::Context, "deep/b.txt", AtPath::File(b"context/deep/b.txt".to_vec()));
        check(Side::Spec, "outside.txt", AtPath::File(b"outside.txt".to_vec()));
        check(Side::Context, "no/such.txt", AtPath::Nothing);
        for path in ["leak.txt", "link/b.txt", "deep", "../outside.txt", "/etc/passwd", "a.txt/b", ""] {
            check(Side::Context, path, AtPath::AskDaemon);
        }
    }
}
