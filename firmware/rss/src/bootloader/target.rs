//! What the bootloader does for its host: memory, flash, option bytes, services. Every argument is a stranger's.

use crate::library;
use ironroot_hal::flash::{self, OptionChange, ReadProtection};
use ironroot_hal::host::{self, HostMemory};
use ironroot_hal::{install, memory, rss as services};
use ironroot_layout::stm32h735::options::SecureArea;
use ironroot_layout::stm32h735::rss::{RSS_DISABLED, RSS_ERROR, service};
use ironroot_layout::stm32h735::{FLASH, FLASH_WORD, SECTOR, SECTOR_COUNT};
use ironroot_uart_bootloader::device::{Answer, Erase, Refused, Special, Target};
use ironroot_uart_bootloader::protocol::Command;
use ironroot_uart_bootloader::special;

/// The RDP byte of level 0.
pub const LEVEL_0: u32 = 0xAA;
/// The RDP byte that Readout protect writes: level 1, as anything but level 0 and 2.
const LEVEL_1: u32 = 0xBB;
/// WPSN without any protection.
const NO_PROTECTION: u32 = (1 << SECTOR_COUNT) - 1;
const WORD: usize = FLASH_WORD.bytes() as usize;

/// A service that waits for its answer to be sent.
#[derive(Clone, Copy)]
enum Pending {
    None,
    InitializeSecureAreas([u8; special::AREA]),
    RemovePcropArea,
    Install,
}

/// The chip as its bootloader sees it.
pub struct Chip {
    memory: HostMemory,
    pending: Pending,
}

impl Chip {
    /// The chip; `memory` is the right to write its RAM.
    pub fn new(memory: HostMemory) -> Self {
        Chip { memory, pending: Pending::None }
    }

    /// Calls the service that waits. It resets the chip, or the host asks for the status and finds that it did not.
    pub fn serve(&mut self) {
        match core::mem::replace(&mut self.pending, Pending::None) {
            Pending::None => {}
            Pending::InitializeSecureAreas(area) => {
                // Outside of the RAM of RSS, where the service takes no arguments from.
                if self.memory.write_ram(host::ARGUMENTS, &area).is_some() {
                    services::initialize_secure_areas(1, host::ARGUMENTS);
                }
            }
            Pending::RemovePcropArea => {
                services::remove_pcrop_area();
            }
            Pending::Install => {
                services::install();
            }
        }
    }

    /// Programs what of `bytes` belongs into the flash word at `word`. Bytes of it that are not asked for stay as they are.
    ///
    /// A flash word that holds something else is refused: programmed a second time it would hold the AND of both and an ECC
    /// that fits neither.
    fn program(&mut self, word: u32, address: u32, bytes: &[u8]) -> Result<(), Refused> {
        let mut found = [0; WORD];
        self.memory.read(word, &mut found).ok_or(Refused)?;
        let mut wanted = found;
        for (index, place) in (0..).zip(wanted.iter_mut()) {
            let offset = (word + index).wrapping_sub(address) as usize;
            if let Some(byte) = bytes.get(offset) {
                *place = *byte;
            }
        }
        if wanted == found {
            return Ok(());
        }
        if found != [0xFF; WORD] {
            return Err(Refused);
        }
        let mut words = [0; WORD / 4];
        for (word, bytes) in words.iter_mut().zip(wanted.as_chunks::<4>().0) {
            *word = u32::from_le_bytes(*bytes);
        }
        flash::program_word(word, words).map_err(|_| Refused)?;
        let mut written = [0; WORD];
        self.memory.read(word, &mut written).ok_or(Refused)?;
        if written == wanted { Ok(()) } else { Err(Refused) }
    }

    fn service(&mut self, special: Special<'_>, answer: &mut Answer) -> u32 {
        let none = special.data.is_empty() && special.write.is_empty();
        match special.code {
            special::GET_VERSION if none => {
                put(answer, services::version());
                special::OK
            }
            special::GET_STATUS if none => {
                put(answer, services::status());
                special::OK
            }
            special::OPTIONS if none => {
                answer.len = 0;
                for (place, word) in answer.data.as_chunks_mut::<4>().0.iter_mut().zip(flash::options()) {
                    *place = word.to_le_bytes();
                    answer.len += 4;
                }
                special::OK
            }
            special::GET_CERTIFICATE if special.write.is_empty() => certificate(special.data, answer),
            special::BEGIN_INSTALL if none => {
                if !library::no_area_yet() {
                    return RSS_DISABLED;
                }
                self.pending = Pending::Install;
                special::OK
            }
            special::INITIALIZE_SECURE_AREAS if special.write.is_empty() => self.initialize(special.data),
            special::REMOVE_PCROP_AREA if none => {
                if flash::pcrop_area() == SecureArea::None || has_failed(service::REMOVE_PCROP_AREA) {
                    return RSS_DISABLED;
                }
                self.pending = Pending::RemovePcropArea;
                special::OK
            }
            _ => special::UNKNOWN,
        }
    }

