//! Output that is there whole or not at all.
//!
//! 1. The bytes go to a temporary file in the same directory, are synced, and take the final name in one step. A full
//!    disk, a signal or an error leaves what was there before.
//! 2. Only regular files are replaced, and a link to one leads to it: what a device file or a link is for stays.
//! 3. What everybody may read never replaces a private key: a slip of the command line must not destroy the only copy.
//! 4. A secret is created with mode 0600: it is never readable by others, not even between creation and `chmod`.

use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

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
    file: NamedTempFile,
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
        let file = create_beside(&directory, access)?;
        Ok(Pending { file, target, directory, existing, _busy: busy })
    }

    /// The file, open for reading and writing.
    pub fn file(&mut self) -> &mut File {
        self.file.as_file_mut()
    }

    /// Where the bytes are for now: to read back what was written, under a name that ends with this value.
    pub fn temporary(&self) -> &Path {
        self.file.path()
    }

    /// Syncs the file and gives it its name.
    pub fn commit(self) -> io::Result<()> {
        let Pending { file, target, directory, existing, _busy } = self;
        file.as_file().sync_all()?;
        match existing {
            Existing::Replace => file.persist(&target)?,
            // Fails if the name is taken, which a check before a rename could not promise.
            Existing::Keep => file.persist_noclobber(&target)?,
        };
        // The new name must survive a power cut too. Not every file system can sync a directory; then there is no more to do.
        let _ = File::open(directory).and_then(|d| d.sync_all());
        Ok(())
    }
}

/// A file with a random name in `directory`. Random, and never removed by name once it is renamed: another writer, of this
/// process or of another machine on a shared disk, may have begun a file of the same name since.
fn create_beside(directory: &Path, access: Access) -> io::Result<NamedTempFile> {
    let mode = match access {
        Access::Public => 0o666,
        Access::Secret => 0o600,
    };
    tempfile::Builder::new()
        .prefix(".ironroot-")
        .suffix(".tmp")
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(directory)
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn what_is_public_is_as_the_umask_says() {
        let dir = tempfile::tempdir().unwrap();
        let (ours, plain) = (dir.path().join("ours"), dir.path().join("plain"));
        write(&ours, b"x", Access::Public, Existing::Replace).unwrap();
        std::fs::write(&plain, b"x").unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&ours), mode(&plain));
    }

    #[test]
    fn writers_beside_each_other_leave_each_other_alone() {
        let dir = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let directory = dir.path();
                scope.spawn(move || {
                    let path = directory.join(format!("out-{writer}"));
                    for round in 0..500u32 {
                        write(&path, &round.to_le_bytes(), Access::Public, Existing::Replace).unwrap();
                        assert_eq!(std::fs::read(&path).unwrap(), round.to_le_bytes());
                    }
                });
            }
        });
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 4, "no temporary file is left");
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
