//! The folder of a test: its spec and files, copied from `testdata/e2e`, and removed when the test ends.
//!
//! With `IMAGESPEC_E2E_KEEP` set the folder is kept and its path is printed.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::World;
use crate::lab::Lab;

/// The folder of one test.
#[derive(Debug)]
pub struct Space {
    folder: tempfile::TempDir,
    name: String,
    marker: String,
    frontend: String,
    private_index: String,
    open_index: String,
    registry: String,
    run: String,
    builds: AtomicUsize,
}

impl Space {
    /// An empty folder. `name` becomes part of image names, so it must be unique.
    ///
    /// # Panics
    /// If no temporary folder can be created.
    #[must_use]
    pub fn new(world: &World, name: &str) -> Self {
        let mut folder = tempfile::Builder::new().prefix("imagespec-e2e-").tempdir().expect("a temporary folder");
        let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        if std::env::var_os("IMAGESPEC_E2E_KEEP").is_some_and(|keep| !keep.is_empty()) {
            folder.disable_cleanup(true);
            crate::report::say(&format!("{name}: kept in {}", folder.path().display()));
        }
        let marker = format!("marker-{}-{name}", world.run);
        let frontend = world.programs.frontend_image.clone();
        let private_index = world.lab.private_index.url.clone();
        let open_index = world.lab.open_index.clone();
        let (registry, run) = (world.lab.registry.clone(), world.run.clone());
        Self { folder, name, marker, frontend, private_index, open_index, registry, run, builds: AtomicUsize::new(0) }
    }

    /// The part of image names that is unique to the test.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number of the next build of the test.
    pub(crate) fn next_build(&self) -> usize {
        self.builds.fetch_add(1, Ordering::Relaxed)
    }

    /// A text that no other test and no earlier run has used.
    #[must_use]
    pub fn marker(&self) -> &str {
        &self.marker
    }

    /// The build context.
    #[must_use]
    pub fn context(&self) -> PathBuf {
        self.folder.path().join("context")
    }

    /// A path outside the context, in a folder that no build sends.
    #[must_use]
    pub fn sibling(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file of the context. `@FRONTEND@`, `@OPEN_INDEX@`, `@PRIVATE_INDEX@`, `@REGISTRY@`, `@MARKER@` and `@RUN@` (the same for all
    /// tests of a run) are replaced.
    ///
    /// # Panics
    /// If it cannot be written.
    #[track_caller]
    pub fn write(&self, path: &str, text: &str) -> PathBuf {
        let path = self.context().join(path);
        let write = || {
            std::fs::create_dir_all(path.parent().unwrap_or(Path::new("/")))?;
            std::fs::write(&path, self.fill_in(text))
        };
        write().unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
        path
    }

    fn fill_in(&self, text: &str) -> String {
        text.replace("@FRONTEND@", &self.frontend)
            .replace("@PRIVATE_INDEX@", &self.private_index)
            .replace("@OPEN_INDEX@", &self.open_index)
            .replace("@REGISTRY@", &self.registry)
            .replace("@MARKER@", &self.marker)
            .replace("@RUN@", &self.run)
    }

    /// Copies a folder of `testdata/e2e` to the context, with replacements as in [`write`](Self::write).
    ///
    /// # Panics
    /// If it does not exist.
    #[track_caller]
    pub fn fill(&self, fixture: &str) {
        let from = Lab::checkout().join("testdata/e2e").join(fixture);
        self.fill_from(&from, "");
    }

    #[track_caller]
    fn fill_from(&self, from: &Path, to: &str) {
        let entries = std::fs::read_dir(from).unwrap_or_else(|error| panic!("cannot read {}: {error}", from.display()));
        for entry in entries {
            let path = entry.unwrap_or_else(|error| panic!("cannot list {}: {error}", from.display())).path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let target = if to.is_empty() { name.into_owned() } else { format!("{to}/{name}") };
            if path.is_dir() {
                self.fill_from(&path, &target);
            } else {
                let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
                self.write(&target, &text);
            }
        }
    }

    /// Writes the netrc file with the credentials of the private index.
    #[track_caller]
    pub fn netrc(&self, lab: &Lab) -> PathBuf {
        let index = &lab.private_index;
        let host = index.url.split("://").nth(1).and_then(|rest| rest.split([':', '/']).next()).unwrap_or_default();
        let text = format!("machine {host}\nlogin {}\npassword {}\n", index.user, index.password);
        let path = self.sibling("netrc");
        std::fs::write(&path, text).unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
        path
    }
}
