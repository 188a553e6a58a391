//! Debug authentication over the mailbox of DBGMCU. What is decided, and on what, is in `ironroot-debug-auth`.

use ironroot_codes::{Code, h7rs as codes};
use ironroot_debug_auth::certificate::CHALLENGE_LEN;
use ironroot_debug_auth::device::{CONFIG_LEN, Credential, Identity, Next, Session};
use ironroot_debug_auth::mailbox::{HELLO, Receiver, WELCOME, words};
use ironroot_debug_auth::permission::Grant;
use ironroot_hal::flash::{self, HDPS, NVS, ROTS, WRPS};
use ironroot_hal::jump;
use ironroot_hal::{memory, obk, rng};
use ironroot_layout::stm32h7rs::obkeys::DA_CONFIG;
use ironroot_layout::stm32h7rs::rsslib::RAM;
use ironroot_layout::stm32h7rs::state::{
    DebugAuthentication, NVSTATE_OPEN, OEM_NOT_PROVISIONED, ProductState,
};
use ironroot_rss_h7rs::{hw, state};

use crate::backend::Backend;

/// Nothing is hidden: the end before the start.
const NOTHING_HIDDEN: u32 = 0x0000_00FF;
/// No sector is protected.
const NOT_PROTECTED: u32 = 0xFF;

/// Serves the host that left its word before the reset, if one did. Comes back if the boot is to go on.
pub fn serve() {
    resume();
    if hw::mailbox::peek() != Some(HELLO) {
        return;
    }
    let granted = session();
    hw::mailbox::close();
    match granted {
        Some(Grant::FullRegression) => regress(),
        Some(Grant::Debug(level)) => hw::open_debug(level),
        None => {}
    }
}

fn session() -> Option<Grant> {
    hw::mailbox::receive()?;
    hw::mailbox::send(WELCOME)?;
    let mut session = Session::new(identity(), credential());
    let mut receiver = Receiver::new();
    loop {
        let word = hw::mailbox::receive()?;
        let packet = match receiver.word(word) {
            Ok(Some(packet)) => packet,
            Ok(None) => continue,
            // Its header is enough to refuse it; the rest would not fit anywhere.
            Err(_) => &[],
        };
        let (mut response, next) = session.serve(packet, &mut challenge, &mut Backend);
        for word in words(response.finish()) {
            hw::mailbox::send(word)?;
        }
        match next {
            Next::Listen => {}
            Next::Resume | Next::Refused(_) => return None,
            Next::Grant(grant) => return Some(grant),
        }
    }
}

fn identity() -> Identity {
    let mut soc_id = [0; 16];
    for (to, from) in soc_id.iter_mut().zip(memory::unique_id()) {
        *to = from;
    }
    Identity { state: flash::product_state(), soc_class: hw::device_id(), soc_id }
}

fn credential() -> Credential {
    let [_, method, ..] = ROTS.read().to_le_bytes();
    let mut keys = [[0; 32]; CONFIG_LEN / 32];
    let present = obk::read_many(DA_CONFIG.index, &mut keys).is_ok();
    let mut config = [0; CONFIG_LEN];
    for (to, from) in config.iter_mut().zip(keys.as_flattened()) {
        *to = *from;
    }
    Credential::of(DebugAuthentication::from_bits(method), present.then_some(&config), &mut Backend)
}

fn challenge(bytes: &mut [u8; CHALLENGE_LEN]) -> bool {
    let Some(words) = rng::words::<{ CHALLENGE_LEN / 4 }>() else { return false };
    for (to, word) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(words) {
        *to = word.to_le_bytes();
    }
    true
}

/// Goes on with a regression that was cut short behind the erasing of the keys: a device whose DBG_AUTH wants a credential always has
/// one else, because its keys are written first. User flash was erased before the keys, so there is nothing left to protect; without
/// this nobody could authenticate any more.
fn resume() {
    let [_, method, ..] = ROTS.read().to_le_bytes();
    let wanted = matches!(
        DebugAuthentication::from_bits(method),
        DebugAuthentication::Ecdsa | DebugAuthentication::Password
    );
    if !wanted || obk::read(DA_CONFIG.index) != Err(obk::Error::Absent) {
        return;
    }
    match flash::product_state() {
        ProductState::Closed => regress(),
        // Open again but for its method; nor may a device be closed whose credential is not there.
        ProductState::Provisioning => {
            let _ = forget_method();
        }
        ProductState::Open | ProductState::Locked => {}
    }
}

/// Back to what a new part has: no method, nothing provisioned.
fn forget_method() -> Result<(), Code> {
    let method = u32::from(DebugAuthentication::None.bits()) << 8 | u32::from(OEM_NOT_PROVISIONED);
    state::word(ROTS, ROTS.read() & !0xFFFF | method)
}

/// Erases user flash, keys and what the application left in RAM, backup SRAM and backup registers, opens the device, and resets. In
/// this order: nothing is open that still holds anything. Cut short before the keys are gone, it takes the same credential again;
/// behind that it is finished by the next boot.
fn regress() -> ! {
    let erased = state::word(WRPS, NOT_PROTECTED).is_ok() && flash::erase_bank().is_ok();
    if !erased {
        crate::refuse(codes::REGRESSION_FAILED);
    }
    hw::erase_keys();
    hw::wipe_memories();
    let open = NVS.read() & !0xFF | u32::from(NVSTATE_OPEN);
    let settled = state::word(HDPS, NOTHING_HIDDEN).is_ok()
        && state::word(NVS, open).is_ok()
        && forget_method().is_ok();
    if !settled || flash::product_state() != ProductState::Open {
        crate::refuse(codes::REGRESSION_FAILED);
    }
    // The rest of RAM: this program's own.
    jump::wipe_and_reset(RAM)
}
