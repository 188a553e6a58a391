//! Against `rustc_apfloat`. Values come from its operations directly. Flags whose rules are Arm's own come from its exact
//! binary128 arithmetic: underflow from the exact value's magnitude, overflow from rounding the value scaled into range.

use super::super::{self as soft, Format, Fpscr, Half, Rounding};
use super::{D, S, config, mode, operand, pair, triple};
use proptest::prelude::*;
use rustc_apfloat::ieee::{self, Quad};
use rustc_apfloat::{Float, FloatConvert, Round, Status, StatusAnd};

/// A format and its type in the library.
trait Known: Format {
    type Lib: Float + FloatConvert<Quad>;
    fn from_quad(value: Quad, round: Round) -> StatusAnd<Self::Lib>;
}
impl Known for S {
    type Lib = ieee::Single;
    fn from_quad(value: Quad, round: Round) -> StatusAnd<ieee::Single> {
        value.convert_r(round, &mut false)
    }
}
impl Known for D {
    type Lib = ieee::Double;
    fn from_quad(value: Quad, round: Round) -> StatusAnd<ieee::Double> {
        value.convert_r(round, &mut false)
    }
}
impl Known for Half {
    type Lib = ieee::Half;
    fn from_quad(value: Quad, round: Round) -> StatusAnd<ieee::Half> {
        value.convert_r(round, &mut false)
    }
}

const ROUNDS: [Round; 4] =
    [Round::NearestTiesToEven, Round::TowardPositive, Round::TowardNegative, Round::TowardZero];

fn lib<F: Known>(bits: u64) -> F::Lib {
    F::Lib::from_bits(u128::from(bits))
}

fn quad<F: Known>(bits: u64) -> Quad {
    lib::<F>(bits).convert(&mut false).value
}

/// The result and flags that `direct` (the library's own) and `exact` (truncated binary128) ask for.
fn expected<F: Known>(
    direct: StatusAnd<F::Lib>,
    exact: StatusAnd<Quad>,
    rmode: usize,
    flush: bool,
) -> (u64, u32) {
    let round = ROUNDS[rmode];
    let bits = direct.value.to_bits() as u64;
    let mut flags = 0;
    for (status, flag) in [(Status::INVALID_OP, Fpscr::IOC), (Status::DIV_BY_ZERO, Fpscr::DZC)] {
        if direct.status.contains(status) {
            flags |= flag;
        }
    }
    if flags != 0 || !exact.value.is_finite() || exact.value.is_zero() {
        return (bits, flags);
    }
    let least = quad::<F>(1 << F::FRAC);
    let tiny = exact.value.abs() < least;
    if tiny && flush {
        return (if exact.value.is_negative() { F::SIGN } else { 0 }, Fpscr::UFC);
    }
    if direct.status.contains(Status::INEXACT) {
        flags |= Fpscr::IXC | if tiny { Fpscr::UFC } else { 0 };
    }
    // The sticky bit, then the value scaled so far down that no format's top is near.
    let sticky = u128::from(exact.status.contains(Status::INEXACT));
    let odd = Quad::from_bits(exact.value.to_bits() | sticky);
    if !tiny {
        let shift = (F::EXP_ONES / 4) as i32;
        let down = if odd.ilogb() > 0 { shift } else { 0 };
        let scaled = F::from_quad(odd.scalbn(-down), round).value.convert(&mut false).value;
        let limit = Quad::from_u128(1).value.scalbn(2 - F::MIN_EXP - down);
        if scaled.abs() >= limit {
            flags |= Fpscr::OFC | Fpscr::IXC;
        }
    }
    (bits, flags)
}

/// An operand as flush-to-zero mode sees it.
fn flushed<F: Format>(bits: u64, flush: bool, flags: &mut u32) -> u64 {
    if flush && bits & !F::SIGN != 0 && bits & F::INFINITY == 0 {
        *flags |= Fpscr::IDC;
        return bits & F::SIGN;
    }
    bits
}

fn check<F: Known>(
    operands: &[u64],
    rmode: usize,
    flush: bool,
    direct: impl Fn(&[F::Lib], Round) -> StatusAnd<F::Lib>,
    exact: impl Fn(&[Quad]) -> StatusAnd<Quad>,
    ours: impl Fn(&[u64], &mut Fpscr) -> u64,
) -> Result<(), TestCaseError> {
    prop_assume!(operands.iter().all(|bits| !super::is_nan::<F>(*bits)));
    let control = mode(rmode as u32) | if flush { Fpscr::FZ } else { 0 };
    let mut env = Fpscr(control);
    let result = ours(operands, &mut env);
    let mut inputs = 0;
    let seen: Vec<u64> = operands.iter().map(|bits| flushed::<F>(*bits, flush, &mut inputs)).collect();
    let native: Vec<F::Lib> = seen.iter().map(|bits| lib::<F>(*bits)).collect();
    let wide: Vec<Quad> = seen.iter().map(|bits| quad::<F>(*bits)).collect();
    let (want, flags) = expected::<F>(direct(&native, ROUNDS[rmode]), exact(&wide), rmode, flush);
    let want = if super::is_nan::<F>(want) { F::DEFAULT_NAN } else { want };
    prop_assert_eq!(
        (result, env.0 & Fpscr::MASK & 0xFF),
        (want, flags | inputs),
        "operands {:x?} mode {} flush {}",
        operands,
        rmode,
        flush
    );
    Ok(())
}

