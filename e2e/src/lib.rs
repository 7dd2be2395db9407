//! The harness of the end-to-end tests: the lab, builds through every entrance, and inspection of the results.
//!
//! It runs the real programs and links none of our crates, so that a bug in a crate cannot hide itself.
//! Empty without the feature `e2e`; the tests are in `tests/e2e`.

#![cfg(feature = "e2e")]

pub mod archive;
pub mod build;
pub mod command;
pub mod image;
pub mod lab;
pub mod programs;
pub mod provenance;
pub mod report;
pub mod rootfs;
pub mod scan;
pub mod space;
pub mod status;
pub mod way;

use std::sync::{Mutex, PoisonError};

/// The data that all tests of a run share.
#[derive(Debug)]
pub struct World {
    /// The daemons.
    pub lab: lab::Lab,
    /// The tested programs.
    pub programs: programs::Programs,
    /// A part of names and contents that no earlier run has used.
    pub run: String,
    /// Images to remove at the end of the run, with their engines.
    leftovers: Mutex<Vec<(way::Daemon, String)>>,
}

impl World {
    /// Finds the lab and prepares the programs.
    ///
    /// # Errors
    /// What is missing, and how to fix it.
    pub fn prepare() -> Result<Self, String> {
        let lab = lab::Lab::find()?;
        let programs = programs::Programs::prepare(&lab)?;
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Ok(Self { lab, programs, run: format!("{:x}", now.as_micros()), leftovers: Mutex::default() })
    }

    /// Removes images that could not be removed while builds ran.
    pub fn clean_up(&self) {
        let leftovers = std::mem::take(&mut *self.leftovers.lock().unwrap_or_else(PoisonError::into_inner));
        for (engine, reference) in leftovers {
            image::remove(self, engine, &reference);
        }
    }
}
