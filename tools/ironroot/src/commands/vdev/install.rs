//! `ironroot vdev install`.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use ironroot_chip::Board;
use ironroot_codes::input;
use ironroot_image::Image;
use ironroot_image::trailer::{FLAG_SET, MAGIC_LEN};
use ironroot_layout::stm32h735::{ERASED, FLASH};
use ironroot_layout::{Address, Slot};
use serde_json::json;

use super::install_h7rs;
use crate::error::{Failure, Result};
use crate::report::{BOLD, Reporter, printable};
use crate::vdev::chip::AnyBoard;
use crate::vdev::slots::{PLACES, Place};
use crate::{files, vdev};

/// Put a signed image into a slot of a board, and ask for an update
#[derive(Args, Debug)]
#[command(after_help = "\
The slot's content is replaced, as a programmer for the bare chip does it; the update itself is made by the boot stage at the \
next run, which also judges signature and version. --request test runs the new image on trial: unless it confirms itself, the \
next boot brings the old one back. An image that was padded (image sign --pad, app image) brings its own request.

On an STM32H735 the slots are those of the secure boot; image 1 lies in the external flash at OCTOSPI1. On an STM32H7R/7S they are \
those of the product description: the image, binary or Intel HEX as `app image` makes it, goes into the download slot. Where \
updates overwrite they are for good; there is no trial.

Examples:
  ironroot vdev install my.board update.bin
  ironroot vdev install my.board update.bin --request permanent
  ironroot vdev install my.board app.bin --slot primary
  ironroot vdev install my.board assets.bin --image 1 --json
  ironroot vdev install my-h7s.board update.hex
  ironroot vdev install my-h7s.board update.hex --product board/ironroot.toml --dry-run
  ironroot vdev install my-h7s.board stage.hex --stage")]
pub struct Install {
    /// Board file
    #[arg(value_name = "BOARD")]
    pub board: PathBuf,
    /// Signed image
    #[arg(value_name = "IMAGE")]
    pub image_file: PathBuf,
    /// Description of the product, for a board with an STM32H7R/7S [default: ironroot.toml]
    #[arg(long, value_name = "FILE")]
    pub product: Option<PathBuf>,
    /// Number of the image
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=1))]
    pub image: u8,
    /// The image is the second stage's (STM32H7R/7S, boot path stirot-oemurot)
    #[arg(long, conflicts_with = "image")]
    pub stage: bool,
    /// Which of its slots; download is another name of the secondary one
    #[arg(long, value_enum, default_value = "secondary")]
    pub slot: Which,
    /// What the boot stage is to do with it [default: what the image brings; else test in a secondary slot that has a way
    /// back, permanent in one without, none in a primary one]
    #[arg(long, value_enum)]
    pub request: Option<Request>,
    /// Leave the board file as it is
    #[arg(long)]
    pub dry_run: bool,
}

/// A slot of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Which {
    /// Where the image runs
    Primary,
    /// Where an update waits
    #[value(alias = "download")]
    Secondary,
}

/// What is asked of the boot stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Request {
    /// Nothing
    None,
    /// Run it on trial
    Test,
    /// Install it for good
    Permanent,
}

impl Request {
    /// As it is written on the command line.
    pub fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

/// The slot that is meant.
fn place(image: u8, which: Which) -> Result<&'static Place> {
    let name = if which == Which::Primary { "primary" } else { "secondary" };
    let found = PLACES.iter().find(|place| place.image == image && place.name == name);
    found.ok_or_else(|| Failure::internal("a slot without a place"))
}

