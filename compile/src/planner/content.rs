//! Which files of the context an image is made of, for its tag. Nothing of a daemon's is needed to know.

use std::collections::BTreeSet;

use buildkit_llb::Platform;
use imagespec::{Diagnostic, RequirementsKind};

use crate::facts::{Facts, Need};
use crate::lock_step::project_beside;
use crate::plan::LocalFilter;
use crate::planner::{Depth, Document, Outcome, Planner, dedup};
use crate::settings::Settings;

/// Files of the context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContextUse {
    /// Files have to be looked at first: [`Need::ContextFile`] and [`Need::ContextIgnore`] only.
    Needs(BTreeSet<Need>),
    /// These.
    Known {
        /// The requirements file with all it includes, or the lock with its project, and the keys of repositories.
        requirements: BTreeSet<String>,
        /// What is copied, as filters of what a client sends.
        copied: Vec<LocalFilter>,
    },
}

/// Which files of the context an image is made of, those of the finished images that it stands on included.
///
/// # Errors
/// What is wrong with the files that the spec names.
pub fn context_use(document: &mut Document, facts: &Facts) -> Result<ContextUse, Vec<Diagnostic>> {
    let (settings, platform) = (Settings::default(), Platform::linux("amd64"));
    let mut outcome = Outcome::default();
    let mut level = Depth::default();
    let mut inner: Option<Document> = None;
    let (mut requirements, mut copied) = (BTreeSet::new(), Vec::new());
    loop {
        let image = inner.as_mut().unwrap_or(document);
        let (settings, platform, out) = (&settings, &platform, &mut outcome);
        let planner = Planner { document: image, settings, facts, platform, multi: false, level: level.clone(), out };
        let (read, filters) = planner.context_use();
        requirements.extend(read);
        copied.extend(filters);
        match level.descend(image) {
            Some(below) => inner = Some(below),
            None => break,
        }
    }
    if let Some(inner) = inner {
        // What was read meanwhile is what problems point into.
        document.sources = inner.sources;
    }
    let Outcome { needs, problems, warnings: _ } = outcome;
    match (needs.is_empty(), problems.is_empty()) {
        (false, _) => Ok(ContextUse::Needs(needs)),
        (true, false) => Err(dedup(problems)),
        (true, true) => Ok(ContextUse::Known { requirements, copied }),
    }
}

impl Planner<'_> {
    /// The files that are read, and filters of those that are copied, as far as they are known: what is missing is a need.
    fn context_use(mut self) -> (BTreeSet<String>, Vec<LocalFilter>) {
        let files = self.file_facts();
        let gathered = self.requirements();
        let mut read = BTreeSet::new();
        let named = self.specs().requirements().into_iter();
        let named: Vec<_> = named.map(|(field, file)| (field, file.path.clone(), file.kind)).collect();
        for (field, path, kind) in named {
            let project = match kind {
                RequirementsKind::Uv | RequirementsKind::Poetry => Some(project_beside(&path)),
                RequirementsKind::Txt | RequirementsKind::Pyproject | RequirementsKind::Pylock => None,
            };
            for path in [Some(path), project].into_iter().flatten() {
                // What is no lock has been read with the requirements.
                if kind.is_lock() {
                    self.context_text(&path, &field);
                }
                read.insert(path);
            }
        }
        for (field, path) in self.apt_keys() {
            self.context_text(&path, &field);
            read.insert(path);
        }
        read.extend(gathered.map(|gathered| gathered.files).unwrap_or_default());
        (read, files.map(|files| files.filters()).unwrap_or_default())
    }
}
