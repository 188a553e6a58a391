//! Vector table and first instructions.
#![allow(unsafe_code)] // assembly and exported names; and the one claim of RAM

use core::arch::global_asm;
use ironroot_hal::{install, jump};

global_asm!(
    ".section .vectors, \"a\"",
    ".global VECTORS",
    "VECTORS:",
    ".word _stack_top",
    ".word reset",
    // Fourteen exceptions with one answer; interrupts are never enabled, so they have no vectors.
    ".rept 14",
    ".word fault",
    ".endr",
);

/// Entered by the boot state machine, with the stack pointer of the vector table.
#[unsafe(no_mangle)]
extern "C" fn reset() -> ! {
    jump::disable_interrupts();
    // SAFETY: once, and the linker script keeps stack and objects out of both buffers.
    let (table, buffer) = unsafe { install::claim_buffers() };
    crate::main(table, buffer)
}

/// Every exception: stay. Nothing was made startable, and debug access is closed.
#[unsafe(no_mangle)]
extern "C" fn fault() -> ! {
    jump::halt()
}
