//! `ironroot app`: an application and its contract with the boot stage.

mod adapt;
mod check;
pub mod contract;
pub mod image;
mod map;
mod program;
mod script;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use ironroot_codes::input;
use serde_json::{Value, json};

use self::check::{Checked, Finding};
use self::program::Program;
use crate::error::{Context, Failure, Result};
use crate::files;
use crate::product::{self, Product, ProductOption};
use crate::report::{BAD, BOLD, DIM, GOOD, Reporter, printable};

/// Check and adapt an application for secure boot, and make its image
#[derive(Args, Debug)]
#[command(after_help = "\
The description of the product (ironroot.toml) says where the application runs and what is open when it starts; these \
commands say whether an application keeps to it, and what to change.

At the end of a build (docs/product-description.md has STM32CubeIDE and west too):
  CMake  add_custom_command(TARGET app POST_BUILD COMMAND ironroot app image
           $<TARGET_FILE:app> -o app.hex --product ${CMAKE_SOURCE_DIR}/ironroot.toml)
  Cargo  cargo build --release && ironroot app image \\
           target/thumbv7em-none-eabihf/release/app -o app.hex

Examples:
  ironroot app check app.elf
  ironroot app adapt -o generated --linker-script app.ld
  ironroot app map app.elf --json
  ironroot app image app.elf -o app.hex")]
pub struct App {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Check(Check),
    Adapt(adapt::Adapt),
    Map(map::Map),
    Image(image::Image),
}

/// Check an application against the contract with the boot stage
#[derive(Args, Debug)]
#[command(after_help = "\
Checked are the place and alignment of the vector table, room for header and trailer, the vectors (those of interrupts too where the \
table is a section or a symbol with a size), code outside the executable region, memory that is shared with the boot stage or closed \
at the start, stack and heap. Each finding has a code, an address, the symbol there, the reason and a remedy; notes say how far was \
looked. A NOLOAD section inside the confirmation flag or the RAM-ECC handle is how an application reaches them, and is no finding.

Examples:
  ironroot app check app.elf
  ironroot app check app.elf --product board/ironroot.toml --json")]
struct Check {
    /// Linked application (ELF)
    #[arg(value_name = "ELF")]
    file: PathBuf,
    #[command(flatten)]
    product: ProductOption,
}

/// Runs the command.
pub fn run(args: &App, report: &mut Reporter<'_>) -> Result {
    match &args.command {
        Command::Check(args) => {
            let product = product::read(&args.product.product)?;
            let program = load(&args.file)?;
            let checked = examine(&program, &product, report);
            for note in &checked.notes {
                report.text(format_args!("{DIM}note{DIM:#}  {}", printable(note)));
            }
            let data = json!({
                "file": args.file.display().to_string(),
                "product": args.product.product.display().to_string(),
                "findings": checked.findings.iter().map(fields).collect::<Vec<_>>(),
                "notes": checked.notes,
            });
            let text = format!("{GOOD}{} keeps the contract{GOOD:#}", args.file.display());
            if checked.findings.is_empty() {
                report.result("app check", data, text);
                return Ok(());
            }
            if report.is_json() {
                report.result("app check", data, "");
            }
            Err(broken(&checked.findings).about(args.file.display()))
        }
        Command::Adapt(args) => adapt::run(args, report),
        Command::Map(args) => map::run(args, report),
        Command::Image(args) => image::run(args, report),
    }
}

/// Reads an application.
fn load(path: &std::path::Path) -> Result<Program> {
    Program::read(&files::read(path)?).about(path.display())
}

/// Checks an application and shows what is wrong.
fn examine(program: &Program, product: &Product, report: &mut Reporter<'_>) -> Checked {
    let checked = check::check(program, &product.plan);
    for finding in &checked.findings {
        let symbol =
            finding.symbol.as_deref().map_or(String::new(), |symbol| format!(" ({})", printable(symbol)));
        report.text(format_args!(
            "{BAD}{}{BAD:#} {BOLD}{}{BOLD:#}{symbol}\n  reason  {}\n  remedy  {}",
            finding.code,
            finding.address,
            printable(&finding.reason),
            printable(&finding.remedy)
        ));
    }
    checked
}

fn fields(finding: &Finding) -> Value {
    json!({
        "code": finding.code.to_string(),
        "address": format!("{:#010x}", finding.address.value()),
        "symbol": finding.symbol,
        "reason": finding.reason,
        "remedy": finding.remedy,
    })
}

/// The refusal that follows from findings.
fn broken(findings: &[Finding]) -> Failure {
    let mut codes: Vec<String> = findings.iter().map(|finding| finding.code.to_string()).collect();
    codes.sort();
    codes.dedup();
    let count = match findings.len() {
        1 => "1 finding".to_owned(),
        count => format!("{count} findings"),
    };
    Failure::new(input::APP_CONTRACT, format!("{count}: {}", codes.join(", ")))
}
