//! `ironroot import tpc-xml`: configurations become `.obk` files, image descriptions become options or images, and all of a
//! project becomes a product description.
//!
//! Everything is made before anything gets its name: a second file that is refused leaves nothing of the first behind. And no
//! result replaces what it was made from, or a private key, with `--force` or without.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use ironroot_codes::{input, project};
use serde_json::{Value, json};
use tempfile::{TempDir, TempPath};

use super::description::{self, DescriptionOptions};
use crate::atomic::{self, Access, Existing, Pending, PrivateKeyThere};
use crate::commands::image;
use crate::error::{Context, Failure, Result};
use crate::keyarg::KeyOptions;
use crate::report::{BOLD, Reporter, printable};
use crate::st::config::Value as FieldValue;
use crate::st::image::OptionValue;
use crate::st::obk::Obk;
use crate::st::{self, Config, Image, Project, folder};
use crate::{files, interrupt};

/// Take over XML files of ST's package creator: OEMiROT_Config.xml, OEMiROT_Code_Image.xml and their kin
#[derive(Args, Debug)]
#[command(after_help = "\
A configuration (Obdata) becomes the .obk file that ST's tool makes of it, byte for byte. An image description (McubootFormat) \
is shown as options of `ironroot image create`, and made with --build. Paths in the files start at the file that has them. \
Files with entities, unknown fields or values out of range are refused.

With --description a project's files become one product description instead, and nothing else is written: what they do not say \
has a remark and a default, what they say and a description does not is a warning. A linked configuration is read too.

Examples:
  ironroot import tpc-xml OEMiROT/Config/OEMiROT_Config.xml
  ironroot import tpc-xml OEMiROT/Images/OEMiROT_Code_Image.xml --json
  ironroot import tpc-xml Image.xml --build --application app.bin --output-dir out
  ironroot import tpc-xml Config.xml Image.xml --dry-run
  ironroot import tpc-xml OEMiROT_Code_Image.xml DA_Config.xml --description ironroot.toml
  ironroot import tpc-xml STiROT_Code_Image.xml OEMuROT_Code_Image.xml --description ironroot.toml --execute external-flash")]
pub struct TpcXml {
    /// Project files, of either kind
    #[arg(value_name = "FILE", required = true)]
    pub(super) files: Vec<PathBuf>,
    /// Put results here, by their names, instead of where the files say
    #[arg(short, long, value_name = "DIR")]
    output_dir: Option<PathBuf>,
    #[command(flatten)]
    pub(super) description: DescriptionOptions,
    /// Make the images that are described
    #[arg(long)]
    build: bool,
    /// Application or data for the image, instead of what the description names
    #[arg(long, value_name = "FILE", requires = "build")]
    application: Option<PathBuf>,
    /// Say what would be written, and write nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Replace files that are there
    #[arg(short, long)]
    pub(super) force: bool,
    #[command(flatten)]
    keys: KeyOptions,
}

/// Runs the command.
pub fn run(args: &TpcXml, report: &mut Reporter<'_>) -> Result {
    let mut projects = Vec::new();
    for path in &args.files {
        projects.push((path, st::read(path)?));
    }
    if let Some(output) = &args.description.description {
        return description::run(args, output, projects, report);
    }
    let mut works = Vec::new();
    for (path, project) in &projects {
        works.push(prepare(args, path, project).map_err(|failure| failure_in(failure, path))?);
    }
    check_outputs(args, &works)?;
    let images = build(args, &works, report)?;
    if !args.dry_run {
        commit(args, &works, images.iter().map(|image| (&image.path, image.output)))?;
    }
    for work in &works {
        match &work.made {
            Made::Keys(config, obk) => tell_keys(args, work, config, obk, report),
            Made::Image(image, options, infile) => tell_image(args, work, image, options, infile, report),
        }
    }
    for image in &images {
        report.replay(&image.said.0, &image.said.1);
    }
    Ok(())
}

/// What is to be written of one file.
struct Work<'a> {
    path: &'a Path,
    made: Made<'a>,
    output: PathBuf,
    /// What it is made from, beside the project files.
    inputs: Vec<PathBuf>,
}

enum Made<'a> {
    Keys(&'a Config, Obk),
    Image(&'a Image, Vec<OptionValue>, PathBuf),
}

impl Work<'_> {
    /// It becomes a file.
    fn writes(&self, args: &TpcXml) -> bool {
        matches!(self.made, Made::Keys(..)) || args.build
    }
}

