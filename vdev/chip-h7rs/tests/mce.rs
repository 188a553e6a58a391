//! MCE in front of the windows: what it computes, keys, locks, privileges, and that nothing comes out without the right key.

use ironroot_chip::ExternalFlash;
use ironroot_chip::peripherals::registers::Written;
use ironroot_chip::supply::Supply;
use ironroot_chip_h7rs::peripherals::mce::{CAEF, IAEF};
use ironroot_chip_h7rs::peripherals::xspi::ExternalMemory;
use ironroot_chip_h7rs::peripherals::xspi_windows::ExternalBus;
use ironroot_cpu::bus::{Access, Kind, Master, Size};

const CR: u32 = 0x000;
const SR: u32 = 0x004;
const IASR: u32 = 0x008;
const IACR: u32 = 0x00C;
const IAIER: u32 = 0x010;
const PRIVCFGR: u32 = 0x01C;
const IAESR: u32 = 0x020;
const IADDR: u32 = 0x024;
const REGION: u32 = 0x040;
const MKEYR: u32 = 0x200;
const FMKEYR: u32 = 0x220;
const CONTEXT: u32 = 0x240;
const CONTEXT_STRIDE: u32 = 0x030;
const GLOCK: u32 = 1;
const MKLOCK: u32 = 2;
const STREAM: u32 = 1 << 14;
const BLOCK: u32 = 2 << 14;
const FAST: u32 = 3 << 14;
const PRIV: u32 = 1 << 16;
const WREN: u32 = 1 << 16;
const CCEN: u32 = 1;
const CCLOCK: u32 = 2;
const KEYLOCK: u32 = 4;
const HZ: u64 = 600_000_000;
const FLASH: u32 = 0x9000_0000;
const RAM: u32 = 0x7000_0000;
/// Vectors A and B of ST's examples for OTFDEC.
const KEY_A: [u32; 4] = [0xEDCB_A987, 0x6543_210F, 0xEDCB_A987, 0x6543_210F];
const KEY_B: [u32; 4] = [0x7123_4567, 0x89AB_CDEF, 0x7123_4567, 0x89AB_CDEF];
const NONCE: [u32; 2] = [0xA5A5_A5A5, 0xC3C3_C3C3];

/// A board with flash and RAM behind MCE1 and MCE2, both windows mapped.
struct Bench {
    bus: ExternalBus,
    now: u64,
    privileged: bool,
}

impl Bench {
    fn new() -> Self {
        let memory = [ExternalMemory::nor(ExternalFlash::default()), ExternalMemory::ram(1 << 20)];
        let mut bench = Bench { bus: ExternalBus::new(memory, true), now: 0, privileged: true };
        for (number, size, read, write) in [(0, 23, 0x13, 0x12), (1, 19, 0x20, 0xA0)] {
            for (offset, value) in [
                (0x008, size << 16),
                (0x100, 1 | 1 << 8 | 3 << 12 | 1 << 24),
                (0x110, read),
                (0x180, 1 | 1 << 8 | 3 << 12 | 1 << 24),
                (0x190, write),
                (0x000, 1 | 3 << 28),
            ] {
                bench.xspi(number, offset, value);
            }
        }
        bench
    }

    fn xspi(&mut self, number: usize, offset: u32, value: u32) {
        self.bus.write_xspi(number, offset, Written::word(value), self.now, HZ);
    }

    fn access(&self, kind: Kind, size: Size) -> Access {
        Access {
            master: Master::Cpu,
            kind,
            privileged: self.privileged,
            secure: false,
            size,
            pc: 0,
            now: self.now,
        }
    }

    fn set(&mut self, unit: usize, offset: u32, value: u32) {
        let access = self.access(Kind::Write, Size::Word);
        assert!(self.bus.write_mce(unit, offset, Written::word(value), &access), "{offset:#x}");
    }

    fn get(&self, unit: usize, offset: u32) -> u32 {
        self.bus.read_mce(unit, offset, self.privileged).expect("a register")
    }

    fn load(&mut self, address: u32) -> u32 {
        let access = self.access(Kind::Read, Size::Word);
        self.bus.read_window(address, &access).expect("mapped")
    }

    fn store(&mut self, address: u32, value: u32) -> bool {
        let access = self.access(Kind::Write, Size::Word);
        self.bus.write_window(address, value, &access, HZ).expect("mapped")
    }

