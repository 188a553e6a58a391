//! The same application with a self test that fails: after a reset the secure boot brings the old image back.
#![no_std]
#![no_main]

#[cortex_m_rt::entry]
fn main() -> ! {
    self_confirm::run(self_confirm::Outcome::NeverConfirms)
}
