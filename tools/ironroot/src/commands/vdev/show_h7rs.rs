//! `ironroot vdev show` of a board with an STM32H7R/7S.

use std::fmt::Write;
use std::path::Path;

use ironroot_chip_h7rs::BoardH7;
use ironroot_layout::stm32h7rs::state::{DebugAuthentication, OEM_PROVISIONED};
use ironroot_layout::stm32h7rs::{FLASH, SECTOR_COUNT};
use serde_json::{Value, json};

use crate::hex;
use crate::report::{BOLD, DIM, Reporter, printable};

/// Shows the board. No boot is tried: this part's stages leave their record to the application alone.
pub fn show(board: &BoardH7, path: &Path, report: &mut Reporter<'_>) {
    let mut text = format!(
        "{BOLD}{}{BOLD:#}  {}, unique id {}, BOOT0 {}\n",
        printable(&path.display().to_string()),
        board.part().name(),
        hex::encode(board.uid()),
        u8::from(board.boot0())
    );
    let options = options(board, &mut text);
    // What a key holds is nobody's business; that it is there tells how far provisioning got.
    let keys: Vec<Value> = board
        .persistent()
        .keys
        .iter()
        .map(|(level, index, key)| {
            json!({ "level": level.number(), "index": index, "bytes": key.bytes().len() })
        })
        .collect();
    let mut counts = [0_usize; 3];
    for (level, ..) in board.persistent().keys.iter() {
        if let Some(count) = counts.get_mut(usize::from(level.number())) {
            *count += 1;
        }
    }
    let _ = writeln!(text, "  {:<14} {:<24} {DIM}of HDPL 0, 1 and 2{DIM:#}", "OBKeys", format!("{counts:?}"));
    let damaged = board.persistent().ecc.damaged().count();
    let used = board.flash().chunks(1024).filter(|piece| piece.iter().any(|byte| *byte != 0xFF)).count();
    let _ =
        writeln!(text, "  {:<14} {used} KB written, {damaged} words unreadable or corrected", "user flash");
    let data = json!({
        "board": path.display().to_string(),
        "part": board.part().name(),
        "unique_id": hex::encode(board.uid()),
        "boot0": board.boot0(),
        "product_state": board.options().product_state().name(),
        "options": options,
        "keys": keys,
        "user_flash": { "written_kb": used, "damaged_words": damaged },
    });
    report.result("vdev show", data, text.trim_end());
}

/// The option words, field by field.
fn options(board: &BoardH7, text: &mut String) -> Value {
    let options = board.options();
    let provisioned = options.rotsr as u8 == OEM_PROVISIONED;
    let debug = match options.debug_authentication() {
        DebugAuthentication::Locked => "locked",
        DebugAuthentication::Ecdsa => "ecdsa",
        DebugAuthentication::Password => "password",
        DebugAuthentication::Delegated => "delegated",
        DebugAuthentication::None => "none",
    };
    let root = if options.selects_stirot(board.part()) { "st" } else { "oem" };
    let protected: Vec<u32> = (0..SECTOR_COUNT).filter(|sector| options.write_protected(*sector)).collect();
    let start = FLASH.start().value();
    let hidden = options.hidden().map(|area| [start + area.start, start + area.end]);
    let epoch = options.epochsr & 0x00FF_FFFF;
    let rows = [
        ("product state", options.product_state().name().to_owned(), "as the three fields below mean it"),
        ("NVSTATE", format!("{:#04x}", options.nvsr & 0xFF), "0xb4: open, 0x51: closed"),
        ("OEM_PROVD", u8::from(provisioned).to_string(), "1: the product's secrets are in place"),
        ("DBG_AUTH", debug.to_owned(), "how the debug port of a closed device opens"),
        ("IROT_SELECT", root.to_owned(), "first boot stage: in system flash (st) or user flash (oem)"),
        (
            "HDP",
            hidden.map_or("none".to_owned(), |[from, to]| format!("{from:#010x}..{to:#010x}")),
            "hidden from HDPL 2 on",
        ),
        (
            "WRPS",
            if protected.is_empty() { "none".to_owned() } else { format!("sectors {protected:?}") },
            "write protection",
        ),
        ("EPOCH", epoch.to_string(), "only rises"),
        ("ECC_ON_SRAM", u8::from(options.ecc_on_sram()).to_string(), "error correction of RAM"),
        (
            "TCM shares",
            format!("{} {}", options.itcm_share(), options.dtcm_share()),
            "of AXI SRAM1 and AXI SRAM3",
        ),
    ];
    for (name, value, meaning) in &rows {
        let _ = writeln!(text, "  {name:<14} {value:<24} {DIM}{meaning}{DIM:#}");
    }
    json!({
        "nvstate": options.nvsr & 0xFF,
        "oem_provisioned": provisioned,
        "debug_authentication": debug,
        "irot": root,
        "hidden": hidden,
        "write_protected_sectors": protected,
        "epoch": epoch,
        "ecc_on_sram": options.ecc_on_sram(),
        "itcm_share": options.itcm_share(),
        "dtcm_share": options.dtcm_share(),
    })
}
