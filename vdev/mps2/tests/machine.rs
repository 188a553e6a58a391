//! Whole-machine rules that an audit of the core found broken, as programs: their words are given as assembled, with the
//! source beside them, so that no assembler is needed to run the tests.

use ironroot_cpu::machine::{Machine, Stop};
use ironroot_mps2::Mps2An500;

fn machine(program: &[u32]) -> Machine<Mps2An500> {
    let mut board = Mps2An500::new();
    let bytes: Vec<u8> = program.iter().flat_map(|word| word.to_le_bytes()).collect();
    assert!(board.put(0, &bytes));
    Machine::new(board)
}

//     CYCCNT on; svc 0; handler: PSP = 0xE0001000 (DWT), some instructions, bx 0xFFFFFFFD: unstacking reads CYCCNT into r1.
#[rustfmt::skip]
const RETURN_FRAME_ON_CYCCNT: &[u32] = &[
    0x2000_1000, 0x0000_0041, 0x0000_0073, 0x0000_0073, 0x0000_0073, 0x0000_0073, 0x0000_0073, 0x0000_0073,
    0x0000_0073, 0x0000_0073, 0x0000_0073, 0x0000_0057, 0x0000_0073, 0x0000_0073, 0x0000_0073, 0x0000_0073,
    0xF04F_480D, 0x6001_7180, 0x2101_480C, 0xE7FF_6001, 0xDF00_BF00, 0x4809_E7FE, 0x8809_F380, 0xBF00_E7FF,
    0xBF00_BF00, 0xBF00_BF00, 0xBF00_BF00, 0x0102_F06F, 0x4F03_4708, 0xE7FE_6039, 0xE000_EDFC, 0xE000_1000,
    0x2000_0100,
];

//     DWT comparator 0 on writes to 0x20000200, TRCENA, no debugger; str r3, [that]; movs r4, #0x66; b .
#[rustfmt::skip]
const COMPARATOR_WITHOUT_DEBUGGER: &[u32] = &[
    0x2000_1000, 0x0000_0041, 0x0000_0061, 0x0000_0061, 0x0000_0061, 0x0000_0061, 0x0000_0061, 0x0000_0061,
    0x0000_0061, 0x0000_0061, 0x0000_0061, 0x0000_0061, 0x0000_0061, 0x0000_0061, 0x0000_0061, 0x0000_0061,
    0xF04F_4808, 0x6001_7180, 0x4908_4807, 0x2100_6001, 0x2106_6041, 0x4A05_6081, 0x6013_2355, 0xE7FE_2466,
    0x0000_E7FE, 0xE000_EDFC, 0xE000_1020, 0x2000_0200,
];

//     The same with MON_EN; DebugMonitor handler: movs r5, #0x77; bx lr.
#[rustfmt::skip]
const COMPARATOR_WITH_MONITOR: &[u32] = &[
    0x2000_1000, 0x0000_0041, 0x0000_005F, 0x0000_005F, 0x0000_005F, 0x0000_005F, 0x0000_005F, 0x0000_005F,
    0x0000_005F, 0x0000_005F, 0x0000_005F, 0x0000_005F, 0x0000_005B, 0x0000_005F, 0x0000_005F, 0x0000_005F,
    0x4908_4807, 0x4808_6001, 0x6001_4908, 0x6081_2106, 0x2355_4A06, 0x2466_6013, 0x2577_E7FE, 0xE7FE_4770,
    0xE000_EDFC, 0x0101_0000, 0xE000_1020, 0x2000_0200,
];

/// Unstacking happens at the time of the return, however the code before it was cut into blocks.
#[test]
fn an_exception_return_sees_the_same_time_stepped_and_in_blocks() {
    for count in [20, 40, 60] {
        let (mut blocks, mut steps) = (machine(RETURN_FRAME_ON_CYCCNT), machine(RETURN_FRAME_ON_CYCCNT));
        blocks.run(count);
        for _ in 0..count {
            steps.step();
        }
        assert_eq!(blocks.core.r, steps.core.r);
        assert_eq!(blocks.state_hash(), steps.state_hash());
        if count == 60 {
            // The return has happened: r1 is no longer the EXC_RETURN but the cycle count that unstacking read.
            assert!((1..60).contains(&steps.core.r[1]), "r1 is {:#x}", steps.core.r[1]);
        }
    }
}

/// A program's own comparator is no business of the host, and nothing at all without MON_EN.
#[test]
fn a_comparator_without_debugger_stops_nobody() {
    let mut machine = machine(COMPARATOR_WITHOUT_DEBUGGER);
    assert_eq!(machine.run(100), Stop::Limit);
    assert_eq!(machine.core.r[4], 0x66);
    assert_eq!(machine.core.ipsr, 0);
}

#[test]
fn a_comparator_with_mon_en_is_a_debug_monitor_exception() {
    let mut machine = machine(COMPARATOR_WITH_MONITOR);
    assert_eq!(machine.run(100), Stop::Limit);
    assert_eq!((machine.core.r[5], machine.core.r[4]), (0x77, 0x66));
    assert_eq!(machine.core.scs.dfsr & 4, 4, "DFSR.DWTTRAP");
}