/// The slot's bytes with `image` and `request`, or why it cannot be there.
fn fill(place: &Place, image: &[u8], request: Request) -> Result<Vec<u8>> {
    let size = place.slot.region.size().bytes() as usize;
    let mut bytes = vec![ERASED; size];
    let mut put = |at: usize, piece: &[u8]| {
        let target = bytes.get_mut(at..at.saturating_add(piece.len()));
        target.map(|target| target.copy_from_slice(piece)).ok_or_else(|| {
            let cause = format!("{} bytes at {at:#x} do not fit the slot's {size:#x} bytes", piece.len());
            Failure::new(input::IMAGE_TOO_LARGE, cause)
        })
    };
    // A padded image is as long as the slot; where the slot begins with a spare sector, its padding is shorter.
    let room = size - place.offset as usize;
    let (padded, spare) = image.split_at_checked(room).unwrap_or((image, &[]));
    if spare.iter().any(|byte| *byte != ERASED) {
        let cause = format!("the image has {:#x} bytes, its slot {room:#x}", image.len());
        return Err(Failure::new(input::IMAGE_TOO_LARGE, cause));
    }
    put(place.offset as usize, padded)?;
    let cell = |before_end: u32| size - before_end as usize;
    if request != Request::None {
        put(cell(MAGIC_LEN), &place.trailer.magic_bytes())?;
    }
    if request == Request::Permanent {
        put(cell(place.trailer.image_ok()), &[FLAG_SET])?;
    }
    Ok(bytes)
}

/// Replaces the content of a slot: erased words stay erased.
fn write(board: &mut Board, slot: &Slot, bytes: &[u8]) -> bool {
    let start = slot.region.start();
    if !FLASH.contains(start) {
        return board.preload_external(start.value(), bytes);
    }
    board.erase(slot.region)
        && (start.value()..)
            .step_by(32)
            .zip(bytes.chunks(32))
            .all(|(address, word)| word.iter().all(|byte| *byte == ERASED) || board.preload(address, word))
}

/// Runs the command.
pub fn run(args: &Install, report: &mut Reporter<'_>) -> Result {
    files::not_an_input(&args.board, [args.image_file.as_path()])?;
    let image = files::read(&args.image_file)?;
    let held = vdev::load_any(&args.board)?;
    match &held.board {
        AnyBoard::H735(board) => install(args, &image, board.as_ref().clone(), report),
        AnyBoard::H7rs(board) => install_h7rs::run(args, &image, board, report),
    }
}

/// Puts the image into a slot of an STM32H735.
fn install(args: &Install, image: &[u8], mut board: Board, report: &mut Reporter<'_>) -> Result {
    not_of_this_part(args)?;
    let place = place(args.image, args.slot)?;
    let parsed = Image::parse(image, place.limits())
        .map_err(|error| Failure::new(error.code(), error.to_string()).about(args.image_file.display()))?;
    let version = parsed.header().version;
    let request = args.request.unwrap_or(match args.slot {
        Which::Primary => Request::None,
        Which::Secondary => Request::Test,
    });
    let bytes = fill(place, image, request).map_err(|failure| failure.about(args.image_file.display()))?;
    if !write(&mut board, &place.slot, &bytes) {
        return Err(Failure::internal("the flash did not take what fits into it"));
    }
    if !args.dry_run {
        vdev::save(&board, &args.board)?;
    }
    let address: Address = place.slot.region.start();
    let slot = place.name;
    let data = json!({
        "board": args.board.display().to_string(),
        "image": args.image,
        "slot": slot,
        "address": address.value(),
        "offset": place.offset,
        "version": version.to_string(),
        "request": request.name(),
        "dry_run": args.dry_run,
    });
    let text = format!(
        "{BOLD}version {version}{BOLD:#} in the {slot} slot of image {} at {address} ({}), request: {}",
        args.image,
        file(&args.image_file),
        request.name(),
    );
    report.result("vdev install", data, text);
    Ok(())
}

/// Refuses what has a meaning on another part only.
fn not_of_this_part(args: &Install) -> Result {
    let given = if args.product.is_some() { Some("--product") } else { args.stage.then_some("--stage") };
    match given {
        None => Ok(()),
        Some(option) => {
            let cause =
                format!("{option} is for the STM32H7R/7S; the slots of the board's stm32h735 are fixed");
            Err(Failure::new(input::USAGE, cause).about(args.board.display()).fix("Leave it out."))
        }
    }
}

/// A file as results show it.
pub fn file(path: &Path) -> String {
    printable(&path.display().to_string())
}
