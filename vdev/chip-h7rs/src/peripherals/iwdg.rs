//! IWDG: a counter at the 32 kHz of the LSI that resets the chip unless software reloads it in time.
//!
//! 1. Written registers come into force five periods of the LSI later, which the flags of SR show; while the watchdog never ran,
//!    the LSI does not, and they wait.
//! 2. Started, by the key or by the option IWDG_HW, nothing but a reset stops it. The counter begins at the reset value of RLR
//!    whatever was written there: software that wants another time writes the reload key behind it.
//! 3. A reload while the counter is above WINR is a reset too; writing WINR reloads.
//! 4. It counts through sleep. The freezing bits of the options and of DBGMCU have no effect: there is no Stop mode here, and virtual
//!    time stands still with the core.
//!
//! All times are nanoseconds since power-on: the core's clock has no say.

use ironroot_chip::peripherals::registers::Written;

/// Its line in the NVIC: the early warning.
pub const LINE: u8 = 3;
/// KR: Key.
pub const KR: u32 = 0x000;
/// PR: Prescaler.
pub const PR: u32 = 0x004;
/// RLR: Reload value.
pub const RLR: u32 = 0x008;
/// SR: Status.
pub const SR: u32 = 0x00C;
/// WINR: Window.
pub const WINR: u32 = 0x010;
/// EWCR: Early warning.
pub const EWCR: u32 = 0x014;

/// Opens PR, RLR, WINR and EWCR; any other key closes them.
pub const UNLOCK: u32 = 0x5555;
/// Reloads the counter.
pub const RELOAD: u32 = 0xAAAA;
/// Starts the watchdog.
pub const START: u32 = 0xCCCC;

/// SR.ONF: The watchdog runs.
const ONF: u32 = 1 << 8;
/// SR.EWIF: The early warning.
const EWIF: u32 = 1 << 14;
/// EWCR: clear the early warning, let it interrupt.
const EWIC: u32 = 1 << 14;
const EWIE: u32 = 1 << 15;
const COUNT: u32 = 0xFFF;
/// A period of the LSI.
const LSI: u64 = 1_000_000_000 / 32_000;
/// How long a written register is on its way.
const UPDATE: u64 = 5 * LSI;

/// A register behind the boundary of clock domains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Crossing {
    value: u32,
    /// What was written, and when it arrives; `None` while the LSI does not run.
    coming: Option<(u32, Option<u64>)>,
}

impl Crossing {
    const fn new(value: u32) -> Self {
        Crossing { value, coming: None }
    }

    fn write(&mut self, value: u32, now: u64, runs: bool) {
        // While one is on its way, another is not taken.
        if self.coming.is_none() {
            self.coming = Some((value, runs.then(|| now.saturating_add(UPDATE))));
        }
    }

    fn clock_started(&mut self, now: u64) {
        if let Some((value, None)) = self.coming {
            self.coming = Some((value, Some(now.saturating_add(UPDATE))));
        }
    }

    fn arrival(&self) -> u64 {
        self.coming.and_then(|(_, at)| at).unwrap_or(u64::MAX)
    }

    /// True if a value arrived.
    fn advance(&mut self, now: u64) -> bool {
        let arrived = self.arrival() <= now;
        if let (true, Some((value, _))) = (arrived, self.coming) {
            *self = Crossing::new(value);
        }
        arrived
    }
}

/// The counter: its value at a time, and whether the early warning came since it was reloaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Counter {
    at: u64,
    value: u32,
    early: bool,
}

impl Counter {
    const fn full(at: u64, value: u32) -> Self {
        Counter { at, value, early: false }
    }
}

/// The IWDG block.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Iwdg {
    unlocked: bool,
    prescaler: Crossing,
    reload: Crossing,
    window: Crossing,
    early: Crossing,
    counter: Option<Counter>,
    warned: bool,
    expired: bool,
}

impl Default for Iwdg {
    fn default() -> Self {
        Iwdg {
            unlocked: false,
            prescaler: Crossing::new(0),
            reload: Crossing::new(COUNT),
            window: Crossing::new(COUNT),
            early: Crossing::new(0),
            counter: None,
            warned: false,
            expired: false,
        }
    }
}

impl Iwdg {
    /// A reset of any cause, which stops it; `by_hardware`: the options start it again at once.
    pub fn reset(&mut self, by_hardware: bool, now: u64) {
        *self = Iwdg::default();
        if by_hardware {
            self.start(now);
        }
    }

