//! System flash of the STM32H7R/7S on the virtual chip: which way a boot goes, and what RSSLIB does.

use ironroot_boot::Status;
use ironroot_chip_h7rs::rules::Area;
use ironroot_codes::h7rs as codes;
use ironroot_cpu::core::Sleep;
use ironroot_crypto::{Crypto, Software};
use ironroot_layout::stm32h7rs::obkeys::{DA_LOCK, DA_PASSWORD, Destination, IROT_CONFIG, UROT_DATA};
use ironroot_layout::stm32h7rs::rsslib::{ERROR, RAM, SUCCESS, Service};
use ironroot_layout::stm32h7rs::state::{DebugAuthentication, Hdpl, ProductState};
use ironroot_layout::stm32h7rs::{Part, chip};
use ironroot_tests::h7rs::Device;
use ironroot_tests::h7rs_system::{
    DA, PASSWORD, board, da_config, device, install, install_call, program, result,
};

const S: Part = Part::Stm32h7s7;
const R: Part = Part::Stm32h7r7;
const NONE: u32 = u32::MAX;
const SOURCE: u32 = 0x2404_0000;
const REQUEST: u32 = 0x2404_8000;

/// Where a boot ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Bootloader,
    Stirot,
    User,
    Nothing,
}

fn end(part: Part, state: ProductState, boot0: bool, stirot: bool, user: bool) -> End {
    let mut board = board(part, state, DebugAuthentication::Delegated, stirot);
    board.set_boot0(boot0);
    if user {
        install(&mut board, "h7rs_probe", &[NONE]);
    }
    let mut device = device(&board);
    device.boot();
    let pc = device.machine.core.r[15];
    let level = device.level();
    let end = match device.machine.core.bus.area(pc) {
        Some(Area::Bootloader) => End::Bootloader,
        Some(Area::Stirot) => End::Stirot,
        Some(Area::User) => End::User,
        Some(Area::Rss) => End::Nothing,
        area => panic!("{pc:#010x} {area:?}"),
    };
    // Whatever runs, RSS is hidden and left nothing behind; where nothing runs, nothing is open.
    assert_eq!(level, if end == End::Nothing { Hdpl::Level0 } else { Hdpl::Level1 });
    if end == End::User {
        let ram = device.peek(RAM.start().value(), RAM.size().bytes());
        assert!(ram.iter().all(|byte| *byte == 0), "RAM of RSS is not empty");
        assert_eq!(device.machine.core.r[13], 0x2000_C000);
    }
    if end == End::Nothing {
        assert!(device.console.contains("refused: IR-4331"), "{}", device.console);
        let record = device.hand_off().expect("a record");
        assert_eq!(record.status, Status::Refused(codes::NO_FIRST_STAGE));
    }
    end
}

#[test]
fn every_state_has_its_path() {
    use ProductState::{Closed, Locked, Open, Provisioning};
    for state in [Open, Provisioning] {
        assert_eq!(end(S, state, true, true, true), End::Bootloader, "{state:?}");
        assert_eq!(end(S, state, false, true, true), End::Stirot, "{state:?}");
        assert_eq!(end(S, state, false, false, true), End::User, "{state:?}");
        assert_eq!(end(S, state, false, false, false), End::Bootloader, "{state:?}");
        assert_eq!(end(R, state, false, true, true), End::User, "{state:?}");
    }
    for state in [Closed, Locked] {
        // The boot pin means nothing any more.
        assert_eq!(end(S, state, true, false, true), End::User, "{state:?}");
        assert_eq!(end(S, state, true, true, true), End::Stirot, "{state:?}");
        assert_eq!(end(R, state, true, true, true), End::User, "{state:?}");
        assert_eq!(end(S, state, true, false, false), End::Nothing, "{state:?}");
    }
}

/// Calls a service from user flash at level 1 and boots until the core sleeps: its answer.
fn call(board: &ironroot_chip_h7rs::BoardH7, service: Service, arguments: [u32; 4]) -> (u32, Device) {
    call_with(board, service, arguments, &[])
}

