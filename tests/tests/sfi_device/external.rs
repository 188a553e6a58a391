//! Content of the external flash and keys that the device makes itself: installed together with the firmware, or not at all.

use ironroot_chip::peripherals::rng::RngFault;

use super::*;

/// Where the tests have their keys: in the secure area, behind the firmware.
const KEYS: u32 = 0x0801_0000;
/// Content of the external flash that begins and ends inside a sector.
const EXTERNAL: u32 = 0x9000_3000 - 0x60;

fn external_content() -> Vec<u8> {
    (0..0x2C0_u32).map(|at| (at * 29 + at / 256) as u8).collect()
}

/// Firmware, two pieces of external content that share a sector, and two keys.
fn full() -> (Vec<u8>, Vec<u8>) {
    let content = external_content();
    let couples = [(16, KEYS), (48, KEYS + 0x40)].map(|(size, address)| KeyPlace { size, address }.encode());
    let areas = [
        (AreaKind::Firmware, FLASH, firmware(160)),
        (AreaKind::External, EXTERNAL, content[..0xC0].to_vec()),
        (AreaKind::External, EXTERNAL + 0xC0, content[0xC0..].to_vec()),
        (AreaKind::Keys, 0, couples.concat()),
        (AreaKind::Configuration, 0, options(OptionRegister::SecureArea, SECTOR_0)),
    ];
    let (package, id) = seal(&areas, 5, NONCE);
    (package, licence(LicenceKind::Firmware, 5, &PRIVATE, id))
}

fn external_bytes(device: &Device) -> Vec<u8> {
    let flash = device.machine.core.bus.external_flash(EXTERNAL).expect("a memory");
    let start = EXTERNAL - 0x9000_0000;
    (start..start + 0x2C0).map(|offset| flash.byte(offset)).collect()
}

/// No sector of the external flash that the package of [`full`] touches holds anything.
fn external_is_empty(device: &Device) -> bool {
    let flash = device.machine.core.bus.external_flash(EXTERNAL).expect("a memory");
    (0x2000..0x4000).all(|offset| flash.byte(offset) == 0xFF)
}

#[test]
fn external_content_and_keys_of_its_own_are_installed() {
    let (package, licence) = full();
    let installed = |serial: u64| {
        let mut board = Board::with_serial(serial);
        board.options_mut().optsr |= SECURITY;
        board.set_identity(Identity { key: PRIVATE, certificate: certificate().encode() });
        // What was there is erased, sector by sector, and no more.
        assert!(board.preload_external(0x9000_2000, &[0; 0x2000]));
        assert!(board.preload_external(0x9000_4000, &[0x77; 0x10]));
        let mut device = Device::on(&board);
        let d = &mut device;
        let mut serial = begin(d);
        send(d, &mut serial, &[&licence], &package).expect("installed");
        assert!(!serial.heard.windows(16).any(|heard| heard == d.peek_bytes(KEYS, 16)), "a key went out");
        end(d, &mut serial);
        assert!(runs_the_firmware(d));
        let flash = d.machine.core.bus.external_flash(EXTERNAL).expect("a memory");
        assert_eq!((flash.byte(0x4000), flash.byte(0x2000)), (0x77, 0xFF));
        device
    };
    let one = installed(1);
    assert_eq!(external_bytes(&one), external_content());
    let keys = |device: &Device| device.peek_bytes(KEYS, 0x80);
    let first = keys(&one);
    assert!(first[16..0x40].iter().all(|byte| *byte == 0xFF), "the rest of the flash word is erased");
    assert_ne!(first[..16], first[0x40..0x50], "two keys");
    for key in [&first[..16], &first[0x40..0x70]] {
        assert!(key.windows(8).all(|bytes| bytes != [0xFF; 8] && bytes != [0; 8]));
    }
    // Only code of the secure area reads them, and nobody once it has been left.
    for master in [Master::Debugger, Master::Dma] {
        let verdict = one.machine.core.bus.verdict(KEYS, master, Kind::Read);
        assert!(verdict.is_some_and(|verdict| verdict != Verdict::Allow), "{master:?}");
    }
    let other = keys(&installed(2));
    assert!(first[..16] != other[..16] && first[0x40..0x70] != other[0x40..0x70], "each device has its own");
    // The generator of this device goes on where it was, whatever happened to the power.
    let drawn = one.machine.core.bus.to_board().random_blocks();
    assert!(drawn >= 4, "{drawn} blocks");
}

