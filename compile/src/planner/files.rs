//! Files of the context: the source root and the copied paths.
//!
//! The planner selects the files that the client sends. They belong to the final user of the image.
//!
//! The clients of daemons before BuildKit 0.9 (Docker 20.10's) do not support `**` in these patterns and would silently leave out
//! Python files in deep folders. For them the files are listed first and copied one by one.

use buildkit_llb::caps;
use imagespec::{CopyMode, ImageSpec};

use crate::answer::Text;
use crate::patterns::{either, gitignore, literal};
use crate::plan::{Action, CopyItem, LocalFilter, Parent, Step};
use crate::planner::base::Base;
use crate::planner::{Planner, items, numbered, summary};
use crate::question;
use crate::rules;

/// Always excluded from a copied source tree.
const STANDARD_IGNORE: [&str; 4] = ["**/__pycache__", "**/*.pyc", "**/.git", "**/.DS_Store"];

/// Facts about the context for the copy steps.
#[derive(Default)]
pub(super) struct FileFacts {
    ignored: Vec<String>,
    parts: Vec<Part>,
}

/// The copied files of one spec.
struct Part {
    /// The prefix of its fields' paths.
    prefix: String,
    source: Option<Source>,
    copies: Vec<String>,
}

/// A copied source root.
struct Source {
    root: String,
    mode: CopyMode,
    has_mode: bool,
    gitignores: Vec<String>,
}

impl FileFacts {
    /// The filters for the client, one for each step.
    pub(super) fn filters(&self) -> Vec<LocalFilter> {
        let filters = |part: &Part| {
            let source = part.source.as_ref().map(|source| source_filter(source, &self.ignored, false));
            let copies = (!part.copies.is_empty()).then(|| copy_filter(&part.copies, &self.ignored));
            source.into_iter().chain(copies)
        };
        self.parts.iter().flat_map(filters).collect()
    }
}

impl Planner<'_, '_> {
    /// The copy steps. The files of an inner spec are below those of the specs on top of it. `None` while facts are missing.
    pub(super) fn files(&mut self, base: &Base) -> Option<Vec<Step>> {
        let FileFacts { ignored, parts } = self.file_facts()?;
        let owner = self.final_user(base);
        let count = parts.len();
        let mut steps = Vec::new();
        for (index, Part { prefix, source, copies }) in parts.into_iter().enumerate() {
            let id = |name: &str| numbered(name, index, count);
            if let Some(source) = source {
                steps.push(self.source_step(&id("source"), &prefix, &source, &ignored, &owner)?);
            }
            if !copies.is_empty() {
                let local = copy_filter(&copies, &ignored);
                let targets: Vec<CopyItem> =
                    copies.iter().map(|path| to_home(path, if path == "." { "" } else { path })).collect();
                let title = self.title("copy", &summary(&copies));
                let action = Action::Copy { local, items: targets, owner: owner.clone() };
                let fields = items(&format!("{prefix}copy"), copies.len());
                steps.push(self.step(&id("copy"), title, Parent::Base, action, fields));
            }
        }
        Some(steps)
    }

    /// The facts for the copy steps; `None` while one is missing.
    pub(super) fn file_facts(&mut self) -> Option<FileFacts> {
        // A root without a mode means Python sources (design §3).
        let mode = |spec: &ImageSpec| spec.source_copy_mode().unwrap_or(CopyMode::Auto);
        let root = |spec: &ImageSpec| spec.copied_root().map(str::to_owned);
        let wanted: Vec<_> = self
            .specs()
            .levels()
            .iter()
            .map(|level| {
                let has_mode = level.spec.source_copy_mode().is_some();
                (level.prefix.clone(), root(level.spec), mode(level.spec), has_mode, level.spec.copy().to_vec())
            })
            .filter(|(_, root, _, _, copies)| root.is_some() || !copies.is_empty())
            .collect();
        if wanted.is_empty() {
            return Some(FileFacts::default());
        }
        let ignored = self.ask(question::ContextIgnore, |_| None).cloned();
        // Asked for in the same round as the ignore file.
        let parts: Vec<Option<Part>> = wanted
            .into_iter()
            .map(|(prefix, root, mode, has_mode, copies)| {
                let source = match root {
                    None => None,
                    Some(root) => {
                        let gitignores = self.gitignores(&root);
                        Some(Source { root, mode, has_mode, gitignores: gitignores? })
                    }
                };
                Some(Part { prefix, source, copies })
            })
            .collect();
        let facts = FileFacts { ignored: ignored?, parts: parts.into_iter().collect::<Option<_>>()? };
        // Without this capability, clients send listed files.
        if self.caps.contains(caps::FILE_COPY_INCLUDEEXCLUDEPATTERNS) {
            let new = facts.filters().into_iter().filter(|filter| !self.out.sent.contains(filter));
            let new: Vec<LocalFilter> = new.collect();
            self.out.sent.extend(new);
        }
        Some(facts)
    }

