//! The scripts: one function a command.

use super::{Error, Exchange, Part, Patience, Step};
use crate::protocol::{BLOCK, Command, ERASE_ALL, ERASE_CODES, SPECIAL_DATA, SPECIAL_WRITE, SYNC, checksum};

/// Writes a script and its frame.
struct Writer(Exchange);

impl Writer {
    fn new() -> Self {
        Writer(Exchange::new())
    }

    fn step(mut self, step: Step) -> Self {
        let used = self.0.steps.iter().take_while(|step| **step != Step::End).count();
        if let Some(place) = self.0.steps.get_mut(used) {
            *place = step;
        }
        self
    }

    fn put(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if let Some(place) = self.0.frame.get_mut(self.0.len) {
                *place = *byte;
                self.0.len += 1;
            }
        }
    }

    /// Bytes as they are, then an ACK.
    fn send(mut self, bytes: &[u8], part: Part, patience: Patience) -> Self {
        let from = self.0.len;
        self.put(bytes);
        let sent = (self.0.len - from) as u16;
        self.step(Step::Send(sent)).step(Step::Ack(part, patience))
    }

    /// A field of several pieces with its checksum, then an ACK.
    fn field(mut self, pieces: &[&[u8]], part: Part, patience: Patience) -> Self {
        let from = self.0.len;
        for piece in pieces {
            self.put(piece);
        }
        let sum = checksum(self.0.frame.get(from..self.0.len).unwrap_or(&[]));
        self.put(&[sum]);
        let sent = (self.0.len - from) as u16;
        self.step(Step::Send(sent)).step(Step::Ack(part, patience))
    }

    fn command(self, command: Command) -> Self {
        let opcode = command.opcode();
        self.send(&[opcode, !opcode], Part::Command, Patience::Short)
    }

    fn address(self, address: u32) -> Self {
        self.field(&[&address.to_be_bytes()], Part::Address, Patience::Short)
    }

    fn last_ack(self, patience: Patience) -> Self {
        self.step(Step::Ack(Part::Data, patience))
    }

    fn done(self) -> Exchange {
        self.0
    }
}

/// The length of a block as the protocol writes it.
fn minus_one(length: usize) -> Result<u8, Error> {
    match length {
        1..=BLOCK => u8::try_from(length - 1).map_err(|_| Error::Argument),
        _ => Err(Error::Argument),
    }
}

impl Exchange {
    /// The first byte. A device that is synchronised already answers with a NACK ([`Part::Command`]), which is as good.
    pub fn sync() -> Self {
        Writer::new().send(&[SYNC], Part::Command, Patience::Short).done()
    }

    /// Get: the answer is the version and the commands.
    pub fn get() -> Self {
        Writer::new().command(Command::Get).step(Step::Counted8).last_ack(Patience::Short).done()
    }

    /// Get version: the answer is the version and two bytes without meaning.
    pub fn get_version() -> Self {
        Writer::new().command(Command::GetVersion).step(Step::Bytes(3)).last_ack(Patience::Short).done()
    }

    /// Get id: the answer is the product id, most significant byte first.
    pub fn get_id() -> Self {
        Writer::new().command(Command::GetId).step(Step::Counted8).last_ack(Patience::Short).done()
    }

    /// Read: the answer is the bytes, 1 to 256.
    pub fn read(address: u32, length: usize) -> Result<Self, Error> {
        let count = minus_one(length)?;
        Ok(Writer::new()
            .command(Command::Read)
            .address(address)
            .send(&[count, !count], Part::Data, Patience::Short)
            .step(Step::Bytes(u16::from(count) + 1))
            .done())
    }

    /// Go: starts the program whose vector table is at `address`.
    pub fn go(address: u32) -> Self {
        Writer::new().command(Command::Go).address(address).done()
    }

    /// Write: 1 to 256 bytes.
    pub fn write(address: u32, bytes: &[u8]) -> Result<Self, Error> {
        let count = minus_one(bytes.len())?;
        Ok(Writer::new()
            .command(Command::Write)
            .address(address)
            .field(&[&[count], bytes], Part::Data, Patience::Write)
            .done())
    }

