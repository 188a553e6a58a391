//! Debug authentication on the virtual chip, by the mailbox: what opens, what is erased, and what stays closed.

use ironroot_chip_h7rs::{BoardH7, CutEffect, PowerCut, power_cycle};
use ironroot_codes::h7rs as codes;
use ironroot_cpu::bus::{Access, Bus, Kind, Master, Size};
use ironroot_cpu::core::Sleep;
use ironroot_crypto::{Crypto, SigningKey, Software};
use ironroot_debug_auth::certificate::Role;
use ironroot_debug_auth::host::{self, Answer, Claims, Discovery};
use ironroot_debug_auth::packet::{Command, tlv};
use ironroot_debug_auth::permission;
use ironroot_layout::stm32h7rs::rsslib::Service;
use ironroot_layout::stm32h7rs::state::{DebugAuthentication, Hdpl, ProductState};
use ironroot_layout::stm32h7rs::{Part, chip};
use ironroot_tests::h7rs::{Device, set_keys};
use ironroot_tests::h7rs_system::{
    DA, Debugger, INSTALL, PASSWORD, Recipe, board, da_config, device, install, install_iloader, program,
    result, stirot_board,
};

const SECRET: [u8; 32] = [0xC5; 32];
const MASK: u128 = 0x8000_0000_0000_0000_0000_0000_0000_4007;

fn key(number: u8) -> SigningKey {
    SigningKey::from_scalar(&[number; 32]).expect("a scalar")
}

/// A closed board with a program and a secret key, and this method.
fn closed(part: Part, method: DebugAuthentication) -> BoardH7 {
    let mut board = board(part, ProductState::Closed, method, false);
    install(&mut board, "h7rs_probe", &[u32::MAX]);
    let (hash, mask) = match method {
        DebugAuthentication::Ecdsa => (Software.sha256_of(&key(1).public_key().sec1()[1..]), MASK),
        _ => (Software.sha256_of(PASSWORD), 0),
    };
    set_keys(&mut board, DA, &da_config(&hash, mask));
    let secret = ironroot_chip_h7rs::ObKey::new(&SECRET).expect("a key");
    assert!(board.set_key(Hdpl::Level1, 9, secret));
    board.options_mut().wrpsr = 0xFE;
    board.options_mut().hdpsr = 0x001F_0000;
    board
}

fn start(debugger: &mut Debugger<'_>) -> [u8; 32] {
    match debugger.exchange(&host::request(Command::AuthStart)) {
        Some(Answer::Success(data)) => host::challenge(&data).expect("a challenge"),
        other => panic!("{other:?}"),
    }
}

/// Asks by the chain root 1, leaf 2; `signer` signs the token.
fn ask(device: &mut Device, permissions: u128, signer: u8) -> Answer {
    let mut debugger = Debugger::connect(device).expect("RSS answers");
    let challenge = start(&mut debugger);
    for (role, subject) in [(Role::Root, 1), (Role::Leaf, 2)] {
        let certificate =
            host::certificate(&Claims::any(role), &key(subject).public_key(), &key(1), &mut Software)
                .expect("signed");
        assert_eq!(debugger.present(tlv::CERTIFICATE, &certificate), Answer::NeedMoreData);
    }
    let token = host::token(permissions, &challenge, &key(signer), &mut Software).expect("signed");
    debugger.present(tlv::TOKEN, &token)
}

fn is_regressed(device: &Device) -> bool {
    let chip = &device.machine.core.bus;
    let flash = device.peek(chip::FLASH.start().value(), chip::FLASH.size().bytes());
    chip.product_state() == ProductState::Open
        && flash.iter().all(|byte| *byte == 0xFF)
        && (0..32).all(|index| {
            [Hdpl::Level0, Hdpl::Level1, Hdpl::Level2]
                .into_iter()
                .all(|level| chip.flash().keys().get(level, index).is_none())
        })
}

fn is_closed(device: &Device) -> bool {
    let chip = &device.machine.core.bus;
    chip.product_state() == ProductState::Closed
        && chip.flash().keys().get(Hdpl::Level1, 9).map(|key| key.bytes().to_vec()).as_deref()
            == Some(&SECRET)
        && chip.debug_state().is_err()
}

