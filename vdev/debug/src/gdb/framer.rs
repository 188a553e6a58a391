//! Cutting the debugger's byte stream into packets. Nothing that is cut off here reaches the protocol: a packet that is
//! too long or damaged costs its sender an answer, not us memory or the connection.

/// Most bytes between `$` and `#`. GDB is told and keeps to it.
pub const MAX_BODY: usize = 0x4000;

/// Interrupt: Ctrl-C at the debugger.
const INTERRUPT: u8 = 3;

/// What the stream was found to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A whole packet, `$` to checksum; the checksum is right.
    Packet(Vec<u8>),
    /// A packet with a wrong checksum.
    Damaged,
    /// A packet of more than [`MAX_BODY`] bytes.
    TooLong,
    /// Ctrl-C.
    Interrupt,
    /// The debugger asks for the last answer again.
    Repeat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Between,
    Body,
    /// This many digits of the checksum are still to come.
    Checksum(u8),
}

/// The cutter.
#[derive(Clone, Debug)]
pub struct Framer {
    place: Place,
    frame: Vec<u8>,
    /// The body has grown beyond the limit; the rest is only counted off.
    overflow: bool,
}

impl Default for Framer {
    fn default() -> Self {
        Framer { place: Place::Between, frame: Vec::new(), overflow: false }
    }
}

impl Framer {
    /// Takes one byte; a unit if it completes one.
    pub fn push(&mut self, byte: u8) -> Option<Unit> {
        match (self.place, byte) {
            // Inside a body `$` is always escaped: this one begins a packet, and the one before never ended.
            (_, b'$') => {
                self.frame.clear();
                self.frame.push(byte);
                (self.place, self.overflow) = (Place::Body, false);
                None
            }
            (Place::Between, INTERRUPT) => Some(Unit::Interrupt),
            (Place::Between, b'-') => Some(Unit::Repeat),
            // Acknowledgements, and noise.
            (Place::Between, _) => None,
            (Place::Body, b'#') => {
                self.keep(byte);
                self.place = Place::Checksum(2);
                None
            }
            (Place::Body, _) => {
                self.keep(byte);
                None
            }
            (Place::Checksum(2), _) => {
                self.keep(byte);
                self.place = Place::Checksum(1);
                None
            }
            (Place::Checksum(_), _) => {
                self.keep(byte);
                self.place = Place::Between;
                Some(self.complete())
            }
        }
    }

    fn keep(&mut self, byte: u8) {
        // `$`, `#` and the checksum come on top of the body.
        match self.frame.len() < MAX_BODY + 4 {
            true => self.frame.push(byte),
            false => self.overflow = true,
        }
    }

    fn complete(&mut self) -> Unit {
        let frame = std::mem::take(&mut self.frame);
        if self.overflow {
            return Unit::TooLong;
        }
        let Some((body, check)) = body_and_checksum(&frame) else { return Unit::Damaged };
        let digits = std::str::from_utf8(check).ok().filter(|digits| !digits.starts_with('+'));
        let wanted = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        if wanted == Some(checksum(body)) { Unit::Packet(frame) } else { Unit::Damaged }
    }
}

fn body_and_checksum(frame: &[u8]) -> Option<(&[u8], &[u8])> {
    let (front, check) = frame.split_at_checked(frame.len().checked_sub(2)?)?;
    Some((front.strip_prefix(b"$")?.strip_suffix(b"#")?, check))
}

/// The body of a packet, without `$`, `#` and checksum.
pub fn body(frame: &[u8]) -> &[u8] {
    body_and_checksum(frame).map_or(&[], |(body, _)| body)
}

/// Sum of all bytes.
pub fn checksum(body: &[u8]) -> u8 {
    body.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
}

/// `body` as a packet. The caller has escaped what must be.
pub fn packet(body: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(body.len() + 4);
    frame.push(b'$');
    frame.extend_from_slice(body);
    frame.extend_from_slice(format!("#{:02x}", checksum(body)).as_bytes());
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(bytes: &[u8]) -> Vec<Unit> {
        let mut framer = Framer::default();
        bytes.iter().filter_map(|byte| framer.push(*byte)).collect()
    }

    #[test]
    fn packets_are_cut_out_of_noise() {
        assert_eq!(units(b"++x$g#67-\x03"), [Unit::Packet(b"$g#67".to_vec()), Unit::Repeat, Unit::Interrupt]);
        assert_eq!(units(b"$m0#$g#67"), [Unit::Packet(b"$g#67".to_vec())]);
        assert_eq!(
            units(b"$m0,$g#67"),
            [Unit::Packet(b"$g#67".to_vec())],
            "a new packet ends an unfinished one"
        );
        assert_eq!(units(b"$g#68$g#zz$g#+7"), [Unit::Damaged, Unit::Damaged, Unit::Damaged]);
    }

    #[test]
    fn a_packet_beyond_the_limit_is_not_kept() {
        let mut framer = Framer::default();
        assert_eq!(framer.push(b'$'), None);
        for _ in 0..10 * MAX_BODY {
            assert_eq!(framer.push(b'a'), None);
        }
        assert!(framer.frame.capacity() <= 4 * MAX_BODY);
        assert_eq!(b"#00".iter().filter_map(|b| framer.push(*b)).next(), Some(Unit::TooLong));
        assert_eq!(units(&packet(&[b'a'; MAX_BODY])), [Unit::Packet(packet(&[b'a'; MAX_BODY]))]);
    }
}
