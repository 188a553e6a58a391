//! A device behind its debug port: what is read, and how steps are done.

use std::path::PathBuf;

use ironroot_chip::flash::registers::{self as reg, optsr, sr};
use ironroot_chip::map::FLASH_REGISTERS;
use ironroot_chip::reach::{Content, Entry, State, Step};
use ironroot_chip::{Board, DebugRefusal, Mode, OptionBytes, RomImage};
use ironroot_codes::transport;
use ironroot_cpu::bus::Size;
use ironroot_debug::flasher::{Flasher, FlasherError};
use ironroot_layout::Address;
use ironroot_layout::stm32h735::options::SecureArea;
use ironroot_layout::stm32h735::{FLASH, UNIQUE_ID};

use super::fields::Register;
use crate::error::{Context, Failure, Result};
use crate::vdev::session::Session;
use crate::vdev::{self, HeldBoard};
use crate::{firmware, hex};

/// More instructions than a boot needs until its code opens debug or never does.
const BOOT_LIMIT: u64 = 120_000_000;
/// Instructions between two looks at the gate.
const PIECE: u64 = 500_000;

/// The board file of a device on the command line.
pub fn board_path(device: &str) -> Result<PathBuf> {
    match device.split_once(':') {
        Some(("vdev", path)) if !path.is_empty() => Ok(path.into()),
        Some(("uart", _)) => {
            Err(Failure::new(transport::BAD_DEVICE_NAME, format!("`{device}` is a serial port"))
                .fix("Option bytes go through the debug port: write --device vdev:FILE."))
        }
        _ => Err(Failure::new(transport::BAD_DEVICE_NAME, format!("`{device}` is no vdev:FILE"))),
    }
}

/// System flash for a board. Without the firmware in this build only Standard mode can be shown.
pub fn rom_for(board: &Board) -> Result<RomImage> {
    match firmware::RSS.elf {
        None if !board.options().security() => Ok(RomImage::default()),
        _ => vdev::system_flash(),
    }
}

/// A device under power, and a probe at its debug port.
pub struct Probe {
    /// The device.
    pub session: Session,
    /// What the debug port says: at power-on, or when the code that boots has opened it.
    pub gate: std::result::Result<(), DebugRefusal>,
    /// The port was closed at power-on, and code opened it.
    pub opened_by_code: bool,
    path: PathBuf,
    held: HeldBoard,
}

/// What is known of the flash.
#[derive(Clone, Debug)]
pub struct Known {
    entries: Vec<(u32, Entry)>,
    opens_debug: bool,
}

impl Known {
    /// For the search.
    pub fn with<T>(&self, ask: impl FnOnce(&Content<'_>) -> T) -> T {
        let entry = |address| {
            self.entries.iter().find(|(at, _)| *at == address).map_or(Entry::Unknown, |(_, entry)| *entry)
        };
        ask(&Content { entry: &entry, opens_debug: self.opens_debug })
    }

    /// What stands at `address`.
    pub fn at(&self, address: u32) -> Entry {
        self.with(|content| (content.entry)(address))
    }
}

impl Probe {
    /// Powers the device on. A port that is closed at first is waited for: code may open it.
    pub fn power_on(device: &str) -> Result<Probe> {
        let path = board_path(device)?;
        let held = vdev::load(&path)?;
        let rom = rom_for(&held.board)?;
        let mut session = Session::power_on(&held.board, &rom);
        let mut gate = session.chip().debug_state();
        let opened_by_code = gate == Err(DebugRefusal::Closed) && {
            for _ in 0..BOOT_LIMIT / PIECE {
                session.machine.run(PIECE);
                gate = session.chip().debug_state();
                let core = &session.machine.core;
                if gate.is_ok() || core.instructions >= BOOT_LIMIT {
                    break;
                }
            }
            gate.is_ok()
        };
        Ok(Probe { session, gate, opened_by_code, path, held })
    }

    /// The same for commands that need the port.
    pub fn connect(device: &str) -> Result<Probe> {
        let mut probe = Self::power_on(device)?;
        if let Err(refusal) = probe.gate {
            return Err(Failure::new(refusal.code(), refusal.to_string())
                .about(device)
                .fix("`ironroot device diagnose` says what is still possible with this device."));
        }
        probe.session.chip().debug_access().map_err(refused).about(device)?;
        Ok(probe)
    }

