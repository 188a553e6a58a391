//! Tests of the arithmetic: cases checked by hand ([`table`]), random operands against `rustc_apfloat` in every rounding mode
//! with every flag ([`library`]), and random operands against the host's arithmetic, rounding to nearest ([`host`]).

mod host;
mod library;
mod table;

use super::{Double, Format, Single};
use proptest::prelude::*;

/// FPSCR with a rounding mode (0 RN, 1 RP, 2 RM, 3 RZ).
fn mode(rmode: u32) -> u32 {
    rmode << 22
}

/// Random operands that visit the hard places: both ends of the exponent range, fractions next to ties and carries,
/// denormals, infinities and NaNs.
fn operand<F: Format>() -> impl Strategy<Value = u64> {
    let ones = F::EXP_ONES;
    let bias = ones / 2;
    let exp = prop_oneof![
        4 => 0..=ones,
        3 => bias.saturating_sub(40)..=bias + 40,
        2 => 0..=3u64,
        2 => ones - 3..=ones - 1,
        1 => Just(ones),
    ];
    (any::<bool>(), exp, fraction::<F>())
        .prop_map(|(sign, exp, frac)| (if sign { F::SIGN } else { 0 }) | (exp << F::FRAC) | frac)
}

fn fraction<F: Format>() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => 0..=F::FRAC_MASK,
        1 => Just(0),
        1 => Just(F::FRAC_MASK),
        2 => (0..F::FRAC).prop_map(|bit| 1 << bit),
        2 => (0..F::FRAC).prop_map(|bit| F::FRAC_MASK & !(1 << bit)),
        2 => (0..F::FRAC).prop_map(|bit| (F::FRAC_MASK >> bit) << bit),
        1 => 0..=3u64,
    ]
}

/// Two operands; half of the time close to each other in magnitude, so that sums cancel.
fn pair<F: Format>() -> impl Strategy<Value = (u64, u64)> {
    let near = (operand::<F>(), -3i64..=3, any::<bool>(), 0..=2i64).prop_map(|(a, frac, flip, exp)| {
        let moved = (a as i64).wrapping_add(frac).wrapping_add((exp - 1) << F::FRAC) as u64;
        let all = F::SIGN | (F::SIGN - 1);
        (a, (if flip { moved ^ F::SIGN } else { moved }) & all)
    });
    prop_oneof![(operand::<F>(), operand::<F>()), near]
}

/// Three operands of a multiplication and sum; half of the time the addend is close to the product.
fn triple<F: Format>() -> impl Strategy<Value = (u64, u64, u64)> {
    let bias = (F::EXP_ONES / 2) as i64;
    let near = (operand::<F>(), operand::<F>(), fraction::<F>(), any::<bool>(), -60i64..=60).prop_map(
        move |(a, b, frac, sign, distance)| {
            let exp = |x: u64| ((x >> F::FRAC) & F::EXP_ONES) as i64;
            let wanted = (exp(a) + exp(b) - bias + distance).clamp(0, F::EXP_ONES as i64 - 1) as u64;
            ((if sign { F::SIGN } else { 0 }) | (wanted << F::FRAC) | frac, a, b)
        },
    );
    prop_oneof![(operand::<F>(), operand::<F>(), operand::<F>()), near]
}

fn is_nan<F: Format>(bits: u64) -> bool {
    bits & !F::SIGN > F::INFINITY
}

/// The two formats with registers, as the tests name them.
type S = Single;
/// See [`S`].
type D = Double;

/// Every property gets 20,000 cases, or as many as `PROPTEST_CASES` says if that is more. Operands that a property says
/// nothing about are drawn again.
fn config() -> ProptestConfig {
    let default = ProptestConfig::default();
    let cases = default.cases.max(20_000);
    ProptestConfig { cases, max_global_rejects: cases.saturating_mul(10), ..default }
}
