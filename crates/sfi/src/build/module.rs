//! Modules of third parties.

use alloc::vec::Vec;

use crate::module::{MODULE_HEADER_LEN, ModuleHeader};
use crate::package::MAX_PAYLOAD;
use crate::{FirmwareKey, Nonce, TAG_LEN};

/// A module: `code` encrypted for whoever gets a licence of kind 2 for it. `None` if it would not fit into an area.
pub fn seal_module(
    destination: u32,
    version: u32,
    nonce: Nonce,
    key: &FirmwareKey,
    code: &[u8],
) -> Option<Vec<u8>> {
    if code.is_empty() || code.len() > MAX_PAYLOAD - MODULE_HEADER_LEN {
        return None;
    }
    let mut header = ModuleHeader { destination, size: code.len() as u32, version, nonce, tag: [0; TAG_LEN] };
    let mut sealed = code.to_vec();
    header.tag = key.cipher().seal(&nonce.vector(0), &header.associated(), &mut sealed)?;
    let mut module = header.encode().to_vec();
    module.append(&mut sealed);
    Some(module)
}
