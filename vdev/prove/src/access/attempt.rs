//! Trying one cell on a device that is in the cell's situation.

use ironroot_chip::flash::registers::{self as reg, cr, optcr, optsr, sr};
use ironroot_chip::map::FLASH_REGISTERS;
use ironroot_cpu::halting::dhcsr;
use ironroot_cpu::machine::Stop;
use ironroot_debug::port::Port;
use ironroot_layout::stm32h735::{BACKUP_SRAM, rss};

use super::cell::{Area, FLAGS, Key, Kind, Mode, Moment, OPTCHANGEERR, Outcome, Why};
use super::master::{By, Refused};
use super::probe::{Bench, Op};
use super::situation::{CONTENT, ERASED, PCROP, RSS_TARGET, SECURE_TARGET, USER_TARGET, is_alive};

/// What the attempt to write leaves.
const WRITTEN: u32 = 0x600D_CAFE;
const PWR_CR1: u32 = 0x5802_4800;
const DBP: u32 = 1 << 8;
/// Instructions within which a call reaches its target.
const CALL_STEPS: u32 = 100;
const DHCSR: u32 = 0xE000_EDF0;

/// Tries the cell `key`.
pub fn attempt(bench: &mut Bench, key: &Key) -> Outcome {
    if key.mode == Mode::Standard && key.area == Area::Secure {
        return Outcome::Impossible(Why::NoSuchArea);
    }
    let by = match key.kind {
        Kind::Execute | Kind::Read | Kind::Write => By::Core,
        Kind::DmaRead | Kind::DmaWrite => By::Dma,
        Kind::DebugRead | Kind::DebugWrite | Kind::DebugHalt => By::Debugger,
    };
    // A DMA controller does what code told it: without code there is none.
    if by != By::Debugger && !is_alive(bench) {
        return Outcome::Impossible(Why::NothingRuns);
    }
    clear_flags(bench);
    match key.kind {
        Kind::Execute => execute(bench, key),
        Kind::Read | Kind::DmaRead | Kind::DebugRead => read(bench, by, key.area),
        Kind::Write | Kind::DmaWrite | Kind::DebugWrite => match key.area {
            Area::Options => write_options(bench, by),
            Area::Backup => write_backup(bench, by),
            _ => program(bench, by, key),
        },
        Kind::DebugHalt => halt(bench, key),
    }
}

/// Flags of earlier accesses (those of the boot) are no part of this one.
fn clear_flags(bench: &mut Bench) {
    if bench.chip().flash().status() & sr::FLAGS != 0 {
        let _ = By::Core.write(bench, FLASH_REGISTERS + reg::CCR, sr::FLAGS);
    }
}

fn flags(bench: &mut Bench) -> u32 {
    bench.chip().flash().status() & FLAGS
}

/// Where the code to call and the word to read are.
fn content(area: Area) -> u32 {
    match area {
        Area::Pcrop => PCROP + CONTENT,
        Area::Secure => SECURE_TARGET + CONTENT,
        Area::User => USER_TARGET + CONTENT,
        Area::Rss => rss::RSS.start().value(),
        Area::Library => rss::TABLE.value(),
        Area::Bootloader => rss::BOOTLOADER.start().value(),
        Area::Options => FLASH_REGISTERS + reg::OPTSR_CUR,
        Area::Backup => BACKUP_SRAM.start().value() + CONTENT,
    }
}

fn code(bench: &Bench, key: &Key) -> u32 {
    match key.area {
        Area::Pcrop => PCROP,
        Area::Secure => SECURE_TARGET,
        Area::User => USER_TARGET,
        Area::Rss if key.moment == Moment::WhileRss => RSS_TARGET,
        Area::Rss => bench.peek(rss::RSS.start().value() + 4) & !1,
        Area::Library => bench.peek(rss::GET_VERSION.value()) & !1,
        Area::Bootloader => bench.peek(rss::BOOTLOADER.start().value() + 4) & !1,
        Area::Options => FLASH_REGISTERS + reg::OPTSR_CUR,
        Area::Backup => BACKUP_SRAM.start().value(),
    }
}

fn denied(bench: &mut Bench, refused: Refused) -> Outcome {
    match refused {
        Refused::Fault => Outcome::Fault(flags(bench)),
        Refused::Port => Outcome::PortClosed,
    }
}

fn read(bench: &mut Bench, by: By, area: Area) -> Outcome {
    let address = content(area);
    let expected = match area {
        Area::Options => bench.chip().options().optsr,
        _ => bench.peek(address),
    };
    match by.read(bench, address) {
        Ok(value) if value == expected && expected != 0 => match flags(bench) {
            0 => Outcome::Granted,
            unexpected => Outcome::Wrong(unexpected),
        },
        Ok(0) => Outcome::Zero(flags(bench)),
        Ok(value) => Outcome::Wrong(value),
        Err(refused) => denied(bench, refused),
    }
}