/// Properties of one format.
macro_rules! properties {
    ($module:ident, $format:ty) => {
        mod $module {
            use super::*;
            type F = $format;
            proptest! {
                #![proptest_config(config())]
                #[test]
                fn add((a, b) in pair::<F>(), rmode in 0usize..4, flush: bool) {
                    check::<F>(&[a, b], rmode, flush, |x, r| x[0].add_r(x[1], r),
                        |x| x[0].add_r(x[1], Round::TowardZero), |x, env| soft::add::<F>(x[0], x[1], env))?;
                }
                #[test]
                fn sub((a, b) in pair::<F>(), rmode in 0usize..4, flush: bool) {
                    check::<F>(&[a, b], rmode, flush, |x, r| x[0].sub_r(x[1], r),
                        |x| x[0].sub_r(x[1], Round::TowardZero), |x, env| soft::sub::<F>(x[0], x[1], env))?;
                }
                #[test]
                fn mul((a, b) in pair::<F>(), rmode in 0usize..4, flush: bool) {
                    check::<F>(&[a, b], rmode, flush, |x, r| x[0].mul_r(x[1], r),
                        |x| x[0].mul_r(x[1], Round::TowardZero), |x, env| soft::mul::<F>(x[0], x[1], env))?;
                }
                #[test]
                fn div((a, b) in pair::<F>(), rmode in 0usize..4, flush: bool) {
                    check::<F>(&[a, b], rmode, flush, |x, r| x[0].div_r(x[1], r),
                        |x| x[0].div_r(x[1], Round::TowardZero), |x, env| soft::div::<F>(x[0], x[1], env))?;
                }
                #[test]
                fn mul_add((c, a, b) in triple::<F>(), rmode in 0usize..4, flush: bool) {
                    check::<F>(&[c, a, b], rmode, flush, |x, r| x[1].mul_add_r(x[2], x[0], r),
                        |x| x[1].mul_add_r(x[2], x[0], Round::TowardZero),
                        |x, env| soft::mul_add::<F>(x[0], x[1], x[2], env))?;
                }
                /// The root r in direction down is the one with r² ≤ x < next(r)²; squares are exact in binary128.
                #[test]
                fn sqrt(a in operand::<F>(), rmode in 0usize..4) {
                    let a = a & !F::SIGN;
                    prop_assume!(a != 0 && a < F::INFINITY);
                    let mut env = Fpscr(mode(rmode as u32));
                    let root = soft::sqrt::<F>(a, &mut env);
                    let square = |bits| {
                        let x = quad::<F>(bits);
                        (x * x).value
                    };
                    let (x, squared) = (quad::<F>(a), square(root));
                    prop_assert_eq!(env.0 & 0xFF, if squared == x { 0 } else { Fpscr::IXC });
                    if squared != x {
                        // Squares of the neighbouring midpoints bound what rounds to nearest to this root.
                        let middle = |low: u64, high: u64| {
                            let two = Quad::from_u128(2).value;
                            let sum = (quad::<F>(low) + quad::<F>(high)).value;
                            let half = (sum / two).value;
                            (half * half).value
                        };
                        let right = match rmode {
                            0 => middle(root - 1, root) <= x && x <= middle(root, root + 1),
                            1 => square(root - 1) < x && x < squared,
                            _ => squared < x && x < square(root + 1),
                        };
                        prop_assert!(right, "sqrt {a:x} gave {root:x}");
                    }
                }
                #[test]
                fn compare((a, b) in pair::<F>(), signal: bool) {
                    let mut env = Fpscr(0);
                    let nzcv = soft::compare::<F>(a, b, signal, &mut env);
                    let (x, y) = (lib::<F>(a), lib::<F>(b));
                    let want = match x.partial_cmp(&y) {
                        None => 0b0011,
                        Some(std::cmp::Ordering::Equal) => 0b0110,
                        Some(std::cmp::Ordering::Less) => 0b1000,
                        Some(std::cmp::Ordering::Greater) => 0b0010,
                    };
                    let invalid = x.is_signaling() || y.is_signaling() || (signal && want == 0b0011);
                    prop_assert_eq!((nzcv, env.0), (want, if invalid { Fpscr::IOC } else { 0 }));
                }
                #[test]
                fn to_half(a in operand::<F>(), rmode in 0usize..4) {
                    prop_assume!(!super::super::is_nan::<F>(a));
                    let mut env = Fpscr(mode(rmode as u32));
                    let result = soft::to_half::<F>(a, &mut env);
                    let direct = Half::from_quad(quad::<F>(a), ROUNDS[rmode]);
                    let (want, flags) = expected::<Half>(direct, Status::OK.and(quad::<F>(a)), rmode, false);
                    prop_assert_eq!((result, env.0 & 0xFF), (want, flags));
                }
                #[test]
                fn to_integer(a in operand::<F>(), rmode in 0usize..5, frac in 0u32..=32, signed: bool) {
                    prop_assume!(!super::super::is_nan::<F>(a));
                    let (ours, theirs) = [
                        (Rounding::NearestEven, Round::NearestTiesToEven),
                        (Rounding::Up, Round::TowardPositive),
                        (Rounding::Down, Round::TowardNegative),
                        (Rounding::Zero, Round::TowardZero),
                        (Rounding::NearestAway, Round::NearestTiesToAway),
                    ][rmode];
                    let mut env = Fpscr(0);
                    let result = soft::to_fixed::<F>(a, 32, frac, signed, ours, &mut env) as u32;
                    let scaled = quad::<F>(a).scalbn(frac as i32);
                    let mut exact = false;
                    let (want, status) = if signed {
                        let r = scaled.to_i128_r(32, theirs, &mut exact);
                        (r.value as u32, r.status)
                    } else {
                        let r = scaled.to_u128_r(32, theirs, &mut exact);
                        (r.value as u32, r.status)
                    };
                    let flags = if status.contains(Status::INVALID_OP) {
                        Fpscr::IOC
                    } else if status.contains(Status::INEXACT) {
                        Fpscr::IXC
                    } else {
                        0
                    };
                    prop_assert_eq!((result, env.0), (want, flags));
                }
                #[test]
                fn from_integer(value: u32, rmode in 0usize..4, frac in 0u32..=32, signed: bool) {
                    let rounding = Fpscr(mode(rmode as u32)).rounding();
                    let mut env = Fpscr(0);
                    let result = soft::from_fixed::<F>(u64::from(value), 32, frac, signed, rounding, &mut env);
                    let integer = if signed { i128::from(value as i32) } else { i128::from(value) };
                    let exact = Quad::from_i128(integer).value.scalbn(-(frac as i32));
                    let want = F::from_quad(exact, ROUNDS[rmode]);
                    let flags = if want.status.contains(Status::INEXACT) { Fpscr::IXC } else { 0 };
                    prop_assert_eq!((result, env.0), (want.value.to_bits() as u64, flags));
                }
                /// Sums close together are made on integers: the library's way must give the same.
                #[test]
                fn both_ways_of_adding((a, b) in pair::<F>()) {
                    let mut env = Fpscr(0);
                    let (x, y) = (soft::unpack::<F>(a, &mut env), soft::unpack::<F>(b, &mut env));
                    prop_assume!(x.is(soft::Class::Finite) && y.is(soft::Class::Finite));
                    let (narrow, wide) = (x.real().add(y.real()), x.real().add_wide(y.real()));
                    prop_assume!(narrow.sig != 0);
                    for rmode in 0..4 {
                        let (mut one, mut other) = (Fpscr(mode(rmode)), Fpscr(mode(rmode)));
                        prop_assert_eq!(
                            soft::round::round::<F>(narrow, &mut one),
                            soft::round::round::<F>(wide, &mut other)
                        );
                        prop_assert_eq!(one.0, other.0);
                    }
                }
            }
        }
    };
}

