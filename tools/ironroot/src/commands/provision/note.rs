//! The note of a rehearsal, beside the board: which inputs were rehearsed for which device.

use std::path::{Path, PathBuf};

use ironroot_codes::{input, project as codes};
use serde_json::{Value, json};

use crate::atomic::{self, Access, Existing};
use crate::error::{Failure, Result};
use crate::files;

/// Version of the format.
const FORMAT: u64 = 1;

/// A note that was read.
pub struct Note {
    path: PathBuf,
    content: Option<Value>,
}

impl Note {
    /// Reads a note; one that is not there says nothing.
    pub fn read(path: &Path) -> Result<Self> {
        let content = match files::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).ok(),
            Err(failure) if failure.code == input::FILE_NOT_FOUND => None,
            Err(failure) => return Err(failure),
        };
        Ok(Self { path: path.to_owned(), content })
    }

    /// Refuses to close a product that was not rehearsed exactly so.
    pub fn check(&self, device: &str, digest: &str) -> Result {
        let refuse = |cause: String| {
            Err(Failure::new(codes::PROVISION_NOT_REHEARSED, cause).about(self.path.display()))
        };
        let Some(content) = &self.content else {
            return refuse("there is no note of a rehearsal".to_owned());
        };
        let text = |name: &str| content.get(name).and_then(Value::as_str).unwrap_or_default();
        if content.get("format").and_then(Value::as_u64) != Some(FORMAT) {
            return refuse("it is no note of a rehearsal".to_owned());
        }
        if text("device") != device {
            return refuse(format!("the rehearsal was for device {}, this one is {device}", text("device")));
        }
        if text("product") != digest {
            return refuse(
                "the description, a key, the boot code or an image was another at the rehearsal".to_owned(),
            );
        }
        Ok(())
    }
}

/// Writes a note.
pub fn write(path: &Path, device: &str, digest: &str, result: &Value) -> Result {
    let note = json!({ "format": FORMAT, "device": device, "product": digest, "result": result });
    let bytes = format!("{note}\n");
    atomic::write(path, bytes.as_bytes(), Access::Public, Existing::Replace)
        .map_err(|error| Failure::write(path, &error))
}

/// Takes a note away: a rehearsal that fails leaves none of an earlier one.
pub fn remove(path: &Path) -> Result {
    match std::fs::remove_file(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Failure::write(path, &error)),
    }
}
