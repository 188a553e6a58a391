//! Security counters: what keeps old images out for good.

use ironroot_codes::{Code, boot as codes};

/// The least security counter that is accepted of each image, in memory that only ever goes up.
///
/// An implementation must survive a power cut during [`Counters::raise`]: afterwards the counter is the old or the new one.
pub trait Counters {
    /// The least counter accepted of this image; 0 if none was stored yet.
    fn get(&self, image: u8) -> Result<u32, CounterError>;

    /// Raises it. Never called with less than [`Counters::get`] gives.
    fn raise(&mut self, image: u8, to: u32) -> Result<(), CounterError>;
}

/// Why a counter was not read or raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CounterError {
    /// The store cannot be read as a whole.
    Unreadable,
    /// The store has no room left.
    Full,
    /// The memory refused the write.
    Failed,
}

impl CounterError {
    /// The code of this error.
    pub const fn code(self) -> Code {
        match self {
            Self::Unreadable => codes::COUNTER_UNREADABLE,
            Self::Full | Self::Failed => codes::COUNTER_NOT_RAISED,
        }
    }
}

/// No counters: every image is new enough, and nothing is remembered.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoCounters;

impl Counters for NoCounters {
    fn get(&self, _: u8) -> Result<u32, CounterError> {
        Ok(0)
    }

    fn raise(&mut self, _: u8, _: u32) -> Result<(), CounterError> {
        Ok(())
    }
}
