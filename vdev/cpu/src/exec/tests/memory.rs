//! Loads and stores: what they do, and that a fault leaves nothing done.

use crate::bus::{Bus, Kind, Size};
use crate::core::{Core, Fault};
use crate::exec::testing::{CODE, DEVICE, LENGTH, PC, RAM, TestBus, core, execute};
use crate::insn::{Address, ExclusiveSize, Insn, Width};
use crate::op::Flow;

fn poke(core: &mut Core<TestBus>, address: u32, value: u32) {
    core.bus.memory_mut().write(address - RAM + LENGTH, value, Size::Word);
}

fn peek(core: &Core<TestBus>, address: u32) -> u32 {
    core.bus.memory().read(address - RAM + LENGTH, Size::Word)
}

fn at(rn: u8, offset: i32) -> Address {
    Address::Imm { rn, offset, index: true, writeback: false, subtract: offset < 0 }
}

fn pre(rn: u8, offset: i32) -> Address {
    Address::Imm { rn, offset, index: true, writeback: true, subtract: offset < 0 }
}

fn post(rn: u8, offset: i32) -> Address {
    Address::Imm { rn, offset, index: false, writeback: true, subtract: offset < 0 }
}

#[test]
fn every_width_extends_as_it_should() {
    let mut core = core();
    core.r[1] = RAM;
    poke(&mut core, RAM, 0xFEDC_BA98);
    for (width, value) in [
        (Width::Word, 0xFEDC_BA98),
        (Width::Half, 0xBA98),
        (Width::Byte, 0x98),
        (Width::SignedHalf, 0xFFFF_BA98),
        (Width::SignedByte, 0xFFFF_FF98),
    ] {
        // The first access fills the TLB, the second uses it.
        for _ in 0..2 {
            core.r[0] = 0;
            assert_eq!(execute(&mut core, &Insn::Load { width, rt: 0, address: at(1, 0) }), Flow::Next);
            assert_eq!(core.r[0], value, "{width:?}");
        }
        let address = Address::Unprivileged { rn: 1, offset: 0 };
        execute(&mut core, &Insn::Load { width, rt: 0, address });
        assert_eq!(core.r[0], value, "{width:?} unprivileged");
    }
}

#[test]
fn stores_touch_only_their_bytes() {
    let mut core = core();
    (core.r[0], core.r[1]) = (0x1122_3344, RAM + 0x100);
    for (width, value) in [(Width::Byte, 0xAAAA_AA44), (Width::Half, 0xAAAA_3344), (Width::Word, 0x1122_3344)]
    {
        for _ in 0..2 {
            poke(&mut core, RAM + 0x100, 0xAAAA_AAAA);
            assert_eq!(execute(&mut core, &Insn::Store { width, rt: 0, address: at(1, 0) }), Flow::Next);
            assert_eq!(peek(&core, RAM + 0x100), value, "{width:?}");
        }
    }
}

#[test]
fn addressing_forms() {
    let mut core = core();
    for i in 0..64 {
        poke(&mut core, RAM + 4 * i, i);
    }
    let mut load = |address, base: u32| {
        (core.r[1], core.r[2]) = (base, 3);
        assert_eq!(execute(&mut core, &Insn::Load { width: Width::Word, rt: 0, address }), Flow::Next);
        (core.r[0], core.r[1])
    };
    assert_eq!(load(at(1, -8), RAM + 40), (8, RAM + 40));
    assert_eq!(load(pre(1, 12), RAM + 40), (13, RAM + 52));
    assert_eq!(load(post(1, -12), RAM + 40), (10, RAM + 28));
    assert_eq!(load(Address::Reg { rn: 1, rm: 2, shift: 2 }, RAM + 40), (13, RAM + 40));
    assert_eq!(load(Address::Reg { rn: 1, rm: 2, shift: 0 }, RAM + 41), (11, RAM + 41));
    core.bus.memory_mut().write(((PC + 4) & !3) + 8, 0xCAFE, Size::Word);
    let literal = Address::Literal { offset: 8, subtract: false };
    execute(&mut core, &Insn::Load { width: Width::Word, rt: 0, address: literal });
    assert_eq!(core.r[0], 0xCAFE);
}

#[test]
fn unaligned_words_are_made_of_bytes_unless_trapped() {
    let mut core = core();
    poke(&mut core, RAM + 0x3FC, 0x4433_2211);
    poke(&mut core, RAM + 0x400, 0x8877_6655);
    core.r[1] = RAM + 0x3FD;
    let load = Insn::Load { width: Width::Word, rt: 0, address: at(1, 0) };
    assert_eq!(execute(&mut core, &load), Flow::Next);
    assert_eq!(core.r[0], 0x5544_3322);
    core.scs.ccr |= 1 << 3;
    assert_eq!(execute(&mut core, &load), Flow::Fault);
    assert_eq!(core.pending_fault, Fault::Unaligned);
}

