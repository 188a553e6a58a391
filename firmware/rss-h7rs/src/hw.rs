//! Registers that only system flash touches.

use ironroot_hal::sbs::UNLOCKED;
use ironroot_hal::scb::probe;
use ironroot_layout::stm32h7rs::chip::{
    AHB_SRAM1, AHB_SRAM2, AXI_SRAM, BACKUP_SRAM, DTCM, FLASH, ITCM, TCM_MAX, XSPI1, XSPI2,
};
use ironroot_layout::stm32h7rs::rsslib;
use ironroot_layout::stm32h7rs::state::Hdpl;
use ironroot_layout::{Address, Region, Size};

use crate::reg::{self, Ro, Rw, Wo};

const FLASH_BASE: u32 = 0x5200_2000;
const FLASH_SR: Ro = Ro::at(FLASH_BASE + 0x014);
const OPTKEYR: Wo = Wo::at(FLASH_BASE + 0x100);
const OPTCR: Rw = Rw::at(FLASH_BASE + 0x104);
const HDPSR: Ro = Ro::at(FLASH_BASE + 0x230);
/// Our model: erases all option-byte keys.
const OBKERASE: Wo = Wo::at(FLASH_BASE + 0x300);
/// Our model: what a reset tells RSS.
const BOOTPIN: Ro = Ro::at(FLASH_BASE + 0x304);
const WORKING: u32 = 0b111;
const OPTLOCK: u32 = 1 << 0;
const PG_OPT: u32 = 1 << 1;

const SBS: u32 = 0x5800_0400;
const BOOTSR: Wo = Wo::at(SBS);
const DBGCR: Wo = Wo::at(SBS + 0x020);
const DBGLOCKR: Wo = Wo::at(SBS + 0x024);
/// DBGCFG_LOCK: whatever is not [`UNLOCKED`] locks; this is what ST recommends.
const LOCK: u32 = 0xC3;

const IDCODE: Ro = Ro::at(0x5C00_1000);
const DBG_AUTH_HOST: Ro = Ro::at(0x5C00_1100);
const DBG_AUTH_DEV: Wo = Wo::at(0x5C00_1104);
const DBG_AUTH_ACK: Rw = Rw::at(0x5C00_1108);

const AHB4ENR: Rw = Rw::at(0x5802_4540);
const BKPRAMEN: u32 = 1 << 28;
const APB4ENR: Rw = Rw::at(0x5802_4554);
const SBSEN: u32 = 1 << 1;
const RTCAPBEN: u32 = 1 << 16;
const PWR_CR1: Rw = Rw::at(0x5802_4800);
const DBP: u32 = 1 << 8;
const BKP0R: u32 = 0x5800_4500;
const BKP31R: Rw = Rw::at(0x5800_457C);
const BACKUP_REGISTERS: u32 = 32;

const VTOR: Ro = Ro::at(crate::scb::VTOR);
const MPU_RNR: Wo = Wo::at(0xE000_ED98);
const MPU_RASR: Rw = Rw::at(0xE000_EDA0);
const SYST_CSR: Wo = Wo::at(0xE000_E010);
const ICSR: Wo = Wo::at(0xE000_ED04);
const ICER: u32 = 0xE000_E180;
const ICPR: u32 = 0xE000_E280;
/// 156 interrupt lines.
const NVIC_WORDS: u32 = 5;
const PENDING_CLEAR: u32 = 1 << 25 | 1 << 27;

/// Switches the clock of SBS on: without it no level can be read or raised.
#[inline(always)]
pub fn enable_sbs() {
    APB4ENR.modify(0, SBSEN);
    let _ = APB4ENR.read();
}

/// What a reset tells RSS.
#[derive(Clone, Copy)]
pub struct BootPin {
    /// BOOT0 was high.
    pub boot0: bool,
    /// The part has SAES, PKA and MCE, and with them STiRoT.
    pub crypto: bool,
}

/// Reads it; at HDPL 0 only.
pub fn boot_pin() -> BootPin {
    let bits = BOOTPIN.read();
    BootPin { boot0: bits & 1 != 0, crypto: bits & 4 != 0 }
}

/// Notes the vector table that is started.
pub fn set_boot_vectors(vectors: u32) {
    BOOTSR.write(vectors);
}

