//! Public key accelerator: operands in its RAM, one operation at a time, the result in its RAM.
//!
//! Modelled: modular exponentiation (0x00, and 0x02 whose Montgomery parameter is not needed), Montgomery parameter (0x01), modular
//! inversion (0x08), modular addition and subtraction (0x0E, 0x0F), ECC scalar multiplication (0x20), ECDSA sign (0x24) and verify
//! (0x26), point check (0x28); curves are those of [`super::pka_curves`]. Any other mode ends with OPERRF.
//!
//! An operand is a sequence of 32-bit words, the least significant first, and must be followed by two zero words (the manual's 64-bit zero): if
//! it is not, or has more bits than the operation takes, or belongs to no known curve, the operation ends with OPERRF and an
//! error as its result. Silicon computes something there.
//!
//! Time is virtual: BUSY stands and PROCENDF comes after the time of [`Pka::cycles`], in the order of what the manuals of this PKA say. RAM
//! that is touched meanwhile raises RAMERRF.

use ironroot_chip::peripherals::registers::Written;
use num_bigint::BigUint;

use super::pka_curves::{Known, Parameters, Point};

const CR: u32 = 0x000;
const SR: u32 = 0x004;
const CLRFR: u32 = 0x008;
const RAM: u32 = 0x400;
const RAM_WORDS: usize = 1334;
/// Bytes of the block on the bus.
const BLOCK: u32 = 0x2000;

const EN: u32 = 1 << 0;
const START: u32 = 1 << 1;
const MODE_SHIFT: u32 = 8;
const MODE: u32 = 0x3F << MODE_SHIFT;
const INITOK: u32 = 1 << 0;
const BUSY: u32 = 1 << 16;
const PROCENDF: u32 = 1 << 17;
const RAMERRF: u32 = 1 << 19;
const ADDRERRF: u32 = 1 << 20;
const OPERRF: u32 = 1 << 21;
const FLAGS: u32 = PROCENDF | RAMERRF | ADDRERRF | OPERRF;

/// Result: done, valid.
pub const OK: u32 = 0xD60D;
/// Result: signature not valid, point not on the curve.
pub const INVALID: u32 = 0xA3B7;
/// Result: the computation failed.
pub const FAILED: u32 = 0xCBC9;
/// Result of a point check: a coordinate is not below the prime.
pub const RANGE: u32 = 0xF946;

/// Core cycles of a PKA cycle: the bus of the crypto blocks runs at half the core clock.
const CORE: u64 = 2;
/// The longest operands in bits.
const MODULUS_BITS: u32 = 4160;
const CURVE_BITS: u32 = 640;

/// Byte offsets of the operands of the three operations that get a whole curve: they differ only in this.
struct CurvePlaces {
    field_bits: u32,
    a_sign: u32,
    a: u32,
    b: Option<u32>,
    p: u32,
    g: Option<(u32, u32)>,
    /// Order and its bits.
    n: Option<(u32, u32)>,
}

const VERIFY: CurvePlaces = CurvePlaces {
    field_bits: 0x4C8,
    a_sign: 0x468,
    a: 0x470,
    b: None,
    p: 0x4D0,
    g: Some((0x678, 0x6D0)),
    n: Some((0x1088, 0x408)),
};
const SIGN: CurvePlaces = CurvePlaces {
    field_bits: 0x408,
    a_sign: 0x410,
    a: 0x418,
    b: Some(0x520),
    p: 0x1088,
    g: Some((0x578, 0x470)),
    n: Some((0xF88, 0x400)),
};
/// The point that is multiplied lies where signing has the base point.
const MULTIPLY: CurvePlaces = CurvePlaces { g: None, ..SIGN };
const CHECK: CurvePlaces = CurvePlaces { p: 0x470, n: None, ..MULTIPLY };

/// An operation that cannot be carried out with what is in the RAM.
struct Refused;

/// The PKA.
#[derive(Clone, Debug, Hash)]
pub struct Pka {
    control: u32,
    flags: u32,
    ram: Vec<u32>,
    /// Flags that come with the end of the operation, and when.
    running: Option<(u64, u32)>,
}

