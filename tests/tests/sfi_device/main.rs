//! Secure firmware install on the device: the installer in system flash, driven over a virtual USART, attacked, and cut off
//! from power at every flash operation.

mod external;

use ironroot_boot::keystore::{self, StoredKey};
use ironroot_chip::rules::Verdict;
use ironroot_chip::{Board, CutEffect, Identity, PowerCut, power_cycle};
use ironroot_codes::{Code, install as codes};
use ironroot_cpu::bus::{Kind, Master};
use ironroot_crypto::{SigningKey, Software};
use ironroot_layout::stm32h735 as map;
use ironroot_layout::stm32h735::options::Scar;
use ironroot_layout::stm32h735::rss::{self, INSTALL_NOTE, service};
use ironroot_sfi::build::{Area, Plan, package, raw_signature, seal_module};
use ironroot_sfi::package::AreaKind;
use ironroot_sfi::{
    Certificate, FirmwareKey, KeyPlace, Licence, LicenceKind, ModuleHeader, Nonce, OptionRegister,
    OptionValue, PackageId, Product, Terms,
};
use ironroot_tests::device::{Device, load_pieces, signing_key};
use ironroot_tests::serial::{Serial, Trouble};
use ironroot_tests::update::{self, Request, signed, sleeper};
use ironroot_uart_bootloader::host::{Error, Exchange, Part};
use ironroot_uart_bootloader::special;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

const FLASH: u32 = 0x0800_0000;
const SECOND: u32 = 0x0802_0000;
const SECURITY: u32 = 1 << 21;
/// SCAR: sector 0, removed by a bank erase.
const SECTOR_0: u32 = 0x81FF_0000;
const KEY: [u8; 16] = *b"firmware key 128";
const NONCE: Nonce = Nonce(*b"nonce 96 bit");
const PRIVATE: [u8; 32] = [7; 32];
const ALL_OPTIONS: u32 = 0x8FFF_0FFF;

fn public(private: &[u8; 32]) -> ironroot_crypto::P256PublicKey {
    SigningKey::from_scalar(private).expect("in range").public_key()
}

fn certificate() -> Certificate {
    let maker = SigningKey::from_scalar(&[9; 32]).expect("in range");
    let digest = Certificate::digest(Product::STM32H735, &public(&PRIVATE), &mut Software);
    let signature = maker.sign_digest(&digest).expect("signs");
    Certificate::new(Product::STM32H735, public(&PRIVATE), raw_signature(&signature).expect("a signature"))
}

/// A board in Secure access mode with an identity and an empty flash.
fn board() -> Board {
    let mut board = Board::with_serial(1);
    board.options_mut().optsr |= SECURITY;
    board.set_identity(Identity { key: PRIVATE, certificate: certificate().encode() });
    board
}

/// A program at the start of flash that sleeps, followed by a pattern.
fn firmware(len: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> =
        [0x2002_0000, FLASH + 9, 0xE7FD_BF30_u32].iter().flat_map(|word| word.to_le_bytes()).collect();
    bytes.resize_with(len, || 0x5A);
    for (at, byte) in bytes.iter_mut().enumerate().skip(12) {
        *byte = (at as u8).wrapping_mul(37) ^ 0x11;
    }
    bytes
}

fn options(register: OptionRegister, value: u32) -> Vec<u8> {
    OptionValue { register, value, mask: ALL_OPTIONS }.encode().to_vec()
}

fn usual_areas() -> Vec<Area> {
    vec![
        (AreaKind::Firmware, FLASH, firmware(160)),
        (AreaKind::Firmware, SECOND, firmware(64)),
        (AreaKind::Configuration, 0, options(OptionRegister::SecureArea, SECTOR_0)),
    ]
}

fn seal(areas: &[Area], version: u32, nonce: Nonce) -> (Vec<u8>, PackageId) {
    let token = INSTALL_NOTE.start().value();
    let plan = Plan::new(Product::STM32H735, version, rss::SERVICES_VERSION, token);
    package(plan, areas, &FirmwareKey::new(KEY), nonce, &mut Software).expect("a package")
}

fn licence(kind: LicenceKind, least_version: u32, device: &[u8; 32], id: PackageId) -> Vec<u8> {
    let public = public(device);
    let fingerprint = Terms::fingerprint(&public, &mut Software);
    let terms = Terms { kind, least_version, least_services: 0, fingerprint };
    let mut random = ChaCha20Rng::seed_from_u64(1);
    let key = FirmwareKey::new(KEY);
    let sealed = Licence::seal(terms, Product::STM32H735, &public, id, &key, &mut random).expect("sealed");
    sealed.bytes().to_vec()
}