    fn region(&mut self, unit: usize, index: u32, start: u32, end: u32, control: u32, attributes: u32) {
        let base = REGION + 0x10 * index;
        for (offset, value) in [(0x4, start), (0x8, end), (0xC, attributes), (0x0, control | 1)] {
            self.set(unit, base + offset, value);
        }
    }

    fn key(&mut self, unit: usize, base: u32, key: [u32; 4]) {
        for (offset, word) in (base..).step_by(4).zip(key) {
            self.set(unit, offset, word);
        }
    }

    /// A context in the order of the vendor's driver.
    fn context(&mut self, id: u32, key: [u32; 4], version: u32) {
        let base = CONTEXT + CONTEXT_STRIDE * (id - 1);
        self.set(0, base + 4, NONCE[0]);
        self.set(0, base + 8, NONCE[1]);
        self.key(0, base + 0xC, key);
        self.set(0, base, version << 16);
        self.set(0, base, version << 16 | CCEN);
    }

    /// Programs through the window as a boot stage does: WREN, one burst inside a page, abort, wait.
    fn program(&mut self, address: u32, words: &[u32]) {
        self.xspi(0, 0x000, 1 | 2 | 3 << 28);
        self.xspi(0, 0x000, 1);
        self.xspi(0, 0x100, 1);
        self.xspi(0, 0x110, 0x06);
        self.xspi(0, 0x100, 1 | 1 << 8 | 3 << 12 | 1 << 24);
        self.xspi(0, 0x110, 0x13);
        self.xspi(0, 0x000, 1 | 3 << 28);
        for (address, word) in (address..).step_by(4).zip(words) {
            assert!(self.store(address, *word));
        }
        self.xspi(0, 0x000, 1 | 2 | 3 << 28);
        self.now = self.bus.next_event();
        assert_ne!(self.now, u64::MAX, "nothing is programmed");
        self.bus.advance(self.now, &mut Supply::default());
    }

    fn put(&mut self, number: usize, offset: u32, words: &[u32]) {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        assert!(self.bus.memory[number].load(offset, &bytes));
    }
}

#[test]
fn the_stream_mode_reads_the_vectors_of_otfdec() {
    let mut bench = Bench::new();
    // Context 2 stands where region index 1 does in vector A.
    bench.context(2, KEY_A, 0xABCD);
    bench.region(0, 0, FLASH, FLASH + 0xFFF, STREAM | 2 << 9, 0);
    bench.put(0, 0x400, &[0x82BC_10D8, 0xF714_0591]);
    assert_eq!((bench.load(FLASH + 0x400), bench.load(FLASH + 0x404)), (0x300F_1808, 0x0000_4770));
    let fetch = bench.access(Kind::Fetch, Size::Half);
    assert_eq!(bench.bus.read_window(FLASH + 0x402, &fetch), Ok(0x300F));

    let mut bench = Bench::new();
    bench.context(1, KEY_B, 0xABBA);
    bench.region(0, 3, FLASH, FLASH + 0xFFF, STREAM | 1 << 9, 0);
    let cipher = [
        0x202C_765C,
        0xD199_0C43,
        0x8A6A_8AB2,
        0xB7F8_2FAD,
        0xCB01_E7AD,
        0xBCB7_2471,
        0x39F8_D614,
        0x88DA_F396,
    ];
    bench.put(0, 0, &cipher);
    for (index, plain) in (0..8).zip((0..).step_by(0x11)) {
        assert_eq!(bench.load(FLASH + 4 * index), plain);
    }
    assert_eq!(bench.get(0, IASR), 0);
}

#[test]
fn key_crcs_are_those_of_the_vendor() {
    for (key, crc) in [(KEY_A, 0x37), (KEY_B, 0x71), ([0; 4], 0x7E), ([u32::MAX; 4], 0x1B)] {
        let mut bench = Bench::new();
        bench.context(1, key, 0);
        assert_eq!(bench.get(0, CONTEXT), crc << 8 | CCEN);
        assert_eq!(bench.get(0, CONTEXT + CONTEXT_STRIDE), 0, "no CRC without a key");
    }
}

#[test]
fn keys_never_read_back() {
    let mut bench = Bench::new();
    bench.context(1, KEY_B, 0);
    bench.key(0, MKEYR, KEY_A);
    bench.key(0, FMKEYR, KEY_A);
    for base in [MKEYR, FMKEYR, CONTEXT + 0xC] {
        for index in 0..4 {
            assert_eq!(bench.get(0, base + 4 * index), 0);
        }
    }
    assert_eq!(bench.get(0, SR), 0b101);
}