/// A refusal about one of the project files; if it is about a file that it names, the project file is where to change it.
fn failure_in(failure: Failure, path: &Path) -> Failure {
    match &failure.subject {
        None => failure.about(path.display()),
        Some(_) => Failure { cause: format!("{}, {}", path.display(), failure.cause), ..failure },
    }
}

/// Where the result goes: as the file says, or by its name into the directory that was asked for.
fn target(args: &TpcXml, file: &Path, output: &Path) -> Result<PathBuf> {
    match (&args.output_dir, output.file_name()) {
        (None, _) => Ok(folder(file).join(output)),
        (Some(directory), Some(name)) => Ok(directory.join(name)),
        (Some(_), None) => {
            let cause = format!("the output {} has no file name", output.display());
            Err(Failure::new(project::ST_VALUE_INVALID, cause))
        }
    }
}

fn prepare<'a>(args: &TpcXml, path: &'a Path, project: &'a Project) -> Result<Work<'a>> {
    match project {
        Project::Config(config) => {
            let obk = config.build(folder(path), &args.keys.secrets())?;
            let output = target(args, path, &config.output)?;
            let inputs = config.key_files(folder(path)).collect();
            Ok(Work { path, made: Made::Keys(config, obk), output, inputs })
        }
        Project::Image(image) => {
            let linked = image.linked(folder(path))?;
            let config = linked.as_ref().map(|(path, config)| (path.as_path(), config));
            let mut options = image.options(folder(path), config)?;
            let add = |switch: &str, value: Option<&str>| OptionValue {
                name: String::new(),
                switch: switch.to_owned(),
                value: value.map(str::to_owned),
            };
            if !options.iter().any(|option| option.switch == "--dialect") {
                // The loaders that these files are for are ST's fork: other flags than MCUboot's.
                options.push(add("--dialect", Some("st")));
            }
            if !options.iter().any(|option| option.switch == "-k") {
                options.push(add("--unsigned", None));
            }
            let infile = args.application.clone().unwrap_or_else(|| folder(path).join(&image.infile));
            let output = target(args, path, &image.output)?;
            let keys = options.iter().filter(|option| ["-k", "-E"].contains(&option.switch.as_str()));
            let mut inputs: Vec<PathBuf> =
                keys.filter_map(|option| option.value.as_ref().map(PathBuf::from)).collect();
            inputs.push(infile.clone());
            if let Some((linked, config)) = &linked {
                inputs.extend(config.key_files(folder(linked)));
                inputs.push(linked.clone());
            }
            Ok(Work { path, made: Made::Image(image, options, infile), output, inputs })
        }
    }
}

/// No result replaces an input of any of them, a private key, another result, or, without `--force`, anything.
fn check_outputs(args: &TpcXml, works: &[Work<'_>]) -> Result {
    let inputs = || works.iter().flat_map(|work| work.inputs.iter().map(PathBuf::as_path).chain([work.path]));
    let mut outputs: Vec<(PathBuf, &Work<'_>)> = Vec::new();
    for work in works.iter().filter(|work| work.writes(args)) {
        let output = &work.output;
        may_write(output, inputs(), args.force || args.dry_run)?;
        let place = atomic::target(output).and_then(std::path::absolute);
        let place = place.map_err(|error| Failure::write(output, &error))?;
        let place = folder(&place)
            .canonicalize()
            .ok()
            .zip(place.file_name())
            .map_or(place.clone(), |(dir, name)| dir.join(name));
        if let Some((_, other)) = outputs.iter().find(|(there, _)| *there == place) {
            let cause = format!("{} and {} both go there", other.path.display(), work.path.display());
            return Err(Failure::new(project::ST_SAME_OUTPUT, cause).about(output.display()));
        }
        outputs.push((place, work));
    }
    Ok(())
}

/// Whether a result may have this name.
pub(super) fn may_write<'a>(
    output: &Path,
    inputs: impl IntoIterator<Item = &'a Path>,
    replace: bool,
) -> Result {
    files::not_an_input(output, inputs)?;
    let target = atomic::target(output).map_err(|error| Failure::write(output, &error))?;
    if files::holds_private_key(&target) {
        let there = std::io::Error::new(std::io::ErrorKind::AlreadyExists, PrivateKeyThere);
        return Err(Failure::write(output, &there));
    }
    if !replace && output.symlink_metadata().is_ok() {
        let cause = "a file of that name is there".to_owned();
        return Err(Failure::new(input::OUTPUT_EXISTS, cause).about(output.display()));
    }
    Ok(())
}

/// An image that was made beside its name.
struct Built<'a> {
    path: PathBuf,
    output: &'a Path,
    /// What making it reported, on stdout and stderr.
    said: (String, String),
    _directory: TempDir,
}

