//! The instructions around the arithmetic: which registers, which signs, which memory, and what a fault leaves untouched.
//! The arithmetic itself has its tests in `softfloat`.

use crate::core::{Core, Fault};
use crate::exec::testing::{DEVICE, LENGTH, RAM, TestBus, core, execute};
use crate::insn::{Cond, CvtMode, FpOp, FpUnary, Insn, Precision, RintMode};
use crate::op::Flow;
use crate::softfloat::Fpscr;
use Precision::{Double, Single};

/// A core whose floating-point unit may be used.
fn ready() -> Core<TestBus> {
    let mut core = core();
    core.scs.cpacr = 0x00F0_0000;
    core.update_fp_ready();
    core
}

/// Sets and reads registers of a precision as host numbers: the tests' notation, not their arithmetic.
fn put(core: &mut Core<TestBus>, precision: Precision, n: u8, value: f64) {
    match precision {
        Single => core.fp.set_single(n, (value as f32).to_bits()),
        Double => core.fp.set_double(n, value.to_bits()),
    }
}

fn take(core: &Core<TestBus>, precision: Precision, n: u8) -> f64 {
    match precision {
        Single => f64::from(f32::from_bits(core.fp.single(n))),
        Double => f64::from_bits(core.fp.double(n)),
    }
}

#[test]
fn a_closed_coprocessor_refuses_and_changes_nothing() {
    let list = |rn| Insn::FpStoreMultiple {
        precision: Double,
        fd: 8,
        count: 8,
        rn,
        writeback: true,
        before: true,
        extra_word: false,
    };
    let refused = [
        Insn::Fp { op: FpOp::Vadd, precision: Single, fd: 0, fn_: 1, fm: 2 },
        Insn::FpMoveCore { to_core: true, rt: 0, fn_: 1 },
        Insn::FpLoad { precision: Single, fd: 0, rn: 15, offset: 0, subtract: false },
        Insn::FpSelect { precision: Single, cond: Cond(0), fd: 0, fn_: 1, fm: 1 },
        Insn::Vmrs { rt: 15 },
        Insn::Vmsr { rt: 0 },
        list(13),
    ];
    for insn in refused {
        let mut core = core();
        core.fp.set_single(1, 0x1234_5678);
        let before = (core.r, core.flags, core.fp);
        assert_eq!(execute(&mut core, &insn), Flow::Fault, "{insn:?}");
        assert_eq!(core.pending_fault, Fault::NoCoprocessor, "{insn:?}");
        assert_eq!((core.r, core.flags, core.fp), before, "{insn:?}");
    }
}

#[test]
fn the_first_use_makes_a_context_with_the_default_modes() {
    let mut core = ready();
    core.scs.fpdscr = Fpscr::DN;
    assert_eq!(core.control & 4, 0);
    execute(&mut core, &Insn::FpMoveCore { to_core: true, rt: 0, fn_: 0 });
    assert_eq!((core.control & 4, core.fp.fpscr & 0x07C0_0000), (4, Fpscr::DN));
}

#[test]
fn signs_of_the_two_operand_forms() {
    // d = 100, n = 3, m = 5.
    let table = [
        (FpOp::Vadd, 8.0),
        (FpOp::Vsub, -2.0),
        (FpOp::Vmul, 15.0),
        (FpOp::Vnmul, -15.0),
        (FpOp::Vmla, 115.0),
        (FpOp::Vmls, 85.0),
        (FpOp::Vnmla, -115.0),
        (FpOp::Vnmls, -85.0),
        (FpOp::Vfma, 115.0),
        (FpOp::Vfms, 85.0),
        (FpOp::Vfnma, -115.0),
        (FpOp::Vfnms, -85.0),
        (FpOp::Vmaxnm, 5.0),
        (FpOp::Vminnm, 3.0),
    ];
    for precision in [Single, Double] {
        let run = |op, n: f64, m: f64| {
            let mut core = ready();
            put(&mut core, precision, 4, 100.0);
            put(&mut core, precision, 9, n);
            put(&mut core, precision, 15, m);
            assert_eq!(execute(&mut core, &Insn::Fp { op, precision, fd: 4, fn_: 9, fm: 15 }), Flow::Next);
            (take(&core, precision, 4), core.fp.fpscr)
        };
        for (op, result) in table {
            assert_eq!(run(op, 3.0, 5.0), (result, 0), "{op:?} {precision:?}");
        }
        assert_eq!(run(FpOp::Vdiv, 3.0, 4.0), (0.75, 0));
        assert_eq!(run(FpOp::Vdiv, 3.0, 0.0), (f64::INFINITY, Fpscr::DZC));
    }
}

