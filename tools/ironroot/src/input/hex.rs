//! Intel HEX, read strictly: a record that is wrong in any way is an error with its line, never skipped.

use std::io::{self, BufRead, Read, Write};

use ironroot_codes::{Code, input};

use super::{Piece, describe, overlap};
use crate::error::{Failure, Result};

/// A record's type byte and the number of data bytes it must have (`None`: any).
const RECORD_TYPES: &[(u8, Option<usize>, &str)] = &[
    (DATA, None, "data"),
    (END, Some(0), "end of file"),
    (EXTENDED_SEGMENT, Some(2), "extended segment address"),
    (START_SEGMENT, Some(4), "start segment address"),
    (EXTENDED_LINEAR, Some(2), "extended linear address"),
    (START_LINEAR, Some(4), "start linear address"),
];

const DATA: u8 = 0;
const END: u8 = 1;
const EXTENDED_SEGMENT: u8 = 2;
const START_SEGMENT: u8 = 3;
const EXTENDED_LINEAR: u8 = 4;
const START_LINEAR: u8 = 5;

/// What a HEX file holds.
#[derive(Debug, PartialEq, Eq)]
pub struct Hex {
    /// Stretches of memory without gaps, by rising address.
    pub pieces: Vec<Piece>,
    /// The start address (record type 5), if the file has one.
    pub entry: Option<u32>,
}

/// Parses a whole file.
pub fn parse(text: &[u8]) -> Result<Hex> {
    let mut pieces: Vec<Piece> = Vec::new();
    let entry = read(text, |address, data, line| {
        append(&mut pieces, address, data, line);
        Ok(())
    })?;
    join(pieces).map(|pieces| Hex { pieces, entry })
}

/// No record is longer: a colon, 255 bytes with head and checksum in hex digits, and the line end.
const MAX_LINE: u64 = 1 + 2 * (255 + 5) + 2;

/// Reads a file record by record: `sink` gets the address, the bytes and the line number of each data record, in the order
/// of the file. Returns the start address, if the file has one.
pub fn read(
    mut text: impl BufRead,
    mut sink: impl FnMut(u32, &[u8], usize) -> Result,
) -> Result<Option<u32>> {
    let mut entry = None;
    let mut base: u32 = 0;
    let mut ended = false;
    let mut line = Vec::new();
    for number in 1_usize.. {
        line.clear();
        // Bounded: a file without line ends must not be read into memory as one line.
        let read = text.by_ref().take(MAX_LINE + 1).read_until(b'\n', &mut line);
        let read = read.map_err(|e| Failure::new(input::FILE_UNREADABLE, e.to_string()))?;
        if read == 0 {
            break;
        }
        if read as u64 > MAX_LINE {
            return Err(malformed(number, "the line is longer than any record"));
        }
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        if ended {
            return Err(malformed(number, "there is more after the end-of-file record"));
        }
        let record =
            record(line).map_err(|(code, what)| Failure::new(code, format!("line {number}: {what}")))?;
        match (record.kind, record.data.as_slice()) {
            (DATA, data) => {
                let address = base
                    .checked_add(u32::from(record.offset))
                    .filter(|a| a.checked_add(data.len() as u32).is_some())
                    .ok_or_else(|| malformed(number, "the data goes beyond the 32-bit address space"))?;
                sink(address, data, number)?;
            }
            (END, _) => ended = true,
            (EXTENDED_SEGMENT, &[a, b]) => base = u32::from(u16::from_be_bytes([a, b])) << 4,
            (EXTENDED_LINEAR, &[a, b]) => base = u32::from(u16::from_be_bytes([a, b])) << 16,
            (START_LINEAR, &[a, b, c, d]) => entry = Some(u32::from_be_bytes([a, b, c, d])),
            // CS:IP of an 8086: it says nothing about an Arm part.
            _ => {}
        }
    }
    if !ended {
        let what = "the end-of-file record (:00000001FF) is missing: the file is cut off";
        return Err(Failure::new(input::HEX_MALFORMED, what));
    }
    Ok(entry)
}

struct Record {
    offset: u16,
    kind: u8,
    data: Vec<u8>,
}

