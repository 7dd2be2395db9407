//! Records: the files with the answers that a plan is based on, as parts of the image.
//!
//! A daemon that has never built the image finds their steps in an imported cache, because caches have the results of what is in the
//! image. Each is read from the op that is also part of the image.

use buildkit_llb::{Copy, File, Note, Output, Rm};

use crate::fixed::{FILE_TIMESTAMP, RECORDS};
use crate::lower::Lowering;
use crate::lower::lock::LOCK_FILE;
use crate::outcome::Record;
use crate::settings::Avoided;

/// The path of a record in the image.
pub(crate) fn path(name: &str) -> String {
    format!("{RECORDS}/{name}")
}

impl<'a> Lowering<'a> {
    /// The files of a folder as records: pairs of the file and the name of the record.
    pub(super) fn recorded(&mut self, folder: Output, files: &[(&str, &str)]) -> Output {
        let copied = files.iter().fold(File::scratch(), |file, (from, name)| {
            file.copy(Copy {
                create_dest_path: true,
                timestamp: Some(FILE_TIMESTAMP),
                ..Copy::new(folder, format!("/{from}"), path(name))
            })
        });
        let copied = match self.common.avoided {
            Avoided::Nothing => copied,
            // Another cache key and the same files.
            avoided => copied.rm(Rm { allow_not_found: true, ..Rm::new(format!("/{}", other_name(avoided))) }),
        };
        let name = files.first().map_or("", |(_, name)| name);
        self.file_of(Note::named(self.named("record", &title(name))), copied)
    }

    /// The records of the plan and of the images below it.
    pub(super) fn records(&mut self) -> Vec<Output> {
        self.plan.all_records().filter_map(|record| self.record(record)).collect()
    }

    fn record(&mut self, record: &'a Record) -> Option<Output> {
        let recipe = match record {
            Record::Answer(recipe) => recipe,
            Record::Lock(text) => {
                let folder = self.input_files("lock", &[(LOCK_FILE, text)], None);
                return Some(self.recorded(folder, &[(LOCK_FILE, LOCK_FILE)]));
            }
        };
        // A recipe is a part of another plan.
        let plan = recipe.plan();
        let graph = std::mem::take(&mut self.graph);
        let mut other = Lowering { graph, ..Lowering::on(plan) };
        let output = other.recipe(recipe);
        self.graph = other.graph;
        output
    }
}

/// The name of a file that makes a cache key differ.
pub(super) fn other_name(avoided: Avoided) -> String {
    format!(".imagespec-{}", avoided as u8)
}

/// A record as a layer of the image.
pub(crate) fn title(name: &str) -> String {
    match name {
        "base" => "what the base image has".to_owned(),
        "apt" => "what the apt packages have".to_owned(),
        "python" => "what the environment has".to_owned(),
        other => other.to_owned(),
    }
}
