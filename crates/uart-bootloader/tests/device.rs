//! The device's end, byte by byte, against the facts of AN3155.

mod common;

use common::{BASE, Chip, SIZE, feed, synchronised};
use ironroot_uart_bootloader::device::{Device, Next};
use ironroot_uart_bootloader::protocol::checksum;

const ACK: u8 = 0x79;
const NACK: u8 = 0x1F;

/// Sends one byte string to a fresh, synchronised device.
fn talk(chip: &mut Chip, bytes: &[u8]) -> (Vec<u8>, Vec<Next>) {
    let mut device = synchronised();
    feed(&mut device, chip, bytes)
}

/// The answer alone.
fn said(bytes: &[u8]) -> Vec<u8> {
    talk(&mut Chip::default(), bytes).0
}

fn with_sum(bytes: &[u8]) -> Vec<u8> {
    let mut field = bytes.to_vec();
    field.push(checksum(bytes));
    field
}

fn command(opcode: u8, fields: &[Vec<u8>]) -> Vec<u8> {
    let mut frame = vec![opcode, !opcode];
    fields.iter().for_each(|field| frame.extend(field));
    frame
}

fn address(address: u32) -> Vec<u8> {
    with_sum(&address.to_be_bytes())
}

#[test]
fn synchronisation() {
    let (mut device, mut chip) = (Device::new(), Chip::default());
    assert!(
        feed(&mut device, &mut chip, &[0x00, 0xFF, 0x11, 0xEE]).0.is_empty(),
        "deaf before the first byte"
    );
    assert_eq!(feed(&mut device, &mut chip, &[0x7F]).0, [ACK]);
    assert_eq!(feed(&mut device, &mut chip, &[0x7F]).0, [NACK], "already synchronised");
    assert!(device.is_idle());
}

#[test]
fn get_lists_exactly_what_is_implemented() {
    let answer = said(&[0x00, 0xFF]);
    assert_eq!(answer[..3], [ACK, 13, 0x31]);
    assert_eq!(answer.last(), Some(&ACK));
    let listed = &answer[3..answer.len() - 1];
    assert_eq!(listed.len(), 13);
    for opcode in 0..=255_u8 {
        // Everything that is listed is answered with an ACK, everything else with a NACK right after the pair.
        let first = said(&[opcode, !opcode]).first().copied();
        let expected = if opcode == 0x7F {
            Some(NACK)
        } else if listed.contains(&opcode) {
            Some(ACK)
        } else {
            Some(NACK)
        };
        assert_eq!(first, expected, "{opcode:#x}");
    }
}

#[test]
fn version_and_id() {
    assert_eq!(said(&[0x01, 0xFE]), [ACK, 0x31, 0, 0, ACK]);
    assert_eq!(said(&[0x02, 0xFD]), [ACK, 1, 0x04, 0x83, ACK]);
}

#[test]
fn a_wrong_complement_is_refused_for_every_opcode() {
    for opcode in (0..=255_u8).filter(|&opcode| opcode != 0x7F) {
        for complement in (0..=255_u8).filter(|&complement| complement != !opcode) {
            assert_eq!(said(&[opcode, complement]), [NACK]);
        }
    }
}

#[test]
fn level_1_serves_four_commands() {
    for opcode in 0..=255_u8 {
        let mut chip = Chip { level1: true, ..Chip::default() };
        let (answer, _) = talk(&mut chip, &[opcode, !opcode]);
        let served = matches!(opcode, 0x00 | 0x01 | 0x02 | 0x92);
        assert_eq!(answer.first() == Some(&ACK), served, "{opcode:#x}");
        assert!(chip.done.is_empty());
    }
}

#[test]
fn write_then_read() {
    let (mut chip, mut device) = (Chip::default(), synchronised());
    for length in [1_usize, 2, 4, 31, 32, 255, 256] {
        let data: Vec<u8> = (0..length).map(|i| (i * 7 + length) as u8).collect();
        let mut payload = vec![(length - 1) as u8];
        payload.extend(&data);
        let frame = command(0x31, &[address(BASE + 16), with_sum(&payload)]);
        assert_eq!(feed(&mut device, &mut chip, &frame).0, [ACK, ACK, ACK]);
        let count = (length - 1) as u8;
        let frame = command(0x11, &[address(BASE + 16), vec![count, !count]]);
        let (answer, _) = feed(&mut device, &mut chip, &frame);
        assert_eq!(answer[..3], [ACK, ACK, ACK]);
        assert_eq!(answer[3..], data);
    }
}

