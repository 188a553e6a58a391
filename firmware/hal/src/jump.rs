//! Assembly: barriers, waiting, and every jump from one stage to another.
//!
//! A jump hands the core over as a reset would: VTOR and MSP from the next stage's vector table, Thread mode
//! privileged on MSP, no register value of the last stage left. The entry address stays in r12, the one
//! register a branch needs.
#![allow(unsafe_code)]

use crate::scb;
use core::arch::asm;
use ironroot_layout::Region;

/// All earlier accesses are complete and later instructions are fetched anew.
#[inline(always)]
pub fn barrier() {
    // SAFETY: barriers change no memory and no register.
    unsafe { asm!("dsb sy", "isb sy", options(nostack, preserves_flags)) }
}

/// Waits for an interrupt (with none enabled: until reset), the quietest way to stay.
#[inline(always)]
pub fn wait() {
    // SAFETY: WFI changes no memory and no register.
    unsafe { asm!("wfi", options(nomem, nostack, preserves_flags)) }
}

/// Waits for an event, for example that an interrupt becomes pending (with SEVONPEND: enabled or not).
#[inline(always)]
pub fn wait_for_event() {
    // SAFETY: WFE changes no memory and no register.
    unsafe { asm!("wfe", options(nomem, nostack, preserves_flags)) }
}

/// Stays for ever.
#[inline(always)]
pub fn halt() -> ! {
    loop {
        wait();
    }
}

/// Masks all interrupts of configurable priority.
#[inline(always)]
pub fn disable_interrupts() {
    // SAFETY: only fewer interrupts than before can happen.
    unsafe { asm!("cpsid i", options(nostack, preserves_flags)) }
}

/// Sets FAULTMASK: execution priority -1.
#[inline(always)]
pub fn mask_faults() {
    // SAFETY: only fewer exceptions than before can happen.
    unsafe { asm!("cpsid f", "isb sy", options(nostack, preserves_flags)) }
}

/// Clears FAULTMASK.
#[inline(always)]
pub fn unmask_faults() {
    // SAFETY: the exceptions that were masked can happen again, as before.
    unsafe { asm!("cpsie f", "isb sy", options(nostack, preserves_flags)) }
}

/// Clears the FPU's registers. The caller has made sure that the FPU is enabled.
#[inline(always)]
pub fn clear_fpu() {
    // SAFETY: its one caller is the exit service, which never returns, so no value that anybody kept in these
    // registers is used again; the service itself contains no floating-point code. No clobbers are declared:
    // for them the compiler would save the registers first, which faults while the FPU is off.
    unsafe {
        asm!(
            "vmov d0, {z}, {z}", "vmov d1, {z}, {z}", "vmov d2, {z}, {z}", "vmov d3, {z}, {z}",
            "vmov d4, {z}, {z}", "vmov d5, {z}, {z}", "vmov d6, {z}, {z}", "vmov d7, {z}, {z}",
            "vmov d8, {z}, {z}", "vmov d9, {z}, {z}", "vmov d10, {z}, {z}", "vmov d11, {z}, {z}",
            "vmov d12, {z}, {z}", "vmov d13, {z}, {z}", "vmov d14, {z}, {z}", "vmov d15, {z}, {z}",
            "vmsr fpscr, {z}",
            z = in(reg) 0u32,
            options(nomem, nostack, preserves_flags),
        )
    }
}

/// Starts the stage whose vector table is at `vectors` (1024-aligned), with every register cleared.
///
/// The table is read here and not before: when the caller has closed an area, a table inside of it must read
/// as the closed area does.
#[inline(always)]
pub fn enter(vectors: u32) -> ! {
    const NOTHING: Region = Region::between(0, 0);
    wipe_and_enter(vectors, NOTHING)
}

/// As [`enter`], after zeroing `ram` (4-aligned), the stack of the caller included.
#[inline(always)]
pub fn wipe_and_enter(vectors: u32, ram: Region) -> ! {
    // SAFETY: does not return, so nothing that Rust believes about memory or registers is used again. The
    // sequence itself uses no stack: the wiped range may hold it.
    unsafe {
        asm!(
            "movs r2, #0",
            "2:",
            "cmp  r1, r4",
            "bhs  3f",
            "str  r2, [r1], #4",
            "b    2b",
            "3:",
            "str  r0, [r3]",        // VTOR
            "msr  control, r2",     // privileged, on MSP, no FP context
            "msr  faultmask, r2",
            "msr  basepri, r2",
            "ldr  r1, [r0]",
            "ldr  r12, [r0, #4]",
            "msr  msp, r1",
            "msr  psp, r2",
            "dsb  sy",
            "isb  sy",
            "mov  r0, r2",
            "mov  r1, r2",
            "mov  r3, r2",
            "mov  r4, r2",
            "mov  r5, r2",
            "mov  r6, r2",
            "mov  r7, r2",
            "mov  r8, r2",
            "mov  r9, r2",
            "mov  r10, r2",
            "mov  r11, r2",
            "mvn  lr, r2",          // as after reset: returning from the entry is a fault, not a jump back
            "msr  apsr_nzcvqg, r2",
            "cpsie i",
            "bx   r12",
            in("r0") vectors,
            in("r1") ram.start().value(),
            in("r3") scb::VTOR,
            in("r4") ram.end().value(),
            options(noreturn),
        )
    }
}

