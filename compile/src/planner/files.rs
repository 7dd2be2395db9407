//! Files of the context: the source root and the copied paths.
//!
//! What the client sends is narrowed here; who owns the files in the image is the final user.

use imagespec::CopyMode;

use crate::facts::Need;
use crate::patterns::{either, gitignore, literal};
use crate::plan::{Action, CopyItem, LocalFilter, Parent, Step};
use crate::planner::{Base, Planner, items, summary};

/// Never part of a copied source tree.
const STANDARD_IGNORE: [&str; 4] = ["**/__pycache__", "**/*.pyc", "**/.git", "**/.DS_Store"];

/// What the steps know of the context.
#[derive(Default)]
pub(super) struct FileFacts {
    ignored: Vec<String>,
    source: Option<Source>,
}

/// A source root that is copied.
struct Source {
    root: String,
    mode: CopyMode,
    gitignores: Vec<String>,
}

impl Planner<'_> {
    /// `None` while facts are missing.
    pub(super) fn files(&mut self, base: &Base) -> Option<Vec<Step>> {
        let copies = self.document.spec.copy.clone();
        let FileFacts { ignored, source } = self.file_facts()?;
        let owner = self.final_user(base);
        let mut steps = Vec::new();
        if let Some(Source { root, mode, gitignores }) = source {
            steps.push(self.source_step(&root, mode, &ignored, &gitignores, &owner));
        }
        if !copies.is_empty() {
            // Nothing is left to narrow when the whole context is copied.
            let is_whole = copies.iter().any(|path| path == ".");
            let follow = if is_whole { Vec::new() } else { copies.iter().map(|path| literal(path)).collect() };
            let local = LocalFilter { hint: "context", exclude: ignored, follow, ..Default::default() };
            let targets: Vec<CopyItem> = copies
                .iter()
                .map(|path| CopyItem {
                    from: path.clone(),
                    to: if path == "." { "/root".to_owned() } else { format!("/root/{path}") },
                })
                .collect();
            let title = self.title("copy", &summary(&copies));
            let action = Action::Copy { local, items: targets, owner };
            steps.push(self.step("copy", title, Parent::Base, action, items("copy", copies.len())));
        }
        Some(steps)
    }

    /// What the steps have to know of the context; `None` while something is missing.
    pub(super) fn file_facts(&mut self) -> Option<FileFacts> {
        let spec = &self.document.spec;
        let has_copies = !spec.copy.is_empty();
        // A root without a mode means Python sources (design §3).
        let mode = spec.source_copy_mode.unwrap_or(CopyMode::Auto);
        let root = spec.source_root.clone().filter(|_| mode != CopyMode::None);
        if root.is_none() && !has_copies {
            return Some(FileFacts::default());
        }
        let ignored = self.facts.context_ignore.clone();
        if ignored.is_none() {
            self.out.needs.insert(Need::ContextIgnore);
        }
        let source = match root {
            None => None,
            // Asked for together with the ignore file.
            Some(root) => {
                let gitignores = self.gitignores(&root);
                Some(Source { root, mode, gitignores: gitignores? })
            }
        };
        Some(FileFacts { ignored: ignored?, source })
    }

    fn source_step(&self, root: &str, mode: CopyMode, ignored: &[String], gitignores: &[String], owner: &str) -> Step {
        let prefix = if root == "." { String::new() } else { format!("{}/", literal(root)) };
        let include = match mode {
            CopyMode::Auto => vec![format!("{prefix}**/*.py")],
            CopyMode::All if prefix.is_empty() => Vec::new(),
            CopyMode::All | CopyMode::None => vec![literal(root)],
        };
        let exclude = either(ignored, gitignores)
            .into_iter()
            .chain(STANDARD_IGNORE.iter().map(|pattern| format!("{prefix}{pattern}")))
            .collect();
        let local = LocalFilter { hint: "context-source", include, exclude, follow: Vec::new() };
        let what = if mode == CopyMode::Auto { "Python files of " } else { "" };
        let title = self.title("source", &format!("{what}{root}"));
        let has_mode = self.document.spec.source_copy_mode.is_some();
        let fields = ["source_root"].into_iter().chain(has_mode.then_some("source_copy_mode"));
        let action = Action::Copy {
            local,
            items: vec![CopyItem { from: root.to_owned(), to: "/root".to_owned() }],
            owner: owner.to_owned(),
        };
        self.step("source", title, Parent::Base, action, fields.map(str::to_owned).collect())
    }

    /// The `.gitignore` files at the context's and the source root's top, as patterns relative to the context.
    fn gitignores(&mut self, root: &str) -> Option<Vec<String>> {
        let mut folders = vec![String::new()];
        if root != "." {
            folders.push(format!("{root}/"));
        }
        let mut patterns = Vec::new();
        let mut missing = false;
        for folder in folders {
            let path = format!("{folder}.gitignore");
            match self.facts.context_files.get(&path) {
                Some(text) => patterns.extend(gitignore(text.as_deref().unwrap_or_default(), &folder)),
                None => {
                    self.out.needs.insert(Need::ContextFile { path });
                    missing = true;
                }
            }
        }
        (!missing).then_some(patterns)
    }

    /// The user that runs the image: the spec's, else the base's.
    pub(super) fn final_user(&self, base: &Base) -> String {
        match &self.document.spec.builder_options.user {
            Some(user) => user.clone(),
            None => base.config["config"]["User"].as_str().unwrap_or_default().to_owned(),
        }
    }
}
