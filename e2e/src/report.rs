//! The report of a run: the matrix of scenarios and ways, with times.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::way::{self, Way};

/// Prints a line on standard error, even if the tests' output is captured.
pub fn say(line: &str) {
    // There is no other place to report a closed standard error.
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// The outcome of a test.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// Whether it passed.
    pub passed: bool,
    /// Its running time.
    pub took: Duration,
}

/// The outcomes of a run.
#[derive(Debug, Default)]
pub struct Matrix {
    rows: Mutex<Vec<(&'static str, BTreeMap<Way, Outcome>)>>,
}

impl Matrix {
    /// Adds an outcome.
    pub fn note(&self, scenario: &'static str, way: Way, outcome: Outcome) {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        match rows.iter_mut().find(|(name, _)| *name == scenario) {
            Some((_, row)) => {
                row.insert(way, outcome);
            }
            None => rows.push((scenario, BTreeMap::from([(way, outcome)]))),
        }
    }

    /// The table: a row per scenario, a column per way, seconds or `FAIL`; `-` if the scenario does not run on the way.
    #[must_use]
    pub fn table(&self) -> String {
        const WIDTH: usize = 10;
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let names = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default().max("scenario".len());
        let mut text = format!("{:names$}", "");
        for way in way::ALL {
            let _ = write!(text, " {:>WIDTH$.WIDTH$}", way.daemon.to_string().trim_start_matches("engine-"));
        }
        let _ = write!(text, "\n{:names$}", "scenario");
        for way in way::ALL {
            let _ = write!(text, " {:>WIDTH$}", way.entrance);
        }
        text.push('\n');
        for (name, row) in rows.iter() {
            let _ = write!(text, "{name:names$}");
            for way in way::ALL {
                let cell = match row.get(&way) {
                    None => "-".to_owned(),
                    Some(Outcome { passed: false, .. }) => "FAIL".to_owned(),
                    Some(Outcome { took, .. }) => format!("{:.1} s", took.as_secs_f32()),
                };
                let _ = write!(text, " {cell:>WIDTH$}");
            }
            text.push('\n');
        }
        text
    }
}