/// Zeroes `ram` (4-aligned, the stack of the caller included) and resets the chip.
pub fn wipe_and_reset(ram: Region) -> ! {
    // SAFETY: does not return, so nothing that Rust believes about memory is used again. The sequence uses no stack: the
    // wiped range may hold it. The last store asks the core for a reset.
    unsafe {
        asm!(
            "cpsid i",
            "movs r2, #0",
            "2:",
            "cmp  r0, r1",
            "bhs  3f",
            "str  r2, [r0], #4",
            "b    2b",
            "3:",
            "dsb  sy",
            "str  r4, [r3]",
            "dsb  sy",
            "4:",
            "b    4b",
            in("r0") ram.start().value(),
            in("r1") ram.end().value(),
            in("r3") scb::AIRCR_ADDRESS,
            in("r4") scb::SYSTEM_RESET_REQUEST,
            options(noreturn),
        )
    }
}

/// Wipes `ram`, the caller's stack included, and calls the exit service with two arguments: the vector table and, on the
/// STM32H73x, what becomes of the debug port; on the STM32H7RS, the MPU region to enable. `refused` runs if that returns.
///
/// The stack pointer is left at the end of `ram`: the service may use the (now empty) stack.
#[inline(always)]
pub(crate) fn wipe_and_exit(
    service: u32,
    vectors: u32,
    second: u32,
    ram: Region,
    refused: extern "C" fn() -> !,
) -> ! {
    // SAFETY: does not return. No stack is used after the wipe has begun, and `refused` begins with an empty one.
    // Registers other than the arguments are cleared here already: they may hold values of the verifier. r6
    // keeps `refused`; the service, which follows the procedure call standard, preserves it when it returns.
    unsafe {
        asm!(
            "cpsid i",
            "mov  r6, r5",
            "movs r5, #0",
            "2:",
            "cmp  r3, r4",
            "bhs  3f",
            "str  r5, [r3], #4",
            "b    2b",
            "3:",
            "mov  sp, r4",
            "mov  r3, r5",
            "mov  r4, r5",
            "mov  r7, r5",
            "mov  r8, r5",
            "mov  r9, r5",
            "mov  r10, r5",
            "mov  r11, r5",
            "mov  r12, r2",
            "mov  r2, r5",
            "dsb  sy",
            "blx  r12",
            "blx  r6",
            "4:",
            "wfi",
            "b    4b",
            in("r0") vectors,
            in("r1") second,
            in("r2") service,
            in("r3") ram.start().value(),
            in("r4") ram.end().value(),
            in("r5") refused,
            options(noreturn),
        )
    }
}

/// Calls a service of the ROM at the address `service` with a number and a structure that it reads.
#[inline(always)]
pub(crate) fn call_with<T>(service: u32, number: u32, argument: &T) -> u32 {
    let result;
    // SAFETY: the address comes from the ROM's service table, whose functions follow the procedure call
    // standard; the clobbers are those of a C call, without FPU registers, which neither side uses.
    unsafe {
        asm!(
            "blx {service}",
            service = in(reg) service,
            inout("r0") number => result,
            inout("r1") core::ptr::from_ref(argument) => _,
            out("r2") _,
            out("r3") _,
            out("r12") _,
            out("lr") _,
        );
    }
    result
}

/// Calls the service of the ROM whose address (bit 0 set) is `service`.
#[inline(always)]
pub(crate) fn call_service(service: u32, first: u32, second: u32) -> u32 {
    let result;
    // SAFETY: as [`call_with`].
    unsafe {
        asm!(
            "blx {service}",
            service = in(reg) service,
            inout("r0") first => result,
            inout("r1") second => _,
            out("r2") _,
            out("r3") _,
            out("r12") _,
            out("lr") _,
        );
    }
    result
}
