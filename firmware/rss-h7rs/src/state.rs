//! Product states: the order in which they change.

use ironroot_codes::{Code, h7rs as codes};
use ironroot_hal::flash::{self, NVS, ROTS};
use ironroot_layout::stm32h7rs::state::{
    DebugAuthentication, Hdpl, NVSTATE_CLOSED, OEM_PROVISIONED, ProductState,
};

/// What is to be done for a change.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// At this level.
    Here,
    /// By RSS, after a reset.
    AtLevel0,
}

/// Whether the services that change the device are open in this state.
pub fn is_unsettled(state: ProductState) -> bool {
    matches!(state, ProductState::Open | ProductState::Provisioning)
}

fn debug_authentication() -> DebugAuthentication {
    let [_, debug, ..] = ROTS.read().to_le_bytes();
    DebugAuthentication::from_bits(debug)
}

/// Checks a change to the state of this number.
pub fn check(number: u32, level: Hdpl) -> Result<(ProductState, Step), Code> {
    let now = flash::product_state();
    if !is_unsettled(now) || level > Hdpl::Level1 {
        return Err(codes::SERVICES_CLOSED);
    }
    let target = u8::try_from(number).ok().and_then(ProductState::from_number).ok_or(codes::STATE_ORDER)?;
    let debug = debug_authentication();
    match (now, target) {
        (ProductState::Open, ProductState::Provisioning) => Ok((target, Step::Here)),
        (ProductState::Provisioning, ProductState::Closed) => match debug {
            DebugAuthentication::None => Err(codes::STATE_NO_WAY_BACK),
            // That would be Locked, which must be asked for by its name.
            DebugAuthentication::Locked => Err(codes::STATE_ORDER),
            _ => Ok((target, Step::Here)),
        },
        (ProductState::Provisioning, ProductState::Locked) => {
            let here = level == Hdpl::Level0 || debug == DebugAuthentication::Locked;
            Ok((target, if here { Step::Here } else { Step::AtLevel0 }))
        }
        _ => Err(codes::STATE_ORDER),
    }
}

/// Makes a change that [`check`] found possible here.
pub fn change(target: ProductState) -> Result<(), Code> {
    if target == ProductState::Locked {
        set_debug_authentication(DebugAuthentication::Locked.bits())?;
    }
    let bits = ROTS.read() & !0xFF | u32::from(OEM_PROVISIONED);
    word(ROTS, bits)?;
    if target != ProductState::Provisioning {
        word(NVS, NVS.read() & !0xFF | u32::from(NVSTATE_CLOSED))?;
    }
    if flash::product_state() == target { Ok(()) } else { Err(codes::OPTION_WORD_REFUSED) }
}

/// Writes DBG_AUTH; at HDPL 0 only.
pub fn set_debug_authentication(bits: u8) -> Result<(), Code> {
    word(ROTS, ROTS.read() & !0xFF00 | u32::from(bits) << 8)
}

/// Writes an option word, if it is another.
pub fn word(word: flash::Word, value: u32) -> Result<(), Code> {
    if word.read() == value {
        return Ok(());
    }
    word.change(value).map_err(|_| codes::OPTION_WORD_REFUSED)
}
