//! The services of system flash, through ST's table.

use crate::jump;
use crate::mpu::Entry;
use crate::reg::Ro;
use ironroot_layout::Region;
use ironroot_layout::stm32h7rs::rsslib::{Service, TABLE};

#[inline(always)]
fn entry(service: Service) -> u32 {
    Ro::at(TABLE.start().value() + service as u32).read()
}

/// Calls a service with two arguments (others are left as they are).
pub fn call(service: Service, first: u32, second: u32) -> u32 {
    jump::call_service(entry(service), first, second)
}

/// How a stage is left.
#[derive(Clone, Copy)]
pub struct Exit {
    /// To level 2 or to level 3.
    pub service: Service,
    /// The vector table to start from.
    pub vectors: u32,
    /// The region of the MPU that the service enables.
    pub region: u8,
    /// What stays executable of the stage: its own region of the MPU, or a part of that with this function in it.
    pub stage: Entry,
    /// What is wiped, the caller's stack included.
    pub ram: Region,
}

/// Leaves. `refused` runs on an empty stack if the service comes back; it faults if `exit.stage` does not contain it.
///
/// Not inlined: a stage that runs from RAM keeps this one function executable till the end.
#[inline(never)]
pub fn leave(exit: &Exit, refused: extern "C" fn() -> !) -> ! {
    let Exit { service, vectors, region, stage, ram } = *exit;
    stage.replace();
    jump::wipe_and_exit(entry(service), vectors, u32::from(region), ram, refused)
}
