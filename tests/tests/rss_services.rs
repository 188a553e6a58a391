//! The services of RSS, called by Arm code in the secure area of the device.

use ironroot_chip::{Board, Stm32h735};
use ironroot_codes::rss as codes;
use ironroot_cpu::bus::{Kind, Master};
use ironroot_cpu::machine::Stop;
use ironroot_layout::stm32h735::rss::{self, service};
use ironroot_tests::device::{Device, Place, place_of};

const FLASH: u32 = 0x0800_0000;
const SECTOR: u32 = 0x2_0000;
/// Where the caller leaves what a service returned.
const RESULT: u32 = 0x2400_0100;
/// Where the caller's arguments lie.
const ARGUMENTS: u32 = 0x2400_0200;
const SECURITY: u32 = 1 << 21;
/// SCAR: sector 0, removed by a bank erase.
const SECTOR_0: u32 = 0x81FF_0000;
/// PRAR: sector 2.
const PCROP: u32 = 0x05FF_0400;
const NOT_CALLED: u32 = 0x1111_1111;

/// A program at `at` that calls the service whose address is in the table at `entry`, stores what it returns, sleeps.
fn caller(at: u32, entry: u32, first: u32, second: u32) -> Vec<u8> {
    let words = [
        0x2002_0000,
        at + 9,
        // ldr r0, =first; ldr r1, =second; ldr r3, =entry; ldr r3, [r3]; blx r3; ldr r2, =RESULT; str r0, [r2]; wfi; b .-2; nop
        0x4905_4804,
        0x681B_4B05,
        0x4A05_4798,
        0xBF30_6010,
        0xBF00_E7FD,
        first,
        second,
        entry,
        RESULT,
    ];
    words.iter().flat_map(|word| u32::to_le_bytes(*word)).collect()
}

/// A board in Secure access mode with that program as its secure user software (or in its place, without an area).
fn board(scar: u32, entry: u32, first: u32, second: u32) -> Board {
    let mut board = Board::with_serial(1);
    board.options_mut().optsr |= SECURITY;
    board.options_mut().scar = scar;
    assert!(board.preload(FLASH, &caller(FLASH, entry, first, second)));
    board
}

const NO_AREA: u32 = 0x8000_00FF;
const INITIALIZE: u32 = rss::RESET_AND_INITIALIZE_SECURE_AREAS.value();
const REMOVE_PCROP: u32 = rss::RESET_AND_REMOVE_PCROP_AREA.value();
const EXIT: u32 = rss::EXIT_SECURE_AREA.value();

fn arguments(device: &mut Device, words: &[u32]) {
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    device.poke_bytes(ARGUMENTS, &bytes);
}

/// Runs until the caller sleeps; what the service returned.
#[track_caller]
fn returned(device: &mut Device) -> u32 {
    device.poke_bytes(RESULT, &NOT_CALLED.to_le_bytes());
    assert_eq!(device.run(100_000_000), Stop::Idle);
    device.peek_word(RESULT)
}

/// Calls another service from the same place, after a reset.
fn call_next(device: &mut Device, entry: u32) -> u32 {
    device.poke_bytes(FLASH, &caller(FLASH, entry, 0, 0));
    device.machine.system_reset();
    returned(device)
}

fn status(device: &mut Device) -> u32 {
    call_next(device, rss::GET_STATUS.value())
}

#[test]
fn rss_get_version_and_reserved_entries() {
    let call = |entry| returned(&mut Device::on(&board(NO_AREA, entry, 0, 0)));
    assert_eq!(call(rss::GET_VERSION.value()), rss::SERVICES_VERSION);
    assert_eq!(call(rss::GET_STATUS.value()), 0);
    for reserved in [0x1FF0_9508, 0x1FF0_950C, 0x1FF0_9510] {
        assert_eq!(call(reserved), rss::RSS_ERROR);
    }
}

#[test]
fn rss_initialize_sets_the_area_once_and_first_time_only() {
    let mut device = Device::on(&board(NO_AREA, INITIALIZE, 1, ARGUMENTS));
    arguments(&mut device, &[SECTOR, FLASH, 1]);
    // The call resets; after it RSS sets the area, resets, and the same call is refused.
    assert_eq!(returned(&mut device), rss::RSS_DISABLED);
    assert_eq!((device.machine.resets, device.machine.core.bus.options().scar), (2, SECTOR_0));
    assert_eq!(status(&mut device), rss::status(service::INITIALIZE_SECURE_AREAS, 0));
    device.machine.core.bus.power_on();
    device.machine.reset_core();
    assert_eq!(returned(&mut device), 0, "getStatus forgets with the power");
}

