//! Which mode the chip runs in and what is open at this moment: the moving part of the protections.

use ironroot_cpu::bus::{Access, Kind, Master};
use ironroot_layout::stm32h735::rss::{LIBRARY, RSS};
use ironroot_layout::stm32h735::{BACKUP_SRAM, FLASH, SYSTEM_FLASH};
use ironroot_layout::{Address, Region};

use crate::flash::options::{OptionBytes, ReadProtection, covers};
use crate::rssc;
use crate::rules::{Area, State, Verdict, decide, stricter};

/// Device mode, latched at reset from SECURITY.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// No RSS, no secure area.
    Standard,
    /// Every reset enters RSS.
    SecureAccess,
}

/// The state.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Security {
    mode: Mode,
    vector_base: u32,
    boot0: bool,
    power_on: bool,
    rss_open: bool,
    library_open: bool,
    secure_open: bool,
    handing_over: bool,
    leaving: bool,
    debug_open: bool,
    debugger_seen: bool,
    foreign_boot: bool,
    latches: Latches,
}

/// What the RSS controller keeps over a system reset, for RSS and its library alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Latches {
    /// Check value of the request block.
    pub request: u32,
    /// How the last service ended.
    pub status: u32,
    /// The highest version of a package that was installed. Kept over power-off as well.
    pub version: u32,
}

impl Latches {
    /// What power-on leaves of them.
    #[must_use]
    pub fn after_power_on(self) -> Self {
        Latches { version: self.version, ..Latches::default() }
    }
}

fn inside(region: Region, address: u32) -> bool {
    region.contains(Address::new(address))
}

impl Security {
    /// State after a reset with these options. A debugger that was seen since power-on stays seen: RDP level 1 forgets
    /// an intrusion only with the power (the detail is unverified).
    pub fn after_reset(options: &OptionBytes, boot0: bool, power_on: bool, debugger_seen: bool) -> Self {
        let mode = if options.security() { Mode::SecureAccess } else { Mode::Standard };
        let secure = mode == Mode::SecureAccess;
        let chosen = options.boot_address(boot0);
        let vector_base = if secure {
            RSS.start().value()
        } else if options.read_protection() == ReadProtection::Level2 && !inside(FLASH, chosen) {
            // Level 2 boots from user flash or not at all.
            FLASH.start().value()
        } else {
            chosen
        };
        Security {
            mode,
            vector_base,
            boot0,
            power_on,
            rss_open: secure,
            library_open: secure,
            secure_open: secure,
            handing_over: false,
            leaving: false,
            debug_open: false,
            debugger_seen,
            foreign_boot: !secure && !inside(FLASH, vector_base),
            latches: Latches::default(),
        }
    }

    /// The same with the latches of before: a system reset keeps them.
    #[must_use]
    pub fn keeping(self, latches: Latches) -> Self {
        Security { latches, ..self }
    }

    /// What the RSS controller keeps over a system reset.
    pub fn latches(&self) -> Latches {
        self.latches
    }

    /// Mode since the last reset.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Where the core takes its vectors from at reset.
    pub fn vector_base(&self) -> u32 {
        self.vector_base
    }

    /// True from reset to exit in Secure access mode.
    pub fn is_secure_area_open(&self) -> bool {
        self.secure_open
    }

    /// True from reset to hand-over in Secure access mode.
    pub fn is_rss_open(&self) -> bool {
        self.rss_open
    }

    /// True from reset to exit in Secure access mode.
    pub fn is_library_open(&self) -> bool {
        self.library_open
    }

    /// True if exitSecureArea opened debug.
    pub fn is_debug_open(&self) -> bool {
        self.debug_open
    }

    /// True if a debugger connected since power-on.
    pub fn was_debugger_seen(&self) -> bool {
        self.debugger_seen
    }

    /// A debugger connects. True if rights change by it.
    pub fn see_debugger(&mut self) -> bool {
        !std::mem::replace(&mut self.debugger_seen, true)
    }

    /// RDP level 1 under intrusion.
    pub fn intruded(&self, options: &OptionBytes) -> bool {
        options.read_protection() == ReadProtection::Level1 && (self.debugger_seen || self.foreign_boot)
    }