#[test]
fn a_closed_device_says_what_it_is() {
    for (part, method) in [
        (Part::Stm32h7s7, DebugAuthentication::Ecdsa),
        (Part::Stm32h7s7, DebugAuthentication::Password),
        (Part::Stm32h7r7, DebugAuthentication::Ecdsa),
    ] {
        let mut device = device(&closed(part, method));
        device.boot();
        let uid = *device.machine.core.bus.uid();
        let mut debugger = Debugger::connect(&mut device).expect("RSS answers");
        let Some(Answer::Success(data)) = debugger.exchange(&host::request(Command::Discovery)) else {
            panic!("no discovery")
        };
        let found = Discovery::parse(&data).expect("a discovery");
        assert_eq!((found.state, found.method), (Some(ProductState::Closed), method));
        assert_eq!((found.soc_class, &found.soc_id[..12]), (0x485, &uid[..]));
        let resumed = debugger.exchange(&host::request(Command::ResumeBoot));
        assert_eq!(resumed, Some(Answer::Success(Vec::new())));
        device.boot();
        assert!(is_closed(&device) && result(&device).1 != 0);
    }
}

#[test]
fn a_chain_regresses_the_device() {
    for part in Part::ALL {
        let mut device = device(&closed(part, DebugAuthentication::Ecdsa));
        device.boot();
        assert!(is_closed(&device));
        let answer = ask(&mut device, permission::FULL_REGRESSION, 2);
        assert_eq!(answer, Answer::Success(Vec::new()), "{part:?}");
        device.boot();
        assert!(is_regressed(&device), "{part:?}");
        let options = device.machine.core.bus.options();
        assert_eq!((options.wrpsr, options.hdpsr), (0xFF, 0xFF));
        assert!(device.machine.core.bus.debug_state().is_ok());
    }
}

#[test]
fn the_password_regresses_and_a_wrong_one_does_not() {
    let board = closed(Part::Stm32h7s7, DebugAuthentication::Password);
    let mut device = device(&board);
    device.boot();
    let attempt = |device: &mut Device, password: &[u8]| {
        let mut debugger = Debugger::connect(device).expect("RSS answers");
        start(&mut debugger);
        debugger.present(tlv::PASSWORD, password)
    };
    let mut wrong = *PASSWORD;
    wrong[15] ^= 1;
    for password in [&wrong[..], &PASSWORD[..15]] {
        assert_eq!(attempt(&mut device, password), Answer::Refused(codes::DA_PASSWORD));
        device.boot();
        assert!(is_closed(&device));
    }
    assert_eq!(attempt(&mut device, PASSWORD), Answer::Success(Vec::new()));
    device.boot();
    assert!(is_regressed(&device));
}

#[test]
fn what_is_not_granted_changes_nothing() {
    let mut device = device(&closed(Part::Stm32h7s7, DebugAuthentication::Ecdsa));
    device.boot();
    assert_eq!(ask(&mut device, permission::FULL_REGRESSION, 3), Answer::Refused(codes::DA_SIGNATURE));
    device.boot();
    assert!(is_closed(&device) && result(&device).1 != 0);
    assert_eq!(ask(&mut device, 1 << 20, 2), Answer::Refused(codes::DA_PERMISSION));
    device.boot();
    assert!(is_closed(&device));
}

#[test]
fn a_challenge_is_good_once() {
    let mut device = device(&closed(Part::Stm32h7s7, DebugAuthentication::Ecdsa));
    let mut seen = Vec::new();
    for _ in 0..3 {
        let mut debugger = Debugger::connect(&mut device).expect("RSS answers");
        seen.push(start(&mut debugger));
    }
    assert!(seen[0] != seen[1] && seen[1] != seen[2] && seen[0] != seen[2], "{seen:02x?}");
    assert!(seen.iter().all(|challenge| *challenge != [0; 32]));
}

/// From level 3 on: the application is open, what ran before it stays hidden, and the next reset closes the port.
#[test]
fn a_chain_opens_the_port_for_one_boot() {
    let mut board = closed(Part::Stm32h7s7, DebugAuthentication::Ecdsa);
    board.options_mut().hdpsr = 0x0000_00FF;
    let target = 0x0800_2000;
    assert!(board.preload(target, &ironroot_tests::h7rs_system::program("h7rs_probe", target, &[u32::MAX])));
    assert!(board.preload(
        0x0800_0000,
        &ironroot_tests::h7rs_system::program(
            "h7rs_probe",
            0x0800_0000,
            &[Service::JumpToLevel3 as u32, target, 16, 0, 0],
        )
    ));
    let mut device = device(&board);
    device.boot();
    assert!(is_closed(&device));
    assert_eq!(ask(&mut device, permission::DEBUG_LEVEL3, 2), Answer::Success(Vec::new()));
    device.boot();
    assert_eq!(device.level(), Hdpl::Level3);
    let chip = &mut device.machine.core.bus;
    assert!(chip.debug_state().is_ok());
    assert!(chip.debugger_read(0x0800_2000, Size::Word).is_ok());
    assert_eq!(chip.product_state(), ProductState::Closed);
    device.reboot();
    assert!(is_closed(&device));
}

