//! SAES and CRYP through their registers: vectors of NIST SP 800-38A, keys that cannot be read, and keys that go from one to the other.

use ironroot_chip::peripherals::registers::Written;
use ironroot_chip_h7rs::peripherals::cryp::Cryp;
use ironroot_chip_h7rs::peripherals::saes::{CYCLES_128, CYCLES_256, CYCLES_KEY, Saes};

const KEY_128: &str = "2b7e151628aed2a6abf7158809cf4f3c";
const KEY_192: &str = "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b";
const KEY_256: &str = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4";
const IV: &str = "000102030405060708090a0b0c0d0e0f";
const COUNTER: &str = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff";
const PLAIN: &str = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mode {
    Ecb,
    Cbc,
    Ctr,
}

/// (key, mode, ciphertext of PLAIN): SP 800-38A, appendix F.
const VECTORS: [(&str, Mode, &str); 9] = [
    (
        KEY_128,
        Mode::Ecb,
        "3ad77bb40d7a3660a89ecaf32466ef97f5d3d58503b9699de785895a96fdbaaf43b1cd7f598ece23881b00e3ed0306887b0c785e27e8ad3f8223207104725dd4",
    ),
    (
        KEY_256,
        Mode::Ecb,
        "f3eed1bdb5d2a03c064b5a7e3db181f8591ccb10d410ed26dc5ba74a31362870b6ed21b99ca6f4f9f153e7b1beafed1d23304b7a39f9f3ff067d8d8f9e24ecc7",
    ),
    (
        KEY_128,
        Mode::Cbc,
        "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b273bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7",
    ),
    (
        KEY_256,
        Mode::Cbc,
        "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b",
    ),
    (
        KEY_128,
        Mode::Ctr,
        "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee",
    ),
    (
        KEY_256,
        Mode::Ctr,
        "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c52b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6",
    ),
    (
        KEY_192,
        Mode::Cbc,
        "4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a571b242012fb7ae07fa9baac3df102e008b0e27988598881d920a9e64f5615cd",
    ),
    (
        KEY_192,
        Mode::Ecb,
        "bd334f1d6e45f25ff712a214571fa5cc974104846d0ad3ad7734ecb3ecee4eefef7afd2270e2e60adce0ba2face6444e9a4b41ba738d6c72fb16691603c18e0e",
    ),
    (
        KEY_192,
        Mode::Ctr,
        "1abc932417521ca24f2b0459fe7e6e0b090339ec0aa6faefd5ccc2c6f4ce8e941e36b26bd1ebc670d1bd1d665620abf74f78a7f6d29809585a97daec58c6b050",
    ),
];

fn words(hex: &str) -> Vec<u32> {
    assert_eq!(hex.len() % 8, 0);
    (0..hex.len()).step_by(8).map(|at| u32::from_str_radix(&hex[at..at + 8], 16).expect("hex")).collect()
}

// ------------------------------------------------------------ SAES

const CR: u32 = 0x000;
const SR: u32 = 0x004;
const DINR: u32 = 0x008;
const DOUTR: u32 = 0x00C;
const IER: u32 = 0x300;
const ISR: u32 = 0x304;
const ICR: u32 = 0x308;
const EN: u32 = 1;
const PREPARE: u32 = 1 << 3;
const DECRYPT: u32 = 2 << 3;
const LONG: u32 = 1 << 18;
const WRAPPED: u32 = 1 << 24;
const SHARED: u32 = 2 << 24;
const DHUK: u32 = 1 << 28;
const BHK: u32 = 2 << 28;
const AHK: u32 = 3 << 28;
const CCF: u32 = 1;
const RDERR: u32 = 1 << 1;
const WRERR: u32 = 1 << 2;
const BUSY: u32 = 1 << 3;
const KEYVALID: u32 = 1 << 7;
const KEIF: u32 = 1 << 2;

/// A SAES with a clock.
struct Bench {
    unit: Saes,
    now: u64,
}

impl Bench {
    fn new(board: u8) -> Self {
        Bench { unit: Saes::new([board; 32]), now: 0 }
    }

    fn write(&mut self, offset: u32, value: u32) {
        assert!(self.unit.write(offset, Written::word(value), self.now), "{offset:#x}");
    }

    fn read(&mut self, offset: u32) -> u32 {
        self.unit.read(offset, self.now).expect("a register")
    }

