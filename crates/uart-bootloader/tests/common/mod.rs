//! A chip that only remembers, for both ends of the protocol to meet at.

use ironroot_uart_bootloader::device::{Answer, Device, Erase, Next, Refused, Sink, Special, Target};
use ironroot_uart_bootloader::host::{Error, Exchange, Poll};
use ironroot_uart_bootloader::protocol::Command;

/// Where the memory of the chip lies.
pub const BASE: u32 = 0x0800_0000;
/// Its size.
pub const SIZE: u32 = 0x1000;

/// A chip with a little memory and a protocol of what was asked of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chip {
    pub memory: Vec<u8>,
    pub level1: bool,
    pub done: Vec<String>,
}

impl Default for Chip {
    fn default() -> Self {
        Chip { memory: vec![0xFF; SIZE as usize], level1: false, done: Vec::new() }
    }
}

impl Chip {
    fn place(&self, address: u32, length: usize) -> Option<std::ops::Range<usize>> {
        let start = address.checked_sub(BASE)? as usize;
        let end = start.checked_add(length)?;
        (end <= self.memory.len()).then_some(start..end)
    }

    fn note(&mut self, what: String) -> Result<(), Refused> {
        self.done.push(what);
        Ok(())
    }
}

impl Target for Chip {
    fn allows(&mut self, command: Command) -> bool {
        !self.level1 || command.at_level1()
    }
    fn product_id(&mut self) -> u16 {
        0x0483
    }
    fn sectors(&mut self) -> u32 {
        8
    }
    fn may_read(&mut self, address: u32) -> bool {
        self.place(address, 1).is_some()
    }
    fn may_write(&mut self, address: u32) -> bool {
        self.place(address, 1).is_some()
    }
    fn may_start(&mut self, address: u32) -> bool {
        self.place(address, 8).is_some()
    }
    fn read(&mut self, address: u32, into: &mut [u8]) -> Result<(), Refused> {
        let place = self.place(address, into.len()).ok_or(Refused)?;
        into.copy_from_slice(&self.memory[place]);
        Ok(())
    }
    fn write(&mut self, address: u32, bytes: &[u8]) -> Result<(), Refused> {
        let place = self.place(address, bytes.len()).ok_or(Refused)?;
        self.memory[place].copy_from_slice(bytes);
        Ok(())
    }
    fn erase(&mut self, what: Erase) -> Result<(), Refused> {
        if what == Erase::Bank2 {
            return Err(Refused);
        }
        self.note(format!("erase {what:?}"))
    }
    fn write_protect(&mut self, sectors: u32) -> Result<(), Refused> {
        self.note(format!("protect {sectors:#x}"))
    }
    fn write_unprotect(&mut self) -> Result<(), Refused> {
        self.note("unprotect".into())
    }
    fn readout_protect(&mut self) -> Result<(), Refused> {
        self.note("level 1".into())
    }
    fn special(&mut self, special: Special<'_>, answer: &mut Answer) -> bool {
        self.done.push(format!("special {:#x} {} {}", special.code, special.data.len(), special.write.len()));
        let len = special.data.len();
        answer.data[..len].copy_from_slice(special.data);
        answer.len = len;
        answer.status = 0x0102_0304;
        special.code == 0x0110
    }
}

/// What the device sent.
#[derive(Default)]
pub struct Wire(pub Vec<u8>);

impl Sink for Wire {
    fn send(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
}

/// Sends bytes to the device; what came back, and everything but [`Next::Wait`] that followed.
pub fn feed(device: &mut Device, chip: &mut Chip, bytes: &[u8]) -> (Vec<u8>, Vec<Next>) {
    let mut wire = Wire::default();
    let nexts = bytes
        .iter()
        .map(|&byte| device.byte(byte, chip, &mut wire))
        .filter(|next| *next != Next::Wait)
        .collect();
    (wire.0, nexts)
}

/// A device that is synchronised.
pub fn synchronised() -> Device {
    let mut device = Device::new();
    let (answer, _) = feed(&mut device, &mut Chip::default(), &[0x7F]);
    assert_eq!(answer, [0x79]);
    device
}

/// Runs an exchange of our host against our device. `None` is a timeout: the device had nothing to send.
#[allow(dead_code)] // not every test file talks through the host
pub fn exchange(
    device: &mut Device,
    chip: &mut Chip,
    exchange: &mut Exchange,
) -> Option<Result<Vec<Next>, Error>> {
    let mut line = std::collections::VecDeque::new();
    let mut nexts = Vec::new();
    loop {
        match exchange.poll() {
            Poll::Send(bytes) => {
                let (answer, more) = feed(device, chip, bytes);
                line.extend(answer);
                nexts.extend(more);
            }
            Poll::Receive(_) => {
                if let Err(error) = exchange.received(line.pop_front()?) {
                    return Some(Err(error));
                }
            }
            Poll::Done => {
                assert!(line.is_empty(), "the device sent more than the host takes: {line:02x?}");
                return Some(Ok(nexts));
            }
        }
    }
}
