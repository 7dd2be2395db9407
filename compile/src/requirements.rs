//! Requirements: the spec's packages and requirements files as one text for the installer.
//!
//! Files are followed through `-r` and `-c`; comments and layout are dropped, so that editing them rebuilds nothing.
//! The order of `packages` is dropped too: they are a set, and images with one tag have one graph.
//! Nothing is resolved.

use std::collections::{BTreeMap, BTreeSet};

use buildkit_llb::Location;
use imagespec::{Diagnostic, FileId, Requirement, RequirementKind, RequirementsLineKind, SourceMap, Span};

use crate::facts::{Facts, Need};
use crate::locations;
use crate::planner::Document;
use crate::rules;

/// What is to be installed.
#[derive(Debug, Default)]
pub(crate) struct Requirements {
    /// Requirement lines, each once: the spec's in order of their text, then those of files in the files' order.
    pub(crate) lines: Vec<String>,
    /// Constraint lines, each once.
    pub(crate) constraints: Vec<String>,
    /// Installer options from option lines, in order.
    pub(crate) options: Vec<String>,
    /// Names for people.
    pub(crate) names: Vec<String>,
    /// Distributions that entries of `packages` name, with the entries' numbers.
    pub(crate) named: Vec<(String, usize)>,
    /// Hashes (`sha256:…`) that lines allow, by distribution.
    pub(crate) hashes: BTreeMap<String, BTreeSet<String>>,
    /// Every line names one version and its hashes, so nothing is left to resolve.
    pub(crate) is_decided: bool,
    /// Whether something may have to be built from source: then compilers and headers must be there first.
    pub(crate) may_build: bool,
    /// Where the lines of requirements files stand.
    pub(crate) locations: Vec<Location>,
}

/// The requirements as far as they are known.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    pub(crate) requirements: Requirements,
    pub(crate) needs: BTreeSet<Need>,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// Reads `packages` and `requirements`. Files that are read are added to the document's sources.
pub(crate) fn gather(document: &mut Document, facts: &Facts) -> Gathered {
    let mut walk =
        Walk { facts, out: Gathered::default(), open: Vec::new(), done: BTreeSet::new(), said: BTreeSet::new() };
    walk.out.requirements.is_decided = true;
    for (index, requirement) in document.spec.packages.clone().iter().enumerate() {
        let span = document.spans.nearest_span(&format!("packages[{index}]"));
        walk.requirement(requirement, span, Role::Requirements);
        walk.out.requirements.named.extend(name(requirement).map(|name| (name, index)));
    }
    walk.out.requirements.lines.sort();
    if let Some(file) = document.spec.requirements.clone().filter(|file| !file.kind.is_lock()) {
        let span = document.spans.nearest_span("requirements");
        walk.file(document, &file.path, span, Role::Requirements);
    }
    walk.out
}

/// What the lines of a file are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    Requirements,
    Constraints,
}

struct Walk<'a> {
    facts: &'a Facts,
    out: Gathered,
    /// The files being read, outermost first.
    open: Vec<String>,
    done: BTreeSet<(String, Role)>,
    /// The lines so far.
    said: BTreeSet<(Role, String)>,
}

