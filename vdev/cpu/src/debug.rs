//! Debug and trace registers that code can see (DDI 0403E C1): the DWT cycle counter and comparators, ITM stimulus ports;
//! and the watchpoints that the DWT or the host's debugger set.

use crate::bus::{Kind, Size};
use crate::tlb::{PAGE_MASK, PAGE_SIZE};

/// Comparators of a Cortex-M7.
const COMPARATORS: usize = 4;

/// Data watchpoint and trace unit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Dwt {
    ctrl: u32,
    /// Cycle of the core at which CYCCNT was zero; meaningful while it counts.
    counted_from: u64,
    /// CYCCNT while it does not count.
    stopped_at: u32,
    comp: [u32; COMPARATORS],
    mask: [u32; COMPARATORS],
    function: [u32; COMPARATORS],
    matched: [bool; COMPARATORS],
}

impl Dwt {
    fn counts(&self) -> bool {
        self.ctrl & 1 != 0
    }

    fn cycle_count(&self, now: u64) -> u32 {
        if self.counts() { now.wrapping_sub(self.counted_from) as u32 } else { self.stopped_at }
    }

    /// The core was halted in Debug state for `cycles`: CYCCNT stood (C1.8.8).
    pub(crate) fn stood(&mut self, cycles: u64) {
        self.counted_from = self.counted_from.wrapping_add(cycles);
    }

    pub(crate) fn read(&mut self, address: u32, now: u64) -> u32 {
        let n = ((address.wrapping_sub(0xE000_1020) / 16) as usize) % COMPARATORS;
        match address {
            0xE000_1000 => ((COMPARATORS as u32) << 28) | self.ctrl,
            0xE000_1004 => self.cycle_count(now),
            0xE000_1020..=0xE000_105C => match address & 0xF {
                0x0 => self.comp[n],
                0x4 => self.mask[n],
                // MATCHED is cleared by the read.
                0x8 => self.function[n] | u32::from(std::mem::take(&mut self.matched[n])) << 24,
                _ => 0,
            },
            _ => 0,
        }
    }

    pub(crate) fn write(&mut self, address: u32, value: u32, now: u64) {
        let n = ((address.wrapping_sub(0xE000_1020) / 16) as usize) % COMPARATORS;
        match address {
            0xE000_1000 => {
                let count = self.cycle_count(now);
                self.ctrl = value & 0x007F_1FFF;
                self.stopped_at = count;
                self.counted_from = now.wrapping_sub(u64::from(count));
            }
            0xE000_1004 => {
                self.stopped_at = value;
                self.counted_from = now.wrapping_sub(u64::from(value));
            }
            0xE000_1020..=0xE000_105C => match address & 0xF {
                0x0 => self.comp[n] = value,
                0x4 => self.mask[n] = value & 0x1F,
                0x8 => self.function[n] = value & 0xFFFF,
                _ => {}
            },
            _ => {}
        }
    }

    /// Notes which comparators an access at `address` matched.
    pub(crate) fn note_match(&mut self, address: u32) {
        for n in 0..COMPARATORS {
            let length = 1u32 << self.mask[n].min(31);
            // An access that begins before the range reaches into it with at most four bytes.
            let (start, end) =
                ((self.comp[n] & !(length - 1)) & !3, u64::from(self.comp[n]) + u64::from(length));
            self.matched[n] |=
                matches!(self.function[n] & 0xF, 5..=7) && address >= start && u64::from(address) < end;
        }
    }

    /// The comparators that watch data addresses (functions 5 to 7).
    pub(crate) fn watchpoints(&self) -> Vec<Watchpoint> {
        (0..COMPARATORS)
            .filter(|&n| matches!(self.function[n] & 0xF, 5..=7))
            .map(|n| {
                let length = 1u32 << self.mask[n].min(31);
                Watchpoint {
                    address: self.comp[n] & !(length - 1),
                    length,
                    reads: self.function[n] & 1 != 0,
                    writes: self.function[n] & 2 != 0,
                }
            })
            .collect()
    }
}

