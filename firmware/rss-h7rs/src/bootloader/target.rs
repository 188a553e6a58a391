//! What the bootloader does for its host. Every argument is a stranger's.

use ironroot_codes::{Code, h7rs as codes};
use ironroot_hal::flash::{self, EPOCHS, HDPS, NVS, OBW1, OBW2, ROTS, WRPS};
use ironroot_hal::sbs;
use ironroot_layout::stm32h7rs::chip::{
    AHB_SRAM1, AXI_SRAM, AXI_SRAM3, DTCM, ERASED, FLASH, FLASH_WORD, ITCM, OTP, SECTOR, SECTOR_COUNT,
};
use ironroot_layout::stm32h7rs::rsslib::{COMMAND, RAM, SUCCESS, Service};
use ironroot_layout::stm32h7rs::state::Hdpl;
use ironroot_layout::{Address, Region, Size};
use ironroot_rss_h7rs::hw::host::HostMemory;
use ironroot_rss_h7rs::{hw, provision, services, state};
use ironroot_uart_bootloader::device::{Answer, Erase, Refused, Special, Target};
use ironroot_uart_bootloader::protocol::Command;
use ironroot_uart_bootloader::special;

/// PID of the STM32H7R/7S.
const PRODUCT_ID: u16 = 0x485;
const WORD: usize = FLASH_WORD.bytes() as usize;
/// WRPSR without any protection.
const NO_PROTECTION: u32 = (1 << SECTOR_COUNT) - 1;

/// What a host may read, beside [`WRITABLE`] and user flash.
const READABLE: [Region; 3] =
    [OTP, Region::between(0x08FF_F800, 0x08FF_F810), Region::between(0x5200_2200, 0x5200_2270)];

/// RAM that a host may write: all of it but what this program lies in, what is shared by contract, and where commands wait.
const WRITABLE: [Region; 4] = [
    ITCM,
    Region::between(RAM.end().value(), DTCM.end().value()),
    Region::between(AXI_SRAM.start().value(), COMMAND.start().value()),
    AHB_SRAM1,
];

/// Where the content of a provisioning goes for the service.
const STAGING: Region = Region::between(AXI_SRAM3.start().value(), AXI_SRAM3.start().value() + 0x400);

/// A service that waits for its answer to be sent, because it resets the chip.
#[derive(Clone, Copy)]
enum Pending {
    None,
    Provision(provision::Words),
    SetState(u32),
}

/// The chip as its bootloader sees it.
pub struct Chip {
    memory: HostMemory,
    pending: Pending,
}

fn is_in(regions: &[Region], address: u32, length: usize) -> bool {
    let Ok(length) = u32::try_from(length) else { return false };
    let place = Region::checked(Address::new(address), Size::new(length));
    place.is_some_and(|place| regions.iter().any(|region| region.contains_region(place)))
}

