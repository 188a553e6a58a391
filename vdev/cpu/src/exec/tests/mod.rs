//! Tests of the operations, one by one, against the manual's pseudocode written again in the plainest way.

mod control;
mod data;
mod dsp;
mod memory;
mod multiply;

use crate::exec::testing::{LENGTH, RAM, core, execute_sized};
use crate::op::Flow;
use proptest::prelude::*;

/// An integer that is often at an edge.
pub(super) fn value() -> impl Strategy<Value = u32> {
    prop_oneof![
        any::<u32>(),
        prop::sample::select(vec![0, 1, 2, 0x7F, 0x80, 0x7FFF, 0x8000, 0xFFFF, 0x0001_0000]),
        prop::sample::select(vec![
            0x7FFF_FFFF,
            0x8000_0000,
            0x8000_0001,
            0xFFFF_FFFF,
            0x7FFF_7FFF,
            0x8000_8000
        ]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    /// Whatever the encoding: the stack pointer stays a multiple of 4, and nothing depends on what the PC field holds
    /// inside a block (where it is not true). A faulting instruction changes no register.
    #[test]
    fn no_encoding_breaks_an_invariant(
        first: u16, second: u16, registers: [u32; 13], apsr: u32, offset in 0..LENGTH / 4, stale: u32,
    ) {
        let decoded = crate::decode::decode(first, second, false);
        let start = || {
            let mut core = core();
            core.r[..13].copy_from_slice(&registers);
            // Bases that often reach memory.
            for (i, r) in core.r[..8].iter_mut().enumerate() {
                if *r & 1 == 0 {
                    *r = RAM + (offset * 4 + i as u32 * 64) % LENGTH;
                }
            }
            core.r[13] = RAM + offset * 4;
            core.flags = crate::core::Flags::from_apsr(apsr);
            core.scs.cpacr = 0x00F0_0000;
            core.update_fp_ready();
            core
        };
        let mut core = start();
        let before = core.r;
        let flow = execute_sized(&mut core, &decoded.insn, decoded.length);
        prop_assert_eq!(core.r[13] & 3, 0, "{:?}", decoded.insn);
        if matches!(flow, Flow::Fault | Flow::Halt | Flow::Supervisor) {
            prop_assert_eq!(&core.r[..15], &before[..15], "{:?}", decoded.insn);
        }
        let mut other = start();
        other.r[15] = stale;
        let same = execute_sized(&mut other, &decoded.insn, decoded.length);
        prop_assert_eq!(same, flow);
        prop_assert_eq!(&core.r[..15], &other.r[..15], "{:?}", decoded.insn);
        prop_assert_eq!(core.flags.to_apsr(), other.flags.to_apsr());
        prop_assert_eq!(core.fp, other.fp, "{:?}", decoded.insn);
        if matches!(flow, Flow::Branch | Flow::BranchSync) {
            prop_assert_eq!(core.r[15], other.r[15], "{:?}", decoded.insn);
        } else {
            prop_assert_eq!(other.r[15], stale, "{:?}", decoded.insn);
        }
    }
}
