//! Project files of ST's package creator: configuration and image descriptions (XML), and option-byte keys (`.obk`).
//!
//! 1. What a file says becomes what ST's tool makes of it, byte for byte; what is not known is refused, never guessed.
//! 2. The files come from elsewhere: no entities, no other files but those that the description names, sizes bounded.
//! 3. A description (`ironroot.toml`) made of them ([`describe`]) passes the same rules as one that was written by hand, and what
//!    it does not take over is told.
//!
//! Source of the formats: the ROT_Provisioning folders of STM32CubeH7RS v1.3.0 and STM32CubeH5 v1.7.0.

pub mod config;
pub mod describe;
pub mod image;
pub mod obk;
pub mod target;
mod xml;

use std::path::Path;

use crate::error::{Context, Failure, Result};
use crate::files;

pub use config::Config;
pub use image::Image;
pub use obk::Obk;
pub(crate) use xml::number;

/// The largest project file that is read: ST's have 7 KB.
const MAX_FILE: usize = 256 * 1024;

/// A project file.
#[derive(Debug)]
pub enum Project {
    /// What goes into option-byte keys.
    Config(Config),
    /// How an image is made.
    Image(Image),
}

/// Reads a project file. Files that it names are not read.
pub fn read(path: &Path) -> Result<Project> {
    let bytes = files::read(path)?;
    if bytes.len() > MAX_FILE {
        let cause = format!("{} bytes; a project file has at most {MAX_FILE}", bytes.len());
        return Err(Failure::new(ironroot_codes::input::FILE_TOO_LARGE, cause).about(path.display()));
    }
    parse(&bytes).about(path.display())
}

/// The folder of a file: where the paths in it start.
pub(crate) fn folder(file: &Path) -> &Path {
    file.parent().unwrap_or(Path::new(""))
}

/// Reads the content of a project file.
pub fn parse(bytes: &[u8]) -> Result<Project> {
    let text = xml::text(bytes)?;
    let document = xml::document(&text)?;
    let root = xml::Element::root(&document)?;
    if let Some(element) = root.child("Obdata") {
        root.only(&["Obdata"])?;
        return Config::parse(element).map(Project::Config);
    }
    if let Some(element) = root.child("McubootFormat") {
        root.only(&["McubootFormat"])?;
        return Image::parse(element).map(Project::Image);
    }
    let cause = "neither Root/Obdata nor Root/McubootFormat".to_owned();
    Err(Failure::new(ironroot_codes::project::ST_FILE_KIND, cause))
}