/// Instrumentation trace: what is written to an enabled stimulus port goes to the console.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Itm {
    ter: u32,
    tpr: u32,
    tcr: u32,
}

impl Itm {
    pub(crate) fn read(&self, address: u32) -> u32 {
        match address {
            // FIFO ready, when enabled.
            0xE000_0000..=0xE000_007F => self.tcr & 1,
            0xE000_0E00 => self.ter,
            0xE000_0E40 => self.tpr,
            0xE000_0E80 => self.tcr,
            _ => 0,
        }
    }

    pub(crate) fn write(&mut self, address: u32, value: u32) {
        match address {
            0xE000_0E00 => self.ter = value,
            0xE000_0E40 => self.tpr = value & 0xF,
            0xE000_0E80 => self.tcr = value & 0x007F_0F1F,
            _ => {}
        }
    }

    /// Bytes that a write to a stimulus port sends, if the port is enabled.
    pub(crate) fn stimulus(&self, address: u32, value: u32, _size: Size) -> Option<[u8; 4]> {
        let port = (address >> 2) & 31;
        (self.tcr & 1 != 0 && self.ter & (1 << port) != 0).then(|| value.to_le_bytes())
    }

    /// Whether unprivileged code may write to this address: the stimulus ports that TPR leaves open.
    pub(crate) fn user_may_write(&self, address: u32) -> bool {
        (0xE000_0000..0xE000_0080).contains(&address) && self.tpr & (1 << ((address >> 5) & 3)) == 0
    }
}

/// One watched range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Watchpoint {
    /// First byte.
    pub address: u32,
    /// Bytes.
    pub length: u32,
    /// Stops on reads.
    pub reads: bool,
    /// Stops on writes.
    pub writes: bool,
}

/// An access that hit a watchpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WatchHit {
    /// Accessed address.
    pub address: u32,
    /// Read or write.
    pub kind: Kind,
    /// The watchpoint is the host debugger's (else the DWT's).
    pub host: bool,
}

/// All watchpoints. Pages they touch have no fast path.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    host: Vec<Watchpoint>,
    dwt: Vec<Watchpoint>,
    /// Every access goes the slow way, so that a trace sees it.
    pub everything: bool,
    hit: Option<WatchHit>,
}

impl Watch {
    /// Sets the host debugger's watchpoints.
    pub fn set_host(&mut self, watchpoints: Vec<Watchpoint>) {
        self.host = watchpoints;
    }

    pub(crate) fn set_dwt(&mut self, watchpoints: Vec<Watchpoint>) {
        self.dwt = watchpoints;
    }

    pub(crate) fn covers_page(&self, address: u32) -> bool {
        if self.everything {
            return true;
        }
        let page = u64::from(address & PAGE_MASK);
        self.host.iter().chain(&self.dwt).any(|w| {
            let start = u64::from(w.address);
            start < page + u64::from(PAGE_SIZE) && page < start + u64::from(w.length)
        })
    }

    pub(crate) fn note(&mut self, address: u32, size: Size, kind: Kind) {
        let hits = |w: &&Watchpoint| {
            let wanted = if kind == Kind::Read { w.reads } else { w.writes };
            let (start, end) = (u64::from(w.address), u64::from(w.address) + u64::from(w.length));
            wanted && u64::from(address) < end && start < u64::from(address) + u64::from(size.bytes())
        };
        if self.host.iter().any(|w| hits(&w)) {
            self.hit = Some(WatchHit { address, kind, host: true });
        } else if self.dwt.iter().any(|w| hits(&w)) {
            self.hit = Some(WatchHit { address, kind, host: false });
        }
    }

    pub(crate) fn take_hit(&mut self) -> Option<WatchHit> {
        self.hit.take()
    }
}
