//! Calling the library from the other programs of system flash.
#![allow(unsafe_code)]

use ironroot_layout::Region;
use ironroot_layout::stm32h7rs::rsslib::{Service, TABLE};

use crate::jump;
use crate::reg::Ro;

#[inline(always)]
fn entry(service: Service) -> u32 {
    Ro::at(TABLE.start().value() + service as u32).read()
}

/// Calls a service.
pub fn call(service: Service, arguments: [u32; 4]) -> u32 {
    let [a, b, c, d] = arguments;
    let result;
    // SAFETY: the address comes from the table in system flash, whose functions follow the procedure call standard; the clobbers are
    // those of a C call, without FPU registers, which neither side uses.
    unsafe {
        core::arch::asm!(
            "blx {service}",
            service = in(reg) entry(service),
            inout("r0") a => result,
            inout("r1") b => _,
            inout("r2") c => _,
            inout("r3") d => _,
            out("r12") _,
            out("lr") _,
        );
    }
    result
}

/// Wipes `ram`, the caller's stack included, and leaves by `service` for the vector table at `vectors`; `refused` runs on an empty
/// stack if it comes back.
pub fn leave(service: Service, vectors: u32, region: u32, ram: Region, refused: extern "C" fn() -> !) -> ! {
    jump::wipe_and_exit(entry(service), vectors, region, ram, refused)
}
