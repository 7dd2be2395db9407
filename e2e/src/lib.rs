//! The end-to-end tests' harness: the lab, builds through every entrance, and looking into what they made.
//!
//! Drives the real programs only and links nothing of ours, so that a mistake shared by our crates cannot hide here.
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

/// All that the tests of a run share.
#[derive(Debug)]
pub struct World {
    /// The daemons.
    pub lab: lab::Lab,
    /// What is tested.
    pub programs: programs::Programs,
    /// Part of names and contents that no earlier run may have had.
    pub run: String,
    /// Images that are to go when the run ends, with the engines that hold them.
    leftovers: Mutex<Vec<(way::Daemon, String)>>,
}

impl World {
    /// Finds the lab and prepares the programs.
    ///
    /// # Errors
    /// What is missing and what to do about it.
    pub fn prepare() -> Result<Self, String> {
        let lab = lab::Lab::find()?;
        let programs = programs::Programs::prepare(&lab)?;
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Ok(Self { lab, programs, run: format!("{:x}", now.as_micros()), leftovers: Mutex::default() })
    }

    /// Removes images that could not go while builds ran.
    pub fn clean_up(&self) {
        let leftovers = std::mem::take(&mut *self.leftovers.lock().unwrap_or_else(PoisonError::into_inner));
        for (engine, reference) in leftovers {
            image::remove(self, engine, &reference);
        }
    }
}
