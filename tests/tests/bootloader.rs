//! The system bootloader on the device: our host end of the protocol speaks to the real ROM through a virtual USART.

use ironroot_chip::Board;
use ironroot_cpu::machine::Stop;
use ironroot_layout::stm32h735::rss;
use ironroot_tests::device::{Device, Place, place_of};
use ironroot_tests::serial::{Serial, Trouble};
use ironroot_uart_bootloader::host::{Error, Exchange, Part};
use ironroot_uart_bootloader::special;

const FLASH: u32 = 0x0800_0000;
const SECTOR: u32 = 0x2_0000;
const RAM: u32 = 0x2400_0000;
const SECURITY: u32 = 1 << 21;
/// SCAR: sector 0, removed by a bank erase.
const SECTOR_0: u32 = 0x81FF_0000;
/// Planted where nobody may read it.
const MARKER: [u8; 8] = *b"MaRkEr!!";

const NACK_COMMAND: Trouble = Trouble::Refused(Error::Nack(Part::Command));
const NACK_ADDRESS: Trouble = Trouble::Refused(Error::Nack(Part::Address));
const NACK_DATA: Trouble = Trouble::Refused(Error::Nack(Part::Data));

/// A factory-fresh board that boots from system flash.
fn board() -> Board {
    let mut board = Board::with_serial(1);
    board.set_boot0(true);
    board
}

fn with_rdp(mut board: Board, byte: u32) -> Board {
    let options = board.options_mut();
    options.optsr = options.optsr & !0xFF00 | byte << 8;
    board
}

fn in_secure_mode(mut board: Board) -> Board {
    board.options_mut().optsr |= SECURITY;
    board
}

/// The bootloader, synchronised.
fn start(board: &Board) -> (Device, Serial) {
    let mut device = Device::on(board);
    let serial = Serial::connect(&mut device);
    (device, serial)
}

/// A program at `address` that branches to the address in its last word.
fn jump_to(address: u32, entry: u32) -> Vec<u8> {
    let words = [
        0x2002_0000,
        address + 9,
        // ldr r0, [pc, #8]; ldr r1, [r0, #4]; ldr r0, [r0]; msr msp, r0; bx r1
        0x6841_4802,
        0xF380_6800,
        0x4708_8808,
        entry,
    ];
    words.iter().flat_map(|word| u32::to_le_bytes(*word)).collect()
}

/// A program at `address` that sleeps.
fn sleeper(address: u32) -> Vec<u8> {
    [0x2002_0000, address + 9, 0xE7FD_BF30_u32].iter().flat_map(|word| word.to_le_bytes()).collect()
}

#[test]
fn bootloader_identifies_reads_writes_and_erases_on_both_usarts() {
    for port in [1, 3] {
        let mut device = Device::on(&board());
        let mut serial = Serial::new(port);
        let d = &mut device;
        serial.run(d, Exchange::sync()).expect("an answer");
        assert_eq!(serial.run(d, Exchange::sync()).unwrap_err(), NACK_COMMAND, "a second first byte");
        assert_eq!(serial.run(d, Exchange::get_id()).unwrap().answer(), [0x04, 0x83]);
        assert_eq!(serial.run(d, Exchange::get_version()).unwrap().answer(), [0x31, 0, 0]);
        assert_eq!(serial.run(d, Exchange::get()).unwrap().answer().len(), 14);
        let data: Vec<u8> = (0..1000_u32).map(|i| ((i * 31) >> 2) as u8).collect();
        for address in [FLASH, FLASH + 7 * SECTOR, RAM, 0x2000_4100, 0x3000_0000, 0x3800_0000] {
            serial.write(d, address, &data).unwrap();
            assert_eq!(serial.read(d, address, data.len()).unwrap(), data, "{address:#x}");
        }
        serial.run(d, Exchange::erase_sectors(&[7]).unwrap()).unwrap();
        assert_eq!(serial.read(d, FLASH + 7 * SECTOR, 4).unwrap(), [0xFF; 4]);
        assert_eq!(serial.read(d, FLASH, 1000).unwrap(), data, "sector 0 stays");
        serial.run(d, Exchange::erase_all()).unwrap();
        assert_eq!(serial.read(d, FLASH, 4).unwrap(), [0xFF; 4]);
        serial.run(d, Exchange::erase_code(0xFFFE).unwrap()).unwrap();
        assert_eq!(serial.run(d, Exchange::erase_code(0xFFFD).unwrap()).unwrap_err(), NACK_DATA, "one bank");
        assert_eq!(serial.run(d, Exchange::erase_sectors(&[8]).unwrap()).unwrap_err(), NACK_DATA);
    }
}