#[test]
fn rss_initialize_refuses_counts_and_areas() {
    let cases: [(u32, [u32; 3]); 15] = [
        (0, [SECTOR, FLASH, 1]),
        (2, [SECTOR, FLASH, 1]),
        (u32::MAX, [SECTOR, FLASH, 1]),
        (1, [SECTOR, FLASH, 2]),
        (1, [SECTOR, FLASH + 128, 1]),
        (1, [SECTOR + 128, FLASH, 1]),
        (1, [0, FLASH, 1]),
        (1, [256, FLASH, 1]),
        (1, [SECTOR, FLASH - 256, 1]),
        (1, [9 * SECTOR, FLASH, 1]),
        (1, [512, 0x080F_FF00, 1]),
        (1, [u32::MAX, FLASH, 1]),
        (1, [u32::MAX - 255, 0x0800_0100, 1]),
        (1, [SECTOR, 0x1FF0_0000, 1]),
        (1, [SECTOR, 0x1800_0000, 1]),
    ];
    for (count, area) in cases {
        let board = board(NO_AREA, INITIALIZE, count, ARGUMENTS);
        let mut device = Device::on(&board);
        arguments(&mut device, &[area, area].concat());
        assert_eq!(returned(&mut device), rss::RSS_ERROR, "{count} {area:x?}");
        assert_eq!((device.machine.resets, device.machine.core.bus.options()), (0, board.options()));
    }
    for (size, start) in [(512, FLASH), (512, 0x080F_FE00), (SECTOR, FLASH + SECTOR)] {
        let mut device = Device::on(&board(NO_AREA, INITIALIZE, 1, ARGUMENTS));
        arguments(&mut device, &[size, start, 0]);
        device.run(100_000_000);
        assert_eq!(device.machine.resets, 2, "{size:#x} at {start:#x} is one");
    }
}

#[test]
fn rss_initialize_refuses_hostile_pointers() {
    let pointers = [
        0,
        4,
        0x0000_FFF8,
        FLASH,
        FLASH + 0x100,
        0x1FF0_0000,
        0x1FF0_9500,
        0x1FF1_0000,
        0x1FFF_FFF8,
        0x1FFF_FFFC,
        0x2000_0800,
        0x2000_0C00,
        0x2000_07FC,
        0x2000_4FFC,
        0x2001_FFF8,
        0x2002_0000,
        0x2404_FFF8,
        0x2400_0201,
        0x2400_0202,
        0x3000_7FF8,
        0x3800_3FF8,
        0x3880_0000,
        0x4000_4800,
        0x5200_2000,
        0x5200_2F00,
        0x5802_4400,
        0x9000_0000,
        0xE000_ED00,
        0xFFFF_FFF4,
        0xFFFF_FFF8,
        0xFFFF_FFFC,
        0xFFFF_FFFF,
    ];
    for pointer in pointers {
        let board = board(NO_AREA, INITIALIZE, 1, pointer);
        let mut device = Device::on(&board);
        assert_eq!(returned(&mut device), rss::RSS_ERROR, "{pointer:#x}");
        assert_eq!((device.machine.resets, device.machine.core.bus.options()), (0, board.options()));
    }
}

#[test]
fn rss_removes_a_pcrop_area_without_a_mass_erase() {
    let mut board = board(SECTOR_0, REMOVE_PCROP, 0, 0);
    board.options_mut().prar = PCROP;
    assert!(board.preload(FLASH + 2 * SECTOR, b"secret") && board.preload(FLASH + 3 * SECTOR, b"stays"));
    let mut device = Device::on(&board);
    // Served, and then the same call finds nothing to remove.
    assert_eq!(returned(&mut device), rss::RSS_DISABLED);
    assert_eq!((device.machine.resets, device.machine.core.bus.options().prar), (2, 0x8000_00FF));
    assert_eq!(device.machine.core.bus.options().scar, SECTOR_0);
    assert_eq!(device.peek_bytes(FLASH + 2 * SECTOR, 6), [0xFF; 6]);
    assert_eq!(device.peek_bytes(FLASH + 3 * SECTOR, 5), b"stays");
    assert_eq!(status(&mut device), rss::status(service::REMOVE_PCROP_AREA, 0));
}