/// The same with RAM content.
fn call_with(
    board: &ironroot_chip_h7rs::BoardH7,
    service: Service,
    arguments: [u32; 4],
    ram: &[(u32, Vec<u8>)],
) -> (u32, Device) {
    let mut board = board.clone();
    install_call(&mut board, service as u32, arguments);
    let mut device = device(&board);
    for (address, bytes) in ram {
        device.poke(*address, bytes);
    }
    device.boot();
    (result(&device).0, device)
}

/// A board with the first stage in user flash; with a method goes what it needs.
fn fresh(state: ProductState, debug: DebugAuthentication) -> ironroot_chip_h7rs::BoardH7 {
    let mut board = board(S, state, debug, false);
    if matches!(debug, DebugAuthentication::Password | DebugAuthentication::Ecdsa) {
        set_da(&mut board);
    }
    board
}

#[test]
fn the_state_is_told_by_its_number() {
    for state in ProductState::ALL {
        let (answer, _) = {
            let debug = if state == ProductState::Open {
                DebugAuthentication::None
            } else {
                DebugAuthentication::Delegated
            };
            call(&fresh(state, debug), Service::GetProductState, [0; 4])
        };
        assert_eq!(answer, u32::from(state.number()), "{state:?}");
    }
}

#[test]
fn states_go_forward_one_by_one() {
    use DebugAuthentication as Debug;
    use ProductState::{Closed, Locked, Open, Provisioning};
    for (from, debug, to, allowed) in [
        (Open, Debug::None, Provisioning, true),
        (Open, Debug::None, Closed, false),
        (Open, Debug::None, Locked, false),
        (Open, Debug::None, Open, false),
        (Provisioning, Debug::Password, Closed, true),
        (Provisioning, Debug::Ecdsa, Closed, true),
        // No way back: only by the name of it.
        (Provisioning, Debug::None, Closed, false),
        (Provisioning, Debug::Locked, Closed, false),
        (Provisioning, Debug::Locked, Locked, true),
        (Provisioning, Debug::Password, Open, false),
        (Closed, Debug::Password, Locked, false),
        (Closed, Debug::Password, Open, false),
        (Locked, Debug::Locked, Closed, false),
    ] {
        let number = u32::from(to.number());
        let board = fresh(from, debug);
        let (answer, device) = call(&board, Service::SetProductState, [number, 0, 0, 0]);
        // A closing state resets the chip, and the program then asks once more.
        let expected = if allowed && to == Provisioning { SUCCESS } else { ERROR };
        assert_eq!(answer, expected, "{from:?} {debug:?} {to:?}");
        let state = device.machine.core.bus.product_state();
        assert_eq!(state, if allowed { to } else { from }, "{from:?} {debug:?} {to:?}");
    }
    let (answer, _) = call(
        &fresh(Open, Debug::None),
        Service::SetProductState,
        [0x100 | u32::from(Provisioning.number()), 0, 0, 0],
    );
    assert_eq!(answer, ERROR);
}

fn set_da(board: &mut ironroot_chip_h7rs::BoardH7) {
    ironroot_tests::h7rs::set_keys(board, DA, &da_config(&Software.sha256_of(PASSWORD), 0));
}

/// DBG_AUTH can be written at level 0 alone, so the service resets, and RSS does it.
#[test]
fn locking_goes_through_a_reset() {
    let board = fresh(ProductState::Provisioning, DebugAuthentication::Password);
    let number = u32::from(ProductState::Locked.number());
    let (answer, device) = call(&board, Service::SetProductState, [number, 0, 0, 0]);
    // The program was started again behind the reset, and asked again.
    assert_eq!(answer, ERROR);
    assert_eq!(device.machine.core.bus.product_state(), ProductState::Locked);
}

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    })
}

/// The RAM content of a provisioning request.
fn request(destination: u32, content: &[u8], crc: u32) -> Vec<(u32, Vec<u8>)> {
    let words = [SOURCE, destination, content.len() as u32, 0, crc];
    let words = words.into_iter().flat_map(u32::to_le_bytes).collect();
    vec![(SOURCE, content.to_vec()), (REQUEST, words)]
}

fn key(device: &Device, level: Hdpl, index: u8) -> Option<Vec<u8>> {
    device.machine.core.bus.flash().keys().get(level, index).map(|key| key.bytes().to_vec())
}