impl Default for Pka {
    fn default() -> Self {
        Pka { control: 0, flags: 0, ram: vec![0; RAM_WORDS], running: None }
    }
}

impl Pka {
    /// Reset state.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reset state; the RAM is erased.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    fn settle(&mut self, now: u64) {
        if let Some((_, flags)) = self.running.take_if(|(end, _)| *end <= now) {
            self.flags |= flags;
        }
    }

    fn flags_at(&self, now: u64) -> u32 {
        let ended = self.running.filter(|(end, _)| *end <= now);
        self.flags | ended.map_or(0, |(_, flags)| flags)
    }

    /// The interrupt line. The enable bits of CR lie where the flags of SR do.
    pub fn raised(&self, now: u64) -> bool {
        self.flags_at(now) & self.control & FLAGS != 0
    }

    /// When the running operation ends; `u64::MAX` for none. Asked after an access at `now`, it may lie in the past.
    pub fn next_event(&self) -> u64 {
        self.running.map_or(u64::MAX, |(end, _)| end)
    }

    /// A register's value, or a word of the RAM; `None` for an offset outside the block.
    pub fn read(&mut self, offset: u32, now: u64) -> Option<u32> {
        self.settle(now);
        Some(match offset {
            CR => self.control,
            SR => {
                (u32::from(self.control & EN != 0) * INITOK)
                    | (u32::from(self.running.is_some()) * BUSY)
                    | self.flags
            }
            CLRFR => 0,
            RAM..BLOCK => self.slot(offset).map_or(0, |slot| *slot),
            _ => return None,
        })
    }

    /// Writes a register or a word of the RAM. False for an offset outside the block.
    pub fn write(&mut self, offset: u32, written: Written, now: u64) -> bool {
        self.settle(now);
        match offset {
            CR => self.write_control(written, now),
            SR => {}
            CLRFR => self.flags &= !written.value,
            RAM..BLOCK => {
                if let Some(slot) = self.slot(offset) {
                    *slot = written.over(*slot);
                }
            }
            _ => return false,
        }
        true
    }

    /// A word of the RAM for the bus.
    fn slot(&mut self, offset: u32) -> Option<&mut u32> {
        if self.running.is_some() {
            self.flags |= RAMERRF;
            return None;
        }
        let slot = self.ram.get_mut((offset - RAM) as usize / 4);
        if slot.is_none() {
            self.flags |= ADDRERRF;
        }
        slot
    }

    fn write_control(&mut self, written: Written, now: u64) {
        let old = self.control;
        let mut writable = EN | FLAGS;
        if self.running.is_none() {
            writable |= MODE;
        }
        self.control = written.only(writable).over(old);
        if self.control & EN == 0 {
            if self.running.take().is_some() {
                // An aborted operation leaves nothing that can be relied on.
                self.ram.fill(0);
            }
            return;
        }
        if written.value & START != 0 && self.running.is_none() {
            let mode = (self.control & MODE) >> MODE_SHIFT;
            let cycles = self.cycles(mode);
            let refused = self.run(mode).is_err();
            self.running = Some((now + CORE * cycles, PROCENDF | (u32::from(refused) * OPERRF)));
        }
    }

    /// PKA cycles of an operation with the operands in the RAM. The order of magnitude of the tables in ST's manuals for this PKA; not
    /// measured on silicon.
    pub fn cycles(&self, mode: u32) -> u64 {
        let large = |at| self.word(at) > 256;
        match mode {
            0x20 => [1_900_000, 4_800_000][usize::from(large(MULTIPLY.field_bits))],
            0x24 => [2_000_000, 5_000_000][usize::from(large(SIGN.field_bits))],
            0x26 => [2_900_000, 7_700_000][usize::from(large(VERIFY.field_bits))],
            0x28 => [8_000, 14_000][usize::from(large(CHECK.field_bits))],
            0x00 | 0x02 => {
                let words = u64::from(self.word(0x408).min(MODULUS_BITS).div_ceil(32));
                let exponent = u64::from(self.word(0x400).min(MODULUS_BITS));
                4 * words * words * (exponent + 2)
            }
            0x01 | 0x08 => 100_000,
            _ => 1_000,
        }
    }

    /// A word at a byte offset of the block.
    fn word(&self, at: u32) -> u32 {
        at.checked_sub(RAM).and_then(|at| self.ram.get(at as usize / 4)).copied().unwrap_or(0)
    }

    /// An operand of `bits` bits.
    fn operand(&self, at: u32, bits: u32) -> Result<BigUint, Refused> {
        let words = bits.div_ceil(32) as usize;
        let start = at.checked_sub(RAM).ok_or(Refused)? as usize / 4;
        let value = self.ram.get(start..start + words).ok_or(Refused)?;
        let ended =
            self.ram.get(start + words..start + words + 2).ok_or(Refused)?.iter().all(|word| *word == 0);
        if ended { Ok(BigUint::from_slice(value)) } else { Err(Refused) }
    }

    /// A bit count, of at most `most` bits.
    fn bits(&self, at: u32, most: u32) -> Result<u32, Refused> {
        let bits = self.word(at);
        if (1..=most).contains(&bits) && self.word(at + 4) == 0 { Ok(bits) } else { Err(Refused) }
    }

    /// Stores a result with as many words as `bits` takes, and two zero words behind it.
    fn store(&mut self, at: u32, bits: u32, value: &BigUint) {
        let start = (at - RAM) as usize / 4;
        let mut digits = value.iter_u32_digits();
        let words = bits.div_ceil(32) as usize + 2;
        if let Some(room) = self.ram.get_mut(start..start + words) {
            room.fill_with(|| digits.next().unwrap_or(0));
        }
    }

    fn set_word(&mut self, at: u32, value: u32) {
        if let Some(slot) = self.ram.get_mut((at - RAM) as usize / 4) {
            *slot = value;
        }
    }

    fn curve(&self, places: &CurvePlaces) -> Result<Known, Refused> {
        let bits = self.bits(places.field_bits, CURVE_BITS)?;
        let at = |place| self.operand(place, bits);
        let parameters = Parameters {
            p: at(places.p)?,
            a: at(places.a)?,
            a_negative: self.word(places.a_sign) & 1 != 0,
            b: places.b.map(at).transpose()?,
            g: places.g.map(|(x, y)| Ok((at(x)?, at(y)?))).transpose()?,
            n: places.n.map(|(place, bits)| self.operand(place, self.bits(bits, CURVE_BITS)?)).transpose()?,
        };
        Known::identify(&parameters).ok_or(Refused)
    }

    fn point(&self, curve: Known, x: u32, y: u32) -> Result<Point, Refused> {
        Ok((self.operand(x, curve.bits())?, self.operand(y, curve.bits())?))
    }

    /// The digest that is signed: as many bytes as the order.
    fn digest(&self, curve: Known, at: u32) -> Result<Vec<u8>, Refused> {
        let value = self.operand(at, curve.bits())?.to_bytes_be();
        let mut digest = vec![0; curve.bits() as usize / 8 - value.len()];
        digest.extend(value);
        Ok(digest)
    }

    fn run(&mut self, mode: u32) -> Result<(), Refused> {
        match mode {
            0x00 | 0x02 => self.exponentiate(),
            0x01 => self.montgomery_parameter(),
            0x08 => self.invert(),
            0x0E | 0x0F => self.add(mode == 0x0F),
            0x20 => self.guard(0x680, FAILED, Self::multiply),
            0x24 => self.guard(0xFE0, FAILED, Self::sign),
            0x26 => self.guard(0x5D0, INVALID, Self::verify),
            0x28 => self.guard(0x680, INVALID, Self::check_point),
            _ => Err(Refused),
        }
    }

    /// Runs an operation whose result code lies at `at`; refused operands leave `code` there, so that no earlier result is taken for
    /// theirs.
    fn guard(
        &mut self,
        at: u32,
        code: u32,
        operation: fn(&mut Self) -> Result<u32, Refused>,
    ) -> Result<(), Refused> {
        let result = operation(self);
        self.set_word(at, *result.as_ref().unwrap_or(&code));
        self.set_word(at + 4, 0);
        result.map(|_| ())
    }

    fn exponentiate(&mut self) -> Result<(), Refused> {
        let (exponent, bits) = (self.bits(0x400, MODULUS_BITS)?, self.bits(0x408, MODULUS_BITS)?);
        let (base, modulus) = (self.operand(0xC68, bits)?, self.operand(0x1088, bits)?);
        let exponent = self.operand(0xE78, exponent)?;
        // Montgomery arithmetic needs an odd modulus.
        if !modulus.bit(0) || base >= modulus {
            return Err(Refused);
        }
        self.store(0x838, bits, &base.modpow(&exponent, &modulus));
        Ok(())
    }

    fn montgomery_parameter(&mut self) -> Result<(), Refused> {
        let bits = self.bits(0x408, MODULUS_BITS)?;
        let modulus = self.operand(0x1088, bits)?;
        if !modulus.bit(0) {
            return Err(Refused);
        }
        // R² with R of whole 64-bit words.
        let square = BigUint::from(1_u32) << (2 * 64 * bits.div_ceil(64));
        self.store(0x620, bits, &(square % modulus));
        Ok(())
    }

    fn invert(&mut self) -> Result<(), Refused> {
        let bits = self.bits(0x408, MODULUS_BITS)?;
        let (value, modulus) = (self.operand(0xA50, bits)?, self.operand(0xC68, bits)?);
        if modulus == BigUint::default() {
            return Err(Refused);
        }
        let inverse = value.modinv(&modulus).ok_or(Refused)?;
        self.store(0xE78, bits, &inverse);
        Ok(())
    }

    fn add(&mut self, subtract: bool) -> Result<(), Refused> {
        let bits = self.bits(0x408, MODULUS_BITS)?;
        let (a, b) = (self.operand(0xA50, bits)?, self.operand(0xC68, bits)?);
        let modulus = self.operand(0x1088, bits)?;
        if a >= modulus || b >= modulus {
            return Err(Refused);
        }
        let b = if subtract { &modulus - b } else { b };
        self.store(0xE78, bits, &((a + b) % modulus));
        Ok(())
    }

    fn multiply(&mut self) -> Result<u32, Refused> {
        let curve = self.curve(&MULTIPLY)?;
        let bits = self.bits(0x400, CURVE_BITS)?;
        let (k, point) = (self.operand(0x12A0, bits)?, self.point(curve, 0x578, 0x470)?);
        let Some((x, y)) = curve.multiply(&k, &point) else { return Ok(FAILED) };
        self.store(0x578, curve.bits(), &x);
        self.store(0x5D0, curve.bits(), &y);
        Ok(OK)
    }

    fn sign(&mut self) -> Result<u32, Refused> {
        let curve = self.curve(&SIGN)?;
        let (d, k) = (self.operand(0xF28, curve.bits())?, self.operand(0x12A0, curve.bits())?);
        let digest = self.digest(curve, 0xFE8)?;
        let Some((r, s)) = curve.sign(&d, &k, &digest) else { return Ok(FAILED) };
        self.store(0x730, curve.bits(), &r);
        self.store(0x788, curve.bits(), &s);
        Ok(OK)
    }

    fn verify(&mut self) -> Result<u32, Refused> {
        let curve = self.curve(&VERIFY)?;
        let public = self.point(curve, 0x12F8, 0x1350)?;
        let (r, s) = (self.operand(0x10E0, curve.bits())?, self.operand(0xC68, curve.bits())?);
        let digest = self.digest(curve, 0x13A8)?;
        Ok(if curve.verify(&public, &digest, &r, &s) { OK } else { INVALID })
    }

    fn check_point(&mut self) -> Result<u32, Refused> {
        let curve = self.curve(&CHECK)?;
        let point = self.point(curve, 0x578, 0x5D0)?;
        let p = self.operand(CHECK.p, curve.bits())?;
        Ok(match (point.0 < p && point.1 < p, curve.contains(&point)) {
            (false, _) => RANGE,
            (true, true) => OK,
            (true, false) => INVALID,
        })
    }
}
