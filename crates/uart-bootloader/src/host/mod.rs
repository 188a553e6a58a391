//! The flasher's end of the protocol: one command as a script of what to send and what to wait for.
//!
//! The caller moves the bytes and watches the clock:
//!
//! ```
//! use ironroot_uart_bootloader::host::{Exchange, Poll};
//!
//! let mut exchange = Exchange::get_id();
//! let mut line = [0x79, 0x01, 0x04, 0x83, 0x79].into_iter();
//! loop {
//!     match exchange.poll() {
//!         Poll::Send(bytes) => println!("to the port: {bytes:02x?}"),
//!         Poll::Receive(_limit) => match line.next() {
//!             Some(byte) => exchange.received(byte).expect("no NACK"),
//!             None => panic!("a timeout"),
//!         },
//!         Poll::Done => break,
//!     }
//! }
//! assert_eq!(exchange.answer(), [0x04, 0x83]);
//! ```

mod commands;

use core::fmt;

use crate::protocol::{ACK, BUSY, NACK, SPECIAL_WRITE};

/// What the caller is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Poll<'a> {
    /// Send these bytes.
    Send(&'a [u8]),
    /// Wait for one byte, so long at most.
    Receive(Patience),
    /// The command is complete.
    Done,
}

/// How long the device may take for the next byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// It has nothing to do but to answer.
    Short,
    /// It programs up to 256 bytes.
    Write,
    /// It erases so many sectors.
    Erase(u16),
    /// It erases all, or changes option bytes.
    Mass,
}

impl Patience {
    /// The longest time in milliseconds, with room for a slow part.
    pub fn milliseconds(self) -> u32 {
        match self {
            Patience::Short => 1_000,
            Patience::Write => 2_000,
            Patience::Erase(sectors) => 2_000 + 5_000 * u32::from(sectors),
            Patience::Mass => 45_000,
        }
    }
}

/// Where in the command something was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The command itself: unknown, or not served at this level of protection.
    Command,
    /// The address, or the code of a special command.
    Address,
    /// Length, data or list: the operation was refused or failed.
    Data,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Part::Command => "the command",
            Part::Address => "the address",
            Part::Data => "the operation",
        })
    }
}

/// Why a command failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The device refused.
    Nack(Part),
    /// A byte that the protocol does not have here.
    Unexpected(u8),
    /// The answer is longer than any that the protocol has.
    TooLong,
    /// The caller asked for something that no frame can carry.
    Argument,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Nack(part) => write!(f, "the device refused {part}"),
            Error::Unexpected(byte) => write!(f, "the device sent 0x{byte:02X} where an answer belongs"),
            Error::TooLong => f.write_str("the device announced an answer that is too long"),
            Error::Argument => f.write_str("the request does not fit a frame of the protocol"),
        }
    }
}

impl core::error::Error for Error {}

/// One step of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Send the next so many bytes of the frame.
    Send(u16),
    /// An ACK, in answer to this part.
    Ack(Part, Patience),
    /// So many bytes of answer.
    Bytes(u16),
    /// A count minus 1 in one byte, then the bytes.
    Counted8,
    /// A count in two bytes, then the bytes.
    Counted16,
    /// The end.
    End,
}

/// Most steps of a script: extended special has 12.
const STEPS: usize = 13;
/// Longest frame: command, code, packet of data, packet to write.
const FRAME: usize = 2 + 3 + 131 + SPECIAL_WRITE + 3;
/// Longest answer: data and status.
const ANSWER: usize = SPECIAL_WRITE + 64;

/// One command under way.
#[derive(Clone)]
pub struct Exchange {
    frame: [u8; FRAME],
    len: usize,
    sent: usize,
    steps: [Step; STEPS],
    step: usize,
    /// Bytes of the present step, and the count that it began with.
    taken: u16,
    count: u16,
    answer: [u8; ANSWER],
    answered: usize,
    /// Where each counted part of the answer ends.
    ends: [usize; 2],
    parts: usize,
    failed: Option<Error>,
}