#[test]
fn addresses_at_every_edge() {
    for (start, allowed) in [
        (BASE, true),
        (BASE + SIZE - 1, true),
        (BASE - 1, false),
        (BASE + SIZE, false),
        (0, false),
        (u32::MAX, false),
        (0x8000_0000, false),
    ] {
        let expected = if allowed { ACK } else { NACK };
        for opcode in [0x11, 0x31] {
            assert_eq!(said(&command(opcode, &[address(start)])), [ACK, expected], "{start:#x}");
        }
        for bit in 0..8 {
            let mut wrong = address(start);
            wrong[4] ^= 1 << bit;
            assert_eq!(said(&command(0x11, &[wrong])), [ACK, NACK], "a wrong checksum");
        }
    }
    // Begins inside and ends outside.
    assert_eq!(said(&command(0x11, &[address(BASE + SIZE - 1), vec![1, 0xFE]])), [ACK, ACK, NACK]);
    let payload = with_sum(&[1, 2, 3]);
    assert_eq!(said(&command(0x31, &[address(BASE + SIZE - 1), payload])), [ACK, ACK, NACK]);
    assert_eq!(said(&command(0x31, &[address(BASE + SIZE - 1), with_sum(&[0, 2])])), [ACK, ACK, ACK]);
}

#[test]
fn a_bad_write_changes_nothing() {
    let mut payload = with_sum(&[3, 1, 2, 3, 4]);
    payload[5] ^= 0x80;
    let mut chip = Chip::default();
    assert_eq!(talk(&mut chip, &command(0x31, &[address(BASE), payload])).0, [ACK, ACK, NACK]);
    assert_eq!(chip, Chip::default());
    assert_eq!(said(&command(0x11, &[address(BASE), vec![3, 0xFD]])), [ACK, ACK, NACK], "length");
}

#[test]
fn go_starts_only_what_may_start() {
    let (answer, next) = talk(&mut Chip::default(), &command(0x21, &[address(BASE + 0x400)]));
    assert_eq!((answer, next), (vec![ACK, ACK], vec![Next::Start(BASE + 0x400)]));
    let (answer, next) = talk(&mut Chip::default(), &command(0x21, &[address(BASE + SIZE - 4)]));
    assert_eq!((answer, next), (vec![ACK, NACK], vec![]));
}

#[test]
fn erase_takes_lists_codes_and_nothing_else() {
    let list = |numbers: &[u16]| {
        let mut field = ((numbers.len() - 1) as u16).to_be_bytes().to_vec();
        numbers.iter().for_each(|number| field.extend(number.to_be_bytes()));
        with_sum(&field)
    };
    let cases: [(Vec<u8>, Option<&str>); 11] = [
        (list(&[0]), Some("erase Sectors(1)")),
        (list(&[1, 7, 1]), Some("erase Sectors(130)")),
        (list(&[8]), None),
        (list(&[0, 0xFFFF]), None),
        (list(&[32]), None),
        (with_sum(&[0xFF, 0xFF]), Some("erase All")),
        (with_sum(&[0xFF, 0xFE]), Some("erase Bank1")),
        (with_sum(&[0xFF, 0xFD]), None),
        (with_sum(&[0xFF, 0xFC]), None),
        (with_sum(&[0xFF, 0xF0]), None),
        (vec![0xFF, 0xFF, 0x01], None),
    ];
    for (field, done) in cases {
        let mut chip = Chip::default();
        let (answer, next) = talk(&mut chip, &command(0x44, std::slice::from_ref(&field)));
        let expected = if done.is_some() { ACK } else { NACK };
        assert_eq!((answer, next), (vec![ACK, expected], vec![]), "{field:02x?}");
        assert_eq!(chip.done, done.map(str::to_owned).into_iter().collect::<Vec<_>>());
    }
}