#[test]
fn a_fault_leaves_base_and_target() {
    let mut core = core();
    let end = RAM + LENGTH;
    for address in [pre(1, 4), post(1, 4), at(1, 0)] {
        (core.r[0], core.r[1]) = (77, end);
        assert_eq!(execute(&mut core, &Insn::Load { width: Width::Word, rt: 0, address }), Flow::Fault);
        assert_eq!((core.r[0], core.r[1]), (77, end));
        assert_eq!(execute(&mut core, &Insn::Store { width: Width::Word, rt: 0, address }), Flow::Fault);
        assert_eq!((core.r[0], core.r[1]), (77, end));
    }
    assert_eq!(core.pending_fault, Fault::BusData(end));
}

#[test]
fn a_load_multiple_that_fails_half_way_changes_nothing() {
    let mut core = core();
    let start = RAM + LENGTH - 8;
    let before = [1, start, 3, 4];
    core.r[..4].copy_from_slice(&before);
    let ldm = Insn::LoadMultiple { rn: 1, registers: 0b1101, writeback: true, before: false };
    assert_eq!(execute(&mut core, &ldm), Flow::Fault);
    assert_eq!(core.r[..4], before);
    assert_eq!(core.pending_fault, Fault::BusData(RAM + LENGTH));
    let ldrd =
        Insn::LoadDual { rt: 2, rt2: 3, rn: 1, offset: 4, index: true, writeback: true, subtract: false };
    assert_eq!(execute(&mut core, &ldrd), Flow::Fault);
    assert_eq!(core.r[..4], before);
}

#[test]
fn multiples_in_both_directions_across_a_page() {
    let mut core = core();
    for base in [RAM + 0x3F8, RAM + 0x3F8, RAM + 0x800, RAM + 0x800] {
        for (before, start) in [(false, base), (true, base - 16)] {
            for i in 0..4 {
                core.r[4 + i as usize] = base + 100 + i;
            }
            core.r[0] = base;
            let (stm, ldm) = (
                Insn::StoreMultiple { rn: 0, registers: 0xF0, writeback: true, before },
                Insn::LoadMultiple { rn: 0, registers: 0x1E, writeback: true, before },
            );
            assert_eq!(execute(&mut core, &stm), Flow::Next);
            assert_eq!(core.r[0], if before { base - 16 } else { base + 16 });
            for i in 0..4 {
                assert_eq!(peek(&core, start + 4 * i), base + 100 + i);
            }
            core.r[0] = base;
            assert_eq!(execute(&mut core, &ldm), Flow::Next);
            assert_eq!(core.r[1..5], [base + 100, base + 101, base + 102, base + 103]);
            assert_eq!(core.r[0], if before { base - 16 } else { base + 16 });
        }
    }
}

#[test]
fn a_base_in_the_list() {
    let mut core = core();
    core.r[0] = RAM + 64;
    core.r[1] = 5;
    execute(&mut core, &Insn::StoreMultiple { rn: 0, registers: 0b11, writeback: true, before: false });
    assert_eq!((peek(&core, RAM + 64), peek(&core, RAM + 68), core.r[0]), (RAM + 64, 5, RAM + 72));
    core.r[0] = RAM + 68;
    execute(&mut core, &Insn::LoadMultiple { rn: 0, registers: 0b11, writeback: true, before: false });
    assert_eq!(core.r[0], 5);
}

#[test]
fn multiples_and_pairs_want_alignment() {
    let mut core = core();
    let dual = |store| {
        let (rt, rt2, rn, offset, index, writeback, subtract) = (2, 3, 0, 0, true, false, false);
        if store {
            Insn::StoreDual { rt, rt2, rn, offset, index, writeback, subtract }
        } else {
            Insn::LoadDual { rt, rt2, rn, offset, index, writeback, subtract }
        }
    };
    let insns = [
        Insn::LoadMultiple { rn: 0, registers: 0b110, writeback: false, before: false },
        Insn::StoreMultiple { rn: 0, registers: 0b110, writeback: false, before: false },
        dual(false),
        dual(true),
        Insn::LoadExclusive { size: ExclusiveSize::Word, rt: 1, rn: 0, offset: 0 },
    ];
    core.r[0] = RAM;
    execute(&mut core, &insns[0]);
    execute(&mut core, &insns[1]);
    core.r[0] = RAM + 2;
    for insn in insns {
        assert_eq!(execute(&mut core, &insn), Flow::Fault, "{insn:?}");
        assert_eq!(core.pending_fault, Fault::Unaligned, "{insn:?}");
    }
}

#[test]
fn pairs() {
    let mut core = core();
    for base in [RAM + 0x3FC, RAM + 0x3FC, RAM + 0x200, RAM + 0x200] {
        (core.r[0], core.r[2], core.r[3]) = (base, base ^ 1, base ^ 2);
        let (rt, rt2, rn, subtract) = (2, 3, 0, false);
        let store = Insn::StoreDual { rt, rt2, rn, offset: 8, index: false, writeback: true, subtract };
        assert_eq!(execute(&mut core, &store), Flow::Next);
        assert_eq!((core.r[0], peek(&core, base), peek(&core, base + 4)), (base + 8, base ^ 1, base ^ 2));
        // The base may be loaded over.
        let load =
            Insn::LoadDual { rt: 0, rt2: 1, rn, offset: -8, index: true, writeback: false, subtract: true };
        assert_eq!(execute(&mut core, &load), Flow::Next);
        assert_eq!((core.r[0], core.r[1]), (base ^ 1, base ^ 2));
    }
}

