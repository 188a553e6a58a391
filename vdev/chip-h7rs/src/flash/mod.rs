//! The embedded flash: controller, option words, option-byte keys, and the rules between them (h7rs 2 to 4).
//!
//! The controller knows its cells, its registers and who asks; which level the code has and what is hidden it is told in a
//! [`Caller`]. What takes time ends in virtual time: [`Flash::advance`] does what is due.

mod controller;
pub use controller::Answer;
pub mod obkeys;
mod operation;
pub mod options;
pub mod registers;

use std::collections::VecDeque;

use ironroot_chip::flash::buffer::{Collector, Complete, Stored};
use ironroot_chip::flash::cells::Cells;
use ironroot_chip::flash::ecc::{Damage, Words};
use ironroot_chip::flash::lock::Lock;
use ironroot_chip::rules::Flag;
use ironroot_chip::supply::{CutEffect, Supply};
use ironroot_cpu::memory::Memory;
use ironroot_layout::stm32h7rs::state::Hdpl;
use ironroot_layout::stm32h7rs::{FLASH, FLASH_WORD, OTP, Part, SECTOR, SECTOR_COUNT};

use crate::map::{OTP_OFFSET, USER_FLASH_OFFSET};
use obkeys::{ObKey, ObKeys, is_write_only};
use operation::{Action, Operation};
use options::{BrokenRule, OptionWords, Requester, plan};
use registers::{cr, isr, obkcr, optcr, optisr, sr};

/// Bytes of a flash word.
pub const WORD: usize = FLASH_WORD.bytes() as usize;
/// Flash words in the bank.
pub const WORDS: usize = (FLASH.size().bytes() / FLASH_WORD.bytes()) as usize;
/// Bytes of a one-time programmable word.
pub const OTP_WORD: usize = 2;
/// One-time programmable words.
pub const OTP_WORDS: usize = OTP.size().bytes() as usize / OTP_WORD;
/// Bytes that one bit of OTPLSR locks.
const OTP_BLOCK: u32 = OTP.size().bytes() / 16;

/// State of the words of user flash.
pub type Ecc = Words<WORD, WORDS>;
/// State of the one-time programmable words.
pub type OtpEcc = Words<OTP_WORD, OTP_WORDS>;

/// How many operations can wait or run.
const QUEUE: usize = 2;

/// Who asks the controller for something, and in which situation.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    /// Level at this moment.
    pub level: Hdpl,
    /// The core (what is ours in the FLASH block answers to nobody else).
    pub cpu: bool,
    /// The part.
    pub part: Part,
    /// Hz of the core, for durations.
    pub core_hz: u64,
    /// Virtual time.
    pub now: u64,
}

/// What the chip must do after operations ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// A key for SAES.
    pub saes_key: Option<ObKey>,
}

/// A read that met a damaged word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

/// What survives power-off, beside the bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Persistent {
    /// The option words.
    pub options: OptionWords,
    /// State of the words of user flash.
    pub ecc: Ecc,
    /// State of the one-time programmable words.
    pub otp: OtpEcc,
    /// The keys.
    pub keys: ObKeys,
}

impl Default for Persistent {
    fn default() -> Self {
        Persistent {
            options: OptionWords::FACTORY,
            ecc: Ecc::default(),
            otp: OtpEcc::default(),
            keys: ObKeys::default(),
        }
    }
}

/// The flash controller and the state of the cells. The bytes themselves are in the chip's arena.
#[derive(Clone, Debug, Hash)]
pub struct Flash {
    persistent: Persistent,
    buffer: Collector<WORD>,
    /// Whether the rules allowed every write into the buffer.
    buffer_allowed: bool,
    queue: VecDeque<Operation>,
    lock: Lock,
    option_lock: Lock,
    acr: u32,
    cr: u32,
    ier: u32,
    flags: u32,
    optcr: u32,
    option_flags: u32,
    obkcr: u32,
    obkdr: [u32; 8],
    /// Data registers were written and the key is not programmed yet: they read 0.
    obkdr_written: bool,
    failing: [u32; 2],
    /// What RSS reads about the last reset.
    boot_pin: u32,
    last_refusal: Option<BrokenRule>,
    rights_moved: bool,
}

impl Flash {
    /// A controller after power-on with this content.
    pub fn new(persistent: Persistent) -> Self {
        Flash {
            persistent,
            buffer: Collector::default(),
            buffer_allowed: true,
            queue: VecDeque::new(),
            lock: Lock::default(),
            option_lock: Lock::default(),
            acr: 0x13,
            cr: 0,
            ier: 0,
            flags: 0,
            optcr: 0,
            option_flags: 0,
            obkcr: obkcr::RESET,
            obkdr: [0; 8],
            obkdr_written: false,
            failing: [0; 2],
            boot_pin: 0,
            last_refusal: None,
            rights_moved: true,
        }
    }