#[test]
fn a_generator_that_fails_gives_no_keys() {
    let (package, licence) = full();
    for fault in [RngFault::Seed, RngFault::Clock, RngFault::Stuck] {
        let mut device = Device::on(&board());
        let d = &mut device;
        let mut serial = begin(d);
        d.machine.core.bus.rng_mut().fail(Some(fault));
        let refused = send(d, &mut serial, &[&licence], &package).expect_err("no keys");
        assert_eq!(refused, Ok(codes::RANDOM_FAILED), "{fault:?}");
        end(d, &mut serial);
        let mut serial = Serial::connect(d);
        assert!(flash_is_empty(d) && external_is_empty(d), "{fault:?}");
        d.machine.core.bus.rng_mut().fail(None);
        assert_eq!(ask(d, &mut serial, special::BEGIN_INSTALL, &[], &[]).expect("served").1, special::OK);
        let mut serial = Serial::connect(d);
        send(d, &mut serial, &[&licence], &package).expect("the same licence installs it");
    }
}

/// The power goes at every operation of the flashes from the header on: nothing of the external content, and no key, outlives
/// an installation that did not end.
#[test]
fn power_cuts_leave_neither_external_content_nor_keys() {
    let (package, licence) = full();
    let mut fresh = Device::on(&board());
    let mut serial = begin(&mut fresh);
    let head = 128 + 5 * 80 - 1;
    let check = |answer: (Vec<u8>, u32)| assert_eq!(answer.1, special::OK);
    check(ask(&mut fresh, &mut serial, special::LICENCE, &[], &licence).expect("served"));
    check(ask(&mut fresh, &mut serial, special::PACKAGE, &[0; 4], &package[..head]).expect("served"));
    let rest = |device: &mut Device, serial: &mut Serial| -> Result<(), Trouble> {
        for (at, bytes) in (head as u32..).step_by(1024).zip(package[head..].chunks(1024)) {
            ask(device, serial, special::PACKAGE, &at.to_le_bytes(), bytes)?;
        }
        ask(device, serial, special::END_INSTALL, &[], &[]).map(|_| ())
    };
    let begun = fresh.machine.core.bus.flash_operations();
    let operations = {
        let mut whole = fresh.clone();
        rest(&mut whole, &mut Serial::new(3)).expect("installed");
        assert!(runs_the_firmware(&mut whole));
        whole.machine.core.bus.flash_operations() - begun
    };
    let (mut empty, mut complete) = (0, 0);
    for operation in 1..=operations {
        for (seed, effect) in [CutEffect::After, CutEffect::Torn, CutEffect::Half].into_iter().enumerate() {
            let case = format!("operation {operation} of {operations}, {effect:?}");
            let mut device = fresh.clone();
            let d = &mut device;
            let seed = operation * 8 + seed as u64;
            d.machine.core.bus.cut_power_at(Some(PowerCut { operation, effect, seed }));
            let _ = rest(d, &mut Serial::new(3));
            assert!(d.machine.core.bus.is_off(), "{case}: the power was not cut");
            power_cycle(&mut d.machine);
            if runs_the_firmware(d) {
                assert_eq!(external_bytes(d), external_content(), "{case}");
                complete += 1;
                continue;
            }
            Serial::connect(d);
            assert!(flash_is_empty(d) && external_is_empty(d), "{case}: something is left");
            empty += 1;
        }
    }
    assert!(empty > 0 && complete > 0);
    eprintln!("{operations} flash operations, {} cuts: {empty} empty, {complete} complete", empty + complete);
}
