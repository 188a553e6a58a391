//! The way out: RAM wiped, the MPU as the application gets it, and the call of RSSLIB, with nothing of this stage left
//! executable.
//!
//! 1. The table of the hand-off does not have this stage's code. So it is switched on where the MPU does not count: in a handler
//!    with FAULTMASK set (CTRL.HFNMIENA = 0, ARMv7-M B3.5.1). The return from the handler clears FAULTMASK and jumps at once
//!    (B1.5.8): the first instruction under the new table is RSSLIB's.
//! 2. The handler is SVCall's, by a vector table of its own. Interrupts are open for that one instruction, and none is enabled.
//! 3. Whatever else happens from here on is a fault, and ends in [`exit_failed`]: an RSSLIB that comes back finds code that
//!    does not execute.
//! 4. The stack is no longer in the wiped RAM but where both tables have RAM. Nothing of this stage is on it. The table is in the
//!    wiped RAM, so it is loaded first.
#![allow(unsafe_code)] // assembly, exported names

use core::arch::global_asm;

use ironroot_codes::boot as codes;
use ironroot_hal::rsslib;
use ironroot_layout::stm32h7rs::contract::MPU_REGION_APPLICATION;
use ironroot_layout::stm32h7rs::product::Rows;
use ironroot_layout::stm32h7rs::rsslib::Service;
use ironroot_layout::{Address, Region};

/// Where it leads. STiRoT has this file too.
pub struct Way<'t> {
    /// Vector table of what is started.
    pub vectors: Address,
    /// The service that raises the level and jumps.
    pub service: Service,
    /// The MPU; the region of the code that is started is off, the service switches it on.
    pub table: &'t Rows,
    /// What is wiped: all that this stage used.
    pub ram: Region,
    /// The stack from then on: the end of RAM that the table has, outside of `ram`.
    pub stack: Address,
}

/// What the handler needs, in the order in which it loads it.
#[repr(C)]
struct Exit<'t> {
    vectors: u32,
    region: u32,
    service: u32,
    table: &'t Rows,
    ram: u32,
    ram_end: u32,
    stack: u32,
}

global_asm!(
    ".section .text.exit, \"ax\"",
    // What VTOR needs for the sixteen exceptions of the core.
    ".balign 128",
    "exit_vectors:",
    ".rept 11",
    ".word exit_fault",
    ".endr",
    ".word exit_handler",
    ".rept 4",
    ".word exit_fault",
    ".endr",
    ".global exit_call",
    ".type exit_call, %function",
    ".thumb_func",
    "exit_call:",
    "cpsid i",
    "mov r4, r0",
    "movs r0, #0",
    "msr control, r0", // privileged, on MSP, no context of the FPU: a frame of eight words
    "msr basepri, r0",
    "isb sy",
    "ldr r0, =0xE000ED08", // VTOR
    "ldr r1, =exit_vectors",
    "str r1, [r0]",
    "dsb sy",
    "cpsie i",
    "svc #0",
    "udf #0",
    ".size exit_call, . - exit_call",
    ".type exit_handler, %function",
    ".thumb_func",
    "exit_handler:",
    "cpsid i", // stays set: as RSSLIB is called by everybody
    "cpsid f",
    "isb sy",
    "ldmia r4, {{r0, r1, r2, r3, r5, r6, r7}}",
    "mov sp, r7",
    "movs r7, #0",
    // The frame of a call of the service: r0 to r3, r12, lr, pc, xPSR. It returns into code that does not execute.
    "sub sp, sp, #32",
    "bic r2, r2, #1",
    "mov r4, #0x01000000",
    "strd r0, r1, [sp]",
    "strd r7, r7, [sp, #8]",
    "str r7, [sp, #16]",
    "ldr r0, =exit_fault",
    "strd r0, r2, [sp, #20]",
    "str r4, [sp, #28]",
    "ldr r0, =0xE000ED94", // MPU_CTRL; RBAR is 8 further, RASR behind it
    "str r7, [r0]",
    "dsb sy",
    "movs r4, #16",
    "1:",
    "ldmia r3!, {{r1, r2}}",
    "strd r1, r2, [r0, #8]",
    "subs r4, r4, #1",
    "bne 1b",
    "movs r1, #1",
    "str r1, [r0]",
    "dsb sy",
    "isb sy",
    "2:",
    "cmp r5, r6",
    "bhs 3f",
    "str r7, [r5], #4",
    "b 2b",
    "3:",
    "dsb sy",
    "mov r4, r7",
    "mov r5, r7",
    "mov r6, r7",
    "mov r8, r7",
    "mov r9, r7",
    "mov r10, r7",
    "mov r11, r7",
    "mvn lr, #6", // 0xFFFFFFF9: to Thread mode, on MSP
    "bx lr",
    ".size exit_handler, . - exit_handler",
    ".type exit_fault, %function",
    ".thumb_func",
    "exit_fault:",
    "b exit_failed",
    ".ltorg",
    ".size exit_fault, . - exit_fault",
);

unsafe extern "C" {
    fn exit_call(exit: &Exit<'_>) -> !;
}

/// Leaves for good: what is started begins at its vector table, at the level that the service raises to.
pub fn leave(way: &Way<'_>) -> ! {
    let exit = Exit {
        vectors: way.vectors.value(),
        region: u32::from(MPU_REGION_APPLICATION),
        service: rsslib::entry(way.service),
        table: way.table,
        ram: way.ram.start().value(),
        ram_end: way.ram.end().value(),
        stack: way.stack.value(),
    };
    // SAFETY: does not return, so nothing that Rust believes about memory is used again. The handler loads `exit` and the table
    // before it wipes the stack that holds them.
    unsafe { exit_call(&exit) }
}

/// Every exception on the way out, the service that came back too. At HardFault's priority, so the MPU does not count, and on
/// a stack of which nothing is known but that it is RAM.
#[unsafe(no_mangle)]
extern "C" fn exit_failed() -> ! {
    crate::refuse_silently(codes::HAND_OVER_REFUSED)
}