#[test]
fn one_operand_forms() {
    let rint = |mode| FpUnary::Vrint(mode);
    let table = [
        (FpUnary::Vmov, -2.5, -2.5, 0),
        (FpUnary::Vabs, -2.5, 2.5, 0),
        (FpUnary::Vneg, 2.5, -2.5, 0),
        (FpUnary::Vsqrt, 6.25, 2.5, 0),
        (rint(RintMode::A), -2.5, -3.0, 0),
        (rint(RintMode::N), -2.5, -2.0, 0),
        (rint(RintMode::P), -2.5, -2.0, 0),
        (rint(RintMode::M), -2.5, -3.0, 0),
        (rint(RintMode::Z), -2.5, -2.0, 0),
        (rint(RintMode::R), 2.25, 3.0, 0),
        (rint(RintMode::X), 2.25, 3.0, Fpscr::IXC),
    ];
    for precision in [Single, Double] {
        for (op, operand, result, flags) in table {
            let mut core = ready();
            // Rounding towards plus infinity, seen only by the forms that follow FPSCR.
            core.control |= 4;
            core.fp.fpscr = 1 << 22;
            put(&mut core, precision, 3, operand);
            execute(&mut core, &Insn::FpUnary { op, precision, fd: 2, fm: 3 });
            let got = (take(&core, precision, 2), core.fp.fpscr);
            assert_eq!(got, (result, 1 << 22 | flags), "{op:?} {precision:?}");
        }
    }
}

#[test]
fn comparison_reaches_the_flags_through_vmrs() {
    for (a, b, nzcv) in [(1.0, 2.0, 8), (2.0, 2.0, 6), (3.0, 2.0, 2), (f64::NAN, 2.0, 3)] {
        let mut core = ready();
        put(&mut core, Double, 1, a);
        put(&mut core, Double, 2, b);
        execute(&mut core, &Insn::FpCompare { precision: Double, signal: false, fd: 1, fm: Some(2) });
        assert_eq!(core.fp.fpscr, nzcv << 28);
        let apsr = core.flags.to_apsr();
        execute(&mut core, &Insn::Vmrs { rt: 15 });
        assert_eq!(core.flags.to_apsr(), nzcv << 28 | (apsr & 0x0FFF_FFFF));
    }
    let mut core = ready();
    put(&mut core, Single, 1, f64::NAN);
    core.fp.set_single(0, 0xFFFF_FFFF);
    execute(&mut core, &Insn::FpCompare { precision: Single, signal: true, fd: 1, fm: None });
    assert_eq!(core.fp.fpscr, 3 << 28 | Fpscr::IOC);
    put(&mut core, Single, 1, -0.0);
    execute(&mut core, &Insn::FpCompare { precision: Single, signal: true, fd: 1, fm: None });
    assert_eq!(core.fp.fpscr, 6 << 28 | Fpscr::IOC);
}

#[test]
fn selection_follows_the_core_flags() {
    // EQ, VS, GE, GT with their flags holding and not.
    for (cond, holding, failing) in
        [(0, 0x4000_0000, 0), (6, 0x1000_0000, 0), (10, 0x9000_0000, 0x8000_0000), (12, 0, 0x4000_0000)]
    {
        for (apsr, result) in [(holding, 1.0), (failing, 2.0)] {
            let mut core = ready();
            core.flags.set_nzcv(apsr);
            put(&mut core, Double, 1, 1.0);
            put(&mut core, Double, 2, 2.0);
            let insn = Insn::FpSelect { precision: Double, cond: Cond(cond), fd: 0, fn_: 1, fm: 2 };
            execute(&mut core, &insn);
            assert_eq!(take(&core, Double, 0), result, "condition {cond}");
        }
    }
}

#[test]
fn fpscr_keeps_only_bits_that_exist() {
    let mut core = ready();
    core.set(3, 0xFFFF_FFFF);
    execute(&mut core, &Insn::Vmsr { rt: 3 });
    execute(&mut core, &Insn::Vmrs { rt: 4 });
    assert_eq!(core.reg(4), 0xF7C0_009F);
}

