//! A USART, UART or LPUART (register layout v4): both directions take the time that their baud rate says, in virtual time.
//!
//! The host's end of the cable is two queues. Bytes that the host sends wait in the cable until the receiver is switched
//! on; from then on they arrive one frame after another, and overrun if software is late, as on silicon.

use std::collections::VecDeque;

use super::clocks::UsartClock;
use super::registers::{Register, Registers, Written, register};

const CR1: u32 = 0x000;
const CR3: u32 = 0x008;
const CR2: u32 = 0x004;
const BRR: u32 = 0x00C;
const RQR: u32 = 0x018;
const ISR: u32 = 0x01C;
const ICR: u32 = 0x020;
/// Receive data.
pub const RDR: u32 = 0x024;
const TDR: u32 = 0x028;
const PRESC: u32 = 0x02C;

const UE: u32 = 1 << 0;
const RE: u32 = 1 << 2;
const TE: u32 = 1 << 3;
const PCE: u32 = 1 << 10;
const M0: u32 = 1 << 12;
const OVER8: u32 = 1 << 15;
const M1: u32 = 1 << 28;
const FIFOEN: u32 = 1 << 29;
const OVRDIS: u32 = 1 << 12;

/// Flags of ISR that stay until cleared through ICR.
const ORE: u32 = 1 << 3;
const IDLE: u32 = 1 << 4;
const TC: u32 = 1 << 6;
/// ISR bits that follow the state.
const RXNE: u32 = 1 << 5;
const TXE: u32 = 1 << 7;
const BUSY: u32 = 1 << 16;
const TEACK: u32 = 1 << 21;
const REACK: u32 = 1 << 22;
const TXFE: u32 = 1 << 23;
const RXFF: u32 = 1 << 24;
const RXFT: u32 = 1 << 26;
const TXFT: u32 = 1 << 27;

/// Depth of each FIFO.
const DEPTH: usize = 16;

#[rustfmt::skip]
const TABLE: &[Register] = &[
    register(0x000, "CR1", 0, u32::MAX),
    register(0x004, "CR2", 0, 0xFFFF_FF79),
    register(0x008, "CR3", 0, 0xFFFE_FFFF),
    register(0x00C, "BRR", 0, 0x000F_FFFF),
    register(0x010, "GTPR", 0, 0xFFFF),
    register(0x014, "RTOR", 0, u32::MAX),
    register(0x018, "RQR", 0, 0),
    register(0x01C, "ISR", 0, 0),
    register(0x020, "ICR", 0, 0),
    register(0x024, "RDR", 0, 0),
    register(0x028, "TDR", 0, 0),
    register(0x02C, "PRESC", 0, 0xF),
];

/// (interrupt enable bit in CR1, flags in ISR that it lets through).
const CR1_INTERRUPTS: [(u32, u32); 6] =
    [(4, IDLE), (5, RXNE | ORE), (6, TC), (7, TXE), (30, TXFE), (31, RXFF)];
/// The same for CR3.
const CR3_INTERRUPTS: [(u32, u32); 3] = [(0, ORE), (23, TXFT), (28, RXFT)];

/// One line of the table of instances.
#[derive(Clone, Copy, Debug)]
pub struct Instance {
    /// Name in the manual.
    pub name: &'static str,
    /// Number by which the host knows it: n of USARTn or UARTn; 0 for LPUART1.
    pub number: u8,
    /// NVIC line.
    pub line: u8,
    /// Kernel clock selector.
    pub clock: UsartClock,
}

/// All instances. Their index is how the chip refers to them.
pub const INSTANCES: [Instance; 11] = [
    Instance { name: "USART1", number: 1, line: 37, clock: UsartClock::Usart16910 },
    Instance { name: "USART2", number: 2, line: 38, clock: UsartClock::Usart28 },
    Instance { name: "USART3", number: 3, line: 39, clock: UsartClock::Usart28 },
    Instance { name: "UART4", number: 4, line: 52, clock: UsartClock::Usart28 },
    Instance { name: "UART5", number: 5, line: 53, clock: UsartClock::Usart28 },
    Instance { name: "USART6", number: 6, line: 71, clock: UsartClock::Usart16910 },
    Instance { name: "UART7", number: 7, line: 82, clock: UsartClock::Usart28 },
    Instance { name: "UART8", number: 8, line: 83, clock: UsartClock::Usart28 },
    Instance { name: "UART9", number: 9, line: 155, clock: UsartClock::Usart16910 },
    Instance { name: "USART10", number: 10, line: 156, clock: UsartClock::Usart16910 },
    Instance { name: "LPUART1", number: 0, line: 142, clock: UsartClock::Lpuart1 },
];

