//! `ironroot boot image`: the second stage as the image that STiRoT verifies.

use std::path::PathBuf;

use clap::Args;
use ironroot_codes::{input, project as codes};
use ironroot_layout::Region;
use ironroot_layout::stm32h7rs::product::BootPath;

use crate::commands::app::image::{Recipe, Wanted, create};
use crate::error::{Context, Failure, Result};
use crate::product;
use crate::report::Reporter;
use crate::{files, input as programs};

/// Make the signed image of the second stage (OEMuRoT), as the product description says
#[derive(Args, Debug)]
#[command(after_help = "\
For products with `boot = \"stirot-oemurot\"`: STiRoT verifies this image before it starts the stage. Options and keys are those of \
the description (keys.stage-sign, keys.stage-encrypt). An output that ends in .hex has the addresses of the stage's download slot. \
The stage itself is built for the description by IRONROOT_PRODUCT=ironroot.toml cargo xtask build.

Examples:
  ironroot boot image oemurot.elf -o stage.hex
  ironroot boot image oemurot.elf -o stage.bin --version 1.1.0 --product board/ironroot.toml
  ironroot provision run --device vdev:my.board --image app.hex --stage-image stage.hex --dry-run")]
pub struct Image {
    /// Linked stage (ELF)
    #[arg(value_name = "ELF")]
    file: PathBuf,
    #[command(flatten)]
    wanted: Wanted,
}

/// Runs the command.
pub fn run(args: &Image, report: &mut Reporter<'_>) -> Result {
    let product = product::read(&args.wanted.product.product)?;
    let plan = &product.plan;
    let second = plan.product.boot == BootPath::StirotOemurot;
    let (true, Some(options), Some(stage)) = (second, &plan.stirot_image, &plan.stage) else {
        let cause = format!("the boot path {} has no second stage", plan.product.boot.name());
        let failure = Failure::new(input::USAGE, cause).about(product.path.display());
        return Err(failure.fix("The application's image is made by `ironroot app image`."));
    };
    belongs(&files::read(&args.file)?, stage.code).about(args.file.display())?;
    let keys = &product.description.keys;
    let recipe = Recipe {
        options,
        sign: (&keys.stage_sign, "keys.stage-sign"),
        encrypt: (&keys.stage_encrypt, "keys.stage-encrypt"),
        version: args.wanted.version.as_deref(),
    };
    create(&product, &recipe, &args.file, &args.wanted.output, report)
}

/// Refuses what STiRoT would verify and then start in the middle of something else.
fn belongs(elf: &[u8], code: Region) -> Result {
    let refuse = |cause: String| Err(Failure::new(codes::PROVISION_BOOT_CODE, cause));
    let pieces = programs::elf::parse(elf)?.pieces;
    let first = pieces.iter().map(|piece| piece.address).min();
    if first != Some(code.start().value()) {
        let found = first.map_or("nowhere".to_owned(), |first| format!("at {first:#010x}"));
        return refuse(format!("it begins {found}; the second stage begins at {}", code.start()));
    }
    match pieces.iter().find(|piece| piece.end() > u64::from(code.end().value())) {
        Some(piece) => refuse(format!("{} ends at {:#010x}, behind {code}", piece.name, piece.end())),
        None => Ok(()),
    }
}
