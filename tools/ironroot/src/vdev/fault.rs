//! What a core that ended in a fault has to say, and the command that explains it.

use ironroot_cpu::scs::cfsr;
use serde_json::{Value, json};

use super::chip::Chip;
use super::session::Session;

/// HardFault to UsageFault.
const HANDLERS: std::ops::RangeInclusive<u16> = 3..=6;
/// How far up a handler may have its return address, in words.
const LOOKS: u32 = 256;
/// xPSR: Thumb, as in every frame of code that ran.
const THUMB: u32 = 1 << 24;

/// The registers of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    cfsr: u32,
    mmfar: Option<u32>,
    bfar: Option<u32>,
    pc: Option<u32>,
}

impl Fault {
    /// That of a core which is in a fault handler, or locked up.
    pub fn of<C: Chip>(session: &mut Session<C>) -> Option<Self> {
        let core = &session.machine.core;
        let (status, locked, handles) = (core.scs.cfsr, core.lockup, HANDLERS.contains(&core.ipsr));
        if status == 0 || !(locked || handles) {
            return None;
        }
        let valid = |bit: u32, address: u32| (status & bit != 0).then_some(address);
        let (mmfar, bfar) = (valid(cfsr::MMARVALID, core.scs.mmfar), valid(cfsr::BFARVALID, core.scs.bfar));
        let here = core.r[15];
        let pc = if handles { stacked(session) } else { Some(here) };
        Some(Fault { cfsr: status, mmfar, bfar, pc })
    }

    /// What to type.
    pub fn command(&self) -> String {
        let mut text = format!("ironroot explain fault --cfsr {:#010x}", self.cfsr);
        for (option, value) in [("mmfar", self.mmfar), ("bfar", self.bfar), ("pc", self.pc)] {
            if let Some(value) = value {
                text.push_str(&format!(" --{option} {value:#010x}"));
            }
        }
        text
    }

    /// The same for `--json`.
    pub fn fields(&self) -> Value {
        let Fault { cfsr, mmfar, bfar, pc } = self;
        json!({ "cfsr": cfsr, "mmfar": mmfar, "bfar": bfar, "pc": pc, "explain": self.command() })
    }
}

/// The address of the instruction that faulted, from the frame below the handler: directly above the EXC_RETURN that the handler
/// pushed, or at its stack pointer if it pushed none.
fn stacked<C: Chip>(session: &mut Session<C>) -> Option<u32> {
    let core = &session.machine.core;
    let (sp, psp, lr, here) = (core.msp(), core.psp(), core.r[14], core.r[15]);
    let pushed = (0..LOOKS).find_map(|index| {
        let place = sp.wrapping_add(4 * index);
        let word = session.read_as_core(place, here)?;
        is_return(word).then_some((word, place.wrapping_add(4)))
    });
    let (value, above) = pushed.or_else(|| is_return(lr).then_some((lr, sp)))?;
    let frame = if value & 4 == 0 { above } else { psp };
    let status = session.read_as_core(frame.wrapping_add(0x1C), here)?;
    let pc = session.read_as_core(frame.wrapping_add(0x18), here)?;
    (status & THUMB != 0).then_some(pc)
}

fn is_return(word: u32) -> bool {
    matches!(word, 0xFFFF_FFE1 | 0xFFFF_FFE9 | 0xFFFF_FFED | 0xFFFF_FFF1 | 0xFFFF_FFF9 | 0xFFFF_FFFD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_valid_is_in_the_command() {
        let fault = Fault { cfsr: 0x82, mmfar: Some(0x2000_0000), bfar: None, pc: Some(0x7000_1234) };
        assert_eq!(
            fault.command(),
            "ironroot explain fault --cfsr 0x00000082 --mmfar 0x20000000 --pc 0x70001234"
        );
        let fault = Fault { cfsr: 1 << 10, mmfar: None, bfar: None, pc: None };
        assert_eq!(fault.command(), "ironroot explain fault --cfsr 0x00000400");
    }
}