#[test]
fn bootloader_reports_the_product_id_of_the_board() {
    let mut board = board();
    board.set_bootloader_pid(Some(0x450));
    let (mut device, mut serial) = start(&board);
    assert_eq!(serial.run(&mut device, Exchange::get_id()).unwrap().answer(), [0x04, 0x50]);
    assert_eq!(device.machine.core.bus.to_board(), board, "kept by the board file");
}

#[test]
fn bootloader_is_entered_from_every_door() {
    // RSS, BOOT0, no area.
    start(&in_secure_mode(board()));
    // RSS, BOOT0 low, nothing in flash.
    let mut empty = in_secure_mode(board());
    empty.set_boot0(false);
    start(&empty);
    // A jump of an application, in both modes.
    for board in [board(), in_secure_mode(board())] {
        let mut board = board;
        board.set_boot0(false);
        assert!(board.preload(FLASH, &jump_to(FLASH, rss::BOOTLOADER_ENTRY.value())));
        let (mut device, mut serial) = start(&board);
        assert_eq!(serial.read(&mut device, FLASH + 4, 4).unwrap(), (FLASH + 9).to_le_bytes());
        assert_eq!(place_of(device.machine.core.r[15]), Place::Bootloader);
    }
}

#[test]
fn bootloader_writes_flash_words_once_and_ram_freely() {
    let (mut device, mut serial) = start(&board());
    let d = &mut device;
    serial.write(d, FLASH + 4, &[1, 2, 3, 4]).unwrap();
    assert_eq!(serial.read(d, FLASH, 12).unwrap(), [255, 255, 255, 255, 1, 2, 3, 4, 255, 255, 255, 255]);
    serial.write(d, FLASH + 4, &[1, 2, 3, 4]).expect("the same again is no change");
    assert_eq!(serial.write(d, FLASH + 8, &[0; 4]).unwrap_err(), NACK_DATA, "its ECC would not fit");
    assert_eq!(serial.write(d, FLASH + 64, &[0; 3]).unwrap_err(), NACK_DATA, "not whole words");
    assert_eq!(serial.write(d, FLASH + 66, &[0; 4]).unwrap_err(), NACK_ADDRESS);
    assert_eq!(serial.read(d, FLASH + 32, 64).unwrap(), [255; 64]);
    for round in 0..3 {
        serial.write(d, RAM + 1, &[round; 5]).unwrap();
        assert_eq!(serial.read(d, RAM + 1, 5).unwrap(), [round; 5]);
    }
}

