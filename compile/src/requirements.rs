//! Combines the spec's packages and its requirements files to one text for the installer.
//!
//! Files included with `-r` and `-c` are read; comments and layout are dropped, so that editing them rebuilds nothing. The order of
//! `packages` is dropped too: they are a set, and images with the same tag have the same graph. Nothing is resolved here.

use std::collections::{BTreeMap, BTreeSet};

use buildkit_llb::Location;
use imagespec::{
    Diagnostic, FileId, Marker, MergedSpec, PackageName, Requirement, RequirementKind, RequirementsKind,
    RequirementsLineKind, SourceMap, Span, Spans,
};

use crate::answer::Text;
use crate::locations;
use crate::lock::Target;
use crate::project;
use crate::rules;

/// What is to be installed.
#[derive(Debug, Default)]
pub(crate) struct Requirements {
    /// Requirement lines, each once: the spec's sorted by text, then those of files in the order of the files.
    pub(crate) lines: Vec<String>,
    /// Constraint lines, each once.
    pub(crate) constraints: Vec<String>,
    /// Installer options from option lines, in order.
    pub(crate) options: Vec<String>,
    /// Names for titles.
    pub(crate) names: Vec<String>,
    /// Distributions that entries of `packages` name, with the fields of the entries.
    pub(crate) named: Vec<(PackageName, String)>,
    /// Hashes of requirement lines.
    pub(crate) hashes: Vec<Hashed>,
    /// Hashes of constraint lines.
    pub(crate) constrained_hashes: Vec<Hashed>,
    /// Whether every line has a version and hashes, so that nothing is left to resolve.
    pub(crate) is_decided: bool,
    /// Whether something may be built from source, which needs the compilers and headers of `apt_packages`.
    pub(crate) may_build: bool,
    /// The positions of the lines in requirements files.
    pub(crate) locations: Vec<Location>,
    /// The files that were read.
    pub(crate) files: BTreeSet<String>,
    /// A project whose dependencies are also installed.
    pub(crate) project: Option<ProjectFile>,
}

/// The `pyproject.toml` of a project.
#[derive(Debug)]
pub(crate) struct ProjectFile {
    /// Its path in the context.
    pub(crate) path: String,
    pub(crate) text: String,
    /// Its id in the sources.
    pub(crate) file: FileId,
}

impl Requirements {
    /// Whether some package is named. Option lines alone, or constraints, name none.
    pub(crate) fn names_some(&self) -> bool {
        !self.names.is_empty() || self.project.is_some()
    }

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
    /// The distribution, or the URL if the line has no name.
    distribution: String,
    /// The condition of the line; `None` means always.
    marker: Option<Marker>,
    /// `sha256:…`
    hashes: Vec<String>,
}

impl Hashed {
    fn from_requirement(requirement: &Requirement, distribution: &str) -> Option<Self> {
        let (marker, hashes) = (requirement.marker().cloned(), requirement.hashes());
        (!hashes.is_empty()).then(|| Self { distribution: distribution.to_owned(), marker, hashes })
    }
}

/// Allowed hashes by distribution or URL. For a name that is missing, all hashes are allowed.
pub(crate) type Allowed = BTreeMap<String, BTreeSet<String>>;

/// The hashes of lines that apply to a target.
pub(crate) fn allowed_for(lines: &[Hashed], target: &Target) -> Allowed {
    let mut allowed = Allowed::new();
    for line in lines.iter().filter(|line| line.marker.as_ref().is_none_or(|marker| target.satisfies(marker, &[]))) {
        allow(&mut allowed, &line.distribution, line.hashes.clone());
    }
    allowed
}

/// A requirement that results from another field than `packages`.
#[derive(Debug, Clone)]
pub(crate) struct Implied {
    /// The distribution. A line of the user with the same name replaces this requirement.
    pub(crate) name: &'static str,
    /// The requirement line.
    pub(crate) line: String,
    /// The field that the requirement results from.
    pub(crate) field: String,
    /// Whether it is left out if all versions and hashes are given already.
    pub(crate) is_optional: bool,
}

/// The requirements, as far as known.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    pub(crate) requirements: Requirements,
    /// Whether the text of a file is missing.
    pub(crate) is_incomplete: bool,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// Reads files of the context. The outer `None` means not known yet, the inner `None` that there is no such file.
pub(crate) type ReadFile<'r> = dyn FnMut(&str) -> Option<Option<Text>> + 'r;

/// Reads `packages` and `requirements`, and adds implied requirements. Files that are read are added to the sources.
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
        seen: BTreeSet::new(),
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
            RequirementsKind::Pyproject => {
                let has_extras = specs.any(|spec| !spec.builder_options().extras().is_empty());
                walk.project(file.path(), has_extras, span);
            }
            RequirementsKind::Pylock | RequirementsKind::Uv | RequirementsKind::Poetry => {}
        }
    }
    for implied in implied {
        let out = &mut walk.out.requirements;
        // At this point all lines of the user are known, or more files are requested and there will be another pass.
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

/// The role of the lines in a file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    Requirements,
    Constraints,
}

struct Walk<'a, 'r> {
    read: &'a mut ReadFile<'r>,
    sources: &'a mut SourceMap,
    out: Gathered,
    /// The files that are being read, outermost first.
    open: Vec<String>,
    done: BTreeSet<(String, Role)>,
    /// The lines so far.
    seen: BTreeSet<(Role, String)>,
    /// The distributions in the lines so far.
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
                let hashed = Hashed::from_requirement(requirement, name.as_str());
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
                out.hashes_of(role).extend(Hashed::from_requirement(requirement, distribution));
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
        if !self.seen.insert((role, text.to_owned())) {
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

    /// uv reads the dependencies of a project, if they are in the file.
    fn project(&mut self, path: &str, has_extras: bool, span: Option<Span>) {
        self.out.requirements.is_decided = false;
        let Some(text) = self.text(path, IN_CONTEXT, span) else { return };
        let file = file_id(self.sources, path, text.as_str());
        self.out.diagnostics.extend(project::dynamic(path, text.as_str(), file, has_extras));
        self.out.requirements.project =
            Some(ProjectFile { path: path.to_owned(), text: text.as_str().to_owned(), file });
    }

    /// The text of a file of the context. A missing file is a problem.
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

/// The help for paths that a spec names.
pub(crate) const IN_CONTEXT: &str = "give its path relative to the build context, the folder you build from";

/// The problem of a file that does not exist in the context.
pub(crate) fn missing_file(path: &str, help: &str) -> Diagnostic {
    let message = format!("there is no file {path} in the build context");
    Diagnostic::new(&rules::MISSING_FILE, message).with_help(help)
}

/// The id of a file in the sources. Several platforms and images read the same files.
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

/// Adds allowed hashes of a package. A line without hashes adds no restriction.
fn allow(allowed: &mut Allowed, name: &str, hashes: Vec<String>) {
    if !hashes.is_empty() {
        allowed.entry(name.to_owned()).or_default().extend(hashes);
    }
}
