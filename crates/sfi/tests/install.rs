//! What a device takes and what it refuses, each refusal with its code and with nothing left behind.

mod common;

use common::*;
use ironroot_codes::{Code, install as codes};
use ironroot_crypto::Software;
use ironroot_sfi::build::{Area, seal_module};
use ironroot_sfi::package::{AreaKind, DESCRIPTOR_LEN, HEADER_LEN};
use ironroot_sfi::{
    FirmwareKey, Installer, KeyPlace, LicenceKind, ModuleHeader, Nonce, OptionRegister, OptionValue, Phase,
    TAG_LEN,
};

fn refused(licences: &[&[u8]], package: &[u8]) -> Code {
    let (target, outcome) = install(licences, package, target(), 100);
    assert!(target.is_empty(), "something was left behind");
    assert_eq!(target.complete, None);
    outcome.expect_err("must be refused")
}

#[test]
fn a_package_arrives_in_pieces_of_any_size() {
    let (package, licence) = usual();
    for piece in [1, 7, 32, 80, 128, 129, 1000, package.len()] {
        let (target, outcome) = install(&[licence.bytes()], &package, target(), piece);
        assert_eq!(outcome, Ok(()), "pieces of {piece}");
        assert_eq!(target.bytes[..96], firmware(96, 1));
        assert_eq!(target.bytes[0x1000..0x1040], firmware(64, 2));
        assert_eq!(target.options[&OptionRegister::SecureArea], (0x0003_0000, 0x8FFF_0FFF));
        assert!(target.complete.is_some() && target.installed == Some(5));
    }
}

#[test]
fn every_flipped_bit_is_refused_and_leaves_nothing() {
    let (package, licence) = usual();
    let table = HEADER_LEN..HEADER_LEN + 3 * DESCRIPTOR_LEN;
    for bit in 0..package.len() * 8 {
        let mut bad = package.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let code = refused(&[licence.bytes()], &bad);
        let at = bit / 8;
        let allowed: &[Code] = if at < HEADER_LEN {
            &[codes::PACKAGE_MALFORMED, codes::OTHER_PRODUCT, codes::PACKAGE_NOT_AUTHENTIC]
        } else if table.contains(&at) && (at - HEADER_LEN) % DESCRIPTOR_LEN >= DESCRIPTOR_LEN - TAG_LEN {
            &[codes::AREA_NOT_AUTHENTIC]
        } else if table.contains(&at) {
            &[
                codes::AREA_MALFORMED,
                codes::AREA_ORDER,
                codes::AREA_TOO_LARGE,
                codes::AREA_TARGET,
                codes::AREA_OVERLAP,
                codes::PACKAGE_NOT_AUTHENTIC,
            ]
        } else {
            &[codes::AREA_NOT_AUTHENTIC]
        };
        assert!(allowed.contains(&code), "bit {bit} (byte {at}): {code}");
    }
}

#[test]
fn every_flipped_bit_of_a_licence_is_refused() {
    let (package, licence) = usual();
    for bit in 0..licence.bytes().len() * 8 {
        let mut bad = *licence.bytes();
        bad[bit / 8] ^= 1 << (bit % 8);
        let code = refused(&[&bad], &package);
        let allowed =
            [codes::LICENCE_MALFORMED, codes::LICENCE_FOR_OTHER_DEVICE, codes::LICENCE_NOT_AUTHENTIC];
        // The least version of the services is looked at after the licence was opened, so that it is never reached here.
        assert!(allowed.contains(&code), "bit {bit}: {code}");
    }
}

#[test]
fn every_truncation_is_refused() {
    let (package, licence) = usual();
    for len in 0..package.len() {
        assert_eq!(refused(&[licence.bytes()], &package[..len]), codes::PACKAGE_TRUNCATED, "{len} bytes");
    }
    let longer = [&package[..], &[0]].concat();
    assert_eq!(refused(&[licence.bytes()], &longer), codes::PACKAGE_MALFORMED);
}

#[test]
fn a_licence_is_for_one_device_one_package_and_not_for_old_ones() {
    let (package, id) = seal(&areas(), 5, KEY, NONCE);
    let of = |least, device, id| *licence(LicenceKind::Firmware, least, device, id).bytes();
    assert_eq!(refused(&[&of(5, 8, id)], &package), codes::LICENCE_FOR_OTHER_DEVICE);
    let (other, other_id) = seal(&areas(), 5, KEY, Nonce(*b"another one!"));
    assert_eq!(refused(&[&of(5, 7, other_id)], &package), codes::OTHER_PACKAGE);
    assert_eq!(refused(&[&of(5, 7, id)], &other), codes::OTHER_PACKAGE);
    assert_eq!(refused(&[&of(6, 7, id)], &package), codes::PACKAGE_TOO_OLD);
    assert_eq!(refused(&[], &package), codes::NO_LICENCE);
    let (foreign, _) = seal(&areas(), 5, *b"another key 1234", NONCE);
    assert_eq!(refused(&[&of(5, 7, id)], &foreign), codes::PACKAGE_NOT_AUTHENTIC);
}

