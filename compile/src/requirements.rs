//! Requirements: the spec's packages and requirements files as one text for the installer.
//!
//! Files are followed through `-r` and `-c`; comments and layout are dropped, so that editing them rebuilds nothing.
//! The order of `packages` is dropped too: they are a set, and images with one tag have one graph.
//! Nothing is resolved.

use std::collections::{BTreeMap, BTreeSet};

use buildkit_llb::Location;
use imagespec::{
    Diagnostic, FileId, Marker, MergedSpec, PackageName, Requirement, RequirementKind, RequirementsKind,
    RequirementsLineKind, SourceMap, Span, Spans,
};

use crate::answer::Text;
use crate::locations;
use crate::lock::Target;
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
    /// Distributions that entries of `packages` name, with the entries' fields.
    pub(crate) named: Vec<(PackageName, String)>,
    /// What lines allow.
    pub(crate) hashes: Vec<Hashed>,
    /// What constraints allow.
    pub(crate) constrained_hashes: Vec<Hashed>,
    /// Every line names one version and its hashes, so nothing is left to resolve.
    pub(crate) is_decided: bool,
    /// Whether something may have to be built from source: then compilers and headers must be there first.
    pub(crate) may_build: bool,
    /// Where the lines of requirements files stand.
    pub(crate) locations: Vec<Location>,
    /// The files that were read.
    pub(crate) files: BTreeSet<String>,
    /// A project whose dependencies are wanted too: the path of its `pyproject.toml`, and its text.
    pub(crate) project: Option<(String, String)>,
}

impl Requirements {
    fn hashes_of(&mut self, role: Role) -> &mut Vec<Hashed> {
        match role {
            Role::Requirements => &mut self.hashes,
            Role::Constraints => &mut self.constrained_hashes,
        }
    }
}

/// The hashes of a line.
#[derive(Debug)]
pub(crate) struct Hashed {
    /// The distribution; where the line does not say it, the URL it is at.
    distribution: String,
    /// Where the line applies; absent: everywhere.
    marker: Option<Marker>,
    /// `sha256:…`
    hashes: Vec<String>,
}

impl Hashed {
    fn of(requirement: &Requirement, distribution: &str) -> Option<Self> {
        let (marker, hashes) = (requirement.marker().cloned(), requirement.hashes());
        (!hashes.is_empty()).then(|| Self { distribution: distribution.to_owned(), marker, hashes })
    }
}

/// Hashes that may be installed, by distribution or URL; of what is not named any may.
pub(crate) type Allowed = BTreeMap<String, BTreeSet<String>>;

/// The hashes of lines that apply to an interpreter.
pub(crate) fn allowed_for(lines: &[Hashed], target: &Target) -> Allowed {
    let mut allowed = Allowed::new();
    for line in lines.iter().filter(|line| line.marker.as_ref().is_none_or(|marker| target.satisfies(marker, &[]))) {
        allow(&mut allowed, &line.distribution, line.hashes.clone());
    }
    allowed
}

/// A requirement that another field than `packages` asks for.
#[derive(Debug, Clone)]
pub(crate) struct Implied {
    /// The distribution; a line of the user's that names it counts instead.
    pub(crate) name: &'static str,
    /// The requirement line.
    pub(crate) line: String,
    /// The field that asks for it.
    pub(crate) field: String,
    /// Left out where every version and hash is chosen already.
    pub(crate) is_optional: bool,
}

/// The requirements as far as they are known.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    pub(crate) requirements: Requirements,
    /// A file is not known yet.
    pub(crate) is_incomplete: bool,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// Reads files of the context: `None` while a text is not known, `None` inside where there is no such file.
pub(crate) type ReadFile<'r> = dyn FnMut(&str) -> Option<Option<Text>> + 'r;