#[test]
fn bootloader_refuses_hostile_addresses() {
    let (mut device, mut serial) = start(&in_secure_mode(board()));
    let d = &mut device;
    // Nothing, the closed parts of system flash, its own RAM and the request block, registers, the end of the space.
    let closed = [
        0x0010_0000,
        0x07FF_FFFF,
        0x0810_0000,
        0x1FEF_FFFF,
        0x1FF0_9000,
        0x1FF0_9500,
        0x1FF1_0000,
        0x1FF2_0000,
        0x2000_0000,
        0x2000_0800,
        0x2000_0C00,
        0x2000_40FF,
        0x2002_0000,
        0x2405_0000,
        0x3000_8000,
        0x3800_4000,
        0x4000_4800,
        0x5200_2F00,
        0x5802_4400,
        0xE000_ED08,
        0xFFFF_FFFF,
    ];
    for address in closed {
        assert_eq!(serial.read(d, address, 1).unwrap_err(), NACK_ADDRESS, "{address:#x}");
        assert_eq!(serial.run(d, Exchange::write(address, &[0; 4]).unwrap()).unwrap_err(), NACK_ADDRESS);
        assert_eq!(serial.run(d, Exchange::go(address)).unwrap_err(), NACK_ADDRESS);
    }
    // Begins where it may and ends where it may not.
    for (address, length) in
        [(0x080F_FFFF, 2), (0x1FF0_8FFF, 2), (0x2001_FFFF, 2), (0x2404_FF80, 256), (0x5200_214C, 8)]
    {
        assert_eq!(serial.read(d, address, length).unwrap_err(), NACK_DATA, "{address:#x}");
    }
    for address in [0x2001_FFFC, 0x2404_FFFC, 0x080F_FFFC] {
        assert_eq!(serial.write(d, address, &[0; 8]).unwrap_err(), NACK_DATA, "{address:#x}");
    }
    for address in [0x1FF0_0000, 0x1FF1_E800, 0x5200_201C] {
        assert!(serial.read(d, address, 4).is_ok(), "{address:#x}");
        assert_eq!(serial.run(d, Exchange::write(address, &[0; 4]).unwrap()).unwrap_err(), NACK_ADDRESS);
    }
    assert_eq!(serial.read(d, 0x1FF1_E800, 4).unwrap(), *b"IRVD");
    assert_eq!(serial.run(d, Exchange::go(FLASH)).unwrap_err(), NACK_ADDRESS, "erased: nothing to start");
    assert_eq!(serial.run(d, Exchange::get_id()).unwrap().answer(), [0x04, 0x83], "still there");
}

#[test]
fn bootloader_survives_flash_that_cannot_be_read() {
    let mut board = board();
    // PCROP over sector 1.
    board.options_mut().prar = 0x03FF_0200;
    assert!(board.preload(FLASH + SECTOR, &MARKER));
    let mut device = Device::on(&board);
    let damage = ironroot_chip::flash::ecc::Damage::Double;
    device.machine.core.bus.flash_mut().ecc_mut().set(3, Some(damage));
    let mut serial = Serial::connect(&mut device);
    let d = &mut device;
    assert_eq!(serial.read(d, FLASH + SECTOR, 8).unwrap_err(), NACK_DATA, "execute-only");
    assert_eq!(serial.read(d, FLASH + 96, 4).unwrap_err(), NACK_DATA, "two bits wrong: a bus error");
    assert_eq!(serial.read(d, FLASH + 92, 8).unwrap_err(), NACK_DATA);
    assert_eq!(serial.read(d, FLASH + 64, 32).unwrap(), [0xFF; 32]);
    assert_eq!(serial.run(d, Exchange::erase_sectors(&[1]).unwrap()).unwrap_err(), NACK_DATA);
    assert_eq!(serial.run(d, Exchange::erase_all()).unwrap_err(), NACK_DATA);
    assert_eq!(serial.write(d, FLASH + SECTOR + 64, &[0; 32]).unwrap_err(), NACK_DATA);
    serial.run(d, Exchange::erase_sectors(&[0]).unwrap()).unwrap();
    assert_eq!(serial.read(d, FLASH + 96, 4).unwrap(), [0xFF; 4], "erased, and sound again");
}

#[test]
fn bootloader_starts_a_program() {
    let (mut device, mut serial) = start(&board());
    let d = &mut device;
    for address in [RAM + 0x400, FLASH + 0x400] {
        serial.write(d, address, &sleeper(address)).unwrap();
        serial.run(d, Exchange::go(address)).unwrap();
        assert_eq!(d.run(10_000_000), Stop::Idle);
        assert_eq!(d.machine.core.r[15] & !3, address + 8, "asleep in its WFI");
        assert_eq!(d.machine.core.r[13], 0x2002_0000);
        assert_eq!(
            d.peek_bytes(rss::BOOTLOADER_RAM.start().value(), 0x3500),
            vec![0; 0x3500],
            "nothing left"
        );
        d.machine.system_reset();
        serial = Serial::connect(d);
    }
}