#[test]
fn keys_of_the_level_and_above_are_written_at_once() {
    let content: Vec<u8> = (0..96).collect();
    for destination in [IROT_CONFIG, UROT_DATA] {
        let ram = request(destination.word(), &content, crc(&content));
        let board = fresh(ProductState::Provisioning, DebugAuthentication::None);
        let (answer, device) = call_with(&board, Service::DataProvisioning, [REQUEST, 0, 0, 0], &ram);
        assert_eq!(answer, SUCCESS);
        for (index, part) in (destination.index..).zip(content.chunks(32)) {
            assert_eq!(key(&device, destination.level, index).as_deref(), Some(part));
        }
        assert_eq!(key(&device, destination.level, destination.index + 3), None);
    }
}

#[test]
fn a_provisioning_that_is_not_right_writes_nothing() {
    let content = vec![7; 64];
    let good = crc(&content);
    let word = IROT_CONFIG.word();
    let at = |index: u8| Destination { index, ..IROT_CONFIG }.word();
    type Case = (&'static str, Vec<(u32, Vec<u8>)>, u32, ProductState);
    let mut cases: Vec<Case> = vec![
        ("crc", request(word, &content, good ^ 1), REQUEST, ProductState::Provisioning),
        ("level 3", request(0x308, &content, good), REQUEST, ProductState::Provisioning),
        ("rest of the word", request(0x0100_0108, &content, good), REQUEST, ProductState::Provisioning),
        ("beyond the last key", request(at(31), &content, good), REQUEST, ProductState::Provisioning),
        (
            "half a key",
            request(word, &content[..48], crc(&content[..48])),
            REQUEST,
            ProductState::Provisioning,
        ),
        ("nothing", request(word, &[], crc(&[])), REQUEST, ProductState::Provisioning),
        ("request outside of RAM", request(word, &content, good), 0x5200_2000, ProductState::Provisioning),
        ("request at an odd address", request(word, &content, good), REQUEST + 2, ProductState::Provisioning),
        ("closed", request(word, &content, good), REQUEST, ProductState::Closed),
    ];
    for (name, source) in [
        ("in AXI SRAM2", 0x2403_0000),
        ("in flash", 0x0800_0000),
        ("behind the end", 0x2405_FFF0),
        ("odd", SOURCE + 2),
    ] {
        let mut ram = request(word, &content, good);
        ram[1].1[..4].copy_from_slice(&u32::to_le_bytes(source));
        cases.push((name, ram, REQUEST, ProductState::Provisioning));
    }
    for (name, ram, place, state) in cases {
        let board = fresh(state, DebugAuthentication::Delegated);
        let (answer, device) = call_with(&board, Service::DataProvisioning, [place, 0, 0, 0], &ram);
        assert_eq!(answer, ERROR, "{name}");
        for index in 8..32 {
            assert_eq!(key(&device, Hdpl::Level1, index), None, "{name}");
        }
    }
}

#[test]
fn debug_authentication_is_provisioned_by_rss() {
    let content = da_config(&Software.sha256_of(PASSWORD), 0);
    let board = fresh(ProductState::Provisioning, DebugAuthentication::None);
    let ram = request(DA_PASSWORD.word(), &content, crc(&content));
    let mut calling = board.clone();
    install_call(&mut calling, Service::DataProvisioning as u32, [REQUEST, 0, 0, 0]);
    let mut device = device(&calling);
    for (address, bytes) in &ram {
        device.poke(*address, bytes);
    }
    // The service resets, RSS writes, and the program asks again: for ever, since RAM keeps the request. So look after a while.
    device.run(3_000_000);
    assert_eq!(key(&device, Hdpl::Level0, 8).as_deref(), Some(&content[..32]));
    assert_eq!(key(&device, Hdpl::Level0, 10).as_deref(), Some(&content[64..]));
    let options = device.machine.core.bus.options();
    assert_eq!(options.rotsr >> 8 & 0xFF, u32::from(DebugAuthentication::Password.bits()));
}

/// Has RSS take a command out of RAM, as the bootloader leaves it, and asks how it ended.
fn command(board: &ironroot_chip_h7rs::BoardH7, number: u16, words: [u32; 5], sum: u32) -> (u32, Device) {
    use ironroot_layout::stm32h7rs::rsslib::COMMAND;
    let mut board = board.clone();
    install_call(&mut board, Service::GetRssStatus as u32, [0; 4]);
    let mut device = device(&board);
    device.boot();
    let all: Vec<u8> = std::iter::once(u32::from(number)).chain(words).flat_map(u32::to_le_bytes).collect();
    let sum = crc(&all) ^ sum;
    device.poke(COMMAND.start().value(), &[&all[..], &sum.to_le_bytes()].concat());
    // SBS_RSSCMDR, by the debugger if it may, else as a program of any level could have left it.
    set_rsscmdr(&mut device, number);
    device.reboot();
    (result(&device).0, device)
}

/// A program at level 3 writes SBS_RSSCMDR: ten bytes of code in AXI SRAM.
fn set_rsscmdr(device: &mut Device, value: u16) {
    // movw r0, #value; movw r1, #0x434; movt r1, #0x5800; str r0, [r1]; b .
    let movw = |register: u32, value: u32| {
        let (imm4, i, imm3, imm8) = (value >> 12, value >> 11 & 1, value >> 8 & 7, value & 0xFF);
        [0xF240 | i << 10 | imm4, imm3 << 12 | register << 8 | imm8]
    };
    let mut halves = Vec::new();
    halves.extend(movw(0, u32::from(value)));
    halves.extend(movw(1, 0x434));
    let [a, b] = movw(1, 0x5800);
    halves.extend([a | 0x80, b]);
    halves.extend([0x6008, 0xE7FE]);
    let code: Vec<u8> = halves.into_iter().flat_map(|half| (half as u16).to_le_bytes()).collect();
    device.poke(0x2406_0000, &code);
    device.machine.core.sleep = Sleep::Awake;
    device.machine.core.r[15] = 0x2406_0000;
    device.run(20);
}

#[test]
fn a_command_for_rss_is_checked_like_a_strangers() {
    use ironroot_layout::stm32h7rs::rsslib::command::{PROVISION, SET_STATE};
    let open = fresh(ProductState::Provisioning, DebugAuthentication::Password);
    let closed = u32::from(ProductState::Closed.number());
    let state = [closed, 0, 0, 0, 0];

    let (status, device) = command(&open, SET_STATE, state, 0);
    assert_eq!((status, device.machine.core.bus.product_state()), (SUCCESS, ProductState::Closed));

    let (status, device) = command(&open, SET_STATE, state, 1);
    assert_eq!(status, u32::from(codes::COMMAND_DAMAGED.number()));
    assert_eq!(device.machine.core.bus.product_state(), ProductState::Provisioning);

    let none = fresh(ProductState::Provisioning, DebugAuthentication::None);
    let (status, _) = command(&none, SET_STATE, state, 0);
    assert_eq!(status, u32::from(codes::STATE_NO_WAY_BACK.number()));
    let (status, _) = command(&open, SET_STATE, [0, 0, 0, 0, 0], 0);
    assert_eq!(status, u32::from(codes::STATE_ORDER.number()));

    // A damaged configuration of debug authentication: nobody could ever open the device again.
    let content = vec![3; 96];
    for (destination, expected) in [
        (DA_PASSWORD.word(), codes::PROVISIONING_HASH),
        (DA_LOCK.word(), codes::PROVISIONING_CRC),
        (0x0000_0308, codes::PROVISIONING_DESTINATION),
    ] {
        let mut board = none.clone();
        install_call(&mut board, Service::GetRssStatus as u32, [0; 4]);
        let sum = if expected == codes::PROVISIONING_CRC { 0 } else { crc(&content) };
        let mut ram = device_with(&board, &content);
        let (status, device) = run_command(&mut ram, PROVISION, [SOURCE, destination, 96, 0, sum]);
        assert_eq!(status, u32::from(expected.number()));
        assert_eq!(key(device, Hdpl::Level0, 8), None);
    }

    // A closed device takes none: any application could have left it.
    let board = fresh(ProductState::Closed, DebugAuthentication::Password);
    let locked = u32::from(ProductState::Locked.number());
    let (status, device) = command(&board, SET_STATE, [locked, 0, 0, 0, 0], 0);
    assert_eq!((status, device.machine.core.bus.product_state()), (SUCCESS, ProductState::Closed));
}

fn device_with(board: &ironroot_chip_h7rs::BoardH7, content: &[u8]) -> Device {
    let mut device = device(board);
    device.boot();
    device.poke(SOURCE, content);
    device
}

fn run_command(device: &mut Device, number: u16, words: [u32; 5]) -> (u32, &Device) {
    use ironroot_layout::stm32h7rs::rsslib::COMMAND;
    let all: Vec<u8> = std::iter::once(u32::from(number)).chain(words).flat_map(u32::to_le_bytes).collect();
    device.poke(COMMAND.start().value(), &[&all[..], &crc(&all).to_le_bytes()].concat());
    set_rsscmdr(device, number);
    device.reboot();
    (result(device).0, device)
}

#[test]
fn option_words_are_written_but_not_the_state() {
    let board = fresh(ProductState::Open, DebugAuthentication::None);
    let set = |address, mask, value, position| {
        call(&board, Service::SetSecureOptionByte, [address, mask, value, position])
    };
    let (answer, device) = set(0x5200_2234, 0x00FF_00FF, 0x7F, 16);
    assert_eq!((answer, device.machine.core.bus.options().hdpsr), (SUCCESS, 0x007F_0000));
    let (answer, device) = set(0x5200_221C, 0xFF, 0xFE, 0);
    assert_eq!((answer, device.machine.core.bus.options().wrpsr), (SUCCESS, 0xFE));
    let (answer, device) = set(0x5200_220C, 0xFF00_0000, 0xB4, 24);
    assert_eq!((answer, device.machine.core.bus.options().rotsr >> 24), (SUCCESS, 0xB4));
    for (address, mask, position) in [
        (0x5200_220C, 0xFF, 0),
        (0x5200_220C, 0xFF00, 8),
        (0x5200_2204, 0xFF, 0),
        (0x5200_2010, 0xFF, 0),
        (0x2000_0000, 0xFF, 0),
        (0x5200_221C, 0xFF, 32),
    ] {
        let (answer, device) = set(address, mask, 0x51, position);
        assert_eq!(answer, ERROR, "{address:#x}");
        assert_eq!(device.machine.core.bus.product_state(), ProductState::Open);
    }
}

#[test]
fn a_jump_raises_the_level_and_clears_the_registers() {
    for (service, level) in [(Service::JumpToLevel2, Hdpl::Level2), (Service::JumpToLevel3, Hdpl::Level3)] {
        let board = fresh(ProductState::Open, DebugAuthentication::None);
        let target = 0x0800_2000;
        let mut with_target = board.clone();
        assert!(with_target.preload(target, &program("h7rs_probe", target, &[NONE])));
        let (answer, device) = call(&with_target, service, [target, 16, 0, 0]);
        let (_, found) = result(&device);
        assert_eq!((answer, found), (0, u32::from(level.bits())), "{service:?}");
        assert_eq!(device.level(), level);
    }
}

#[test]
fn a_jump_that_cannot_be_made_comes_back() {
    let board = fresh(ProductState::Open, DebugAuthentication::None);
    let hidden = {
        let mut board = board.clone();
        // Units of 256 bytes: 0x0800_2000 to 0x0800_3FFF.
        board.options_mut().hdpsr = 0x003F_0020;
        board
    };
    for (name, board, target) in [
        ("erased", &board, 0x0800_2000),
        ("not aligned", &board, 0x0800_2100),
        ("system flash", &board, 0x1FF0_0000),
        ("registers", &board, 0x5800_0400),
        ("hidden at that level", &hidden, 0x0800_2000),
    ] {
        for service in [Service::JumpToLevel2, Service::JumpToLevel3] {
            let mut board = board.clone();
            if name.starts_with("hidden") {
                assert!(board.preload(target, &program("h7rs_probe", target, &[NONE])));
            }
            let (answer, device) = call(&board, service, [target, 16, 0, 0]);
            assert_eq!((answer, device.level()), (ERROR, Hdpl::Level1), "{name}");
        }
    }
    // Level 1 is RSS's to enter.
    let (answer, device) = call(&board, Service::JumpToLevel1, [0x0800_0000, 0, 0, 0]);
    assert_eq!((answer, device.level()), (ERROR, Hdpl::Level1));
    assert_eq!(chip::FLASH.start().value(), 0x0800_0000);
}
