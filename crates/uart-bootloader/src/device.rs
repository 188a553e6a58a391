//! The chip's end of the protocol: a state machine that takes one byte at a time.

use crate::protocol::{
    ACK, BLOCK, COMMANDS, Command, ERASE_ALL, ERASE_BANK1, ERASE_BANK2, ERASE_CODES, NACK, SPECIAL_DATA,
    SPECIAL_WRITE, SYNC, VERSION,
};

/// Where answers go.
pub trait Sink {
    /// Sends the bytes, all of them.
    fn send(&mut self, bytes: &[u8]);
}

/// The target does not do it; the host gets a NACK and no reason (the protocol has none).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused;

/// What extended erase asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Erase {
    /// The whole flash.
    All,
    /// Bank 1.
    Bank1,
    /// Bank 2.
    Bank2,
    /// Sectors: bit n is sector n.
    Sectors(u32),
}

/// A special command with its packets.
#[derive(Clone, Copy, Debug)]
pub struct Special<'a> {
    /// The product's own code.
    pub code: u16,
    /// The first packet, at most [`SPECIAL_DATA`] bytes.
    pub data: &'a [u8],
    /// The second packet, at most [`SPECIAL_WRITE`] bytes; empty for the plain special command.
    pub write: &'a [u8],
}

/// The answer to a special command.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    /// Room for the data.
    pub data: [u8; SPECIAL_DATA],
    /// How much of it is used.
    pub len: usize,
    /// The status that follows the data, sent least significant byte first.
    pub status: u32,
}

/// What a chip can do. Every address, number and packet comes from the host as it is: the target checks all of them.
pub trait Target {
    /// Whether the command is served in the present state of protection. Asked before anything of the command is looked at.
    fn allows(&mut self, command: Command) -> bool;
    /// The product id.
    fn product_id(&mut self) -> u16;
    /// Number of sectors, at most 32.
    fn sectors(&mut self) -> u32;
    /// Whether a read may begin at `address`.
    fn may_read(&mut self, address: u32) -> bool;
    /// Whether a write may begin at `address`.
    fn may_write(&mut self, address: u32) -> bool;
    /// Whether a program may be started whose vector table is at `address`.
    fn may_start(&mut self, address: u32) -> bool;
    /// Reads memory.
    fn read(&mut self, address: u32, into: &mut [u8]) -> Result<(), Refused>;
    /// Writes memory, and reads it back.
    fn write(&mut self, address: u32, bytes: &[u8]) -> Result<(), Refused>;
    /// Erases flash.
    fn erase(&mut self, what: Erase) -> Result<(), Refused>;
    /// Write-protects the sectors of the mask.
    fn write_protect(&mut self, sectors: u32) -> Result<(), Refused>;
    /// Takes all write protection away.
    fn write_unprotect(&mut self) -> Result<(), Refused>;
    /// Sets read protection level 1.
    fn readout_protect(&mut self) -> Result<(), Refused>;
    /// Serves a special command. True if something is to be done after the answer ([`Next::Serve`]).
    fn special(&mut self, special: Special<'_>, answer: &mut Answer) -> bool;
}

/// What follows a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The next byte.
    Wait,
    /// Start the program whose vector table is here.
    Start(u32),
    /// Reset the chip, so that the new option bytes are in force everywhere.
    Reset,
    /// Go back to read protection level 0, which erases, and reset.
    Unprotect,
    /// Do what the last special command left to be done.
    Serve,
}

/// What the next bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// [`SYNC`].
    Sync,
    /// A command.
    Opcode,
    /// The complement of this one.
    Complement(u8),
    /// The address of Read, Go or Write.
    Address(Command),
    /// The length of a read from this address.
    ReadLength(u32),
    /// Length and data of a write to this address.
    WriteData(u32),
    /// Count and numbers of extended erase.
    EraseList,
    /// Count and numbers of Write protect.
    ProtectList,
    /// The code of a special command; true for the extended one.
    SpecialCode(bool),
    /// The first packet of the special command with this code.
    SpecialData { code: u16, extended: bool },
    /// The second packet.
    SpecialWrite { code: u16 },
}

/// How far a field is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    More,
    Good,
    /// Complete, with a wrong checksum.
    Bad,
}

