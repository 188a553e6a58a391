//! Jumps, hints and the instructions that raise exceptions.

use crate::bus::{Bus, Size};
use crate::core::{Fault, Flags, Sleep};
use crate::exec::testing::{LENGTH, PC, RAM, core, execute, execute_sized};
use crate::insn::{Barrier, Cond, Hint, Insn};
use crate::op::Flow;

#[test]
fn conditions_are_those_of_the_table() {
    for apsr in 0..16u32 {
        let (n, z, c, v) = (apsr & 8 != 0, apsr & 4 != 0, apsr & 2 != 0, apsr & 1 != 0);
        let table =
            [z, !z, c, !c, n, !n, v, !v, c && !z, !c || z, n == v, n != v, !z && n == v, z || n != v, true];
        for (cond, passes) in (0..).zip(table) {
            let mut core = core();
            core.flags = Flags::from_apsr(apsr << 28);
            let branch = Insn::Branch { cond: Cond(cond), offset: -0x100 };
            assert_eq!(execute_sized(&mut core, &branch, 2), Flow::Branch);
            assert_eq!(
                core.r[15],
                if passes { PC + 4 - 0x100 } else { PC + 2 },
                "condition {cond}, flags {apsr:04b}"
            );
        }
    }
}

#[test]
fn calls_and_returns() {
    let mut core = core();
    assert_eq!(execute(&mut core, &Insn::BranchLink { offset: 0x1000 }), Flow::Branch);
    assert_eq!((core.r[14], core.r[15]), (PC + 4 + 1, PC + 4 + 0x1000));
    assert_eq!(execute_sized(&mut core, &Insn::Bx { rm: 14 }, 2), Flow::Branch);
    assert_eq!((core.r[15], core.thumb), (PC + 4, true));
    // BLX LR: the target is what LR was.
    core.r[14] = 0x2001;
    assert_eq!(execute_sized(&mut core, &Insn::Blx { rm: 14 }, 2), Flow::Branch);
    assert_eq!((core.r[14], core.r[15], core.thumb), (PC + 2 + 1, 0x2000, true));
    // An even target clears T; the next instruction will fault.
    core.r[3] = 0x3000;
    assert_eq!(execute_sized(&mut core, &Insn::Bx { rm: 3 }, 2), Flow::Branch);
    assert_eq!((core.r[15], core.thumb), (0x3000, false));
    // In Thread mode 0xFFFF_FFF9 is an address like any other.
    core.r[3] = 0xFFFF_FFF9;
    assert_eq!(execute_sized(&mut core, &Insn::Bx { rm: 3 }, 2), Flow::Branch);
    assert_eq!(core.r[15], 0xFFFF_FFF8);
}

#[test]
fn compare_and_branch() {
    let mut core = core();
    for (value, nonzero, taken) in [(0, false, true), (0, true, false), (9, false, false), (9, true, true)] {
        core.r[2] = value;
        let insn = Insn::CompareBranch { nonzero, rn: 2, offset: 0x40 };
        assert_eq!(execute_sized(&mut core, &insn, 2), Flow::Branch);
        assert_eq!(core.r[15], if taken { PC + 4 + 0x40 } else { PC + 2 });
    }
}

#[test]
fn table_branches() {
    let mut core = core();
    core.r[1] = 3;
    core.bus.memory_mut().write(PC + 4 + 3, 0x85, Size::Byte);
    assert_eq!(execute(&mut core, &Insn::TableBranch { half: false, rn: 15, rm: 1 }), Flow::Branch);
    assert_eq!(core.r[15], PC + 4 + 2 * 0x85);
    core.r[2] = RAM;
    core.bus.memory_mut().write(LENGTH + 6, 0x8421, Size::Half);
    assert_eq!(execute(&mut core, &Insn::TableBranch { half: true, rn: 2, rm: 1 }), Flow::Branch);
    assert_eq!(core.r[15], PC + 4 + 2 * 0x8421);
    core.r[2] = 0x6000_0000;
    let before = core.r;
    assert_eq!(execute(&mut core, &Insn::TableBranch { half: true, rn: 2, rm: 1 }), Flow::Fault);
    assert_eq!(core.r, before);
}

