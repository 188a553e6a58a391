//! The embedded flash: controller, option bytes, and the rules between them (h73x-flash).
//!
//! The controller knows the bank's cells, its registers and who asks; where code runs and which areas are open it is told
//! in a [`Caller`]. What takes time ends in virtual time: [`Flash::advance`] does what is due.

pub mod buffer;
pub mod cells;
pub mod change;
mod controller;
mod crc;
pub mod ecc;
pub mod lock;
pub mod operation;
pub mod options;
pub mod registers;

use std::collections::VecDeque;

use ironroot_cpu::memory::Memory;
use ironroot_layout::stm32h735::{FLASH, SECTOR, SECTOR_COUNT};

use crate::rules::Flag;
use crate::supply::{CutEffect, Supply};
use buffer::{Complete, Stored, WriteBuffer};
use change::{BrokenRule, Requester};
use crc::Crc;
use ecc::{Damage, Ecc, WORD};
use lock::Lock;
use operation::{Action, Bank, Operation};
use options::{OptionBytes, is_valid, touches_sector};
use registers::{cr, optsr, sr};

/// How many operations can wait or run.
const QUEUE: usize = 2;

/// Who asks the controller for something, and in which situation.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    /// Whether it is code that the secure area's options obey.
    pub requester: Requester,
    /// The core, in Secure access mode before the exit: the secure area may be erased.
    pub secure_open: bool,
    /// RDP level 1 intrusion: nothing may be programmed or erased.
    pub intrusion: bool,
    /// Hz of the core, for durations.
    pub core_hz: u64,
    /// Virtual time.
    pub now: u64,
}

/// What the chip must do after operations ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// Backup SRAM and backup registers are erased.
    pub erase_backup: bool,
}

/// A data or instruction read that met a damaged word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

/// The flash controller and the state of the cells. The bytes themselves are in the chip's arena.
#[derive(Clone, Debug, Hash)]
pub struct Flash {
    options: OptionBytes,
    wanted: OptionBytes,
    ecc: Ecc,
    buffer: WriteBuffer,
    /// Whether the rules allowed every write into the buffer.
    buffer_allowed: bool,
    queue: VecDeque<Operation>,
    lock: Lock,
    option_lock: Lock,
    acr: u32,
    cr: u32,
    flags: u32,
    optcr: u32,
    option_error: bool,
    failing_word: u32,
    last_refusal: Option<BrokenRule>,
    rights_moved: bool,
    crc: Crc,
}

impl Flash {
    /// A controller after power-on with these options and cells.
    pub fn new(options: OptionBytes, ecc: Ecc) -> Self {
        Flash {
            options,
            wanted: options,
            ecc,
            buffer: WriteBuffer::default(),
            buffer_allowed: true,
            queue: VecDeque::new(),
            lock: Lock::default(),
            option_lock: Lock::default(),
            acr: 0x37,
            cr: cr::RESET,
            flags: 0,
            optcr: 0,
            option_error: false,
            failing_word: 0,
            last_refusal: None,
            rights_moved: true,
            crc: Crc::default(),
        }
    }

    /// The option bytes in force.
    pub fn options(&self) -> &OptionBytes {
        &self.options
    }

    /// The state of the cells.
    pub fn ecc(&self) -> &Ecc {
        &self.ecc
    }

    /// The same, for fault injection and for writing the flash past the controller.
    pub fn ecc_mut(&mut self) -> &mut Ecc {
        self.rights_moved = true;
        &mut self.ecc
    }

    /// The rule that the last refused option change would have broken. Silicon does not tell; the tools do.
    pub fn last_refusal(&self) -> Option<BrokenRule> {
        self.last_refusal
    }

    /// True once after anything that the rights to the bank's pages depend on has changed.
    pub fn take_rights_moved(&mut self) -> bool {
        std::mem::take(&mut self.rights_moved)
    }

    /// When the bank can be read again; `None` if it can be read now.
    pub fn busy_until(&self) -> Option<u64> {
        self.queue
            .iter()
            .rev()
            .find(|operation| operation.action.occupies_bank())
            .map(|operation| operation.end)
    }

    /// Virtual time of the end of the running operation; `u64::MAX` for none.
    pub fn next_event(&self) -> u64 {
        self.queue.front().map_or(u64::MAX, |operation| operation.end).min(self.crc.next_event())
    }