#[test]
fn bootloader_write_protection() {
    let (mut device, mut serial) = start(&board());
    let d = &mut device;
    serial.run(d, Exchange::write_protect(&[2]).unwrap()).unwrap();
    let mut serial = Serial::connect(d);
    assert_eq!(d.machine.core.bus.options().wpsn, 0xFB);
    assert_eq!(serial.run(d, Exchange::erase_sectors(&[2]).unwrap()).unwrap_err(), NACK_DATA);
    assert_eq!(serial.write(d, FLASH + 2 * SECTOR, &[0; 32]).unwrap_err(), NACK_DATA);
    assert_eq!(serial.run(d, Exchange::erase_all()).unwrap_err(), NACK_DATA);
    serial.write(d, FLASH, &[0; 32]).unwrap();
    serial.run(d, Exchange::write_unprotect()).unwrap();
    let mut serial = Serial::connect(d);
    serial.run(d, Exchange::erase_all()).unwrap();
    assert_eq!(serial.read(d, FLASH, 4).unwrap(), [0xFF; 4]);
}

/// All scripts that level 1 refuses.
fn forbidden() -> Vec<Exchange> {
    vec![
        Exchange::read(FLASH, 4).unwrap(),
        Exchange::read(RAM, 4).unwrap(),
        Exchange::go(RAM),
        Exchange::write(RAM, &[0; 4]).unwrap(),
        Exchange::erase_all(),
        Exchange::erase_sectors(&[0]).unwrap(),
        Exchange::write_protect(&[0]).unwrap(),
        Exchange::write_unprotect(),
        Exchange::readout_protect(),
        Exchange::special(special::GET_VERSION, &[]).unwrap(),
        Exchange::extended_special(0x200, &[], &[]).unwrap(),
    ]
}

#[test]
fn bootloader_at_level_1_identifies_itself_and_regresses() {
    let mut board = with_rdp(board(), 0xBB);
    assert!(board.preload(FLASH, &MARKER));
    let (mut device, mut serial) = start(&board);
    let d = &mut device;
    for script in forbidden() {
        assert_eq!(serial.run(d, script).unwrap_err(), NACK_COMMAND);
    }
    assert!(serial.run(d, Exchange::get()).is_ok() && serial.run(d, Exchange::get_version()).is_ok());
    assert_eq!(serial.run(d, Exchange::get_id()).unwrap().answer(), [0x04, 0x83]);
    assert_eq!(d.machine.core.bus.options(), board.options());
    serial.run(d, Exchange::readout_unprotect()).unwrap();
    let mut serial = Serial::connect(d);
    assert_eq!(d.machine.core.bus.options().rdp_byte(), 0xAA);
    assert_eq!(serial.read(d, FLASH, 8).unwrap(), [0xFF; 8], "erased on the way");
}

#[test]
fn bootloader_sets_level_1() {
    let (mut device, mut serial) = start(&board());
    serial.run(&mut device, Exchange::readout_protect()).unwrap();
    let mut serial = Serial::connect(&mut device);
    assert_eq!(serial.read(&mut device, RAM, 1).unwrap_err(), NACK_COMMAND);
}

#[test]
fn bootloader_is_not_there_at_level_2() {
    for board in [board(), in_secure_mode(board())] {
        for program in [sleeper(FLASH), jump_to(FLASH, rss::BOOTLOADER_ENTRY.value())] {
            let mut board = with_rdp(board.clone(), 0xCC);
            assert!(board.preload(FLASH, &program));
            let mut device = Device::on(&board);
            for port in [1, 3] {
                let silence = Serial::new(port).run(&mut device, Exchange::sync()).unwrap_err();
                assert_eq!(silence, Trouble::Silence);
            }
        }
    }
    // Nothing to start and nowhere to go: asleep in RSS, not in the bootloader.
    let mut device = Device::on(&with_rdp(in_secure_mode(board()), 0xCC));
    assert_eq!(Serial::new(3).run(&mut device, Exchange::sync()).unwrap_err(), Trouble::Silence);
    assert_eq!(place_of(device.machine.core.r[15]), Place::Rss);
}

