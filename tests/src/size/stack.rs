//! How deep the stack of a boot gets, watched on the virtual device.

use ironroot_boot::keystore::{self, StoredKey};
use ironroot_chip::{Board, Stm32h735};
use ironroot_cpu::core::Core;
use ironroot_cpu::machine::{Action, Hook};
use ironroot_cpu::op::Args;
use ironroot_crypto::Software;
use ironroot_layout::Address;
use ironroot_layout::stm32h735 as map;

use super::Variant;
use crate::device::{Device, image, load_pieces, signing_key};

/// More instructions than an update takes.
const LIMIT: u64 = 2_000_000_000;

struct Depth {
    /// The least stack pointer while secure boot ran; it begins at the end of its RAM.
    least: u32,
    started: bool,
}

impl Hook<Stm32h735> for Depth {
    fn before(&mut self, core: &mut Core<Stm32h735>, pc: u32, _: &Args) -> Action {
        if map::SECURE_AREA.contains(Address::new(pc)) {
            self.least = self.least.min(core.r[13]);
        }
        if map::SLOT.region.contains(Address::new(pc)) {
            self.started = true;
            return Action::Stop;
        }
        Action::Run
    }
}

/// Bytes of stack of a boot that first installs an image (from the secondary slot into the empty primary one) and then
/// starts it: every verification, the copy, the decision.
pub fn deepest(variant: &Variant) -> u32 {
    let mut board = Board::with_serial(1);
    for (address, bytes) in load_pieces(&std::fs::read(variant.elf()).expect("readable")) {
        assert!(board.preload(address, &bytes));
    }
    let stored = StoredKey { key: signing_key().public_key(), demo: false };
    let page = keystore::build(&[stored], &mut Software).expect("a key store");
    assert!(board.preload(map::KEY_STORE.start().value(), &page));
    assert!(board.preload(map::SECONDARY_SLOT.region.start().value(), &image("hello-hal", &signing_key())));
    let mut device = Device::on(&board);
    device.set_security();
    let top = map::SECURE_BOOT_RAM.end().value();
    let mut depth = Depth { least: top, started: false };
    device.machine.run_hooked(LIMIT, &mut depth);
    let _ = device.run(0);
    assert!(depth.started, "{}: not started; the console: {}", variant.name, device.console);
    top - depth.least
}