    fn set_key(&mut self, key: &[u32]) {
        for (index, word) in key.iter().rev().enumerate() {
            let base = if index < 4 { 0x010 } else { 0x030 - 16 };
            self.write(base + 4 * index as u32, *word);
        }
    }

    fn set_vector(&mut self, vector: &[u32]) {
        for (index, word) in vector.iter().rev().enumerate() {
            self.write(0x020 + 4 * index as u32, *word);
        }
    }

    fn wait(&mut self) {
        let start = self.now;
        while self.read(SR) & CCF == 0 {
            self.now += 1;
            assert!(self.now - start < 10_000, "CCF never comes");
        }
        self.write(ICR, CCF);
    }

    /// The vendor's sequence: key preparation for ECB and CBC decryption, then blocks.
    fn start(&mut self, control: u32, decrypt: bool, inverts: bool) {
        if decrypt && inverts {
            self.write(CR, control | PREPARE);
            self.wait_for_key();
            self.write(CR, control | PREPARE | EN);
            self.wait();
            assert_eq!(self.read(CR) & EN, 0, "cleared by the end of the preparation");
        }
        let control = control | if decrypt { DECRYPT } else { 0 };
        self.write(CR, control);
        self.wait_for_key();
        self.write(CR, control | EN);
    }

    /// Until KEYVALID, or as long as a hardware key may take.
    fn wait_for_key(&mut self) {
        let start = self.now;
        while self.read(SR) & KEYVALID == 0 && self.now - start < 1_000 {
            self.now += 1;
        }
    }

    fn blocks(&mut self, input: &[u32]) -> Vec<u32> {
        let mut output = Vec::new();
        for block in input.chunks(4) {
            for word in block {
                self.write(DINR, *word);
            }
            self.wait();
            for _ in 0..4 {
                output.push(self.read(DOUTR));
            }
        }
        output
    }

    fn run(&mut self, control: u32, decrypt: bool, inverts: bool, input: &[u32]) -> Vec<u32> {
        self.start(control, decrypt, inverts);
        let output = self.blocks(input);
        self.write(CR, 0);
        output
    }
}

fn chaining(mode: Mode) -> u32 {
    match mode {
        Mode::Ecb => 0,
        Mode::Cbc => 1 << 5,
        Mode::Ctr => 2 << 5,
    }
}

fn vector(mode: Mode) -> Vec<u32> {
    words(if mode == Mode::Ctr { COUNTER } else { IV })
}

#[test]
fn saes_follows_sp_800_38a() {
    let mut seen = 0;
    for (key, mode, cipher) in VECTORS.iter().filter(|(key, ..)| *key != KEY_192) {
        for decrypt in [false, true] {
            let mut bench = Bench::new(1);
            let control = chaining(*mode) | if *key == KEY_256 { LONG } else { 0 };
            bench.write(CR, control);
            bench.set_key(&words(key));
            bench.set_vector(&vector(*mode));
            assert_ne!(bench.read(SR) & KEYVALID, 0);
            let (input, expected) = if decrypt { (*cipher, PLAIN) } else { (PLAIN, *cipher) };
            let output = bench.run(control, decrypt, *mode != Mode::Ctr, &words(input));
            assert_eq!(output, words(expected), "{mode:?}, decrypt {decrypt}");
            seen += 1;
        }
    }
    assert_eq!(seen, 12);
}

#[test]
fn data_types_swap_words() {
    let mut bench = Bench::new(1);
    bench.set_key(&words(KEY_128));
    let bytes: Vec<u32> = words(PLAIN).iter().map(|word| word.swap_bytes()).collect();
    let output = bench.run(2 << 1, false, true, &bytes);
    let expected: Vec<u32> = words(VECTORS[0].2).iter().map(|word| word.swap_bytes()).collect();
    assert_eq!(output, expected);
}