#[test]
fn a_newer_device_does_not_go_back() {
    let (package, licence) = usual();
    let mut newer = target();
    newer.installed = Some(6);
    assert_eq!(install(&[licence.bytes()], &package, newer, 64).1, Err(codes::OLDER_THAN_INSTALLED));
    let mut old_services = target();
    old_services.services = 1;
    assert_eq!(install(&[licence.bytes()], &package, old_services, 64).1, Err(codes::SERVICES_TOO_OLD));
}

/// The header and table of one package, with one payload replaced by that of another with the same key.
#[test]
fn areas_of_two_packages_do_not_mix() {
    let (package, licence) = usual();
    let mut other_areas = areas();
    other_areas[0].2 = firmware(96, 9);
    for nonce in [NONCE, Nonce(*b"another one!")] {
        let (other, _) = seal(&other_areas, 5, KEY, nonce);
        let payload = HEADER_LEN + 3 * DESCRIPTOR_LEN;
        let mut mixed = package.clone();
        mixed[payload..payload + 96].copy_from_slice(&other[payload..payload + 96]);
        assert_eq!(refused(&[licence.bytes()], &mixed), codes::AREA_NOT_AUTHENTIC);
        // With its descriptor as well.
        let descriptor = HEADER_LEN..HEADER_LEN + DESCRIPTOR_LEN;
        mixed[descriptor.clone()].copy_from_slice(&other[descriptor]);
        assert_eq!(refused(&[licence.bytes()], &mixed), codes::PACKAGE_NOT_AUTHENTIC);
    }
}

#[test]
fn areas_are_not_swapped_dropped_or_repeated() {
    let (package, licence) = usual();
    let table = |order: &[usize]| {
        let mut bad = package.clone();
        for (to, from) in order.iter().enumerate() {
            let from = HEADER_LEN + from * DESCRIPTOR_LEN;
            let descriptor = package[from..from + DESCRIPTOR_LEN].to_vec();
            bad[HEADER_LEN + to * DESCRIPTOR_LEN..][..DESCRIPTOR_LEN].copy_from_slice(&descriptor);
        }
        bad
    };
    for order in [[1, 0, 2], [0, 0, 2], [0, 2, 1], [2, 1, 0], [0, 1, 1]] {
        assert_eq!(refused(&[licence.bytes()], &table(&order)), codes::AREA_ORDER, "{order:?}");
    }
}

#[test]
fn an_owner_s_mistakes_have_codes() {
    let cases: [(&[Area], Code); 6] = [
        (
            &[(AreaKind::Firmware, FLASH - 32, firmware(64, 0)), (AreaKind::Configuration, 0, vec![])],
            codes::AREA_TARGET,
        ),
        (
            &[(AreaKind::Firmware, FLASH + 0x7FC0, firmware(96, 0)), (AreaKind::Configuration, 0, vec![])],
            codes::AREA_TARGET,
        ),
        (
            &[(AreaKind::Firmware, FLASH + 0x7FC0, firmware(64, 0)), (AreaKind::Configuration, 0, vec![])],
            codes::AREA_OVERLAP,
        ),
        (
            &[
                (AreaKind::Firmware, FLASH, firmware(64, 0)),
                (AreaKind::Firmware, FLASH + 32, firmware(64, 0)),
                (AreaKind::Configuration, 0, vec![]),
            ],
            codes::AREA_OVERLAP,
        ),
        (
            &[(AreaKind::Firmware, FLASH + 32, firmware(64, 0)), (AreaKind::Configuration, 0, vec![])],
            codes::NOTHING_TO_START,
        ),
        (
            &[(AreaKind::Firmware, FLASH, firmware(64, 0)), (AreaKind::Configuration, 0, vec![1; 12])],
            codes::OPTIONS_MALFORMED,
        ),
    ];
    for (areas, code) in cases {
        let (package, id) = seal(areas, 5, KEY, NONCE);
        let licence = licence(LicenceKind::Firmware, 5, 7, id);
        assert_eq!(refused(&[licence.bytes()], &package), code);
    }
}