#[test]
fn bootloader_never_gives_the_secure_area_away() {
    // Secure user software that jumps to the bootloader with its area still open: the worst it can do by mistake.
    let mut board = in_secure_mode(board());
    board.options_mut().scar = SECTOR_0;
    assert!(board.preload(FLASH, &jump_to(FLASH, rss::BOOTLOADER_ENTRY.value())));
    assert!(board.preload(FLASH + 0x1000, &MARKER.repeat(64)));
    let (mut device, mut serial) = start(&board);
    let d = &mut device;
    assert!(d.machine.core.bus.security().is_secure_area_open());
    for address in (FLASH..FLASH + SECTOR).step_by(256) {
        assert_eq!(serial.read(d, address, 256).unwrap_err(), NACK_ADDRESS);
    }
    for (address, length) in [(FLASH - 1, 2), (FLASH + SECTOR - 1, 1), (FLASH + SECTOR - 1, 256)] {
        assert!(serial.read(d, address, length).is_err());
    }
    assert_eq!(serial.write(d, FLASH + 0x8000, &[0; 32]).unwrap_err(), NACK_ADDRESS);
    assert_eq!(serial.run(d, Exchange::go(FLASH)).unwrap_err(), NACK_ADDRESS);
    assert_eq!(serial.run(d, Exchange::erase_sectors(&[0]).unwrap()).unwrap_err(), NACK_DATA);
    assert_eq!(serial.run(d, Exchange::erase_all()).unwrap_err(), NACK_DATA);
    assert!(serial.read(d, FLASH + SECTOR, 256).is_ok());
    assert!(!serial.heard.windows(MARKER.len()).any(|window| window == MARKER));
    assert_eq!(d.peek_bytes(FLASH + 0x1000, 8), MARKER);
}

fn word(answer: &[u8]) -> u32 {
    u32::from_le_bytes(answer.try_into().expect("four bytes"))
}

/// One special command: data and status.
fn ask(device: &mut Device, serial: &mut Serial, code: u16, data: &[u8]) -> (Vec<u8>, u32) {
    let script = serial.run(device, Exchange::special(code, data).unwrap()).expect("served");
    let (data, status) = script.special_answer();
    (data.to_vec(), word(status))
}

fn area(size: u32, start: u32, remove: u32) -> Vec<u8> {
    [size, start, remove].iter().flat_map(|word| word.to_le_bytes()).collect()
}

#[test]
fn bootloader_services_initialise_the_secure_area() {
    let mut board = in_secure_mode(board());
    assert!(board.preload(FLASH, &sleeper(FLASH)));
    let (mut device, mut serial) = start(&board);
    let d = &mut device;
    assert_eq!(
        ask(d, &mut serial, special::GET_VERSION, &[]),
        (rss::SERVICES_VERSION.to_le_bytes().to_vec(), special::OK)
    );
    assert_eq!(ask(d, &mut serial, special::GET_STATUS, &[]), (vec![0; 4], special::OK));
    let good = area(SECTOR, FLASH, 1);
    for (data, status) in [
        (vec![], rss::RSS_ERROR),
        (good[..11].to_vec(), rss::RSS_ERROR),
        ([good.clone(), area(SECTOR, FLASH + SECTOR, 1)].concat(), rss::RSS_ERROR),
        (area(SECTOR, FLASH, 2), rss::RSS_ERROR),
        (area(SECTOR, FLASH + 1, 1), rss::RSS_ERROR),
        (area(256, FLASH, 1), rss::RSS_ERROR),
        (area(0, FLASH, 1), rss::RSS_ERROR),
        (area(u32::MAX, FLASH, 1), rss::RSS_ERROR),
        (area(SECTOR, FLASH - SECTOR, 1), rss::RSS_ERROR),
        (area(SECTOR, 0x0810_0000, 1), rss::RSS_ERROR),
        (area(SECTOR, RAM, 1), rss::RSS_ERROR),
    ] {
        assert_eq!(
            ask(d, &mut serial, special::INITIALIZE_SECURE_AREAS, &data),
            (vec![], status),
            "{data:02x?}"
        );
    }
    for code in [0, 0x01FF, 0x0200, 0xFFFF] {
        assert_eq!(ask(d, &mut serial, code, &[]).1, special::UNKNOWN);
    }
    assert_eq!(ask(d, &mut serial, special::GET_VERSION, &[0]).1, special::UNKNOWN);
    assert_eq!((d.machine.resets, d.machine.core.bus.options()), (0, board.options()));
    assert_eq!(ask(d, &mut serial, special::INITIALIZE_SECURE_AREAS, &good), (vec![], special::OK));
    // Two resets, and from now on the secure user software starts, whatever BOOT0 says.
    assert_eq!(d.run(100_000_000), Stop::Idle);
    assert_eq!((d.machine.resets, d.machine.core.bus.options().scar), (2, SECTOR_0));
    assert_eq!(place_of(d.machine.core.r[15]), Place::SecureBoot);
}

