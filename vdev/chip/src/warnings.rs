//! What the model does not do, said once for each place, never silently.

use std::collections::BTreeSet;
use std::fmt;

use ironroot_codes::vdev;
use ironroot_cpu::bus::{Access, Kind};

/// Why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// The register is not modelled: it reads 0 and ignores writes.
    NotModelled,
    /// The block's clock is not enabled in RCC: it reads 0 and ignores writes, as on silicon.
    NotClocked,
    /// The RSS controller answers only to RSS.
    NotFromRss,
    /// The block is busy and does not take the write, as on silicon.
    Busy,
    /// This variant of the part has not got the block: it reads 0 and ignores writes.
    NotOnThisPart,
    /// An OTFDEC region is in the enhanced mode, whose cipher ST does not publish: nothing is decrypted.
    EnhancedCipher,
}

/// One warning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Warning {
    /// Address of the register.
    pub address: u32,
    /// Address of the instruction; 0 for other masters.
    pub pc: u32,
    /// True for a write.
    pub write: bool,
    /// Name of the block, where one is known.
    pub block: Option<&'static str>,
    /// Why.
    pub reason: Reason,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.reason == Reason::EnhancedCipher {
            return write!(
                f,
                "{}: a region of {} is in mode 3 (register 0x{:08X}), whose cipher is not public: \
                 what is fetched there is not decrypted, by the instruction at 0x{:08X}",
                vdev::ENHANCED_CIPHER,
                self.block.unwrap_or("OTFDEC"),
                self.address,
                self.pc
            );
        }
        let access = if self.write { "write to" } else { "read of" };
        let reason = match self.reason {
            Reason::NotModelled => "which is not modelled (reads 0, writes are ignored)",
            Reason::NotClocked => "whose clock is off in RCC (reads 0, writes are ignored)",
            Reason::NotFromRss => {
                "which answers only to code inside the open RSS (reads 0, writes are ignored)"
            }
            Reason::NotOnThisPart => "which this part does not have (reads 0, writes are ignored)",
            Reason::Busy => "which ignores it while BUSY is set (abort or wait first)",
            Reason::EnhancedCipher => "whose cipher is not public",
        };
        let block = self.block.unwrap_or("an unknown block");
        write!(
            f,
            "{access} 0x{:08X} in {block}, {reason}, by the instruction at 0x{:08X}",
            self.address, self.pc
        )
    }
}

/// Warnings given and not yet taken.
#[derive(Clone, Debug, Default)]
pub struct Warnings {
    seen: BTreeSet<(u32, Reason)>,
    pending: Vec<Warning>,
}

impl Warnings {
    /// Warns, unless the same was said before.
    pub fn add(&mut self, address: u32, access: &Access, block: Option<&'static str>, reason: Reason) {
        if self.seen.insert((address, reason)) {
            let write = access.kind == Kind::Write;
            self.pending.push(Warning { address, pc: access.pc, write, block, reason });
        }
    }

    /// What was added since the last call.
    pub fn take(&mut self) -> Vec<Warning> {
        std::mem::take(&mut self.pending)
    }
}
