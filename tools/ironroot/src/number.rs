//! Numbers on the command line.

/// A number of bytes or an address: `1024`, `0x400`, `896K`, `1M`; `_` may separate digits.
pub fn parse(text: &str) -> Result<u32, String> {
    let (digits, unit) = match text.char_indices().next_back() {
        Some((at, 'K' | 'k')) => (text.get(..at).unwrap_or(""), 1024),
        Some((at, 'M' | 'm')) => (text.get(..at).unwrap_or(""), 1024 * 1024),
        _ => (text, 1),
    };
    let plain = digits.replace('_', "");
    let value = match plain.strip_prefix("0x").or_else(|| plain.strip_prefix("0X")) {
        // from_str_radix would take a sign.
        Some(hex) if hex.bytes().all(|b| b.is_ascii_hexdigit()) => u32::from_str_radix(hex, 16),
        None if plain.bytes().all(|b| b.is_ascii_digit()) => plain.parse(),
        _ => return Err(HOW.to_owned()),
    };
    value.ok().and_then(|v: u32| v.checked_mul(unit)).ok_or_else(|| HOW.to_owned())
}

/// A product id: 12 bits, as the debug port and the bootloader of a chip report it.
pub fn parse_pid(text: &str) -> Result<u16, String> {
    match parse(text).map(u16::try_from) {
        Ok(Ok(pid @ 1..=0xFFF)) => Ok(pid),
        _ => Err("a product id is written 0x450 and is between 1 and 0xFFF".to_owned()),
    }
}

const HOW: &str = "a number is written 1024, 0x400, 896K or 1M, and is below 2^32";

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn numbers() {
        for (text, value) in
            [("0", 0), ("1024", 1024), ("0x400", 1024), ("896K", 0xE_0000), ("0xE_0000", 0xE_0000)]
        {
            assert_eq!(parse(text), Ok(value), "{text}");
        }
        for text in ["", "0x", "-1", "+1", "0x-1", "4G", "0x1_0000_0000", "4096M", "K", "1.5", "é"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