/// Reads `packages` and `requirements`, and adds what other fields ask for. Files that are read are added to the sources.
pub(crate) fn gather(
    specs: &MergedSpec<'_>,
    spans: &Spans,
    sources: &mut SourceMap,
    read: &mut ReadFile<'_>,
    implied: &[Implied],
) -> Gathered {
    let mut walk = Walk {
        read,
        sources,
        out: Gathered::default(),
        open: Vec::new(),
        done: BTreeSet::new(),
        said: BTreeSet::new(),
        known: BTreeSet::new(),
    };
    walk.out.requirements.is_decided = true;
    for (field, requirement) in specs.packages() {
        let span = spans.nearest_span(&field);
        walk.requirement(requirement, span, Role::Requirements);
        walk.out.requirements.named.extend(requirement.name().map(|name| (name.clone(), field)));
    }
    walk.out.requirements.lines.sort();
    for (field, file) in specs.requirements() {
        let span = spans.nearest_span(&field);
        match file.kind() {
            RequirementsKind::Txt => walk.file(file.path(), span, Role::Requirements),
            RequirementsKind::Pyproject => walk.project(file.path(), span),
            RequirementsKind::Pylock | RequirementsKind::Uv | RequirementsKind::Poetry => {}
        }
    }
    for implied in implied {
        let out = &mut walk.out.requirements;
        // By now all lines of the user's are known, or more files are asked for and this is not the last time.
        let is_whole = implied.is_optional && out.is_decided && !out.lines.is_empty();
        if walk.known.contains(implied.name) || is_whole {
            continue;
        }
        out.is_decided = false;
        out.named.extend(PackageName::new(implied.name).map(|name| (name, implied.field.clone())));
        walk.line(&implied.line, implied.name, Role::Requirements);
    }
    walk.out
}

/// What the lines of a file are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    Requirements,
    Constraints,
}

struct Walk<'a, 'r> {
    read: &'a mut ReadFile<'r>,
    sources: &'a mut SourceMap,
    out: Gathered,
    /// The files being read, outermost first.
    open: Vec<String>,
    done: BTreeSet<(String, Role)>,
    /// The lines so far.
    said: BTreeSet<(Role, String)>,
    /// The distributions that lines name so far.
    known: BTreeSet<PackageName>,
}