    /// The option words in force.
    pub fn options(&self) -> &OptionWords {
        &self.persistent.options
    }

    /// The keys.
    pub fn keys(&self) -> &ObKeys {
        &self.persistent.keys
    }

    /// State of the words of user flash.
    pub fn ecc(&self) -> &Ecc {
        &self.persistent.ecc
    }

    /// The same, for fault injection.
    pub fn ecc_mut(&mut self) -> &mut Ecc {
        self.rights_moved = true;
        &mut self.persistent.ecc
    }

    /// All that survives power-off.
    pub fn persistent(&self) -> &Persistent {
        &self.persistent
    }

    /// The rule that the last refused option change would have broken. Silicon does not tell; the tools do.
    pub fn last_refusal(&self) -> Option<BrokenRule> {
        self.last_refusal
    }

    /// True once after anything that the rights to pages depend on has changed.
    pub fn take_rights_moved(&mut self) -> bool {
        std::mem::take(&mut self.rights_moved)
    }

    /// When the bank can be read again; `None` if it can be read now.
    pub fn busy_until(&self) -> Option<u64> {
        let occupying = |operation: &&Operation| operation.action.occupies_bank();
        self.queue.iter().rev().find(occupying).map(|operation| operation.end)
    }

    /// Virtual time of the end of the running operation; `u64::MAX` for none.
    pub fn next_event(&self) -> u64 {
        self.queue.front().map_or(u64::MAX, |operation| operation.end)
    }

    /// Whether flash and keys are as a regression leaves them.
    fn is_erased(&self) -> bool {
        self.persistent.ecc.is_blank() && self.persistent.keys.is_empty()
    }

    /// Does everything that is due at or before `now`.
    pub(crate) fn advance(&mut self, memory: &mut Memory, now: u64, supply: &mut Supply) -> Effects {
        let mut effects = Effects::default();
        while self.queue.front().is_some_and(|operation| operation.end <= now) {
            let Some(operation) = self.queue.pop_front() else { break };
            self.rights_moved = true;
            if let Some(described) = operation.action.described()
                && let Some(cut) = supply.next(described)
            {
                self.queue.clear();
                if cut.effect != CutEffect::After {
                    self.interrupt(memory, &operation.action, cut.effect, cut.seed);
                    return effects;
                }
            }
            self.end(memory, operation.action, &mut effects);
        }
        effects
    }

    fn bank<'a>(ecc: &'a mut Ecc, memory: &'a mut Memory) -> Cells<'a, WORD, WORDS> {
        Cells { memory, base: USER_FLASH_OFFSET, ecc, sector: SECTOR.bytes() }
    }

    fn otp<'a>(ecc: &'a mut OtpEcc, memory: &'a mut Memory) -> Cells<'a, OTP_WORD, OTP_WORDS> {
        Cells { memory, base: OTP_OFFSET, ecc, sector: OTP.size().bytes() }
    }

    /// An operation is done.
    fn end(&mut self, memory: &mut Memory, action: Action, effects: &mut Effects) {
        match action {
            Action::Program(complete) => Self::bank(&mut self.persistent.ecc, memory).program(&complete),
            Action::Erase { sectors } => Self::bank(&mut self.persistent.ecc, memory).erase(sectors),
            Action::Otp(complete) => Self::otp(&mut self.persistent.otp, memory).program(&complete),
            Action::Option { word, value } => *self.persistent.options.word_mut(word) = value,
            Action::ProgramKey { level, index, key } => {
                self.persistent.keys.set(level, index, Some(key));
                self.forget_key_data();
            }
            Action::ReadKey { level, index } => self.show_key(level, index, effects),
            Action::EraseKeys => self.persistent.keys.erase(),
        }
        if action.is_flash() {
            self.flags |= isr::EOPF;
        }
    }

    /// The power went, or a reset came, while `action` was under way. Options and keys change as a whole: the old ones stay
    /// (that the hardware keeps them so is unverified).
    fn interrupt(&mut self, memory: &mut Memory, action: &Action, effect: CutEffect, seed: u64) {
        match action {
            Action::Program(complete) => {
                Self::bank(&mut self.persistent.ecc, memory).cut_program(complete, effect, seed);
            }
            Action::Erase { sectors } => {
                Self::bank(&mut self.persistent.ecc, memory).cut_erase(*sectors, effect, seed);
            }
            Action::Otp(complete) => {
                Self::otp(&mut self.persistent.otp, memory).cut_program(complete, effect, seed);
            }
            Action::Option { .. }
            | Action::ProgramKey { .. }
            | Action::ReadKey { .. }
            | Action::EraseKeys => {}
        }
    }