#[test]
fn rss_remove_pcrop_tells_what_the_hardware_refused_and_does_not_try_for_ever() {
    // A write-protected sector of it; a sector shared with the secure area.
    for (prar, wpsn) in [(PCROP, 0xFB), (0x0200_0100, 0xFF)] {
        let mut board = board(SECTOR_0, REMOVE_PCROP, 0, 0);
        (board.options_mut().prar, board.options_mut().wpsn) = (prar, wpsn);
        let mut device = Device::on(&board);
        assert_eq!(returned(&mut device), rss::RSS_DISABLED);
        assert_eq!((device.machine.resets, device.machine.core.bus.options()), (2, board.options()));
        let refused = rss::status(service::REMOVE_PCROP_AREA, codes::OPTION_CHANGE_REFUSED.number());
        assert_eq!(status(&mut device), refused);
    }
}

/// The request block as the library leaves it, caught between the call and the boot that serves it.
fn caught(device: &mut Device) -> Vec<u8> {
    let before = device.machine.resets;
    while device.machine.resets == before {
        assert_ne!(device.machine.step(), Stop::Lockup);
    }
    device.peek_bytes(rss::REQUEST_BLOCK.start().value(), 24)
}

/// The device has booted without serving a request: one stretch to the caller, which sleeps.
fn not_served(mut device: Device, what: &str) {
    let (resets, options) = (device.machine.resets, *device.machine.core.bus.options());
    assert_eq!(returned(&mut device), NOT_CALLED, "{what}");
    assert_eq!((device.machine.resets, *device.machine.core.bus.options()), (resets, options), "{what}");
}

#[test]
fn rss_serves_no_request_that_the_library_did_not_just_make() {
    let mut board = board(SECTOR_0, REMOVE_PCROP, 0, 0);
    board.options_mut().prar = PCROP;
    let mut device = Device::on(&board);
    let block = caught(&mut device);
    // From here on the secure user software only sleeps.
    let asleep = [0x2002_0000, FLASH + 9, 0xE7FD_BF30_u32].map(u32::to_le_bytes).concat();
    device.poke_bytes(FLASH, &asleep);

    let mut served = device.clone();
    returned(&mut served);
    assert_eq!(served.machine.core.bus.options().prar, 0x8000_00FF, "as it is, it is served");

    for byte in 0..24 {
        for bit in [0, 7] {
            let mut damaged = device.clone();
            let mut block = block.clone();
            block[byte] ^= 1 << bit;
            damaged.poke_bytes(rss::REQUEST_BLOCK.start().value(), &block);
            not_served(damaged, "damaged");
        }
    }
    let mut late = device.clone();
    late.machine.core.bus.power_on();
    late.poke_bytes(rss::REQUEST_BLOCK.start().value(), &block);
    late.machine.reset_core();
    not_served(late, "after a power-on");

    // The same bytes again, well-formed, when the request has been served; and on a device that never asked.
    let mut again = served;
    again.machine.core.bus.flash_mut();
    again.poke_bytes(rss::REQUEST_BLOCK.start().value(), &block);
    again.machine.system_reset();
    not_served(again, "stale");
    let mut other = Board::with_serial(2);
    *other.options_mut() = *board.options();
    assert!(other.preload(FLASH, &asleep));
    let mut foreign = Device::on(&other);
    foreign.run(1_000_000);
    foreign.poke_bytes(rss::REQUEST_BLOCK.start().value(), &block);
    foreign.machine.system_reset();
    not_served(foreign, "foreign");
}

#[test]
fn rss_leaves_nothing_in_its_ram_window() {
    let mut device = Device::on(&board(SECTOR_0, rss::GET_VERSION.value(), 0, 0));
    returned(&mut device);
    let (start, size) = (rss::WINDOW.start().value(), rss::WINDOW.size().bytes());
    device.poke_bytes(start, &vec![0xA5; size as usize]);
    device.machine.system_reset();
    returned(&mut device);
    assert_eq!(device.peek_bytes(start, size), vec![0; size as usize]);
}

