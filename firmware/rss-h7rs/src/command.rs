//! Commands: what needs HDPL 0 waits in RAM for the RSS that runs after a reset, and SBS_RSSCMDR says that it does.
//!
//! Anybody can write both. So RSS takes a command in Open and Provisioning only, in which whoever is there may do as much, and
//! checks everything as if it came from a stranger.

use ironroot_codes::{Code, h7rs as codes};
use ironroot_hal::{sbs, scb};
use ironroot_layout::stm32h7rs::rsslib::command::{ENDED, ENDED_CODE, PROVISION, SET_STATE, WORDS};

use crate::hw;
use crate::provision::{self, Crc};

/// A command.
pub enum Command {
    /// DataProvisioning.
    Provision(provision::Words),
    /// SetProductState.
    SetState(u32),
}

/// Codes of commands are this plus what SBS_RSSCMDR says.
const FIRST_CODE: u16 = 4000;

/// Leaves a command and resets.
pub fn post(command: &Command) -> ! {
    let (number, arguments) = match command {
        Command::Provision(words) => (PROVISION, *words),
        Command::SetState(state) => (SET_STATE, [*state, 0, 0, 0, 0]),
    };
    let window = hw::command_window();
    let mut crc = Crc::new();
    let words = core::iter::once(u32::from(number)).chain(arguments);
    for (index, word) in (0..).zip(words) {
        crc.word(word);
        window.write(index, word);
    }
    window.write(WORDS as u32, crc.finish());
    sbs::set_command(number);
    scb::system_reset()
}

/// The command that waits, if one does. It waits no more then.
pub fn take() -> Option<Result<Command, Code>> {
    let number = sbs::command();
    if number != PROVISION && number != SET_STATE {
        return None;
    }
    sbs::set_command(0);
    let window = hw::command_window();
    let mut words = [0; WORDS];
    let mut crc = Crc::new();
    for (index, word) in (0..).zip(&mut words) {
        *word = window.read(index);
        crc.word(*word);
    }
    let sum = window.read(WORDS as u32);
    for index in 0..=WORDS as u32 {
        window.write(index, 0);
    }
    let [first, arguments @ ..] = words;
    if sum != crc.finish() || first != u32::from(number) {
        return Some(Err(codes::COMMAND_DAMAGED));
    }
    let [argument, ..] = arguments;
    Some(Ok(if number == PROVISION { Command::Provision(arguments) } else { Command::SetState(argument) }))
}

/// Keeps how a command ended, for [`status`].
pub fn ended(outcome: Result<(), Code>) {
    let code = outcome.err().map_or(0, |code| code.number().wrapping_sub(FIRST_CODE) & ENDED_CODE);
    sbs::set_command(ENDED | code);
}

/// How the last command ended; `None` if SBS_RSSCMDR says something else.
pub fn status() -> Option<Result<(), Code>> {
    let value = sbs::command();
    if value & !ENDED_CODE != ENDED {
        return None;
    }
    match value & ENDED_CODE {
        0 => Some(Ok(())),
        code => Some(Err(Code::from_number(FIRST_CODE + code))),
    }
}
