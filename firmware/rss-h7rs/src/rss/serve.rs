//! Commands that need HDPL 0.

use ironroot_codes::{Code, h7rs as codes};
use ironroot_crypto::{Crypto, Sha256};
use ironroot_hal::flash;
use ironroot_layout::stm32h7rs::state::{DebugAuthentication, Hdpl};
use ironroot_rss_h7rs::command::{self, Command};
use ironroot_rss_h7rs::state::Step;
use ironroot_rss_h7rs::{provision, state};

use crate::backend::Backend;

/// Serves the command that waits, if one does and the state allows it.
pub fn commands() {
    let Some(command) = command::take() else { return };
    // In a closed device nobody asks: what is in RAM and SBS_RSSCMDR, any application can write.
    if !state::is_unsettled(flash::product_state()) {
        return;
    }
    let outcome = match command {
        Ok(Command::Provision(words)) => provision_keys(words),
        Ok(Command::SetState(number)) => match state::check(number, Hdpl::Level0) {
            Ok((target, Step::Here)) => state::change(target),
            Ok((_, Step::AtLevel0)) => Err(codes::STATE_ORDER),
            Err(code) => Err(code),
        },
        Err(code) => Err(code),
    };
    command::ended(outcome);
}

/// Writes keys, and DBG_AUTH behind them: a device whose keys are not complete keeps the method that it had.
fn provision_keys(words: provision::Words) -> Result<(), Code> {
    let request = provision::check(words, Hdpl::Level0)?;
    let method = request.destination.debug_authentication;
    // A damaged configuration would show only when a closed device is to be opened: too late.
    if method.is_some_and(|bits| bits != DebugAuthentication::Locked.bits()) {
        let mut stated = None;
        let mut sha = Backend.sha256();
        for key in request.keys() {
            match stated {
                None => stated = Some(key),
                Some(_) => sha.update(&key),
            }
        }
        if stated != Some(sha.finish()) {
            return Err(codes::PROVISIONING_HASH);
        }
    }
    request.write(Hdpl::Level0)?;
    match method {
        Some(bits) => state::set_debug_authentication(bits),
        None => Ok(()),
    }
}
