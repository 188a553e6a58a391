//! `ironroot app adapt`: what the application's build needs, and how its linker script has to change.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use ironroot_codes::input;
use ironroot_layout::generate::{Form, SOURCE, Side, generate};
use serde_json::json;
use similar::TextDiff;

use super::script;
use crate::atomic::{self, Access, Existing};
use crate::error::{Context, Failure, Result};
use crate::files;
use crate::product::{self, ProductOption};
use crate::report::Reporter;

/// The generated files: name, form, what each is for.
const FILES: [(&str, Form, &str); 4] = [
    ("ironroot_app.ld", Form::Symbols, "symbols, to be included by a linker script with a MEMORY of its own"),
    ("memory.x", Form::Linker, "MEMORY and symbols, for cortex-m-rt and for scripts without MEMORY"),
    ("ironroot_contract.h", Form::CHeader, "the contract in C"),
    ("ironroot_contract.rs", Form::Rust, "the contract in Rust"),
];

/// The first line of a generated file is shorter.
const FIRST_LINE: u64 = 1024;

/// Write linker include and contract headers, and show how a linker script has to change
#[derive(Args, Debug)]
#[command(after_help = "\
The generated files follow the product description; run it again when that changes (or from the build). They replace only files \
that were generated before. An existing linker script is never changed without --apply: its change is shown as a diff. Changed are \
the values of the memory for code, and of RAM where the product does not have it open; what else is not open is told. The changed \
script includes ironroot_app.ld, so the linker must look for it in the directory: -L DIR, or in build.rs \
cargo:rustc-link-search=DIR. A script whose MEMORY is not understood is refused.

Examples:
  ironroot app adapt -o generated
  ironroot app adapt -o generated --linker-script STM32H7S7_FLASH.ld
  ironroot app adapt -o generated --linker-script app.ld --apply
  ironroot app adapt -o generated --linker-script app.ld --flash APP_CODE
  ironroot app adapt -o generated --linker-script memory.x --apply")]
pub struct Adapt {
    #[command(flatten)]
    product: ProductOption,
    /// Directory for the generated files
    #[arg(short, long, value_name = "DIR", default_value = "ironroot")]
    output: PathBuf,
    /// Linker script of the application
    #[arg(long, value_name = "FILE")]
    linker_script: Option<PathBuf>,
    /// Memory that the code goes to, if it is none of FLASH, ROM, FLASH1, FLASH_APP
    #[arg(long, value_name = "NAME", requires = "linker_script")]
    flash: Option<String>,
    /// Write the changed linker script
    #[arg(long, requires = "linker_script")]
    apply: bool,
    /// Say what would be written, and write nothing
    #[arg(long, conflicts_with = "apply")]
    dry_run: bool,
}

/// Runs the command.
pub fn run(args: &Adapt, report: &mut Reporter<'_>) -> Result {
    let product = product::read(&args.product.product)?;
    // Read and adapted before anything is written: a script that cannot be understood leaves nothing behind.
    let script = match &args.linker_script {
        Some(path) => {
            let bytes = files::read(path)?;
            let text = String::from_utf8(bytes)
                .map_err(|_| Failure::new(input::WRONG_FILE_KIND, "it is no text").about(path.display()))?;
            let wanted =
                script::Wanted { include: FILES[0].0, flash: args.flash.as_deref(), plan: &product.plan };
            let adapted = script::adapt(&text, &wanted).about(path.display())?;
            Some((path, text, adapted))
        }
        None => None,
    };
    let inputs = || args.linker_script.iter().chain([&product.path]).map(PathBuf::as_path);
    for (name, form, _) in FILES {
        let path = args.output.join(name);
        files::not_an_input(&path, inputs())?;
        replaceable(&path, form)?;
    }
    if let (true, Some(script)) = (args.apply, &args.linker_script) {
        files::not_an_input(script, [product.path.as_path()])?;
    }
    if !args.dry_run {
        std::fs::create_dir_all(&args.output).map_err(|error| Failure::write(&args.output, &error))?;
    }
    let mut written = Vec::new();
    for (name, form, purpose) in FILES {
        let path = args.output.join(name);
        let text = generate(&product.plan, Side::Application, form);
        if !args.dry_run {
            write(&path, &text)?;
        }
        written.push(json!({ "file": path.display().to_string(), "purpose": purpose }));
        report.text(format_args!("{}  {purpose}", path.display()));
    }
    let mut changed = None;
    if let Some((path, text, adapted)) = &script {
        let diff = diff(path, text, &adapted.text);
        if args.apply && adapted.text != *text {
            write(path, &adapted.text)?;
        }
        for note in &adapted.notes {
            report.text(format_args!("  {note}"));
        }
        let state = if adapted.text == *text {
            "nothing to change"
        } else if args.apply {
            "changed"
        } else {
            "not changed: pass --apply"
        };
        report.text(format_args!("{} ({state})\n{diff}", path.display()));
        changed = Some(json!({
            "file": path.display().to_string(),
            "diff": diff,
            "notes": adapted.notes,
            "applied": args.apply && adapted.text != *text,
        }));
    }
    let data = json!({ "files": written, "linker_script": changed, "written": !args.dry_run });
    if report.is_json() {
        report.result("app adapt", data, "");
    }
    Ok(())
}

/// Refuses to write where a file is that was not generated: it may be somebody's own, cortex-m-rt's `memory.x` above all.
fn replaceable(path: &Path, form: Form) -> Result {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Failure::read(path, &error)),
    };
    let mut first = Vec::new();
    let mut line = BufReader::new(file.take(FIRST_LINE));
    line.read_until(b'\n', &mut first).map_err(|error| Failure::read(path, &error))?;
    if first.windows(SOURCE.len()).any(|part| part == SOURCE.as_bytes()) {
        return Ok(());
    }
    let failure =
        Failure::new(input::OUTPUT_EXISTS, "it was not generated by this command").about(path.display());
    Err(failure.fix(match form {
        Form::Linker => format!(
            "Choose another directory with -o; `--linker-script {}` shows what changes in this file.",
            path.display()
        ),
        _ => "Choose another directory with -o, or move the file away.".to_owned(),
    }))
}

fn write(path: &Path, text: &str) -> Result {
    atomic::write(path, text.as_bytes(), Access::Public, Existing::Replace)
        .map_err(|error| Failure::write(path, &error))
}

fn diff(path: &Path, old: &str, new: &str) -> String {
    let name = path.display().to_string();
    TextDiff::from_lines(old, new).unified_diff().context_radius(2).header(&name, &name).to_string()
}