/// The application that STiRoT started knows from its record that the port is open, and that it is closed again.
#[test]
fn the_record_tells_of_an_opened_port() {
    let mut board = stirot_board(1);
    let hash = Software.sha256_of(&key(1).public_key().sec1()[1..]);
    set_keys(&mut board, DA, &da_config(&hash, MASK));
    let method = u32::from(DebugAuthentication::Ecdsa.bits()) << 8;
    board.options_mut().rotsr = board.options_mut().rotsr & !0xFF00 | method;
    install_iloader(&mut board);
    assert!(board.preload_external(INSTALL, &Recipe::default().application(1, 4096)));
    let mut device = device(&board);
    device.boot();
    let closed = |device: &Device| device.hand_off().expect("a record").debug_closed;
    assert!(closed(&device) && device.machine.core.bus.debug_state().is_err());
    assert_eq!(ask(&mut device, permission::DEBUG_LEVEL3, 2), Answer::Success(Vec::new()));
    device.boot();
    // The iLoader's reset closed it: what was granted was one boot.
    let state = device.machine.core.bus.debug_state();
    assert_eq!(closed(&device), state.is_err(), "{}", device.console);
}

/// In a closed device nobody opens the port behind RSS: DBGLOCKR keeps everybody from DBGCR, at every level, and from itself.
#[test]
fn nobody_but_rss_opens_the_port() {
    const DBGCR: u32 = 0x5800_0420;
    for level in [Hdpl::Level1, Hdpl::Level3] {
        let mut board = closed(Part::Stm32h7s7, DebugAuthentication::Password);
        board.options_mut().hdpsr = 0x0000_00FF;
        let target = 0x0800_2000;
        assert!(board.preload(target, &program("h7rs_probe", target, &[u32::MAX])));
        let jump = [Service::JumpToLevel3 as u32, target, 16, 0, 0];
        if level == Hdpl::Level3 {
            assert!(board.preload(0x0800_0000, &program("h7rs_probe", 0x0800_0000, &jump)));
        }
        let mut device = device(&board);
        // What the model believes of level 3 is not what this is about.
        device.machine.core.bus.set_debug_level_rule(false);
        device.boot();
        assert_eq!(device.level(), level);
        for (register, value) in [(DBGCR, 0x0051_B4B4), (DBGCR + 4, 0xB4), (DBGCR, 0x0051_B4B4)] {
            // str r0, [r1]; b .-0, where the device has RAM.
            device.poke(0x2404_0000, &[0x08, 0x60, 0xFE, 0xE7]);
            device.machine.core.r[0] = value;
            device.machine.core.r[1] = register;
            device.machine.core.r[15] = 0x2404_0000;
            device.machine.core.sleep = Sleep::Awake;
            device.run(10);
            assert!(is_closed(&device), "{level:?} {register:#x}");
        }
        let found = device.machine.core.bus.debug_state();
        assert!(found.is_err(), "{level:?}");
    }
    // In an open device it is the boot stages' to use.
    let mut board = board(Part::Stm32h7s7, ProductState::Provisioning, DebugAuthentication::Delegated, false);
    install(&mut board, "h7rs_probe", &[u32::MAX]);
    let mut device = device(&board);
    device.boot();
    assert_eq!(device.machine.core.bus.debugger_read(DBGCR + 4, Size::Word), Ok(0xB4));
}

/// What an application leaves.
const PATTERN: [u8; 8] = *b"LEFTOVER";