impl Walk<'_> {
    fn requirement(&mut self, requirement: &Requirement, span: Option<Span>, role: Role) {
        let out = &mut self.out.requirements;
        match &requirement.kind {
            RequirementKind::Named { name, pinned } => {
                if role == Role::Requirements {
                    let hashes = hashes(&requirement.text);
                    out.is_decided &= *pinned && !hashes.is_empty();
                    if !hashes.is_empty() {
                        out.hashes.entry(name.clone()).or_default().extend(hashes);
                    }
                }
                self.line(&requirement.text, name, role);
            }
            RequirementKind::Url { name } => {
                out.is_decided = false;
                out.may_build |= !is_wheel(&requirement.text);
                self.line(&requirement.text, name.as_ref().unwrap_or(&requirement.text), role);
            }
            RequirementKind::Vcs { name } => {
                out.is_decided = false;
                out.may_build = true;
                self.line(&requirement.text, name.as_ref().unwrap_or(&requirement.text), role);
            }
            RequirementKind::Path { .. } => {
                let message = format!("the requirement {:?} is a local path", requirement.text);
                let diagnostic = Diagnostic::new(&rules::PATH_REQUIREMENT, message)
                    .with_help("publish it to an index, or copy the project with `copy` and install it in `commands`");
                self.out.diagnostics.push(match span {
                    Some(span) => diagnostic.with_label(span, ""),
                    None => diagnostic,
                });
            }
            RequirementKind::Options { args, requirement } => {
                out.options.extend(args.iter().cloned());
                if let Some(requirement) = requirement {
                    self.requirement(requirement, span, role);
                }
            }
        }
    }

    fn line(&mut self, text: &str, name: &str, role: Role) {
        let out = &mut self.out.requirements;
        if !self.said.insert((role, text.to_owned())) {
            return;
        }
        match role {
            Role::Requirements => {
                out.names.push(name.to_owned());
                out.lines.push(text.to_owned());
            }
            Role::Constraints => out.constraints.push(text.to_owned()),
        }
    }

    fn file(&mut self, document: &mut Document, path: &str, span: Option<Span>, role: Role) {
        let labelled = |diagnostic: Diagnostic| match span {
            Some(span) => diagnostic.with_label(span, ""),
            None => diagnostic,
        };
        if self.open.iter().any(|open| open == path) {
            let chain = [self.open.join(" -> "), path.to_owned()].join(" -> ");
            let diagnostic =
                Diagnostic::new(&rules::INCLUDE_CYCLE, format!("requirements files include each other: {chain}"));
            self.out.diagnostics.push(labelled(diagnostic.with_help("remove one of the includes")));
            return;
        }
        if !self.done.insert((path.to_owned(), role)) {
            return;
        }
        let text = match self.facts.context_files.get(path) {
            None => {
                self.out.needs.insert(Need::ContextFile { path: path.to_owned() });
                return;
            }
            Some(None) => {
                let diagnostic =
                    Diagnostic::new(&rules::MISSING_FILE, format!("there is no file {path} in the build context"));
                let help = match self.open.last() {
                    None => "give its path relative to the build context, the folder you build from",
                    Some(_) => "paths in a requirements file are relative to the folder the file is in",
                };
                self.out.diagnostics.push(labelled(diagnostic.with_help(help)));
                return;
            }
            Some(Some(text)) => text.clone(),
        };
        self.open.push(path.to_owned());
        let id = file_id(&mut document.sources, path, &text);
        let scan = imagespec::scan_requirements(id, &text);
        self.out.diagnostics.extend(scan.diagnostics);
        for line in scan.lines {
            let location = locations::location(&document.sources, line.span);
            match line.kind {
                RequirementsLineKind::Requirement(requirement) => {
                    self.out.requirements.locations.extend(location);
                    self.requirement(&requirement, Some(line.span), role);
                }
                RequirementsLineKind::Option { args } => self.out.requirements.options.extend(args),
                RequirementsLineKind::Include { path: included } => {
                    self.include(document, path, &included, line.span, role);
                }
                RequirementsLineKind::Constraint { path: included } => {
                    self.include(document, path, &included, line.span, Role::Constraints);
                }
            }
        }
        self.open.pop();
    }

    fn include(&mut self, document: &mut Document, from: &str, named: &str, span: Span, role: Role) {
        match imagespec::join_context_path(from, named) {
            Some(path) => self.file(document, &path, Some(span), role),
            None => {
                let message = format!("{from} includes {named}, which is outside the build context");
                let help = "only files of the build context can be read; copy the file into it";
                let diagnostic = Diagnostic::new(&rules::MISSING_FILE, message).with_label(span, "").with_help(help);
                self.out.diagnostics.push(diagnostic);
            }
        }
    }
}

/// The id of a file among the sources; planning is done over and over, and reads the same files each time.
fn file_id(sources: &mut SourceMap, name: &str, text: &str) -> FileId {
    let known = sources.files().find(|(_, file)| file.name() == name && file.text() == text).map(|(id, _)| id);
    known.unwrap_or_else(|| sources.add(name, text))
}

/// The distribution a requirement names, if it does.
fn name(requirement: &Requirement) -> Option<String> {
    match &requirement.kind {
        RequirementKind::Named { name, .. } => Some(name.clone()),
        RequirementKind::Url { name } | RequirementKind::Vcs { name } => name.clone(),
        RequirementKind::Path { .. } => None,
        RequirementKind::Options { requirement, .. } => requirement.as_deref().and_then(name),
    }
}

/// The hashes behind a requirement, `--hash=sha256:…`.
fn hashes(text: &str) -> Vec<String> {
    text.split("--hash")
        .skip(1)
        .filter_map(|rest| rest.trim_start_matches(['=', ' ', '\t']).split_whitespace().next())
        .map(str::to_ascii_lowercase)
        .collect()
}

/// Whether the archive a requirement names needs no build.
fn is_wheel(requirement: &str) -> bool {
    let url = requirement.split_once("://").map_or("", |(_, rest)| rest);
    let address = url.split(['#', '?', ' ', '\t']).next().unwrap_or_default();
    address.trim_end_matches(';').to_ascii_lowercase().ends_with(".whl")
}
