//! Arm semihosting: the three calls a program without drivers needs.
#![allow(unsafe_code)] // BKPT 0xAB is an instruction that no safe Rust names

use core::arch::asm;

const SYS_WRITEC: u32 = 0x03;
const SYS_EXIT: u32 = 0x18;
const APPLICATION_EXIT: u32 = 0x2_0026;
const RUN_TIME_ERROR: u32 = 0x2_0023;

fn call(operation: u32, argument: u32) -> u32 {
    let mut result = operation;
    // Safety: the host reads at most the byte that `argument` points to, which outlives the call, and changes R0 only.
    unsafe { asm!("bkpt 0xAB", inout("r0") result, in("r1") argument, options(nostack)) };
    result
}

/// Prints text on the host's console.
pub fn print(text: &str) {
    for byte in text.as_bytes() {
        call(SYS_WRITEC, core::ptr::from_ref(byte) as u32);
    }
}

/// Ends the program; `well` is what the host is told.
pub fn exit(well: bool) -> ! {
    call(SYS_EXIT, if well { APPLICATION_EXIT } else { RUN_TIME_ERROR });
    // A host without semihosting: sleep, the core then reports that nothing will wake it.
    loop {
        // Safety: WFI changes nothing but time.
        unsafe { asm!("wfi", options(nomem, nostack)) };
    }
}

/// A panic is a failed benchmark.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    print("bench panicked\n");
    exit(false)
}