/// Calls code in the area, instruction by instruction: true once the first of it has been executed.
fn reaches(bench: &mut Bench, key: &Key) -> bool {
    let target = code(bench, key);
    bench.post(Op::Call, target | 1, 0, 0);
    for _ in 0..CALL_STEPS {
        let at = bench.machine.core.r[15];
        bench.machine.step();
        if at == target {
            // Either the instruction there has run, or its fetch has led into the fault handler.
            return bench.machine.core.ipsr == 0;
        }
    }
    false
}

fn execute(bench: &mut Bench, key: &Key) -> Outcome {
    if reaches(bench, key) { Outcome::Granted } else { Outcome::Fault(flags(bench)) }
}

/// The core executes in the area; then the debugger asks for a halt.
fn halt(bench: &mut Bench, key: &Key) -> Outcome {
    if bench.chip().debug_state().is_err() {
        return Outcome::PortClosed;
    }
    if !reaches(bench, key) {
        return Outcome::Impossible(Why::NotExecutable);
    }
    let before = bench.machine.core.r[15];
    let request = dhcsr::KEY << 16 | dhcsr::C_HALT | dhcsr::C_DEBUGEN;
    if Port::new(&mut bench.machine).write_word(DHCSR, request).is_err() {
        return Outcome::PortClosed;
    }
    // Halted means: here, before the next instruction. One that waits until the core has left the area is none.
    match bench.machine.step() {
        Stop::Halted if bench.machine.core.r[15] == before => Outcome::Granted,
        _ if bench.machine.core.ipsr == 0 => Outcome::Ignored(0),
        _ => Outcome::Fault(flags(bench)),
    }
}

fn write_backup(bench: &mut Bench, by: By) -> Outcome {
    let address = BACKUP_SRAM.start().value() + CONTENT;
    let before = bench.peek(address);
    let written = by
        .read(bench, PWR_CR1)
        .and_then(|value| by.write(bench, PWR_CR1, value | DBP))
        .and_then(|()| by.write(bench, address, WRITTEN));
    match written {
        Ok(()) => left(bench, address, before),
        Err(refused) => denied(bench, refused),
    }
}

fn left(bench: &mut Bench, address: u32, before: u32) -> Outcome {
    match bench.peek(address) {
        WRITTEN => Outcome::Granted,
        same if same == before => Outcome::Ignored(flags(bench)),
        other => Outcome::Wrong(other),
    }
}

/// The whole sequence: keys, PG, a flash word, the wait.
fn program(bench: &mut Bench, by: By, key: &Key) -> Outcome {
    let address = match key.area {
        Area::Pcrop => PCROP + ERASED,
        Area::Secure => SECURE_TARGET + ERASED,
        Area::User => USER_TARGET + ERASED,
        Area::Rss => rss::RSS.start().value() + 0x800,
        Area::Library => rss::LIBRARY.end().value() - 32,
        _ => rss::BOOTLOADER.end().value() - 32,
    };
    let before = bench.peek(address);
    let done = sequence(bench, by, address);
    bench.settle();
    match done {
        Ok(()) => left(bench, address, before),
        Err(refused) => denied(bench, refused),
    }
}

fn sequence(bench: &mut Bench, by: By, address: u32) -> Result<(), Refused> {
    if by.read(bench, FLASH_REGISTERS + reg::CR)? & cr::LOCK != 0 {
        by.write(bench, FLASH_REGISTERS + reg::KEYR, reg::KEY1)?;
        by.write(bench, FLASH_REGISTERS + reg::KEYR, reg::KEY2)?;
    }
    by.write(bench, FLASH_REGISTERS + reg::CR, cr::PG | 3 << cr::PSIZE_SHIFT)?;
    (0..8).try_for_each(|word| by.write(bench, address + 4 * word, WRITTEN))
}

/// Sector 7 becomes write-protected: the most harmless of all options.
fn write_options(bench: &mut Bench, by: By) -> Outcome {
    let before = bench.chip().options().wpsn;
    let wanted = before & !(1 << 7);
    let sequence = [
        (reg::OPTKEYR, reg::OPTKEY1),
        (reg::OPTKEYR, reg::OPTKEY2),
        (reg::WPSN_PRG, wanted),
        (reg::OPTCR, optcr::OPTSTART),
    ];
    let done =
        sequence.into_iter().try_for_each(|(offset, value)| by.write(bench, FLASH_REGISTERS + offset, value));
    bench.settle();
    let status = done.and_then(|()| by.read(bench, FLASH_REGISTERS + reg::OPTSR_CUR));
    let after = bench.chip().options().wpsn;
    match status {
        Ok(_) if after == wanted => Outcome::Granted,
        Ok(status) if after == before => {
            let refused = if status & optsr::OPTCHANGEERR != 0 { OPTCHANGEERR } else { 0 };
            Outcome::Ignored(flags(bench) | refused)
        }
        Ok(_) => Outcome::Wrong(after),
        Err(refused) => denied(bench, refused),
    }
}
