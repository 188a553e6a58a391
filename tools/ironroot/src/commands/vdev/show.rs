//! `ironroot vdev show`.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;
use ironroot_boot::KeyStore;
use ironroot_chip::{Board, OptionBytes, ReadProtection};
use ironroot_crypto::Software;
use ironroot_image::{Dialect, Image, Limits, PublicKey};
use ironroot_layout::Region;
use ironroot_layout::stm32h735::options::SecureArea;
use ironroot_layout::stm32h735::{FLASH, KEY_STORE, SECTOR_COUNT, SLOT};
use serde_json::{Value, json};

use super::show_h7rs;
use crate::error::Result;
use crate::firmware;
use crate::hex;
use crate::report::{BOLD, DIM, Reporter, printable};
use crate::vdev::chip::AnyBoard;
use crate::vdev::session::Session;
use crate::vdev::slots::{PLACES, Place};
use crate::vdev::{self, record};

/// Show a board: option bytes decoded, key store, image in the slot, and how its next boot ends
#[derive(Args, Debug)]
#[command(after_help = "\
The board file is only read. The next boot is tried on a copy in memory, and its hand-off record shown; --no-boot leaves \
that out. Of a board with an STM32H7R/7S its options, keys and protections are shown, and no boot is tried.

Examples:
  ironroot vdev show my.board
  ironroot vdev show my.board --no-boot --json")]
pub struct Show {
    /// Board file
    #[arg(value_name = "BOARD")]
    board: PathBuf,
    /// Do not try the next boot
    #[arg(long)]
    no_boot: bool,
}

/// More than a boot takes.
const BOOT_LIMIT: u64 = 100_000_000;

/// Runs the command.
pub fn run(args: &Show, report: &mut Reporter<'_>) -> Result {
    let board = match vdev::load_any(&args.board)?.board {
        AnyBoard::H735(board) => *board,
        AnyBoard::H7rs(board) => {
            show_h7rs::show(&board, &args.board, report);
            return Ok(());
        }
    };
    let mut text = format!(
        "{BOLD}{}{BOLD:#}  STM32H735, unique id {}, BOOT0 {}\n",
        printable(&args.board.display().to_string()),
        hex::encode(board.uid()),
        u8::from(board.boot0())
    );
    let options = options(board.options(), &mut text);
    let keys = key_store(&board, &mut text);
    let image = slot(&board, &mut text);
    let slots: Vec<Value> = PLACES.iter().filter_map(|place| other_slot(&board, place, &mut text)).collect();
    let boot =
        if args.no_boot || firmware::RSS.elf.is_none() { Value::Null } else { next_boot(&board, &mut text)? };
    let data = json!({
        "board": args.board.display().to_string(),
        "part": "stm32h735",
        "unique_id": hex::encode(board.uid()),
        "boot0": board.boot0(),
        "options": options,
        "key_store": keys,
        "slot": image,
        "slots": slots,
        "next_boot": boot,
    });
    report.result("vdev show", data, text.trim_end());
    Ok(())
}

/// The option bytes, field by field.
fn options(options: &OptionBytes, text: &mut String) -> Value {
    let level = match options.read_protection() {
        ReadProtection::Level0 => 0,
        ReadProtection::Level1 => 1,
        ReadProtection::Level2 => 2,
    };
    let protected: Vec<u32> = (0..SECTOR_COUNT).filter(|s| options.write_protected(*s)).collect();
    let rows = [
        (
            "SECURITY",
            u8::from(options.security()).to_string(),
            "1: every reset enters the root security services",
        ),
        ("RDP", format!("{:#04x}, level {level}", options.rdp_byte()), "read protection"),
        ("SEC_AREA", area(options.secure_area()), "closed by exitSecureArea until the next reset"),
        ("DMES", u8::from(options.dmes()).to_string(), "1: the secure area is erased in a regression"),
        ("PCROP", area(options.pcrop()), "execute-only area"),
        ("DMEP", u8::from(options.dmep()).to_string(), "1: the execute-only area is erased in a regression"),
        (
            "WRP",
            if protected.is_empty() { "none".into() } else { format!("sectors {protected:?}") },
            "write protection",
        ),
        ("BOOT_ADD0", format!("{:#010x}", options.boot_address(false)), "boot address with BOOT0 low"),
        ("BOOT_ADD1", format!("{:#010x}", options.boot_address(true)), "boot address with BOOT0 high"),
        ("TCM_AXI", options.tcm_axi_shared().to_string(), "share of ITCM and AXI SRAM"),
    ];
    for (name, value, meaning) in &rows {
        let _ = writeln!(text, "  {name:<10} {value:<24} {DIM}{meaning}{DIM:#}");
    }
    json!({
        "security": options.security(),
        "rdp_byte": options.rdp_byte(),
        "rdp_level": level,
        "secure_area": area_value(options.secure_area()),
        "dmes": options.dmes(),
        "pcrop": area_value(options.pcrop()),
        "dmep": options.dmep(),
        "write_protected_sectors": protected,
        "boot_add0": options.boot_address(false),
        "boot_add1": options.boot_address(true),
        "tcm_axi_shared": options.tcm_axi_shared(),
    })
}

