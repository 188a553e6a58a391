//! A virtual STM32H735 with our firmware on it, for tests that read like the story of a boot.

use ironroot_boot::keystore::{self, StoredKey};
use ironroot_boot::{HandOff, HandOffError};
use ironroot_chip::flash::options::OptionBytes;
use ironroot_chip::flash::registers::optsr::SECURITY;
use ironroot_chip::{Board, RomImage, Stm32h735};
use ironroot_cpu::bus::Bus;
use ironroot_cpu::core::Core;
use ironroot_cpu::machine::{Action, Hook, Machine, Stop};
use ironroot_cpu::op::Args;
use ironroot_crypto::{Signer, SigningKey, Software};
use ironroot_debug::flasher::Flasher;
use ironroot_image::Version;
use ironroot_image::build::Builder;
use ironroot_layout::stm32h735::{self as map, rss};
use ironroot_layout::{Address, Region};

use crate::firmware;

/// The console of secure boot and of the examples.
pub const CONSOLE: u8 = 3;

/// Code regions of a boot, by who owns them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// System flash, the services proper.
    Rss,
    /// System flash, the service library.
    Library,
    /// System flash, the bootloader.
    Bootloader,
    /// The secure area: secure boot.
    SecureBoot,
    /// The application's slot.
    Application,
    /// Anywhere else.
    Elsewhere,
}

/// Which region an address is in.
pub fn place_of(pc: u32) -> Place {
    let regions: [(Region, Place); 5] = [
        (rss::RSS, Place::Rss),
        (rss::LIBRARY, Place::Library),
        (rss::BOOTLOADER, Place::Bootloader),
        (map::SECURE_AREA, Place::SecureBoot),
        (map::SLOT.region, Place::Application),
    ];
    regions
        .iter()
        .find(|(region, _)| region.contains(Address::new(pc)))
        .map_or(Place::Elsewhere, |(_, place)| *place)
}

/// Bytes of an ELF file by physical address, as the tool reads it.
pub fn load_pieces(elf: &[u8]) -> Vec<(u32, Vec<u8>)> {
    let elf = ironroot::input::elf::parse(elf).unwrap_or_else(|_| panic!("our own firmware is ELF"));
    elf.pieces.into_iter().map(|piece| (piece.address, piece.bytes)).collect()
}

/// The key that signs in the tests.
pub fn signing_key() -> SigningKey {
    SigningKey::from_scalar(&[7; 32]).expect("a valid scalar")
}

/// Another key, that no device trusts.
pub fn foreign_key() -> SigningKey {
    SigningKey::from_scalar(&[8; 32]).expect("a valid scalar")
}

/// The payload of an example application, from its vector table on.
pub fn application(name: &str) -> Vec<u8> {
    let elf = std::fs::read(firmware(name)).expect("readable");
    let start = map::SLOT.vector_table().expect("a slot has one").value();
    let mut payload = Vec::new();
    for (address, data) in load_pieces(&elf) {
        let at = address.checked_sub(start).expect("linked behind the header") as usize;
        payload.resize(payload.len().max(at + data.len()), 0xFF);
        payload[at..at + data.len()].copy_from_slice(&data);
    }
    payload
}

/// The builder of an image as `image sign --device stm32h735` makes it.
pub fn builder() -> Builder {
    Builder::new(Version { major: 1, minor: 2, revision: 3, build: 4 })
        .security_counter(5)
        .vendor_id(map::VENDOR_ID)
        .class_id(map::CLASS_ID)
}

/// A signed image of an example application.
pub fn image(name: &str, key: &SigningKey) -> Vec<u8> {
    builder().build(&application(name), Some(key as &dyn Signer), &mut Software).expect("an image")
}

/// A virtual device.
#[derive(Clone)]
pub struct Device {
    /// Core and chip.
    pub machine: Machine<Stm32h735>,
    /// Everything the console printed.
    pub console: String,
}

impl Device {
    /// Our ROM.
    pub fn rom() -> RomImage {
        let parts = ["rss", "rss-install"];
        let pieces = parts.map(|name| load_pieces(&std::fs::read(firmware(name)).expect("readable")));
        RomImage::from_segments(pieces.concat()).expect("the ROM fits system flash")
    }

    /// A chip with our ROM on `board`, just powered on.
    pub fn on(board: &Board) -> Device {
        let chip = Stm32h735::from_board(board, &Device::rom());
        Device { machine: Machine::new(chip), console: String::new() }
    }

