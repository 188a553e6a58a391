//! `ironroot import tpc-xml`: configurations become `.obk` files, image descriptions become options or images.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Args;
use ironroot_codes::{input, project};
use serde_json::{Value, json};

use crate::atomic::{self, Access, Existing};
use crate::commands::image;
use crate::error::{Context, Failure, Result};
use crate::keyarg::KeyOptions;
use crate::report::{BOLD, Reporter, printable};
use crate::st::config::Value as FieldValue;
use crate::st::image::OptionValue;
use crate::st::{self, Config, Image, Project};

/// Take over XML files of ST's package creator: OEMiROT_Config.xml, OEMiROT_Code_Image.xml and their kin
#[derive(Args, Debug)]
#[command(after_help = "\
A configuration (Obdata) becomes the .obk file that ST's tool makes of it, byte for byte. An image description (McubootFormat) \
is shown as options of `ironroot image create`, and made with --build. Paths in the files start at the file that has them. \
Files with entities, unknown fields or values out of range are refused.

Examples:
  ironroot import tpc-xml OEMiROT/Config/OEMiROT_Config.xml
  ironroot import tpc-xml OEMiROT/Images/OEMiROT_Code_Image.xml --json
  ironroot import tpc-xml Image.xml --build --application app.bin --output-dir out
  ironroot import tpc-xml Config.xml Image.xml --dry-run")]
pub struct TpcXml {
    /// Project files, of either kind
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Put results here, by their names, instead of where the files say
    #[arg(short, long, value_name = "DIR")]
    output_dir: Option<PathBuf>,
    /// Make the images that are described
    #[arg(long)]
    build: bool,
    /// Application or data for the image, instead of what the description names
    #[arg(long, value_name = "FILE", requires = "build")]
    application: Option<PathBuf>,
    /// Say what would be written, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Replace files that are there
    #[arg(short, long)]
    force: bool,
    #[command(flatten)]
    keys: KeyOptions,
}

/// Runs the command.
pub fn run(args: &TpcXml, report: &mut Reporter<'_>) -> Result {
    // All files are read before anything is written: a bad second one leaves nothing behind.
    let mut projects = Vec::new();
    for path in &args.files {
        projects.push((path, st::read(path)?));
    }
    for (path, project) in &projects {
        let done = match project {
            Project::Config(config) => write_config(args, path, config, report),
            Project::Image(image) => show_image(args, path, image, report),
        };
        done.about(path.display())?;
    }
    Ok(())
}

/// Where the result goes: as the file says, or by its name into the directory that was asked for.
fn target(args: &TpcXml, file: &Path, output: &Path) -> Result<PathBuf> {
    match &args.output_dir {
        None => Ok(folder(file).join(output)),
        Some(directory) => match output.file_name() {
            Some(name) => Ok(directory.join(name)),
            None => {
                let cause = format!("the output {} has no file name", output.display());
                Err(Failure::new(project::ST_VALUE_INVALID, cause))
            }
        },
    }
}

fn folder(file: &Path) -> &Path {
    file.parent().unwrap_or(Path::new(""))
}

fn write_config(args: &TpcXml, file: &Path, config: &Config, report: &mut Reporter<'_>) -> Result {
    let obk = config.build(folder(file), &args.keys.secrets())?;
    let output = target(args, file, &config.output)?;
    if !args.dry_run {
        let existing = if args.force { Existing::Replace } else { Existing::Keep };
        // It may hold a private key.
        atomic::write(&output, &obk.to_bytes(), Access::Secret, existing)
            .map_err(|error| Failure::write(&output, &error))?;
    }
    let place = obk.destination().map(|place| {
        json!({
            "first_key": place.index,
            "level": place.level.number(),
            "debug_authentication": place.debug_authentication.map(|value| format!("{value:#04x}")),
        })
    });
    let fields: Vec<Value> = config
        .fields
        .iter()
        .map(|field| json!({ "name": field.name, "value": shown(&field.value) }))
        .collect();
    let data = json!({
        "file": file.display().to_string(),
        "kind": "configuration",
        "title": config.title,
        "mcu": config.mcu,
        "destination": format!("{:#010x}", obk.destination),
        "place": place,
        "encrypt": obk.encrypt,
        "payload_bytes": obk.payload.len(),
        "output": output.display().to_string(),
        "written": !args.dry_run,
        "fields": fields,
    });
    let where_to = match obk.destination() {
        Some(place) => format!("key {} of level {}", place.index, place.level.number()),
        None => format!("address {:#010x}", obk.destination),
    };
    let verb = if args.dry_run { "would write" } else { "wrote" };
    let text = format!(
        "{BOLD}{}{BOLD:#}: {} bytes for {where_to}\n{verb} {}",
        printable(&config.title),
        obk.payload.len(),
        output.display()
    );
    report.result("import tpc-xml", data, text);
    Ok(())
}

/// A field's value without secrets.
fn shown(value: &FieldValue) -> Value {
    match value {
        FieldValue::Number { text, .. } => json!(text),
        FieldValue::Key { path, public, .. } => {
            json!({ "key": path.display().to_string(), "public": public })
        }
        FieldValue::Permissions(bits) => json!(format!("{bits:#x}")),
        FieldValue::Password(_) => json!("(password)"),
    }
}

fn show_image(args: &TpcXml, file: &Path, image: &Image, report: &mut Reporter<'_>) -> Result {
    let config = image.linked(folder(file))?;
    let mut options = image.options(config.as_ref())?;
    if !options.iter().any(|option| option.switch == "--dialect") {
        // The loaders that these files are for are ST's fork: other flags than MCUboot's.
        options.push(OptionValue { switch: "--dialect".to_owned(), value: Some("st".to_owned()) });
    }
    if !options.iter().any(|option| option.switch == "-k") {
        options.push(OptionValue { switch: "--unsigned".to_owned(), value: None });
    }
    let infile = args.application.clone().unwrap_or_else(|| folder(file).join(&image.infile));
    let output = target(args, file, &image.output)?;
    let words = command_line(&options, &infile, &output);
    let shown: Vec<String> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let data = json!({
        "file": file.display().to_string(),
        "kind": "image",
        "title": image.title,
        "options": options.iter().map(|option| json!({ "switch": option.switch, "value": option.value })).collect::<Vec<_>>(),
        "input": infile.display().to_string(),
        "output": output.display().to_string(),
        "command": shown,
        "built": args.build && !args.dry_run,
    });
    let text = format!("{BOLD}{}{BOLD:#}\n  {}", printable(&image.title), shown.join(" "));
    report.result("import tpc-xml", data, text);
    if args.build && !args.dry_run {
        if !args.force && output.exists() {
            let cause = "a file of that name is there".to_owned();
            return Err(Failure::new(input::OUTPUT_EXISTS, cause).about(output.display()));
        }
        image::create_by_words(&words[3..], report)?;
    }
    Ok(())
}

fn command_line(options: &[OptionValue], infile: &Path, output: &Path) -> Vec<OsString> {
    let mut words: Vec<OsString> = ["ironroot", "image", "create"].map(OsString::from).to_vec();
    for option in options {
        words.push(option.switch.clone().into());
        if let Some(value) = &option.value {
            words.push(value.into());
        }
    }
    words.extend([infile.into(), OsString::from("-o"), output.into()]);
    words
}
