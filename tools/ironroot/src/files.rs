//! Reading input files: whole, bounded, and with the refusal that fits; and keeping outputs off them.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use ironroot_codes::input;

use crate::error::{Failure, Result};

/// More than any input is: an ELF file with all debug information of a large application.
const MAX: u64 = 256 * 1024 * 1024;

/// The bytes of `path`. A directory, a missing or an unreadable file is a refusal that names it.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|e| Failure::read(path, &e))?;
    file.take(MAX + 1).read_to_end(&mut bytes).map_err(|e| Failure::read(path, &e))?;
    if bytes.len() as u64 > MAX {
        let cause = format!("the file has more than {} MB", MAX / 1024 / 1024);
        return Err(Failure::new(input::FILE_TOO_LARGE, cause).about(path.display()));
    }
    Ok(bytes)
}

/// Refuses an output that is one of the command's inputs, under this or another name.
pub fn not_an_input<'a>(output: &Path, inputs: impl IntoIterator<Item = &'a Path>) -> Result {
    let identity = |path: &Path| path.metadata().ok().map(|m| (m.dev(), m.ino()));
    let Some(there) = identity(output) else { return Ok(()) };
    match inputs.into_iter().find(|path| identity(path) == Some(there)) {
        None => Ok(()),
        Some(path) => {
            let cause = format!("{} is the same file, and is read by this command", path.display());
            Err(Failure::new(input::OUTPUT_IS_INPUT, cause).about(output.display()))
        }
    }
}