    /// A chip with our ROM, secure boot, key store and `image` in the slot, nothing protected yet.
    pub fn unprotected(image: &[u8]) -> Device {
        let mut board = Board::with_serial(1);
        for (address, bytes) in load_pieces(&std::fs::read(firmware("secure-boot")).expect("readable")) {
            assert!(board.preload(address, &bytes));
        }
        let stored = StoredKey { key: signing_key().public_key(), demo: false };
        let page = keystore::build(&[stored], &mut Software).expect("a key store");
        assert!(board.preload(map::KEY_STORE.start().value(), &page));
        assert!(board.preload(map::SLOT.region.start().value(), image));
        Device::on(&board)
    }

    /// As [`Device::unprotected`], with SECURITY set by the real option-byte sequence and the reset done. The first boot
    /// will ask RSS for the secure area.
    pub fn secured(image: &[u8]) -> Device {
        let mut device = Device::unprotected(image);
        device.set_security();
        device
    }

    /// Sets the SECURITY option bit through the debug port, then resets.
    pub fn set_security(&mut self) {
        let chip = &mut self.machine.core.bus;
        let mut wanted: OptionBytes = *chip.options();
        wanted.optsr |= SECURITY;
        Flasher(chip).change_options(&wanted).expect("SECURITY can be set any time");
        self.machine.poke();
        self.machine.system_reset();
    }

    /// Runs at most `limit` instructions and collects the console.
    pub fn run(&mut self, limit: u64) -> Stop {
        let stop = self.machine.run(limit);
        self.collect();
        stop
    }

    fn collect(&mut self) {
        let text = self.machine.core.bus.take_uart_output(CONSOLE);
        self.console.push_str(&String::from_utf8_lossy(&text));
    }

    /// Runs until the core sleeps for good, noting each change of place.
    pub fn boot(&mut self, limit: u64) -> (Stop, Vec<Place>) {
        let mut places = Places { seen: Vec::new() };
        let stop = self.machine.run_hooked(limit, &mut places);
        self.collect();
        (stop, places.seen)
    }

    /// The hand-off record as the host decodes it.
    pub fn hand_off(&self) -> Result<HandOff, HandOffError> {
        let start = map::HAND_OFF.start().value();
        let bytes: Vec<u8> = (0..map::HAND_OFF.size().bytes()).map(|i| self.peek(start + i)).collect();
        HandOff::decode(&bytes)
    }

    /// A byte of memory past all protections (the test is not part of the device).
    pub fn peek(&self, address: u32) -> u8 {
        let offset = self.machine.core.bus.arena_offset(address).expect("an address of a memory");
        self.machine.memory().slice(offset, 1).first().copied().expect("inside the arena")
    }

    /// Bytes of memory past all protections.
    pub fn peek_bytes(&self, address: u32, length: u32) -> Vec<u8> {
        let offset = self.machine.core.bus.arena_offset(address).expect("an address of a memory");
        self.machine.memory().slice(offset, length as usize).to_vec()
    }

    /// A word of memory past all protections.
    pub fn peek_word(&self, address: u32) -> u32 {
        let bytes = self.peek_bytes(address, 4);
        u32::from_le_bytes(bytes.try_into().expect("four bytes"))
    }

    /// Puts bytes into a memory past all protections.
    pub fn poke_bytes(&mut self, address: u32, bytes: &[u8]) {
        let offset = self.machine.core.bus.arena_offset(address).expect("an address of a memory");
        self.machine.core.bus.memory_mut().write_bytes(offset, bytes);
        self.machine.poke();
    }

    /// Flips one bit of flash past the controller.
    pub fn flip(&mut self, address: u32, bit: u8) {
        let offset = self.machine.core.bus.arena_offset(address).expect("an address of a memory");
        let byte = self.peek(address) ^ (1 << bit);
        self.machine.core.bus.memory_mut().write_bytes(offset, &[byte]);
        self.machine.poke();
    }
}

struct Places {
    seen: Vec<Place>,
}

impl Hook<Stm32h735> for Places {
    fn before(&mut self, _: &mut Core<Stm32h735>, pc: u32, _: &Args) -> Action {
        let place = place_of(pc);
        if self.seen.last() != Some(&place) {
            self.seen.push(place);
        }
        Action::Run
    }
}