#[test]
fn a_refused_device_takes_the_same_licence_again() {
    let (package, licence) = usual();
    let mut damaged = package.clone();
    *damaged.last_mut().expect("not empty") ^= 1;
    let (after, outcome) = install(&[licence.bytes()], &damaged, target(), 64);
    assert_eq!(outcome, Err(codes::AREA_NOT_AUTHENTIC));
    assert!(after.is_empty());
    assert_eq!(install(&[licence.bytes()], &package, after, 64).1, Ok(()));
}

#[test]
fn nothing_can_be_started_before_everything_is_there() {
    let (package, licence) = usual();
    let device = device(7);
    let (mut table, mut buffer) = (vec![0; 80 * 8], vec![0; 4096]);
    let mut installer = Installer::new(target(), Software, &device, &mut table, &mut buffer);
    installer.licence(licence.bytes()).expect("opens");
    for (offset, byte) in package.iter().enumerate() {
        let first_word_is_erased = installer.target().bytes[..32] == [0xFF; 32];
        assert!(first_word_is_erased, "byte {offset}");
        installer.package(offset as u32, &[*byte]).expect("goes on");
    }
    assert_eq!(installer.status().phase, Phase::Done);
    assert_eq!(installer.target().bytes[..32], firmware(96, 1)[..32]);
}

#[test]
fn bytes_that_come_again_are_skipped_and_gaps_are_refused() {
    let (package, licence) = usual();
    let device = device(7);
    let (mut table, mut buffer) = (vec![0; 80 * 8], vec![0; 4096]);
    let mut installer = Installer::new(target(), Software, &device, &mut table, &mut buffer);
    assert_eq!(installer.package(0, &package), Err(codes::NO_LICENCE));
    installer.licence(licence.bytes()).expect("opens");
    assert_eq!(installer.package(0, &package[..100]), Ok(100));
    assert_eq!(installer.package(101, &package[101..]), Err(codes::SEQUENCE));
    assert_eq!(installer.package(0, &package[..100]), Ok(100));
    assert_eq!(installer.package(50, &package[50..200]), Ok(200));
    assert_eq!(installer.licence(licence.bytes()), Err(codes::SEQUENCE));
    assert_eq!(installer.package(0, &package), Ok(package.len() as u32));
    assert_eq!(installer.status().phase, Phase::Done);
    assert_eq!(installer.package(200, &package[200..]), Ok(package.len() as u32));
}

const MODULE_NONCE: Nonce = Nonce(*b"module nonce");

fn with_module(destination: u32, configuration: Vec<u8>) -> (Vec<u8>, Vec<[u8; 136]>) {
    let code = firmware(64, 3);
    let mut module =
        seal_module(FLASH + 0x200, 9, MODULE_NONCE, &FirmwareKey::new(KEY), &code).expect("fits");
    let id = ModuleHeader::split(&mut module).expect("a module").0.id(&mut Software);
    let areas = [
        (AreaKind::Firmware, FLASH, firmware(64, 1)),
        (AreaKind::Module, destination, module),
        (AreaKind::Configuration, 0, configuration),
    ];
    let (package, package_id) = seal(&areas, 5, KEY, NONCE);
    let firmware = licence(LicenceKind::Firmware, 5, 7, package_id);
    let module = licence(LicenceKind::Module, 9, 7, id);
    (package, vec![*firmware.bytes(), *module.bytes()])
}

#[test]
fn a_module_is_installed_where_it_cannot_be_read_or_not_at_all() {
    let (package, licences) = with_module(FLASH + 0x200, options());
    let (target, outcome) = install(&[&licences[1], &licences[0]], &package, target(), 64);
    assert_eq!(outcome, Ok(()));
    assert_eq!(target.bytes[0x200..0x240], firmware(64, 3));

    assert_eq!(refused(&[&licences[0]], &package), codes::MODULE_LICENCE);
    let (open, licences) = with_module(FLASH + 0x200, vec![]);
    assert_eq!(refused(&[&licences[0], &licences[1]], &open), codes::MODULE_UNPROTECTED);
    let (moved, licences) = with_module(FLASH + 0x220, options());
    assert_eq!(refused(&[&licences[0], &licences[1]], &moved), codes::MODULE_MALFORMED);
}

/// Firmware, keys at these places, and option bytes that close the first 1 KB of flash.
fn with_keys(couples: &[u8], configuration: Vec<u8>) -> (Vec<u8>, [u8; 136]) {
    let areas = [
        (AreaKind::Firmware, FLASH, firmware(64, 1)),
        (AreaKind::Keys, 0, couples.to_vec()),
        (AreaKind::Configuration, 0, configuration),
    ];
    let (package, id) = seal(&areas, 5, KEY, NONCE);
    (package, *licence(LicenceKind::Firmware, 5, 7, id).bytes())
}

