//! The numbers of the protocol: control bytes, commands, limits.

/// The host's first byte; the device measures the bit rate with it.
pub const SYNC: u8 = 0x7F;
/// Accepted.
pub const ACK: u8 = 0x79;
/// Refused; the command is over.
pub const NACK: u8 = 0x1F;
/// Still working.
pub const BUSY: u8 = 0x76;
/// Version 3.1 of the protocol: high nibble, low nibble.
pub const VERSION: u8 = 0x31;

/// Most bytes of one read or write.
pub const BLOCK: usize = 256;
/// Most data bytes of the first packet of a special command.
pub const SPECIAL_DATA: usize = 128;
/// Most data bytes of the second packet of an extended special command, and of an answer.
pub const SPECIAL_WRITE: usize = 1024;
/// Most bytes of the status of a special command.
pub const SPECIAL_STATUS: usize = 16;

/// Extended erase: the whole flash.
pub const ERASE_ALL: u16 = 0xFFFF;
/// Extended erase: bank 1.
pub const ERASE_BANK1: u16 = 0xFFFE;
/// Extended erase: bank 2.
pub const ERASE_BANK2: u16 = 0xFFFD;
/// From here up the count field of extended erase is a code and no sector list follows.
pub const ERASE_CODES: u16 = 0xFFF0;

/// A command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Version and commands.
    Get,
    /// Version and two bytes that were once option bytes.
    GetVersion,
    /// Product id.
    GetId,
    /// Reads up to 256 bytes.
    Read,
    /// Starts a program.
    Go,
    /// Writes up to 256 bytes.
    Write,
    /// Erases sectors with numbers of 16 bits, banks, or all.
    ExtendedErase,
    /// A product's own command.
    Special,
    /// The same with a large packet more.
    ExtendedSpecial,
    /// Write-protects sectors.
    WriteProtect,
    /// Takes all write protection away.
    WriteUnprotect,
    /// Sets read protection level 1.
    ReadoutProtect,
    /// Takes read protection away, with everything that it protected.
    ReadoutUnprotect,
}

/// One line of the table of commands.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The first byte; its complement follows.
    pub opcode: u8,
    /// The command.
    pub command: Command,
    /// Served at read protection level 1 too.
    pub at_level1: bool,
}

const fn entry(opcode: u8, command: Command, at_level1: bool) -> Entry {
    Entry { opcode, command, at_level1 }
}

/// The commands, in the order in which Get lists them. Erase with 8-bit sector numbers (0x43) is for parts with small pages,
/// which these are not; Get checksum (0xA1) is for newer bootloaders.
pub const COMMANDS: [Entry; 13] = [
    entry(0x00, Command::Get, true),
    entry(0x01, Command::GetVersion, true),
    entry(0x02, Command::GetId, true),
    entry(0x11, Command::Read, false),
    entry(0x21, Command::Go, false),
    entry(0x31, Command::Write, false),
    entry(0x44, Command::ExtendedErase, false),
    entry(0x50, Command::Special, false),
    entry(0x51, Command::ExtendedSpecial, false),
    entry(0x63, Command::WriteProtect, false),
    entry(0x73, Command::WriteUnprotect, false),
    entry(0x82, Command::ReadoutProtect, false),
    // The way back from level 1: it gives nothing away, because it erases first.
    entry(0x92, Command::ReadoutUnprotect, true),
];

impl Command {
    /// The command with this first byte.
    pub fn from_opcode(opcode: u8) -> Option<Self> {
        COMMANDS.iter().find(|entry| entry.opcode == opcode).map(|entry| entry.command)
    }

    fn entry(self) -> Option<&'static Entry> {
        COMMANDS.iter().find(|entry| entry.command == self)
    }

    /// The first byte.
    pub fn opcode(self) -> u8 {
        // Every command is in the table (a test says so); 0xFF is no opcode.
        self.entry().map_or(0xFF, |entry| entry.opcode)
    }

    /// Whether the device serves it at read protection level 1.
    pub fn at_level1(self) -> bool {
        self.entry().is_some_and(|entry| entry.at_level1)
    }
}

/// The checksum of a field: exclusive or of its bytes. A field of one byte carries the complement instead.
pub fn checksum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum ^ byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_one_to_one() {
        for entry in COMMANDS {
            assert_eq!(Command::from_opcode(entry.opcode), Some(entry.command));
            assert_eq!(entry.command.opcode(), entry.opcode);
            assert_eq!(entry.command.at_level1(), entry.at_level1);
        }
        assert_eq!(COMMANDS.iter().filter(|entry| entry.at_level1).count(), 4);
        assert_eq!((0..=255).filter(|&opcode| Command::from_opcode(opcode).is_some()).count(), 13);
    }
}
