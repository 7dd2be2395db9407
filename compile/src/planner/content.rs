//! Which files of the context an image is made of: for its tag, and to fetch them early. Nothing of a base image is needed to
//! know.

use std::collections::{BTreeMap, BTreeSet};

use buildkit_llb::{Platform, caps};
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
        /// By platform, what the lock beside the spec is called that a build would read, if it is there.
        locks: BTreeMap<String, String>,
        /// What is copied, as filters of what a client sends.
        copied: Vec<LocalFilter>,
    },
}

/// Which files of the context an image is made of, those of the finished images that it stands on included. `platforms` are those
/// that are built for if they are not the spec's; where neither says, any can be, so the locks of all of them count.
///
/// # Errors
/// What is wrong with the files that the spec names.
pub fn context_use(
    document: &mut Document,
    platforms: &[Platform],
    facts: &Facts,
) -> Result<ContextUse, Vec<Diagnostic>> {
    let mut outcome = Outcome::default();
    let (mut requirements, mut locks, mut copied) = (BTreeSet::new(), BTreeMap::new(), Vec::new());
    let settings = Settings { platforms: platforms.to_vec(), ..Settings::default() };
    for_each_image(document, &settings, facts, &mut outcome, |planner| {
        locks.extend(planner.locks_beside());
        let (read, filters) = planner.context_use();
        requirements.extend(read);
        copied.extend(filters);
    });
    let Outcome { needs, problems, warnings: _ } = outcome;
    match (needs.is_empty(), problems.is_empty()) {
        (false, _) => Ok(ContextUse::Needs(needs)),
        (true, false) => Err(dedup(problems)),
        (true, true) => Ok(ContextUse::Known { requirements, locks, copied }),
    }
}

/// What the client will send of the context, as far as it is known.
pub(crate) fn copied(document: &mut Document, settings: &Settings, facts: &Facts) -> Vec<LocalFilter> {
    // Clients of daemons without it are sent for files that are listed first.
    if !facts.capabilities.contains(caps::FILE_COPY_INCLUDEEXCLUDEPATTERNS) {
        return Vec::new();
    }
    let mut copied = Vec::new();
    for_each_image(document, settings, facts, &mut Outcome::default(), |mut planner| {
        copied.extend(planner.file_facts().map(|files| files.filters()).unwrap_or_default());
    });
    copied
}

/// Looks at an image and those that it stands on.
fn for_each_image(
    document: &mut Document,
    settings: &Settings,
    facts: &Facts,
    out: &mut Outcome,
    mut look: impl FnMut(Planner<'_>),
) {
    // Files are the same on all of them.
    let platform = Platform::linux("amd64");
    let mut level = Depth::default();
    let mut inner: Option<Document> = None;
    loop {
        let image = inner.as_mut().unwrap_or(document);
        look(Planner {
            document: image,
            settings,
            facts,
            platform: &platform,
            multi: false,
            level: level.clone(),
            out: &mut *out,
        });
        match level.descend(image) {
            Some(below) => inner = Some(below),
            None => break,
        }
    }
    if let Some(inner) = inner {
        // What was read meanwhile is what problems point into.
        document.sources = inner.sources;
    }
}

impl Planner<'_> {
    /// The files that are read, and filters of those that are copied, as far as they are known: what is missing is a need.
    fn context_use(mut self) -> (BTreeSet<String>, Vec<LocalFilter>) {
        let files = self.file_facts();
        let gathered = self.requirements();
        let mut read = BTreeSet::new();
        let named = self.specs().requirements().into_iter();
        let named: Vec<_> = named.map(|(field, file)| (field, file.path().to_owned(), file.kind())).collect();
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