#[test]
fn hints_and_barriers() {
    let mut core = core();
    for hint in [Hint::Nop, Hint::Yield, Hint::Dbg(3), Hint::Reserved(200), Hint::Memory] {
        assert_eq!(execute(&mut core, &Insn::Hint(hint)), Flow::Next);
    }
    core.event = false;
    assert_eq!(execute(&mut core, &Insn::Hint(Hint::Sev)), Flow::Next);
    assert_eq!(execute(&mut core, &Insn::Hint(Hint::Wfe)), Flow::Next);
    assert_eq!((core.event, core.sleep), (false, Sleep::Awake));
    assert_eq!(execute(&mut core, &Insn::Hint(Hint::Wfe)), Flow::Sleep);
    assert_eq!(core.sleep, Sleep::Event);
    assert_eq!(execute(&mut core, &Insn::Hint(Hint::Wfi)), Flow::Sleep);
    assert_eq!(core.sleep, Sleep::Interrupt);
    for (kind, flow) in [(Barrier::Dmb, Flow::Next), (Barrier::Dsb, Flow::Next), (Barrier::Isb, Flow::Sync)] {
        assert_eq!(execute(&mut core, &Insn::Barrier { kind, option: 15 }), flow);
    }
}

#[test]
fn calls_to_the_system() {
    let mut core = core();
    assert_eq!(execute_sized(&mut core, &Insn::Svc { imm: 7 }, 2), Flow::Supervisor);
    assert_eq!(core.pending_fault, Fault::Svc);
    for (insn, fault) in [
        (Insn::Udf { imm: 1 }, Fault::Undefined),
        (Insn::Undefined { encoding: 0xDE00 }, Fault::Undefined),
        (Insn::Coprocessor { number: 5, encoding: 0 }, Fault::NoCoprocessor),
        (Insn::Bkpt { imm: 0xAB }, Fault::Breakpoint),
    ] {
        assert_eq!(execute_sized(&mut core, &insn, 2), Flow::Fault);
        assert_eq!(core.pending_fault, fault);
    }
    core.semihosting = true;
    assert_eq!(execute_sized(&mut core, &Insn::Bkpt { imm: 0xAB }, 2), Flow::Halt);
    assert_eq!(execute_sized(&mut core, &Insn::Bkpt { imm: 0xAC }, 2), Flow::Fault);
    core.halting_debug = true;
    assert_eq!(execute_sized(&mut core, &Insn::Bkpt { imm: 0xAC }, 2), Flow::Halt);
}

#[test]
fn special_registers() {
    let mut core = core();
    core.r[1] = 0xF80F_0000;
    assert_eq!(execute(&mut core, &Insn::Msr { rn: 1, sysm: 0, mask: 3 }), Flow::Next);
    assert_eq!(core.flags.to_apsr(), 0xF80F_0000);
    core.r[1] = 0;
    assert_eq!(execute(&mut core, &Insn::Msr { rn: 1, sysm: 0, mask: 2 }), Flow::Next);
    assert_eq!(execute(&mut core, &Insn::Mrs { rd: 2, sysm: 0 }), Flow::Next);
    assert_eq!(core.r[2], 0x000F_0000);
    core.r[1] = 1;
    assert_eq!(execute(&mut core, &Insn::Msr { rn: 1, sysm: 16, mask: 2 }), Flow::Sync);
    assert!(core.primask);
    let enable = Insn::Cps { disable: false, primask: true, faultmask: false };
    assert_eq!(execute_sized(&mut core, &enable, 2), Flow::Sync);
    assert!(!core.primask);
}