    /// Reset of the registers (also at power-on). A running operation is interrupted; `seed` decides what it leaves.
    /// `boot_pin` is what RSS will read about this reset.
    pub fn reset(&mut self, memory: &mut Memory, seed: u64, boot_pin: u32) {
        if let Some(operation) = self.queue.pop_front() {
            self.interrupt(memory, &operation.action, CutEffect::Broken, seed);
        }
        let persistent = std::mem::take(&mut self.persistent);
        *self = Flash { boot_pin, ..Flash::new(persistent) };
    }

    /// A write to user flash by an access that the rules judged with `allowed`.
    /// Returns how long the writer waits for a place in the queue, until a virtual time.
    pub fn store(&mut self, offset: u32, bytes: &[u8], allowed: bool, caller: &Caller) -> Option<u64> {
        if self.cr & cr::PG == 0 || self.flags & (isr::INCERRF | isr::PGSERRF) != 0 {
            self.flags |= isr::PGSERRF;
            return None;
        }
        let so_far = self.buffer.is_empty() || self.buffer_allowed;
        let stored = self.buffer.store(offset, bytes);
        if stored != Stored::OtherWord {
            self.buffer_allowed = allowed && so_far;
        }
        match stored {
            Stored::OtherWord => self.flags |= isr::INCERRF,
            Stored::Partial { repeated } => self.note_repeated(repeated),
            Stored::Word(complete, repeated) => {
                self.note_repeated(repeated);
                return self.queue_word(complete, self.buffer_allowed, caller);
            }
        }
        None
    }

    /// A write to the one-time programmable words: half words, or two at once.
    pub fn store_otp(&mut self, offset: u32, bytes: &[u8], caller: &Caller) -> Option<u64> {
        if self.cr & cr::PG_OTP == 0 || bytes.len() < OTP_WORD {
            self.flags |= isr::PGSERRF;
            return None;
        }
        if self.persistent.options.otplsr >> (offset / OTP_BLOCK) & 1 != 0 {
            self.flags |= isr::WRPERRF;
            return None;
        }
        let wait = self.queue_wait();
        for (at, half) in (offset..).step_by(OTP_WORD).zip(bytes.as_chunks::<OTP_WORD>().0) {
            self.enqueue(Action::Otp(Complete { offset: at, data: *half }), caller);
        }
        wait
    }

    fn note_repeated(&mut self, repeated: bool) {
        if repeated {
            self.flags |= isr::STRBERRF;
        }
    }

    fn queue_wait(&self) -> Option<u64> {
        if self.queue.len() >= QUEUE { self.queue.front().map(|operation| operation.end) } else { None }
    }

    /// The output of the write buffer: protections are checked here.
    fn queue_word(&mut self, complete: Complete<WORD>, allowed: bool, caller: &Caller) -> Option<u64> {
        if !allowed || self.persistent.options.write_protected(complete.offset / SECTOR.bytes()) {
            self.flags |= isr::WRPERRF;
            return None;
        }
        let wait = self.queue_wait();
        self.enqueue(Action::Program(complete), caller);
        wait
    }

    fn enqueue(&mut self, action: Action, caller: &Caller) {
        let cycles = action.cycles(caller.core_hz);
        let start = self.queue.back().map_or(caller.now, |operation| operation.end.max(caller.now));
        self.queue.push_back(Operation { action, end: start.saturating_add(cycles) });
        self.rights_moved = true;
    }

    /// START with SER or BER. A bank erase erases all or nothing.
    fn start_erase(&mut self, caller: &Caller) {
        let sectors = if self.cr & cr::BER != 0 {
            (1 << SECTOR_COUNT) - 1
        } else if self.cr & cr::SER != 0 {
            1 << (self.cr >> cr::SSN_SHIFT & 7)
        } else {
            self.flags |= isr::PGSERRF;
            return;
        };
        let options = &self.persistent.options;
        let hidden = caller.level > Hdpl::Level1;
        let protected = (0..SECTOR_COUNT)
            .filter(|sector| sectors >> sector & 1 != 0)
            .any(|sector| options.write_protected(sector) || hidden && options.hides_sector(sector));
        if protected {
            self.flags |= isr::WRPERRF;
        } else {
            self.enqueue(Action::Erase { sectors }, caller);
        }
    }

    /// A write to a programming register: the change starts at once.
    fn change_option(&mut self, word: options::Word, value: u32, caller: &Caller) {
        if !self.option_lock.is_open() || self.optcr & optcr::PG_OPT == 0 {
            return;
        }
        let who = Requester { level: caller.level, part: caller.part, erased: self.is_erased() };
        let planned = if self.queue.is_empty() {
            plan(&self.persistent.options, word, value, who)
        } else {
            Err(BrokenRule::Busy)
        };
        match planned {
            Ok(value) => self.enqueue(Action::Option { word, value }, caller),
            Err(rule) => {
                self.option_flags |= optisr::OPTERRF;
                self.last_refusal = Some(rule);
            }
        }
    }