fn usual() -> (Vec<u8>, Vec<u8>) {
    let (package, id) = seal(&usual_areas(), 5, NONCE);
    (package, licence(LicenceKind::Firmware, 5, &PRIVATE, id))
}

/// What a sub-command answers: data and status.
fn ask(
    device: &mut Device,
    serial: &mut Serial,
    code: u16,
    data: &[u8],
    write: &[u8],
) -> Result<(Vec<u8>, u32), Trouble> {
    let exchange = if write.is_empty() {
        Exchange::special(code, data)
    } else {
        Exchange::extended_special(code, data, write)
    };
    let script = serial.run(device, exchange.expect("a sub-command"))?;
    let (data, status) = script.special_answer();
    Ok((data.to_vec(), u32::from_le_bytes(status.try_into().expect("four bytes"))))
}

/// Has the bootloader start the installer, and connects to that.
fn begin(device: &mut Device) -> Serial {
    let mut serial = Serial::new(3);
    // It may be synchronised already, and says so with a refusal.
    let _ = serial.run(device, Exchange::sync());
    assert_eq!(ask(device, &mut serial, special::BEGIN_INSTALL, &[], &[]).expect("served").1, special::OK);
    Serial::connect(device)
}

/// Sends licences and package; the code of the first refusal.
fn send(
    device: &mut Device,
    serial: &mut Serial,
    licences: &[&[u8]],
    package: &[u8],
) -> Result<(), Result<Code, Trouble>> {
    let check = |answer: Result<(Vec<u8>, u32), Trouble>| match answer {
        Ok((_, special::OK)) => Ok(()),
        Ok((_, status)) => Err(Ok(Code::from_number(status as u16))),
        Err(trouble) => Err(Err(trouble)),
    };
    for licence in licences {
        check(ask(device, serial, special::LICENCE, &[], licence))?;
    }
    for (at, bytes) in (0_u32..).step_by(1024).zip(package.chunks(1024)) {
        check(ask(device, serial, special::PACKAGE, &at.to_le_bytes(), bytes))?;
    }
    Ok(())
}

fn end(device: &mut Device, serial: &mut Serial) {
    assert_eq!(ask(device, serial, special::END_INSTALL, &[], &[]).expect("served").1, special::OK);
}

/// Nothing of a package is in flash. The note of the installer, at the end, may hold the first half of a word.
fn flash_is_empty(device: &Device) -> bool {
    let size = INSTALL_NOTE.start().value() - FLASH;
    device.peek_bytes(FLASH, size).iter().all(|byte| *byte == 0xFF)
}

fn is_complete(device: &Device) -> bool {
    device.peek_bytes(FLASH, 160) == firmware(160) && device.peek_bytes(SECOND, 64) == firmware(64)
}

/// The core sleeps in the installed program.
fn runs_the_firmware(device: &mut Device) -> bool {
    device.run(20_000_000);
    let pc = device.machine.core.r[15];
    (FLASH..FLASH + 0x100).contains(&pc)
}

#[test]
fn a_package_is_installed_closed_and_started() {
    let (package, licence) = usual();
    let mut device = Device::on(&board());
    let mut serial = Serial::connect(&mut device);
    let d = &mut device;
    let mut read = Vec::new();
    while read.len() < 136 {
        let offset = (read.len() as u16).to_le_bytes();
        read.extend(ask(d, &mut serial, special::GET_CERTIFICATE, &offset, &[]).expect("served").0);
    }
    assert_eq!(read, certificate().encode());
    assert_eq!(serial.read(d, rss::CERTIFICATE.start().value(), 136).expect("readable"), read);

    let mut serial = begin(d);
    send(d, &mut serial, &[&licence], &package).expect("installed");
    let (status, _) = ask(d, &mut serial, special::INSTALL_STATUS, &[], &[]).expect("served");
    assert_eq!(status[..4], [4, 0, 0, 0], "done, no refusal");
    end(d, &mut serial);
    assert!(runs_the_firmware(d));
    assert!(is_complete(d));
    assert_eq!(d.machine.core.bus.options().scar & ALL_OPTIONS, SECTOR_0);
    // Nothing of keys or plaintext in the RAM that the installer used.
    let ram = rss::INSTALLER_RAM;
    assert!(d.peek_bytes(ram.start().value(), ram.size().bytes()).iter().all(|byte| *byte == 0));
}

