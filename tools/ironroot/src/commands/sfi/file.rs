//! A package file as everybody sees it: header and table, without the key.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use ironroot_codes::{Code, install as codes};
use ironroot_crypto::{Crypto, Software};
use ironroot_sfi::PackageId;
use ironroot_sfi::package::{DESCRIPTOR_LEN, Descriptor, HEADER_LEN, Header};

use crate::error::{Failure, Result};

/// An open package. What header and table say is not authenticated: only the key does that.
#[derive(Debug)]
pub struct PackageFile {
    /// The header.
    pub header: Header,
    /// The table.
    pub areas: Vec<Descriptor>,
    /// What licences name it by.
    pub id: PackageId,
    file: File,
    name: String,
}

impl PackageFile {
    /// Opens a package and reads its head.
    pub fn open(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let file = File::open(path).map_err(|e| Failure::read(path, &e))?;
        let len = file.metadata().map_err(|e| Failure::read(path, &e))?.len();
        let refused = |code: Code, cause: String| Failure::new(code, cause).about(&name);
        let short = |what: &str| refused(codes::PACKAGE_TRUNCATED, format!("it ends inside the {what}"));
        let mut bytes = [0; HEADER_LEN];
        file.read_exact_at(&mut bytes, 0).map_err(|_| short("header"))?;
        let header = Header::parse(&bytes)
            .map_err(|code| refused(code, "header: magic, format, a length or a reserved byte".into()))?;
        if u64::from(header.total) > len {
            return Err(refused(
                codes::PACKAGE_TRUNCATED,
                format!("it has {len} bytes, its header says {}", header.total),
            ));
        }
        if u64::from(header.total) < len {
            return Err(refused(
                codes::PACKAGE_MALFORMED,
                format!("it has {len} bytes, its header says {}", header.total),
            ));
        }
        let mut areas = Vec::with_capacity(header.areas as usize);
        for index in 0..header.areas as usize {
            let mut bytes = [0; DESCRIPTOR_LEN];
            let at = HEADER_LEN + index * DESCRIPTOR_LEN;
            file.read_exact_at(&mut bytes, at as u64).map_err(|_| short("table"))?;
            let area = Descriptor::parse(&bytes).map_err(|code| {
                refused(code, format!("area {}: type, length or a reserved byte", index + 1))
            })?;
            areas.push(area);
        }
        let mut id = [0; 16];
        for (place, byte) in id.iter_mut().zip(Software.sha256_of(&bytes)) {
            *place = byte;
        }
        Ok(PackageFile { header, areas, id: PackageId(id), file, name })
    }

    /// Its length.
    pub fn len(&self) -> u32 {
        self.header.total
    }

    /// Bytes of it from `offset` on, as many as `into` has room for and it has.
    pub fn read<'b>(&self, offset: u32, into: &'b mut [u8]) -> Result<&'b [u8]> {
        let left = self.header.total.saturating_sub(offset) as usize;
        let len = left.min(into.len());
        let place = into.get_mut(..len).unwrap_or_default();
        self.file
            .read_exact_at(place, u64::from(offset))
            .map_err(|e| Failure::new(codes::PACKAGE_TRUNCATED, e.to_string()).about(&self.name))?;
        Ok(place)
    }
}
