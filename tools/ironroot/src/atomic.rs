//! Output that is there whole or not at all.
//!
//! 1. The bytes go to a temporary file in the same directory, are synced, and take the final name in one step. A full
//!    disk, a signal or an error leaves what was there before.
//! 2. A secret is created with mode 0600: it is never readable by others, not even between creation and `chmod`.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Who may read the new file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// As the process's umask says.
    Public,
    /// The owner only, from the first instant.
    Secret,
}

/// What happens to a file that has the name already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// It is replaced.
    Replace,
    /// It stays, and the write fails with [`io::ErrorKind::AlreadyExists`].
    Keep,
}

/// Writes `bytes` to `path`, whole or not at all.
pub fn write(path: &Path, bytes: &[u8], access: Access, existing: Existing) -> io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let (mut file, temporary) = create_beside(directory, access)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| match existing {
        Existing::Replace => std::fs::rename(&temporary.0, path),
        // A link fails if the name is taken, which a check before a rename could not promise.
        Existing::Keep => std::fs::hard_link(&temporary.0, path),
    });
    drop(temporary);
    written?;
    // The new name must survive a power cut too. Not every file system can sync a directory; then there is no more to do.
    let _ = File::open(directory).and_then(|d| d.sync_all());
    Ok(())
}

/// The temporary file's name; removing it on drop covers every early return.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // After a rename the name is gone already.
        let _ = std::fs::remove_file(&self.0);
    }
}

fn create_beside(directory: &Path, access: Access) -> io::Result<(File, Temporary)> {
    let mode = match access {
        Access::Public => 0o666,
        Access::Secret => 0o600,
    };
    let mut attempt: u32 = 0;
    loop {
        let name = directory.join(format!(".ironroot-{}-{attempt}.tmp", std::process::id()));
        match std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&name) {
            Ok(file) => return Ok((file, Temporary(name))),
            // Left by a process that was killed, or used by another thread of this one.
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists && attempt < 1000 => attempt += 1,
            Err(e) => return Err(e),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_secret_is_for_the_owner_only_and_an_existing_file_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key.pem");
        write(&path, b"one", Access::Secret, Existing::Keep).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let again = write(&path, b"two", Access::Secret, Existing::Keep).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&path).unwrap(), b"one");
        write(&path, b"three", Access::Secret, Existing::Replace).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"three");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn a_failed_write_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        // A directory has the name: the rename must fail after the bytes were written.
        let path = dir.path().join("taken");
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("file"), b"").unwrap();
        assert!(write(&path, b"x", Access::Public, Existing::Replace).is_err());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