#[test]
fn flash_is_written_encrypted_and_read_back() {
    for (control, key) in [(BLOCK, MKEYR), (FAST, FMKEYR), (STREAM | 1 << 9, 0)] {
        let mut bench = Bench::new();
        if key != 0 {
            bench.key(0, key, KEY_A);
        } else {
            bench.context(1, KEY_A, 1);
        }
        bench.region(0, 1, FLASH + 0x1_0000, FLASH + 0x1_FFFF, control, WREN);
        let words: Vec<u32> = (0..64).map(|index| 0x0101_0101 * index).collect();
        bench.program(FLASH + 0x1_0000, &words);
        let read: Vec<u32> = (0..64).map(|index| bench.load(FLASH + 0x1_0000 + 4 * index)).collect();
        assert_eq!(read, words);
        let stored = bench.bus.memory[0].bytes(0x1_0000, 256);
        let plain: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let equal = stored.iter().zip(&plain).filter(|(a, b)| a == b).count();
        assert!(equal < 16, "{equal} of 256 bytes are plain");
        // The same content elsewhere is other ciphertext.
        bench.program(FLASH + 0x1_0100, &words);
        assert_ne!(bench.bus.memory[0].bytes(0x1_0100, 256), stored);
        // Beside the region nothing is touched by the cipher.
        bench.program(FLASH + 0x2_0000, &words);
        assert_eq!(bench.bus.memory[0].bytes(0x2_0000, 256), plain);
        assert_eq!(bench.get(0, IASR), 0);
    }
}

#[test]
fn the_documented_vectors_hold() {
    // docs/mce-model.md; the stored blocks were made by another library (XTS of Python's cryptography).
    let master = [0x0011_2233, 0x4455_6677, 0x8899_AABB, 0xCCDD_EEFF];
    let plain = [0x0302_0100, 0x0706_0504, 0x0B0A_0908, 0x0F0E_0D0C];
    for (unit, window, key, control, stored) in [
        (0, FLASH, MKEYR, BLOCK, 0xb7e4_d12a_cc7c_c224_daf7_2207_7c21_2e2d_u128),
        (0, FLASH, FMKEYR, FAST, 0x6dbf_68b5_b42a_0056_62b5_a4e7_065a_ff91),
        (1, RAM, MKEYR, BLOCK, 0xab56_705d_681d_7a61_ca73_8f9b_cfd9_7cb9),
        (1, RAM, FMKEYR, FAST, 0x9f67_41ec_6dd8_f418_1899_2bc7_9a43_38aa),
    ] {
        let mut bench = Bench::new();
        bench.key(unit, key, master);
        bench.region(unit, 0, window, window + 0xFFF, control, WREN);
        if unit == 0 {
            bench.program(window + 0x40, &plain);
        } else {
            plain
                .iter()
                .zip((window + 0x40..).step_by(4))
                .for_each(|(word, at)| assert!(bench.store(at, *word)));
        }
        assert_eq!(bench.bus.memory[unit].bytes(0x40, 16), stored.to_be_bytes());
        assert_eq!(bench.load(window + 0x48), plain[2]);
    }
}

#[test]
fn a_flash_on_another_board_reads_garbage() {
    let mut first = Bench::new();
    first.key(0, MKEYR, KEY_A);
    first.region(0, 0, FLASH, FLASH + 0xFFF, BLOCK, WREN);
    first.program(FLASH, &[1, 2, 3, 4]);
    let stored = first.bus.memory[0].bytes(0, 16);
    let mut second = Bench::new();
    second.key(0, MKEYR, KEY_B);
    second.region(0, 0, FLASH, FLASH + 0xFFF, BLOCK, WREN);
    assert!(second.bus.memory[0].load(0, &stored));
    assert_eq!((first.load(FLASH), second.load(FLASH) == 1), (1, false));
    // And it stays what it was if nobody decrypts.
    let mut third = Bench::new();
    assert!(third.bus.memory[0].load(0, &stored));
    assert_eq!(third.load(FLASH).to_le_bytes(), stored[..4]);
}

