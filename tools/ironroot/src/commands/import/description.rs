//! `ironroot import tpc-xml --description`: a project's files as one product description.

use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::PossibleValuesParser;
use ironroot_codes::input;
use ironroot_layout::stm32h7rs::chip::Part;
use ironroot_layout::stm32h7rs::product::Place;
use serde_json::json;

use super::tpc_xml::{TpcXml, may_write};
use crate::atomic::{self, Access, Existing};
use crate::error::{Context, Failure, Result};
use crate::report::{BOLD, Reporter, printable};
use crate::st::describe::{Described, Files, Wanted, describe, draft};
use crate::st::{Project, folder};

const DEVICES: [&str; 2] = [Part::Stm32h7s7.name(), Part::Stm32h7r7.name()];

/// What a description needs beside the files.
#[derive(Args, Debug)]
pub struct DescriptionOptions {
    /// Write the product description that the files are of, and nothing else
    #[arg(long, value_name = "FILE", conflicts_with_all = ["output_dir", "build"])]
    pub(super) description: Option<PathBuf>,
    /// The part, if no file says it
    #[arg(long, value_name = "PART", value_parser = PossibleValuesParser::new(DEVICES), requires = "description")]
    device: Option<String>,
    /// Where the application runs, which no file says
    #[arg(long, value_name = "PLACE", value_parser = PossibleValuesParser::new(Place::NAMES), requires = "description")]
    execute: Option<String>,
}

/// Runs the command.
pub fn run(
    args: &TpcXml,
    output: &Path,
    projects: Vec<(&PathBuf, Project)>,
    report: &mut Reporter<'_>,
) -> Result {
    let files = gather(projects)?;
    let options = &args.description;
    let wanted = Wanted {
        device: Part::ALL.into_iter().find(|part| options.device.as_deref() == Some(part.name())),
        place: options.execute.as_deref().and_then(Place::from_name),
    };
    let name = output.display().to_string();
    let directory = if folder(output).as_os_str().is_empty() { Path::new(".") } else { folder(output) };
    let place = directory.canonicalize().map_err(|error| Failure::write(output, &error))?;
    let described = match describe(&files, &wanted, &name, &place) {
        Ok(described) => described,
        Err(failure) => {
            if args.dry_run
                && let Ok(text) = draft(&files, &wanted, &place)
            {
                report.text(text.trim_end());
            }
            return Err(failure);
        }
    };
    let inputs = files.configs.iter().map(|(path, _)| path).chain(files.images.iter().map(|(path, ..)| path));
    may_write(output, inputs.map(PathBuf::as_path), args.force || args.dry_run)?;
    if !args.dry_run {
        let existing = if args.force { Existing::Replace } else { Existing::Keep };
        atomic::write(output, described.text.as_bytes(), Access::Public, existing)
            .map_err(|error| Failure::write(output, &error))?;
    }
    tell(args, &files, &name, &described, report);
    Ok(())
}

/// All files, those that image descriptions link to among them, each once.
fn gather(projects: Vec<(&PathBuf, Project)>) -> Result<Files> {
    let mut files = Files::default();
    let mut images = Vec::new();
    for (path, project) in projects {
        let path = absolute(path)?;
        match project {
            Project::Config(config) if !files.configs.iter().any(|(there, _)| *there == path) => {
                files.configs.push((path, config));
            }
            Project::Config(_) => {}
            Project::Image(image) => images.push((path, image)),
        }
    }
    for (path, image) in images {
        let linked = match image.linked(folder(&path)).about(path.display())? {
            None => None,
            Some((linked, config)) => {
                let linked = absolute(&linked)?;
                let there = files.configs.iter().position(|(there, _)| *there == linked);
                Some(there.unwrap_or_else(|| {
                    files.configs.push((linked, config));
                    files.configs.len() - 1
                }))
            }
        };
        files.images.push((path, image, linked));
    }
    Ok(files)
}

/// The file's own name in the folder that it really is in: `..` in what it names leads out of that one.
fn absolute(path: &Path) -> Result<PathBuf> {
    let directory = if folder(path).as_os_str().is_empty() { Path::new(".") } else { folder(path) };
    match (directory.canonicalize(), path.file_name()) {
        (Ok(directory), Some(name)) => Ok(directory.join(name)),
        (Err(error), _) => Err(Failure::read(path, &error)),
        (_, None) => Err(Failure::new(input::FILE_UNREADABLE, "it has no name").about(path.display())),
    }
}

fn tell(args: &TpcXml, files: &Files, name: &str, described: &Described, report: &mut Reporter<'_>) {
    for line in &described.lost {
        report.warning(&format!("in the XML, and not in the description: {line}"));
    }
    let paths = files.configs.iter().map(|(path, _)| path).chain(files.images.iter().map(|(path, ..)| path));
    let data = json!({
        "kind": "description",
        "files": paths.map(|path| path.display().to_string()).collect::<Vec<_>>(),
        "output": name,
        "written": !args.dry_run,
        "text": described.text,
        "not_in_xml": described.defaults,
        "not_in_description": described.lost,
    });
    let mut text = String::new();
    if args.dry_run {
        text.push_str(&printable(described.text.trim_end()));
    } else {
        text.push_str(&format!("{BOLD}wrote {}{BOLD:#}", printable(name)));
        for line in &described.defaults {
            text.push_str(&format!("\n  not in the XML: {}", printable(line)));
        }
        text.push_str(&format!("\nnext: ironroot boot plan --product {}", printable(name)));
    }
    report.result("import tpc-xml", data, text);
}