    /// The checks of the service, before the answer; the service makes them again.
    fn initialize(&mut self, data: &[u8]) -> u32 {
        if !library::no_area_yet() || has_failed(service::INITIALIZE_SECURE_AREAS) {
            return RSS_DISABLED;
        }
        // One bank, so one area.
        let Ok(area) = <[u8; special::AREA]>::try_from(data) else { return RSS_ERROR };
        let word = |at: usize| {
            area.get(at..at + 4)
                .map_or(0, |bytes| bytes.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte)))
        };
        if library::encode(word(4), word(0), word(8)).is_none() {
            return RSS_ERROR;
        }
        self.pending = Pending::InitializeSecureAreas(area);
        special::OK
    }
}

/// The certificate from an offset on, as much as one answer takes.
fn certificate(data: &[u8], answer: &mut Answer) -> u32 {
    let [low, high] = data else { return special::UNKNOWN };
    let at = usize::from(u16::from_le_bytes([*low, *high]));
    let certificate = install::certificate();
    let mut len = 0;
    for (place, byte) in answer.data.iter_mut().zip(certificate.iter().skip(at)) {
        *place = *byte;
        len += 1;
    }
    answer.len = len;
    special::OK
}

fn put(answer: &mut Answer, word: u32) {
    for (place, byte) in answer.data.iter_mut().zip(word.to_le_bytes()) {
        *place = byte;
    }
    answer.len = 4;
}

/// As the library does it, which alone can read the controller.
fn has_failed(service: u32) -> bool {
    let status = services::status();
    status >> 16 == service && status & 0xFFFF != 0
}

fn checked(result: Result<(), flash::FlashError>) -> Result<(), Refused> {
    result.map_err(|_| Refused)
}

impl Target for Chip {
    fn allows(&mut self, command: Command) -> bool {
        if flash::read_protection() != ReadProtection::Level0 {
            return command.at_level1();
        }
        // The services exist in Secure access mode until the secure area is left.
        !matches!(command, Command::Special | Command::ExtendedSpecial) || services::are_services_open()
    }

    fn product_id(&mut self) -> u16 {
        memory::bootloader_pid()
    }

    fn sectors(&mut self) -> u32 {
        SECTOR_COUNT
    }

    fn may_read(&mut self, address: u32) -> bool {
        host::is_readable(address, 1)
    }

    fn may_write(&mut self, address: u32) -> bool {
        host::is_flash(address, 1) && address.is_multiple_of(4) || host::is_ram(address, 1)
    }

    fn may_start(&mut self, address: u32) -> bool {
        (host::is_flash(address, 8) || host::is_ram(address, 8))
            && address.is_multiple_of(4)
            && match (self.memory.word(address), self.memory.word(address.wrapping_add(4))) {
                (Some(stack), Some(entry)) => library::is_entry(stack, entry),
                _ => false,
            }
    }

    fn read(&mut self, address: u32, into: &mut [u8]) -> Result<(), Refused> {
        self.memory.read(address, into).ok_or(Refused)
    }

    fn write(&mut self, address: u32, bytes: &[u8]) -> Result<(), Refused> {
        if host::is_ram(address, bytes.len()) {
            return self.memory.write_ram(address, bytes).ok_or(Refused);
        }
        if !host::is_flash(address, bytes.len()) || !bytes.len().is_multiple_of(4) {
            return Err(Refused);
        }
        let end = address.saturating_add(bytes.len() as u32);
        let mut word = address & !(FLASH_WORD.bytes() - 1);
        while word < end {
            self.program(word, address, bytes)?;
            word += FLASH_WORD.bytes();
        }
        Ok(())
    }

    fn erase(&mut self, what: Erase) -> Result<(), Refused> {
        let sector_is_free = |sector| {
            let start = FLASH.start().value() + sector * SECTOR.bytes();
            host::is_flash(start, SECTOR.bytes() as usize)
        };
        let erased = match what {
            Erase::All | Erase::Bank1 => u32::MAX,
            Erase::Bank2 => 0,
            Erase::Sectors(sectors) => sectors,
        };
        if !(0..SECTOR_COUNT).filter(|sector| erased >> sector & 1 == 1).all(sector_is_free) {
            return Err(Refused);
        }
        match what {
            Erase::All | Erase::Bank1 => checked(flash::erase_bank()),
            Erase::Bank2 => Err(Refused),
            Erase::Sectors(sectors) => (0..SECTOR_COUNT)
                .filter(|sector| sectors >> sector & 1 == 1)
                .try_for_each(|sector| checked(flash::erase_sector(sector))),
        }
    }

    fn write_protect(&mut self, sectors: u32) -> Result<(), Refused> {
        let others = flash::WPSN_CUR1.read() & NO_PROTECTION;
        checked(flash::change_option(OptionChange::write_protection(others & !sectors)))
    }

    fn write_unprotect(&mut self) -> Result<(), Refused> {
        checked(flash::change_option(OptionChange::write_protection(NO_PROTECTION)))
    }

    fn readout_protect(&mut self) -> Result<(), Refused> {
        checked(flash::change_option(OptionChange::read_protection(LEVEL_1)))
    }

    fn special(&mut self, special: Special<'_>, answer: &mut Answer) -> bool {
        self.pending = Pending::None;
        answer.status = self.service(special, answer);
        !matches!(self.pending, Pending::None)
    }
}