/// Whatever keeps an application's data is empty in the device that is open afterwards, with RAM divided in every way.
#[test]
fn a_regression_leaves_nothing_of_the_application() {
    const DBP: (u32, u32) = (0x5802_4800, 1 << 8);
    const BACKUP: u32 = 0x5800_4500;
    // ECC_ON_SRAM, and 64 KB of AXI SRAM3 for DTCM, and of AXI SRAM1 for ITCM.
    for (name, bits) in [("as delivered", 0), ("with ECC", 1 << 8), ("shared", 1 << 4 | 1)] {
        let mut board = closed(Part::Stm32h7s7, DebugAuthentication::Password);
        board.options_mut().obw2sr |= bits;
        let mut device = device(&board);
        device.boot();
        let ram: Vec<(u32, u32)> = [
            (0x0000_0000, 0x1_0000),
            (0x2000_4000, 0xC000),
            (0x2400_0000, if bits & 0xF == 0 { 0x2_0000 } else { 0x1_0000 }),
            (0x2402_0000, 0x2_0000),
            (0x2404_0000, if bits & 0xF0 == 0 { 0x2_0000 } else { 0x1_0000 }),
            (0x2406_0000, if bits & 1 << 8 == 0 { 0x1_2000 } else { 0x1_0000 }),
            (0x3000_0000, 0x8000),
            (0x3880_0000, 0x1000),
        ]
        .into_iter()
        // What the TCMs got.
        .chain([(0x0001_0000, 0x1_0000), (0x2001_0000, 0x1_0000)].into_iter().filter(|_| bits & 0xFF != 0))
        .collect();
        for (start, size) in &ram {
            for at in [0, size / 2, size - 8] {
                device.poke(start + at, &PATTERN);
            }
        }
        let access = Access {
            master: Master::Cpu,
            kind: Kind::Write,
            privileged: true,
            secure: false,
            size: Size::Word,
            pc: 0x2000_4000,
            now: device.machine.core.cycles,
        };
        let chip = &mut device.machine.core.bus;
        let before = chip.read(DBP.0, Access { kind: Kind::Read, ..access }).expect("PWR");
        chip.write(DBP.0, before | DBP.1, access).expect("PWR");
        for number in 0..32 {
            chip.write(BACKUP + 4 * number, 0x4C45_4654, access).expect("TAMP");
        }
        regress(&mut device);
        device.boot();
        assert!(is_regressed(&device), "{name}");
        for (start, size) in &ram {
            let found = device.peek(*start, *size);
            let left = found.windows(8).position(|bytes| bytes == PATTERN);
            assert_eq!(left, None, "{name} {start:#010x}");
        }
        let board = device.machine.core.bus.to_board();
        assert_eq!(board.backup_registers(), &[0; 32], "{name}");
        assert!(board.backup_sram().iter().all(|byte| *byte == 0), "{name}");
    }
}

#[test]
fn a_device_without_method_refuses_with_the_reason() {
    for (state, method, code) in [
        (ProductState::Locked, DebugAuthentication::Locked, codes::DA_LOCKED),
        (ProductState::Closed, DebugAuthentication::Delegated, codes::DA_DELEGATED),
        (ProductState::Provisioning, DebugAuthentication::None, codes::DA_NOT_SET_UP),
    ] {
        let mut board = board(Part::Stm32h7s7, state, method, false);
        install(&mut board, "h7rs_probe", &[u32::MAX]);
        let mut device = device(&board);
        let mut debugger = Debugger::connect(&mut device).expect("RSS answers");
        let answer = debugger.exchange(&host::request(Command::AuthStart));
        assert_eq!(answer, Some(Answer::Refused(code)), "{state:?}");
        device.boot();
        assert_eq!(device.machine.core.bus.product_state(), state);
    }
}

#[test]
fn a_host_that_falls_silent_does_not_stop_the_boot() {
    let mut device = device(&closed(Part::Stm32h7s7, DebugAuthentication::Password));
    let mut debugger = Debugger::connect(&mut device).expect("RSS answers");
    start(&mut debugger);
    device.boot();
    assert!(is_closed(&device) && result(&device).1 != 0);
}

/// Power cuts at every operation of a regression: the device ends regressed, or takes the credential again.
#[test]
fn a_regression_that_is_cut_short_can_be_finished() {
    let mut counting = device(&closed(Part::Stm32h7s7, DebugAuthentication::Password));
    counting.boot();
    let before = counting.machine.core.bus.flash_operations();
    regress(&mut counting);
    counting.boot();
    assert!(is_regressed(&counting));
    let operations = counting.machine.core.bus.flash_operations() - before;
    assert!(operations >= 4, "{operations}");
    for operation in 0..operations {
        for effect in [CutEffect::Before, CutEffect::After] {
            let mut device = device(&closed(Part::Stm32h7s7, DebugAuthentication::Password));
            device.boot();
            let first = device.machine.core.bus.flash_operations();
            let cut = PowerCut { operation: first + operation, effect, seed: operation };
            device.machine.core.bus.cut_power_at(Some(cut));
            regress(&mut device);
            device.run(200_000_000);
            assert!(device.machine.core.bus.is_off(), "operation {operation} did not come");
            device.machine.core.bus.cut_power_at(None);
            power_cycle(&mut device.machine);
            device.run(200_000_000);
            if !is_regressed(&device) {
                regress(&mut device);
                device.boot();
            }
            assert!(is_regressed(&device), "{operation} {effect:?}");
        }
    }
}

/// Sends the password; the answer may be lost with the power.
fn regress(device: &mut Device) {
    let Some(mut debugger) = Debugger::connect(device) else { return };
    start(&mut debugger);
    let _ = debugger.exchange(&host::present(tlv::PASSWORD, PASSWORD));
}