#[test]
fn the_private_key_is_readable_for_nobody_else() {
    let mut device = Device::on(&board());
    let _ = Serial::connect(&mut device);
    let place = rss::IDENTITY.start().value() + rss::identity::AT_KEY;
    // The bootloader runs now; RSS has handed over.
    let chip = &device.machine.core.bus;
    for master in [Master::Cpu, Master::Debugger, Master::Dma] {
        for kind in [Kind::Read, Kind::Fetch] {
            let verdict = chip.verdict(place, master, kind);
            assert!(verdict.is_some_and(|verdict| verdict != Verdict::Allow), "{master:?} {kind:?}");
        }
    }
    let mut serial = Serial::new(3);
    let refused = serial.read(&mut device, place, 32).expect_err("not readable");
    assert_eq!(refused, Trouble::Refused(Error::Nack(Part::Address)));
    assert!(!serial.heard.windows(8).any(|bytes| bytes == [7; 8]));
}

/// What is refused: name, licences, package, code.
type Refused<'a> = (&'a str, Vec<Vec<u8>>, &'a [u8], Code);

/// Whatever is refused leaves an empty device that takes the right package with the same licence.
#[test]
fn refusals_have_codes_and_cost_nothing() {
    let (package, right) = usual();
    let (older, older_id) = seal(&usual_areas(), 4, NONCE);
    let (other, other_id) = seal(&usual_areas(), 5, Nonce(*b"another one!"));
    let truncated_middle = {
        let mut bad = package.clone();
        let last = bad.len() - 1;
        bad[last - 100] ^= 4;
        bad
    };
    let outside = seal(
        &[(AreaKind::Firmware, 0x0810_0000, firmware(64)), (AreaKind::Configuration, 0, vec![])],
        5,
        NONCE,
    );
    let beyond = seal(
        &[
            (AreaKind::Firmware, FLASH, firmware(160)),
            (AreaKind::External, 0x90FF_FFE0, vec![1; 64]),
            (AreaKind::Configuration, 0, vec![]),
        ],
        5,
        NONCE,
    );
    let with_key = |address, configuration| {
        let areas = [
            (AreaKind::Firmware, FLASH, firmware(160)),
            (AreaKind::Keys, 0, KeyPlace { size: 16, address }.encode().to_vec()),
            (AreaKind::Configuration, 0, configuration),
        ];
        seal(&areas, 5, NONCE)
    };
    let open_keys = with_key(SECOND, options(OptionRegister::SecureArea, SECTOR_0));
    let taken = with_key(FLASH + 64, options(OptionRegister::SecureArea, SECTOR_0));
    let open_module = {
        let mut module =
            seal_module(SECOND, 1, Nonce(*b"module nonce"), &FirmwareKey::new(KEY), &firmware(64))
                .expect("fits");
        let id = ModuleHeader::split(&mut module).expect("a module").0.id(&mut Software);
        let areas = [
            (AreaKind::Firmware, FLASH, firmware(160)),
            (AreaKind::Module, SECOND, module),
            (AreaKind::Configuration, 0, options(OptionRegister::SecureArea, SECTOR_0)),
        ];
        let (package, package_id) = seal(&areas, 5, NONCE);
        let firmware = licence(LicenceKind::Firmware, 5, &PRIVATE, package_id);
        (package, [firmware, licence(LicenceKind::Module, 1, &PRIVATE, id)])
    };
    let own = |least, id| licence(LicenceKind::Firmware, least, &PRIVATE, id);
    let cases: Vec<Refused<'_>> = vec![
        ("no licence", vec![], &package, codes::NO_LICENCE),
        (
            "another device's licence",
            vec![licence(LicenceKind::Firmware, 5, &[8; 32], other_id)],
            &package,
            codes::LICENCE_FOR_OTHER_DEVICE,
        ),
        ("another package's licence", vec![own(5, other_id)], &package, codes::OTHER_PACKAGE),
        ("another package", vec![right.clone()], &other, codes::OTHER_PACKAGE),
        ("an older package", vec![own(5, older_id)], &older, codes::PACKAGE_TOO_OLD),
        ("a changed area", vec![right.clone()], &truncated_middle, codes::AREA_NOT_AUTHENTIC),
        ("a target outside", vec![own(5, outside.1)], &outside.0, codes::AREA_TARGET),
        ("external content outside", vec![own(5, beyond.1)], &beyond.0, codes::AREA_TARGET),
        ("keys that would be open", vec![own(5, open_keys.1)], &open_keys.0, codes::KEYS_UNPROTECTED),
        ("keys in the firmware", vec![own(5, taken.1)], &taken.0, codes::KEYS_MALFORMED),
        ("a module that would be open", open_module.1.to_vec(), &open_module.0, codes::MODULE_UNPROTECTED),
    ];
    let mut device = Device::on(&board());
    for (name, licences, bytes, code) in cases {
        let d = &mut device;
        let mut serial = begin(d);
        let licences: Vec<&[u8]> = licences.iter().map(Vec::as_slice).collect();
        let refused = send(d, &mut serial, &licences, bytes).expect_err(name);
        assert_eq!(refused, Ok(code), "{name}");
        end(d, &mut serial);
        let mut serial = Serial::connect(d);
        assert!(flash_is_empty(d), "{name}");
        let (status, _) = ask(d, &mut serial, special::GET_STATUS, &[], &[]).expect("served");
        let status = u32::from_le_bytes(status.try_into().expect("four bytes"));
        assert_eq!(status >> 16, service::INSTALL, "{name}");
    }
    let mut serial = begin(&mut device);
    send(&mut device, &mut serial, &[&right], &package).expect("installed after all");
    end(&mut device, &mut serial);
    assert!(runs_the_firmware(&mut device) && is_complete(&device));
}

