//! Files of the context: the source root and the copied paths.
//!
//! What the client sends is narrowed here; who owns the files in the image is the final user.
//!
//! The clients of daemons before BuildKit 0.9 (Docker 20.10's) know no `**` in the patterns that say what to send: they would
//! leave out Python files in deep folders, and say nothing. There the files are listed first and copied one by one.

use buildkit_llb::caps;
use imagespec::CopyMode;

use crate::facts::Need;
use crate::patterns::{either, gitignore, literal};
use crate::plan::{Action, CopyItem, LocalFilter, Parent, Step};
use crate::planner::{Base, Planner, items, summary};
use crate::rules;

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
            steps.push(self.source_step(&root, mode, &ignored, &gitignores, &owner)?);
        }
        if !copies.is_empty() {
            // Nothing is left to narrow when the whole context is copied.
            let is_whole = copies.iter().any(|path| path == ".");
            let follow = if is_whole { Vec::new() } else { copies.iter().map(|path| literal(path)).collect() };
            let local = LocalFilter { hint: "context", exclude: ignored, follow, ..Default::default() };
            let targets: Vec<CopyItem> =
                copies.iter().map(|path| to_home(path, if path == "." { "" } else { path })).collect();
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

    /// `None` while facts are missing, and where there is nothing to copy, which is a problem.
    fn source_step(
        &mut self,
        root: &str,
        mode: CopyMode,
        ignored: &[String],
        gitignores: &[String],
        owner: &str,
    ) -> Option<Step> {
        let prefix = if root == "." { String::new() } else { format!("{}/", literal(root)) };
        let all = || if prefix.is_empty() { Vec::new() } else { vec![literal(root)] };
        let is_auto = mode == CopyMode::Auto;
        // A capability of the daemon's, but it came with the matcher that its client has too (BuildKit 0.9).
        let is_listed = is_auto && !self.facts.capabilities.contains(caps::FILE_COPY_INCLUDEEXCLUDEPATTERNS);
        let include = if is_auto && !is_listed { vec![format!("{prefix}**/*.py")] } else { all() };
        let exclude = either(ignored, gitignores)
            .into_iter()
            .chain(STANDARD_IGNORE.iter().map(|pattern| format!("{prefix}{pattern}")))
            .collect();
        let local = LocalFilter { hint: "context-source", include, exclude, follow: Vec::new() };
        let items = if is_listed { self.listed(root, &local)? } else { vec![to_home(root, "")] };
        if items.is_empty() {
            let message = format!("there are no Python files below {root}");
            let help = "use `source_copy_mode: all` to copy files of every kind";
            self.problem(&rules::NOTHING_TO_COPY, message, &["source_root"], help);
            return None;
        }
        let what = if is_auto { "Python files of " } else { "" };
        let title = self.title("source", &format!("{what}{root}"));
        let has_mode = self.document.spec.source_copy_mode.is_some();
        let fields = ["source_root"].into_iter().chain(has_mode.then_some("source_copy_mode"));
        let action = Action::Copy { local, items, owner: owner.to_owned() };
        Some(self.step("source", title, Parent::Base, action, fields.map(str::to_owned).collect()))
    }

    /// Each Python file below the root by itself; `None` until they are known.
    fn listed(&mut self, root: &str, local: &LocalFilter) -> Option<Vec<CopyItem>> {
        let Some(files) = self.facts.context_sources.get(root) else {
            self.out.needs.insert(Need::ContextSources { root: root.to_owned(), local: local.clone() });
            return None;
        };
        let below = |path: &str| match root {
            "." => path.to_owned(),
            root => path.strip_prefix(root).unwrap_or(path).to_owned(),
        };
        Some(files.iter().map(|path| to_home(path, below(path).trim_start_matches('/'))).collect())
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

/// A path of the context into `/root`.
fn to_home(from: &str, to: &str) -> CopyItem {
    let to = if to.is_empty() { "/root".to_owned() } else { format!("/root/{to}") };
    CopyItem { from: from.to_owned(), to }
}
