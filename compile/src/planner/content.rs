//! The files of the context that an image is made from, which are hashed for its tag and fetched early. This needs no facts about base
//! images.

use std::collections::{BTreeMap, BTreeSet};

use buildkit_llb::{CapSet, Platform};
use imagespec::{Problems, RequirementsKind};

use crate::document::Document;
use crate::lock_file;
use crate::lock_step::project_path;
use crate::outcome::Outcome;
use crate::plan::{CopyItem, LocalFilter};
use crate::planner::files::Copied;
use crate::planner::part::parts;
use crate::planner::{Planner, World, target_platforms};
use crate::settings::Settings;
use crate::store::{AnyQuestion, Store};

/// Files of the context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContextUse {
    /// Files must be read first. The questions are only about files of the context and its ignore file.
    Asks(BTreeSet<AnyQuestion>),
    /// The files are known.
    Known {
        /// The requirements file with all its includes, or the lock with its project, and the keys of repositories.
        requirements: BTreeSet<String>,
        /// The name of the lockfile next to the spec that a build would read if it exists, by platform.
        locks: BTreeMap<String, String>,
        /// The copied files, as filters for the client.
        copied: Vec<LocalFilter>,
        /// The files and folders that are copied in the place of links.
        links: Vec<CopyItem>,
    },
}

/// The files of the context that an image is made from, including those of the finished images below it. `platforms` are the target
/// platforms if they differ from the spec's. If neither names a platform, the lockfiles of all possible platforms count.
///
/// # Errors
/// Problems with the files that the spec names.
pub fn context_use(document: &Document, platforms: &[Platform], store: &Store) -> Result<ContextUse, Problems> {
    let mut out = Outcome { sources: document.sources.clone(), ..Outcome::default() };
    let (mut requirements, mut locks, mut copied, mut links) =
        (BTreeSet::new(), BTreeMap::new(), Vec::new(), Vec::new());
    let settings = Settings { platforms: platforms.to_vec(), ..Settings::default() };
    let (parts, caps) = (parts(document), CapSet::default());
    let world =
        World { document, settings: &settings, knowledge: store.into(), caps: &caps, parts: &parts, multi: false };
    // The files do not depend on the platform.
    let platform = Platform::linux("amd64");
    for part in &parts {
        let mut planner = Planner::new(world, &platform, part.depth, &mut out);
        locks.extend(planner.expected_locks());
        let (read, files) = planner.context_use();
        requirements.extend(read);
        if let Some(Copied { filters, links: replaced }) = files {
            copied.extend(filters);
            links.extend(replaced);
        }
    }
    out.settle();
    let Outcome { asks, problems: diagnostics, sources, .. } = out;
    match (asks.is_empty(), diagnostics.is_empty()) {
        (false, _) => Ok(ContextUse::Asks(asks.into_keys().collect())),
        (true, false) => Err(Problems { diagnostics, sources, spans: document.spans.clone() }),
        (true, true) => Ok(ContextUse::Known { requirements, locks, copied, links }),
    }
}

impl Planner<'_, '_> {
    /// The name of the lockfile next to the spec that a build would look for, by platform.
    fn expected_locks(&self) -> BTreeMap<String, String> {
        if !self.specs().wants_packages() || self.given_lock().is_some() {
            return BTreeMap::new();
        }
        let mut platforms = target_platforms(&self.document.spec, self.settings, None);
        if platforms.is_empty() {
            let any = |(architecture, variant): (&str, &str)| Platform::new("linux", architecture, variant);
            platforms = lock_file::ARCHITECTURES.map(any).to_vec();
        }
        let named = |platform: &Platform| Some((platform.to_string(), self.lock_name(platform)?));
        platforms.iter().filter_map(named).collect()
    }

    /// The files that are read, and those that are copied, as far as known. Missing facts are asked for.
    fn context_use(&mut self) -> (BTreeSet<String>, Option<Copied>) {
        let files = self.file_facts();
        let gathered = self.requirements();
        let mut read = BTreeSet::new();
        let named = self.specs().requirements().into_iter();
        let named: Vec<_> = named.map(|(field, file)| (field, file.path().to_owned(), file.kind())).collect();
        for (field, path, kind) in named {
            let project = match kind {
                RequirementsKind::Uv | RequirementsKind::Poetry => Some(project_path(&path)),
                RequirementsKind::Txt | RequirementsKind::Pyproject | RequirementsKind::Pylock => None,
            };
            for path in [Some(path), project].into_iter().flatten() {
                // Files other than locks have been read with the requirements.
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
        (read, files.map(|files| files.copied()))
    }
}
