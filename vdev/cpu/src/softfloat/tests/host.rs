//! Against the host's IEEE 754 arithmetic, rounding to nearest: an implementation that shares nothing with ours or the
//! library. Only values are compared; the host's flags are out of reach.

use super::super::{self as soft, Fpscr, Rounding};
use super::{D, S, config, is_nan, operand, pair, triple};
use proptest::prelude::*;

/// Properties of one format, with the host's type `$host` whose bits are `$bits`.
macro_rules! properties {
    ($module:ident, $format:ty, $host:ty, $bits:ty) => {
        mod $module {
            use super::*;
            type F = $format;

            fn host(bits: u64) -> $host {
                <$host>::from_bits(bits as $bits)
            }

            /// Compares with a host result; which NaN it is, is another test's matter.
            fn same(ours: u64, theirs: $host) -> Result<(), TestCaseError> {
                if theirs.is_nan() {
                    prop_assert!(is_nan::<F>(ours), "{ours:x}");
                } else {
                    prop_assert_eq!(ours, u64::from(theirs.to_bits()));
                }
                Ok(())
            }

            proptest! {
                #![proptest_config(config())]
                #[test]
                fn arithmetic((a, b) in pair::<F>()) {
                    let (x, y) = (host(a), host(b));
                    same(soft::add::<F>(a, b, &mut Fpscr(0)), x + y)?;
                    same(soft::sub::<F>(a, b, &mut Fpscr(0)), x - y)?;
                    same(soft::mul::<F>(a, b, &mut Fpscr(0)), x * y)?;
                    same(soft::div::<F>(a, b, &mut Fpscr(0)), x / y)?;
                    same(soft::sqrt::<F>(a, &mut Fpscr(0)), x.sqrt())?;
                }
                #[test]
                fn fused_and_chained((c, a, b) in triple::<F>()) {
                    let (z, x, y) = (host(c), host(a), host(b));
                    same(soft::mul_add::<F>(c, a, b, &mut Fpscr(0)), x.mul_add(y, z))?;
                    same(soft::chained::<F>(c, a, b, false, false, &mut Fpscr(0)), z + x * y)?;
                    same(soft::chained::<F>(c, a, b, true, true, &mut Fpscr(0)), -z - x * y)?;
                }
                #[test]
                fn integral(a in operand::<F>()) {
                    let x = host(a);
                    for (mode, theirs) in [
                        (Rounding::NearestEven, x.round_ties_even()),
                        (Rounding::NearestAway, x.round()),
                        (Rounding::Up, x.ceil()),
                        (Rounding::Down, x.floor()),
                        (Rounding::Zero, x.trunc()),
                    ] {
                        let mut env = Fpscr(0);
                        same(soft::round_to_integral::<F>(a, mode, true, &mut env), theirs)?;
                        prop_assert_eq!(env.0 & Fpscr::IXC != 0, theirs != x && !x.is_nan());
                    }
                }
                #[test]
                fn integers(a in operand::<F>(), value: u32) {
                    let x = host(a);
                    let to = |signed| soft::to_fixed::<F>(a, 32, 0, signed, Rounding::Zero, &mut Fpscr(0)) as u32;
                    prop_assert_eq!(to(true), x as i32 as u32);
                    prop_assert_eq!(to(false), x as u32);
                    let from = |signed| {
                        soft::from_fixed::<F>(u64::from(value), 32, 0, signed, Rounding::NearestEven, &mut Fpscr(0))
                    };
                    same(from(true), value as i32 as $host)?;
                    same(from(false), value as $host)?;
                }
                #[test]
                fn extremes((a, b) in pair::<F>()) {
                    prop_assume!(host(a) != host(b));
                    let quiet = |bits: u64| !is_nan::<F>(bits) || bits & <F as soft::Format>::QUIET != 0;
                    prop_assume!(quiet(a) && quiet(b));
                    same(soft::max_num::<F>(a, b, &mut Fpscr(0)), host(a).max(host(b)))?;
                    same(soft::min_num::<F>(a, b, &mut Fpscr(0)), host(a).min(host(b)))?;
                }
            }
        }
    };
}

properties!(single, S, f32, u32);
properties!(double, D, f64, u64);

proptest! {
    #![proptest_config(config())]
    #[test]
    fn between_formats(a in operand::<D>(), b in operand::<S>()) {
        let narrow = f64::from_bits(a) as f32;
        let ours = soft::double_to_single(a, &mut Fpscr(0));
        prop_assert_eq!(is_nan::<S>(ours), narrow.is_nan());
        prop_assert!(narrow.is_nan() || ours == u64::from(narrow.to_bits()));
        let wide = f64::from(f32::from_bits(b as u32));
        let ours = soft::single_to_double(b, &mut Fpscr(0));
        prop_assert_eq!(is_nan::<D>(ours), wide.is_nan());
        prop_assert!(wide.is_nan() || ours == wide.to_bits());
    }
}