/// Erases the option-byte keys of all levels; at HDPL 0 only.
pub fn erase_keys() {
    while FLASH_SR.any(WORKING) {}
    if OPTCR.any(OPTLOCK) {
        OPTKEYR.write(0x0819_2A3B);
        OPTKEYR.write(0x4C5D_6E7F);
    }
    OPTCR.modify(0, PG_OPT);
    OBKERASE.write(1);
    while FLASH_SR.any(WORKING) {}
    OPTCR.modify(PG_OPT, 0);
    OPTCR.modify(0, OPTLOCK);
}

/// Opens the debug port until the next reset, from `level` on.
pub fn open_debug(level: Hdpl) {
    DBGCR.write(u32::from_le_bytes([UNLOCKED, UNLOCKED, level.bits(), 0]));
}

/// Until the next reset, nobody opens the debug port any more, or closes it.
pub fn lock_debug() {
    DBGLOCKR.write(LOCK);
}

/// DEV_ID of the chip.
pub fn device_id() -> u32 {
    IDCODE.read() & 0xFFF
}

/// The mailbox of debug authentication.
pub mod mailbox {
    use super::{DBG_AUTH_ACK, DBG_AUTH_DEV, DBG_AUTH_HOST};
    use ironroot_debug_auth::mailbox::{DEV_ACK, HOST_ACK};

    /// Looks at a host that says nothing before it is given up: some tenths of a second at 64 MHz.
    const PATIENCE: u32 = 2_000_000;

    /// The host's word, if one waits; it waits on.
    pub fn peek() -> Option<u32> {
        DBG_AUTH_ACK.any(DEV_ACK).then(|| DBG_AUTH_HOST.read())
    }

    /// Takes the host's next word; `None` if it does not come.
    pub fn receive() -> Option<u32> {
        let mut looks = 0;
        while !DBG_AUTH_ACK.any(DEV_ACK) {
            looks += 1;
            if looks > PATIENCE {
                return None;
            }
        }
        let word = DBG_AUTH_HOST.read();
        DBG_AUTH_ACK.modify(DEV_ACK, 0);
        Some(word)
    }

    /// Gives the host a word and waits until it took it; `None` if it does not.
    pub fn send(word: u32) -> Option<()> {
        DBG_AUTH_DEV.write(word);
        DBG_AUTH_ACK.modify(0, HOST_ACK);
        let mut looks = 0;
        while DBG_AUTH_ACK.any(HOST_ACK) {
            looks += 1;
            if looks > PATIENCE {
                DBG_AUTH_ACK.modify(HOST_ACK, 0);
                return None;
            }
        }
        Some(())
    }

    /// Leaves nothing in the mailbox.
    pub fn close() {
        DBG_AUTH_DEV.write(0);
        DBG_AUTH_ACK.modify(DEV_ACK | HOST_ACK, 0);
    }
}

/// Backup register 31, which survives a system reset.
pub fn backup() -> u32 {
    APB4ENR.modify(0, RTCAPBEN);
    let _ = APB4ENR.read();
    BKP31R.read()
}

/// Writes it.
pub fn set_backup(value: u32) {
    APB4ENR.modify(0, RTCAPBEN);
    PWR_CR1.modify(0, DBP);
    BKP31R.write(value);
    PWR_CR1.modify(DBP, 0);
    APB4ENR.modify(RTCAPBEN, 0);
}

/// Zeroes everything that keeps what an application left, but RAM of RSS itself: all other RAM, backup SRAM, backup registers.
///
/// Options and ECC take some of the RAM away, and give the TCMs some: all is tried, and what does not answer holds nothing.
pub fn wipe_memories() {
    let (itcm, dtcm) = (ITCM.start().value(), DTCM.start().value());
    APB4ENR.modify(0, RTCAPBEN);
    AHB4ENR.modify(0, BKPRAMEN);
    PWR_CR1.modify(0, DBP);
    for number in 0..BACKUP_REGISTERS {
        Wo::at(BKP0R + 4 * number).write(0);
    }
    for region in [
        Region::between(itcm, itcm + TCM_MAX.bytes()),
        Region::between(rsslib::RAM.end().value(), dtcm + TCM_MAX.bytes()),
        AXI_SRAM,
        AHB_SRAM1,
        AHB_SRAM2,
        BACKUP_SRAM,
    ] {
        let _ = probe(|| wipe(region));
    }
    PWR_CR1.modify(DBP, 0);
}

