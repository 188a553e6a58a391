//! The write buffer: collects the bytes of a flash word.

use super::ecc::WORD;

/// A complete flash word, ready for the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Complete<const W: usize = WORD> {
    /// Offset from the start of the bank, a multiple of the word's size.
    pub offset: u32,
    /// The data.
    pub data: [u8; W],
}

/// What a write to the buffer did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored<const W: usize = WORD> {
    /// The word is not complete yet. `repeated`: a byte was written twice (STRBERR).
    Partial {
        /// A byte was written twice.
        repeated: bool,
    },
    /// The word is complete and has left the buffer.
    Word(Complete<W>, bool),
    /// Another word has been begun: nothing was stored (INCERR).
    OtherWord,
}

/// The buffer, for words of at most 32 bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Collector<const W: usize> {
    offset: u32,
    data: [u8; W],
    /// Bit n: byte n was written.
    filled: u32,
}

/// The buffer of this part.
pub type WriteBuffer = Collector<WORD>;

impl<const W: usize> Default for Collector<W> {
    fn default() -> Self {
        Collector { offset: 0, data: [0xFF; W], filled: 0 }
    }
}

impl<const W: usize> Collector<W> {
    /// `filled` of a complete word.
    const FULL: u32 = u32::MAX >> (32 - W as u32);

    /// True if it holds nothing (WBNE = 0).
    pub fn is_empty(&self) -> bool {
        self.filled == 0
    }

    /// Stores up to 4 bytes, which lie in one flash word.
    pub fn store(&mut self, offset: u32, bytes: &[u8]) -> Stored<W> {
        let word = offset & !(W as u32 - 1);
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
        if self.filled == Self::FULL {
            match self.flush() {
                Some(complete) => Stored::Word(complete, repeated),
                None => Stored::Partial { repeated },
            }
        } else {
            Stored::Partial { repeated }
        }
    }

    /// Takes out what there is, missing bytes completed with ones; `None` if there is nothing.
    pub fn flush(&mut self) -> Option<Complete<W>> {
        let complete = Complete { offset: self.offset, data: self.data };
        let any = !self.is_empty();
        self.discard();
        any.then_some(complete)
    }

    /// Forgets what there is.
    pub fn discard(&mut self) {
        *self = Self::default();
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