/// The device. Between bytes it waits for ever, as the ROM does: a host that gives up starts with a reset.
#[derive(Clone, Debug)]
pub struct Device {
    step: Step,
    /// Bytes of the field so far.
    count: u32,
    /// Exclusive or of them.
    sum: u8,
    /// The leading number of the field: address, or length.
    value: u32,
    /// The list so far: bit n is sector n.
    mask: u32,
    /// The first byte of a number in the list.
    high: u8,
    /// False when the list or packet holds more than the target has or the buffer takes.
    fits: bool,
    data: [u8; SPECIAL_DATA],
    data_len: usize,
    block: [u8; SPECIAL_WRITE],
}

impl Default for Device {
    fn default() -> Self {
        Self::new()
    }
}

impl Device {
    /// A device that waits for [`SYNC`].
    pub const fn new() -> Self {
        Device {
            step: Step::Sync,
            count: 0,
            sum: 0,
            value: 0,
            mask: 0,
            high: 0,
            fits: true,
            data: [0; SPECIAL_DATA],
            data_len: 0,
            block: [0; SPECIAL_WRITE],
        }
    }

    /// Whether the host has synchronised.
    pub fn is_synchronised(&self) -> bool {
        self.step != Step::Sync
    }

    /// Whether the device waits for a command, rather than for the rest of one.
    pub fn is_idle(&self) -> bool {
        self.step == Step::Opcode
    }

    /// Takes a byte from the host.
    pub fn byte(&mut self, byte: u8, target: &mut impl Target, sink: &mut impl Sink) -> Next {
        match self.step {
            Step::Sync if byte == SYNC => self.accept(Step::Opcode, sink),
            Step::Sync => Next::Wait,
            // The host lost track and tries to synchronise again: it must get an answer at once.
            Step::Opcode if byte == SYNC => self.refuse(sink),
            Step::Opcode => {
                self.step = Step::Complement(byte);
                Next::Wait
            }
            Step::Complement(opcode) => match Command::from_opcode(opcode) {
                Some(command) if byte == !opcode && target.allows(command) => {
                    self.command(command, target, sink)
                }
                _ => self.refuse(sink),
            },
            Step::Address(command) => match self.number(byte, 4) {
                Field::More => Next::Wait,
                Field::Bad => self.refuse(sink),
                Field::Good => self.address(command, self.value, target, sink),
            },
            Step::ReadLength(address) => match self.read_length(byte) {
                Field::More => Next::Wait,
                Field::Bad => self.refuse(sink),
                Field::Good => self.read(address, target, sink),
            },
            Step::WriteData(address) => match self.counted_bytes(byte) {
                Field::More => Next::Wait,
                Field::Bad => self.refuse(sink),
                Field::Good => {
                    let length = self.value as usize + 1;
                    let written = match self.block.get(..length) {
                        Some(bytes) => target.write(address, bytes),
                        None => Err(Refused),
                    };
                    self.answer(written, Next::Wait, sink)
                }
            },
            Step::EraseList => match self.sector_words(byte, target.sectors()) {
                Field::More => Next::Wait,
                Field::Bad => self.refuse(sink),
                Field::Good => {
                    let erased = self.erase(target);
                    self.answer(erased, Next::Wait, sink)
                }
            },
            Step::ProtectList => match self.sector_bytes(byte, target.sectors()) {
                Field::More => Next::Wait,
                Field::Bad => self.refuse(sink),
                Field::Good => {
                    let protected = if self.fits { target.write_protect(self.mask) } else { Err(Refused) };
                    self.answer(protected, Next::Reset, sink)
                }
            },
            Step::SpecialCode(extended) => match self.number(byte, 2) {
                Field::More => Next::Wait,
                Field::Bad => self.refuse(sink),
                Field::Good => {
                    let code = self.value as u16;
                    self.accept(Step::SpecialData { code, extended }, sink)
                }
            },
            Step::SpecialData { code, extended } => match self.packet(byte, SPECIAL_DATA) {
                Field::More => Next::Wait,
                Field::Bad => self.refuse(sink),
                Field::Good => {
                    self.data_len = self.value as usize;
                    for (to, from) in self.data.iter_mut().zip(&self.block) {
                        *to = *from;
                    }
                    if extended {
                        return self.accept(Step::SpecialWrite { code }, sink);
                    }
                    sink.send(&[ACK]);
                    self.special(code, 0, target, sink)
                }
            },
            Step::SpecialWrite { code } => match self.packet(byte, SPECIAL_WRITE) {
                Field::More => Next::Wait,
                Field::Bad => self.refuse(sink),
                Field::Good => {
                    sink.send(&[ACK]);
                    self.special(code, self.value as usize, target, sink)
                }
            },
        }
    }

