//! Printing of the floating-point instructions.

use super::memory::signed;
use super::{Printer, condition_name, reg};
use crate::insn::{CvtMode, FpOp, FpUnary, Insn, Precision, RintMode};
use Precision::{Double, Single};

impl Printer {
    pub(super) fn float(&self, insn: &Insn) -> String {
        match *insn {
            Insn::Fp { op, precision, fd, fn_, fm } => {
                let head = self.of(op_name(op), precision);
                let [d, n, m] = [fd, fn_, fm].map(|register| freg(precision, register));
                format!("{head}{d}, {n}, {m}")
            }
            Insn::FpUnary { op, precision, fd, fm } => {
                let head = self.of(unary_name(op), precision);
                format!("{head}{}, {}", freg(precision, fd), freg(precision, fm))
            }
            Insn::FpImm { precision, fd, value, imm8 } => {
                let value = match precision {
                    Single => f64::from(f32::from_bits(value as u32)),
                    Double => f64::from_bits(value),
                };
                format!("{}{}, #{imm8}\t@ {value:?}", self.of("vmov", precision), freg(precision, fd))
            }
            Insn::FpCompare { precision, signal, fd, fm } => {
                let head = self.of(if signal { "vcmpe" } else { "vcmp" }, precision);
                let other = fm.map_or_else(|| "#0.0".to_owned(), |fm| freg(precision, fm));
                format!("{head}{}, {other}", freg(precision, fd))
            }
            Insn::FpSelect { precision, cond, fd, fn_, fm } => {
                let name = format!("vsel{}{}", condition_name(cond), suffix(precision));
                let [d, n, m] = [fd, fn_, fm].map(|register| freg(precision, register));
                format!("{name}\t{d}, {n}, {m}")
            }
            Insn::FpConvertPrecision { .. }
            | Insn::FpConvertHalf { .. }
            | Insn::FpToInt { .. }
            | Insn::FpFromInt { .. }
            | Insn::FpFixed { .. } => self.conversion(insn),
            _ => self.float_transfer(insn),
        }
    }

    fn of(&self, name: &str, precision: Precision) -> String {
        self.typed(name, suffix(precision))
    }

    fn conversion(&self, insn: &Insn) -> String {
        match *insn {
            Insn::FpConvertPrecision { to, fd, fm } => {
                let from = if to == Single { Double } else { Single };
                let head = self.typed("vcvt", &format!("{}{}", suffix(to), suffix(from)));
                format!("{head}{}, {}", freg(to, fd), freg(from, fm))
            }
            Insn::FpConvertHalf { precision, to_half, top, fd, fm } => {
                let name = if top { "vcvtt" } else { "vcvtb" };
                let wide = suffix(precision);
                if to_half {
                    let head = self.typed(name, &format!(".f16{wide}"));
                    format!("{head}{}, {}", freg(Single, fd), freg(precision, fm))
                } else {
                    let head = self.typed(name, &format!("{wide}.f16"));
                    format!("{head}{}, {}", freg(precision, fd), freg(Single, fm))
                }
            }
            Insn::FpToInt { precision, signed, mode, fd, fm } => {
                let name = match mode {
                    CvtMode::A => "vcvta",
                    CvtMode::N => "vcvtn",
                    CvtMode::P => "vcvtp",
                    CvtMode::M => "vcvtm",
                    CvtMode::Zero => "vcvt",
                    CvtMode::Fpscr => "vcvtr",
                };
                let head = self.typed(name, &format!("{}{}", integer(signed, 32), suffix(precision)));
                format!("{head}{}, {}", freg(Single, fd), freg(precision, fm))
            }
            Insn::FpFromInt { precision, signed, fd, fm } => {
                let head = self.typed("vcvt", &format!("{}{}", suffix(precision), integer(signed, 32)));
                format!("{head}{}, {}", freg(precision, fd), freg(Single, fm))
            }
            Insn::FpFixed { precision, to_fixed, signed, size, frac, fd } => {
                let (float, fixed) = (suffix(precision), integer(signed, size));
                let types = if to_fixed { format!("{fixed}{float}") } else { format!("{float}{fixed}") };
                let register = freg(precision, fd);
                format!("{}{register}, {register}, #{frac}", self.typed("vcvt", &types))
            }
            _ => String::new(),
        }
    }

