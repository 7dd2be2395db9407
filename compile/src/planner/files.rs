//! Files of the context: the source root and the copied paths.
//!
//! The planner selects the files that the client sends. They belong to the final user of the image. A client that lists its files says what
//! git ignores and where links lead; for others, the `.gitignore` files are translated to patterns and links stay links.
//!
//! The clients of daemons before BuildKit 0.9 (Docker 20.10's) do not support `**` in patterns and would silently leave out Python files in
//! deep folders. For them the files are listed first, and then requested by name.

use buildkit_llb::caps;
use imagespec::{CopyMode, Diagnostic, ImageSpec};

use crate::answer::{CopiedLink, SelectionFact, StrayLink, StrayReason, Text};
use crate::patterns::{below, either, gitignore, literal};
use crate::plan::{Action, CopyItem, LocalFilter, Parent, Step};
use crate::planner::base::Base;
use crate::planner::{Planner, items, numbered, summary};
use crate::question;
use crate::rules;

/// Always excluded from a copied source tree.
const STANDARD_IGNORE: [&str; 4] = ["**/__pycache__", "**/*.pyc", "**/.git", "**/.DS_Store"];
/// The file with git's rules for a folder.
const GITIGNORE: &str = ".gitignore";

/// Facts about the context for the copy steps.
#[derive(Default)]
pub(super) struct FileFacts {
    parts: Vec<Part>,
}

/// The copied files of one spec.
struct Part {
    /// The prefix of its fields' paths.
    prefix: String,
    source: Option<Source>,
    copies: Option<Copies>,
}

/// A copied source root.
struct Source {
    root: String,
    mode: CopyMode,
    has_mode: bool,
    sent: Sent,
}

/// Copied paths.
struct Copies {
    paths: Vec<String>,
    sent: Sent,
}

/// The files that the client sends for a step.
struct Sent {
    local: LocalFilter,
    /// The targets of links that are copied in the links' places.
    linked: Option<Linked>,
}

struct Linked {
    local: LocalFilter,
    items: Vec<CopyItem>,
}

/// The files of the context that are copied.
pub(super) struct Copied {
    /// Filters for the client, one for each step.
    pub(super) filters: Vec<LocalFilter>,
    /// The files and folders that are copied in the place of links.
    pub(super) links: Vec<CopyItem>,
}

impl FileFacts {
    pub(super) fn copied(&self) -> Copied {
        let mut copied = Copied { filters: Vec::new(), links: Vec::new() };
        for part in &self.parts {
            let sent =
                [part.source.as_ref().map(|source| &source.sent), part.copies.as_ref().map(|copies| &copies.sent)];
            for Sent { local, linked } in sent.into_iter().flatten() {
                copied.filters.push(local.clone());
                if let Some(Linked { local, items }) = linked {
                    copied.filters.push(local.clone());
                    copied.links.extend(items.iter().cloned());
                }
            }
        }
        copied
    }
}