#[test]
fn a_block_takes_its_time_and_early_hands_raise_errors() {
    for (control, key, cycles) in [(0, KEY_128, CYCLES_128), (LONG, KEY_256, CYCLES_256)] {
        let mut bench = Bench::new(1);
        bench.write(CR, control);
        bench.set_key(&words(key));
        bench.write(IER, CCF);
        bench.start(control, false, true);
        for word in &words(PLAIN)[..4] {
            bench.write(DINR, *word);
        }
        bench.now += 2 * cycles - 1;
        assert_eq!(bench.read(SR) & (CCF | BUSY), BUSY);
        assert!(!bench.unit.raised(bench.now));
        assert_eq!((bench.unit.next_event(), bench.read(DOUTR)), (2 * cycles, 0));
        bench.write(DINR, 0);
        assert_eq!(bench.read(SR) & (RDERR | WRERR), RDERR | WRERR);
        bench.now += 1;
        assert_eq!(bench.read(SR) & (CCF | BUSY), CCF);
        assert!(bench.unit.raised(bench.now));
        bench.write(ICR, CCF | 1 << 1);
        assert_eq!((bench.read(ISR), bench.read(SR) & (RDERR | WRERR)), (0, 0));
        assert_ne!(bench.read(DOUTR), 0);
    }
}

#[test]
fn keys_do_not_read_back_and_are_not_changed_word_by_word() {
    let mut bench = Bench::new(1);
    bench.set_key(&words(KEY_128));
    for offset in [0x010, 0x014, 0x018, 0x01C, 0x030, 0x03C] {
        assert_eq!(bench.read(offset), 0);
    }
    bench.write(0x010, 0);
    assert_eq!(bench.read(SR) & KEYVALID, 0);
    bench.write(CR, EN);
    assert_eq!((bench.read(CR) & EN, bench.read(ISR) & KEIF), (0, KEIF), "no EN without a key");
}

#[test]
fn a_hardware_key_has_to_be_waited_for() {
    let mut bench = Bench::new(1);
    bench.write(CR, DHUK | EN);
    assert_eq!((bench.read(CR) & EN, bench.read(SR) & (BUSY | KEYVALID)), (0, BUSY));
    bench.wait_for_key();
    assert_eq!((bench.read(SR) & (BUSY | KEYVALID), bench.now), (KEYVALID, 2 * CYCLES_KEY));
    bench.write(CR, DHUK | EN);
    assert_eq!(bench.read(CR) & EN, EN);
}

#[test]
fn decryption_needs_the_key_to_be_prepared() {
    let mut bench = Bench::new(1);
    bench.set_key(&words(KEY_128));
    bench.write(CR, DECRYPT);
    bench.write(CR, DECRYPT | EN);
    assert_eq!(bench.blocks(&words(VECTORS[0].2)[..4]), [0; 4]);
    assert_eq!(bench.read(ISR) & KEIF, KEIF);
}

/// One block encrypted with a hardware key.
fn fingerprint(bench: &mut Bench, control: u32) -> Vec<u32> {
    bench.write(ICR, u32::MAX);
    bench.run(control, false, true, &[1, 2, 3, 4])
}

#[test]
fn the_device_key_belongs_to_board_and_level() {
    let mut seen = Vec::new();
    for board in [1, 2] {
        let mut bench = Bench::new(board);
        for level in [0, 1, 2] {
            bench.unit.set_hdpl(level);
            for control in [DHUK, DHUK | LONG] {
                seen.push(fingerprint(&mut bench, control));
            }
        }
    }
    assert_eq!(seen[0], fingerprint(&mut Bench::new(1), DHUK), "and is always the same");
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 12);
}

#[test]
fn a_reset_of_the_block_does_not_lower_the_level() {
    let mut bench = Bench::new(1);
    bench.unit.set_hdpl(2);
    let mine = fingerprint(&mut bench, DHUK);
    bench.unit.reset();
    assert_eq!(fingerprint(&mut bench, DHUK), mine);
    bench.write(CR, 1 << 31);
    bench.write(CR, 0);
    assert_eq!(fingerprint(&mut bench, DHUK), mine);
    // But registers are gone.
    bench.set_key(&words(KEY_128));
    assert_ne!(bench.read(SR) & KEYVALID, 0);
    bench.write(CR, 1 << 31);
    bench.write(CR, 0);
    assert_eq!(bench.read(SR) & KEYVALID, 0);
}

