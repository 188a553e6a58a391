//! The services of system flash, through ST's table.

use crate::jump;
use crate::reg::Ro;
use ironroot_layout::stm32h7rs::rsslib::{Service, TABLE};

/// The address of a service, with the bit of Thumb code.
#[inline(always)]
pub fn entry(service: Service) -> u32 {
    Ro::at(TABLE.start().value() + service as u32).read()
}

/// Calls a service with two arguments (others are left as they are).
pub fn call(service: Service, first: u32, second: u32) -> u32 {
    jump::call_service(entry(service), first, second)
}
