//! The application as it is meant: it confirms an update when its self test passes.
#![no_std]
#![no_main]

#[cortex_m_rt::entry]
fn main() -> ! {
    self_confirm::run(self_confirm::Outcome::Confirms)
}