    /// The board as it was before this probe powered it on.
    pub fn board(&self) -> &Board {
        &self.held.board
    }

    /// A register of the flash block.
    pub fn register(&mut self, offset: u32) -> Result<u32> {
        self.word(FLASH_REGISTERS + offset).map_err(refused)
    }

    fn word(&mut self, address: u32) -> std::result::Result<u32, DebugRefusal> {
        self.session.chip().debugger_read(address, Size::Word)
    }

    /// The options in force, from the registers.
    pub fn options(&mut self) -> Result<OptionBytes> {
        let mut options = OptionBytes::FACTORY;
        for register in Register::ALL {
            *register.of_mut(&mut options) = self.register(register.offset())?;
        }
        options.optsr &= !(optsr::OPT_BUSY | optsr::OPTCHANGEERR);
        Ok(options)
    }

    /// The unique id as hex digits.
    pub fn unique_id(&mut self) -> Result<String> {
        let mut id = Vec::new();
        for offset in (0..UNIQUE_ID.size().bytes()).step_by(4) {
            let word = self.word(UNIQUE_ID.start().value() + offset).map_err(refused)?;
            id.extend_from_slice(&word.to_le_bytes());
        }
        Ok(hex::encode(&id))
    }

    /// Looks at every place where a boot with one of these options could begin.
    pub fn known(&mut self, of: &[OptionBytes]) -> Result<Known> {
        let mut known = Known { entries: Vec::new(), opens_debug: self.opened_by_code };
        for options in of {
            let area = match options.secure_area() {
                SecureArea::Region(region) => region.start().value(),
                _ => FLASH.start().value(),
            };
            for address in [area, options.boot_address(false), options.boot_address(true)] {
                let seen = known.entries.iter().any(|(at, _)| *at == address);
                if !seen && FLASH.contains(Address::new(address)) {
                    let entry = self.entry(address)?;
                    known.entries.push((address, entry));
                }
            }
        }
        Ok(known)
    }

    /// What stands at `address`. A protected place reads zero and raises a flag: that is "not known", not "blank".
    fn entry(&mut self, address: u32) -> Result<Entry> {
        const PROTECTED: u32 = sr::RDPERR | sr::RDSERR;
        let clear = FLASH_REGISTERS + reg::CCR;
        self.session.chip().debugger_write(clear, PROTECTED, Size::Word).map_err(refused)?;
        let words = (self.word(address), self.word(address + 4));
        let hidden = self.register(reg::SR)? & PROTECTED != 0;
        self.session.chip().debugger_write(clear, PROTECTED, Size::Word).map_err(refused)?;
        Ok(match words {
            (Ok(stack), Ok(entry)) if !hidden => Entry::judge(stack, entry),
            (Err(DebugRefusal::BusError { .. }), _) if !hidden => Entry::Damaged,
            _ => Entry::Unknown,
        })
    }

    /// The device as the search sees it now.
    pub fn state(&mut self, known: &Known) -> Result<State> {
        let options = self.options()?;
        let mode = self.session.chip().mode();
        let boot0 = false;
        let state = known.with(|content| State::power_on(options, boot0, content, 0));
        Ok(State { mode, debug_open: mode == Mode::SecureAccess && self.opened_by_code, ..state })
    }

    /// Does one step with the real register sequences; what was written is read back.
    pub fn perform(&mut self, step: &Step) -> Result {
        let mut flasher = Flasher(self.session.chip());
        let done = match step {
            Step::Change { options, .. } => flasher.change_options(options),
            Step::BankErase { options, .. } => flasher.erase_bank_and_protections(options),
            Step::PowerOn { .. } => Ok(()),
        };
        self.session.machine.poke();
        done.map_err(|error: FlasherError| Failure::new(error.code(), error.to_string()))
    }

    /// Resets the device, and reads the options again if the port is open then.
    pub fn reset(&mut self) -> Result<Option<OptionBytes>> {
        self.session.machine.poke();
        self.session.machine.system_reset();
        self.gate = self.session.chip().debug_state();
        if self.gate.is_ok() { self.options().map(Some) } else { Ok(None) }
    }

    /// Saves what survives power-off, and reads the file back.
    pub fn save(&mut self) -> Result {
        vdev::save(&self.session.chip().to_board(), &self.path)
    }
}

fn refused(refusal: DebugRefusal) -> Failure {
    Failure::new(refusal.code(), refusal.to_string())
}
