//! `ironroot sfi module`: code that its owner encrypts before it gives it away.

use std::io::Write as _;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use ironroot_codes::install as codes;
use ironroot_crypto::Software;
use ironroot_layout::stm32h735::{ERASED, FLASH, FLASH_WORD};
use ironroot_layout::{Address, Region, Size};
use ironroot_sfi::build::seal_module;
use ironroot_sfi::package::MAX_PAYLOAD;
use ironroot_sfi::{MODULE_HEADER_LEN, ModuleHeader};
use serde_json::json;

use super::create::{commit, key, nonce};
use crate::atomic::{Access, Existing, Pending};
use crate::error::{Failure, Result};
use crate::report::{BOLD, Reporter, printable};
use crate::{files, number};

/// Make modules: code of a third party that whoever packs it cannot read
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ironroot sfi module create stack.bin --address 0x08060000 -v 1 --new-key stack.key -o stack.irm")]
pub struct Module {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Create(Create),
}

/// Encrypt code for one place in flash
#[derive(Args, Debug)]
#[command(after_help = "\
The module goes to whoever packs it, its key to the licence server of its owner. The package's option bytes must close its \
place (PROT_AREA or SEC_AREA).

Examples:
  ironroot sfi module create stack.bin --address 0x08060000 -v 1 --new-key stack.key -o stack.irm
  ironroot sfi module create stack.bin --address 0x08060000 -v 2 --key stack.key -o stack.irm --json")]
struct Create {
    /// Code, raw
    #[arg(value_name = "CODE")]
    code: PathBuf,
    /// Where it runs
    #[arg(long, value_name = "ADDRESS", value_parser = number::parse)]
    address: u32,
    /// Version; its licences have a least one
    #[arg(short = 'v', long = "version", value_name = "N")]
    version: u32,
    /// Module key, 16 bytes
    #[arg(long, value_name = "FILE", required_unless_present = "new_key")]
    key: Option<PathBuf>,
    /// Make a new module key and keep it there, readable by its owner only
    #[arg(long, value_name = "FILE", conflicts_with = "key")]
    new_key: Option<PathBuf>,
    /// Module to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

/// Runs the command.
pub fn run(args: &Module, report: &mut Reporter<'_>) -> Result {
    let Command::Create(args) = &args.command;
    files::not_an_input(&args.output, [args.code.as_path()].into_iter().chain(args.key.as_deref()))?;
    files::not_a_key(&args.code)?;
    let mut code = files::read(&args.code)?;
    code.resize(code.len().next_multiple_of(FLASH_WORD.bytes() as usize), ERASED);
    let most = MAX_PAYLOAD - MODULE_HEADER_LEN;
    if code.is_empty() {
        return Err(Failure::new(codes::MODULE_MALFORMED, "it has no code").about(args.code.display()));
    }
    // One tag covers the module, and nothing is programmed before its tag was checked: it must fit what the device collects.
    if code.len() > most {
        let cause = format!("{} bytes of code; a device checks at most {most} at once", code.len());
        let failure = Failure::new(codes::AREA_TOO_LARGE, cause).about(args.code.display());
        return Err(failure.fix("Deliver it as up to four modules that lie behind each other."));
    }
    let place = Region::checked(Address::new(args.address), Size::new(code.len() as u32));
    let fits = place.is_some_and(|place| FLASH.contains_region(place));
    if !fits || !args.address.is_multiple_of(FLASH_WORD.bytes()) {
        let cause =
            format!("{:#010x} is not a place for {} bytes in whole flash words", args.address, code.len());
        return Err(Failure::new(codes::AREA_TARGET, cause));
    }
    let failed = |e: std::io::Error| Failure::write(&args.output, &e);
    let mut pending = Pending::create(&args.output, Access::Public, Existing::Replace).map_err(failed)?;
    let (key, new_key) = key(args.key.as_deref(), args.new_key.as_deref())?;
    let mut module = seal_module(args.address, args.version, nonce(None)?, &key, &code)
        .ok_or_else(|| Failure::internal("the module was not sealed"))?;
    pending.file().write_all(&module).map_err(failed)?;
    commit(pending, &args.output, new_key)?;
    let bytes = module.len();
    let (header, _) = ModuleHeader::split(&mut module).map_err(|code| Failure::new(code, "just made"))?;
    let id = header.id(&mut Software);
    let data = json!({
        "file": args.output.display().to_string(),
        "module": id.to_string(),
        "address": args.address,
        "code": header.size,
        "bytes": bytes,
        "version": args.version,
    });
    let text = format!(
        "{BOLD}{}{BOLD:#}  module {id}, {} bytes of code at {:#010x}",
        printable(&args.output.display().to_string()),
        header.size,
        args.address
    );
    report.result("sfi module create", data, text);
    Ok(())
}
