//! Exceptions as numbers: pending, enabled, active, priority (DDI 0403E B1.5, B3.4). Exception n+16 is interrupt n.

use crate::bus::IrqLines;

/// Exception numbers of the architecture.
#[allow(missing_docs)]
pub mod number {
    pub const NMI: u16 = 2;
    pub const HARD_FAULT: u16 = 3;
    pub const MEM_MANAGE: u16 = 4;
    pub const BUS_FAULT: u16 = 5;
    pub const USAGE_FAULT: u16 = 6;
    pub const SV_CALL: u16 = 11;
    pub const DEBUG_MONITOR: u16 = 12;
    pub const PEND_SV: u16 = 14;
    pub const SYS_TICK: u16 = 15;
    /// Number of interrupt 0.
    pub const IRQ0: u16 = 16;
}

/// Priority of code that no exception runs (below every exception).
pub const THREAD_PRIORITY: i16 = 256;

/// A set of exception numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Set([u32; 8]);

impl Set {
    /// Whether it contains `number`.
    #[inline]
    pub fn has(&self, number: u16) -> bool {
        self.0[(number / 32) as usize & 7] & (1 << (number % 32)) != 0
    }
    /// Adds or removes `number`.
    #[inline]
    pub fn put(&mut self, number: u16, present: bool) {
        let word = &mut self.0[(number / 32) as usize & 7];
        if present { *word |= 1 << (number % 32) } else { *word &= !(1 << (number % 32)) }
    }
    /// True for the empty set.
    pub fn is_empty(&self) -> bool {
        self.0 == [0; 8]
    }
    /// How many.
    pub fn count(&self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }
    /// Shows every member to `visit`, ascending. The sets are sparse and looked at between instructions: empty words cost one
    /// comparison.
    #[inline(always)]
    fn for_each(&self, mut visit: impl FnMut(u16)) {
        for (i, word) in (0u16..).zip(self.0) {
            let mut left = word;
            while left != 0 {
                visit(i * 32 + left.trailing_zeros() as u16);
                left &= left - 1;
            }
        }
    }
    /// Whether there is a member from `first` on.
    pub fn any_from(&self, first: u16) -> bool {
        let mut any = false;
        self.for_each(|number| any |= number >= first);
        any
    }
    /// Whether there is a member other than `number`.
    pub fn any_but(&self, number: u16) -> bool {
        let mut any = false;
        self.for_each(|other| any |= other != number);
        any
    }
    /// The 32 interrupts of NVIC register `index` (interrupt 32·index is bit 0).
    fn irq_word(&self, index: usize) -> u32 {
        let low = self.0.get(index).copied().unwrap_or(0) >> 16;
        let high = self.0.get(index + 1).copied().unwrap_or(0) << 16;
        low | high
    }
    fn change_irq_word(&mut self, index: usize, bits: u32, present: bool) {
        for (word, part) in [(index, bits << 16), (index + 1, bits >> 16)] {
            if let Some(word) = self.0.get_mut(word) {
                if present { *word |= part } else { *word &= !part }
            }
        }
    }
}

/// State of every exception.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Nvic {
    /// Waiting to be taken.
    pub pending: Set,
    /// Taken and not returned from (also when preempted).
    pub active: Set,
    /// What was pending when [`Nvic::newly_pending`] looked last.
    seen_pending: Set,
    enabled: Set,
    priority: [u8; 256],
    lines: IrqLines,
    /// AIRCR.PRIGROUP.
    pub prigroup: u8,
    /// Bits of a priority that exist (from the top).
    priority_mask: u8,
    irq_count: u32,
}

impl Nvic {
    /// After reset, for a core with `priority_bits` implemented bits and `irq_count` interrupts.
    pub fn new(priority_bits: u32, irq_count: u32) -> Nvic {
        let mut enabled = Set::default();
        for always in [2, 3, 11, 12, 14, 15] {
            enabled.put(always, true);
        }
        Nvic {
            pending: Set::default(),
            active: Set::default(),
            seen_pending: Set::default(),
            enabled,
            priority: [0; 256],
            lines: [0; 8],
            prigroup: 0,
            priority_mask: (0xFF00u32 >> priority_bits.min(8)) as u8,
            irq_count: irq_count.min(240),
        }
    }

    /// Whether an exception may be taken at all (the configurable faults: SHCSR).
    pub fn is_enabled(&self, number: u16) -> bool {
        self.enabled.has(number)
    }

    /// Enables or disables a system exception (SHCSR).
    pub fn enable_system(&mut self, number: u16, enabled: bool) {
        self.enabled.put(number, enabled);
    }

    /// Full priority of an exception: -2 and -1 for NMI and HardFault.
    pub fn priority(&self, number: u16) -> i16 {
        match number {
            0 => THREAD_PRIORITY,
            1 => -3,
            number::NMI => -2,
            number::HARD_FAULT => -1,
            _ => i16::from(self.priority[number as usize & 255]),
        }
    }

    /// The part of a priority that decides about preemption.
    pub fn group(&self, priority: i16) -> i16 {
        if (0..THREAD_PRIORITY).contains(&priority) {
            priority & !((2i16 << self.prigroup) - 1)
        } else {
            priority
        }
    }

    /// Priority of the running code, before PRIMASK and the like.
    pub fn active_priority(&self) -> i16 {
        let mut best = THREAD_PRIORITY;
        self.active.for_each(|number| best = best.min(self.priority(number)));
        self.group(best)
    }

