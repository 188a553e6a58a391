//! P-256: field, scalars and points, by the assembly of the crate `p256-cm4`.
//!
//! Only its assembly: the Rust around it indexes tables with values that the compiler cannot bound, three times in `verify`
//! and once in the key agreement. No input reaches these checks, but linking them links a panic, and `verify` has 1.6 KB
//! more than the loops here, which need no table. It is faster, 0.7 million instructions where this takes 1.3. Its key
//! agreement loads from a table at a secret index; the one here does not. Figures: `docs/size-and-speed.md`.
//!
//! The assembly is exported under its C names; the crate's version is pinned, and the tests would not link if a name
//! went away.
#![allow(unsafe_code)] // calls into assembly

// Links the crate: nothing of it is named in Rust.
use p256_cm4 as _;

/// 256 bits, least significant word first.
pub type Words = [u32; 8];

/// A point in Jacobian coordinates (x, y, z), each in Montgomery form. z = 0: the point at infinity.
pub type Point = [Words; 3];

/// A point in affine coordinates (x, y), in Montgomery form. Cannot be the point at infinity.
pub type Affine = [Words; 2];

/// 1 in Montgomery form: 2^256 mod p.
const ONE: Words = [1, 0, 0, 0xffff_ffff, 0xffff_ffff, 0xffff_ffff, 0xffff_fffe, 0];

/// The base point (SEC 2, 2.4.2) in Montgomery form.
pub const GENERATOR: Affine = [
    [0x18a9_143c, 0x79e7_30d4, 0x5fed_b601, 0x75ba_95fc, 0x7762_2510, 0x79fb_732b, 0xa537_55c6, 0x1890_5f76],
    [0xce95_560a, 0xddf2_5357, 0xba19_e45c, 0x8b4a_b8e4, 0xdd21_f325, 0xd2e8_8688, 0x2588_5d85, 0x8571_ff18],
];

// All of them follow the C calling convention of the target and keep the registers that it wants kept. Each reads its
// inputs completely before it writes its output, or is documented to take overlapping ones.
#[allow(non_snake_case)]
unsafe extern "C" {
    fn P256_check_range_n(a: *const Words) -> bool;
    fn P256_check_range_p(a: *const Words) -> bool;
    fn P256_mul_mod_n(out: *mut Words, a: *const Words, b: *const Words);
    fn P256_to_montgomery(out: *mut Words, a: *const Words);
    fn P256_point_is_on_curve(x: *const Words, y: *const Words) -> bool;
    fn P256_double_j(out: *mut Point, a: *const Point);
    fn P256_add_sub_j(a: *mut Point, b: *const Words, is_sub: bool, b_is_affine: bool);
    fn P256_verify_last_step(r: *const Words, point: *const Point) -> bool;
    #[cfg(feature = "decrypt")]
    fn P256_negate_mod_n_if(out: *mut Words, a: *const Words, negate: u32);
    #[cfg(feature = "decrypt")]
    fn P256_negate_mod_p_if(out: *mut Words, a: *const Words, negate: u32);
    #[cfg(feature = "decrypt")]
    fn P256_jacobian_to_affine(x: *mut Words, y: *mut Words, a: *const Point);
    #[cfg(feature = "decrypt")]
    fn P256_from_montgomery(out: *mut Words, a: *const Words);
}

/// A big-endian number of at most 32 bytes. Of a longer one the leading bytes are lost.
#[inline(never)]
pub fn words(bytes: &[u8]) -> Words {
    let mut words = [0; 8];
    for (index, byte) in bytes.iter().rev().enumerate() {
        if let Some(word) = words.get_mut(index / 4) {
            *word |= u32::from(*byte) << (8 * (index % 4));
        }
    }
    words
}

/// Whether 1 <= a < n, the order of the group.
pub fn is_scalar(a: &Words) -> bool {
    // Safety: reads the eight words behind the reference.
    unsafe { P256_check_range_n(a) }
}

/// a = a * b mod n.
pub fn multiply_scalar(a: &mut Words, b: &Words) {
    let a: *mut Words = a;
    // Safety: both are eight words; the output may overlap the inputs (documented there: they are copied first).
    unsafe { P256_mul_mod_n(a, a, b) };
}

