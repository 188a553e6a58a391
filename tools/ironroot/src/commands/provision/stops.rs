//! Places at which a provisioning can be interrupted, for tests: a signal can come at any of them.

use crate::error::Result;
use crate::interrupt;

/// Counts the places; the one that was asked for ends the command as a signal would.
#[derive(Debug, Default)]
pub struct Stops {
    after: Option<u32>,
    passed: u32,
}

impl Stops {
    /// Stops behind so many places.
    pub fn after(count: Option<u32>) -> Self {
        Self { after: count, passed: 0 }
    }

    /// A place.
    pub fn point(&mut self) -> Result {
        interrupt::check()?;
        if self.after == Some(self.passed) {
            return Err(interrupt::failure());
        }
        self.passed += 1;
        Ok(())
    }
}