impl Planner<'_, '_> {
    /// The copy steps. The files of an inner spec are below those of the specs on top of it. `None` while facts are missing.
    pub(super) fn files(&mut self, base: &Base) -> Option<Vec<Step>> {
        let FileFacts { parts } = self.file_facts()?;
        let owner = self.final_user(base);
        let count = parts.len();
        let mut steps = Vec::new();
        for (index, Part { prefix, source, copies }) in parts.into_iter().enumerate() {
            let id = |name: &str| numbered(name, index, count);
            if let Some(source) = source {
                let step = self.source_step(&id("source"), &prefix, &source, &owner)?;
                let links = self.linked_step(&id("source-links"), source.sent.linked, &owner, &step);
                steps.push(step);
                steps.extend(links);
            }
            if let Some(Copies { paths, sent: Sent { local, linked } }) = copies {
                let targets: Vec<CopyItem> =
                    paths.iter().map(|path| to_home(path, if path == "." { "" } else { path })).collect();
                let title = self.title("copy", &summary(&paths));
                let action = Action::Copy { local, items: targets, owner: owner.clone() };
                let fields = items(&format!("{prefix}copy"), paths.len());
                let step = self.step(&id("copy"), title, Parent::Base, action, fields);
                let links = self.linked_step(&id("copy-links"), linked, &owner, &step);
                steps.push(step);
                steps.extend(links);
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
        // Each is asked for in the same round as the others.
        let parts: Vec<Option<Part>> = wanted
            .into_iter()
            .map(|(prefix, root, mode, has_mode, paths)| {
                let source = root.map(|root| {
                    let sent = self.source_files(&format!("{prefix}source_root"), &root, mode, ignored.as_deref())?;
                    Some(Source { root, mode, has_mode, sent })
                });
                let copies = (!paths.is_empty()).then(|| {
                    let sent = self.copied_files(&format!("{prefix}copy"), &paths, ignored.as_deref()?)?;
                    Some(Copies { paths, sent })
                });
                let is_known = !matches!(source, Some(None)) && !matches!(copies, Some(None));
                is_known.then(|| Part { prefix, source: source.flatten(), copies: copies.flatten() })
            })
            .collect();
        let facts = FileFacts { parts: parts.into_iter().collect::<Option<_>>()? };
        // Without this capability, clients send listed files.
        if self.has_deep_patterns() {
            let new = facts.copied().filters.into_iter().filter(|filter| !self.out.sent.contains(filter));
            let new: Vec<LocalFilter> = new.collect();
            self.out.sent.extend(new);
        }
        Some(facts)
    }

    /// Whether the client understands `**`. The capability is the daemon's, but it was added together with the client's pattern matching
    /// (BuildKit 0.9). A client that lists its files is our own.
    fn has_deep_patterns(&self) -> bool {
        self.caps.contains(caps::FILE_COPY_INCLUDEEXCLUDEPATTERNS) || self.lists_files()
    }

    /// Whether the client lists its files. Without a daemon, the files are at hand.
    fn lists_files(&self) -> bool {
        self.knowledge.daemon().is_none_or(|daemon| daemon.lists_files)
    }

    /// The files of a source root; `None` while facts are missing.
    fn source_files(&mut self, field: &str, root: &str, mode: CopyMode, ignored: Option<&[String]>) -> Option<Sent> {
        let own = match root {
            "." => Some(Vec::new()),
            root => self.ask(question::FolderIgnore { folder: root.to_owned() }, |_| None).cloned(),
        };
        let top = if self.lists_files() { Some(Vec::new()) } else { self.top_gitignores(root) };
        let prefix = if root == "." { String::new() } else { format!("{}/", literal(root)) };
        let include = match (mode == CopyMode::Auto && self.has_deep_patterns(), prefix.is_empty()) {
            (true, _) => vec![format!("{prefix}**/*.py")],
            (false, true) => Vec::new(),
            (false, false) => vec![literal(root)],
        };
        let mut exclude = either(ignored?, &below(root, &own?));
        let standard: Vec<String> = STANDARD_IGNORE.iter().map(|pattern| format!("{prefix}{pattern}")).collect();
        let local = |exclude| LocalFilter { hint: "context-source".to_owned(), include, exclude, follow: Vec::new() };
        if self.lists_files() {
            exclude.extend(standard);
            return self.selected(field, vec![root.to_owned()], local(exclude), true);
        }
        let patterns = self.gitignores(root, top?, &exclude)?;
        exclude = either(&exclude, &patterns);
        exclude.extend(standard);
        Some(Sent { local: local(exclude), linked: None })
    }

    /// The files at copied paths; `None` while facts are missing.
    fn copied_files(&mut self, field: &str, paths: &[String], ignored: &[String]) -> Option<Sent> {
        // A copy of the whole context needs no filter.
        let is_whole = paths.iter().any(|path| path == ".");
        let follow = if is_whole { Vec::new() } else { paths.iter().map(|path| literal(path)).collect() };
        let local = LocalFilter { hint: "context".to_owned(), exclude: ignored.to_vec(), follow, ..Default::default() };
        if self.lists_files() {
            return self.selected(field, paths.to_vec(), local, false);
        }
        Some(Sent { local, linked: None })
    }

    /// The files that a client that lists them selects; `None` while unknown.
    fn selected(&mut self, field: &str, roots: Vec<String>, local: LocalFilter, uses_git: bool) -> Option<Sent> {
        let question = question::Selection { roots: roots.clone(), local: local.clone(), uses_git };
        let fact = self.ask(question, |_| None)?;
        if let Some(problem) = &fact.git_problem {
            let warning = Diagnostic::new(&rules::GIT_RULES, format!("the git repository cannot be read: {problem}"));
            self.warn_at(warning, field);
        }
        if let Some(warning) = stray_links(&fact.strays) {
            self.warn_at(warning, field);
        }
        // The files of a source root are copied without its name.
        let home = if uses_git { roots.first().map(|root| format!("{root}/")) } else { None };
        Some(sent(local, fact, home.as_deref().unwrap_or_default()))
    }

    fn warn_at(&mut self, warning: Diagnostic, field: &str) {
        let place = self.part.spans.nearest_span(field);
        self.out.warnings.push(warning.with_place(place));
    }

    /// The step that copies a source root. `None` while facts are missing, and if there is nothing to copy, which is a problem.
    fn source_step(&mut self, id: &str, fields: &str, source: &Source, owner: &str) -> Option<Step> {
        let Source { root, mode, has_mode, sent } = source;
        let root = root.as_str();
        let is_listed = *mode == CopyMode::Auto && !self.has_deep_patterns();
        let local = if is_listed { self.listed(root, &sent.local)? } else { sent.local.clone() };
        if is_listed && local.include.is_empty() {
            let message = format!("there are no Python files below {root}");
            let help = "use `source_copy_mode: all` to copy all files";
            self.problem(&rules::NOTHING_TO_COPY, message, &[&format!("{fields}source_root")], help);
            return None;
        }
        let what = if *mode == CopyMode::Auto { "Python files of " } else { "" };
        let title = self.title("source", &format!("{what}{root}"));
        let named = ["source_root"].into_iter().chain(has_mode.then_some("source_copy_mode"));
        let named = named.map(|name| format!("{fields}{name}")).collect();
        let action = Action::Copy { local, items: vec![to_home(root, "")], owner: owner.to_owned() };
        Some(self.step(id, title, Parent::Base, action, named))
    }

    /// The step that copies the targets of links in their places, after the step with the other files.
    fn linked_step(&self, id: &str, linked: Option<Linked>, owner: &str, files: &Step) -> Option<Step> {
        let Linked { local, items } = linked?;
        let places: Vec<String> = items.iter().map(|item| item.to.clone()).collect();
        let title = self.title("copy", &format!("targets of links: {}", summary(&places)));
        let action = Action::Copy { local, items, owner: owner.to_owned() };
        Some(Step { id: id.to_owned(), title, action, ..files.clone() })
    }

    /// The filter that names the Python files below the root; `None` until they are known.
    fn listed(&mut self, root: &str, local: &LocalFilter) -> Option<LocalFilter> {
        let question =
            question::ContextListing { root: root.to_owned(), local: local.clone(), suffix: ".py".to_owned() };
        let files = self.ask(question, |_| None)?;
        let include = files.iter().map(|path| literal(path)).collect();
        Some(LocalFilter { include, exclude: Vec::new(), ..local.clone() })
    }

    /// The texts of the `.gitignore` files in the roots of the context and of the sources, by folder.
    fn top_gitignores(&mut self, root: &str) -> Option<Vec<(String, String)>> {
        let folders = [String::new()].into_iter().chain((root != ".").then(|| format!("{root}/")));
        // All are asked for in the same round.
        let texts: Vec<_> = folders.map(|folder| self.gitignore_text(folder)).collect();
        texts.into_iter().collect()
    }

    fn gitignore_text(&mut self, folder: String) -> Option<(String, String)> {
        let text = self.ask(question::ContextFile { path: format!("{folder}{GITIGNORE}") }, |_| None)?;
        let text = text.as_ref().map(Text::as_str).unwrap_or_default().to_owned();
        Some((folder, text))
    }

    /// The patterns of the `.gitignore` files that apply below a source root, relative to the context. Those of inner folders take
    /// precedence.
    fn gitignores(&mut self, root: &str, top: Vec<(String, String)>, exclude: &[String]) -> Option<Vec<String>> {
        let mut texts = top;
        if self.has_deep_patterns() {
            let include = vec![format!("**/{GITIGNORE}")];
            let exclude = exclude.to_vec();
            let local = LocalFilter { hint: "gitignore".to_owned(), include, exclude, follow: Vec::new() };
            let question = question::ContextListing { root: ".".to_owned(), local, suffix: format!("/{GITIGNORE}") };
            let paths = self.ask(question, |_| None)?.clone();
            let inner = paths.iter().filter_map(|path| path.strip_suffix(GITIGNORE));
            let inner =
                inner.filter(|folder| applies_below(folder, root) && !texts.iter().any(|(known, _)| known == folder));
            let inner: Vec<String> = inner.map(str::to_owned).collect();
            let inner: Vec<_> = inner.into_iter().map(|folder| self.gitignore_text(folder)).collect();
            texts.extend(inner.into_iter().collect::<Option<Vec<_>>>()?);
        }
        texts.sort_by_key(|(folder, _)| (folder.matches('/').count(), folder.clone()));
        Some(texts.iter().flat_map(|(folder, text)| gitignore(text, folder)).collect())
    }
}

/// Whether the rules of a folder (empty, or with a `/` at its end) apply to files below a root.
fn applies_below(folder: &str, root: &str) -> bool {
    root == "." || folder.starts_with(&format!("{root}/")) || format!("{root}/").starts_with(folder)
}

/// The files that are sent, of those that pass a filter. `home` is left out at the beginning of the places of links.
fn sent(mut local: LocalFilter, fact: &SelectionFact, home: &str) -> Sent {
    let SelectionFact { ignored, links, ignored_below_links, strays: _, git_problem: _ } = fact;
    let places: Vec<String> = links.iter().map(|link| literal(&link.path)).collect();
    let linked = (!links.is_empty()).then(|| {
        let exclude = [&local.exclude, ignored_below_links, &places].into_iter().flatten().cloned().collect();
        let only_python = local.include.iter().any(|pattern| pattern.ends_with("/*.py"));
        let include = links.iter().map(|CopiedLink { target, is_folder, .. }| match only_python && *is_folder {
            true => format!("{}/**/*.py", literal(target)),
            false => literal(target),
        });
        let hint = format!("{}-links", local.hint);
        let local = LocalFilter { hint, include: include.collect(), exclude, follow: Vec::new() };
        let place = |to: &str| to.strip_prefix(home).unwrap_or(to).to_owned();
        let items = links.iter().map(|CopiedLink { target, to, .. }| to_home(target, &place(to))).collect();
        Linked { local, items }
    });
    local.exclude.extend(ignored.iter().cloned());
    local.exclude.extend(places);
    Sent { local, linked }
}

/// Names links that lead to nothing.
fn stray_links(strays: &[StrayLink]) -> Option<Diagnostic> {
    let first = strays.first()?;
    let StrayLink { path, target, reason } = first;
    let why = match reason {
        StrayReason::Missing => "which does not exist",
        StrayReason::Outside => "which is not in the context",
        StrayReason::Excluded => "which an ignore file excludes",
        StrayReason::Circular => "a folder with the link in it",
    };
    let others = match strays.len() {
        1 => String::new(),
        2 => ", and there is another such link".to_owned(),
        count => format!(", and there are {} more such links", count - 1),
    };
    let message = format!("{path} is a link to {target}, {why}{others}");
    let help = "put the files into the context, or leave out the links with `.dockerignore`";
    Some(Diagnostic::new(&rules::STRAY_LINKS, message).with_help(help))
}

/// Copies a path of the context to `/root`.
fn to_home(from: &str, to: &str) -> CopyItem {
    let to = if to.is_empty() { "/root".to_owned() } else { format!("/root/{to}") };
    CopyItem { from: from.to_owned(), to }
}