/// An application at 0x0802_0400 that sleeps.
fn with_application(mut board: Board) -> Board {
    let program = [0x2002_0000, 0x0802_0409, 0xE7FD_BF30_u32].map(u32::to_le_bytes).concat();
    assert!(board.preload(0x0802_0400, &program));
    board
}

#[test]
fn rss_exit_closes_the_area_and_opens_debug_as_asked() {
    let cases =
        [(rss::JTAG_ENABLE, true), (rss::JTAG_KEEP_CLOSED, false), (1, false), (!rss::JTAG_ENABLE, false)];
    for (jtag, open) in cases {
        let mut device = Device::on(&with_application(board(SECTOR_0, EXIT, 0x0802_0400, jtag)));
        assert_eq!(returned(&mut device), NOT_CALLED, "the call does not come back");
        assert_eq!(place_of(device.machine.core.r[15]), Place::Application);
        let chip = &device.machine.core.bus;
        let security = chip.security();
        assert_eq!((security.is_secure_area_open(), security.is_library_open()), (false, false));
        assert_eq!((security.is_rss_open(), chip.debug_state().is_ok()), (false, open), "{jtag:#x}");
        assert_eq!(device.machine.resets, 0);
        device.machine.system_reset();
        assert!(device.machine.core.bus.security().is_secure_area_open(), "open again after a reset");
        assert!(device.machine.core.bus.debug_state().is_err(), "and debug closed");
    }
}

#[test]
fn rss_exit_refuses_hostile_vectors() {
    let targets = [
        0,
        1,
        FLASH,
        FLASH + 0x400,
        FLASH + SECTOR - 0x400,
        0x0802_0404,
        0x0802_0200,
        0x0804_0000,
        0x080F_FC00,
        0x0810_0000,
        0x1FF0_0000,
        0x1FF0_9400,
        0x1FF1_0000,
        0x2000_8000,
        0x2400_0400,
        0x2400_0800,
        0x2002_0000,
        0x4000_4800,
        0x5200_2C00,
        0xE000_EC00,
        0xFFFF_FC00,
        0xFFFF_FFFF,
    ];
    for vectors in targets {
        let mut device = Device::on(&with_application(board(SECTOR_0, EXIT, vectors, rss::JTAG_ENABLE)));
        // A table in RAM whose entry is in the area that closes.
        device.poke_bytes(0x2400_0800, &[0x2002_0000, FLASH + 9].map(u32::to_le_bytes).concat());
        assert_ne!(returned(&mut device), NOT_CALLED, "{vectors:#x} comes back");
        let chip: &Stm32h735 = &device.machine.core.bus;
        assert!(chip.security().is_secure_area_open(), "{vectors:#x}: as it was");
        assert!(chip.debug_state().is_err(), "{vectors:#x}");
    }
}

#[test]
fn rss_is_closed_to_everybody_after_its_work_and_to_other_masters_always() {
    let mut secure = Device::on(&board(SECTOR_0, rss::GET_VERSION.value(), 0, 0));
    returned(&mut secure);
    let mut standard = Board::with_serial(1);
    assert!(standard.preload(FLASH, &caller(FLASH, 0x1FF1_0000, 0, 0)));
    let standard = Device::on(&standard);
    for chip in [&secure.machine.core.bus, &standard.machine.core.bus] {
        for kind in [Kind::Fetch, Kind::Read] {
            for master in [Master::Cpu, Master::Dma, Master::Debugger] {
                let verdict = chip.verdict(rss::RSS.start().value(), master, kind);
                assert_ne!(verdict, Some(ironroot_chip::rules::Verdict::Allow), "{master:?} {kind:?}");
            }
        }
    }
    // Before its work, right after the reset: the core alone.
    let chip = &Device::on(&board(SECTOR_0, EXIT, 0, 0)).machine.core.bus;
    let open = |master| chip.verdict(rss::RSS.start().value(), master, Kind::Read);
    assert_eq!(open(Master::Cpu), Some(ironroot_chip::rules::Verdict::Allow));
    assert_ne!(open(Master::Dma), Some(ironroot_chip::rules::Verdict::Allow));
    assert_ne!(open(Master::Debugger), Some(ironroot_chip::rules::Verdict::Allow));
}
