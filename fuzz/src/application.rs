//! What a user brings to the command line: applications, wanted options, numbers.

use std::path::Path;

use ironroot::input::{self, Format, Target};
use ironroot::parsers;
use ironroot_codes::Code;
use ironroot_image::Version;
use ironroot_layout::stm32h735;

use crate::{knobs, seed};

const NAMES: [&str; 4] = ["app", "app.elf", "app.hex", "app.bin"];
/// Where the payload of the samples begins.
const VECTORS: u32 = 0x0802_0400;

/// Knob: the name of the file.
pub fn application(data: &[u8]) {
    let ([knob], bytes) = knobs::<1>(data);
    let Some(name) = NAMES.get(usize::from(knob & 3)) else { return };
    let app = match input::parse(Path::new(name), bytes) {
        Ok(app) => app,
        Err(failure) => {
            assert!(failure.code.entry().is_some() && !failure.cause.is_empty());
            return;
        }
    };
    assert!(!app.pieces.is_empty());
    for piece in &app.pieces {
        assert!(!piece.bytes.is_empty() && piece.end() <= 1 << 32);
        assert!(piece.bytes.len() <= bytes.len(), "bytes that the file has not");
    }
    for pair in app.pieces.windows(2) {
        assert!(pair[0].end() <= u64::from(pair[1].address), "pieces overlap or are out of order");
    }
    if app.format == Format::Hex && app.pieces.len() == 1 {
        let piece = &app.pieces[0];
        let again = input::hex::parse(&input::hex::write(piece.address, &piece.bytes)).expect("our own HEX");
        assert_eq!((again.pieces.len(), &again.pieces[0].bytes), (1, &piece.bytes));
    }
    let target = Target {
        slot: stm32h735::SLOT,
        stack_memories: &stm32h735::STACK_MEMORIES,
        erased: stm32h735::ERASED,
    };
    match input::place(&app, &target, bytes) {
        Err(failure) => assert!(failure.code.entry().is_some()),
        Ok(placed) => {
            let room = stm32h735::SLOT.application().expect("the slot has room").size().bytes();
            assert!(placed.payload.len() <= room as usize);
            let end = VECTORS + placed.payload.len() as u32;
            assert!((VECTORS..end).contains(&(placed.reset & !1)) && placed.reset & 1 == 1);
        }
    }
}

/// A program with a vector table that is right for [`VECTORS`].
fn program() -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..96).map(|i: u32| (i * 31) as u8).collect();
    bytes[..4].copy_from_slice(&0x2405_0000_u32.to_le_bytes());
    bytes[4..8].copy_from_slice(&(VECTORS + 0x41).to_le_bytes());
    bytes
}

/// A 32-bit Arm executable with one segment, and a section and a symbol if `named`.
fn elf(named: bool) -> Vec<u8> {
    let (bytes, len) = (program(), program().len() as u32);
    let strings: &[u8] = b"\0.text\0.symtab\0.strtab\0reset\0";
    let symbols: Vec<u8> = [
        [0; 16].to_vec(),
        [24, VECTORS + 0x41, 8].iter().flat_map(|w: &u32| w.to_le_bytes()).chain([0x12, 0, 1, 0]).collect(),
    ]
    .concat();
    let at = 84;
    let sections_at = (at + bytes.len() + symbols.len() + strings.len()) as u32;
    let mut file = vec![0x7f, b'E', b'L', b'F', 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let halves = |file: &mut Vec<u8>, values: &[u16]| {
        values.iter().for_each(|half| file.extend(half.to_le_bytes()));
    };
    let words = |file: &mut Vec<u8>, values: &[u32]| {
        values.iter().for_each(|word| file.extend(word.to_le_bytes()));
    };
    halves(&mut file, &[2, 40]);
    words(&mut file, &[1, VECTORS + 0x41, 52, if named { sections_at } else { 0 }, 0x0500_0000]);
    halves(&mut file, &[52, 32, 1, 40, if named { 4 } else { 0 }, if named { 3 } else { 0 }]);
    words(&mut file, &[1, at as u32, VECTORS, VECTORS, len, len, 5, 4]);
    file.extend(&bytes);
    if !named {
        return file;
    }
    let symbols_at = file.len() as u32;
    file.extend(&symbols);
    let strings_at = file.len() as u32;
    file.extend(strings);
    words(&mut file, &[0; 10]);
    words(&mut file, &[1, 1, 6, VECTORS, at as u32, len, 0, 0, 4, 0]);
    words(&mut file, &[7, 2, 0, 0, symbols_at, symbols.len() as u32, 3, 1, 4, 16]);
    words(&mut file, &[15, 3, 0, 0, strings_at, strings.len() as u32, 0, 0, 1, 0]);
    file
}

pub fn seeds() -> Vec<Vec<u8>> {
    let app = program();
    vec![
        seed(&[1], &elf(false)),
        seed(&[1], &elf(true)),
        seed(&[2], &input::hex::write(VECTORS, &app)),
        seed(&[0], b":020000040802F0\n:0404000001020304EE\n:0400000508020441A8\n:00000001FF\n"),
        seed(&[2], b":020000021000EC\r\n:0100000055AA\r\n:00000001FF\r\n"),
        seed(&[3], &app),
        seed(&[0], &[&[0; 0x400][..], &app].concat()),
    ]
}

pub fn elf_seeds() -> Vec<Vec<u8>> {
    vec![elf(false), elf(true)]
}

pub fn options(data: &[u8]) {
    let Ok(wanted) = parsers::option_file(data) else { return };
    // What was asked for is what comes out, whatever was there before.
    let factory = ironroot_chip::OptionBytes::FACTORY;
    let once = wanted(&factory);
    assert_eq!(wanted(&once), once, "wanting twice is not wanting once");
}

pub fn option_seeds() -> Vec<Vec<u8>> {
    [
        "SECURITY = 1\nRDP = 0xAA\n",
        "WRPS = \"0,1\"\nPROT_AREA = \"0x08020000..0x08040000\"\n",
        "# comment\nSEC_AREA = \"none\"\nBOOT_ADD0 = \"0x08000000\"\nBOR_LEV = 2\n",
        "SECURITY = true\nIWDG1_SW = false\n",
        "[table]\nRDP = 1.5\n",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

pub fn text(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(version) = text.parse::<Version>() {
        assert_eq!(version.to_string().parse(), Ok(version));
    }
    if let Ok(code) = text.parse::<Code>() {
        assert_eq!(code.to_string().parse(), Ok(code));
    }
    if let Ok(number) = parsers::number(text) {
        assert_eq!(parsers::number(&number.to_string()), Ok(number));
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'));
    }
    if let Some(bytes) = parsers::hex_digits(text) {
        assert_eq!(bytes.len() * 2, text.len());
    }
}

pub fn text_seeds() -> Vec<Vec<u8>> {
    ["1.2.3+4", "255.255.65535+4294967295", "0", "IR-2003", "ir-2203", "896K", "0xE_0000", "1M", "00ff1A"]
        .map(|text| text.as_bytes().to_vec())
        .to_vec()
}
