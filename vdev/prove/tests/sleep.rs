//! A core that sleeps for ever is said to be idle; it does not keep its host busy for ever.

use ironroot_cpu::machine::{Machine, Stop};
use ironroot_mps2::Mps2An500;

/// A machine that does WFI for ever, with SysTick set up by `csr`.
fn sleeper(csr: u32) -> Machine<Mps2An500> {
    let mut board = Mps2An500::with_sizes(0x1000, 0x1000, 0);
    // Vectors: SP, entry; at 0x40: WFI; B back.
    board.put(0, &0x2000_1000u32.to_le_bytes());
    board.put(4, &0x41u32.to_le_bytes());
    board.put(0x3C, &0x45u32.to_le_bytes());
    board.put(0x40, &[0x30, 0xBF, 0xFD, 0xE7, 0x70, 0x47]);
    let mut machine = Machine::new(board);
    machine.core.scs.systick.write(0x4, 99, 0);
    machine.core.scs.systick.write(0x8, 0, 0);
    machine.core.scs.systick.write(0x0, csr, 0);
    machine
}

#[test]
fn a_tick_that_interrupts_wakes_the_core() {
    let mut machine = sleeper(7);
    assert_eq!(machine.run(100), Stop::Limit);
    assert!(machine.core.cycles > 2000, "most of the time passed asleep: {}", machine.core.cycles);
}

#[test]
fn a_tick_that_does_not_interrupt_leaves_it_idle() {
    assert_eq!(sleeper(5).run(100), Stop::Idle);
}

#[test]
fn a_tick_that_is_masked_leaves_it_idle() {
    let mut machine = sleeper(7);
    machine.core.scs.nvic.set_system_priority(15, 0x80);
    machine.core.basepri = 0x40;
    assert_eq!(machine.run(100), Stop::Idle);
    // What the host then changes counts.
    machine.core.basepri = 0;
    machine.poke();
    assert_eq!(machine.run(100), Stop::Limit);
}