fn couple(size: u32, offset: u32) -> Vec<u8> {
    KeyPlace { size, address: FLASH.wrapping_add(offset) }.encode().to_vec()
}

#[test]
fn keys_are_made_where_only_the_secure_area_reads_them_or_not_at_all() {
    let (package, licence) = with_keys(&[couple(16, 0x100), couple(48, 0x200)].concat(), options());
    let (target, outcome) = install(&[&licence], &package, target(), 64);
    assert_eq!(outcome, Ok(()));
    // The test's own device fills them with 0xA5; what is behind the key stays erased.
    assert_eq!(target.bytes[0x100..0x120], [[0xA5; 16], [0xFF; 16]].concat());
    assert_eq!(target.bytes[0x200..0x240], [[0xA5; 48].as_slice(), &[0xFF; 16]].concat());

    // Open, or beyond the end of the secure area (1 KB), or in an area that not even its own code reads.
    let pcrop = OptionValue { register: OptionRegister::Pcrop, value: 0x0003_0000, mask: 0x8FFF_0FFF };
    let without_start =
        OptionValue { register: OptionRegister::SecureArea, value: 3 << 16, mask: 0x8FFF_0000 };
    for (offset, configuration) in [
        (0x100, vec![]),
        (0x400, options()),
        (0x100, pcrop.encode().to_vec()),
        (0x100, without_start.encode().to_vec()),
    ] {
        let (package, licence) = with_keys(&couple(16, offset), configuration.clone());
        assert_eq!(refused(&[&licence], &package), codes::KEYS_UNPROTECTED, "{offset:#x} {configuration:?}");
    }
    let (last, licence) = with_keys(&couple(32, 0x3E0), options());
    assert_eq!(install(&[&licence], &last, common::target(), 64).1, Ok(()));
}

#[test]
fn places_of_keys_that_are_not_free_are_refused() {
    let nine: Vec<u8> = (0..9).flat_map(|key| couple(16, 0x80 + 0x20 * key)).collect();
    for (name, couples) in [
        ("none", vec![]),
        ("half a pair", couple(16, 0x100)[..4].to_vec()),
        ("no length", couple(0, 0x100)),
        ("no whole blocks", couple(24, 0x100)),
        ("too long", couple(272, 0x100)),
        ("too many", nine),
        ("not on a flash word", couple(16, 0x110)),
        ("where the chip starts", couple(16, 0)),
        ("in the firmware", couple(16, 0x20)),
        ("in the note", couple(16, TOKEN - FLASH + 0x20)),
        ("outside", couple(16, 0x8000)),
        ("before", couple(16, 0u32.wrapping_sub(0x20))),
        ("at the end of all addresses", couple(64, u32::MAX - FLASH - 31)),
        ("twice", [couple(64, 0x100), couple(16, 0x120)].concat()),
    ] {
        let (package, licence) = with_keys(&couples, options());
        assert_eq!(refused(&[&licence], &package), codes::KEYS_MALFORMED, "{name}");
    }
}

#[test]
fn external_areas_need_an_external_flash() {
    let areas = [
        (AreaKind::Firmware, FLASH, firmware(64, 1)),
        (AreaKind::External, 0x9000_1000, firmware(96, 2)),
        (AreaKind::Configuration, 0, options()),
    ];
    let (package, id) = seal(&areas, 5, KEY, NONCE);
    let licence = *licence(LicenceKind::Firmware, 5, 7, id).bytes();
    let (target, outcome) = install(&[&licence], &package, common::target(), 64);
    assert_eq!((outcome, &target.external_bytes[&0x9000_1000]), (Ok(()), &firmware(96, 2)));
    let mut without = common::target();
    without.external = 0..0;
    let (target, outcome) = install(&[&licence], &package, without, 64);
    assert_eq!(outcome, Err(codes::AREA_UNSUPPORTED));
    assert!(target.is_empty());
}

/// The version is kept before the option bytes are set: a device that they close must not be without it.
#[test]
fn the_version_outlives_a_refusal_of_the_option_bytes() {
    let (package, licence) = usual();
    let (after, outcome) = install(&[licence.bytes()], &package, target(), 64);
    assert_eq!((outcome, after.installed), (Ok(()), Some(5)));
    let (older, older_id) = seal(&areas(), 4, KEY, NONCE);
    let older_licence = common::licence(LicenceKind::Firmware, 4, 7, older_id);
    let mut erased = after;
    erased.bytes.fill(0xFF);
    let (after, outcome) = install(&[older_licence.bytes()], &older, erased, 64);
    assert_eq!((outcome, after.installed), (Err(codes::OLDER_THAN_INSTALLED), Some(5)));
}