    /// Does everything that is due at or before `now`.
    pub(crate) fn advance(
        &mut self,
        memory: &mut Memory,
        base: u32,
        now: u64,
        supply: &mut Supply,
    ) -> Effects {
        let mut effects = Effects::default();
        while self.queue.front().is_some_and(|operation| operation.end <= now) {
            let Some(operation) = self.queue.pop_front() else { break };
            self.rights_moved = true;
            let mut cells = Bank { memory, base, ecc: &mut self.ecc, sector: SECTOR.bytes() };
            if let Some(cut) = supply.next(operation.action.described()) {
                self.queue.clear();
                if cut.effect != CutEffect::After {
                    operation.action.cut(&mut cells, cut.effect, cut.seed);
                    return effects;
                }
            }
            match operation.action {
                Action::Program(complete) => cells.program(&complete),
                Action::Erase { sectors, removal } => {
                    cells.erase(sectors);
                    if let Some(options) = removal {
                        self.load_options(options);
                    }
                }
                Action::Options(change) => {
                    cells.erase(change.erase);
                    effects.erase_backup |= change.erase_backup;
                    self.load_options(change.options);
                    continue;
                }
            }
            if self.cr & cr::EOPIE != 0 {
                self.flags |= sr::EOP;
            }
        }
        self.advance_crc(memory, base, now);
        effects
    }

    fn load_options(&mut self, options: OptionBytes) {
        self.options = options;
        self.wanted = options;
    }

    /// Reset of the registers (also at power-on). A running operation is interrupted; `seed` decides what it leaves.
    pub fn reset(&mut self, memory: &mut Memory, base: u32, seed: u64) {
        if let Some(operation) = self.queue.front() {
            let mut cells = Bank { memory, base, ecc: &mut self.ecc, sector: SECTOR.bytes() };
            operation.action.cut(&mut cells, CutEffect::Broken, seed);
        }
        let (options, ecc) = (self.options, std::mem::take(&mut self.ecc));
        *self = Flash::new(options, ecc);
    }

    /// A write to the bank by an access that the rules judged with `allowed`.
    /// Returns how long the writer waits for a place in the queue, until a virtual time.
    pub fn store(&mut self, offset: u32, bytes: &[u8], allowed: bool, caller: &Caller) -> Option<u64> {
        if self.cr & cr::PG == 0 || self.flags & (sr::INCERR | sr::PGSERR) != 0 {
            self.flags |= sr::PGSERR;
            return None;
        }
        let so_far = self.buffer.is_empty() || self.buffer_allowed;
        let stored = self.buffer.store(offset, bytes);
        if stored != Stored::OtherWord {
            self.buffer_allowed = allowed && so_far;
        }
        match stored {
            Stored::OtherWord => self.flags |= sr::INCERR,
            Stored::Partial { repeated } => self.note_repeated(repeated),
            Stored::Word(complete, repeated) => {
                self.note_repeated(repeated);
                return self.queue_word(complete, self.buffer_allowed, caller);
            }
        }
        None
    }

    fn note_repeated(&mut self, repeated: bool) {
        if repeated {
            self.flags |= sr::STRBERR;
        }
    }

    /// The output of the write buffer: protections are checked here.
    fn queue_word(&mut self, complete: Complete, allowed: bool, caller: &Caller) -> Option<u64> {
        if !allowed || caller.intrusion || self.options.write_protected(complete.offset / SECTOR.bytes()) {
            self.flags |= sr::WRPERR;
            return None;
        }
        let wait =
            if self.queue.len() >= QUEUE { self.queue.front().map(|operation| operation.end) } else { None };
        self.enqueue(Action::Program(complete), caller);
        wait
    }

    fn enqueue(&mut self, action: Action, caller: &Caller) {
        let cycles = action.cycles(self.cr >> cr::PSIZE_SHIFT, caller.core_hz);
        let start = self.queue.back().map_or(caller.now, |operation| operation.end.max(caller.now));
        self.queue.push_back(Operation { action, end: start.saturating_add(cycles) });
        self.rights_moved = true;
    }