#[test]
fn transfers_between_register_files() {
    let mut core = ready();
    (core.r[1], core.r[2]) = (0x1111_1111, 0x2222_2222);
    execute(&mut core, &Insn::FpMoveCore { to_core: false, rt: 1, fn_: 31 });
    assert_eq!(core.fp.single(31), 0x1111_1111);
    execute(&mut core, &Insn::FpMoveScalar { to_core: false, rt: 2, fd: 3, high: true });
    assert_eq!((core.fp.single(6), core.fp.single(7)), (0, 0x2222_2222));
    execute(&mut core, &Insn::FpMoveCore2 { precision: Single, to_core: false, rt: 1, rt2: 2, fm: 4 });
    assert_eq!((core.fp.single(4), core.fp.single(5)), (0x1111_1111, 0x2222_2222));
    execute(&mut core, &Insn::FpMoveCore2 { precision: Double, to_core: true, rt: 8, rt2: 9, fm: 2 });
    assert_eq!((core.reg(8), core.reg(9)), (0x1111_1111, 0x2222_2222));
    execute(&mut core, &Insn::FpMoveScalar { to_core: true, rt: 10, fd: 2, high: false });
    assert_eq!(core.reg(10), 0x1111_1111);
    let value = 0xBFE8_0000_0000_0000;
    execute(&mut core, &Insn::FpImm { precision: Double, fd: 15, value, imm8: 0xE8 });
    assert_eq!(take(&core, Double, 15), -0.75);
    execute(&mut core, &Insn::FpImm { precision: Single, fd: 3, value: 0x3F80_0000, imm8: 0x70 });
    assert_eq!(take(&core, Single, 3), 1.0);
}

#[test]
fn conversions_use_the_right_registers() {
    let mut core = ready();
    put(&mut core, Double, 7, -1.5);
    execute(&mut core, &Insn::FpConvertPrecision { to: Single, fd: 1, fm: 7 });
    assert_eq!(take(&core, Single, 1), -1.5);
    execute(&mut core, &Insn::FpConvertPrecision { to: Double, fd: 2, fm: 1 });
    assert_eq!(take(&core, Double, 2), -1.5);
    for (mode, result) in [
        (CvtMode::A, -2),
        (CvtMode::N, -2),
        (CvtMode::P, -1),
        (CvtMode::M, -2),
        (CvtMode::Zero, -1),
        (CvtMode::Fpscr, -2),
    ] {
        let insn = Insn::FpToInt { precision: Double, signed: true, mode, fd: 9, fm: 7 };
        execute(&mut core, &insn);
        assert_eq!(core.fp.single(9) as i32, result, "{mode:?}");
    }
    core.fp.set_single(9, 0xFFFF_FFFE);
    execute(&mut core, &Insn::FpFromInt { precision: Double, signed: true, fd: 0, fm: 9 });
    assert_eq!(take(&core, Double, 0), -2.0);
    execute(&mut core, &Insn::FpFromInt { precision: Double, signed: false, fd: 0, fm: 9 });
    assert_eq!(take(&core, Double, 0), 4_294_967_294.0);
    // The other half of the register stays.
    for (top, kept) in [(false, 0xAAAA_BE00), (true, 0xBE00_5555)] {
        core.fp.set_single(9, 0xAAAA_5555);
        let insn = Insn::FpConvertHalf { precision: Double, to_half: true, top, fd: 9, fm: 7 };
        execute(&mut core, &insn);
        assert_eq!(core.fp.single(9), kept);
        let insn = Insn::FpConvertHalf { precision: Single, to_half: false, top, fd: 10, fm: 9 };
        execute(&mut core, &insn);
        assert_eq!(take(&core, Single, 10), -1.5);
    }
    // Fixed point works in place and fills the register.
    let fixed =
        |to_fixed, signed| Insn::FpFixed { precision: Double, to_fixed, signed, size: 16, frac: 4, fd: 7 };
    execute(&mut core, &fixed(true, true));
    assert_eq!(core.fp.double(7), 0xFFFF_FFFF_FFFF_FFE8);
    execute(&mut core, &fixed(false, false));
    assert_eq!(take(&core, Double, 7), f64::from(0xFFE8) / 16.0);
}

fn word(core: &Core<TestBus>, address: u32) -> u32 {
    crate::bus::Bus::memory(&core.bus).read(address - RAM + LENGTH, crate::bus::Size::Word)
}

