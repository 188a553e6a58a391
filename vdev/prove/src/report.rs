//! What a campaign found, and how big it was to be.

use serde::Serialize;

/// Differences described in words; more are only counted.
const KEPT: usize = 20;

/// How much to do.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// The size that issue and release ask for (minutes); else what a test run can afford (seconds).
    pub full: bool,
    /// Start of every pseudo-random choice: the same seed gives the same cases.
    pub seed: u64,
}

impl Config {
    /// `full` or `modest`, by the configured size.
    pub fn pick<T>(self, full: T, modest: T) -> T {
        if self.full { full } else { modest }
    }
}

/// One row of the table.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// What was compared.
    pub class: String,
    /// How many cases (instructions, programs, encodings: what the class counts).
    pub cases: u64,
    /// Cases that differ, listed differences of the other side excluded.
    pub mismatches: u64,
    /// Cases that differ as listed: the other side departs from the manual.
    pub listed: u64,
    /// The first mismatches, in words.
    pub details: Vec<String>,
}

impl Report {
    /// An empty report.
    pub fn new(class: impl Into<String>) -> Report {
        Report { class: class.into(), ..Report::default() }
    }

    /// Counts a mismatch and keeps its description if there is room.
    pub fn mismatch(&mut self, detail: impl Into<String>) {
        self.mismatches += 1;
        if self.details.len() < KEPT {
            self.details.push(detail.into());
        }
    }
}

/// A campaign could not run at all. Nothing was proved then.
#[derive(Debug)]
pub struct Error(pub String);

impl Error {
    /// `what` failed with `why`.
    pub fn new(what: impl std::fmt::Display, why: impl std::fmt::Display) -> Error {
        Error(format!("{what}: {why}"))
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}
