//! `ironroot vdev install` on a board with an STM32H7R/7S: an update into the download slot that the product description gives
//! it, as an application that received it would put it there.

use std::path::{Path, PathBuf};

use ironroot_chip_h7rs::BoardH7;
use ironroot_codes::{input as codes, project};
use ironroot_image::trailer::{FLAG_SET, TrailerLayout};
use ironroot_layout::stm32h7rs::ERASED;
use ironroot_layout::stm32h7rs::product::ImageFor;
use serde_json::json;

use super::install::{Install, Request, Which, file};
use crate::error::{Context, Failure, Result};
use crate::input::Piece;
use crate::product::download::Download;
use crate::product::{self, Product};
use crate::report::{BOLD, Reporter};
use crate::vdev::chip::AnyBoard;
use crate::vdev::external;

/// Where a description is looked for, as by the other commands.
const DEFAULT: &str = "ironroot.toml";

/// Runs the command on `board`.
pub fn run(args: &Install, image: &[u8], board: &BoardH7, report: &mut Reporter<'_>) -> Result {
    refuse_fixed_slots(args)?;
    let product = description(args)?;
    let wanted = product.plan.product.part;
    if wanted != board.part() {
        let cause = format!(
            "the board has an {}, {} describes an {}",
            board.part().name(),
            product.path.display(),
            wanted.name()
        );
        return Err(Failure::new(project::PROVISION_DEVICE, cause).about(args.board.display()));
    }
    let download = target(args, &product)?;
    let content = download.content(&args.image_file, image).about(args.image_file.display())?;
    let version = content.image.header().version;
    let slot = download.slots.download;
    let (bytes, request) = fill(args, &download, content.bytes, slot.size().bytes() as usize)?;
    let piece = Piece { address: slot.start().value(), bytes, name: download.name.to_owned() };
    let any = AnyBoard::H7rs(Box::new(board.clone()));
    external::write(any, &args.board, &[piece], args.dry_run)?;
    let data = json!({
        "board": args.board.display().to_string(),
        "product": product.path.display().to_string(),
        "image": download.name,
        "slot": "secondary",
        "address": slot.start().value(),
        "offset": 0,
        "version": version.to_string(),
        "request": request.name(),
        "dry_run": args.dry_run,
    });
    let text = format!(
        "{BOLD}version {version}{BOLD:#} in the download slot of the {} at {} ({}), request: {}",
        download.name,
        slot.start(),
        file(&args.image_file),
        request.name(),
    );
    report.result("vdev install", data, text);
    Ok(())
}

/// Refuses what only the STM32H735 has.
fn refuse_fixed_slots(args: &Install) -> Result {
    let refuse =
        |cause: &str, fix: &str| Err(Failure::new(codes::USAGE, cause).about(args.board.display()).fix(fix));
    if args.slot == Which::Primary {
        return refuse(
            "the installed image of this part is the boot stage's: it verifies, encrypts for the memory and records what it puts there",
            "Leave --slot out: the boot stage installs the image from the download slot.",
        );
    }
    if args.image != 0 {
        return refuse(
            "the boot stages of this part have one image of the application",
            "Leave --image out; --stage means the second stage's image.",
        );
    }
    Ok(())
}

/// The description; without one nobody knows where the slots are.
fn description(args: &Install) -> Result<Product> {
    let path = args.product.clone().unwrap_or_else(|| PathBuf::from(DEFAULT));
    product::read(&path).map_err(|failure| match (failure.code, &args.product) {
        (codes::FILE_NOT_FOUND, None) => {
            let cause = "where the slots of this board are is said by its product description, and there is none here";
            Failure::new(codes::FILE_NOT_FOUND, cause)
                .about(Path::new(DEFAULT).display())
                .fix("Name it with --product FILE, or run the command in its directory.")
        }
        _ => failure,
    })
}

/// The image that is meant.
fn target(args: &Install, product: &Product) -> Result<Download> {
    if !args.stage {
        return Ok(Download::application(&product.plan));
    }
    Download::second_stage(&product.plan).ok_or_else(|| {
        let cause = format!("the boot path {} has no second stage", product.plan.product.boot.name());
        Failure::new(codes::USAGE, cause).about(product.path.display()).fix("Leave --stage out.")
    })
}

/// The whole slot with the image and the request in it, and the request.
fn fill(args: &Install, download: &Download, mut bytes: Vec<u8>, size: usize) -> Result<(Vec<u8>, Request)> {
    let padded = bytes.len() == size;
    bytes.resize(size, ERASED);
    let trailer = download.trailer()?;
    let own = trailer.as_ref().filter(|_| padded).and_then(|layout| own_request(&bytes, layout));
    let request = request(args.request, own, download)?;
    if let Some(layout) = trailer {
        put_request(&mut bytes, &layout, request);
    }
    Ok((bytes, request))
}

/// What a padded image asks for.
fn own_request(slot: &[u8], layout: &TrailerLayout) -> Option<Request> {
    let flag = slot.len().checked_sub(layout.image_ok() as usize).and_then(|at| slot.get(at));
    match (slot.ends_with(&layout.magic_bytes()), flag) {
        (true, Some(&FLAG_SET)) => Some(Request::Permanent),
        (true, _) => Some(Request::Test),
        (false, _) => None,
    }
}

/// What is asked for in the end: the boot path may leave no choice.
fn request(asked: Option<Request>, own: Option<Request>, download: &Download) -> Result<Request> {
    let refuse = |request: Request, why: &str| {
        let failure = Failure::new(codes::USAGE, format!("--request {}: {why}", request.name()));
        Err(failure.fix("Leave --request out."))
    };
    let by_stirot = download.options.verifier == ImageFor::Stirot;
    match asked {
        Some(request @ (Request::Test | Request::None)) if by_stirot => {
            refuse(request, "STiRoT knows no requests, it installs what lies in the download slot")
        }
        Some(Request::Test) if download.options.overwrite_only => {
            refuse(Request::Test, "updates of this product overwrite the old image, which cannot come back")
        }
        _ if by_stirot => Ok(Request::Permanent),
        Some(request) => Ok(request),
        None if download.options.overwrite_only => Ok(Request::Permanent),
        None => Ok(own.unwrap_or(Request::Test)),
    }
}

/// Replaces the trailer, whatever the file had there: the image ends in front of it.
fn put_request(slot: &mut [u8], layout: &TrailerLayout, request: Request) {
    let end = slot.len();
    let mut put = |before_end: u32, bytes: &[u8]| {
        let place = end.checked_sub(before_end as usize).and_then(|at| slot.get_mut(at..at + bytes.len()));
        if let Some(place) = place {
            place.copy_from_slice(bytes);
        }
    };
    put(layout.size(), &vec![ERASED; layout.size() as usize]);
    if request != Request::None {
        put(layout.magic(), &layout.magic_bytes());
    }
    if request == Request::Permanent {
        put(layout.image_ok(), &[FLAG_SET]);
    }
}
