//! The USART bootloader's protocol, both ends.

use ironroot_uart_bootloader::device::{Answer, Device, Erase, Next, Refused, Sink, Special, Target};
use ironroot_uart_bootloader::host::{Exchange, Poll};
use ironroot_uart_bootloader::protocol::{ACK, Command, SYNC};

use crate::{knobs, seed};

/// Where the memory of the chip lies, and its size.
const BASE: u32 = 0x0800_0000;
const SIZE: usize = 0x1000;
/// What is secret at level 1.
const SECRET: u8 = 0xA7;
/// No answer of the device to one byte is longer: a full read, or a special command's data and status.
const LONGEST_ANSWER: usize = 2048;

/// A chip with a little memory, whose write-protection and level are only counted.
#[derive(Clone, PartialEq, Eq)]
struct Chip {
    memory: Vec<u8>,
    level1: bool,
    changes: u32,
}

impl Chip {
    fn place(&self, address: u32, length: usize) -> Option<std::ops::Range<usize>> {
        let start = address.checked_sub(BASE)? as usize;
        let end = start.checked_add(length)?;
        (end <= self.memory.len()).then_some(start..end)
    }

    fn change(&mut self) -> Result<(), Refused> {
        self.changes += 1;
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
        assert!(!self.level1, "a protected memory was read");
        let place = self.place(address, into.len()).ok_or(Refused)?;
        into.copy_from_slice(&self.memory[place]);
        Ok(())
    }
    fn write(&mut self, address: u32, bytes: &[u8]) -> Result<(), Refused> {
        assert!(!self.level1, "a protected memory was written");
        let place = self.place(address, bytes.len()).ok_or(Refused)?;
        self.memory[place].copy_from_slice(bytes);
        Ok(())
    }
    fn erase(&mut self, what: Erase) -> Result<(), Refused> {
        assert!(!matches!(what, Erase::Sectors(sectors) if sectors >> 8 != 0), "a sector that is not there");
        self.change()
    }
    fn write_protect(&mut self, sectors: u32) -> Result<(), Refused> {
        assert!(sectors >> 8 == 0, "a sector that is not there");
        self.change()
    }
    fn write_unprotect(&mut self) -> Result<(), Refused> {
        self.change()
    }
    fn readout_protect(&mut self) -> Result<(), Refused> {
        self.change()
    }
    fn special(&mut self, special: Special<'_>, answer: &mut Answer) -> bool {
        let len = special.data.len();
        answer.data[..len].copy_from_slice(special.data);
        answer.len = len;
        special.code == 0x0110
    }
}

#[derive(Default)]
struct Wire(Vec<u8>);