/// Frequencies that a USART's timing follows from.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// Hz of the core: virtual time.
    pub core: u64,
    /// Hz of this USART's kernel clock; 0 when it stands.
    pub kernel: u64,
}

/// One instance.
#[derive(Clone, Debug, Hash)]
pub struct Usart {
    low_power: bool,
    registers: Registers,
    sticky: u32,
    transmit: VecDeque<u16>,
    /// What is on the wire and when its stop bit ends.
    sending: Option<(u16, u64)>,
    receive: VecDeque<u16>,
    cable: VecDeque<u8>,
    /// When the next byte of the cable has arrived.
    arrival: Option<u64>,
    idle_at: Option<u64>,
    output: Output,
}

/// What the host has not yet taken. It cannot influence the device, so it is no part of its state.
#[derive(Clone, Debug, Default)]
struct Output(Vec<u8>);

impl std::hash::Hash for Output {
    fn hash<H: std::hash::Hasher>(&self, _: &mut H) {}
}

impl Usart {
    /// An instance in reset state.
    pub fn new(instance: &Instance) -> Self {
        Self::with_kind(instance.clock == UsartClock::Lpuart1)
    }

    /// A USART or UART, or (`low_power`) an LPUART of whatever part, in reset state.
    pub fn with_kind(low_power: bool) -> Self {
        Usart {
            low_power,
            registers: Registers::new(TABLE),
            sticky: TC,
            transmit: VecDeque::new(),
            sending: None,
            receive: VecDeque::new(),
            cable: VecDeque::new(),
            arrival: None,
            idle_at: None,
            output: Output::default(),
        }
    }

    /// Reset state. What was sent has been sent; what the host has sent waits in the cable.
    pub fn reset(&mut self) {
        self.registers.reset();
        self.sticky = TC;
        self.transmit.clear();
        self.sending = None;
        self.receive.clear();
        self.arrival = None;
        self.idle_at = None;
    }

