//! What can still become of a device: which option-byte states can be reached, by whom, and whether a way leads back to the
//! factory state.
//!
//! 1. No rule is written here. Whether a change is allowed is asked of [`crate::flash::change`], where a boot begins of
//!    [`crate::security`]; this module only tries the moves that somebody outside has.
//! 2. The search is bounded: of the many values of an option only those count that a move can need (the present one, the
//!    wanted one, and the one that regression and removal ask for). There are fewer than a thousand such states.
//! 3. Firmware is trusted with nothing. What only the device's own code could do is no way back, unless that code was
//!    seen doing it ([`Content::opens_debug`]).
//!
//! The boot decision of Secure access mode is made by RSS (`firmware/rss`, `machine`); [`next_boot`] is its table, and an
//! end-to-end test runs the real one against it.

mod search;

use ironroot_layout::stm32h735::options::SecureArea;
use ironroot_layout::stm32h735::{FLASH, SECTOR, SECTOR_COUNT, SYSTEM_FLASH, rss};
use ironroot_layout::{Address, Region};

use crate::flash::options::{OptionBytes, ReadProtection, covers};
use crate::map::Regions;
use crate::security::{Mode, Security};

pub use search::{Agent, Question, Step, ways};

/// What stands where a boot would begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Entry {
    /// A vector table that can be started.
    Runs,
    /// Erased, or no vector table.
    Blank,
    /// Reading it is a bus error: power was lost while it was written or erased.
    Damaged,
    /// It cannot be read from here.
    Unknown,
}

impl Entry {
    /// Judges the first two words as RSS does: stack pointer and Thumb entry rather than erased flash.
    pub const fn judge(stack: u32, entry: u32) -> Entry {
        if stack.is_multiple_of(4) && entry & 1 == 1 && entry != u32::MAX {
            Entry::Runs
        } else {
            Entry::Blank
        }
    }
}

/// What is known of the flash.
#[derive(Clone, Copy)]
pub struct Content<'a> {
    /// What stands at an address of user flash.
    pub entry: &'a dyn Fn(u32) -> Entry,
    /// The code that boots has opened the debug port (exitSecureArea with the JTAG magic): seen, not hoped for.
    pub opens_debug: bool,
}

impl Content<'_> {
    /// What a boot finds at `address` after the sectors in `erased` were erased.
    fn at(&self, address: u32, options: &OptionBytes, erased: u32) -> Entry {
        // Vectors are read as data, and execute-only flash reads as zero.
        if covers(options.pcrop(), address) {
            return Entry::Blank;
        }
        let sector = address.wrapping_sub(FLASH.start().value()) / SECTOR.bytes();
        if sector < SECTOR_COUNT && erased >> sector & 1 == 1 { Entry::Blank } else { (self.entry)(address) }
    }
}

/// What a reset leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Boot {
    /// The code in the secure area.
    SecureCode,
    /// Code in user flash.
    Application,
    /// The system bootloader, and it serves.
    Bootloader,
    /// RAM, which holds nothing after power-on.
    Ram,
    /// Nothing that runs.
    Nothing,
}

impl Boot {
    /// True if code of the owner runs.
    pub const fn runs_own_code(self) -> bool {
        matches!(self, Boot::SecureCode | Boot::Application)
    }
}

fn inside(region: Region, address: u32) -> bool {
    region.contains(Address::new(address))
}

/// What a power-on with these options leads to. `erased`: sectors erased since `content` was looked at, bit n is sector n.
pub fn next_boot(options: &OptionBytes, boot0: bool, content: &Content<'_>, erased: u32) -> Boot {
    let code = |address, boot| match content.at(address, options, erased) {
        Entry::Blank | Entry::Damaged => Boot::Nothing,
        Entry::Runs | Entry::Unknown => boot,
    };
    // At level 2 the bootloader is not reachable, or answers nothing.
    let bootloader =
        if options.read_protection() == ReadProtection::Level2 { Boot::Nothing } else { Boot::Bootloader };
    let target = if options.security() {
        match options.secure_area() {
            SecureArea::WholeFlash => return code(FLASH.start().value(), Boot::SecureCode),
            SecureArea::Region(area) => return code(area.start().value(), Boot::SecureCode),
            SecureArea::None => options.boot_address(boot0),
        }
    } else {
        Security::after_reset(options, boot0, true, false).vector_base()
    };
    if inside(FLASH, target) {
        // RSS starts the bootloader rather than erased flash; with damaged flash it stops itself.
        let blank = content.at(target, options, erased) == Entry::Blank;
        return if blank && options.security() { bootloader } else { code(target, Boot::Application) };
    }
    if inside(SYSTEM_FLASH, target) {
        return if inside(rss::BOOTLOADER, target) { bootloader } else { Boot::Nothing };
    }
    match Regions::new(options.tcm_axi_shared()).locate(target) {
        Some(_) => Boot::Ram,
        None => Boot::Nothing,
    }
}

/// A device at a moment, as far as its options decide what is possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The options in force.
    pub options: OptionBytes,
    /// Mode since the last reset.
    pub mode: Mode,
    /// exitSecureArea has opened debug.
    pub debug_open: bool,
    /// What runs since the last reset.
    pub boot: Boot,
    /// Sectors erased since the content was looked at.
    pub erased: u32,
}

impl State {
    /// The device after power-on.
    pub fn power_on(options: OptionBytes, boot0: bool, content: &Content<'_>, erased: u32) -> State {
        let boot = next_boot(&options, boot0, content, erased);
        let mode = if options.security() { Mode::SecureAccess } else { Mode::Standard };
        // Whether half of the firmware still opens debug nobody knows.
        let debug_open =
            mode == Mode::SecureAccess && content.opens_debug && erased == 0 && boot.runs_own_code();
        State { options, mode, debug_open, boot, erased }
    }

    /// True if a debugger gets in.
    pub fn debugger(&self) -> bool {
        self.options.read_protection() != ReadProtection::Level2
            && (self.mode == Mode::Standard || self.debug_open)
    }

    /// True if the system bootloader answers.
    pub fn bootloader(&self) -> bool {
        self.boot == Boot::Bootloader
    }
}

/// What the future of a device looks like from outside, from power-on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// These steps lead back to the factory state.
    Open(Vec<Step>),
    /// Something runs, and only that code could lead back.
    OwnCode,
    /// RDP level 2: it works as it is, for ever.
    Final,
    /// Nothing boots, and no way back.
    Dead,
}

impl Outlook {
    /// The outlook of a device with these options and content.
    pub fn of(options: &OptionBytes, content: &Content<'_>, erased: u32) -> Outlook {
        let question = Question { content, wanted: OptionBytes::FACTORY, power_cycles: true };
        let starts = [false, true]
            .map(|boot0| (State::power_on(*options, boot0, content, erased), Some(Step::PowerOn { boot0 })));
        if let Some(steps) = ways(&starts, &question) {
            return Outlook::Open(steps);
        }
        let runs = starts.iter().any(|(state, _)| state.boot.runs_own_code());
        match options.read_protection() {
            _ if !runs => Outlook::Dead,
            ReadProtection::Level2 => Outlook::Final,
            _ => Outlook::OwnCode,
        }
    }

    /// The name in results.
    pub const fn name(&self) -> &'static str {
        match self {
            Outlook::Open(_) => "way-back",
            Outlook::OwnCode => "own-code-only",
            Outlook::Final => "final",
            Outlook::Dead => "dead-end",
        }
    }
}

#[cfg(test)]
mod tests;
