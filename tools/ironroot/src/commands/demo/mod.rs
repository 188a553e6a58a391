//! `ironroot demo`: the whole way of an application, from an ELF file to a refused attack, on a virtual device.
//!
//! Every step ends with a comparison of wanted and actual; the first difference ends the demo with exit code 3, and the
//! files stay for inspection.

mod bench;
mod boot;
mod provision;
mod story;

use std::path::{Path, PathBuf};

use clap::Args;
use ironroot_boot::Status;
use ironroot_chip::{Board, RomImage};
use ironroot_codes::{image as image_codes, input};
use ironroot_image::Version;
use ironroot_layout::stm32h735::SLOT;
use serde_json::json;

use crate::atomic::{self, Access, Existing};
use crate::commands::image::{Recipe, Signed, sign_application};
use crate::device::Device;
use crate::error::{Context, Failure, Result};
use crate::keyfile::{self, Key};
use crate::report::{BOLD, GOOD, Reporter, printable};
use crate::{files, firmware, hex, interrupt, vdev};
use story::Story;

/// Sign an application, provision a virtual STM32H735, boot it, and see attacks refused
#[derive(Args, Debug)]
#[command(after_help = "\
Everything happens in files and in this process: no board, no probe. Exit code 0 means that every step was checked by \
reading back what it should have left. The same steps one by one are `keys`, `image`, `vdev`.

Examples:
  ironroot demo
  ironroot demo --app my-application.elf
  ironroot demo --dir /tmp/demo
  ironroot demo --json")]
pub struct Demo {
    /// Application to take instead of the built-in one (ELF, Intel HEX or raw), linked for the slot
    #[arg(long, value_name = "FILE")]
    app: Option<PathBuf>,
    /// Directory for key, image and board file; they stay there [default: a temporary one that is removed]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Keep the temporary directory
    #[arg(long)]
    keep: bool,
    /// Most instructions that the application may run for
    #[arg(long, value_name = "N", default_value_t = 100_000_000)]
    instructions: u64,
}

/// The files in the directory of the demo.
const OUTPUTS: [&str; 3] = [KEY_FILE, IMAGE_FILE, BOARD_FILE];
const KEY_FILE: &str = "demo-key.pem";
const IMAGE_FILE: &str = "demo-app.bin";
const BOARD_FILE: &str = "demo.board";

/// What the steps hand on to each other.
struct Bench {
    dir: PathBuf,
    rom: RomImage,
    key: Key,
    signed: Signed,
    version: Version,
}

impl Bench {
    fn board_file(&self) -> PathBuf {
        self.dir.join(BOARD_FILE)
    }
}

/// Runs the command.
pub fn run(args: &Demo, report: &mut Reporter<'_>) -> Result {
    // First what can be missing: nobody should wait for that.
    let rom = vdev::system_flash()?;
    let (app_name, app) = application(args)?;
    let temporary = match &args.dir {
        Some(dir) => {
            std::fs::create_dir_all(dir).map_err(|e| Failure::write(dir, &e))?;
            None
        }
        None => Some(tempfile::tempdir().map_err(|e| Failure::write(&std::env::temp_dir(), &e))?),
    };
    let dir = match (&args.dir, &temporary) {
        (Some(dir), _) => dir.clone(),
        (None, Some(temporary)) => temporary.path().to_owned(),
        (None, None) => PathBuf::from("."),
    };
    if let Some(app) = &args.app {
        for name in OUTPUTS {
            files::not_an_input(&dir.join(name), [app.as_path()])?;
        }
    }
    let outcome = steps(args, rom, &app_name, &app, &dir, report);
    // What an interrupted demo left shows nothing.
    let keep = args.keep || (outcome.is_err() && !interrupt::asked());
    if let Some(temporary) = temporary
        && keep
    {
        let kept = temporary.keep();
        report.warning(&format!("the files of the demo are kept in {}", kept.display()));
    }
    outcome
}

/// The application's name for messages, and its bytes.
fn application(args: &Demo) -> Result<(PathBuf, Vec<u8>)> {
    match &args.app {
        Some(path) => Ok((path.clone(), files::read(path)?)),
        None => {
            let program = firmware::HELLO_HAL;
            Ok((PathBuf::from(format!("{}.elf", program.name)), program.require()?.to_vec()))
        }
    }
}

fn steps(
    args: &Demo,
    rom: RomImage,
    app_name: &Path,
    app: &[u8],
    dir: &Path,
    report: &mut Reporter<'_>,
) -> Result {
    let started = std::time::Instant::now();
    let mut story = Story::new(report);
    let key = make_key(dir, &mut story)?;
    let version = Version { major: 1, minor: 0, revision: 0, build: 0 };
    let signed = sign(app_name, app, &key, version, dir, &mut story)?;
    let bench = Bench { dir: dir.to_owned(), rom, key, signed, version };

    provision::run(&bench, &mut story)?;
    boot_and_run(args, &bench, &mut story)?;
    flip_one_bit(&bench, &mut story)?;
    let measured = bench::sha256(&bench, &mut story)?;

    let seconds = started.elapsed().as_secs_f64();
    let steps = story.steps();
    let data = json!({
        "steps": steps,
        "checked": true,
        "application": app_name.display().to_string(),
        "sha256_mips": measured.mips(),
        "sha256_instructions": measured.instructions,
        "seconds": seconds,
        "dir": (args.dir.is_some() || args.keep).then(|| dir.display().to_string()),
    });
    let text = format!(
        "\n{GOOD}{BOLD}All {steps} steps checked by read-back.{BOLD:#}{GOOD:#} {} was signed, installed and booted; one changed \
         bit was refused\nwith {}; the closed secure area gave nothing to a debugger or to the application.\n\
         SHA-256 part of the boot: {:.0} million simulated instructions a second. {seconds:.1} s in all.",
        printable(&app_name.display().to_string()),
        image_codes::HASH_MISMATCH,
        measured.mips(),
    );
    report.result("demo", data, text);
    Ok(())
}