fn area(area: SecureArea) -> String {
    match area {
        SecureArea::None => "none".to_owned(),
        SecureArea::WholeFlash => "the whole flash".to_owned(),
        SecureArea::Region(r) => format!("{:#010x}..{:#010x}", r.start().value(), r.end().value()),
    }
}

fn area_value(area: SecureArea) -> Value {
    match area {
        SecureArea::None => Value::Null,
        SecureArea::WholeFlash => json!([FLASH.start().value(), FLASH.end().value()]),
        SecureArea::Region(r) => json!([r.start().value(), r.end().value()]),
    }
}

fn region(board: &Board, region: Region) -> &[u8] {
    let start = region.start().value().saturating_sub(FLASH.start().value()) as usize;
    board.flash().get(start..start + region.size().bytes() as usize).unwrap_or_default()
}

fn key_store(board: &Board, text: &mut String) -> Value {
    match KeyStore::parse(region(board, KEY_STORE), &mut Software) {
        Ok(store) => {
            let keys: Vec<Value> = store
                .keys()
                .iter()
                .enumerate()
                .map(|(index, key)| {
                    let hash = match key {
                        PublicKey::P256(key) => hex::encode(&key.key_hash(&mut Software)),
                        _ => String::new(),
                    };
                    let demo = store.is_demo(index);
                    let _ = writeln!(text, "  key        {hash}{}", if demo { " (demo)" } else { "" });
                    json!({ "key_hash": hash, "demo": demo })
                })
                .collect();
            json!({ "keys": keys })
        }
        Err(error) => refusal("key store", error.code(), text),
    }
}

fn slot(board: &Board, text: &mut String) -> Value {
    let limits = Limits { max_size: SLOT.max_image().bytes(), dialect: Dialect::Mcuboot };
    match Image::parse(region(board, SLOT.region), limits) {
        Ok(image) => {
            let (version, bytes) = (image.header().version, image.unprotected().end);
            let _ = writeln!(text, "  slot       image version {version}, {bytes} bytes");
            json!({ "version": version.to_string(), "bytes": bytes, "security_counter": image.security_counter() })
        }
        Err(error) => refusal("slot", error.code(), text),
    }
}

/// A slot with an image or a trailer in it; that of the application is told of already, unless its trailer says something.
fn other_slot(board: &Board, place: &Place, text: &mut String) -> Option<Value> {
    let (what, data) = place.describe(board)?;
    let is_application = place.image == 0 && place.name == "primary";
    if !is_application || !data["state"].is_null() {
        let _ = writeln!(text, "  {:<10} image {}: {what}", place.name, place.image);
    }
    Some(data)
}

fn refusal(what: &str, code: ironroot_codes::Code, text: &mut String) -> Value {
    let summary = code.entry().map_or("", |e| e.summary);
    let _ = writeln!(text, "  {what:<10} {code} {summary}");
    json!({ "code": code.to_string(), "message": summary })
}

/// Boots a copy of the board until it sleeps or the budget is used up, and shows the record.
fn next_boot(board: &Board, text: &mut String) -> Result<Value> {
    let mut session = Session::power_on(board, &vdev::system_flash()?);
    session.run(BOOT_LIMIT, &mut |session, _| session.hand_off().is_err());
    Ok(match session.hand_off() {
        Ok(hand_off) => {
            let _ = writeln!(text, "  next boot  {}", record::line(&hand_off));
            record::fields(&hand_off)
        }
        Err(error) => refusal("next boot", error.code(), text),
    })
}