impl Exchange {
    fn new() -> Self {
        Exchange {
            frame: [0; FRAME],
            len: 0,
            sent: 0,
            steps: [Step::End; STEPS],
            step: 0,
            taken: 0,
            count: 0,
            answer: [0; ANSWER],
            answered: 0,
            ends: [0; 2],
            parts: 0,
            failed: None,
        }
    }

    fn current(&self) -> Step {
        self.steps.get(self.step).copied().unwrap_or(Step::End)
    }

    fn advance(&mut self) {
        self.step += 1;
        (self.taken, self.count) = (0, 0);
    }

    /// What to do now. Bytes to send are given once.
    pub fn poll(&mut self) -> Poll<'_> {
        if self.failed.is_some() {
            return Poll::Done;
        }
        match self.current() {
            Step::Send(count) => {
                let from = self.sent;
                self.sent = (from + usize::from(count)).min(self.len);
                self.advance();
                Poll::Send(self.frame.get(from..self.sent).unwrap_or(&[]))
            }
            Step::Ack(_, patience) => Poll::Receive(patience),
            Step::Bytes(_) | Step::Counted8 | Step::Counted16 => Poll::Receive(Patience::Short),
            Step::End => Poll::Done,
        }
    }

    /// The device sent a byte.
    pub fn received(&mut self, byte: u8) -> Result<(), Error> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let taken = self.take(byte);
        self.failed = taken.err();
        taken
    }

    fn take(&mut self, byte: u8) -> Result<(), Error> {
        match self.current() {
            Step::Ack(part, _) => match byte {
                ACK => self.advance(),
                NACK => return Err(Error::Nack(part)),
                // Still at work; the caller waits anew.
                BUSY => {}
                other => return Err(Error::Unexpected(other)),
            },
            Step::Bytes(count) => {
                self.keep(byte)?;
                self.taken += 1;
                if self.taken == count {
                    self.advance();
                }
            }
            Step::Counted8 if self.taken == 0 => {
                self.count = u16::from(byte) + 1;
                self.taken = 1;
            }
            Step::Counted8 => {
                self.keep(byte)?;
                self.count -= 1;
                if self.count == 0 {
                    self.end_part();
                }
            }
            Step::Counted16 if self.taken < 2 => {
                self.count = self.count << 8 | u16::from(byte);
                self.taken += 1;
                if self.taken == 2 && usize::from(self.count) > SPECIAL_WRITE {
                    return Err(Error::TooLong);
                }
                if self.taken == 2 && self.count == 0 {
                    self.end_part();
                }
            }
            Step::Counted16 => {
                self.keep(byte)?;
                self.count -= 1;
                if self.count == 0 {
                    self.end_part();
                }
            }
            Step::Send(_) | Step::End => return Err(Error::Unexpected(byte)),
        }
        Ok(())
    }

    fn keep(&mut self, byte: u8) -> Result<(), Error> {
        let place = self.answer.get_mut(self.answered).ok_or(Error::TooLong)?;
        *place = byte;
        self.answered += 1;
        Ok(())
    }

    fn end_part(&mut self) {
        if let Some(end) = self.ends.get_mut(self.parts) {
            *end = self.answered;
        }
        self.parts += 1;
        self.advance();
    }

    /// The bytes that the device answered with, without counts and ACKs.
    pub fn answer(&self) -> &[u8] {
        self.answer.get(..self.answered).unwrap_or(&[])
    }

    /// Data and status of the answer to a special command.
    pub fn special_answer(&self) -> (&[u8], &[u8]) {
        let [data, status] = self.ends;
        (self.answer.get(..data).unwrap_or(&[]), self.answer.get(data..status).unwrap_or(&[]))
    }

    /// Why the command failed.
    pub fn error(&self) -> Option<Error> {
        self.failed
    }
}

/// Without the data: frames may carry keys, and logs are kept.
impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let opcode = self.frame.first();
        write!(f, "Exchange({opcode:02x?}, step {} of {:?}, {:?})", self.step, self.steps, self.failed)
    }
}