impl Sink for Wire {
    fn send(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
}

/// Sends one byte, with what holds for every one; what came back.
fn feed(device: &mut Device, chip: &mut Chip, byte: u8) -> (Vec<u8>, Next) {
    let mut wire = Wire::default();
    let next = device.byte(byte, chip, &mut wire);
    assert!(wire.0.len() <= LONGEST_ANSWER, "an answer of {} bytes", wire.0.len());
    (wire.0, next)
}

/// Knobs: bit 0 level 1, bit 1 not yet synchronised. The rest is what the host sends.
pub fn device(data: &[u8]) {
    let ([knob], bytes) = knobs::<1>(data);
    let level1 = knob & 1 != 0;
    let mut chip = Chip { memory: vec![SECRET; SIZE], level1, changes: 0 };
    let before = chip.clone();
    let mut device = Device::new();
    let mut sent = Vec::new();
    if knob & 2 == 0 {
        sent.extend(feed(&mut device, &mut chip, SYNC).0);
    }
    for byte in bytes {
        let (answer, next) = feed(&mut device, &mut chip, *byte);
        sent.extend(answer);
        if next != Next::Wait {
            // The chip starts a program or resets: nobody listens any more.
            break;
        }
    }
    if level1 {
        assert!(!sent.contains(&SECRET), "level 1 gave memory away");
        assert!(chip.memory == before.memory, "level 1 let memory be changed");
    }
    // Nothing that a host sends can keep the device: zeros end any frame.
    for _ in 0..0x2_1000 {
        if device.is_idle() || !device.is_synchronised() {
            return;
        }
        feed(&mut device, &mut chip, 0);
    }
    panic!("a frame that never ends");
}

pub fn device_seeds() -> Vec<Vec<u8>> {
    let mut seeds = vec![seed(&[2], &[SYNC, SYNC, 0, 0xFF]), seed(&[0], &[0xFF; 8])];
    for mut exchange in exchanges() {
        let mut bytes = Vec::new();
        loop {
            match exchange.poll() {
                Poll::Send(more) => bytes.extend_from_slice(more),
                Poll::Receive(_) => {
                    if exchange.received(ACK).is_err() {
                        break;
                    }
                }
                Poll::Done => break,
            }
        }
        seeds.push(seed(&[0], &bytes));
        seeds.push(seed(&[1], &bytes));
    }
    seeds
}

/// One of each kind.
fn exchanges() -> Vec<Exchange> {
    [
        Ok(Exchange::sync()),
        Ok(Exchange::get()),
        Ok(Exchange::get_version()),
        Ok(Exchange::get_id()),
        Exchange::read(BASE, 256),
        Exchange::read(BASE + 4, 1),
        Ok(Exchange::go(BASE)),
        Exchange::write(BASE, &[1, 2, 3]),
        Exchange::write(BASE + 0xF00, &[0x5A; 256]),
        Exchange::erase_sectors(&[0, 7]),
        Exchange::erase_code(0xFFFD),
        Ok(Exchange::erase_all()),
        Exchange::write_protect(&[1, 2]),
        Ok(Exchange::write_unprotect()),
        Ok(Exchange::readout_protect()),
        Ok(Exchange::readout_unprotect()),
        Exchange::special(0x0110, &[1, 2, 3]),
        Exchange::special(0x0111, &[]),
        Exchange::extended_special(0x0110, &[9; 128], &[3; 100]),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Knobs: which exchange; number of acknowledgements before the bytes that follow. The rest is what the device sends.
pub fn host(data: &[u8]) {
    let ([which, acks], bytes) = knobs::<2>(data);
    let exchanges = exchanges();
    let Some(mut exchange) = exchanges.into_iter().nth(usize::from(which) % 19) else { return };
    let mut line = std::iter::repeat_n(ACK, usize::from(acks % 8)).chain(bytes.iter().copied());
    let mut polls = 0;
    loop {
        polls += 1;
        assert!(polls < 8 + 8 + 2 * (8 + bytes.len()), "an exchange that goes round in circles");
        let over = match exchange.poll() {
            Poll::Send(more) => {
                assert!(!more.is_empty());
                false
            }
            Poll::Receive(_) => match line.next() {
                None => true,
                Some(byte) => {
                    let received = exchange.received(byte);
                    // A failure stays one: a late ACK must not turn it into success.
                    assert_eq!(received.err(), exchange.error());
                    received.is_err() && {
                        assert!(exchange.received(ACK).is_err());
                        true
                    }
                }
            },
            Poll::Done => {
                assert!(exchange.error().is_none());
                true
            }
        };
        if over {
            break;
        }
    }
    let (data, status) = exchange.special_answer();
    assert!(data.len() + status.len() <= exchange.answer().len().max(data.len() + status.len()));
}

pub fn host_seeds() -> Vec<Vec<u8>> {
    // What our own device answers.
    let mut seeds = Vec::new();
    for (which, mut exchange) in (0_u8..).zip(exchanges()) {
        let mut chip = Chip { memory: (0..SIZE).map(|i| i as u8).collect(), level1: false, changes: 0 };
        let mut device = Device::new();
        if which != 0 {
            feed(&mut device, &mut chip, SYNC);
        }
        let mut answer = Vec::new();
        let mut line = std::collections::VecDeque::new();
        loop {
            match exchange.poll() {
                Poll::Send(bytes) => {
                    for byte in bytes {
                        line.extend(feed(&mut device, &mut chip, *byte).0);
                    }
                }
                Poll::Receive(_) => {
                    let Some(byte) = line.pop_front() else { break };
                    answer.push(byte);
                    if exchange.received(byte).is_err() {
                        break;
                    }
                }
                Poll::Done => break,
            }
        }
        seeds.push(seed(&[which, 0], &answer));
    }
    seeds
}
