//! Output that is there whole or not at all.
//!
//! 1. The bytes go to a temporary file in the same directory, are synced, and take the final name in one step. A full
//!    disk, a signal or an error leaves what was there before.
//! 2. Only regular files are replaced, and a link to one leads to it: what a device file or a link is for stays.
//! 3. What everybody may read never replaces a private key: a slip of the command line must not destroy the only copy.
//! 4. A secret is created with mode 0600: it is never readable by others, not even between creation and `chmod`.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::{files, interrupt};

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

/// Why a write was refused: the name is that of a private key. Forcing it does not help.
#[derive(Debug)]
pub struct PrivateKeyThere;

impl std::fmt::Display for PrivateKeyThere {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the file holds a private key")
    }
}

impl std::error::Error for PrivateKeyThere {}

/// Links that lead from one to the next before a path counts as a circle: Linux's own limit.
const MOST_LINKS: usize = 40;

/// The file that a write to `path` replaces or makes: the end of all links. What is there and is no regular file is refused.
pub fn target(path: &Path) -> io::Result<PathBuf> {
    if path.as_os_str() == "-" {
        let why = "`-` is no file, and nothing is written to standard output here";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        let kind = match path.symlink_metadata() {
            Ok(metadata) => metadata.file_type(),
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(path),
            Err(e) => return Err(e),
        };
        if kind.is_file() {
            return Ok(path);
        }
        if !kind.is_symlink() {
            let what = if kind.is_dir() { "a directory" } else { "a device, pipe or socket" };
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("there is {what} of that name")));
        }
        let next = std::fs::read_link(&path)?;
        // Relative to where the link is; an absolute path replaces the whole.
        path = path.parent().unwrap_or(Path::new("")).join(next);
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "the links lead in a circle"))
}

/// Writes `bytes` to `path`, whole or not at all.
pub fn write(path: &Path, bytes: &[u8], access: Access, existing: Existing) -> io::Result<()> {
    let mut pending = Pending::create(path, access, existing)?;
    pending.file().write_all(bytes)?;
    pending.commit()
}

/// A file that is being written and has no name yet: dropped, it is gone; [`Pending::commit`] gives it its name.
#[derive(Debug)]
pub struct Pending {
    file: File,
    temporary: Temporary,
    target: PathBuf,
    directory: PathBuf,
    existing: Existing,
    _busy: interrupt::Writing,
}

impl Pending {
    /// Begins a file that will be `path`.
    pub fn create(path: &Path, access: Access, existing: Existing) -> io::Result<Self> {
        let target = target(path)?;
        // A link that somebody put there must not decide where a new key goes.
        if existing == Existing::Keep && path.symlink_metadata().is_ok() {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "the file exists"));
        }
        if access == Access::Public && files::holds_private_key(&target) {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, PrivateKeyThere));
        }
        let busy = interrupt::writing();
        let directory = match target.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        let (file, temporary) = create_beside(&directory, access)?;
        Ok(Pending { file, temporary, target, directory, existing, _busy: busy })
    }

    /// The file, open for reading and writing.
    pub fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Where the bytes are for now: to read back what was written, under a name that ends with this value.
    pub fn temporary(&self) -> &Path {
        &self.temporary.0
    }

    /// Syncs the file and gives it its name.
    pub fn commit(self) -> io::Result<()> {
        let Pending { file, temporary, target, directory, existing, _busy } = self;
        file.sync_all()?;
        match existing {
            Existing::Replace => std::fs::rename(&temporary.0, &target)?,
            // A link fails if the name is taken, which a check before a rename could not promise.
            Existing::Keep => std::fs::hard_link(&temporary.0, &target)?,
        }
        drop(temporary);
        // The new name must survive a power cut too. Not every file system can sync a directory; then there is no more to do.
        let _ = File::open(directory).and_then(|d| d.sync_all());
        Ok(())
    }
}

/// The temporary file's name; removing it on drop covers every early return.
#[derive(Debug)]
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
        match std::fs::OpenOptions::new().read(true).write(true).create_new(true).mode(mode).open(&name) {
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
    fn only_regular_files_are_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("taken");
        std::fs::create_dir(&path).unwrap();
        for path in [path.as_path(), Path::new("/dev/null"), Path::new("/dev/full")] {
            for existing in [Existing::Replace, Existing::Keep] {
                let refused = write(path, b"x", Access::Public, existing).unwrap_err();
                assert_eq!(refused.kind(), io::ErrorKind::InvalidInput, "{}", path.display());
            }
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_public_replaces_no_private_key() {
        let dir = tempfile::tempdir().unwrap();
        let (pem, raw) = (dir.path().join("k.pem"), dir.path().join("fw.key"));
        let text = crate::keyfile::generate(false).unwrap();
        write(&pem, text.as_bytes(), Access::Secret, Existing::Keep).unwrap();
        write(&raw, &[1; 16], Access::Secret, Existing::Keep).unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&pem, &link).unwrap();
        for path in [&pem, &raw, &link] {
            let refused = write(path, b"report", Access::Public, Existing::Replace).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists, "{}", path.display());
            assert!(refused.get_ref().is_some_and(|why| why.is::<PrivateKeyThere>()));
        }
        assert_eq!(std::fs::read(&pem).unwrap(), text.as_bytes());
        assert_eq!(std::fs::read(&raw).unwrap(), [1; 16]);
        // A key may be renewed by force: that is what --force is for.
        write(&raw, &[2; 16], Access::Secret, Existing::Replace).unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 3, "no temporary file is left");
    }

    #[test]
    fn a_dash_is_no_file() {
        let refused = write(Path::new("-"), b"x", Access::Public, Existing::Replace).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn a_link_leads_to_the_file_and_stays_a_link() {
        use std::os::unix::fs::symlink;
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir(at("sub")).unwrap();
        std::fs::write(at("sub/real"), b"old").unwrap();
        symlink("sub/real", at("one")).unwrap();
        symlink(at("one"), at("two")).unwrap();
        symlink("sub/new", at("dangling")).unwrap();
        symlink("circle", at("circle")).unwrap();
        write(&at("two"), b"new", Access::Public, Existing::Replace).unwrap();
        write(&at("dangling"), b"made", Access::Public, Existing::Replace).unwrap();
        assert_eq!(std::fs::read(at("sub/real")).unwrap(), b"new");
        assert_eq!(std::fs::read(at("sub/new")).unwrap(), b"made");
        assert!(["one", "two", "dangling"].iter().all(|name| at(name).is_symlink()));
        assert!(write(&at("circle"), b"x", Access::Public, Existing::Replace).is_err());
        let kept = write(&at("two"), b"x", Access::Public, Existing::Keep).unwrap_err();
        assert_eq!(kept.kind(), io::ErrorKind::AlreadyExists);
    }
}