    fn start(&mut self, now: u64) {
        if self.counter.is_some() {
            return;
        }
        self.counter = Some(Counter::full(now, COUNT));
        for register in [&mut self.prescaler, &mut self.reload, &mut self.window, &mut self.early] {
            register.clock_started(now);
        }
    }

    /// Nanoseconds of one step.
    fn step(&self) -> u64 {
        LSI * (4 << self.prescaler.value.min(8))
    }

    fn count(&self, counter: Counter, now: u64) -> u32 {
        let steps = now.saturating_sub(counter.at) / self.step();
        counter.value.saturating_sub(u32::try_from(steps).unwrap_or(u32::MAX))
    }

    /// When the counter, left alone, has been at `value` for a step.
    fn behind(&self, value: u32) -> u64 {
        let Some(counter) = self.counter else { return u64::MAX };
        let steps = u64::from(counter.value.saturating_sub(value)) + 1;
        counter.at.saturating_add(steps.saturating_mul(self.step()))
    }

    fn warning(&self) -> u64 {
        match self.early.value & COUNT {
            0 => u64::MAX,
            _ if self.early.value & EWIE == 0 || self.counter.is_none_or(|counter| counter.early) => u64::MAX,
            value => self.behind(value),
        }
    }

    fn refresh(&mut self, now: u64) {
        let Some(counter) = self.counter else { return };
        if self.count(counter, now) > self.window.value {
            self.expired = true;
        }
        self.counter = Some(Counter::full(now, self.reload.value));
    }

    /// Does what is due, in its order.
    pub fn advance(&mut self, now: u64) {
        loop {
            let next = self.next_event();
            if next > now {
                return;
            }
            // The prescaler counts on from where it is.
            let counted =
                self.counter.map(|counter| Counter { at: next, value: self.count(counter, next), ..counter });
            if self.prescaler.advance(next) {
                self.counter = counted;
            }
            for register in [&mut self.reload, &mut self.early] {
                register.advance(next);
            }
            if self.window.advance(next) {
                self.counter = self.counter.map(|_| Counter::full(next, self.reload.value));
            }
            if self.warning() <= next {
                self.warned = true;
                self.counter = self.counter.map(|counter| Counter { early: true, ..counter });
            }
            if self.behind(0) <= next {
                self.expired = true;
            }
        }
    }

    /// When something happens by itself next, in nanoseconds; `u64::MAX` for never.
    pub fn next_event(&self) -> u64 {
        if self.expired {
            return u64::MAX;
        }
        let arrivals = [&self.prescaler, &self.reload, &self.window, &self.early].map(Crossing::arrival);
        arrivals.into_iter().fold(self.behind(0).min(self.warning()), u64::min)
    }

    /// Whether it demands a reset.
    pub fn expired(&self) -> bool {
        self.expired
    }

    /// The interrupt line.
    pub fn raised(&self) -> bool {
        self.warned
    }

    /// A register's value at a time.
    pub fn read(&mut self, offset: u32, now: u64) -> Option<u32> {
        self.advance(now);
        let bit = |register: &Crossing, bit: u32| u32::from(register.coming.is_some()) << bit;
        Some(match offset {
            KR => 0,
            PR => self.prescaler.value,
            RLR => self.reload.value,
            SR => {
                let updates = bit(&self.prescaler, 0)
                    | bit(&self.reload, 1)
                    | bit(&self.window, 2)
                    | bit(&self.early, 3);
                let on = if self.counter.is_some() { ONF } else { 0 };
                updates | on | if self.warned { EWIF } else { 0 }
            }
            WINR => self.window.value,
            EWCR => self.early.value,
            _ => return None,
        })
    }

