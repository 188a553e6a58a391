//! The board's bus: three memories, a UART to write to, and device space that reads as zero.

use std::hash::Hasher;

use ironroot_cpu::bus::{Access, Bus, BusFault, IrqLines, Kind, Request, Size};
use ironroot_cpu::memory::Memory;
use ironroot_cpu::scs::CoreConfig;

/// Bytes of ZBT SSRAM 1, at address 0: code. It is seen a second time right behind itself.
pub const CODE_SIZE: u32 = 4 << 20;
/// First address of ZBT SSRAM 2 and 3: data.
pub const DATA_BASE: u32 = 0x2000_0000;
/// Bytes of ZBT SSRAM 2 and 3 together. They are seen a second time right behind themselves.
pub const DATA_SIZE: u32 = 4 << 20;
/// First address of the PSRAM.
pub const PSRAM_BASE: u32 = 0x6000_0000;
/// Bytes of PSRAM.
pub const PSRAM_SIZE: u32 = 16 << 20;
/// CMSDK UART 0.
pub const UART0: u32 = 0x4000_4000;

/// Text kept at most: a program that prints for ever must not eat the host's memory.
const MAX_OUTPUT: usize = 1 << 20;

/// Ranges (first, last) without a device model behind them: QEMU's machine reads zeros there and drops writes.
const SILENT: &[(u32, u32)] = &[
    (0x0080_0000, 0x1FFF_FFFF),
    (0x2080_0000, 0x21FF_FFFF),
    (0x4000_0000, 0x401F_FFFF),
    (0x4100_0000, 0x411F_FFFF),
];

/// The board.
#[derive(Clone)]
pub struct Mps2An500 {
    memory: Memory,
    /// Bytes of each memory (code, data, PSRAM); smaller ones leave the rest of their window without a memory.
    sizes: [u32; 3],
    lines: IrqLines,
    uart_control: u32,
    uart_divider: u32,
    output: Vec<u8>,
}

impl Mps2An500 {
    /// The board with all of its memory.
    pub fn new() -> Mps2An500 {
        Mps2An500::with_sizes(CODE_SIZE, DATA_SIZE, PSRAM_SIZE)
    }

    /// The board with less memory (bytes, multiples of 4 KiB, at most the real sizes), for runs that hash or copy all of it.
    pub fn with_sizes(code: u32, data: u32, psram: u32) -> Mps2An500 {
        let sizes =
            [code.min(CODE_SIZE), data.min(DATA_SIZE), psram.min(PSRAM_SIZE)].map(|size| size & !0xFFF);
        let total = sizes.iter().map(|&size| size as usize).sum();
        Mps2An500 {
            memory: Memory::new(total),
            sizes,
            lines: [0; 8],
            uart_control: 0,
            uart_divider: 0,
            output: Vec::new(),
        }
    }

    /// What the program wrote to UART 0, the ITM and the semihosting console.
    pub fn output(&self) -> &[u8] {
        &self.output
    }

    /// Sets the level of interrupt line `line` (0 to 31).
    pub fn set_line(&mut self, line: u32, high: bool) {
        let bit = 1 << (line & 31);
        if high { self.lines[0] |= bit } else { self.lines[0] &= !bit }
    }

    /// Offset in the arena of the byte at `address`, if there is memory.
    pub fn offset_of(&self, address: u32) -> Option<u32> {
        let [code, data, psram] = self.sizes;
        let (window, size, start) = match address {
            0x0000_0000..=0x007F_FFFF => (address % CODE_SIZE, code, 0),
            0x2000_0000..=0x207F_FFFF => ((address - DATA_BASE) % DATA_SIZE, data, code),
            0x6000_0000..=0x60FF_FFFF => (address - PSRAM_BASE, psram, code + data),
            _ => return None,
        };
        (window < size).then_some(start + window)
    }

    /// Bytes at an address, for the host. Empty where there is no memory.
    pub fn bytes_at(&self, address: u32, length: usize) -> &[u8] {
        self.offset_of(address).map_or(&[], |offset| self.memory.slice(offset, length))
    }

    /// Puts bytes at an address, for the host. False where there is no memory.
    pub fn put(&mut self, address: u32, bytes: &[u8]) -> bool {
        let Some(offset) = self.offset_of(address) else { return false };
        self.memory.write_bytes(offset, bytes);
        true
    }

    fn print(&mut self, text: &[u8]) {
        let room = MAX_OUTPUT.saturating_sub(self.output.len());
        self.output.extend_from_slice(&text[..text.len().min(room)]);
    }
}

impl Default for Mps2An500 {
    fn default() -> Self {
        Mps2An500::new()
    }
}

impl Bus for Mps2An500 {
    fn memory(&self) -> &Memory {
        &self.memory
    }
    fn memory_mut(&mut self) -> &mut Memory {
        &mut self.memory
    }

    fn map(&mut self, address: u32, _access: Access) -> Option<u32> {
        self.offset_of(address & !0x3FF)
    }

    fn read(&mut self, address: u32, access: Access) -> Result<u32, BusFault> {
        if let Some(offset) = self.offset_of(address) {
            return Ok(self.memory.read(offset, access.size));
        }
        if !SILENT.iter().any(|&(first, last)| (first..=last).contains(&address)) {
            return Err(BusFault);
        }
        if access.kind == Kind::Fetch {
            // QEMU's core executes what an unimplemented device reads as; no bus would serve that.
            return Err(BusFault);
        }
        Ok(match address & !3 {
            a if a == UART0 + 8 => self.uart_control,
            a if a == UART0 + 16 => self.uart_divider,
            _ => 0,
        } >> (8 * (address & 3))
            & access.size.mask())
    }

    fn write(&mut self, address: u32, value: u32, access: Access) -> Result<(), BusFault> {
        if let Some(offset) = self.offset_of(address) {
            self.memory.write(offset, value, access.size);
            return Ok(());
        }
        if !SILENT.iter().any(|&(first, last)| (first..=last).contains(&address)) {
            return Err(BusFault);
        }
        match (address, access.size) {
            (UART0, _) if self.uart_control & 1 != 0 => self.print(&[value as u8]),
            (a, Size::Word) if a == UART0 + 8 => self.uart_control = value & 0x7F,
            (a, Size::Word) if a == UART0 + 16 => self.uart_divider = value & 0xF_FFFF,
            _ => {}
        }
        Ok(())
    }

    fn epoch(&self) -> u32 {
        0
    }

    fn irq_lines(&self) -> &IrqLines {
        &self.lines
    }

    fn next_event(&self) -> u64 {
        u64::MAX
    }

    fn advance(&mut self, _now: u64) {}

    fn take_request(&mut self) -> Option<Request> {
        None
    }

    fn system_reset(&mut self, _now: u64) {
        (self.uart_control, self.uart_divider) = (0, 0);
    }

    fn reset_vector_base(&self) -> u32 {
        0
    }

    fn core_config(&self) -> CoreConfig {
        // As QEMU's cortex-m7 on this machine answers: r1p2, all eight priority bits, 32 interrupts, and a reference clock of
        // 1 MHz beside 25 MHz.
        CoreConfig { cpuid: 0x411F_C272, priority_bits: 8, irq_count: 32, systick_divider: 25 }
    }

    fn console(&mut self, text: &[u8]) {
        self.print(text);
    }

    fn hash_state(&self, hasher: &mut dyn Hasher) {
        for line in self.lines {
            hasher.write_u32(line);
        }
        hasher.write_u32(self.uart_control);
        hasher.write_u32(self.uart_divider);
        hasher.write(&self.output);
    }
}