#[test]
fn ram_takes_narrow_writes_in_the_block_modes() {
    let mut bench = Bench::new();
    bench.key(1, MKEYR, KEY_B);
    bench.region(1, 0, RAM, RAM + 0xF_FFFF, BLOCK, WREN);
    for index in 0..8 {
        assert!(bench.store(RAM + 4 * index, 0x1111_1111 * index));
    }
    let byte = bench.access(Kind::Write, Size::Byte);
    assert_eq!(bench.bus.write_window(RAM + 0x15, 0xEE, &byte, HZ), Ok(true));
    let read: Vec<u32> = (0..8).map(|index| bench.load(RAM + 4 * index)).collect();
    assert_eq!(
        read,
        [0, 0x1111_1111, 0x2222_2222, 0x3333_3333, 0x4444_4444, 0x5555_EE55, 0x6666_6666, 0x7777_7777]
    );
    assert_ne!(bench.bus.memory[1].bytes(0, 4), [0; 4]);
    // The same key in MCE1 is another cipher.
    let mut other = Bench::new();
    let stored = bench.bus.memory[1].bytes(0, 16);
    other.key(0, MKEYR, KEY_B);
    other.region(0, 0, FLASH, FLASH + 0xFFF, BLOCK, 0);
    assert!(other.bus.memory[0].load(0, &stored));
    assert_ne!(other.load(FLASH + 4), 0x1111_1111);
}

#[test]
fn a_part_of_a_block_waits_for_the_rest_and_keeps_what_was_there() {
    let mut bench = Bench::new();
    bench.key(0, MKEYR, KEY_A);
    bench.region(0, 0, FLASH, FLASH + 0xFFF, BLOCK, WREN);
    // Two words of a block on erased cells: the rest of the block is what the erased cells mean.
    let before = [bench.load(FLASH + 8), bench.load(FLASH + 12)];
    bench.program(FLASH, &[5, 6]);
    assert_eq!([bench.load(FLASH), bench.load(FLASH + 4)], [5, 6]);
    assert_eq!([bench.load(FLASH + 8), bench.load(FLASH + 12)], before);
}

#[test]
fn regions_without_key_context_or_permission_give_nothing() {
    let cases: [(u32, u32, bool); 5] = [
        (BLOCK, WREN, false),
        (FAST, WREN, false),
        (STREAM, WREN, false),
        (STREAM | 2 << 9, WREN, false),
        (STREAM | 1 << 9, 0, true),
    ];
    for (control, attributes, readable) in cases {
        let mut bench = Bench::new();
        bench.context(1, KEY_A, 0);
        bench.put(0, 0x2000, &[0x1234_5678]);
        bench.region(0, 0, FLASH + 0x2000, FLASH + 0x2FFF, control, attributes);
        assert_eq!(bench.load(FLASH + 0x2000) != 0, readable, "{control:#x}");
        bench.set(0, IACR, u32::MAX);
        let access = bench.access(Kind::Write, Size::Word);
        assert_eq!(bench.bus.write_window(FLASH + 0x2010, 1, &access, HZ), Ok(false));
        assert_eq!((bench.get(0, IASR), bench.get(0, IADDR)), (IAEF, FLASH + 0x2010));
        assert_eq!(bench.get(0, IAESR), 1 << 7 | 1 << 4, "a privileged write");
        bench.set(0, IAIER, IAEF);
        assert!(bench.bus.mce[0].raised());
        bench.set(0, IACR, IAEF);
        assert!(!bench.bus.mce[0].raised());
    }
}

#[test]
fn privileges_are_kept() {
    let mut bench = Bench::new();
    bench.put(0, 0, &[7]);
    bench.region(0, 0, FLASH, FLASH + 0xFFF, PRIV, 0);
    assert_eq!(bench.load(FLASH), 7);
    bench.set(0, PRIVCFGR, 1);
    bench.privileged = false;
    assert_eq!(bench.load(FLASH), 0);
    assert_eq!(bench.get(0, REGION), 0);
    bench.set(0, REGION, 0);
    bench.set(0, PRIVCFGR, 0);
    bench.privileged = true;
    assert_eq!((bench.get(0, REGION), bench.get(0, PRIVCFGR)), (1 | PRIV, 1));
    assert_eq!((bench.get(0, IASR), bench.get(0, IAESR)), (CAEF | IAEF, 0), "an unprivileged read");
}