    /// The step that copies a source root. `None` while facts are missing, and if there is nothing to copy, which is a problem.
    fn source_step(
        &mut self,
        id: &str,
        fields: &str,
        source: &Source,
        ignored: &[String],
        owner: &str,
    ) -> Option<Step> {
        let Source { root, mode, has_mode, gitignores: _ } = source;
        let root = root.as_str();
        // This capability is the daemon's, but it was added together with the client's pattern matching (BuildKit 0.9).
        let is_listed = source.mode == CopyMode::Auto && !self.caps.contains(caps::FILE_COPY_INCLUDEEXCLUDEPATTERNS);
        let local = source_filter(source, ignored, is_listed);
        let items = if is_listed { self.listed(root, &local)? } else { vec![to_home(root, "")] };
        if items.is_empty() {
            let message = format!("there are no Python files below {root}");
            let help = "use `source_copy_mode: all` to copy all files";
            self.problem(&rules::NOTHING_TO_COPY, message, &[&format!("{fields}source_root")], help);
            return None;
        }
        let what = if *mode == CopyMode::Auto { "Python files of " } else { "" };
        let title = self.title("source", &format!("{what}{root}"));
        let named = ["source_root"].into_iter().chain(has_mode.then_some("source_copy_mode"));
        let named = named.map(|name| format!("{fields}{name}")).collect();
        let action = Action::Copy { local, items, owner: owner.to_owned() };
        Some(self.step(id, title, Parent::Base, action, named))
    }

    /// The Python files below the root as single items; `None` until known.
    fn listed(&mut self, root: &str, local: &LocalFilter) -> Option<Vec<CopyItem>> {
        let question = question::ContextSources { root: root.to_owned(), local: local.clone() };
        let files = self.ask(question, |_| None)?;
        let below = |path: &str| match root {
            "." => path.to_owned(),
            root => path.strip_prefix(root).unwrap_or(path).to_owned(),
        };
        Some(files.iter().map(|path| to_home(path, below(path).trim_start_matches('/'))).collect())
    }

    /// The `.gitignore` files in the roots of the context and of the sources, as patterns relative to the context.
    fn gitignores(&mut self, root: &str) -> Option<Vec<String>> {
        let mut folders = vec![String::new()];
        if root != "." {
            folders.push(format!("{root}/"));
        }
        let mut patterns = Vec::new();
        let mut missing = false;
        for folder in folders {
            let path = format!("{folder}.gitignore");
            match self.ask(question::ContextFile { path }, |_| None) {
                Some(text) => {
                    let text = text.as_ref().map(Text::as_str).unwrap_or_default();
                    patterns.extend(gitignore(text, &folder));
                }
                None => missing = true,
            }
        }
        (!missing).then_some(patterns)
    }
}

/// The filter for a source root. If the client does not support deep patterns, it sends all files, which are then listed.
fn source_filter(source: &Source, ignored: &[String], is_listed: bool) -> LocalFilter {
    let Source { root, mode, has_mode: _, gitignores } = source;
    let prefix = if root == "." { String::new() } else { format!("{}/", literal(root)) };
    let include = match (*mode == CopyMode::Auto && !is_listed, prefix.is_empty()) {
        (true, _) => vec![format!("{prefix}**/*.py")],
        (false, true) => Vec::new(),
        (false, false) => vec![literal(root)],
    };
    let exclude = either(ignored, gitignores)
        .into_iter()
        .chain(STANDARD_IGNORE.iter().map(|pattern| format!("{prefix}{pattern}")))
        .collect();
    LocalFilter { hint: "context-source".to_owned(), include, exclude, follow: Vec::new() }
}

/// The filter for copied paths.
fn copy_filter(copies: &[String], ignored: &[String]) -> LocalFilter {
    // A copy of the whole context needs no filter.
    let is_whole = copies.iter().any(|path| path == ".");
    let follow = if is_whole { Vec::new() } else { copies.iter().map(|path| literal(path)).collect() };
    LocalFilter { hint: "context".to_owned(), exclude: ignored.to_vec(), follow, ..Default::default() }
}

/// Copies a path of the context to `/root`.
fn to_home(from: &str, to: &str) -> CopyItem {
    let to = if to.is_empty() { "/root".to_owned() } else { format!("/root/{to}") };
    CopyItem { from: from.to_owned(), to }
}
