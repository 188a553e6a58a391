//! The system bootloader: the USART protocol of AN3155 on the chip.
//!
//! Entered by a boot from system flash (BOOT0), by RSS when there is nothing to start, and by a jump of an application to
//! the pair at 0x1FF0_9800. It never closes, so it is ordinary code: what it may do, the flash controller decides as for an
//! application. What it adds of itself is the rule of read protection: at level 1 four commands, at level 2 none at all.

mod target;

use ironroot_hal::flash::{self, OptionChange, ReadProtection};
use ironroot_hal::host::HostMemory;
use ironroot_hal::serial::{self, Port};
use ironroot_hal::{jump, scb};
use ironroot_layout::stm32h735::rss;
use ironroot_uart_bootloader::device::{Device, Next, Sink};
use ironroot_uart_bootloader::protocol::SYNC;
use target::Chip;

struct Line(Port);

impl Sink for Line {
    fn send(&mut self, bytes: &[u8]) {
        self.0.send(bytes);
    }
}

/// Serves a host until it starts a program or resets the chip.
pub fn run(memory: HostMemory) -> ! {
    jump::disable_interrupts();
    // Whoever jumped here may have left interrupts and timers on.
    scb::quiesce();
    if flash::read_protection() == ReadProtection::Level2 {
        // Not reachable, says the manual: deaf, if an application jumps here all the same.
        jump::halt();
    }
    let mut line = Line(serial::open(SYNC));
    let mut chip = Chip::new(memory);
    let mut device = Device::new();
    device.byte(SYNC, &mut chip, &mut line);
    loop {
        match device.byte(line.0.receive(), &mut chip, &mut line) {
            Next::Wait => {}
            Next::Serve => {
                line.0.flush();
                chip.serve();
            }
            Next::Reset => {
                line.0.flush();
                scb::system_reset()
            }
            Next::Unprotect => {
                line.0.flush();
                // Whatever comes of it, the host sees the level after the reset.
                let _ = flash::change_option(OptionChange::read_protection(target::LEVEL_0));
                scb::system_reset()
            }
            Next::Start(vectors) => {
                line.0.release();
                scb::quiesce();
                jump::wipe_and_enter(vectors, rss::BOOTLOADER_RAM)
            }
        }
    }
}