fn build<'a>(args: &TpcXml, works: &'a [Work<'_>], report: &mut Reporter<'_>) -> Result<Vec<Built<'a>>> {
    let mut built = Vec::new();
    if !args.build || args.dry_run {
        return Ok(built);
    }
    for work in works {
        let Made::Image(_, options, infile) = &work.made else { continue };
        let output = work.output.as_path();
        let unwritable = |error: std::io::Error| Failure::write(output, &error);
        let parent = if folder(output).as_os_str().is_empty() { Path::new(".") } else { folder(output) };
        let directory = tempfile::Builder::new().prefix(".ironroot-").suffix(".tmp").tempdir_in(parent);
        let directory = directory.map_err(unwritable)?;
        let inside: PathBuf = directory.path().file_name().into_iter().collect();
        let path = folder(output).join(&inside).join(output.file_name().unwrap_or_default());
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let words = command_line(options, infile, &path);
        let made = {
            let mut quiet = Reporter::new(report.is_json(), &mut out, &mut err);
            image::create_by_words(words.get(3..).unwrap_or_default(), &mut quiet).about(work.path.display())
        };
        // It is told by the name that it gets.
        let hidden = format!("{}/", inside.display());
        let final_name = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(&hidden, "");
        let said = (final_name(&out), final_name(&err));
        if let Err(failure) = made {
            report.replay(&said.0, &said.1);
            let subject = failure.subject.map(|subject| subject.replace(&hidden, ""));
            return Err(Failure { subject, cause: failure.cause.replace(&hidden, ""), ..failure });
        }
        built.push(Built { path, output, said, _directory: directory });
    }
    Ok(built)
}

/// Gives every result its name. What could be refused was refused before.
fn commit<'a>(
    args: &TpcXml,
    works: &[Work<'_>],
    images: impl Iterator<Item = (&'a PathBuf, &'a Path)>,
) -> Result {
    let existing = if args.force { Existing::Replace } else { Existing::Keep };
    let mut pending = Vec::new();
    for work in works {
        let Made::Keys(_, obk) = &work.made else { continue };
        let unwritable = |error: std::io::Error| Failure::write(&work.output, &error);
        // It may hold a private key.
        let mut file = Pending::create(&work.output, Access::Secret, existing).map_err(unwritable)?;
        file.file().write_all(&obk.to_bytes()).map_err(unwritable)?;
        pending.push((file, &work.output));
    }
    interrupt::check()?;
    for (file, output) in pending {
        file.commit().map_err(|error| Failure::write(output, &error))?;
    }
    for (path, output) in images {
        let unwritable = |error: std::io::Error| Failure::write(output, &error);
        let target = atomic::target(output).map_err(unwritable)?;
        let file = TempPath::try_from_path(path).map_err(unwritable)?;
        let moved = if args.force { file.persist(&target) } else { file.persist_noclobber(&target) };
        moved.map_err(|error| unwritable(error.error))?;
    }
    Ok(())
}

fn tell_keys(args: &TpcXml, work: &Work<'_>, config: &Config, obk: &Obk, report: &mut Reporter<'_>) {
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
    let output = work.output.display().to_string();
    let data = json!({
        "file": work.path.display().to_string(),
        "kind": "configuration",
        "title": config.title,
        "mcu": config.mcu,
        "family": config.family.name(),
        "destination": format!("{:#010x}", obk.destination),
        "place": place,
        "encrypt": obk.encrypt,
        "payload_bytes": obk.payload.len(),
        "output": output,
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
        printable(&output)
    );
    report.result("import tpc-xml", data, text);
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

fn tell_image(
    args: &TpcXml,
    work: &Work<'_>,
    image: &Image,
    options: &[OptionValue],
    infile: &Path,
    report: &mut Reporter<'_>,
) {
    let words = command_line(options, infile, &work.output);
    let shown: Vec<String> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let data = json!({
        "file": work.path.display().to_string(),
        "kind": "image",
        "title": image.title,
        "options": options.iter().map(|option| json!({ "switch": option.switch, "value": option.value })).collect::<Vec<_>>(),
        "input": infile.display().to_string(),
        "output": work.output.display().to_string(),
        "command": shown,
        "built": args.build && !args.dry_run,
    });
    let text = format!("{BOLD}{}{BOLD:#}\n  {}", printable(&image.title), printable(&shown.join(" ")));
    report.result("import tpc-xml", data, text);
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
