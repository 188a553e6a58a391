//! SysTick (DDI 0403E B3.3) without a tick: the counter is computed from virtual time, only its zero crossings are events.

const ENABLE: u32 = 1;
const TICKINT: u32 = 2;
const CLKSOURCE: u32 = 4;
const COUNTFLAG: u32 = 1 << 16;
const MAX: u32 = 0x00FF_FFFF;

/// The timer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SysTick {
    csr: u32,
    reload: u32,
    /// The counter while disabled.
    current: u32,
    /// Cycle at which the running counter reaches zero next.
    zero_at: u64,
    divider: u32,
}

impl SysTick {
    /// After reset. `divider`: core cycles for a tick of the reference clock.
    pub fn new(divider: u32) -> SysTick {
        SysTick { csr: 0, reload: 0, current: 0, zero_at: u64::MAX, divider: divider.max(1) }
    }

    fn ticks(&self) -> u64 {
        if self.csr & CLKSOURCE != 0 { 1 } else { u64::from(self.divider) }
    }

    fn running(&self) -> bool {
        self.csr & ENABLE != 0
    }

    fn count(&self, now: u64) -> u32 {
        if !self.running() || self.zero_at == u64::MAX {
            return self.current;
        }
        let remaining = self.zero_at.saturating_sub(now).div_ceil(self.ticks());
        // One tick more than the reload value means: it stands at zero and reloads at the next tick.
        if remaining > u64::from(self.reload) { 0 } else { remaining as u32 }
    }

    fn start(&mut self, count: u32, now: u64) {
        self.zero_at = match (count, self.reload) {
            (0, 0) => u64::MAX,
            (0, reload) => now + (u64::from(reload) + 1) * self.ticks(),
            (count, _) => now + u64::from(count) * self.ticks(),
        };
    }

    /// Cycle of the next zero crossing that raises the exception. Others only set COUNTFLAG, which is computed when read: a
    /// sleeping core must not wait for them.
    pub fn next_event(&self) -> u64 {
        if self.running() && self.csr & TICKINT != 0 { self.zero_at } else { u64::MAX }
    }

    /// Lets time pass to `now`. True if the exception is to be pended.
    pub fn advance(&mut self, now: u64) -> bool {
        let mut pend = false;
        while self.running() && self.zero_at <= now {
            self.csr |= COUNTFLAG;
            pend |= self.csr & TICKINT != 0;
            if self.reload == 0 {
                self.zero_at = u64::MAX;
                self.current = 0;
            } else {
                let period = (u64::from(self.reload) + 1) * self.ticks();
                // Long sleeps: all crossings but the last are alike.
                self.zero_at += period * ((now - self.zero_at) / period + 1);
            }
        }
        pend
    }

    /// The core was halted in Debug state for `cycles`: the counter stood (B3.3.1).
    pub(crate) fn stood(&mut self, cycles: u64) {
        self.zero_at = self.zero_at.saturating_add(cycles);
    }

    /// Reads a register by its address' low four bits (0xE000_E010 is 0).
    pub fn read(&mut self, offset: u32, now: u64) -> u32 {
        self.advance(now);
        match offset {
            0x0 => {
                let value = self.csr;
                self.csr &= !COUNTFLAG;
                value
            }
            0x4 => self.reload,
            0x8 => self.count(now),
            _ => 0x4000_0000,
        }
    }

    /// Writes a register.
    pub fn write(&mut self, offset: u32, value: u32, now: u64) {
        // Crossings that nobody waited for happened under the old settings.
        self.advance(now);
        match offset {
            0x0 => {
                let count = self.count(now);
                self.csr = (self.csr & COUNTFLAG) | (value & 7);
                self.current = count;
                if self.running() {
                    self.start(count, now);
                }
            }
            0x4 => {
                let count = self.count(now);
                self.reload = value & MAX;
                // A running counter keeps counting to zero; one that stands at zero takes the new value at its next tick.
                if self.running() && (count == 0 || self.zero_at == u64::MAX) {
                    self.start(0, now);
                }
            }
            0x8 => {
                self.current = 0;
                self.csr &= !COUNTFLAG;
                if self.running() {
                    self.start(0, now);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_counts_down_and_pends_every_reload_plus_one_cycles() {
        let mut timer = SysTick::new(8);
        timer.write(0x4, 99, 0);
        timer.write(0x8, 0, 0);
        timer.write(0x0, 7, 0);
        assert_eq!(timer.next_event(), 100);
        assert_eq!(timer.read(0x8, 1), 99);
        assert_eq!(timer.read(0x8, 99), 1);
        assert!(timer.advance(100));
        assert_eq!(timer.read(0x8, 100), 0);
        assert_eq!(timer.read(0x0, 100) & COUNTFLAG, COUNTFLAG);
        assert_eq!(timer.read(0x0, 100) & COUNTFLAG, 0);
        assert_eq!(timer.next_event(), 200);
        assert!(timer.advance(1050));
        assert_eq!(timer.next_event(), 1100);
    }

    #[test]
    fn it_stands_while_the_core_is_halted() {
        let mut timer = SysTick::new(8);
        timer.write(0x4, 99, 0);
        timer.write(0x0, 7, 0);
        timer.stood(1000);
        assert_eq!((timer.read(0x8, 1040), timer.next_event()), (60, 1100));
        let mut off = SysTick::new(8);
        off.stood(1000);
        assert_eq!(off, SysTick::new(8));
    }

    #[test]
    fn the_reference_clock_is_divided() {
        let mut timer = SysTick::new(8);
        timer.write(0x4, 9, 0);
        timer.write(0x0, 3, 0);
        assert_eq!(timer.next_event(), 80);
    }
}
