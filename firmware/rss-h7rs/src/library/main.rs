//! The service library: ST's table of services, and the code behind it.
//!
//! It runs at every level, on its caller's stack and under its caller's MPU, and shows its constants to nobody. What a service may do
//! at a level, the hardware decides by the level of the moment; the library has no rights of its own.
#![no_std]
#![no_main]
#![allow(unsafe_code)] // exported names and the place of the table

#[path = "../../../secure-boot/src/bytes.rs"]
mod bytes;

use ironroot_codes::{Code, h7rs as codes};
use ironroot_hal::{flash, jump, sbs, scb};
use ironroot_layout::stm32h7rs::map::OEMUROT_CODE;
use ironroot_layout::stm32h7rs::rsslib::{ERROR, NO_MPU_REGION, PROVISIONING_WORDS, RAM, SUCCESS};
use ironroot_layout::stm32h7rs::state::Hdpl;
use ironroot_layout::{Address, Region};
use ironroot_rss_h7rs::command::{self, Command};
use ironroot_rss_h7rs::state::Step;
use ironroot_rss_h7rs::{hw, provision, state};

type Service = extern "C" fn(u32, u32, u32, u32) -> u32;

/// The table, in the order of CMSIS' RSSLIB_pFunc_TypeDef; the last three are ours.
#[repr(C)]
pub struct ServiceTable([Service; 11]);

/// At ST's address.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".table")]
pub static SERVICE_TABLE: ServiceTable = ServiceTable([
    rsslib_set_sec_ob,
    rsslib_reserved,
    rsslib_get_rss_status,
    rsslib_set_product_state,
    rsslib_data_provisioning,
    rsslib_jump_hdpl_lvl2,
    rsslib_jump_hdpl_lvl3,
    rsslib_get_product_state,
    rsslib_jump_hdpl_lvl1,
    rsslib_reserved,
    rsslib_reserved,
]);

fn answer(outcome: Result<(), Code>) -> u32 {
    if outcome.is_ok() { SUCCESS } else { ERROR }
}

fn level() -> Hdpl {
    hw::enable_sbs();
    sbs::level()
}

extern "C" fn rsslib_reserved(_: u32, _: u32, _: u32, _: u32) -> u32 {
    ERROR
}

/// The option words that SetSecOB writes, by the address of their programming register, with the bits that are not its own.
const OPTION_WORDS: [(u32, flash::Word, u32); 6] = [
    (0x5200_220C, flash::ROTS, 0x0000_FFFF),
    (0x5200_221C, flash::WRPS, 0),
    (0x5200_2234, flash::HDPS, 0),
    (0x5200_2254, flash::EPOCHS, 0),
    (0x5200_2264, flash::OBW1, 0),
    (0x5200_226C, flash::OBW2, 0),
];

/// SetSecOB(address, mask, value, position).
#[unsafe(no_mangle)]
pub extern "C" fn rsslib_set_sec_ob(address: u32, mask: u32, value: u32, position: u32) -> u32 {
    answer(set_option(address, mask, value, position))
}

fn set_option(address: u32, mask: u32, value: u32, position: u32) -> Result<(), Code> {
    let (_, word, kept) =
        OPTION_WORDS.into_iter().find(|(known, ..)| *known == address).ok_or(codes::OPTION_REGISTER)?;
    // OEM_PROVD and DBG_AUTH are the product state, which has a service with an order.
    if mask & kept != 0 {
        return Err(codes::OPTION_REGISTER);
    }
    let value = value.checked_shl(position).ok_or(codes::OPTION_REGISTER)?;
    state::word(word, word.read() & !mask | value & mask)
}

/// GetRssStatus(): how the last command that went through a reset ended: SUCCESS (also if there was none), or its code.
#[unsafe(no_mangle)]
pub extern "C" fn rsslib_get_rss_status(_: u32, _: u32, _: u32, _: u32) -> u32 {
    hw::enable_sbs();
    match command::status() {
        None | Some(Ok(())) => SUCCESS,
        Some(Err(code)) => u32::from(code.number()),
    }
}

/// SetProductState(number). A closing one resets the chip: the bootloader is hidden with it, and could not be returned to; and what was
/// open for debugging is not any more.
#[unsafe(no_mangle)]
pub extern "C" fn rsslib_set_product_state(number: u32, _: u32, _: u32, _: u32) -> u32 {
    match state::check(number, level()) {
        Ok((target, Step::Here)) => {
            let outcome = state::change(target);
            if !state::is_unsettled(flash::product_state()) {
                scb::system_reset();
            }
            answer(outcome)
        }
        Ok((_, Step::AtLevel0)) => command::post(&Command::SetState(number)),
        Err(_) => ERROR,
    }
}