#[test]
fn other_commands_and_hostile_frames_do_not_get_through() {
    let (package, licence) = usual();
    let mut device = Device::on(&board());
    let d = &mut device;
    let mut serial = begin(d);
    let nack = Trouble::Refused(Error::Nack(Part::Command));
    assert_eq!(serial.run(d, Exchange::read(FLASH, 4).expect("a block")).unwrap_err(), nack);
    assert_eq!(serial.run(d, Exchange::write(FLASH, &[0; 4]).expect("a block")).unwrap_err(), nack);
    for (code, data, write) in [
        (special::BEGIN_INSTALL, vec![], vec![]),
        (special::LICENCE, vec![1], vec![0; 136]),
        (special::PACKAGE, vec![0; 3], vec![0; 8]),
        (special::PACKAGE, vec![0; 5], vec![0; 8]),
        (0x02FF, vec![], vec![]),
        (special::INITIALIZE_SECURE_AREAS, vec![0; 12], vec![]),
    ] {
        let (_, status) = ask(d, &mut serial, code, &data, &write).expect("served");
        assert_eq!(status, special::UNKNOWN, "{code:#x}");
    }
    let (_, status) = ask(d, &mut serial, special::LICENCE, &[], &[0; 135]).expect("served");
    assert_eq!(status, u32::from(codes::LICENCE_MALFORMED.number()));
    // Bytes from the middle of nowhere, then the real thing.
    for seed in 0_u32..200 {
        let noise: Vec<u8> =
            (0..seed % 23).map(|at| (seed.wrapping_mul(2_654_435_761) >> (at % 24)) as u8).collect();
        d.machine.core.bus.feed_uart_input(3, &noise);
        d.machine.poke();
        d.run(200_000);
    }
    // The host gives up and begins again: the line is quiet after a reset.
    power_cycle(&mut d.machine);
    let mut serial = begin(d);
    send(d, &mut serial, &[&licence], &package).expect("installed");
    end(d, &mut serial);
    assert!(runs_the_firmware(d) && is_complete(d));
}

#[test]
fn a_device_in_service_takes_no_installation() {
    let (package, licence) = usual();
    let mut device = Device::on(&board());
    let d = &mut device;
    let mut serial = begin(d);
    send(d, &mut serial, &[&licence], &package).expect("installed");
    end(d, &mut serial);
    assert!(runs_the_firmware(d));
    // There is no way to the bootloader any more: every reset starts the secure area.
    let mut board = d.machine.core.bus.to_board();
    board.set_boot0(true);
    let mut again = Device::on(&board);
    assert!(runs_the_firmware(&mut again));
}

