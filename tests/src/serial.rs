//! A flasher on a USART of a virtual device: our host end of the bootloader protocol, without a clock on the wall.

use std::collections::VecDeque;

use ironroot_cpu::machine::Stop;
use ironroot_uart_bootloader::host::{Error, Exchange, Poll};

use crate::device::Device;

/// Instructions that the device may take for one byte: mass erase is the longest it has to do.
const PATIENCE: u64 = 2_000_000_000;

/// What came of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The device sleeps, or took too long.
    Silence,
    /// The device refused, or answered nonsense.
    Refused(Error),
}

/// The host's end of the cable.
pub struct Serial {
    port: u8,
    line: VecDeque<u8>,
    /// Every byte that the device ever sent.
    pub heard: Vec<u8>,
}

impl Serial {
    /// A cable to USARTn.
    pub fn new(port: u8) -> Self {
        Serial { port, line: VecDeque::new(), heard: Vec::new() }
    }

    /// A cable to the console port, with the bootloader synchronised on it.
    #[track_caller]
    pub fn connect(device: &mut Device) -> Self {
        let mut serial = Serial::new(3);
        serial.run(device, Exchange::sync()).expect("the bootloader answers");
        serial
    }

    /// Runs one command.
    pub fn run(&mut self, device: &mut Device, mut script: Exchange) -> Result<Exchange, Trouble> {
        loop {
            match script.poll() {
                Poll::Send(bytes) => {
                    assert!(device.machine.core.bus.feed_uart_input(self.port, bytes));
                    device.machine.poke();
                }
                Poll::Receive(_) => {
                    let byte = self.receive(device).ok_or(Trouble::Silence)?;
                    script.received(byte).map_err(Trouble::Refused)?;
                }
                Poll::Done => return Ok(script),
            }
        }
    }

    fn receive(&mut self, device: &mut Device) -> Option<u8> {
        let mut left = PATIENCE;
        while self.line.is_empty() {
            let before = device.machine.core.instructions;
            let stop = device.machine.run(left.min(1_000_000));
            let bytes = device.machine.core.bus.take_uart_output(self.port);
            self.heard.extend(&bytes);
            self.line.extend(bytes);
            left = left.saturating_sub((device.machine.core.instructions - before).max(1));
            if self.line.is_empty() && (stop != Stop::Limit || left == 0) {
                return None;
            }
        }
        self.line.pop_front()
    }

    /// Reads memory in blocks.
    pub fn read(&mut self, device: &mut Device, address: u32, length: usize) -> Result<Vec<u8>, Trouble> {
        let mut bytes = Vec::new();
        while bytes.len() < length {
            let count = (length - bytes.len()).min(256);
            let script = Exchange::read(address + bytes.len() as u32, count).expect("a block");
            bytes.extend_from_slice(self.run(device, script)?.answer());
        }
        Ok(bytes)
    }

    /// Writes memory in blocks.
    pub fn write(&mut self, device: &mut Device, address: u32, bytes: &[u8]) -> Result<(), Trouble> {
        for (at, block) in (address..).step_by(256).zip(bytes.chunks(256)) {
            self.run(device, Exchange::write(at, block).expect("a block"))?;
        }
        Ok(())
    }
}