properties!(single, S);
properties!(double, D);

proptest! {
    #![proptest_config(config())]
    #[test]
    fn double_to_single(a in operand::<D>(), rmode in 0usize..4, flush: bool) {
        prop_assume!(!super::is_nan::<D>(a));
        let mut env = Fpscr(mode(rmode as u32) | if flush { Fpscr::FZ } else { 0 });
        let result = soft::double_to_single(a, &mut env);
        let mut inputs = 0;
        let exact = quad::<D>(flushed::<D>(a, flush, &mut inputs));
        let direct = S::from_quad(exact, ROUNDS[rmode]);
        let (want, flags) = expected::<S>(direct, Status::OK.and(exact), rmode, flush);
        prop_assert_eq!((result, env.0 & 0xFF), (want, flags | inputs));
    }
}

#[test]
fn every_half_to_single_and_double() {
    for bits in 0..=0xFFFFu64 {
        let half = ieee::Half::from_bits(u128::from(bits));
        let mut env = Fpscr(Fpscr::FZ);
        let single = soft::from_half::<S>(bits, &mut env);
        let double = soft::from_half::<D>(bits, &mut env);
        assert_eq!(env.0 & 0xFF, if half.is_signaling() { Fpscr::IOC } else { 0 }, "{bits:x}");
        let want: StatusAnd<ieee::Single> = half.convert(&mut false);
        assert_eq!(u128::from(single), want.value.to_bits(), "{bits:x}");
        let want: StatusAnd<ieee::Double> = half.convert(&mut false);
        assert_eq!(u128::from(double), want.value.to_bits(), "{bits:x}");
    }
}