    fn float_transfer(&self, insn: &Insn) -> String {
        match *insn {
            Insn::FpMoveCore { to_core, rt, fn_ } => {
                let (core, float) = (reg(rt), freg(Single, fn_));
                self.directed("vmov", to_core, core, &float)
            }
            Insn::FpMoveScalar { to_core, rt, fd, high } => {
                let half = format!("d{fd}[{}]", u8::from(high));
                self.directed_typed("vmov", ".32", to_core, reg(rt), &half)
            }
            Insn::FpMoveCore2 { precision, to_core, rt, rt2, fm } => {
                let core = format!("{}, {}", reg(rt), reg(rt2));
                let float = match precision {
                    Single => format!("s{fm}, s{}", fm + 1),
                    Double => freg(Double, fm),
                };
                self.directed("vmov", to_core, &core, &float)
            }
            Insn::FpLoad { precision, fd, rn, offset, subtract } => {
                let address = self.float_address(rn, offset, subtract);
                format!("{}{}, {address}", self.name("vldr"), freg(precision, fd))
            }
            Insn::FpStore { precision, fd, rn, offset, subtract } => {
                let address = self.float_address(rn, offset, subtract);
                format!("{}{}, {address}", self.name("vstr"), freg(precision, fd))
            }
            Insn::FpLoadMultiple { precision, fd, count, rn, writeback, before, extra_word } => {
                let name = match (extra_word, before) {
                    (false, false) if rn == 13 && writeback => "vpop",
                    (false, false) => "vldmia",
                    (false, true) => "vldmdb",
                    (true, false) => "fldmiax",
                    (true, true) => "fldmdbx",
                };
                self.float_multiple(name, precision, fd, count, rn, writeback)
            }
            Insn::FpStoreMultiple { precision, fd, count, rn, writeback, before, extra_word } => {
                let name = match (extra_word, before) {
                    (false, true) if rn == 13 && writeback => "vpush",
                    (false, false) => "vstmia",
                    (false, true) => "vstmdb",
                    (true, false) => "fstmiax",
                    (true, true) => "fstmdbx",
                };
                self.float_multiple(name, precision, fd, count, rn, writeback)
            }
            Insn::Vmrs { rt: 15 } => format!("{}APSR_nzcv, fpscr", self.name("vmrs")),
            Insn::Vmrs { rt } => format!("{}{}, fpscr", self.name("vmrs"), reg(rt)),
            Insn::Vmsr { rt } => format!("{}fpscr, {}", self.name("vmsr"), reg(rt)),
            _ => String::new(),
        }
    }

    fn directed(&self, name: &str, to_core: bool, core: &str, float: &str) -> String {
        self.directed_typed(name, "", to_core, core, float)
    }

    fn directed_typed(&self, name: &str, suffix: &str, to_core: bool, core: &str, float: &str) -> String {
        let head = self.typed(name, suffix);
        if to_core { format!("{head}{core}, {float}") } else { format!("{head}{float}, {core}") }
    }

    fn float_address(&self, rn: u8, offset: i32, subtract: bool) -> String {
        let literal = if rn == 15 { self.literal(offset) } else { String::new() };
        if offset == 0 && !subtract {
            format!("[{}]{literal}", reg(rn))
        } else {
            format!("[{}, #{}]{literal}", reg(rn), signed(offset, subtract))
        }
    }

    fn float_multiple(
        &self,
        name: &str,
        precision: Precision,
        fd: u8,
        count: u8,
        rn: u8,
        writeback: bool,
    ) -> String {
        let first = freg(precision, fd);
        let list = match count {
            0 | 1 => format!("{{{first}}}"),
            _ => format!("{{{first}-{}}}", freg(precision, fd.saturating_add(count - 1))),
        };
        if matches!(name, "vpush" | "vpop") {
            return format!("{}{list}", self.name(name));
        }
        let mark = if writeback { "!" } else { "" };
        format!("{}{}{mark}, {list}", self.name(name), reg(rn))
    }
}

/// The name of a floating-point register.
fn freg(precision: Precision, register: u8) -> String {
    match precision {
        Single => format!("s{register}"),
        Double => format!("d{register}"),
    }
}

fn suffix(precision: Precision) -> &'static str {
    match precision {
        Single => ".f32",
        Double => ".f64",
    }
}

fn integer(signed: bool, size: u8) -> String {
    let letter = if signed { 's' } else { 'u' };
    format!(".{letter}{size}")
}

fn op_name(op: FpOp) -> &'static str {
    match op {
        FpOp::Vadd => "vadd",
        FpOp::Vsub => "vsub",
        FpOp::Vmul => "vmul",
        FpOp::Vnmul => "vnmul",
        FpOp::Vmla => "vmla",
        FpOp::Vmls => "vmls",
        FpOp::Vnmla => "vnmla",
        FpOp::Vnmls => "vnmls",
        FpOp::Vdiv => "vdiv",
        FpOp::Vfma => "vfma",
        FpOp::Vfms => "vfms",
        FpOp::Vfnma => "vfnma",
        FpOp::Vfnms => "vfnms",
        FpOp::Vmaxnm => "vmaxnm",
        FpOp::Vminnm => "vminnm",
    }
}

fn unary_name(op: FpUnary) -> &'static str {
    match op {
        FpUnary::Vmov => "vmov",
        FpUnary::Vabs => "vabs",
        FpUnary::Vneg => "vneg",
        FpUnary::Vsqrt => "vsqrt",
        FpUnary::Vrint(RintMode::A) => "vrinta",
        FpUnary::Vrint(RintMode::N) => "vrintn",
        FpUnary::Vrint(RintMode::P) => "vrintp",
        FpUnary::Vrint(RintMode::M) => "vrintm",
        FpUnary::Vrint(RintMode::R) => "vrintr",
        FpUnary::Vrint(RintMode::X) => "vrintx",
        FpUnary::Vrint(RintMode::Z) => "vrintz",
    }
}
