//! `ironroot boot`: what follows from the description of a product, before anything is built.
//!
//! 1. The rules and the numbers are those of `ironroot_layout`, the same from which boot stage and application are built.
//! 2. A description that cannot be built is refused with the line to change.
//! 3. Pictures are SVG, to scale where they are of memory.

mod flow;
mod image;
mod map;
mod plan;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use crate::atomic::{self, Access, Existing};
use crate::error::{Failure, Result};
use crate::files;
use crate::product::{self, Product, ProductOption};
use crate::report::Reporter;

/// Show what follows from a product description, and make the image of a second stage
#[derive(Args, Debug)]
#[command(after_help = "\
The description is a TOML file; docs/ironroot.schema.json lets editors complete and check it, examples/h7s has one of each \
kind.

Examples:
  ironroot boot plan --product examples/h7s/oemirot-swap.toml
  ironroot boot map --svg map.svg
  ironroot boot flow --product examples/h7s/stirot-oemurot.toml --svg flow.svg
  ironroot boot image oemurot.elf -o stage.hex")]
pub struct Boot {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Plan(Plan),
    Map(Map),
    Flow(Flow),
    Image(image::Image),
}

/// Show slots, option bytes in order, OBKeys, image options and MPU tables
#[derive(Args, Debug)]
#[command(after_help = "\
Nothing is written to a device. A step that cannot be undone is marked.

Examples:
  ironroot boot plan
  ironroot boot plan --product examples/h7s/stirot.toml
  ironroot boot plan --product product.toml --json")]
struct Plan {
    #[command(flatten)]
    product: ProductOption,
}

/// Show where everything is in flash and RAM
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ironroot boot map
  ironroot boot map --product examples/h7s/oemirot-swap.toml --svg map.svg
  ironroot boot map --product product.toml --json")]
struct Map {
    #[command(flatten)]
    product: ProductOption,
    /// Picture to write (SVG)
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

/// Show the boot sequence: what each stage does, verifies, and hides when it leaves
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ironroot boot flow
  ironroot boot flow --product examples/h7s/stirot-oemurot.toml --svg flow.svg
  ironroot boot flow --product product.toml --json")]
struct Flow {
    #[command(flatten)]
    product: ProductOption,
    /// Picture to write (SVG)
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

/// Runs the command.
pub fn run(args: &Boot, report: &mut Reporter<'_>) -> Result {
    match &args.command {
        Command::Plan(args) => plan::run(&product::read(&args.product.product)?, report),
        Command::Map(args) => {
            let product = read(&args.product, args.svg.as_deref())?;
            map::run(&product, args.svg.as_deref(), report)
        }
        Command::Flow(args) => {
            let product = read(&args.product, args.svg.as_deref())?;
            flow::run(&product, args.svg.as_deref(), report)
        }
        Command::Image(args) => image::run(args, report),
    }
}

/// The description; the picture must not take its place.
fn read(option: &ProductOption, svg: Option<&Path>) -> Result<Product> {
    if let Some(svg) = svg {
        files::not_an_input(svg, [option.product.as_path()])?;
    }
    product::read(&option.product)
}

/// Writes a picture, whole or not at all.
fn write_picture(path: Option<&Path>, picture: impl FnOnce() -> String) -> Result {
    match path {
        None => Ok(()),
        Some(path) => atomic::write(path, picture().as_bytes(), Access::Public, Existing::Replace)
            .map_err(|error| Failure::write(path, &error)),
    }
}

/// The product in one line.
fn title(product: &Product) -> String {
    let wanted = &product.plan.product;
    let name = product.description.name.as_deref().map_or_else(String::new, |name| format!("{name}: "));
    format!(
        "{name}{}, {}, runs from {}, {}",
        wanted.part.name(),
        wanted.boot.name(),
        wanted.place.name(),
        wanted.update.name()
    )
}

/// The members that every result has.
fn heading(product: &Product) -> serde_json::Map<String, serde_json::Value> {
    let wanted = &product.plan.product;
    let mut fields = serde_json::Map::new();
    fields.insert("product".into(), product.path.display().to_string().into());
    fields.insert("name".into(), product.description.name.clone().into());
    fields.insert("board".into(), product.description.board.clone().into());
    fields.insert("device".into(), wanted.part.name().into());
    fields.insert("boot".into(), wanted.boot.name().into());
    fields.insert("execute".into(), wanted.place.name().into());
    fields.insert("update".into(), wanted.update.name().into());
    fields
}

/// `0x90000000`, as in other results.
fn hex(value: u32) -> String {
    format!("{value:#010x}")
}