#[test]
fn application_and_boot_keys_are_used_and_combined() {
    let key = words(KEY_128);
    let bytes: Vec<u8> = key.iter().flat_map(|word| word.to_be_bytes()).collect();
    let mut bench = Bench::new(1);
    bench.write(CR, AHK);
    bench.now += 1_000;
    assert_eq!((bench.read(SR) & (KEYVALID | BUSY), bench.read(ISR)), (0, KEIF));
    bench.unit.load_application_key(Some(&bytes));
    assert_eq!(bench.run(AHK, false, true, &words(PLAIN)), words(VECTORS[0].2));
    bench.write(ICR, u32::MAX);
    bench.write(CR, AHK | LONG);
    assert_eq!(bench.read(ISR), KEIF, "a key of 16 bytes is no key of 32");
    // BHK: backup register 0 is the least significant word.
    let mut registers = [0; 8];
    for (slot, word) in registers.iter_mut().zip(words(KEY_256).into_iter().rev()) {
        *slot = word;
    }
    bench.unit.set_boot_key(registers);
    assert_eq!(bench.run(BHK | LONG, false, true, &words(PLAIN)), words(VECTORS[1].2));
    // DHUK ^ AHK with AHK = 0 is DHUK.
    bench.unit.load_application_key(Some(&[0; 16]));
    assert_eq!(fingerprint(&mut bench, 5 << 28), fingerprint(&mut bench, DHUK));
    bench.unit.set_boot_key([0; 8]);
    assert_eq!(fingerprint(&mut bench, 4 << 28 | LONG), fingerprint(&mut bench, DHUK | LONG));
    // Another level, or tamper: gone.
    bench.write(CR, AHK);
    bench.wait_for_key();
    assert_ne!(bench.read(SR) & KEYVALID, 0);
    bench.unit.set_hdpl(1);
    assert_eq!(bench.read(SR) & KEYVALID, 0);
    bench.write(CR, BHK | LONG);
    bench.wait_for_key();
    assert_ne!(bench.read(SR) & KEYVALID, 0);
    bench.unit.erase_keys();
    assert_eq!(bench.read(SR) & KEYVALID, 0);
}

/// A key wrapped by DHUK, in mode `kmod`.
fn wrap(bench: &mut Bench, kmod: u32, key: &[u32]) -> Vec<u32> {
    let long = if key.len() == 8 { LONG } else { 0 };
    bench.run(kmod | DHUK | long, false, true, key)
}

#[test]
fn a_wrapped_key_is_used_and_never_seen() {
    for (key, plain_vector) in [(KEY_128, VECTORS[0].2), (KEY_256, VECTORS[1].2)] {
        let mut bench = Bench::new(1);
        let long = if key == KEY_256 { LONG } else { 0 };
        let wrapped = wrap(&mut bench, WRAPPED, &words(key));
        assert_ne!(wrapped, words(key));
        bench.start(WRAPPED | DHUK | long, true, true);
        for block in wrapped.chunks(4) {
            for word in block {
                bench.write(DINR, *word);
            }
            bench.wait();
            assert_eq!(bench.read(DOUTR), 0);
            assert_ne!(bench.read(SR) & RDERR, 0);
        }
        bench.write(CR, long);
        assert_eq!(bench.run(long, false, true, &words(PLAIN)), words(plain_vector));
        // In normal mode the same DHUK does not open it.
        assert_ne!(bench.run(DHUK | long, true, true, &wrapped), words(key));
        // Nor does another board's, or another level's, give this key.
        let mut other = Bench::new(2);
        other.start(WRAPPED | DHUK | long, true, true);
        for word in &wrapped {
            other.write(DINR, *word);
            other.now += 5_000;
            other.write(ICR, CCF);
        }
        assert_ne!(other.run(long, false, true, &words(PLAIN)), words(plain_vector));
    }
}

#[test]
fn a_shared_key_reaches_cryp_and_nothing_else() {
    let mut bench = Bench::new(1);
    let wrapped = wrap(&mut bench, SHARED | LONG, &words(KEY_256));
    bench.start(SHARED | DHUK | LONG, true, true);
    for block in wrapped.chunks(4) {
        for word in block {
            bench.write(DINR, *word);
        }
        bench.wait();
    }
    let shared = bench.unit.take_shared_key().expect("a key for CRYP");
    assert!(!format!("{shared:?}").contains("60"), "Debug does not show keys");
    assert!(bench.unit.take_shared_key().is_none());
    bench.write(CR, LONG);
    assert_eq!(bench.read(SR) & KEYVALID, 0, "not in SAES");

    let mut cryp = Cryp::new();
    cryp.share_key(shared);
    let control = 2 << 24 | 2 << 8 | 6 << 3;
    cryp_write(&mut cryp, CR, control);
    assert_ne!(cryp.read(SR).unwrap() & KEYVALID, 0);
    cryp_vector(&mut cryp, &words(COUNTER));
    cryp_write(&mut cryp, CR, control | CRYPEN);
    assert_eq!(cryp_blocks(&mut cryp, &words(PLAIN)), words(VECTORS[5].2));
    cryp.reset();
    cryp_write(&mut cryp, CR, control);
    assert_eq!(cryp.read(SR).unwrap() & KEYVALID, 0);
}