fn record(line: &[u8]) -> std::result::Result<Record, (Code, String)> {
    let malformed = |what: &str| (input::HEX_MALFORMED, what.to_owned());
    let Some((b':', digits)) = line.split_first() else {
        return Err(malformed("a record begins with `:`"));
    };
    if digits.len() % 2 != 0 {
        return Err(malformed("the number of hex digits is odd: the record is cut off"));
    }
    let bytes = digits
        .chunks_exact(2)
        .map(|pair| match pair {
            [high, low] => Some(nibble(*high)? << 4 | nibble(*low)?),
            _ => None,
        })
        .collect::<Option<Vec<u8>>>()
        .ok_or_else(|| malformed("a character is not a hex digit"))?;
    let [length, high, low, kind, rest @ ..] = bytes.as_slice() else {
        return Err(malformed("the record is too short"));
    };
    let Some((checksum, data)) = rest.split_last() else {
        return Err(malformed("the record is too short"));
    };
    if data.len() != usize::from(*length) {
        return Err(malformed(&format!("the record announces {length} data bytes and has {}", data.len())));
    }
    let sum = bytes.iter().fold(0u8, |sum, b| sum.wrapping_add(*b));
    if sum != 0 {
        let wanted = checksum.wrapping_sub(sum);
        return Err((
            input::HEX_CHECKSUM,
            format!("the checksum is {checksum:02X}, it must be {wanted:02X}"),
        ));
    }
    let Some((_, wanted, name)) = RECORD_TYPES.iter().find(|(k, ..)| k == kind) else {
        return Err(malformed(&format!("record type {kind:02X} does not exist")));
    };
    if wanted.is_some_and(|n| n != data.len()) {
        let len = data.len();
        return Err(malformed(&format!("a record of type {kind:02X} ({name}) cannot have {len} data bytes")));
    }
    Ok(Record { offset: u16::from_be_bytes([*high, *low]), kind: *kind, data: data.to_vec() })
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|d| u8::try_from(d).ok())
}

fn append(pieces: &mut Vec<Piece>, address: u32, data: &[u8], line: usize) {
    if data.is_empty() {
        return;
    }
    match pieces.last_mut() {
        Some(last) if last.end() == u64::from(address) => last.bytes.extend_from_slice(data),
        _ => pieces.push(Piece { address, bytes: data.to_vec(), name: format!("line {line}") }),
    }
}

/// Sorts by address and joins neighbours; an address given twice is an error, whatever the bytes.
fn join(mut pieces: Vec<Piece>) -> Result<Vec<Piece>> {
    pieces.sort_by_key(|p| p.address);
    let mut joined: Vec<Piece> = Vec::with_capacity(pieces.len());
    for piece in pieces {
        match joined.last_mut() {
            Some(last) if last.end() > u64::from(piece.address) => {
                return Err(overlap(&describe(last), &describe(&piece)));
            }
            Some(last) if last.end() == u64::from(piece.address) => {
                last.bytes.extend_from_slice(&piece.bytes)
            }
            _ => joined.push(piece),
        }
    }
    Ok(joined)
}

fn malformed(line: usize, what: &str) -> Failure {
    Failure::new(input::HEX_MALFORMED, format!("line {line}: {what}"))
}

/// Writes `bytes` at `address` as Intel HEX, 16 bytes a record.
pub fn write(address: u32, bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    let mut writer = Writer::new(&mut text);
    // Writing to memory does not fail.
    let _ = writer.at(address).and_then(|()| writer.write(bytes)).and_then(|()| writer.finish());
    text
}

/// Bytes of a data record.
const RECORD: usize = 16;

