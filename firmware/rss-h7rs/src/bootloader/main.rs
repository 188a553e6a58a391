//! The system bootloader: the USART protocol of AN3155, in Open and Provisioning, at HDPL 1.
//!
//! What it may do the hardware decides, as for an application. Beside the protocol it passes the services of RSSLIB on to a host
//! that has no debug probe ([`ironroot_uart_bootloader::special`]). A program is started at HDPL 3: nobody reads keys or hidden flash through it.
#![no_std]
#![no_main]

mod serial;
mod target;

#[path = "../../../secure-boot/src/bytes.rs"]
mod bytes;
#[path = "../../../secure-boot/src/startup.rs"]
mod startup;

use ironroot_codes::Code;
use ironroot_hal::{flash, jump, rcc, scb};
use ironroot_layout::stm32h7rs::rsslib::{NO_MPU_REGION, RAM, Service};
use ironroot_rss_h7rs::{hw, services, state};
use ironroot_uart_bootloader::device::{Device, Next, Sink};
use target::Chip;

struct Line(serial::Port);

impl Sink for Line {
    fn send(&mut self, bytes: &[u8]) {
        self.0.send(bytes);
    }
}

fn main() -> ! {
    rcc::enable_shared();
    hw::enable_sbs();
    scb::quiesce();
    if !state::is_unsettled(flash::product_state()) {
        jump::halt();
    }
    let mut line = Line(serial::Port::open());
    let mut chip = Chip::new();
    let mut device = Device::new();
    loop {
        match device.byte(line.0.receive(), &mut chip, &mut line) {
            Next::Wait => {}
            Next::Serve => {
                line.0.flush();
                chip.serve();
            }
            // There is no read protection to take away here; the command is refused before it comes to this.
            Next::Reset | Next::Unprotect => {
                line.0.flush();
                scb::system_reset()
            }
            Next::Start(vectors) => {
                line.0.release();
                scb::quiesce();
                services::leave(Service::JumpToLevel3, vectors, NO_MPU_REGION, RAM, refused)
            }
        }
    }
}

/// The vector table was one when it was looked at.
extern "C" fn refused() -> ! {
    scb::system_reset()
}

/// A fault: the host gets no answer, and starts again with a reset.
fn refuse_silently(_: Code) -> ! {
    jump::halt()
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    startup::panicked()
}