/// Zeroes a region, ITCM at address 0 too.
#[allow(unsafe_code)]
fn wipe(region: Region) {
    // SAFETY: the regions of `wipe_memories` leave out RAM of RSS, where all its objects and its stack are; the sequence uses no
    // stack.
    unsafe {
        core::arch::asm!(
            "2:",
            "cmp {start}, {end}",
            "bhs 3f",
            "str {zero}, [{start}], #4",
            "b 2b",
            "3:",
            start = inout(reg) region.start().value() => _,
            end = in(reg) region.end().value(),
            zero = in(reg) 0u32,
            options(nostack),
        )
    }
}

/// Where the vector table of the caller is: in the memory that it runs from.
pub fn vector_table() -> Address {
    Address::new(VTOR.read())
}

/// Switches MPU region `number` on as it is configured.
pub fn enable_mpu_region(number: u32) {
    MPU_RNR.write(number);
    MPU_RASR.modify(0, 1);
}

/// No SysTick and no interrupt of the last stage reaches into the next; the MPU stays.
pub fn quiet_interrupts() {
    SYST_CSR.write(0);
    ICSR.write(PENDING_CLEAR);
    for word in 0..NVIC_WORDS {
        Wo::at(ICER + 4 * word).write(u32::MAX);
        Wo::at(ICPR + 4 * word).write(u32::MAX);
    }
}

fn within(region: Region, place: Region) -> bool {
    region.contains_region(place)
}

/// Whether the `length` bytes at `address` are RAM in which a caller may have its arguments.
pub fn is_ram(address: u32, length: u32) -> bool {
    let Some(place) = Region::checked(Address::new(address), Size::new(length)) else { return false };
    within(DTCM, place) || within(AXI_SRAM, place) || within(AHB_SRAM1, place) || within(AHB_SRAM2, place)
}

/// A word of RAM or flash, read once; `None` if it is in neither or not aligned.
pub fn word(address: u32) -> Option<u32> {
    let place = Region::checked(Address::new(address), Size::new(4))?;
    let readable = address.is_multiple_of(4) && (is_ram(address, 4) || within(FLASH, place));
    readable.then(|| reg::read_argument(address))
}

/// Writes a word of RAM at the end of AXI SRAM3, where commands wait.
pub fn command_window() -> reg::RamWindow {
    reg::RamWindow::new(ironroot_layout::stm32h7rs::rsslib::COMMAND)
}

/// Whether the first words of a vector table look like stack pointer and entry rather than like erased memory.
pub fn is_entry(stack: u32, entry: u32) -> bool {
    stack.is_multiple_of(4) && stack != 0 && entry & 1 == 1 && entry != u32::MAX
}

/// Whether a vector table may be at `address`: in user flash, RAM, or external memory; what can be read without a fault looks like
/// one. `level` is the level at which it will be used: from 2 on the hidden area is none.
pub fn is_vectors(address: u32, level: Hdpl) -> bool {
    let place = Address::new(address);
    if !address.is_multiple_of(ironroot_layout::stm32h7rs::VECTOR_TABLE_ALIGNMENT.bytes()) {
        return false;
    }
    if XSPI1.contains(place) || XSPI2.contains(place) {
        return true;
    }
    if level >= Hdpl::Level2 && is_hidden(address) {
        return false;
    }
    match (word(address), word(address.wrapping_add(4))) {
        (Some(stack), Some(entry)) => is_entry(stack, entry),
        _ => false,
    }
}

/// Whether the address lies in the hidden area of user flash.
fn is_hidden(address: u32) -> bool {
    let bits = HDPSR.read();
    let (start, end) = (bits & 0xFF, bits >> 16 & 0xFF);
    let Some(offset) = address.checked_sub(FLASH.start().value()) else { return false };
    if offset >= FLASH.size().bytes() || end < start {
        return false;
    }
    let unit = offset / ironroot_layout::stm32h7rs::HIDE_PROTECTION_UNIT.bytes();
    start == end || (start..=end).contains(&unit)
}

/// UART4 as the bootloader uses it.
pub mod uart {
    use crate::reg::{Ro, Rw, Wo};