#[test]
fn loads_into_sp_and_pc() {
    let mut core = core();
    core.r[1] = RAM;
    poke(&mut core, RAM, 0x2000_8003);
    poke(&mut core, RAM + 4, 0x1235);
    assert_eq!(execute(&mut core, &Insn::Load { width: Width::Word, rt: 13, address: at(1, 0) }), Flow::Next);
    assert_eq!(core.r[13], 0x2000_8000);
    core.r[13] = RAM + 4;
    assert_eq!(
        execute(&mut core, &Insn::Load { width: Width::Word, rt: 15, address: post(13, 4) }),
        Flow::Branch
    );
    assert_eq!((core.r[13], core.r[15], core.thumb), (RAM + 8, 0x1234, true));
    poke(&mut core, RAM + 4, 0x1000);
    core.r[13] = RAM;
    let pop = Insn::LoadMultiple { rn: 13, registers: 0x8001, writeback: true, before: false };
    assert_eq!(execute(&mut core, &pop), Flow::Branch);
    assert_eq!((core.r[0], core.r[13], core.r[15], core.thumb), (0x2000_8003, RAM + 8, 0x1000, false));
    assert_eq!(
        execute(&mut core, &Insn::Load { width: Width::Byte, rt: 13, address: at(1, 0) }),
        Flow::Fault
    );
}

#[test]
fn a_device_access_leaves_the_block() {
    let mut core = core();
    (core.r[0], core.r[1]) = (0x1234_5678, DEVICE + 16);
    assert_eq!(execute(&mut core, &Insn::Store { width: Width::Half, rt: 0, address: at(1, 2) }), Flow::Sync);
    core.sync = false;
    assert_eq!(execute(&mut core, &Insn::Load { width: Width::Word, rt: 0, address: at(1, 0) }), Flow::Sync);
    assert_eq!(core.bus.log, [(Kind::Write, 18, 0x5678, Size::Half), (Kind::Read, 16, 1, Size::Word)]);
    core.sync = false;
    let pop = Insn::LoadMultiple { rn: 1, registers: 0x8001, writeback: false, before: false };
    assert_eq!(execute(&mut core, &pop), Flow::BranchSync);
}

#[test]
fn an_unaligned_device_access_faults() {
    let mut core = core();
    core.r[1] = DEVICE + 1;
    assert_eq!(execute(&mut core, &Insn::Load { width: Width::Word, rt: 0, address: at(1, 0) }), Flow::Fault);
    assert_eq!(core.pending_fault, Fault::Unaligned);
    assert!(core.bus.log.is_empty());
}

#[test]
fn exclusives() {
    let mut core = core();
    core.r[1] = RAM + 32;
    poke(&mut core, RAM + 32, 41);
    let load = |size| Insn::LoadExclusive { size, rt: 0, rn: 1, offset: 0 };
    let store = |size| Insn::StoreExclusive { size, rd: 2, rt: 3, rn: 1, offset: 0 };
    core.r[3] = 42;
    // Without a tag: refused, memory unchanged.
    assert_eq!(execute(&mut core, &store(ExclusiveSize::Word)), Flow::Next);
    assert_eq!((core.r[2], peek(&core, RAM + 32)), (1, 41));
    // With one: once.
    execute(&mut core, &load(ExclusiveSize::Word));
    assert_eq!(core.r[0], 41);
    execute(&mut core, &store(ExclusiveSize::Word));
    assert_eq!((core.r[2], peek(&core, RAM + 32)), (0, 42));
    execute(&mut core, &store(ExclusiveSize::Word));
    assert_eq!(core.r[2], 1);
    // Another address: refused, and the tag is gone.
    execute(&mut core, &load(ExclusiveSize::Byte));
    core.r[1] += 4;
    execute(&mut core, &store(ExclusiveSize::Byte));
    assert_eq!((core.r[2], core.exclusive), (1, None));
    // CLREX.
    execute(&mut core, &load(ExclusiveSize::Half));
    execute(&mut core, &Insn::Clrex);
    execute(&mut core, &store(ExclusiveSize::Half));
    assert_eq!(core.r[2], 1);
    // A fault leaves `rd`.
    core.r[1] = CODE + 0x800;
    execute(&mut core, &load(ExclusiveSize::Word));
    core.r[2] = 9;
    assert_eq!(execute(&mut core, &store(ExclusiveSize::Word)), Flow::Fault);
    assert_eq!((core.r[2], core.pending_fault), (9, Fault::BusData(CODE + 0x800)));
}
