//! The write buffer: collects the 32 bytes of a flash word.

use super::ecc::WORD;

/// A complete flash word, ready for the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Complete {
    /// Offset from the start of the bank, a multiple of 32.
    pub offset: u32,
    /// The data.
    pub data: [u8; WORD],
}

/// What a write to the buffer did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// The word is not complete yet. `repeated`: a byte was written twice (STRBERR).
    Partial {
        /// A byte was written twice.
        repeated: bool,
    },
    /// The word is complete and has left the buffer.
    Word(Complete, bool),
    /// Another word has been begun: nothing was stored (INCERR).
    OtherWord,
}

/// The buffer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WriteBuffer {
    offset: u32,
    data: [u8; WORD],
    /// Bit n: byte n was written.
    filled: u32,
}

impl Default for WriteBuffer {
    fn default() -> Self {
        WriteBuffer { offset: 0, data: [0xFF; WORD], filled: 0 }
    }
}

impl WriteBuffer {
    /// True if it holds nothing (WBNE = 0).
    pub fn is_empty(&self) -> bool {
        self.filled == 0
    }

    /// Stores up to 4 bytes, which lie in one flash word.
    pub fn store(&mut self, offset: u32, bytes: &[u8]) -> Stored {
        let word = offset & !(WORD as u32 - 1);
        if !self.is_empty() && word != self.offset {
            return Stored::OtherWord;
        }
        self.offset = word;
        let mut repeated = false;
        for (at, &byte) in (offset - word..).zip(bytes) {
            if let Some(slot) = self.data.get_mut(at as usize) {
                repeated |= self.filled >> at & 1 != 0;
                *slot = byte;
                self.filled |= 1 << at;
            }
        }
        if self.filled == u32::MAX {
            match self.flush() {
                Some(complete) => Stored::Word(complete, repeated),
                None => Stored::Partial { repeated },
            }
        } else {
            Stored::Partial { repeated }
        }
    }

    /// Takes out what there is, missing bytes completed with ones; `None` if there is nothing.
    pub fn flush(&mut self) -> Option<Complete> {
        let complete = Complete { offset: self.offset, data: self.data };
        let any = !self.is_empty();
        self.discard();
        any.then_some(complete)
    }

    /// Forgets what there is.
    pub fn discard(&mut self) {
        *self = WriteBuffer::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_32nd_byte_completes_the_word_in_any_order() {
        let mut buffer = WriteBuffer::default();
        for at in (4..32).rev().step_by(1) {
            assert_eq!(buffer.store(64 + at, &[at as u8]), Stored::Partial { repeated: false });
        }
        let Stored::Word(complete, false) = buffer.store(64, &[0, 1, 2, 3]) else { panic!("incomplete") };
        assert_eq!(complete.offset, 64);
        assert!(complete.data.iter().enumerate().all(|(at, &byte)| byte == at as u8));
        assert!(buffer.is_empty());
    }

    #[test]
    fn flush_completes_with_ones() {
        let mut buffer = WriteBuffer::default();
        assert_eq!(buffer.flush(), None);
        buffer.store(33, &[7]);
        let Some(complete) = buffer.flush() else { panic!("empty") };
        assert_eq!((complete.offset, complete.data[0], complete.data[1]), (32, 0xFF, 7));
    }
}
