//! Devices brought to each moment through their real boot flow.
//!
//! The probe is secure user software (sector 0) and application (sector 1). It sets SECURITY and the execute-only area
//! through the option registers, asks the real RSS for its secure area, sets the readout protection, and leaves through the
//! real exit service; the host only switches power and connects the debugger. For the moment in which only RSS itself runs
//! the probe takes its place in system flash, with the rest of our ROM around it.

use ironroot_chip::flash::registers::optsr::SECURITY;
use std::collections::BTreeMap;
use std::fmt;

use ironroot_chip::flash::options::{is_valid, touches_sector};
use ironroot_chip::flash::registers::{self as reg, optcr, optsr};
use ironroot_chip::map::FLASH_REGISTERS;
use ironroot_chip::{Board, OptionBytes, RomImage, Stm32h735};
use ironroot_cpu::snapshot::Snapshot;
use ironroot_layout::stm32h735::rss;

use super::cell::{Level, Mode, Moment, Why};
use super::probe::{ARGUMENTS, Answer, Bench, Op, image};

/// The secure user software: sector 0.
pub const SECURE_PROBE: u32 = 0x0800_0000;
/// The application: sector 1.
pub const APPLICATION: u32 = 0x0802_0000;
/// Something in the secure area to read and to execute.
pub const SECURE_TARGET: u32 = 0x0801_0000;
/// Something in plain user flash.
pub const USER_TARGET: u32 = 0x0802_8000;
/// The execute-only area: 1 KB at the start of sector 2.
pub const PCROP: u32 = 0x0804_0000;
/// Something in RSS, where the probe takes its place.
pub const RSS_TARGET: u32 = rss::RSS.start().value() + 0x400;
/// Where the application goes on in RAM, which no intrusion closes.
const RAM_PROBE: u32 = 0x3000_0000;
/// PRAR of the execute-only area.
const PRAR: u32 = ((PCROP - SECURE_PROBE) / 256) | (((PCROP - SECURE_PROBE) / 256 + 3) << 16);

/// What a readable word of a target is: at [`CONTENT`] behind its start.
pub const MARKER: u32 = 0x5EC2_E7A5;
/// Offset of the marker in a target.
pub const CONTENT: u32 = 0x40;
/// Offset of a flash word in a target that is still erased.
pub const ERASED: u32 = 0x100;

/// `movs r0, #0x5A; bx lr` and the marker.
pub fn target() -> Vec<u8> {
    let mut bytes = vec![0x5A, 0x20, 0x70, 0x47];
    bytes.resize(CONTENT as usize, 0);
    for _ in 0..8 {
        bytes.extend_from_slice(&MARKER.to_le_bytes());
    }
    bytes
}

/// A device did not come to the moment that was to be looked at. Nothing is proved then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(pub String);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

fn failed<T>(what: impl Into<String>) -> Result<T, Error> {
    Err(Error(what.into()))
}

/// Mode, level and moment.
pub type Place = (Mode, Level, Moment);

/// A device at a moment, ready to be tried again and again.
struct Current {
    place: Place,
    bench: Bench,
    snapshot: Snapshot<Stm32h735>,
}

/// Makes devices of all situations.
pub struct Situations {
    rom: RomImage,
    stand_in: RomImage,
    boards: BTreeMap<(Mode, Level), Board>,
    current: Option<Result<Current, (Place, Why)>>,
}

impl Situations {
    /// Devices with `rom` as their system flash.
    pub fn new(rom: &RomImage) -> Result<Self, Error> {
        if !rom.has_rss() {
            return failed("the system flash image has no RSS");
        }
        let inside = |address| rss::RSS.contains(ironroot_layout::Address::new(address));
        let others = rom.segments().iter().filter(|segment| !inside(segment.address));
        let others = others.map(|segment| (segment.address, segment.bytes.clone()));
        let probe = [(rss::RSS.start().value(), image(rss::RSS.start().value())), (RSS_TARGET, target())];
        let stand_in =
            RomImage::from_segments(others.chain(probe)).map_err(|error| Error(error.to_string()))?;
        Ok(Situations { rom: rom.clone(), stand_in, boards: BTreeMap::new(), current: None })
    }

    /// A device in the situation, or why there is none.
    pub fn at(&mut self, place: Place) -> Result<Result<Bench, Why>, Error> {
        let known = match &self.current {
            Some(Ok(current)) => current.place == place,
            Some(Err((there, _))) => *there == place,
            None => false,
        };
        if !known {
            let made = self.make(place)?;
            self.current = Some(made.map_err(|why| (place, why)).map(|mut bench| {
                let snapshot = bench.snapshot();
                Current { place, bench, snapshot }
            }));
        }
        match &mut self.current {
            Some(Ok(current)) => {
                current.bench.machine.restore(&current.snapshot);
                Ok(Ok(current.bench.clone()))
            }
            Some(Err((_, why))) => Ok(Err(*why)),
            None => failed("no situation"),
        }
    }

