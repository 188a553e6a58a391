//! Bad input, exhaustively, on small images of every algorithm and every kind of encryption: every flipped bit, every
//! truncation, every trick with TLVs, slots full of anything, numbers at the edge of their fields.

mod arithmetic;
mod cut;
mod flips;
mod noise;
mod samples;
mod tricks;