/// Power is cut at every flash operation, in every way. Whatever is left boots as a complete device or is erased before
/// anything of it runs, and the same licence installs it then.
#[test]
fn power_cuts_leave_an_empty_or_a_complete_device() {
    let (package, licence) = usual();
    let mut fresh = Device::on(&board());
    let mut serial = begin(&mut fresh);
    // Everything up to the first flash operation happens once: the licence takes the longest.
    let head = 128 + 3 * 80 - 1;
    let check = |answer: (Vec<u8>, u32)| assert_eq!(answer.1, special::OK);
    check(ask(&mut fresh, &mut serial, special::LICENCE, &[], &licence).expect("served"));
    check(ask(&mut fresh, &mut serial, special::PACKAGE, &[0; 4], &package[..head]).expect("served"));
    let rest = |device: &mut Device, serial: &mut Serial| {
        let at = (head as u32).to_le_bytes();
        let outcome = ask(device, serial, special::PACKAGE, &at, &package[head..]);
        outcome.and_then(|_| ask(device, serial, special::END_INSTALL, &[], &[]))
    };
    let begun = fresh.machine.core.bus.flash_operations();
    let operations = {
        let mut whole = fresh.clone();
        let mut serial = Serial::new(3);
        rest(&mut whole, &mut serial).expect("installed");
        assert!(runs_the_firmware(&mut whole));
        whole.machine.core.bus.flash_operations() - begun
    };
    let (mut empty, mut complete) = (0, 0);
    for operation in 1..=operations {
        for (seed, effect) in CutEffect::ALL.into_iter().enumerate() {
            let case = format!("operation {operation} of {operations}, {effect:?}");
            let mut device = fresh.clone();
            let d = &mut device;
            d.machine.core.bus.cut_power_at(Some(PowerCut {
                operation,
                effect,
                seed: operation * 8 + seed as u64,
            }));
            let mut serial = Serial::new(3);
            let _ = rest(d, &mut serial);
            assert!(d.machine.core.bus.is_off(), "{case}: the power was not cut");
            power_cycle(&mut d.machine);
            if runs_the_firmware(d) {
                assert!(is_complete(d), "{case}: something incomplete was started");
                complete += 1;
                continue;
            }
            empty += 1;
            // Nothing can be read that was not erased.
            let mut serial = Serial::connect(d);
            assert!(flash_is_empty(d), "{case}: something is left");
            assert_eq!(ask(d, &mut serial, special::BEGIN_INSTALL, &[], &[]).expect("served").1, special::OK);
            let mut serial = Serial::connect(d);
            send(d, &mut serial, &[&licence], &package).expect("the same licence installs it");
            end(d, &mut serial);
            assert!(runs_the_firmware(d) && is_complete(d), "{case}");
        }
    }
    assert!(empty > 0 && complete > 0);
    eprintln!(
        "{operations} flash operations, {} cuts: {empty} left an empty device, {complete} a complete one",
        empty + complete
    );
}