    /// Writes a register. Halfwords and bytes of the others are written as words: the block has no byte lanes.
    pub fn write(&mut self, offset: u32, written: Written, now: u64) -> bool {
        self.advance(now);
        let runs = self.counter.is_some();
        let value = written.value;
        match offset {
            KR => {
                self.unlocked = value & 0xFFFF == UNLOCK;
                match value & 0xFFFF {
                    START => self.start(now),
                    RELOAD => self.refresh(now),
                    _ => {}
                }
            }
            SR => {}
            PR | RLR | WINR | EWCR if !self.unlocked => {}
            PR => self.prescaler.write(value & 0xF, now, runs),
            RLR => self.reload.write(value & COUNT, now, runs),
            WINR => self.window.write(value & COUNT, now, runs),
            EWCR => {
                if value & EWIC != 0 {
                    self.warned = false;
                }
                self.early.write(value & (COUNT | EWIE), now, runs);
            }
            _ => return false,
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn write(iwdg: &mut Iwdg, offset: u32, value: u32, now: u64) {
        assert!(iwdg.write(offset, Written::word(value), now));
    }

    /// Runs it, by its own events, to the reset; at most ten minutes.
    fn expiry(iwdg: &mut Iwdg) -> Option<u64> {
        loop {
            let next = iwdg.next_event();
            if next > 600_000 * MS {
                return None;
            }
            iwdg.advance(next);
            if iwdg.expired() {
                return Some(next);
            }
        }
    }

    #[test]
    fn it_never_runs_until_it_is_started_and_then_half_a_second() {
        let mut iwdg = Iwdg::default();
        write(&mut iwdg, KR, RELOAD, 5);
        assert_eq!(iwdg.next_event(), u64::MAX);
        write(&mut iwdg, KR, START, 10);
        // 4096 steps of 4 / 32 kHz.
        assert_eq!(expiry(&mut iwdg), Some(10 + 512 * MS));
        iwdg.reset(false, 600 * MS);
        assert_eq!((iwdg.next_event(), iwdg.expired()), (u64::MAX, false));
        iwdg.reset(true, 600 * MS);
        assert_eq!(expiry(&mut iwdg), Some(600 * MS + 512 * MS));
    }

    #[test]
    fn a_prescaler_that_comes_later_stretches_what_is_left() {
        let mut iwdg = Iwdg::default();
        write(&mut iwdg, KR, START, 0);
        write(&mut iwdg, PR, 3, 0);
        assert_eq!(iwdg.read(SR, 0), Some(ONF), "locked");
        write(&mut iwdg, KR, UNLOCK, 0);
        write(&mut iwdg, PR, 3, 0);
        assert_eq!((iwdg.read(SR, 0), iwdg.read(PR, 0)), (Some(ONF | 1), Some(0)));
        write(&mut iwdg, KR, RELOAD, 0);
        assert_eq!((iwdg.read(SR, UPDATE), iwdg.read(PR, UPDATE)), (Some(ONF), Some(3)));
        // One step at the old pace, the rest at 32 / 32 kHz.
        assert_eq!(expiry(&mut iwdg), Some(UPDATE + 4095 * MS));
    }

    #[test]
    fn what_is_written_before_the_start_waits_for_the_clock() {
        let mut iwdg = Iwdg::default();
        write(&mut iwdg, KR, UNLOCK, 0);
        write(&mut iwdg, RLR, 9, 0);
        assert_eq!(iwdg.read(SR, 100 * MS), Some(2));
        write(&mut iwdg, KR, START, 100 * MS);
        assert_eq!(iwdg.read(SR, 100 * MS + UPDATE), Some(ONF));
        write(&mut iwdg, KR, RELOAD, 101 * MS);
        assert_eq!(expiry(&mut iwdg), Some(101 * MS + 10 * 4 * LSI));
    }

    #[test]
    fn reloads_keep_it_from_the_reset_for_as_long_as_they_come() {
        let mut iwdg = Iwdg::default();
        write(&mut iwdg, KR, START, 0);
        for round in 1..100 {
            write(&mut iwdg, KR, RELOAD, round * 500 * MS);
            assert!(!iwdg.expired());
        }
        assert_eq!(expiry(&mut iwdg), Some(99 * 500 * MS + 512 * MS));
    }

    #[test]
    fn a_reload_too_early_is_a_reset_too() {
        let mut iwdg = Iwdg::default();
        write(&mut iwdg, KR, START, 0);
        write(&mut iwdg, KR, UNLOCK, 0);
        write(&mut iwdg, WINR, 0x7FF, 0);
        iwdg.advance(UPDATE);
        write(&mut iwdg, KR, RELOAD, 300 * MS);
        assert!(!iwdg.expired());
        write(&mut iwdg, KR, RELOAD, 310 * MS);
        assert!(iwdg.expired());
    }

    #[test]
    fn the_early_warning_comes_before_and_is_cleared() {
        let mut iwdg = Iwdg::default();
        write(&mut iwdg, KR, START, 0);
        write(&mut iwdg, KR, UNLOCK, 0);
        write(&mut iwdg, EWCR, EWIE | 0x100, 0);
        iwdg.advance(500 * MS);
        assert!(iwdg.raised() && !iwdg.expired());
        assert_eq!(iwdg.read(SR, 500 * MS), Some(ONF | EWIF));
        write(&mut iwdg, EWCR, EWIC, 500 * MS);
        iwdg.advance(500 * MS + UPDATE);
        assert!(!iwdg.raised());
        assert_eq!(expiry(&mut iwdg), Some(512 * MS));
    }
}