#[test]
fn single_loads_and_stores() {
    let mut core = ready();
    core.r[1] = RAM + 0x10C;
    core.fp.set_double(3, 0x1122_3344_5566_7788);
    // A double needs no more than word alignment.
    let store = Insn::FpStore { precision: Double, fd: 3, rn: 1, offset: -8, subtract: true };
    assert_eq!(execute(&mut core, &store), Flow::Next);
    assert_eq!((word(&core, RAM + 0x104), word(&core, RAM + 0x108)), (0x5566_7788, 0x1122_3344));
    execute(&mut core, &Insn::FpLoad { precision: Single, fd: 31, rn: 1, offset: -4, subtract: true });
    assert_eq!(core.fp.single(31), 0x1122_3344);
    // Literals count from the word-aligned PC: the instruction is at 0x402.
    crate::bus::Bus::memory_mut(&mut core.bus).write(0x40C, 0xCAFE_F00D, crate::bus::Size::Word);
    execute(&mut core, &Insn::FpLoad { precision: Single, fd: 0, rn: 15, offset: 8, subtract: false });
    assert_eq!(core.fp.single(0), 0xCAFE_F00D);
    // Misaligned: a fault, nothing done.
    core.r[1] += 2;
    for precision in [Single, Double] {
        let before = core.fp;
        let load = Insn::FpLoad { precision, fd: 4, rn: 1, offset: 0, subtract: false };
        assert_eq!((execute(&mut core, &load), core.pending_fault), (Flow::Fault, Fault::Unaligned));
        assert_eq!(core.fp, before);
    }
    // The second word of a double is outside of the memory.
    core.r[1] = RAM + LENGTH - 4;
    let before = core.fp;
    let load = Insn::FpLoad { precision: Double, fd: 4, rn: 1, offset: 0, subtract: false };
    assert_eq!(execute(&mut core, &load), Flow::Fault);
    assert_eq!((core.pending_fault, &core.fp), (Fault::BusData(RAM + LENGTH), &before));
    // After a device access the block loop must look around.
    core.r[1] = DEVICE;
    let load = Insn::FpLoad { precision: Single, fd: 4, rn: 1, offset: 4, subtract: false };
    assert_eq!(execute(&mut core, &load), Flow::Sync);
    assert_eq!(core.bus.log.len(), 1);
}

#[test]
fn lists_and_their_base() {
    let push = |precision, fd, count, extra_word| Insn::FpStoreMultiple {
        precision,
        fd,
        count,
        rn: 13,
        writeback: true,
        before: true,
        extra_word,
    };
    let load = |precision, fd, count, writeback, extra_word| Insn::FpLoadMultiple {
        precision,
        fd,
        count,
        rn: 13,
        writeback,
        before: false,
        extra_word,
    };
    let mut core = ready();
    let top = RAM + 0x200;
    core.r[13] = top;
    for n in 0..32u8 {
        core.fp.set_single(n, 0x100 + u32::from(n));
    }
    execute(&mut core, &push(Double, 8, 8, false));
    assert_eq!(core.r[13], top - 64);
    assert_eq!((word(&core, top - 64), word(&core, top - 4)), (0x110, 0x11F));
    // Without writeback, other precision.
    execute(&mut core, &load(Single, 1, 3, false, false));
    assert_eq!(core.r[13], top - 64);
    assert_eq!([0, 1, 2, 3, 4].map(|n| core.fp.single(n)), [0x100, 0x110, 0x111, 0x112, 0x104]);
    execute(&mut core, &load(Double, 0, 8, true, false));
    assert_eq!((core.r[13], core.fp.single(15)), (top, 0x11F));
    // FSTMDBX and FLDMIAX move the base by one word more than they transfer.
    execute(&mut core, &push(Double, 8, 2, true));
    assert_eq!((core.r[13], word(&core, top - 20), word(&core, top - 8)), (top - 20, 0x110, 0x113));
    assert_eq!(word(&core, top - 4), 0x11F);
    execute(&mut core, &load(Double, 0, 2, true, true));
    assert_eq!((core.r[13], core.fp.single(3)), (top, 0x113));
}

#[test]
fn a_list_that_faults_leaves_base_and_registers() {
    let list = |load: bool, before: bool| {
        let (precision, fd, count, rn, writeback, extra_word) = (Single, 0, 4, 1, true, false);
        if load {
            Insn::FpLoadMultiple { precision, fd, count, rn, writeback, before, extra_word }
        } else {
            Insn::FpStoreMultiple { precision, fd, count, rn, writeback, before, extra_word }
        }
    };
    for (load, before, base, fault) in [
        (true, false, RAM + LENGTH - 8, Fault::BusData(RAM + LENGTH)),
        (false, false, RAM + LENGTH - 8, Fault::BusData(RAM + LENGTH)),
        (true, true, RAM + 8, Fault::BusData(RAM - 8)),
        (false, true, RAM + 8, Fault::BusData(RAM - 8)),
        (true, false, RAM + 2, Fault::Unaligned),
        (false, true, RAM + 17, Fault::Unaligned),
    ] {
        let mut core = ready();
        core.fp.set_single(0, 0xDEAD_BEEF);
        core.r[1] = base;
        let registers = core.fp;
        assert_eq!(execute(&mut core, &list(load, before)), Flow::Fault);
        assert_eq!((core.pending_fault, core.r[1]), (fault, base));
        assert_eq!(core.fp, registers);
    }
}