/// Writes Intel HEX piece by piece: [`Writer::at`] says where what follows goes.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    /// Address of the first byte in `kept`.
    address: u32,
    upper: Option<u32>,
    /// What does not fill a record yet.
    kept: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// A writer that begins at address 0.
    pub fn new(out: W) -> Self {
        Writer { out, address: 0, upper: None, kept: Vec::with_capacity(RECORD) }
    }

    /// What follows goes to `address`.
    pub fn at(&mut self, address: u32) -> io::Result<()> {
        self.flush_record()?;
        self.address = address;
        Ok(())
    }

    /// Writes `bytes` behind those before.
    pub fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            // A record never crosses a 64 KB line: its offset has 16 bits.
            let line = (0x1_0000 - (self.address as usize & 0xFFFF)).min(RECORD);
            let (now, later) = bytes.split_at(bytes.len().min(line.saturating_sub(self.kept.len())));
            self.kept.extend_from_slice(now);
            bytes = later;
            if self.kept.len() >= line {
                self.flush_record()?;
            }
        }
        Ok(())
    }

    /// Ends the file.
    pub fn finish(&mut self) -> io::Result<()> {
        self.flush_record()?;
        self.record(0, END, &[])?;
        self.out.flush()
    }

    fn flush_record(&mut self) -> io::Result<()> {
        if self.kept.is_empty() {
            return Ok(());
        }
        let upper = self.address >> 16;
        if self.upper != Some(upper) {
            self.upper = Some(upper);
            self.record(0, EXTENDED_LINEAR, &(upper as u16).to_be_bytes())?;
        }
        let kept = std::mem::take(&mut self.kept);
        self.record(self.address as u16, DATA, &kept)?;
        // Wrapping only keeps an absurd address from being a panic.
        self.address = self.address.wrapping_add(kept.len() as u32);
        self.kept = kept;
        self.kept.clear();
        Ok(())
    }

    fn record(&mut self, offset: u16, kind: u8, data: &[u8]) -> io::Result<()> {
        let mut text = String::with_capacity(2 * data.len() + 12);
        push_record(&mut text, offset, kind, data);
        self.out.write_all(text.as_bytes())
    }
}

fn push_record(text: &mut String, offset: u16, kind: u8, data: &[u8]) {
    use std::fmt::Write;
    let [high, low] = offset.to_be_bytes();
    let head = [data.len() as u8, high, low, kind];
    let sum = head.iter().chain(data).fold(0u8, |sum, b| sum.wrapping_add(*b));
    text.push(':');
    for byte in head.iter().chain(data).chain(&[sum.wrapping_neg()]) {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02X}");
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        match parse(text.as_bytes()) {
            Err(failure) => format!("{} {}", failure.code, failure.cause),
            Ok(hex) => panic!("{text:?} gave {hex:?}"),
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let bytes: Vec<u8> = (0..70_000u32).map(|i| (i * 7) as u8).collect();
        let hex = parse(&write(0x0802_0000, &bytes)).unwrap();
        assert_eq!(hex.pieces.len(), 1);
        assert_eq!(hex.pieces[0].address, 0x0802_0000);
        assert_eq!(hex.pieces[0].bytes, bytes);
    }

    #[test]
    fn gap_order_and_entry() {
        let text =
            b":02001000AABB89\r\n:020000040802F0\r\n:020000001122CB\n:0400000508020401E8\n:00000001FF\n";
        let hex = parse(text).unwrap();
        assert_eq!(hex.entry, Some(0x0802_0401));
        let at: Vec<(u32, usize)> = hex.pieces.iter().map(|p| (p.address, p.bytes.len())).collect();
        assert_eq!(at, [(0x10, 2), (0x0802_0000, 2)]);
    }

    #[test]
    fn each_kind_of_damage_is_named_with_its_line() {
        assert!(error(":02001000AABB89\n").contains("end-of-file record"));
        assert!(error(":00000001FF\n:00000001FF\n").contains("IR-1204 line 2: there is more"));
        assert!(error("\n:02001000AABB88\n").contains("IR-1205 line 2: the checksum is 88, it must be 89"));
        assert!(error(":02001000AABB8\n").contains("odd"));
        assert!(error(":03001000AABB89\n").contains("announces 3 data bytes and has 2"));
        assert!(error(":0000000600FA\n").contains("announces 0"));
        assert!(error(":00000006FA\n").contains("type 06 does not exist"));
        assert!(error(":0100000400FB\n").contains("cannot have 1 data bytes"));
        assert!(error(":zz001000AABB89\n").contains("not a hex digit"));
        assert!(error("hello\n").contains("begins with `:`"));
        assert!(error(":00\n").contains("too short"));
    }

    #[test]
    fn an_address_given_twice_is_an_error() {
        let text = b":02001000AABB89\n:02001100AABB88\n:00000001FF\n";
        assert_eq!(parse(text).unwrap_err().code, input::APP_OVERLAP);
    }
}
