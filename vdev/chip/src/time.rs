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

    /// The first virtual time at which [`TimeBase::nanoseconds`] is `nanoseconds` or more, at a core of `hz`;
    /// `u64::MAX`, never, stays what it is.
    pub fn cycles(&self, nanoseconds: u64, hz: u64) -> u64 {
        if nanoseconds == u64::MAX {
            return u64::MAX;
        }
        let left = u128::from(nanoseconds.saturating_sub(self.nanoseconds));
        let cycles = (left * u128::from(hz)).div_ceil(1_000_000_000);
        self.cycles.saturating_add(u64::try_from(cycles).unwrap_or(u64::MAX))
    }

    /// At `now` the frequency changes; until then it was `hz`.
    pub fn change(&mut self, now: u64, hz: u64) {
        *self = TimeBase { cycles: now, nanoseconds: self.nanoseconds(now, hz) };
    }
}