    const UART4: u32 = 0x4000_4C00;
    const CR1: Rw = Rw::at(UART4);
    const BRR: Wo = Wo::at(UART4 + 0x00C);
    const ISR: Ro = Ro::at(UART4 + 0x01C);
    const ICR: Wo = Wo::at(UART4 + 0x020);
    const RDR: Ro = Ro::at(UART4 + 0x024);
    const TDR: Wo = Wo::at(UART4 + 0x028);
    const CCIPR2: Rw = Rw::at(0x5802_4450);
    const APB1RSTR1: Rw = Rw::at(0x5802_4490);
    const APB1ENR1: Rw = Rw::at(0x5802_4548);
    const UART4EN: u32 = 1 << 19;

    const UE: u32 = 1 << 0;
    const RE: u32 = 1 << 2;
    const TE: u32 = 1 << 3;
    const RXNEIE: u32 = 1 << 5;
    /// Even parity in a ninth bit.
    const PCE: u32 = 1 << 10;
    const M0: u32 = 1 << 12;
    const FIFOEN: u32 = 1 << 29;
    const RXNE: u32 = 1 << 5;
    const TC: u32 = 1 << 6;
    const TXE: u32 = 1 << 7;
    /// Parity, framing, noise, overrun.
    const ERRORS: u32 = 0b1111;

    /// Its interrupt.
    pub const LINE: u32 = 85;

    /// Switches it on, fed by the internal oscillator.
    pub fn enable() {
        CCIPR2.modify(0b111, 3);
        APB1ENR1.modify(0, UART4EN);
        let _ = APB1ENR1.read();
    }

    /// Puts it back into its reset state and switches it off.
    pub fn disable() {
        APB1RSTR1.modify(0, UART4EN);
        APB1RSTR1.modify(UART4EN, 0);
        APB1ENR1.modify(UART4EN, 0);
        CCIPR2.modify(0b111, 0);
    }

    /// Bit rate and frame.
    pub fn configure(clock: u32, baud: u32) {
        CR1.write(0);
        BRR.write((clock + baud / 2) / baud);
        CR1.write(UE | RE | TE | PCE | M0 | FIFOEN | RXNEIE);
    }

    /// The next byte, if one has come.
    pub fn take() -> Option<u8> {
        if ISR.any(ERRORS) {
            ICR.write(ERRORS);
        }
        if ISR.any(RXNE) { Some(RDR.read() as u8) } else { None }
    }

    /// Sends a byte.
    pub fn put(byte: u8) {
        while !ISR.any(TXE) {}
        TDR.write(u32::from(byte));
    }

    /// Waits until everything has left.
    pub fn flush() {
        while !ISR.any(TC) {}
    }
}

/// Memory as a host on the other end of a cable names it. Which of it may be touched, the caller has decided; a bus that refuses ends in
/// `None` and not in a fault.
#[allow(unsafe_code)]
pub mod host {
    use crate::reg;
    use ironroot_hal::flash;
    use ironroot_hal::scb;

    /// The right to touch memory that a host names.
    pub struct HostMemory(());

    impl HostMemory {
        /// The right. The bootloader has stack and objects in `rsslib::RAM`, which its table of what a host may write leaves out.
        pub const fn claim() -> Self {
            HostMemory(())
        }

        /// Reads memory; `None` if the bus refuses, or flash does not give the true content.
        pub fn read(&self, address: u32, into: &mut [u8]) -> Option<()> {
            flash::clear_errors();
            scb::probe(|| {
                let (mut at, mut word) = (address, reg::read_any(address));
                for byte in into.iter_mut() {
                    if at.is_multiple_of(4) {
                        word = reg::read_any(at);
                    }
                    *byte = (word >> (8 * (at & 3))) as u8;
                    at = at.wrapping_add(1);
                }
            })?;
            if flash::errors() == 0 { Some(()) } else { None }
        }

        /// Writes RAM; `None` if it does not read back.
        pub fn write(&mut self, address: u32, bytes: &[u8]) -> Option<()> {
            let mut at = address;
            let mut same = true;
            for byte in bytes {
                // SAFETY: RAM in which no Rust object lies: see `claim`.
                unsafe { reg::write_byte(at, *byte) }
                let word = scb::probe(|| reg::read_any(at))?;
                same &= (word >> (8 * (at & 3))) as u8 == *byte;
                at = at.wrapping_add(1);
            }
            if same { Some(()) } else { None }
        }
    }
}

/// The address of words that a service reads.
pub fn address_of<const N: usize>(words: &[u32; N]) -> u32 {
    core::ptr::from_ref(words).expose_provenance() as u32
}