/// A demo key: marked as such in its file, and so in the key store of the device.
fn make_key(dir: &Path, story: &mut Story<'_, '_>) -> Result<Key> {
    story.begin("keys", "making a demo key (ECDSA P-256)");
    let path = dir.join(KEY_FILE);
    // A key of an earlier demo in the same directory is used again; anything else that has the name stays untouched.
    if !path.exists() {
        let pem = keyfile::generate(true)?;
        atomic::write(&path, pem.as_bytes(), Access::Secret, Existing::Keep)
            .map_err(|e| Failure::write(&path, &e))?;
    }
    let key = keyfile::read(&path)?;
    if !key.demo || key.private.is_none() {
        let cause = "the file is there already and holds no private demo key";
        return Err(Failure::new(input::OUTPUT_EXISTS, cause).about(path.display()));
    }
    story.done(
        &format!(
            "{}, mode 0600, hash {}…",
            printable(&path.display().to_string()),
            &hex::encode(&key.hash()[..8])
        ),
        json!({ "file": path.display().to_string(), "key_hash": hex::encode(&key.hash()) }),
    );
    Ok(key)
}

fn sign(
    name: &Path,
    app: &[u8],
    key: &Key,
    version: Version,
    dir: &Path,
    story: &mut Story<'_, '_>,
) -> Result<Signed> {
    story.begin("sign", "checking the application and signing it");
    let mut recipe = Recipe::new(Device::Stm32h735, version)?;
    recipe.security_counter = Some(1);
    let path = dir.join(IMAGE_FILE);
    let signed = sign_application(name, app, &recipe, key.signer(name)?).about(name.display())?;
    atomic::write(&path, &signed.image, Access::Public, Existing::Replace)
        .map_err(|e| Failure::write(&path, &e))?;
    story.check("image file", &(files::read(&path)? == signed.image), &true)?;
    story.done(
        &format!(
            "{} ({}) as version {version}: {} bytes, vectors at {:#010x}",
            printable(&name.display().to_string()),
            signed.format.name(),
            signed.image.len(),
            SLOT.region.start().value() + SLOT.header.bytes(),
        ),
        json!({ "file": path.display().to_string(), "bytes": signed.image.len(), "sha256": hex::encode(&signed.digest) }),
    );
    Ok(signed)
}

/// Power on, the chain of boot stages, the application; then a debugger and the application try the secure area.
fn boot_and_run(args: &Demo, bench: &Bench, story: &mut Story<'_, '_>) -> Result {
    story.begin("boot", "power on, from the board file");
    let board = vdev::load(&bench.board_file())?.board;
    let mut booted = boot::to_application(bench, &board, story)?;
    let record = booted.session.hand_off().map_err(|e| Failure::new(e.code(), "after a boot"))?;
    let wanted_id = bench.key.hash();
    story.check("hand-off status", &record.status, &Status::Booted)?;
    story.check("hand-off version", &record.version, &Some(bench.version))?;
    story.check("hand-off digest", &record.digest, &bench.signed.digest)?;
    story.check("hand-off key", &record.key_id.as_slice(), &wanted_id.get(..8).unwrap_or_default())?;
    story.check("demo key seen", &record.demo_key, &true)?;
    story.check("debug closed", &record.debug_closed, &true)?;
    story.check("resets on the way", &booted.session.machine.resets, &0)?;
    story.at(booted.session.now());
    story.done(&vdev::record::line(&record), json!({ "hand_off": vdev::record::fields(&record) }));

    story.begin("application", "the application runs");
    let output = boot::run_application(&mut booted.session, args.instructions, story)?;
    if args.app.is_none() {
        for line in ["hello from hello-hal", "verified as version 1.0.0", "done"] {
            story.check(&format!("the line `{line}`"), &output.iter().any(|l| l == line), &true)?;
        }
    }
    story.at(booted.session.now());
    story.done(&format!("{} lines of output", output.len()), json!({ "lines": output }));

    boot::try_secure_area(bench, &mut booted.session, story)
}

/// One bit of the payload changes in the memory array itself, as no access to the chip could do it.
fn flip_one_bit(bench: &Bench, story: &mut Story<'_, '_>) -> Result {
    story.begin("attack", "power off; one bit of the application in flash is flipped; power on");
    let good = vdev::load(&bench.board_file())?.board;
    let middle = SLOT.header.bytes() + (bench.signed.placed.payload.len() / 2) as u32;
    let address = SLOT.region.start().value() + middle;
    let mut bad: Board = good.clone();
    let byte = bench.signed.image.get(middle as usize).copied().unwrap_or_default();
    if !bad.preload(address, &[byte ^ 1]) {
        return Err(Failure::internal("the slot is not in flash"));
    }
    let differing = good.flash().iter().zip(bad.flash()).map(|(a, b)| (a ^ b).count_ones()).sum::<u32>();
    story.check("bits that differ in flash", &differing, &1)?;
    let mut refused = boot::to_refusal(bench, &bad, story)?;
    let record = refused.hand_off().map_err(|e| Failure::new(e.code(), "after a refused boot"))?;
    story.check("hand-off status", &record.status, &Status::Refused(image_codes::HASH_MISMATCH))?;
    story.at(refused.now());
    story.done(
        &format!("bit 0 at {address:#010x}: {}", vdev::record::line(&record)),
        json!({ "address": address, "hand_off": vdev::record::fields(&record) }),
    );
    Ok(())
}
