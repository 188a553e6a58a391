//! Vector table and start-up: what runs before `main` and what runs when nothing else may.
#![allow(unsafe_code)] // assembly and exported names

use core::arch::global_asm;

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
    // Interrupts stay masked for the whole run: nothing in this stage needs one, and each would be a way to
    // stretch or interrupt a decision.
    ".section .text.reset, \"ax\"",
    ".global reset",
    ".type reset, %function",
    ".thumb_func",
    "reset:",
    "cpsid i",
    "ldr r0, =_data_start",
    "ldr r1, =_data_end",
    "ldr r2, =_data_load",
    "1:",
    "cmp r0, r1",
    "bhs 2f",
    "ldr r3, [r2], #4",
    "str r3, [r0], #4",
    "b 1b",
    "2:",
    "ldr r0, =_bss_start",
    "ldr r1, =_bss_end",
    "movs r3, #0",
    "3:",
    "cmp r0, r1",
    "bhs 4f",
    "str r3, [r0], #4",
    "b 3b",
    "4:",
    "bl start",
    // `start` does not return; should a glitch make it, this is where it ends.
    "udf #0",
    ".ltorg",
    ".size reset, . - reset",
);

/// First Rust function.
#[unsafe(no_mangle)]
extern "C" fn start() -> ! {
    crate::main()
}

/// Every exception: a fault of ours, damaged flash, or a glitch.
#[unsafe(no_mangle)]
extern "C" fn fault() -> ! {
    crate::refuse_silently(ironroot_codes::boot::FAULT)
}

/// Marks a point of the boot for an observer on the host: stop at this symbol, read r0. Does nothing else.
/// The numbers are in [`crate::stage`].
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn stage(number: u32) {
    core::hint::black_box(number);
}

/// Where a panic ends. A symbol of its own, so that a look at the linked program tells whether one can be reached at all:
/// nothing else calls this, and what nothing calls is not linked.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn panicked() -> ! {
    crate::refuse_silently(ironroot_codes::internal::INTERNAL)
}