fn word(bytes: &[u8], index: usize) -> u32 {
    bytes.as_chunks::<4>().0.get(index).map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

fn put(answer: &mut Answer, words: &[u32]) {
    for (place, word) in answer.data.as_chunks_mut::<4>().0.iter_mut().zip(words) {
        *place = word.to_le_bytes();
    }
    answer.len = 4 * words.len();
}

fn checked(outcome: Result<(), flash::Failed>) -> Result<(), Refused> {
    outcome.map_err(|_| Refused)
}

/// The number that the host gets for what a service returned.
fn status(answer: u32, refusal: Code) -> u32 {
    if answer == SUCCESS { special::OK } else { u32::from(refusal.number()) }
}

impl Chip {
    /// The chip.
    pub fn new() -> Self {
        Chip { memory: HostMemory::claim(), pending: Pending::None }
    }

    /// Calls the service that waits, which resets the chip.
    pub fn serve(&mut self) {
        match core::mem::replace(&mut self.pending, Pending::None) {
            Pending::None => {}
            Pending::Provision(words) => {
                services::call(Service::DataProvisioning, [hw::address_of(&words), 0, 0, 0]);
            }
            Pending::SetState(number) => {
                services::call(Service::SetProductState, [number, 0, 0, 0]);
            }
        }
    }

    fn service(&mut self, special: Special<'_>, answer: &mut Answer) -> u32 {
        match (special.code, special.data.len(), special.write.len()) {
            (special::GET_STATUS, 0, 0) => {
                put(answer, &[services::call(Service::GetRssStatus, [0; 4])]);
                special::OK
            }
            (special::DATA_PROVISIONING, 16, 1..) => self.provision(special.data, special.write),
            (special::SET_PRODUCT_STATE, 4, 0) => {
                let number = word(special.data, 0);
                match state::check(number, sbs::level()) {
                    // It resets the chip: the answer goes first.
                    Ok((target, _)) if !state::is_unsettled(target) => {
                        self.pending = Pending::SetState(number);
                        special::OK
                    }
                    Ok(_) => {
                        let done = services::call(Service::SetProductState, [number, 0, 0, 0]);
                        status(done, codes::OPTION_WORD_REFUSED)
                    }
                    Err(code) => u32::from(code.number()),
                }
            }
            (special::GET_PRODUCT_STATE, 0, 0) => {
                put(answer, &[services::call(Service::GetProductState, [0; 4])]);
                special::OK
            }
            (special::SET_OPTION, 12, 0) => {
                let [address, mask, value] = [0, 1, 2].map(|index| word(special.data, index));
                let done = services::call(Service::SetSecureOptionByte, [address, mask, value, 0]);
                status(done, codes::OPTION_WORD_REFUSED)
            }
            (special::OPTION_WORDS, 0, 0) => {
                put(answer, &[NVS, ROTS, WRPS, HDPS, EPOCHS, OBW1, OBW2].map(flash::Word::read));
                special::OK
            }
            _ => special::UNKNOWN,
        }
    }

    /// Puts the content where the service wants it, and calls it; behind the answer, if it resets the chip.
    fn provision(&mut self, data: &[u8], content: &[u8]) -> u32 {
        let source = STAGING.start().value();
        if content.len() > STAGING.size().bytes() as usize
            || word(data, 1) as usize != content.len()
            || self.memory.write(source, content).is_none()
        {
            return u32::from(codes::PROVISIONING_SOURCE.number());
        }
        let words = [source, word(data, 0), word(data, 1), word(data, 2), word(data, 3)];
        let level = sbs::level();
        match provision::check(words, level) {
            Ok(request) if request.destination.level < level => {
                self.pending = Pending::Provision(words);
                special::OK
            }
            Ok(_) => {
                let done = services::call(Service::DataProvisioning, [hw::address_of(&words), 0, 0, 0]);
                status(done, codes::KEY_WRITE_FAILED)
            }
            Err(code) => u32::from(code.number()),
        }
    }

    /// Programs what of `bytes` belongs into the flash word at `place`. A flash word that holds something else is refused: programmed
    /// a second time its check bits would fit neither.
    fn program(&mut self, place: u32, address: u32, bytes: &[u8]) -> Result<(), Refused> {
        let mut found = [0; WORD];
        self.memory.read(place, &mut found).ok_or(Refused)?;
        let mut wanted = found;
        for (index, to) in (0..).zip(wanted.iter_mut()) {
            let offset = place.wrapping_add(index).wrapping_sub(address) as usize;
            if let Some(byte) = bytes.get(offset) {
                *to = *byte;
            }
        }
        if wanted == found {
            return Ok(());
        }
        if found != [ERASED; WORD] {
            return Err(Refused);
        }
        let mut words = [0; WORD / 4];
        for (to, bytes) in words.iter_mut().zip(wanted.as_chunks::<4>().0) {
            *to = u32::from_le_bytes(*bytes);
        }
        checked(flash::program_word(place, words))?;
        let mut written = [0; WORD];
        self.memory.read(place, &mut written).ok_or(Refused)?;
        if written == wanted { Ok(()) } else { Err(Refused) }
    }
}

impl Target for Chip {
    fn allows(&mut self, command: Command) -> bool {
        // This part has product states instead of read protection.
        !matches!(command, Command::ReadoutProtect | Command::ReadoutUnprotect)
    }

    fn product_id(&mut self) -> u16 {
        PRODUCT_ID
    }

    fn sectors(&mut self) -> u32 {
        SECTOR_COUNT
    }

    fn may_read(&mut self, address: u32) -> bool {
        is_in(&[FLASH], address, 1) || is_in(&WRITABLE, address, 1) || is_in(&READABLE, address, 1)
    }

    fn may_write(&mut self, address: u32) -> bool {
        is_in(&[FLASH], address, 1) && address.is_multiple_of(4) || is_in(&WRITABLE, address, 1)
    }

    fn may_start(&mut self, address: u32) -> bool {
        hw::is_vectors(address, Hdpl::Level3)
    }

    fn read(&mut self, address: u32, into: &mut [u8]) -> Result<(), Refused> {
        let length = into.len();
        let readable = is_in(&[FLASH], address, length)
            || is_in(&WRITABLE, address, length)
            || is_in(&READABLE, address, length);
        if readable { self.memory.read(address, into).ok_or(Refused) } else { Err(Refused) }
    }

    fn write(&mut self, address: u32, bytes: &[u8]) -> Result<(), Refused> {
        if is_in(&WRITABLE, address, bytes.len()) {
            return self.memory.write(address, bytes).ok_or(Refused);
        }
        if !is_in(&[FLASH], address, bytes.len()) || !bytes.len().is_multiple_of(4) {
            return Err(Refused);
        }
        let end = address.saturating_add(bytes.len() as u32);
        let mut place = address & !(FLASH_WORD.bytes() - 1);
        while place < end {
            self.program(place, address, bytes)?;
            place = place.saturating_add(FLASH_WORD.bytes());
        }
        Ok(())
    }

    fn erase(&mut self, what: Erase) -> Result<(), Refused> {
        match what {
            Erase::All | Erase::Bank1 => checked(flash::erase_bank()),
            Erase::Bank2 => Err(Refused),
            Erase::Sectors(sectors) => (0..SECTOR_COUNT)
                .filter(|sector| sectors >> sector & 1 == 1)
                .try_for_each(|sector| checked(flash::erase_sector(sector))),
        }
    }

    fn write_protect(&mut self, sectors: u32) -> Result<(), Refused> {
        state::word(WRPS, WRPS.read() & NO_PROTECTION & !sectors).map_err(|_| Refused)
    }

    fn write_unprotect(&mut self) -> Result<(), Refused> {
        state::word(WRPS, NO_PROTECTION).map_err(|_| Refused)
    }

    fn readout_protect(&mut self) -> Result<(), Refused> {
        Err(Refused)
    }

    fn special(&mut self, special: Special<'_>, answer: &mut Answer) -> bool {
        self.pending = Pending::None;
        answer.status = self.service(special, answer);
        !matches!(self.pending, Pending::None)
    }
}

const _: () = assert!(SECTOR.bytes() * SECTOR_COUNT == FLASH.size().bytes());