#[test]
fn what_is_not_modelled_is_refused_aloud() {
    let mut bench = Bench::new(1);
    bench.set_key(&words(KEY_128));
    // GCM.
    bench.write(CR, 3 << 5 | EN);
    bench.write(DINR, 0);
    assert_ne!(bench.read(SR) & WRERR, 0);
    assert!(bench.unit.read(0x200, 0).is_none());
}

// ------------------------------------------------------------ CRYP

const CRYP_DIN: u32 = 0x008;
const CRYP_DOUT: u32 = 0x00C;
const CRYPEN: u32 = 1 << 15;
const FFLUSH: u32 = 1 << 14;
const ALGODIR: u32 = 1 << 2;
const IFNF: u32 = 1 << 1;
const OFNE: u32 = 1 << 2;
const KERF: u32 = 1 << 6;

fn cryp_write(unit: &mut Cryp, offset: u32, value: u32) {
    assert!(unit.write(offset, Written::word(value)), "{offset:#x}");
}

fn cryp_vector(unit: &mut Cryp, vector: &[u32]) {
    for (offset, word) in (0x040..).step_by(4).zip(vector) {
        cryp_write(unit, offset, *word);
    }
}

/// Words in and out as the FIFOs have room.
fn cryp_blocks(unit: &mut Cryp, input: &[u32]) -> Vec<u32> {
    let (mut output, mut left) = (Vec::new(), input.iter());
    while output.len() < input.len() {
        while unit.read(SR).unwrap() & IFNF != 0
            && let Some(word) = left.next()
        {
            cryp_write(unit, CRYP_DIN, *word);
        }
        while unit.read(SR).unwrap() & OFNE != 0 {
            output.push(unit.read(CRYP_DOUT).unwrap());
        }
    }
    output
}

#[test]
fn cryp_follows_sp_800_38a() {
    for (key, mode, cipher) in VECTORS {
        for decrypt in [false, true] {
            let mut unit = Cryp::new();
            let size = match key.len() {
                32 => 0,
                48 => 1 << 8,
                _ => 2 << 8,
            };
            let algorithm = match mode {
                Mode::Ecb => 4 << 3,
                Mode::Cbc => 5 << 3,
                Mode::Ctr => 6 << 3,
            };
            cryp_write(&mut unit, CR, size);
            let key = words(key);
            for (offset, word) in (0x040 - 4 * key.len() as u32..).step_by(4).zip(&key) {
                cryp_write(&mut unit, offset, *word);
                assert_eq!(unit.read(offset), Some(0));
            }
            if decrypt && mode != Mode::Ctr {
                cryp_write(&mut unit, CR, size | 7 << 3 | CRYPEN);
                assert_eq!(unit.read(CR).unwrap() & CRYPEN, 0);
            }
            let control = size | algorithm | if decrypt { ALGODIR } else { 0 };
            cryp_write(&mut unit, CR, control);
            cryp_vector(&mut unit, &vector(mode));
            cryp_write(&mut unit, CR, control | FFLUSH);
            cryp_write(&mut unit, CR, control | CRYPEN);
            let (input, expected) = if decrypt { (cipher, PLAIN) } else { (PLAIN, cipher) };
            assert_eq!(cryp_blocks(&mut unit, &words(input)), words(expected), "{mode:?}, decrypt {decrypt}");
        }
    }
}

#[test]
fn cryp_without_a_key_says_so() {
    let mut unit = Cryp::new();
    cryp_write(&mut unit, CR, 4 << 3 | CRYPEN);
    assert_eq!((unit.read(CR).unwrap() & CRYPEN, unit.read(SR).unwrap() & KERF), (0, KERF));
    for offset in (0x030..0x040).step_by(4) {
        cryp_write(&mut unit, offset, 1);
    }
    cryp_write(&mut unit, CR, 4 << 3 | ALGODIR | CRYPEN);
    assert_eq!(unit.read(SR).unwrap() & KERF, 0);
    assert_eq!(cryp_blocks(&mut unit, &[1, 2, 3, 4]), [0; 4]);
    assert_eq!(unit.read(SR).unwrap() & KERF, KERF, "the key was not prepared");
}