/// The note lies where the updates of the secure boot swap. What must last does not: the version is known after an update, and
/// even after a regression that erased everything.
#[test]
fn an_older_package_is_refused_after_an_update_and_a_regression() {
    let page = {
        let stored = StoredKey { key: signing_key().public_key(), demo: false };
        keystore::build(&[stored], &mut Software).expect("a key store")
    };
    let padded = |mut bytes: Vec<u8>| {
        bytes.resize(bytes.len().next_multiple_of(32), 0xFF);
        bytes
    };
    let mut secure_boot = vec![];
    for (address, bytes) in
        load_pieces(&std::fs::read(ironroot_tests::firmware("secure-boot")).expect("built"))
    {
        secure_boot.resize((address - FLASH) as usize, 0xFF);
        secure_boot.extend(bytes);
    }
    let mut areas: Vec<Area> = Vec::new();
    for (at, bytes) in (FLASH..).step_by(0x1_0000).zip(padded(secure_boot).chunks(0x1_0000)) {
        areas.push((AreaKind::Firmware, at, bytes.to_vec()));
    }
    areas.push((AreaKind::Firmware, map::KEY_STORE.start().value(), padded(page.to_vec())));
    areas.push((AreaKind::Firmware, SECOND, padded(signed(1, 1, &sleeper(1, 4000)))));
    areas.push((AreaKind::Configuration, 0, options(OptionRegister::SecureArea, SECTOR_0)));
    let (package, id) = seal(&areas, 5, NONCE);
    let mut device = Device::on(&board());
    let d = &mut device;
    let mut serial = begin(d);
    send(d, &mut serial, &[&licence(LicenceKind::Firmware, 5, &PRIVATE, id)], &package).expect("installed");
    end(d, &mut serial);
    d.run(update::LIMIT);
    let running = |d: &Device| d.peek_bytes(SECOND + 0x14, 1)[0];
    assert_eq!(running(d), 1, "{}", d.console);
    let note = INSTALL_NOTE;
    let noted = d.peek_bytes(note.start().value(), note.size().bytes());
    assert!(noted.iter().any(|byte| *byte != 0xFF), "the installation was noted");

    let mut board = d.machine.core.bus.to_board();
    let image = signed(2, 2, &sleeper(2, 4000));
    update::install(&mut board, &map::SECONDARY_SLOT, &image, Request::Permanent);
    let mut device = Device::on(&board);
    device.run(update::LIMIT);
    assert_eq!(running(&device), 2, "{}", device.console);
    let d = &device;
    assert_ne!(d.peek_bytes(note.start().value(), note.size().bytes()), noted, "the update took its place");

    // As a regression leaves it: no area, nothing in flash.
    let mut board = d.machine.core.bus.to_board();
    board.options_mut().scar = Scar::FACTORY;
    assert!(board.erase(map::FLASH));
    let board = Board::from_bytes(&board.to_bytes()).expect("a board file");
    assert_eq!(board.installed_version(), 5);
    let mut device = Device::on(&board);
    let d = &mut device;
    for (version, outcome) in [(4, Err(Ok(codes::OLDER_THAN_INSTALLED))), (5, Ok(()))] {
        let (package, id) = seal(&usual_areas(), version, NONCE);
        let licence = licence(LicenceKind::Firmware, version, &PRIVATE, id);
        let mut serial = begin(d);
        assert_eq!(send(d, &mut serial, &[&licence], &package), outcome, "version {version}");
        end(d, &mut serial);
    }
    assert!(runs_the_firmware(d) && is_complete(d));
}

#[test]
fn the_option_bytes_are_told_by_bootloader_and_installer() {
    let (package, licence) = usual();
    let mut device = Device::on(&board());
    let d = &mut device;
    let told = |d: &mut Device, serial: &mut Serial| {
        let (answer, status) = ask(d, serial, special::OPTIONS, &[], &[]).expect("served");
        assert_eq!((status, answer.len()), (special::OK, 24));
        answer.as_chunks::<4>().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect::<Vec<_>>()
    };
    let actual = |d: &Device| {
        let o = d.machine.core.bus.options();
        vec![o.optsr, o.prar, o.scar, o.wpsn, o.boot, o.optsr2]
    };
    let mut serial = Serial::connect(d);
    assert_eq!(told(d, &mut serial), actual(d));
    let mut serial = begin(d);
    send(d, &mut serial, &[&licence], &package).expect("installed");
    let options = told(d, &mut serial);
    assert_eq!((options.clone(), options[2] & ALL_OPTIONS), (actual(d), SECTOR_0));
    let (_, status) = ask(d, &mut serial, special::OPTIONS, &[0], &[]).expect("served");
    assert_eq!(status, special::UNKNOWN);
}

/// A host that stops anywhere and says that it ends: nothing is left, the device says why, and the licence still works.
#[test]
fn a_package_that_ends_early_is_given_up() {
    let (package, licence) = usual();
    let mut device = Device::on(&board());
    let d = &mut device;
    // In the header, in the table, in the first area, one byte before the end.
    for length in [0, 100, 300, 400, package.len() - 1] {
        let mut serial = begin(d);
        send(d, &mut serial, &[&licence], &package[..length]).expect("taken so far");
        end(d, &mut serial);
        let mut serial = Serial::connect(d);
        assert!(flash_is_empty(d), "{length} bytes");
        let (status, _) = ask(d, &mut serial, special::GET_STATUS, &[], &[]).expect("served");
        let status = u32::from_le_bytes(status.try_into().expect("four bytes"));
        assert_eq!(status, rss::status(service::INSTALL, codes::INSTALL_ABORTED.number()), "{length} bytes");
    }
    let mut serial = begin(d);
    send(d, &mut serial, &[&licence], &package).expect("installed after all");
    end(d, &mut serial);
    assert!(runs_the_firmware(d) && is_complete(d));
}