    /// KEYSTART.
    fn start_key(&mut self, caller: &Caller) {
        if self.option_flags & (optisr::KVEF | optisr::KTEF) != 0 || !self.queue.is_empty() {
            return;
        }
        let (index, next) = ((self.obkcr & obkcr::INDEX) as u8, self.obkcr >> obkcr::NEXTKL_SHIFT & 3);
        let program = self.obkcr & obkcr::KEYPROG != 0;
        let level = match next {
            0 => Some(caller.level),
            // Keys of later levels can be put in place, not read.
            1 if program => Some(caller.level.next()),
            2 if program => Some(caller.level.next().next()),
            _ => None,
        };
        let beyond = u32::from(caller.level.number()) + next > 2;
        let Some(level) = level.filter(|_| !beyond) else {
            self.option_flags |= optisr::KVEF;
            return;
        };
        if !program {
            self.enqueue(Action::ReadKey { level, index }, caller);
        } else if self.option_lock.is_open() && self.optcr & optcr::PG_OPT != 0 {
            let key = ObKey::from_registers(self.obkcr >> obkcr::SIZE_SHIFT, &self.obkdr);
            self.enqueue(Action::ProgramKey { level, index, key }, caller);
        } else {
            self.option_flags |= optisr::OPTERRF;
        }
    }

    fn show_key(&mut self, level: Hdpl, index: u8, effects: &mut Effects) {
        self.forget_key_data();
        let Some(key) = self.persistent.keys.get(level, index).copied() else {
            self.option_flags |= optisr::KVEF;
            return;
        };
        if !is_write_only(index) {
            self.obkdr = key.words();
        } else if key.size_code() < 2 {
            // SAES takes keys of 128 and 256 bits.
            self.option_flags |= optisr::KTEF;
        } else {
            effects.saes_key = Some(key);
        }
    }

    /// The data registers are cleared.
    fn forget_key_data(&mut self) {
        self.obkdr = [0; 8];
        self.obkdr_written = false;
    }

    /// The level rises: what the data registers hold belongs to the one before.
    pub fn raise_level(&mut self) {
        self.forget_key_data();
        // A key that is on its way belongs to the level before as well.
        self.queue.retain(|operation| !matches!(operation.action, Action::ReadKey { .. }));
        self.rights_moved = true;
    }

    /// Raises the flag of a verdict.
    pub fn raise(&mut self, flag: Flag) {
        self.flags |= match flag {
            Flag::WriteProtection => isr::WRPERRF,
            Flag::ReadProtection | Flag::ReadSecure => isr::RDSERRF,
        };
    }

    /// Checks the ECC of the word of user flash at `offset`, which is about to be read.
    pub fn check_word(&mut self, offset: u32) -> Result<(), Unreadable> {
        let damage = self.persistent.ecc.damage(offset / WORD as u32);
        self.note_damage(damage, FLASH.start().value() + (offset & !(WORD as u32 - 1)))
    }

    /// The same for a one-time programmable word.
    pub fn check_otp(&mut self, offset: u32) -> Result<(), Unreadable> {
        let damage = self.persistent.otp.damage(offset / OTP_WORD as u32);
        self.note_damage(damage, OTP.start().value() + (offset & !(OTP_WORD as u32 - 1)))
    }

    fn note_damage(&mut self, damage: Option<Damage>, address: u32) -> Result<(), Unreadable> {
        let (flag, place, result) = match damage {
            None => return Ok(()),
            Some(Damage::Single) => (isr::SNECCERRF, 0, Ok(())),
            Some(Damage::Double) => (isr::DBECCERRF, 1, Err(Unreadable)),
        };
        if self.flags & flag == 0
            && let Some(failing) = self.failing.get_mut(place)
        {
            *failing = address;
        }
        self.flags |= flag;
        result
    }

    /// True if no word of the 1 KiB page at `offset` of user flash needs a look at its ECC.
    pub fn page_is_sound(&self, offset: u32) -> bool {
        let word = offset / WORD as u32;
        !self.persistent.ecc.any_damaged(word..word + 1024 / WORD as u32)
    }

    /// State of the FLASH interrupt line.
    pub fn raised(&self) -> bool {
        self.flags & self.ier & isr::FLAGS != 0 || self.option_flags & self.optcr & optisr::FLAGS != 0
    }

    /// SR.
    pub fn status(&self) -> u32 {
        let buffered = if self.buffer.is_empty() { 0 } else { sr::WBNE };
        let running = self.queue.front().map_or(0, |operation| sr::BUSY | sr::QW | operation.action.status());
        running | buffered
    }
}
