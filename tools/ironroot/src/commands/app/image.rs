//! `ironroot app image`: the one-line step after a build, from ELF to an image that the product boots.

use std::path::PathBuf;

use clap::Args;
use ironroot_codes::{input, product as codes};
use ironroot_layout::stm32h7rs::product::{ImageFor, ImageOptions};

use super::{broken, examine, load};
use crate::commands::image::create_by_words;
use crate::error::{Context, Failure, Result};
use crate::product::{self, Product, ProductOption};
use crate::report::Reporter;

/// Check an application and make its signed image, as the product description says
#[derive(Args, Debug)]
#[command(after_help = "\
For the end of a build: checks the application like `app check` and makes the image with the options and keys of the product. \
An output that ends in .hex has the addresses of the download slot.

Examples:
  ironroot app image app.elf -o app.hex
  ironroot app image app.elf -o app.bin --version 1.2.0 --product board/ironroot.toml")]
pub struct Image {
    /// Linked application (ELF)
    #[arg(value_name = "ELF")]
    file: PathBuf,
    /// Image to write
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
    #[command(flatten)]
    product: ProductOption,
    /// Version, instead of the description's
    #[arg(long = "version", short, value_name = "VERSION")]
    version: Option<String>,
}

/// Runs the command.
pub fn run(args: &Image, report: &mut Reporter<'_>) -> Result {
    let product = product::read(&args.product.product)?;
    let program = load(&args.file)?;
    let findings = examine(&program, &product, report);
    if !findings.is_empty() {
        return Err(broken(&findings).about(args.file.display()));
    }
    let words = words(&product, &product.plan.image, args)?;
    create_by_words(&words, report).about(args.file.display())
}

/// The options of `image create`.
fn words(product: &Product, options: &ImageOptions, args: &Image) -> Result<Vec<std::ffi::OsString>> {
    let keys = &product.description.keys;
    let key = |name: &Option<String>, entry: &str| match name {
        Some(name) => Ok(product.file(name)),
        None => {
            let cause = format!("{entry} is not in the description, and the image needs it");
            Err(Failure::new(codes::PRODUCT_ENTRY_MISSING, cause).about(product.path.display()))
        }
    };
    let mut words: Vec<std::ffi::OsString> = Vec::new();
    let mut add = |parts: &[&str]| words.extend(parts.iter().map(std::ffi::OsString::from));
    add(&["-k", &key(&keys.sign, "keys.sign")?]);
    if options.encrypted {
        add(&["-E", &key(&keys.encrypt, "keys.encrypt")?]);
    }
    let dialect = match options.verifier {
        ImageFor::Stirot => "stirot-h7s",
        ImageFor::OwnStage => "st",
    };
    add(&["--dialect", dialect]);
    let version = args.version.clone().unwrap_or_else(|| options.version.to_string());
    add(&["-v", &version, "-s", &options.counter.to_string()]);
    add(&["-H", &format!("{:#x}", options.header), "--pad-header", "--pad"]);
    add(&["-S", &format!("{:#x}", options.slot_size), "--align", &options.align.to_string()]);
    add(&["-x", &format!("{:#x}", options.hex_address.value())]);
    match (options.primary_only, options.overwrite_only) {
        (true, _) => add(&["--primary-only"]),
        (false, overwrite) => {
            add(&["-M", &options.max_sectors.to_string()]);
            if overwrite {
                add(&["--overwrite-only"]);
            }
        }
    }
    if args.output == args.file {
        return Err(Failure::new(input::OUTPUT_IS_INPUT, "the image would replace the application"));
    }
    words.extend([args.file.clone().into(), "-o".into(), args.output.clone().into()]);
    Ok(words)
}