#[test]
fn the_longest_list_is_read_to_its_end() {
    // 0xFFF0 numbers: a list that looks like commands must not be taken for them.
    let mut field = 0xFFEF_u16.to_be_bytes().to_vec();
    for _ in 0..0xFFF0 {
        field.extend([0x73, 0x8C]);
    }
    let (mut chip, mut device) = (Chip::default(), synchronised());
    let (answer, next) = feed(&mut device, &mut chip, &command(0x44, &[with_sum(&field)]));
    assert_eq!((answer, next), (vec![ACK, NACK], vec![]));
    assert!(device.is_idle() && chip.done.is_empty());
}

#[test]
fn protections() {
    let mut chip = Chip::default();
    assert_eq!(talk(&mut chip, &command(0x63, &[with_sum(&[1, 0, 3])])), (vec![ACK, ACK], vec![Next::Reset]));
    assert_eq!(talk(&mut chip, &command(0x63, &[with_sum(&[0, 8])])), (vec![ACK, NACK], vec![]));
    assert_eq!(talk(&mut chip, &command(0x63, &[vec![0, 1, 0]])), (vec![ACK, NACK], vec![]));
    assert_eq!(talk(&mut chip, &[0x73, 0x8C]), (vec![ACK, ACK], vec![Next::Reset]));
    assert_eq!(talk(&mut chip, &[0x82, 0x7D]), (vec![ACK, ACK], vec![Next::Reset]));
    assert_eq!(talk(&mut chip, &[0x92, 0x6D]), (vec![ACK, ACK], vec![Next::Unprotect]));
    assert_eq!(chip.done, ["protect 0x9", "unprotect", "level 1"]);
}

#[test]
fn a_device_that_resets_waits_for_the_first_byte_again() {
    let (mut chip, mut device) = (Chip::default(), synchronised());
    feed(&mut device, &mut chip, &[0x82, 0x7D]);
    assert!(!device.is_synchronised());
    assert!(feed(&mut device, &mut chip, &[0x00, 0xFF]).0.is_empty());
}

#[test]
fn special_commands() {
    let packet = |data: &[u8]| {
        let mut field = (data.len() as u16).to_be_bytes().to_vec();
        field.extend(data);
        with_sum(&field)
    };
    let code = |code: u16| with_sum(&code.to_be_bytes());
    let end = [0, 4, 4, 3, 2, 1, ACK];

    let (answer, next) = talk(&mut Chip::default(), &command(0x50, &[code(0x100), packet(&[])]));
    assert_eq!((answer[..5].to_vec(), &answer[5..]), (vec![ACK, ACK, ACK, 0, 0], &end[..]));
    assert!(next.is_empty());

    let (answer, next) = talk(&mut Chip::default(), &command(0x50, &[code(0x110), packet(&[9; 128])]));
    assert_eq!(answer[..5], [ACK, ACK, ACK, 0, 128]);
    assert_eq!((answer[5..133].to_vec(), &answer[133..]), (vec![9; 128], &end[..]));
    assert_eq!(next, [Next::Serve]);

    let mut chip = Chip::default();
    let frame = command(0x51, &[code(0x200), packet(&[1]), packet(&[7; 1024])]);
    assert_eq!(talk(&mut chip, &frame).0[..4], [ACK, ACK, ACK, ACK]);
    assert_eq!(chip.done, ["special 0x200 1 1024"]);

    for bad in [
        command(0x50, &[code(0x100), packet(&[0x11; 129])]),
        command(0x50, &[code(0x100), vec![0, 1, 5, 5]]),
        command(0x50, &[code(0x100), vec![0, 0, 1]]),
        command(0x51, &[code(0x100), packet(&[0; 129])]),
    ] {
        let (mut chip, mut device) = (Chip::default(), synchronised());
        assert_eq!(feed(&mut device, &mut chip, &bad).0, [ACK, ACK, NACK]);
        assert!(device.is_idle() && chip.done.is_empty());
    }
    let (mut chip, mut device) = (Chip::default(), synchronised());
    let frame = command(0x51, &[code(0x200), packet(&[1]), packet(&vec![0x11; 0xFFFF])]);
    assert_eq!(feed(&mut device, &mut chip, &frame).0, [ACK, ACK, ACK, NACK]);
    assert!(device.is_idle() && chip.done.is_empty());
    assert_eq!(said(&command(0x50, &[vec![1, 0, 0]])), [ACK, NACK], "the checksum of the code");
}
