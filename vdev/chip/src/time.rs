//! Virtual time in core cycles, and what it is in real time: the core's frequency changes while it runs.

/// The last change of frequency: from here on cycles are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TimeBase {
    cycles: u64,
    nanoseconds: u64,
}

impl TimeBase {
    /// Nanoseconds since power-on at virtual time `now`, which is not before the last change, at a core of `hz`.
    pub fn nanoseconds(&self, now: u64, hz: u64) -> u64 {
        let cycles = u128::from(now.saturating_sub(self.cycles));
        let since = cycles * 1_000_000_000 / u128::from(hz.max(1));
        self.nanoseconds.saturating_add(u64::try_from(since).unwrap_or(u64::MAX))
    }

    /// At `now` the frequency changes; until then it was `hz`.
    pub fn change(&mut self, now: u64, hz: u64) {
        *self = TimeBase { cycles: now, nanoseconds: self.nanoseconds(now, hz) };
    }
}
