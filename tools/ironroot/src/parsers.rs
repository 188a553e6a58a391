//! Parsers of input from outside that no other module shows, for those who try them with bytes of no sense
//! (`fuzz/`): nothing here does more than what a command does with the same text.

use ironroot_chip::OptionBytes;

use crate::commands::ob::wanted::Wanted;
use crate::error::Result;
use crate::{hex, number};

/// The content of a file for `ob plan --file`: what becomes of option bytes that are as given.
pub fn option_file(bytes: &[u8]) -> Result<impl Fn(&OptionBytes) -> OptionBytes> {
    let mut wanted = Wanted::nothing();
    wanted.add_toml(bytes)?;
    Ok(move |current: &OptionBytes| wanted.over(current))
}

/// A number of bytes or an address as an argument: `1024`, `0x400`, `896K`, `1M`.
pub fn number(text: &str) -> std::result::Result<u32, String> {
    number::parse(text)
}

/// The bytes of an even number of hex digits.
pub fn hex_digits(text: &str) -> Option<Vec<u8>> {
    hex::decode(text)
}
