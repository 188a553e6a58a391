//! `ironroot app image`: the one-line step after a build, from ELF to an image that the product boots.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Args;
use ironroot_layout::stm32h7rs::product::{ImageFor, ImageOptions};

use super::{broken, examine, load};
use crate::commands::image::{create_by_words, is_hex};
use crate::error::{Context, Result};
use crate::files;
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
    #[command(flatten)]
    wanted: Wanted,
}

/// What is made, for which product.
#[derive(Args, Debug)]
pub struct Wanted {
    /// Image to write
    #[arg(short, long, value_name = "OUT")]
    pub output: PathBuf,
    #[command(flatten)]
    pub product: ProductOption,
    /// Version, instead of the description's
    #[arg(long = "version", short, value_name = "VERSION")]
    pub version: Option<String>,
}

/// Runs the command.
pub fn run(args: &Image, report: &mut Reporter<'_>) -> Result {
    let product = product::read(&args.wanted.product.product)?;
    let program = load(&args.file)?;
    let checked = examine(&program, &product, report);
    if !checked.findings.is_empty() {
        return Err(broken(&checked.findings).about(args.file.display()));
    }
    let keys = &product.description.keys;
    let recipe = Recipe {
        options: &product.plan.image,
        sign: (&keys.sign, "keys.sign"),
        encrypt: (&keys.encrypt, "keys.encrypt"),
        version: args.wanted.version.as_deref(),
    };
    create(&product, &recipe, &args.file, &args.wanted.output, report)
}

/// An image that a product has, with the entries of the description that name its keys.
pub struct Recipe<'a> {
    /// How it is made.
    pub options: &'a ImageOptions,
    /// The key that signs, and the entry that names it.
    pub sign: (&'a Option<String>, &'static str),
    /// The key that it is encrypted for, and the entry that names it.
    pub encrypt: (&'a Option<String>, &'static str),
    /// A version instead of the description's.
    pub version: Option<&'a str>,
}

/// Makes an image of an ELF file.
pub fn create(
    product: &Product,
    recipe: &Recipe<'_>,
    file: &Path,
    output: &Path,
    report: &mut Reporter<'_>,
) -> Result {
    files::not_an_input(output, [file, product.path.as_path()])?;
    let mut words = words(product, recipe, output)?;
    words.extend([file.into(), "-o".into(), output.into()]);
    create_by_words(&words, report).about(file.display())
}

/// The options of `image create`.
fn words(product: &Product, recipe: &Recipe<'_>, output: &Path) -> Result<Vec<OsString>> {
    let options = recipe.options;
    let key = |(name, entry): (&Option<String>, &str)| product.key(name, entry, "the image");
    let mut words: Vec<OsString> = Vec::new();
    let mut add = |parts: &[&str]| words.extend(parts.iter().map(OsString::from));
    add(&["-k", &key(recipe.sign)?]);
    if options.encrypted {
        add(&["-E", &key(recipe.encrypt)?]);
    }
    let dialect = match options.verifier {
        ImageFor::Stirot => "stirot-h7s",
        ImageFor::OwnStage => "st",
    };
    add(&["--dialect", dialect]);
    let version = recipe.version.map_or_else(|| options.version.to_string(), str::to_owned);
    add(&["-v", &version, "-s", &options.counter.to_string()]);
    add(&["-H", &format!("{:#x}", options.header), "--pad-header", "--pad"]);
    add(&["-S", &format!("{:#x}", options.slot_size), "--align", &options.align.to_string()]);
    // A binary has no addresses, and would be warned of one.
    if is_hex(output) {
        add(&["-x", &format!("{:#x}", options.hex_address.value())]);
    }
    match (options.primary_only, options.overwrite_only) {
        (true, _) => add(&["--primary-only"]),
        (false, overwrite) => {
            add(&["-M", &options.max_sectors.to_string()]);
            if overwrite {
                add(&["--overwrite-only"]);
            }
        }
    }
    Ok(words)
}