    fn begin(&mut self, step: Step) {
        self.step = step;
        (self.count, self.sum, self.value, self.mask, self.fits) = (0, 0, 0, 0, true);
    }

    fn accept(&mut self, step: Step, sink: &mut impl Sink) -> Next {
        sink.send(&[ACK]);
        self.begin(step);
        Next::Wait
    }

    fn refuse(&mut self, sink: &mut impl Sink) -> Next {
        sink.send(&[NACK]);
        self.begin(Step::Opcode);
        Next::Wait
    }

    /// ACK and `next`, or NACK.
    fn answer(&mut self, outcome: Result<(), Refused>, next: Next, sink: &mut impl Sink) -> Next {
        match outcome {
            Ok(()) => {
                sink.send(&[ACK]);
                self.end(next)
            }
            Err(Refused) => self.refuse(sink),
        }
    }

    /// The command is over; whatever ends in a reset begins again with [`SYNC`].
    fn end(&mut self, next: Next) -> Next {
        self.begin(if matches!(next, Next::Wait | Next::Serve) { Step::Opcode } else { Step::Sync });
        next
    }

    fn command(&mut self, command: Command, target: &mut impl Target, sink: &mut impl Sink) -> Next {
        match command {
            Command::Get => {
                sink.send(&[ACK, COMMANDS.len() as u8, VERSION]);
                for entry in &COMMANDS {
                    sink.send(&[entry.opcode]);
                }
                self.accept(Step::Opcode, sink)
            }
            Command::GetVersion => {
                sink.send(&[ACK, VERSION, 0, 0]);
                self.accept(Step::Opcode, sink)
            }
            Command::GetId => {
                let [high, low] = target.product_id().to_be_bytes();
                sink.send(&[ACK, 1, high, low]);
                self.accept(Step::Opcode, sink)
            }
            Command::Read | Command::Go | Command::Write => self.accept(Step::Address(command), sink),
            Command::ExtendedErase => self.accept(Step::EraseList, sink),
            Command::WriteProtect => self.accept(Step::ProtectList, sink),
            Command::Special => self.accept(Step::SpecialCode(false), sink),
            Command::ExtendedSpecial => self.accept(Step::SpecialCode(true), sink),
            Command::WriteUnprotect => {
                sink.send(&[ACK]);
                let done = target.write_unprotect();
                self.answer(done, Next::Reset, sink)
            }
            Command::ReadoutProtect => {
                sink.send(&[ACK]);
                let done = target.readout_protect();
                self.answer(done, Next::Reset, sink)
            }
            Command::ReadoutUnprotect => {
                // Both at once: RAM is gone when it is done, and nobody is there to send the second.
                sink.send(&[ACK, ACK]);
                self.end(Next::Unprotect)
            }
        }
    }

    fn address(
        &mut self,
        command: Command,
        address: u32,
        target: &mut impl Target,
        sink: &mut impl Sink,
    ) -> Next {
        let next = match command {
            Command::Read if target.may_read(address) => Step::ReadLength(address),
            Command::Write if target.may_write(address) => Step::WriteData(address),
            Command::Go if target.may_start(address) => {
                sink.send(&[ACK]);
                return self.end(Next::Start(address));
            }
            _ => return self.refuse(sink),
        };
        self.accept(next, sink)
    }

    fn read(&mut self, address: u32, target: &mut impl Target, sink: &mut impl Sink) -> Next {
        let length = self.value as usize + 1;
        let Some(block) = self.block.get_mut(..length) else { return self.refuse(sink) };
        // Read before the ACK: a refusal must come instead of data, not in the middle of it.
        if target.read(address, block).is_err() {
            return self.refuse(sink);
        }
        sink.send(&[ACK]);
        sink.send(block);
        self.end(Next::Wait)
    }

    fn erase(&self, target: &mut impl Target) -> Result<(), Refused> {
        match self.value as u16 {
            ERASE_ALL => target.erase(Erase::All),
            ERASE_BANK1 => target.erase(Erase::Bank1),
            ERASE_BANK2 => target.erase(Erase::Bank2),
            ERASE_CODES.. => Err(Refused),
            _ if self.fits => target.erase(Erase::Sectors(self.mask)),
            _ => Err(Refused),
        }
    }