    /// What was transmitted since the last call.
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output.0)
    }

    /// The host sends.
    pub fn feed(&mut self, bytes: &[u8], now: u64, timing: Timing) {
        self.cable.extend(bytes);
        self.start_arrival(now, timing);
    }

    fn cr1(&self) -> u32 {
        self.registers.get(CR1)
    }

    fn on(&self, direction: u32) -> bool {
        self.cr1() & (UE | direction) == UE | direction
    }

    fn depth(&self) -> usize {
        if self.cr1() & FIFOEN != 0 { DEPTH } else { 1 }
    }

    /// Data bits of a frame without parity.
    fn data_mask(&self) -> u16 {
        let word = match self.cr1() & (M0 | M1) {
            0 => 8,
            M0 => 9,
            _ => 7,
        };
        let data = if self.cr1() & PCE != 0 { word - 1 } else { word };
        (1 << data) - 1
    }

    /// Core cycles of one frame; `None` when no clock or divider is set.
    fn frame(&self, timing: Timing) -> Option<u64> {
        let word = match self.cr1() & (M0 | M1) {
            0 => 8,
            M0 => 9,
            _ => 7,
        };
        let stop_halves = match self.registers.get(CR2) >> 12 & 3 {
            0 => 2,
            1 => 1,
            2 => 4,
            _ => 3,
        };
        let half_bits: u128 = 2 * (1 + word) + stop_halves;
        let brr = self.registers.get(BRR);
        let (divider, factor) = match (self.low_power, self.cr1() & OVER8 != 0) {
            (true, _) => (brr, 256),
            (false, true) => (brr & 0xFFF0 | (brr & 7) << 1, 2),
            (false, false) => (brr & 0xFFFF, 1),
        };
        let prescaler: u128 = match self.registers.get(PRESC) {
            0 => 1,
            value @ 1..=6 => 2 * u128::from(value),
            value => 16 << (value.min(11) - 7),
        };
        let denominator = 2 * factor * u128::from(timing.kernel);
        if divider == 0 || denominator == 0 {
            return None;
        }
        let cycles = half_bits * u128::from(divider) * prescaler * u128::from(timing.core) / denominator;
        Some(u64::try_from(cycles).unwrap_or(u64::MAX / 2).max(1))
    }

    fn start_sending(&mut self, at: u64, timing: Timing) {
        if self.sending.is_some() || !self.on(TE) {
            return;
        }
        let Some(frame) = self.frame(timing) else { return };
        if let Some(data) = self.transmit.pop_front() {
            self.sending = Some((data, at.saturating_add(frame)));
        }
    }

    fn start_arrival(&mut self, at: u64, timing: Timing) {
        if self.arrival.is_none()
            && self.on(RE)
            && !self.cable.is_empty()
            && let Some(frame) = self.frame(timing)
        {
            self.arrival = Some(at.saturating_add(frame));
            self.idle_at = None;
        }
    }

    /// Virtual time of the next thing that happens by itself; `u64::MAX` for never.
    pub fn next_event(&self) -> u64 {
        let sent = self.sending.map_or(u64::MAX, |(_, end)| end);
        sent.min(self.arrival.unwrap_or(u64::MAX)).min(self.idle_at.unwrap_or(u64::MAX))
    }

    /// Everything that is due at or before `now`.
    pub fn advance(&mut self, now: u64, timing: Timing) {
        while let Some((data, end)) = self.sending
            && end <= now
        {
            self.sending = None;
            // The host's cable carries bytes: a ninth data bit is not seen there.
            self.output.0.push((data & self.data_mask()) as u8);
            self.start_sending(end, timing);
            if self.sending.is_none() && self.transmit.is_empty() {
                self.sticky |= TC;
            }
        }
        while let Some(at) = self.arrival
            && at <= now
        {
            self.arrival = None;
            if let Some(byte) = self.cable.pop_front() {
                self.arrive(u16::from(byte) & self.data_mask());
            }
            self.start_arrival(at, timing);
            if self.arrival.is_none() {
                self.idle_at = self.frame(timing).map(|frame| at.saturating_add(frame));
            }
        }
        if self.idle_at.is_some_and(|at| at <= now) {
            self.idle_at = None;
            self.sticky |= IDLE;
        }
    }

    fn arrive(&mut self, data: u16) {
        if self.receive.len() < self.depth() {
            self.receive.push_back(data);
        } else if self.registers.get(CR3) & OVRDIS != 0 {
            self.receive.pop_back();
            self.receive.push_back(data);
        } else {
            self.sticky |= ORE;
        }
    }

    fn isr(&self) -> u32 {
        let fifo = self.cr1() & FIFOEN != 0;
        let cr3 = self.registers.get(CR3);
        let free = DEPTH - self.transmit.len().min(DEPTH);
        let bit = |condition: bool, flag: u32| if condition { flag } else { 0 };
        self.sticky
            | bit(!self.receive.is_empty(), RXNE)
            | bit(self.transmit.len() < self.depth(), TXE)
            | bit(self.arrival.is_some(), BUSY)
            | bit(self.on(TE), TEACK)
            | bit(self.on(RE), REACK)
            | bit(fifo && self.transmit.is_empty(), TXFE)
            | bit(fifo && self.receive.len() == DEPTH, RXFF)
            | bit(fifo && self.receive.len() >= threshold(cr3 >> 25), RXFT)
            | bit(fifo && free >= threshold(cr3 >> 29), TXFT)
    }

    /// State of the interrupt line.
    pub fn raised(&self) -> bool {
        if !self.on(0) {
            return false;
        }
        let isr = self.isr();
        let any = |register: u32, table: &[(u32, u32)]| {
            table.iter().any(|&(enable, flags)| register >> enable & 1 != 0 && isr & flags != 0)
        };
        any(self.cr1(), &CR1_INTERRUPTS) || any(self.registers.get(CR3), &CR3_INTERRUPTS)
    }

    /// A register's value. Reading RDR takes a byte out of the FIFO.
    pub fn read(&mut self, offset: u32) -> Option<u32> {
        match offset {
            ISR => Some(self.isr()),
            RDR => Some(self.receive.pop_front().map_or(0, u32::from)),
            _ => self.registers.read(offset),
        }
    }

    /// Writes a register.
    pub fn write(&mut self, offset: u32, written: Written, now: u64, timing: Timing) -> bool {
        match offset {
            TDR => {
                if self.transmit.len() == self.depth() {
                    // A write to a full transmitter replaces the last data.
                    self.transmit.pop_back();
                }
                self.transmit.push_back((written.value & 0x1FF) as u16);
                self.sticky &= !TC;
            }
            ICR => self.sticky &= !written.value,
            RQR => {
                if written.value & 1 << 3 != 0 {
                    self.receive.clear();
                }
                if written.value & 1 << 4 != 0 {
                    self.transmit.clear();
                }
            }
            _ if !self.registers.write(offset, written) => return false,
            CR1 if !self.on(0) => {
                // UE = 0 stops and empties both directions at once.
                self.transmit.clear();
                self.sending = None;
                self.receive.clear();
                self.arrival = None;
                self.idle_at = None;
                self.sticky = TC;
            }
            _ => {}
        }
        if !self.on(RE) {
            self.arrival = None;
        }
        self.start_sending(now, timing);
        self.start_arrival(now, timing);
        true
    }
}