/// DataProvisioning(&words). Keys of level 0 reset the chip: see GetRssStatus.
#[unsafe(no_mangle)]
pub extern "C" fn rsslib_data_provisioning(request: u32, _: u32, _: u32, _: u32) -> u32 {
    let mut words = [0; PROVISIONING_WORDS];
    // Each word once: what is checked is what is used.
    for (offset, word) in (0..).zip(&mut words) {
        match hw::word(request.wrapping_add(4 * offset)) {
            Some(value) => *word = value,
            None => return ERROR,
        }
    }
    let level = level();
    match provision::check(words, level) {
        Ok(request) if request.destination.level < level => command::post(&Command::Provision(words)),
        // DBG_AUTH goes with the keys of level 0, and is RSS's to write.
        Ok(request) if request.destination.debug_authentication.is_some() => {
            command::post(&Command::Provision(words))
        }
        Ok(request) => answer(request.write(level)),
        Err(_) => ERROR,
    }
}

/// GetProductState().
#[unsafe(no_mangle)]
pub extern "C" fn rsslib_get_product_state(_: u32, _: u32, _: u32, _: u32) -> u32 {
    u32::from(flash::product_state().number())
}

/// JumpHDPLvl1(vectors): for RSS alone, at level 0; the stages in system flash are its targets too.
#[unsafe(no_mangle)]
pub extern "C" fn rsslib_jump_hdpl_lvl1(vectors: u32, _: u32, _: u32, _: u32) -> u32 {
    if level() != Hdpl::Level0 {
        return ERROR;
    }
    // The caller has wiped its RAM; what this function left there goes too.
    raise_and_enter(Hdpl::Level1, vectors, RAM)
}

/// JumpHDPLvl2(vectors, region).
#[unsafe(no_mangle)]
pub extern "C" fn rsslib_jump_hdpl_lvl2(vectors: u32, region: u32, _: u32, _: u32) -> u32 {
    leave(Hdpl::Level2, vectors, region)
}

/// JumpHDPLvl3(vectors, region).
#[unsafe(no_mangle)]
pub extern "C" fn rsslib_jump_hdpl_lvl3(vectors: u32, region: u32, _: u32, _: u32) -> u32 {
    leave(Hdpl::Level3, vectors, region)
}

fn leave(target: Hdpl, vectors: u32, region: u32) -> u32 {
    let from = level();
    let stage = stage_in_ram(from, target);
    // From level 0 too: RSS has no other way, and everybody else is above.
    if from > target || !hw::is_vectors(vectors, target) || stage.contains(Address::new(vectors)) {
        return ERROR;
    }
    jump::disable_interrupts();
    if region < NO_MPU_REGION {
        hw::enable_mpu_region(region);
    }
    raise_and_enter(target, vectors, stage)
}

const NOTHING: Region = Region::between(0, 0);

/// Where the second stage lies that leaves: STiRoT had it put into RAM, which no level hides, and which it cannot wipe while it runs
/// there. Behind its image STiRoT left zeros.
fn stage_in_ram(from: Hdpl, target: Hdpl) -> Region {
    if from == Hdpl::Level2 && target == Hdpl::Level3 && OEMUROT_CODE.contains(hw::vector_table()) {
        OEMUROT_CODE
    } else {
        NOTHING
    }
}

/// Raises the level, wipes `ram`, and starts what is behind `vectors`, with nothing left of the caller in registers.
///
/// The table is read after the level was raised: one that is hidden then must not lead back in.
fn raise_and_enter(target: Hdpl, vectors: u32, ram: Region) -> ! {
    jump::disable_interrupts();
    hw::quiet_interrupts();
    if scb::fpu_enabled() {
        jump::clear_fpu();
        scb::disable_fpu();
    }
    while sbs::level() < target {
        sbs::raise_level();
        jump::barrier();
    }
    jump::barrier();
    // The MPU, which is the next stage's already, does not count while RAM is wiped (ARMv7-M B3.5.1); it counts when the vectors are
    // read.
    jump::mask_faults();
    jump::wipe_and_enter(vectors, ram)
}

/// Not reachable from input by design; should it be, the caller's state is unknown and nothing goes on.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    jump::halt()
}