impl Walk<'_, '_> {
    fn requirement(&mut self, requirement: &Requirement, span: Option<Span>, role: Role) {
        if role == Role::Requirements {
            self.known.extend(requirement.name().cloned());
        }
        let out = &mut self.out.requirements;
        match requirement.kind() {
            RequirementKind::Named { name, pinned } => {
                let hashed = Hashed::of(requirement, name.as_str());
                if role == Role::Requirements {
                    out.is_decided &= *pinned && hashed.is_some();
                }
                out.hashes_of(role).extend(hashed);
                self.line(requirement.text(), name.as_str(), role);
            }
            RequirementKind::Url { name } => {
                out.is_decided = false;
                out.may_build |= requirement.may_build();
                let distribution = name.as_ref().map(PackageName::as_str).or(requirement.url()).unwrap_or_default();
                out.hashes_of(role).extend(Hashed::of(requirement, distribution));
                self.line(requirement.text(), name.as_ref().map_or(requirement.text(), PackageName::as_str), role);
            }
            RequirementKind::Vcs { name } => {
                out.is_decided = false;
                out.may_build = true;
                self.line(requirement.text(), name.as_ref().map_or(requirement.text(), PackageName::as_str), role);
            }
            RequirementKind::Path { .. } => {
                let message = format!("the requirement {:?} is a local path", requirement.text());
                let diagnostic = Diagnostic::new(&rules::PATH_REQUIREMENT, message)
                    .with_help("publish it to an index, or copy the project with `copy` and install it in `commands`");
                self.out.diagnostics.push(diagnostic.with_place(span));
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

    fn file(&mut self, path: &str, span: Option<Span>, role: Role) {
        if self.open.iter().any(|open| open == path) {
            let chain = [self.open.join(" -> "), path.to_owned()].join(" -> ");
            let diagnostic =
                Diagnostic::new(&rules::INCLUDE_CYCLE, format!("requirements files include each other: {chain}"));
            self.out.diagnostics.push(diagnostic.with_help("remove one of the includes").with_place(span));
            return;
        }
        if !self.done.insert((path.to_owned(), role)) {
            return;
        }
        let help = match self.open.last() {
            None => IN_CONTEXT,
            Some(_) => "paths in a requirements file are relative to the folder the file is in",
        };
        let Some(text) = self.text(path, help, span) else { return };
        let text = text.as_str();
        self.out.requirements.files.insert(path.to_owned());
        self.open.push(path.to_owned());
        let id = file_id(self.sources, path, text);
        let scan = imagespec::scan_requirements(id, text);
        self.out.diagnostics.extend(scan.diagnostics);
        for line in scan.lines {
            let location = locations::location(self.sources, line.span);
            match line.kind {
                RequirementsLineKind::Requirement(requirement) => {
                    self.out.requirements.locations.extend(location);
                    self.requirement(&requirement, Some(line.span), role);
                }
                RequirementsLineKind::Option { args } => self.out.requirements.options.extend(args),
                RequirementsLineKind::Include { path: included } => {
                    self.include(path, &included, line.span, role);
                }
                RequirementsLineKind::Constraint { path: included } => {
                    self.include(path, &included, line.span, Role::Constraints);
                }
            }
        }
        self.open.pop();
    }

    /// A project's dependencies are read by uv: only the file is looked for.
    fn project(&mut self, path: &str, span: Option<Span>) {
        self.out.requirements.is_decided = false;
        let text = self.text(path, IN_CONTEXT, span);
        self.out.requirements.project = text.map(|text| (path.to_owned(), text.as_str().to_owned()));
    }

    /// The text of a file of the context. One that is not there is a problem.
    fn text(&mut self, path: &str, help: &str, span: Option<Span>) -> Option<Text> {
        let Some(found) = (self.read)(path) else {
            self.out.is_incomplete = true;
            return None;
        };
        if found.is_none() {
            self.out.diagnostics.push(missing_file(path, help).with_place(span));
        }
        found
    }

    fn include(&mut self, from: &str, named: &str, span: Span, role: Role) {
        match imagespec::join_context_path(from, named) {
            Some(path) => self.file(&path, Some(span), role),
            None => {
                let message = format!("{from} includes {named}, which is outside the build context");
                let help = "only files of the build context can be read; copy the file into it";
                let diagnostic = Diagnostic::new(&rules::MISSING_FILE, message).with_label(span, "").with_help(help);
                self.out.diagnostics.push(diagnostic);
            }
        }
    }
}

/// Where paths that a spec names are looked for.
pub(crate) const IN_CONTEXT: &str = "give its path relative to the build context, the folder you build from";

/// The problem of a file that the context does not have.
pub(crate) fn missing_file(path: &str, help: &str) -> Diagnostic {
    let message = format!("there is no file {path} in the build context");
    Diagnostic::new(&rules::MISSING_FILE, message).with_help(help)
}

/// The id of a file among the sources: several platforms and images read the same files.
fn file_id(sources: &mut SourceMap, name: &str, text: &str) -> FileId {
    let known = sources.files().find(|(_, file)| file.name() == name && file.text() == text).map(|(id, _)| id);
    known.unwrap_or_else(|| sources.add(name, text))
}

/// The hashes that requirements allow, by package.
pub(crate) fn allowed(text: &str) -> Allowed {
    let mut sources = imagespec::SourceMap::new();
    let scan = imagespec::scan_requirements(sources.add("requirements.txt", text), text);
    let mut allowed = Allowed::new();
    for line in scan.lines {
        if let RequirementsLineKind::Requirement(requirement) = line.kind
            && let Some(name) = requirement.name()
        {
            allow(&mut allowed, name.as_str(), requirement.hashes());
        }
    }
    allowed
}

/// Adds hashes to those that are allowed of a package. A line without any allows no fewer.
fn allow(allowed: &mut Allowed, name: &str, hashes: Vec<String>) {
    if !hashes.is_empty() {
        allowed.entry(name.to_owned()).or_default().extend(hashes);
    }
}