#[test]
fn locks_hold_until_reset() {
    let mut bench = Bench::new();
    bench.key(0, MKEYR, KEY_A);
    bench.key(0, FMKEYR, KEY_A);
    bench.context(1, KEY_A, 5);
    bench.set(0, CR, MKLOCK);
    bench.set(0, MKEYR, 0);
    bench.set(0, FMKEYR, 0);
    assert_eq!((bench.get(0, SR), bench.get(0, IASR)), (0b101, CAEF));

    // KEYLOCK: the key; CCLOCK: configuration and nonce. Neither opens again.
    bench.set(0, IACR, CAEF);
    bench.set(0, CONTEXT, 5 << 16 | CCEN | KEYLOCK);
    bench.set(0, CONTEXT + 0xC, 0);
    assert_eq!((bench.get(0, CONTEXT), bench.get(0, IASR)), (5 << 16 | 0x37 << 8 | CCEN | KEYLOCK, CAEF));
    bench.set(0, CONTEXT, 6 << 16 | CCEN);
    assert_eq!(bench.get(0, CONTEXT), 6 << 16 | 0x37 << 8 | CCEN | KEYLOCK);
    bench.set(0, CONTEXT, 6 << 16 | CCEN | CCLOCK);
    for offset in [0x0, 0x4, 0x8] {
        bench.set(0, CONTEXT + offset, 0);
    }
    assert_eq!(bench.get(0, CONTEXT), 6 << 16 | 0x37 << 8 | CCEN | CCLOCK | KEYLOCK);
    assert_eq!((bench.get(0, CONTEXT + 4), bench.get(0, CONTEXT + 8)), (NONCE[0], NONCE[1]));

    // GLOCK: everything but IACR and IAIER.
    bench.set(0, CR, GLOCK);
    bench.set(0, CR, 0);
    bench.region(0, 0, FLASH, FLASH + 0xFFF, BLOCK, WREN);
    bench.set(0, PRIVCFGR, 1);
    assert_eq!((bench.get(0, CR), bench.get(0, REGION), bench.get(0, PRIVCFGR)), (GLOCK | MKLOCK, 0, 0));
    bench.set(0, IACR, CAEF);
    bench.set(0, IAIER, CAEF);
    assert_eq!((bench.get(0, IASR), bench.get(0, IAIER)), (0, CAEF));

    bench.bus.reset();
    assert_eq!((bench.get(0, CR), bench.get(0, SR), bench.get(0, CONTEXT)), (0, 0, 0), "keys are gone too");
}

#[test]
fn a_key_is_complete_or_not_there() {
    let mut bench = Bench::new();
    for (index, word) in (0..3).zip(KEY_A) {
        bench.set(0, MKEYR + 4 * index, word);
        assert_eq!(bench.get(0, SR), 0);
    }
    bench.set(0, MKEYR + 12, KEY_A[3]);
    assert_eq!(bench.get(0, SR), 1);
    // The write that throws a key away is no word of the next one.
    bench.set(0, MKEYR, 1);
    assert_eq!(bench.get(0, SR), 0);
    bench.key(0, MKEYR, KEY_B);
    assert_eq!(bench.get(0, SR), 1);
    bench.bus.mce[0].erase_keys();
    assert_eq!(bench.get(0, SR), 0);
}

#[test]
fn noekeon_units_have_no_contexts_and_the_h7r_has_no_mce() {
    let mut bench = Bench::new();
    for unit in [1, 2] {
        assert!(bench.bus.read_mce(unit, CONTEXT, true).is_none());
        let access = bench.access(Kind::Write, Size::Word);
        assert!(!bench.bus.write_mce(unit, CONTEXT, Written::word(1), &access));
    }
    assert!(bench.bus.read_mce(0, 0x300, true).is_none() && bench.bus.read_mce(0, 0x80, true).is_none());
    let plain = ExternalBus::new([ExternalMemory::Absent, ExternalMemory::Absent], false);
    assert!(plain.read_mce(0, CR, true).is_none());
}

#[test]
fn bounds_count_pages() {
    let mut bench = Bench::new();
    bench.context(1, KEY_A, 0);
    bench.region(0, 0, FLASH + 0x1000, FLASH + 0x13FF, STREAM | 1 << 9, 0);
    bench.put(0, 0x0FFC, &[0, 0]);
    bench.put(0, 0x1FFC, &[0, 0]);
    let read: Vec<bool> =
        [0x0FFC, 0x1000, 0x1FFC, 0x2000].iter().map(|at| bench.load(FLASH + at) != 0).collect();
    assert_eq!(read, [false, true, true, false]);
    assert_eq!(bench.get(0, REGION + 8), FLASH + 0x1000);
}