    /// Extended erase of sectors; at most 256 of them in one command.
    pub fn erase_sectors(sectors: &[u16]) -> Result<Self, Error> {
        let count = u16::try_from(sectors.len()).map_err(|_| Error::Argument)?;
        if count == 0 || count > BLOCK as u16 {
            return Err(Error::Argument);
        }
        let mut list = [0; 2 * BLOCK];
        for (place, sector) in list.chunks_exact_mut(2).zip(sectors) {
            for (to, from) in place.iter_mut().zip(sector.to_be_bytes()) {
                *to = from;
            }
        }
        let list = list.get(..2 * sectors.len()).ok_or(Error::Argument)?;
        Ok(Writer::new()
            .command(Command::ExtendedErase)
            .field(&[&(count - 1).to_be_bytes(), list], Part::Data, Patience::Erase(count))
            .done())
    }

    /// Extended erase with a code: [`ERASE_ALL`] or a bank.
    pub fn erase_code(code: u16) -> Result<Self, Error> {
        if code < ERASE_CODES {
            return Err(Error::Argument);
        }
        Ok(Writer::new()
            .command(Command::ExtendedErase)
            .field(&[&code.to_be_bytes()], Part::Data, Patience::Mass)
            .done())
    }

    /// Extended erase of everything.
    pub fn erase_all() -> Self {
        // The code is one.
        Self::erase_code(ERASE_ALL).unwrap_or_else(|_| Self::new())
    }

    /// Write protect: the sectors, by number. The device resets.
    pub fn write_protect(sectors: &[u8]) -> Result<Self, Error> {
        let count = minus_one(sectors.len())?;
        Ok(Writer::new()
            .command(Command::WriteProtect)
            .field(&[&[count], sectors], Part::Data, Patience::Mass)
            .done())
    }

    /// Write unprotect. The device resets.
    pub fn write_unprotect() -> Self {
        Writer::new().command(Command::WriteUnprotect).last_ack(Patience::Mass).done()
    }

    /// Readout protect: level 1. The device resets.
    pub fn readout_protect() -> Self {
        Writer::new().command(Command::ReadoutProtect).last_ack(Patience::Mass).done()
    }

    /// Readout unprotect: back to level 0, which erases the flash. The device resets.
    pub fn readout_unprotect() -> Self {
        Writer::new().command(Command::ReadoutUnprotect).last_ack(Patience::Mass).done()
    }

    /// A special command ([`crate::special`]).
    pub fn special(code: u16, data: &[u8]) -> Result<Self, Error> {
        Ok(Self::packets(Command::Special, code, data)?.answered())
    }

    /// An extended special command: with a large packet more.
    pub fn extended_special(code: u16, data: &[u8], write: &[u8]) -> Result<Self, Error> {
        let size = u16::try_from(write.len()).map_err(|_| Error::Argument)?;
        if write.len() > SPECIAL_WRITE {
            return Err(Error::Argument);
        }
        Ok(Self::packets(Command::ExtendedSpecial, code, data)?
            .field(&[&size.to_be_bytes(), write], Part::Data, Patience::Write)
            .answered())
    }

    fn packets(command: Command, code: u16, data: &[u8]) -> Result<Writer, Error> {
        let size = u16::try_from(data.len()).map_err(|_| Error::Argument)?;
        if data.len() > SPECIAL_DATA {
            return Err(Error::Argument);
        }
        Ok(Writer::new()
            .command(command)
            .field(&[&code.to_be_bytes()], Part::Address, Patience::Short)
            .field(&[&size.to_be_bytes(), data], Part::Data, Patience::Write))
    }
}

impl Writer {
    /// The answer of a special command: data, status, ACK.
    fn answered(self) -> Exchange {
        self.step(Step::Counted16).step(Step::Counted16).last_ack(Patience::Short).done()
    }
}