    fn make(&mut self, (mode, level, moment): Place) -> Result<Result<Bench, Why>, Error> {
        if mode == Mode::Standard && moment != Moment::AfterReset {
            return Ok(Err(Why::NoSuchMoment));
        }
        let board = self.board(mode, level)?;
        let bench = match (mode, moment) {
            (Mode::Standard, _) => standard(&board, &self.rom, level)?,
            (_, Moment::WhileRss) => {
                let mut bench = Bench::power_on(&board, &self.stand_in);
                starts(&mut bench, rss::RSS.start().value())?;
                bench
            }
            (_, Moment::BeforeExit) => {
                let mut bench = Bench::power_on(&board, &self.rom);
                starts(&mut bench, SECURE_PROBE)?;
                bench
            }
            (_, Moment::ExitClosed) => exited(&board, &self.rom, rss::JTAG_KEEP_CLOSED)?,
            (_, Moment::ExitOpen) => {
                let mut bench = exited(&board, &self.rom, rss::JTAG_ENABLE)?;
                if level == Level::OneIntruded {
                    intrude(&mut bench)?;
                }
                bench
            }
            (_, Moment::AfterReset) => {
                let mut bench = exited(&board, &self.rom, rss::JTAG_ENABLE)?;
                reset(&mut bench, level)?;
                bench
            }
        };
        if level == Level::OneIntruded && bench.machine.core.bus.security().was_debugger_seen() {
            return Ok(Ok(furnished(bench)));
        }
        if level == Level::OneIntruded {
            // The claim is that no debugger gets in here; it is made only if the gate says so.
            let mut tried = bench;
            return match tried.chip().debug_access() {
                Err(_) => Ok(Err(Why::NoIntrusion)),
                Ok(()) => failed("a debugger could connect where debug must be closed"),
            };
        }
        Ok(Ok(furnished(bench)))
    }

    /// The board of a mode and level, made once.
    fn board(&mut self, mode: Mode, level: Level) -> Result<Board, Error> {
        let level = if level == Level::OneIntruded { Level::One } else { level };
        if let Some(board) = self.boards.get(&(mode, level)) {
            return Ok(board.clone());
        }
        let board = provision(&self.rom, mode, level)?;
        self.boards.insert((mode, level), board.clone());
        Ok(board)
    }
}

/// Backup SRAM does not keep its content without power: it is filled when the moment has come.
fn furnished(mut bench: Bench) -> Bench {
    let start = ironroot_layout::stm32h735::BACKUP_SRAM.start().value();
    bench.poke(start, &target());
    bench
}

fn starts(bench: &mut Bench, wanted: u32) -> Result<(), Error> {
    match bench.started() {
        Some(base) if base == wanted => Ok(()),
        other => failed(format!("the probe at {wanted:#010x} did not start: {other:#x?}")),
    }
}

/// A board on which all protections of a situation were set by the core, through the real registers and services.
pub fn provision(rom: &RomImage, mode: Mode, level: Level) -> Result<Board, Error> {
    let mut board = Board::with_serial(0xACCE);
    let pieces = [
        (SECURE_PROBE, image(SECURE_PROBE)),
        (APPLICATION, image(APPLICATION)),
        (SECURE_TARGET, target()),
        (USER_TARGET, target()),
        (PCROP, target()),
    ];
    if !pieces.iter().all(|(address, bytes)| board.preload(*address, bytes)) {
        return failed("the probe does not fit user flash");
    }
    let mut bench = Bench::power_on(&board, rom);
    starts(&mut bench, SECURE_PROBE)?;
    change_options(&mut bench, |wanted| {
        wanted.prar = PRAR;
        if mode == Mode::Secure {
            wanted.optsr |= SECURITY;
        }
    })?;
    if mode == Mode::Secure {
        if bench.reset_by_core() != Some(SECURE_PROBE) {
            return failed("RSS did not start the user flash of a device without secure area");
        }
        ask_for_area(&mut bench)?;
    }
    let byte = match level {
        Level::Zero => 0xAA,
        Level::One | Level::OneIntruded => 0xBB,
        Level::Two => 0xCC,
    };
    change_options(&mut bench, |wanted| wanted.optsr = wanted.optsr & !0xFF00 | byte << 8)?;
    Ok(bench.chip().to_board())
}