/// Number of entries that a FIFO threshold field stands for.
const fn threshold(field: u32) -> usize {
    match field & 7 {
        0 => 2,
        1 => 4,
        2 => 8,
        3 => 12,
        4 => 14,
        _ => 16,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMING: Timing = Timing { core: 64_000_000, kernel: 64_000_000 };

    fn usart(cr1: u32) -> Usart {
        let mut usart = Usart::new(&INSTANCES[2]);
        usart.write(BRR, Written::word(556), 0, TIMING);
        usart.write(CR1, Written::word(cr1), 0, TIMING);
        usart
    }

    #[test]
    fn a_byte_takes_ten_bit_times() {
        let mut usart = usart(UE | TE);
        usart.write(TDR, Written::word(0x41), 1000, TIMING);
        assert_eq!(usart.next_event(), 1000 + 5560);
        assert_eq!(usart.read(ISR).map(|isr| isr & (TC | TXE)), Some(TXE));
        usart.advance(6559, TIMING);
        assert!(usart.take_output().is_empty());
        usart.advance(6560, TIMING);
        assert_eq!(usart.take_output(), b"A");
        assert_eq!(usart.read(ISR).map(|isr| isr & TC), Some(TC));
    }

    #[test]
    fn transmit_data_register_holds_one_byte_beside_the_shift_register() {
        let mut usart = usart(UE | TE);
        for byte in *b"AB" {
            usart.write(TDR, Written::word(u32::from(byte)), 0, TIMING);
        }
        assert_eq!(usart.read(ISR).map(|isr| isr & TXE), Some(0));
        usart.advance(u64::MAX - 1, TIMING);
        assert_eq!(usart.take_output(), b"AB");
    }

    #[test]
    fn received_bytes_arrive_in_time_and_overrun() {
        let mut usart = usart(UE | RE | 1 << 5);
        usart.feed(b"xy", 0, TIMING);
        usart.advance(5560, TIMING);
        assert!(usart.raised());
        assert_eq!(usart.read(ISR).map(|isr| isr & (RXNE | ORE)), Some(RXNE));
        usart.advance(11120, TIMING);
        assert_eq!(usart.read(ISR).map(|isr| isr & (RXNE | ORE)), Some(RXNE | ORE));
        assert_eq!(usart.read(RDR), Some(u32::from(b'x')));
        usart.write(ICR, Written::word(ORE), 11120, TIMING);
        assert!(!usart.raised());
        usart.advance(11120 + 5560, TIMING);
        assert_eq!(usart.read(ISR).map(|isr| isr & IDLE), Some(IDLE));
    }

    #[test]
    fn even_parity_takes_a_ninth_bit_and_leaves_eight_data_bits() {
        let mut usart = usart(UE | TE | PCE | M0);
        usart.write(TDR, Written::word(0xC3), 0, TIMING);
        assert_eq!(usart.next_event(), 556 * 11);
        usart.advance(556 * 11, TIMING);
        assert_eq!(usart.take_output(), [0xC3]);
    }

    #[test]
    fn the_cable_waits_for_the_receiver() {
        let mut usart = usart(UE | TE);
        usart.feed(b"z", 0, TIMING);
        usart.advance(1_000_000, TIMING);
        usart.write(CR1, Written::word(UE | RE), 1_000_000, TIMING);
        usart.advance(1_005_560, TIMING);
        assert_eq!(usart.read(RDR), Some(u32::from(b'z')));
    }

    #[test]
    fn no_divider_means_no_transmission() {
        let mut usart = Usart::new(&INSTANCES[0]);
        usart.write(CR1, Written::word(UE | TE), 0, TIMING);
        usart.write(TDR, Written::word(1), 0, TIMING);
        assert_eq!(usart.next_event(), u64::MAX);
    }
}