    /// The pending and enabled exception that would be taken first: lowest priority value, then lowest number.
    pub fn candidate(&self) -> Option<u16> {
        let mut best = None;
        self.pending.for_each(|number| {
            let priority = self.priority(number);
            if self.enabled.has(number) && best.is_none_or(|(_, least)| priority < least) {
                best = Some((number, priority));
            }
        });
        best.map(|(number, _)| number)
    }

    /// Whether an exception, enabled or not, became pending since the last look (SCR.SEVONPEND makes that an event).
    pub fn newly_pending(&mut self) -> bool {
        let new = self.pending.0.iter().zip(&self.seen_pending.0).any(|(now, seen)| now & !seen != 0);
        self.seen_pending = self.pending;
        new
    }

    /// Interrupt lines as they are now: a high line pends its interrupt unless that one is active; a rising edge always.
    pub fn update_lines(&mut self, lines: &IrqLines) {
        if *lines == [0; 8] && self.lines == [0; 8] {
            return;
        }
        for (i, (now, before)) in lines.iter().zip(self.lines).enumerate() {
            let rising = now & !before;
            let asserted = now & !self.active.irq_word(i);
            self.pending.change_irq_word(i, rising | asserted, true);
        }
        self.lines = *lines;
    }

    fn irq_mask(&self, index: usize) -> u32 {
        let first = index as u32 * 32;
        if self.irq_count >= first + 32 {
            u32::MAX
        } else {
            (1u32 << self.irq_count.saturating_sub(first).min(31)) - 1
        }
    }

    /// Reads an NVIC register by its offset from 0xE000_E100 (word-aligned).
    pub fn read(&self, offset: u32) -> u32 {
        let index = (offset as usize % 0x80) / 4;
        match offset {
            0x000..=0x03C | 0x080..=0x0BC => self.enabled.irq_word(index),
            0x100..=0x13C | 0x180..=0x1BC => self.pending.irq_word(index),
            0x200..=0x23C => self.active.irq_word(index),
            0x300..=0x3EC => {
                let first = 16 + (offset - 0x300) as usize;
                u32::from_le_bytes(std::array::from_fn(|i| self.priority[(first + i) & 255]))
            }
            _ => 0,
        }
    }

    /// Writes an NVIC register by its offset from 0xE000_E100 (word-aligned).
    pub fn write(&mut self, offset: u32, value: u32) {
        let index = (offset as usize % 0x80) / 4;
        let bits = value & self.irq_mask(index);
        match offset {
            0x000..=0x03C => self.enabled.change_irq_word(index, bits, true),
            0x080..=0x0BC => self.enabled.change_irq_word(index, bits, false),
            0x100..=0x13C => self.pending.change_irq_word(index, bits, true),
            0x180..=0x1BC => self.pending.change_irq_word(index, bits, false),
            0x300..=0x3EC => {
                for (i, byte) in value.to_le_bytes().into_iter().enumerate() {
                    let irq = offset - 0x300 + i as u32;
                    if irq < self.irq_count {
                        self.priority[16 + irq as usize] = byte & self.priority_mask;
                    }
                }
            }
            _ => {}
        }
    }

    /// Priority byte of a system exception (SHPR).
    pub fn system_priority(&self, number: u16) -> u8 {
        self.priority[number as usize & 15]
    }

    /// Sets the priority byte of a system exception (4 to 15).
    pub fn set_system_priority(&mut self, number: u16, value: u8) {
        if matches!(number, 4..=6 | 11 | 12 | 14 | 15) {
            self.priority[number as usize] = value & self.priority_mask;
        }
    }

    /// The bits of a priority value that exist.
    pub fn priority_mask(&self) -> u8 {
        self.priority_mask
    }

    /// Number of interrupts that exist.
    pub fn irq_count(&self) -> u32 {
        self.irq_count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_priority_value_wins_then_the_lowest_number() {
        let mut nvic = Nvic::new(4, 150);
        nvic.write(0x000, 0b111);
        nvic.write(0x300, 0x0010_2030);
        nvic.write(0x100, 0b011);
        assert_eq!(nvic.candidate(), Some(17));
        nvic.write(0x300, 0x0010_1010);
        assert_eq!(nvic.candidate(), Some(16));
    }

    #[test]
    fn unimplemented_priority_bits_read_as_zero() {
        let mut nvic = Nvic::new(4, 150);
        nvic.write(0x300, 0xFFFF_FFFF);
        assert_eq!(nvic.read(0x300), 0xF0F0_F0F0);
        nvic.write(0x010, u32::MAX);
        assert_eq!(nvic.read(0x010), (1 << 22) - 1, "only interrupts 128 to 149 exist there");
    }

    #[test]
    fn a_high_line_pends_again_after_the_handler_returned() {
        let mut nvic = Nvic::new(4, 150);
        let lines = [1, 0, 0, 0, 0, 0, 0, 0];
        nvic.update_lines(&lines);
        assert!(nvic.pending.has(16));
        nvic.pending.put(16, false);
        nvic.active.put(16, true);
        nvic.update_lines(&lines);
        assert!(!nvic.pending.has(16));
        nvic.active.put(16, false);
        nvic.update_lines(&lines);
        assert!(nvic.pending.has(16));
    }
}
