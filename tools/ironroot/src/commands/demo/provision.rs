//! Provisioning, as on a bench: debug probe for flash and SECURITY, the chip's own services for the secure area.

use ironroot_boot::keystore::{self, StoredKey};
use ironroot_chip::flash::registers::optsr::SECURITY;
use ironroot_chip::{Board, Mode};
use ironroot_codes::input;
use ironroot_crypto::Software;
use ironroot_debug::flasher::{Flasher, FlasherError};
use ironroot_layout::stm32h735::options::SecureArea;
use ironroot_layout::stm32h735::{ERASED, FLASH_WORD, KEY_STORE, SECURE_AREA, SECURE_BOOT, SLOT};
use serde_json::json;

use super::story::Story;
use super::{Bench, boot};
use crate::error::{Failure, Result};
use crate::vdev::session::Session;
use crate::{firmware, hex, vdev};

/// The serial number of the demo's board: fixed, so that two demos differ only in their keys.
const SERIAL: u64 = 0x4445_4D4F;

/// Makes the board file and provisions the chip on it.
pub fn run(bench: &Bench, story: &mut Story<'_, '_>) -> Result {
    story.begin("board", "a new virtual STM32H735, as from the factory");
    let file = bench.board_file();
    let board = Board::with_serial(SERIAL);
    vdev::save(&board, &file)?;
    story.done(
        &format!("{}, unique id {}", file.display(), hex::encode(board.uid())),
        json!({ "file": file.display().to_string(), "unique_id": hex::encode(board.uid()) }),
    );

    story.begin("provision", "debug probe: secure boot, key store and application into flash");
    let mut session = Session::power_on(&board, &bench.rom);
    story.check("device mode", &session.chip().mode(), &Mode::Standard)?;
    for (what, address, bytes) in contents(bench)? {
        // program() compares what is in flash afterwards, through the same port.
        Flasher(session.chip()).program(address, &bytes).map_err(refused)?;
        story.at(session.now_at_port());
        story.note(
            &format!("{what}: {} bytes at {address:#010x}, read back", bytes.len()),
            json!({ "what": what, "address": address, "bytes": bytes.len() }),
        );
    }
    let mut wanted = *session.chip().options();
    wanted.optsr |= SECURITY;
    Flasher(session.chip()).change_options(&wanted).map_err(refused)?;
    story.at(session.now_at_port());
    story.note(
        "option byte SECURITY set, read back; takes effect at the next reset",
        json!({ "security": true }),
    );

    session.machine.poke();
    session.machine.system_reset();
    story.at(session.now());
    story.note(
        "reset: root security services, then secure boot asks for its secure area",
        json!({ "reset": true }),
    );
    boot::until_application(bench, &mut session, story)?;
    story.check("device mode", &session.chip().mode(), &Mode::SecureAccess)?;
    story.check("secure area", &session.chip().options().secure_area(), &SecureArea::Region(SECURE_AREA))?;
    // Our reset, and the one that RSS makes after it created the area.
    story.check("resets", &session.machine.resets, &3)?;
    let board = session.chip().to_board();
    vdev::save(&board, &file)?;
    story.at(session.now());
    story.done(
        &format!(
            "secure area {:#010x}..{:#010x}, board file saved and read back",
            SECURE_AREA.start().value(),
            SECURE_AREA.end().value()
        ),
        json!({ "secure_area": [SECURE_AREA.start().value(), SECURE_AREA.end().value()] }),
    );
    Ok(())
}

fn refused(error: FlasherError) -> Failure {
    Failure::new(error.code(), error.to_string())
}

/// What goes where in flash.
fn contents(bench: &Bench) -> Result<[(&'static str, u32, Vec<u8>); 3]> {
    let stored = [StoredKey { key: bench.key.public, demo: bench.key.demo }];
    let keys = keystore::build(&stored, &mut Software).map_err(|e| Failure::new(e.code(), "key store"))?;
    Ok([
        ("secure boot", SECURE_BOOT.start().value(), secure_boot()?),
        ("key store", KEY_STORE.start().value(), keys.to_vec()),
        ("application", SLOT.region.start().value(), bench.signed.image.clone()),
    ])
}

/// The secure boot as one stretch from the start of the secure area.
fn secure_boot() -> Result<Vec<u8>> {
    let (start, room) = (SECURE_BOOT.start().value(), SECURE_BOOT.size().bytes() as usize);
    let mut bytes = Vec::new();
    for piece in vdev::program(&firmware::SECURE_BOOT)? {
        let offset = piece.address.checked_sub(start).map(|o| o as usize);
        let end = offset.and_then(|o| o.checked_add(piece.bytes.len())).filter(|end| *end <= room);
        let (Some(offset), Some(end)) = (offset, end) else {
            let cause = format!("{} at {:#010x} lies outside the secure area", piece.name, piece.address);
            return Err(Failure::new(input::FIRMWARE_INVALID, cause).about(firmware::SECURE_BOOT.name));
        };
        bytes.resize(bytes.len().max(end), ERASED);
        if let Some(target) = bytes.get_mut(offset..end) {
            target.copy_from_slice(&piece.bytes);
        }
    }
    bytes.resize(bytes.len().next_multiple_of(FLASH_WORD.bytes() as usize), ERASED);
    Ok(bytes)
}