    /// START with SER or BER.
    fn start_erase(&mut self, caller: &Caller) {
        let action = if self.cr & cr::BER != 0 {
            self.bank_erase(caller)
        } else if self.cr & cr::SER != 0 {
            self.sector_erase(self.cr >> cr::SNB_SHIFT & 7, caller)
        } else {
            return;
        };
        match action {
            Some(action) if !caller.intrusion => self.enqueue(action, caller),
            _ => self.flags |= sr::WRPERR,
        }
    }

    fn sector_erase(&self, sector: u32, caller: &Caller) -> Option<Action> {
        let options = &self.options;
        let protected = options.write_protected(sector)
            || touches_sector(options.pcrop(), sector)
            || (touches_sector(options.secure_area(), sector) && !caller.secure_open);
        (!protected).then_some(Action::Erase { sectors: 1 << sector, removal: None })
    }

    fn bank_erase(&self, caller: &Caller) -> Option<Action> {
        const ALL: u32 = (1 << SECTOR_COUNT) - 1;
        let options = &self.options;
        let any_wrp = (0..SECTOR_COUNT).any(|sector| options.write_protected(sector));
        let pcrop = is_valid(options.pcrop());
        let secure = is_valid(options.secure_area());
        if (any_wrp || pcrop || secure)
            && let Some(removal) = change::removal(options, &self.wanted)
        {
            return Some(Action::Erase { sectors: ALL, removal: Some(removal) });
        }
        // Code in the secure area may erase itself together with the rest.
        let secure = secure && caller.requester == Requester::Other;
        (!any_wrp && !pcrop && !secure).then_some(Action::Erase { sectors: ALL, removal: None })
    }

    /// OPTSTART.
    fn start_change(&mut self, caller: &Caller) {
        match change::plan(&self.options, &self.wanted, caller.requester) {
            Ok(change) => self.enqueue(Action::Options(change), caller),
            Err(rule) => {
                self.option_error = true;
                self.last_refusal = Some(rule);
            }
        }
    }

    /// Raises the flag of a verdict.
    pub fn raise(&mut self, flag: Flag) {
        self.flags |= match flag {
            Flag::WriteProtection => sr::WRPERR,
            Flag::ReadProtection => sr::RDPERR,
            Flag::ReadSecure => sr::RDSERR,
        };
    }

    /// Checks the ECC of the word at `offset`, which is about to be read.
    pub fn check_word(&mut self, offset: u32) -> Result<(), Unreadable> {
        let word = offset / WORD as u32;
        let Some(damage) = self.ecc.damage(word) else { return Ok(()) };
        if self.flags & (sr::SNECCERR | sr::DBECCERR) == 0 {
            self.failing_word = word;
        }
        match damage {
            Damage::Single => {
                self.flags |= sr::SNECCERR;
                Ok(())
            }
            Damage::Double => {
                self.flags |= sr::DBECCERR;
                Err(Unreadable)
            }
        }
    }

    /// True if no word of the 1 KiB page at `offset` needs a look at its ECC.
    pub fn page_is_sound(&self, offset: u32) -> bool {
        let word = offset / WORD as u32;
        !self.ecc.any_damaged(word..word + 1024 / WORD as u32)
    }

    /// State of the FLASH interrupt line.
    pub fn raised(&self) -> bool {
        self.flags & self.cr & sr::FLAGS != 0
            || self.option_error && self.optcr & registers::optcr::OPTCHANGEERRIE != 0
    }

    /// SR1.
    pub fn status(&self) -> u32 {
        let queued = self.queue.iter().any(|operation| operation.action.is_queued());
        let buffered = if self.buffer.is_empty() { 0 } else { sr::WBNE };
        let crc = if self.crc.is_busy() { sr::CRC_BUSY } else { 0 };
        self.flags | buffered | crc | if queued { sr::QW | sr::BSY } else { 0 }
    }

    /// OPTSR_CUR.
    fn option_status(&self) -> u32 {
        let busy = self.queue.iter().any(|operation| !operation.action.is_queued());
        let error = if self.option_error { optsr::OPTCHANGEERR } else { 0 };
        self.options.optsr & !(optsr::OPT_BUSY | optsr::OPTCHANGEERR)
            | error
            | if busy { optsr::OPT_BUSY } else { 0 }
    }
}

/// Offset of an address in the bank.
pub fn bank_offset(address: u32) -> u32 {
    address.wrapping_sub(FLASH.start().value())
}