    fn special(&mut self, code: u16, write: usize, target: &mut impl Target, sink: &mut impl Sink) -> Next {
        let special = Special {
            code,
            data: self.data.get(..self.data_len).unwrap_or(&[]),
            write: self.block.get(..write).unwrap_or(&[]),
        };
        let mut answer = Answer { data: [0; SPECIAL_DATA], len: 0, status: 0 };
        let serve = target.special(special, &mut answer);
        let data = answer.data.get(..answer.len).unwrap_or(&[]);
        sink.send(&(data.len() as u16).to_be_bytes());
        sink.send(data);
        sink.send(&[0, 4]);
        sink.send(&answer.status.to_le_bytes());
        sink.send(&[ACK]);
        // What a packet held may have been a secret.
        self.data = [0; SPECIAL_DATA];
        self.block = [0; SPECIAL_WRITE];
        self.end(if serve { Next::Serve } else { Next::Wait })
    }

    fn take(&mut self, byte: u8) {
        self.count = self.count.saturating_add(1);
        self.sum ^= byte;
    }

    fn checked(&self) -> Field {
        if self.sum == 0 { Field::Good } else { Field::Bad }
    }

    /// A number of `length` bytes, most significant first, and its checksum.
    fn number(&mut self, byte: u8, length: u32) -> Field {
        self.take(byte);
        if self.count <= length {
            self.value = self.value << 8 | u32::from(byte);
            return Field::More;
        }
        self.checked()
    }

    /// Length minus 1 and its complement.
    fn read_length(&mut self, byte: u8) -> Field {
        self.take(byte);
        if self.count == 1 {
            self.value = u32::from(byte);
            return Field::More;
        }
        // A field of one byte: the two together are all ones.
        if self.sum == 0xFF { Field::Good } else { Field::Bad }
    }

    /// Length minus 1 in one byte, the bytes, checksum.
    fn counted_bytes(&mut self, byte: u8) -> Field {
        const { assert!(BLOCK <= SPECIAL_WRITE) };
        self.take(byte);
        match self.count {
            1 => self.value = u32::from(byte),
            count if count <= self.value + 2 => {
                if let Some(place) = self.block.get_mut(count as usize - 2) {
                    *place = byte;
                }
            }
            _ => return self.checked(),
        }
        Field::More
    }

    fn sector(&mut self, number: u32, sectors: u32) {
        match 1_u32.checked_shl(number) {
            Some(bit) if number < sectors => self.mask |= bit,
            _ => self.fits = false,
        }
    }

    /// Count minus 1 in one byte, numbers of one byte, checksum.
    fn sector_bytes(&mut self, byte: u8, sectors: u32) -> Field {
        self.take(byte);
        match self.count {
            1 => self.value = u32::from(byte),
            count if count <= self.value + 2 => self.sector(u32::from(byte), sectors),
            _ => return self.checked(),
        }
        Field::More
    }

    /// Count minus 1 in two bytes, numbers of two bytes, checksum. The list is not stored: however long it is, it is read to
    /// its end.
    fn sector_words(&mut self, byte: u8, sectors: u32) -> Field {
        self.take(byte);
        if self.count <= 2 {
            self.value = self.value << 8 | u32::from(byte);
            return Field::More;
        }
        let numbers = if self.value >= u32::from(ERASE_CODES) { 0 } else { self.value + 1 };
        if self.count > 2 + 2 * numbers {
            return self.checked();
        }
        if self.count % 2 == 1 {
            self.high = byte;
        } else {
            self.sector(u32::from(self.high) << 8 | u32::from(byte), sectors);
        }
        Field::More
    }

    /// Size in two bytes, the bytes, checksum. One that is too large is read to its end, and bad.
    fn packet(&mut self, byte: u8, limit: usize) -> Field {
        self.take(byte);
        if self.count <= 2 {
            self.value = self.value << 8 | u32::from(byte);
            return Field::More;
        }
        if self.count <= self.value + 2 {
            let index = self.count as usize - 3;
            match self.block.get_mut(index) {
                Some(place) if index < limit => *place = byte,
                _ => self.fits = false,
            }
            return Field::More;
        }
        if self.fits { self.checked() } else { Field::Bad }
    }
}