/// a = a * a mod n.
pub fn square_scalar(a: &mut Words) {
    let a: *mut Words = a;
    // Safety: as in `multiply_scalar`.
    unsafe { P256_mul_mod_n(a, a, a) };
}

/// The point with these coordinates, if they are less than p and it is on the curve.
pub fn point(mut x: Words, mut y: Words) -> Option<Affine> {
    // Safety: both read eight words, and write eight words over them where documented to be allowed.
    unsafe {
        if !P256_check_range_p(&x) || !P256_check_range_p(&y) {
            return None;
        }
        let (px, py) = (&raw mut x, &raw mut y);
        P256_to_montgomery(px, px);
        P256_to_montgomery(py, py);
        P256_point_is_on_curve(px, py).then_some([x, y])
    }
}

/// The affine point in Jacobian coordinates.
pub fn jacobian([x, y]: &Affine) -> Point {
    [*x, *y, ONE]
}

/// The point at infinity.
pub const INFINITY: Point = [[0; 8]; 3];

/// a = 2 a, for every a.
pub fn double(a: &mut Point) {
    let a: *mut Point = a;
    // Safety: 24 words; output and input may overlap (documented there).
    unsafe { P256_double_j(a, a) };
}

/// a = a + b, for every a and b: the assembly knows infinity, equal and opposite points, of the first operand.
pub fn add(a: &mut Point, b: &Point) {
    let [_, _, z] = b;
    if *z == [0; 8] {
        return;
    }
    // Safety: 24 words each, which do not overlap, being a unique and a shared reference; b is not infinity.
    unsafe { P256_add_sub_j(a, b.as_ptr(), false, false) };
}

/// a = a + b, for every a.
pub fn add_affine(a: &mut Point, b: &Affine) {
    // Safety: 24 and 16 words, which do not overlap; the flag says that b is affine.
    unsafe { P256_add_sub_j(a, b.as_ptr(), false, true) };
}

/// Whether the x coordinate of `point` is r modulo n. False for infinity.
pub fn x_is(point: &Point, r: &Words) -> bool {
    // Safety: reads 8 and 24 words.
    unsafe { P256_verify_last_step(r, point) }
}

/// The x coordinate of `scalar` times `point`, big-endian. The scalar must be one ([`is_scalar`]).
///
/// The same instructions and addresses for every scalar but 2 and n - 2, for which one addition is a doubling.
#[cfg(feature = "decrypt")]
pub fn multiply_x(scalar: &Words, point: &Affine) -> [u8; 32] {
    // Only odd scalars k: then k is the sum of s[i] 2^i for i in 0..256 with each s[i] 1 or -1 (s[255] = 1, s[i] = 1 where
    // bit i + 1 of k is set). So each step adds or subtracts the point and none is left out. An even scalar is negated;
    // that changes the sign of the result's y only.
    let mut odd = [0; 8];
    let [lowest, ..] = scalar;
    // Safety: eight words each, which do not overlap.
    unsafe { P256_negate_mod_n_if(&raw mut odd, scalar, (lowest & 1) ^ 1) };
    let mut sum = jacobian(point);
    let [x, y] = point;
    for (index, word) in odd.iter().enumerate().rev() {
        for bit in (0..32).rev() {
            // Bit 0 stands for no digit: public, whatever the scalar.
            if index == 0 && bit == 0 {
                break;
            }
            double(&mut sum);
            let mut step = [*x, *y];
            let [_, step_y] = &mut step;
            // Safety: eight words; the output may overlap the input (documented there). y is never 0 on this curve.
            unsafe { P256_negate_mod_p_if(step_y, y, (word >> bit & 1) ^ 1) };
            add_affine(&mut sum, &step);
        }
    }
    let (mut x, mut y) = ([0; 8], [0; 8]);
    // Safety: eight words each that do not overlap, and 24 words; the conversion may overlap (its input is copied first).
    unsafe {
        P256_jacobian_to_affine(&raw mut x, &raw mut y, &sum);
        let px = &raw mut x;
        P256_from_montgomery(px, px);
    }
    let mut bytes = [0; 32];
    for (to, word) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(x.iter().rev()) {
        *to = word.to_be_bytes();
    }
    bytes
}