/// The probe calls resetAndInitializeSecureAreas for sector 0.
fn ask_for_area(bench: &mut Bench) -> Result<(), Error> {
    let area = [0x2_0000u32, SECURE_PROBE, 1];
    bench.poke(ARGUMENTS, &area.map(u32::to_le_bytes).concat());
    let Some(service) = bench.read(rss::RESET_AND_INITIALIZE_SECURE_AREAS.value()).value() else {
        return failed("the service table cannot be read");
    };
    if bench.leave(service, 1, ARGUMENTS) != Some(SECURE_PROBE) {
        return failed("the device did not come back with a secure area");
    }
    let area = bench.chip().options().secure_area();
    if !is_valid(area) || !touches_sector(area, 0) || touches_sector(area, 1) {
        return failed(format!("RSS set another secure area: {area:?}"));
    }
    Ok(())
}

/// The core changes option bytes by the register sequence.
pub fn change_options(bench: &mut Bench, change: impl FnOnce(&mut OptionBytes)) -> Result<(), Error> {
    let mut wanted = *bench.chip().options();
    change(&mut wanted);
    let writes = [
        (reg::OPTKEYR, reg::OPTKEY1),
        (reg::OPTKEYR, reg::OPTKEY2),
        (reg::OPTSR_PRG, wanted.optsr),
        (reg::PRAR_PRG, wanted.prar),
        (reg::SCAR_PRG, wanted.scar),
        (reg::WPSN_PRG, wanted.wpsn),
        (reg::OPTCR, optcr::OPTSTART),
    ];
    for (offset, value) in writes {
        if bench.write(FLASH_REGISTERS + offset, value) != Answer::Value(0) {
            return failed(format!("no write to FLASH register {offset:#x}"));
        }
    }
    bench.settle();
    bench.write(FLASH_REGISTERS + reg::OPTCR, optcr::OPTLOCK);
    match bench.read(FLASH_REGISTERS + reg::OPTSR_CUR) {
        Answer::Value(status) if status & optsr::OPTCHANGEERR == 0 && *bench.chip().options() == wanted => {
            Ok(())
        }
        other => failed(format!("the option change was not made: {other:x?}")),
    }
}

fn standard(board: &Board, rom: &RomImage, level: Level) -> Result<Bench, Error> {
    let mut bench = Bench::power_on(board, rom);
    starts(&mut bench, SECURE_PROBE)?;
    if bench.reset_by_core() != Some(SECURE_PROBE) {
        return failed("no start after a reset in Standard mode");
    }
    if level == Level::OneIntruded {
        intrude(&mut bench)?;
    }
    Ok(bench)
}

/// The secure user software leaves through the exit service.
pub fn exited(board: &Board, rom: &RomImage, jtag: u32) -> Result<Bench, Error> {
    let mut bench = Bench::power_on(board, rom);
    starts(&mut bench, SECURE_PROBE)?;
    let Some(service) = bench.read(rss::EXIT_SECURE_AREA.value()).value() else {
        return failed("the service table cannot be read");
    };
    match bench.leave(service, APPLICATION, jtag) {
        Some(APPLICATION) => Ok(bench),
        other => failed(format!("exitSecureArea did not start the application: {other:#x?}")),
    }
}

/// The application goes on in RAM; then a debugger connects.
fn intrude(bench: &mut Bench) -> Result<(), Error> {
    bench.poke(RAM_PROBE, &image(RAM_PROBE));
    let entry = RAM_PROBE + super::probe::VECTORS + 1;
    if bench.leave(entry, 0, 0) != Some(RAM_PROBE) {
        return failed("the probe does not run from RAM");
    }
    let connected = bench.chip().debug_access();
    bench.machine.poke();
    connected.map_err(|refusal| Error(refusal.to_string()))
}

/// A system reset after the exit; at an intruded level 1 the secure user software must not run again.
fn reset(bench: &mut Bench, level: Level) -> Result<(), Error> {
    if level == Level::OneIntruded {
        intrude(bench)?;
    }
    match (bench.reset_by_core(), level) {
        (Some(SECURE_PROBE), Level::Zero | Level::One | Level::Two) | (None, Level::OneIntruded) => Ok(()),
        (other, _) => failed(format!("after a reset the probe started at {other:#x?}")),
    }
}

/// True if the probe answers.
pub fn is_alive(bench: &mut Bench) -> bool {
    bench.ask(Op::Read(ironroot_cpu::bus::Size::Word), super::probe::MAILBOX + 28, 0, 0).value().is_some()
}
