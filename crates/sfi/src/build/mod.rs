//! Making packages, modules and certificates: the host's side.

mod check;
mod module;
mod plan;

pub use check::MemoryTarget;
pub use module::seal_module;
pub use plan::{Area, BuildError, Plan, Sealer, package};

use crate::bytes::put;

/// r and s of a DER signature of P-256, 32 bytes each, as a certificate has them; `None` if it is not one.
pub fn raw_signature(der: &[u8]) -> Option<[u8; 64]> {
    fn integer(bytes: &[u8]) -> Option<([u8; 32], &[u8])> {
        let [0x02, len, rest @ ..] = bytes else { return None };
        let (digits, rest) = rest.split_at_checked(usize::from(*len))?;
        let digits = digits.strip_prefix(&[0]).unwrap_or(digits);
        let mut number = [0; 32];
        put(&mut number, 32_usize.checked_sub(digits.len())?, digits);
        Some((number, rest))
    }
    let [0x30, len, body @ ..] = der else { return None };
    if usize::from(*len) != body.len() {
        return None;
    }
    let (r, rest) = integer(body)?;
    let (s, rest) = integer(rest)?;
    let mut raw = [0; 64];
    put(&mut raw, 0, &r);
    put(&mut raw, 32, &s);
    rest.is_empty().then_some(raw)
}