    /// True if the access is made by code in the open secure area, RSS or library: code that the secure area obeys.
    pub fn is_secure_code(&self, options: &OptionBytes, access: &Access) -> bool {
        self.is_system_code(access)
            || (access.master == Master::Cpu
                && self.secure_open
                && inside(FLASH, access.pc)
                && covers(options.secure_area(), access.pc))
    }

    /// True if the access is made by code in open RSS or in its open library.
    pub fn is_system_code(&self, access: &Access) -> bool {
        access.master == Master::Cpu
            && (self.rss_open && inside(RSS, access.pc) || self.library_open && inside(LIBRARY, access.pc))
    }

    /// The rule table's answer for flash, system flash and backup SRAM; `None` for other addresses.
    pub fn verdict(
        &self,
        options: &OptionBytes,
        address: u32,
        master: Master,
        kind: Kind,
    ) -> Option<Verdict> {
        let state = |open| if open { State::Open } else { State::Closed };
        if inside(SYSTEM_FLASH, address) {
            let (area, state) = if inside(RSS, address) {
                (Area::Rss, state(self.rss_open))
            } else if inside(LIBRARY, address) {
                (Area::Library, state(self.library_open))
            } else {
                (Area::Bootloader, State::Open)
            };
            return Some(decide(area, state, master, kind));
        }
        let protected = |open| if self.intruded(options) { State::Intruded } else { state(open) };
        if inside(BACKUP_SRAM, address) {
            return Some(decide(Area::BackupSram, protected(true), master, kind));
        }
        if !inside(FLASH, address) {
            return None;
        }
        let mut verdict = decide(Area::User, protected(true), master, kind);
        if covers(options.pcrop(), address) {
            verdict = stricter(verdict, decide(Area::Pcrop, protected(false), master, kind));
        }
        if self.mode == Mode::SecureAccess && covers(options.secure_area(), address) {
            verdict = stricter(verdict, decide(Area::Secure, protected(self.secure_open), master, kind));
        }
        Some(verdict)
    }

    /// The core fetches at `address`: what waits for the code to leave RSS or the library happens. True if rights changed.
    pub fn fetch(&mut self, address: u32) -> bool {
        let mut changed = false;
        if self.handing_over && !inside(RSS, address) {
            self.handing_over = false;
            self.rss_open = false;
            // RSS may start the bootloader or RAM; at RDP level 1 that counts as an intrusion as without RSS.
            self.foreign_boot = !inside(FLASH, address) && !inside(LIBRARY, address);
            changed = true;
        }
        if self.leaving && !inside(LIBRARY, address) {
            self.leaving = false;
            self.library_open = false;
            changed = true;
        }
        changed
    }

    /// Reads the RSS controller.
    pub fn read_rssc(&self, offset: u32, access: &Access) -> u32 {
        if !self.is_system_code(access) {
            return 0;
        }
        let bit = |condition, bit| if condition { bit } else { 0 };
        match offset {
            rssc::BOOTR => bit(self.boot0, rssc::BOOTR_BOOT0) | bit(self.power_on, rssc::BOOTR_POWER_ON),
            rssc::REQUEST => self.latches.request,
            rssc::STATUS => self.latches.status,
            rssc::VERSION => self.latches.version,
            _ => 0,
        }
    }

    /// Writes the RSS controller. True if rights changed (or will, with the next fetch elsewhere).
    pub fn write_rssc(&mut self, offset: u32, value: u32, access: &Access) -> bool {
        if !self.is_system_code(access) {
            return false;
        }
        match (offset, value) {
            (rssc::HANDOVER, rssc::HANDOVER_KEY) => self.handing_over = self.rss_open,
            (rssc::REQUEST, tag) => self.latches.request = tag,
            (rssc::STATUS, status) => self.latches.status = status,
            (rssc::VERSION, version) => self.latches.version = self.latches.version.max(version),
            (rssc::EXIT, rssc::EXIT_KEY) => {
                self.secure_open = false;
                self.leaving = self.library_open;
            }
            // Only between EXIT and the end of the library's code: an application that jumps to the store instruction
            // finds the library closed.
            (rssc::DEBUG, rssc::DEBUG_KEY) if self.leaving && inside(LIBRARY, access.pc) => {
                self.debug_open = true;
            }
            _ => return false,
        }
        true
    }
}
