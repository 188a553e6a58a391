//! Reading input files: whole, bounded, and with the refusal that fits; and keeping outputs off them.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use ironroot_codes::input;
use ironroot_keys::KeyFile;
use zeroize::Zeroizing;

use crate::error::{Failure, Result};

/// More than any input is: an ELF file with all debug information of a large application.
const MAX: u64 = 256 * 1024 * 1024;

/// More than any file with a secret has: keys, certificates with theirs, vaults.
const MAX_SECRET: u64 = 1024 * 1024;
/// More than a key file has.
const MAX_KEY: u64 = 64 * 1024;
/// Lengths of a secret key that is kept as it is: AES-128 and AES-256.
const RAW_KEYS: [u64; 2] = [16, 32];

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

/// The bytes of a file with a secret. One that others may read is refused, as `keys` refuses it: the secret is none.
pub fn read_secret(path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    let failed = |e: std::io::Error| Failure::read(path, &e);
    let file = File::open(path).map_err(failed)?;
    // The mode is that of the opened file. A pipe (`<(pass show key)`) is nobody else's whatever its mode says.
    let metadata = file.metadata().map_err(failed)?;
    if metadata.is_file() && metadata.mode() & 0o077 != 0 {
        let cause = format!("the mode of the file is {:03o}", metadata.mode() & 0o777);
        return Err(Failure::new(input::KEY_PERMISSIONS, cause).about(path.display()));
    }
    // One allocation for a file as long as it says: growing would leave copies of a secret behind.
    let room = metadata.len().min(MAX_SECRET) as usize + 1;
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    file.take(MAX_SECRET + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_SECRET {
        let cause = format!("a file with a secret has at most {} KB", MAX_SECRET / 1024);
        return Err(Failure::new(input::FILE_TOO_LARGE, cause).about(path.display()));
    }
    Ok(bytes)
}

/// Whether a file holds a private or secret key: as text or DER, or, if it is its owner's alone, as the bytes of one.
pub fn holds_private_key(path: &Path) -> bool {
    let Ok(file) = File::open(path) else { return false };
    let Ok(metadata) = file.metadata() else { return false };
    if !metadata.is_file() || metadata.len() > MAX_KEY {
        return false;
    }
    if RAW_KEYS.contains(&metadata.len()) && metadata.mode() & 0o077 == 0 {
        return true;
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_KEY as usize + 1));
    if file.take(MAX_KEY).read_to_end(&mut bytes).is_err() {
        return false;
    }
    const MARK: &[u8] = b"PRIVATE KEY-----";
    // Also of kinds that this tool does not know.
    bytes.windows(MARK.len()).any(|window| window == MARK)
        || KeyFile::parse(&bytes, &|| Ok(None)).is_ok_and(|key| key.private.is_some())
}

/// Refuses an input that is a private key: it would be packed, and sent to everybody.
pub fn not_a_key(path: &Path) -> Result {
    if !holds_private_key(path) {
        return Ok(());
    }
    let failure = Failure::new(input::WRONG_FILE_KIND, "it is a private key, which nothing is to carry");
    Err(failure.about(path.display()).fix("Name the application; was a key given twice?"))
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn file(dir: &tempfile::TempDir, name: &str, bytes: &[u8], mode: u32) -> std::path::PathBuf {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn a_secret_that_others_can_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        for mode in [0o644, 0o640, 0o604, 0o660] {
            let path = file(&dir, "open", &[1; 16], mode);
            assert_eq!(read_secret(&path).unwrap_err().code, input::KEY_PERMISSIONS, "{mode:o}");
        }
        let path = file(&dir, "closed", &[1; 16], 0o600);
        assert_eq!(read_secret(&path).unwrap().as_slice(), [1; 16]);
        let path = file(&dir, "huge", &vec![1; MAX_SECRET as usize + 1], 0o600);
        assert_eq!(read_secret(&path).unwrap_err().code, input::FILE_TOO_LARGE);
    }

    #[test]
    fn private_keys_are_recognised() {
        let dir = tempfile::tempdir().unwrap();
        let pem = crate::keyfile::generate(false).unwrap();
        let unknown = b"-----BEGIN DSA PRIVATE KEY-----\nAAAA\n-----END DSA PRIVATE KEY-----\n";
        for (name, bytes, mode, is) in [
            ("pem", pem.as_bytes(), 0o644, true),
            ("unknown", unknown, 0o644, true),
            ("raw", &[7; 16], 0o600, true),
            ("raw 256", &[7; 32], 0o400, true),
            ("public raw", &[7; 16], 0o644, false),
            ("nonce", &[7; 12], 0o600, false),
            ("report", b"{}", 0o600, false),
        ] {
            assert_eq!(holds_private_key(&file(&dir, name, bytes, mode)), is, "{name}");
        }
        let key = crate::keyfile::parse(pem.as_bytes()).unwrap();
        let public = ironroot_keys::PublicKey::from_spki_der(&key.public.spki_der()).unwrap();
        let public = ironroot_keys::encode_public(&public, false).unwrap();
        assert!(!holds_private_key(&file(&dir, "public", public.as_bytes(), 0o600)));
        assert!(!holds_private_key(dir.path()) && !holds_private_key(Path::new("/dev/zero")));
    }
}