#[test]
fn bootloader_services_remove_a_pcrop_area_without_a_mass_erase() {
    let mut board = in_secure_mode(board());
    board.options_mut().prar = 0x07FF_0400;
    assert!(board.preload(FLASH + 2 * SECTOR, &MARKER));
    assert!(board.preload(FLASH + 5 * SECTOR, b"stays"));
    let (mut device, mut serial) = start(&board);
    let d = &mut device;
    assert_eq!(ask(d, &mut serial, special::REMOVE_PCROP_AREA, &[]), (vec![], special::OK));
    let mut serial = Serial::connect(d);
    let done = rss::status(rss::service::REMOVE_PCROP_AREA, 0);
    assert_eq!(ask(d, &mut serial, special::GET_STATUS, &[]), (done.to_le_bytes().to_vec(), special::OK));
    assert_eq!(d.machine.core.bus.options().prar, 0x8000_00FF);
    assert_eq!(serial.read(d, FLASH + 2 * SECTOR, 8).unwrap(), [0xFF; 8], "what it held is gone");
    assert_eq!(serial.read(d, FLASH + 5 * SECTOR, 5).unwrap(), b"stays", "and nothing else");
    assert_eq!(ask(d, &mut serial, special::REMOVE_PCROP_AREA, &[]).1, rss::RSS_DISABLED, "none left");
    assert!(!serial.heard.windows(MARKER.len()).any(|window| window == MARKER));
}

#[test]
fn bootloader_services_tell_what_the_hardware_refused() {
    let mut board = in_secure_mode(board());
    board.options_mut().prar = 0x07FF_0400;
    board.options_mut().wpsn = 0xF7;
    let (mut device, mut serial) = start(&board);
    let d = &mut device;
    assert_eq!(ask(d, &mut serial, special::REMOVE_PCROP_AREA, &[]).1, special::OK);
    let mut serial = Serial::connect(d);
    let code = ironroot_codes::rss::OPTION_CHANGE_REFUSED.number();
    let refused = rss::status(rss::service::REMOVE_PCROP_AREA, code);
    assert_eq!(word(&ask(d, &mut serial, special::GET_STATUS, &[]).0), refused);
    assert_eq!(d.machine.core.bus.options().prar, 0x07FF_0400);
    assert_eq!(
        ask(d, &mut serial, special::REMOVE_PCROP_AREA, &[]).1,
        rss::RSS_DISABLED,
        "not before power-on"
    );
}

#[test]
fn bootloader_has_no_services_in_standard_mode() {
    let (mut device, mut serial) = start(&board());
    for script in [Exchange::special(special::GET_VERSION, &[]), Exchange::extended_special(0x200, &[], &[])]
    {
        assert_eq!(serial.run(&mut device, script.unwrap()).unwrap_err(), NACK_COMMAND);
    }
}

#[test]
fn bootloader_is_not_led_astray_by_noise() {
    let (mut device, _) = start(&board());
    let mut seed = 0x1234_5678_u32;
    for _ in 0..300 {
        let bytes: Vec<u8> = (0..24)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (seed >> 24) as u8
            })
            .collect();
        device.machine.core.bus.feed_uart_input(3, &bytes);
        device.machine.poke();
        assert_ne!(device.run(10_000_000), Stop::Lockup);
    }
    assert_eq!(place_of(device.machine.core.r[15]), Place::Bootloader);
    device.machine.system_reset();
    let mut serial = Serial::connect(&mut device);
    assert_eq!(serial.run(&mut device, Exchange::get_id()).unwrap().answer(), [0x04, 0x83]);
}
