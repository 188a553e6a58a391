//! The description of a product, from its file.

pub mod download;

use std::path::{Path, PathBuf};

use clap::Args;
use ironroot_codes::{input, product as codes};
use ironroot_layout::description::{Description, Problem};
use ironroot_layout::stm32h7rs::product::Plan;

use crate::boards::{self, Board};
use crate::error::{Failure, Result};
use crate::files;

/// Which description a command works on.
#[derive(Args, Debug, Clone)]
pub struct ProductOption {
    /// Description of the product
    #[arg(long, value_name = "FILE", default_value = "ironroot.toml")]
    pub product: PathBuf,
}

/// A description, and what follows from it.
#[derive(Debug)]
pub struct Product {
    /// The file.
    pub path: PathBuf,
    /// What it says.
    pub description: Description,
    /// What follows.
    pub plan: Plan,
    /// Its board, if it names one.
    pub board: Option<Board>,
}

/// Reads and resolves a description.
pub fn read(path: &Path) -> Result<Product> {
    let bytes = files::read(path)?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let cause = format!("byte {} is not UTF-8", error.utf8_error().valid_up_to());
        Failure::new(codes::PRODUCT_SYNTAX, cause).about(path.display())
    })?;
    let name = path.display().to_string();
    let description = Description::read(&name, &text).map_err(|problem| refuse(&problem))?;
    let plan = description.plan().map_err(|problem| refuse(&problem))?;
    let board = boards::of(&description, &plan).map_err(|problem| refuse(&problem))?;
    Ok(Product { path: path.to_owned(), description, plan, board })
}

/// A problem of a description, with the line that it is about.
pub fn refuse(problem: &Problem) -> Failure {
    let excerpt = problem.excerpt();
    let cause =
        if excerpt.is_empty() { problem.message.clone() } else { format!("{}\n{excerpt}", problem.message) };
    let failure = Failure::new(problem.code, cause).about(problem.at());
    match &problem.hint {
        Some(hint) => failure.fix(hint.clone()),
        None => failure,
    }
}

impl Product {
    /// A file that the description names: relative to it. A `pkcs11:` URI stays what it is.
    pub fn file(&self, name: &str) -> String {
        if name.starts_with("pkcs11:") {
            return name.to_owned();
        }
        self.path.parent().unwrap_or(Path::new("")).join(name).display().to_string()
    }

    /// A key that the description names, as an argument. Refused with what to do if there is no such entry, or no such file.
    pub fn key(&self, name: &Option<String>, entry: &str, used_by: &str) -> Result<String> {
        let Some(name) = name else {
            let cause = format!("{entry} is not in the description, and {used_by} needs it");
            return Err(Failure::new(codes::PRODUCT_ENTRY_MISSING, cause).about(self.path.display()));
        };
        let file = self.file(name);
        if !file.starts_with("pkcs11:") && !Path::new(&file).exists() {
            let cause = format!("{entry} of {} names it", self.path.display());
            let fix = match Path::new(&file).extension().is_some_and(|ending| ending == "pem") {
                true => format!("Put the key there, or make one: ironroot keys generate -o {file}"),
                false => "Put the file there, or change the entry.".to_owned(),
            };
            return Err(Failure::new(input::FILE_NOT_FOUND, cause).about(&file).fix(fix));
        }
        Ok(file)
    }
}
