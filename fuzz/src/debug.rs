//! What a debugger sends.

use std::cell::RefCell;

use ironroot_chip::{Board, RomImage, Stm32h735};
use ironroot_cpu::machine::Machine;
use ironroot_debug::gdb::framer::{Framer, MAX_BODY, Unit, body, checksum, packet};
use ironroot_debug::gdb::remote::State;
use ironroot_debug::gdb::{Remote, Session};
use ironroot_debug::swj::Probe;
use ironroot_debug::symbols::Symbols;

pub fn framer(data: &[u8]) {
    let units = |bytes: &[u8]| -> Vec<Unit> {
        let mut framer = Framer::default();
        bytes.iter().filter_map(|byte| framer.push(*byte)).collect()
    };
    let found = units(data);
    assert!(found.len() <= data.len());
    for unit in &found {
        if let Unit::Packet(frame) = unit {
            let body = body(frame);
            assert!(body.len() <= MAX_BODY && !body.contains(&b'$'));
            assert_eq!(frame.len(), body.len() + 4);
            assert!(data.windows(frame.len()).any(|window| window == frame), "a packet that nobody sent");
            let digits = std::str::from_utf8(&frame[body.len() + 2..]).expect("two digits");
            assert_eq!(u8::from_str_radix(digits, 16), Ok(checksum(body)));
        }
    }
    // Whatever came before, a whole packet behind it is found.
    let mut more = data.to_vec();
    more.extend(b"$g#67");
    assert_eq!(units(&more).last(), Some(&Unit::Packet(b"$g#67".to_vec())));
    if !data.contains(&b'$') && !data.contains(&b'#') && data.len() <= MAX_BODY {
        assert_eq!(units(&packet(data)), [Unit::Packet(packet(data))]);
    }
}

/// A device with a small loop to run.
fn device() -> Machine<Stm32h735> {
    thread_local! {
        static DEVICE: RefCell<Option<Machine<Stm32h735>>> = const { RefCell::new(None) };
    }
    DEVICE.with_borrow_mut(|device| {
        device
            .get_or_insert_with(|| {
                let mut board = Board::with_serial(1);
                let mut program = Vec::new();
                program.extend(0x2000_1000_u32.to_le_bytes());
                (1..16).for_each(|_| program.extend(0x0800_0041_u32.to_le_bytes()));
                // adds r0, #1; str r0, [sp]; b back.
                [0x3001_u16, 0x9000, 0xE7FC].iter().for_each(|half| program.extend(half.to_le_bytes()));
                assert!(board.preload(0x0800_0000, &program));
                let rom = RomImage::from_segments(Vec::<(u32, Vec<u8>)>::new()).expect("an empty ROM");
                Machine::new(Stm32h735::from_board(&board, &rom))
            })
            .clone()
    })
}

/// Lines of the input are packets without frame; each is answered by whole packets.
pub fn remote(data: &[u8]) {
    let mut remote = Remote::new(Session::new(device()));
    for line in data.split(|byte| *byte == b'\n').take(24) {
        remote.receive(&packet(line));
        let mut out = remote.take_output();
        if remote.state() == State::Running {
            remote.run(200);
            remote.receive(b"$#00\x03");
            out.extend(remote.take_output());
            assert_ne!(remote.state(), State::Running, "an interrupt did not stop the device");
        }
        assert!(out.len() <= 4 * MAX_BODY, "an answer of {} bytes", out.len());
        let mut framer = Framer::default();
        for byte in &out {
            assert!(!matches!(framer.push(*byte), Some(Unit::Damaged | Unit::TooLong)), "a broken answer");
        }
        if remote.state() != State::Stopped {
            return;
        }
    }
}

pub fn packet_seeds() -> Vec<Vec<u8>> {
    [
        "?\ng\nG00\np0\nP0=00000000",
        "m8000000,10\nM20000000,2:0102\nX20000000,2:ab\nqCRC:8000000,10",
        "Z0,8000040,2\nc\nz0,8000040,2\nZ2,20000000,4\ns\nvCont?\nvCont;s:1;c",
        "vFlashErase:8020000,20000\nvFlashWrite:8020000:abcd\nvFlashDone",
        "qSupported:multiprocess+\nqXfer:features:read:target.xml:0,fff\nqXfer:memory-map:read::0,fff\nqRcmd,776879",
        "Hg0\nT1\nqC\nqfThreadInfo\nqAttached:1\n!\nR00\nD",
        "$g#67+-\u{3}$m0#00",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

/// Characters of OpenOCD's protocol. Each one asks for at most one character.
pub fn bitbang(data: &[u8]) {
    let mut probe = Probe::new(device());
    let asked = data.iter().filter(|byte| **byte == b'R').count();
    let served = probe.receive(data);
    assert!(served.clocks <= data.len() as u64);
    assert!(probe.take_reply().len() <= asked);
    probe.disconnect();
    assert!(probe.take_reply().is_empty());
}

pub fn bitbang_seeds() -> Vec<Vec<u8>> {
    /// TMS and TDI of one clock.
    fn clock(text: &mut String, tms: bool, tdi: bool) {
        for tck in [0, 4] {
            text.push(char::from(b'0' + tck + 2 * u8::from(tms) + u8::from(tdi)));
        }
        text.push('R');
    }
    fn path(text: &mut String, tms: &[u8]) {
        tms.iter().for_each(|bit| clock(text, *bit == 1, false));
    }
    fn shift(text: &mut String, value: u64, bits: u32) {
        (0..bits).for_each(|bit| clock(text, bit + 1 == bits, value >> bit & 1 != 0));
        path(text, &[1, 0]);
    }
    let mut reset = String::from("rB");
    path(&mut reset, &[1, 1, 1, 1, 1, 0]);
    // IDCODE of both TAPs, then CTRL/STAT of the debug port: power up, select AP 0, read a word of flash.
    let mut id = reset.clone();
    path(&mut id, &[1, 0, 0]);
    shift(&mut id, 0, 64);
    let mut read = reset;
    let access = |text: &mut String, ir: u64, value: u64| {
        path(text, &[1, 1, 0, 0]);
        shift(text, ir | 0x1F << 4, 9);
        path(text, &[1, 0, 0]);
        shift(text, value, 36);
        path(text, &[0; 4]);
    };
    for (ir, register, value, read_back) in [
        (0xA, 1, 0x5000_0000_u64, 0),
        (0xA, 1, 0, 1),
        (0xA, 2, 0, 0),
        (0xB, 0, 0x2300_0002, 0),
        (0xB, 1, 0x0800_0000, 0),
        (0xB, 3, 0, 1),
        (0xA, 3, 0, 1),
    ] {
        access(&mut read, ir, value << 3 | register << 1 | read_back);
    }
    [id, read, "Q".to_owned(), "stuB6R".to_owned()].map(String::into_bytes).to_vec()
}

pub fn symbols(data: &[u8]) {
    let mut symbols = Symbols::new();
    let found = symbols.add_elf("p", data);
    assert!(found <= data.len());
    for address in [0, 0x0800_0000, 0x0802_0440, 0x0802_0441, u32::MAX] {
        let bounds = symbols.bounds(address);
        assert!(bounds.is_none_or(|(start, end)| start <= address && start <= end), "{bounds:?}");
        assert_eq!(bounds.is_some(), symbols.function(address).is_some());
        assert!(symbols.describe(address).len() < data.len() + 64);
    }
}
