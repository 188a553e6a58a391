//! Whether a package and its key belong together: asked before licences are counted for it.

use std::path::Path;

use ironroot_codes::Code;
use ironroot_crypto::Software;
use ironroot_layout::stm32h735::rss::INSTALLER_BUFFER;
use ironroot_layout::stm32h735::{FLASH, OCTOSPI1};
use ironroot_sfi::build::MemoryTarget;
use ironroot_sfi::package::{AreaKind, DESCRIPTOR_LEN};
use ironroot_sfi::{FirmwareKey, Installer, LicenceKind};

use crate::commands::sfi::create::DEVICE_AREAS;
use crate::commands::sfi::file::PackageFile;
use crate::commands::sfi::verify::{Ephemeral, range};
use crate::error::{Failure, Result};

/// Opens a package and has the installer of the device judge it, as `sfi verify` does, up to the first module: the keys of
/// modules belong to others. A device that was refused later would have cost a licence.
pub fn checked(path: &Path, key: &[u8; 16]) -> Result<PackageFile> {
    let package = PackageFile::open(path)?;
    let refused = |code: Code, what: String| Failure::new(code, what).about(path.display());
    let device = Ephemeral::new(package.header.product)?;
    let target = MemoryTarget::new(range(FLASH), range(OCTOSPI1));
    let mut table = vec![0; DEVICE_AREAS as usize * DESCRIPTOR_LEN];
    let mut buffer = vec![0; INSTALLER_BUFFER.size().bytes() as usize];
    let mut installer = Installer::new(target, Software, &device.key, &mut table, &mut buffer);
    let licence = device.licence(LicenceKind::Firmware, package.id, &FirmwareKey::new(*key))?;
    installer.licence(licence.bytes()).map_err(|code| refused(code, "the licence".into()))?;

    let before: u64 = package
        .areas
        .iter()
        .take_while(|area| area.kind != AreaKind::Module)
        .map(|area| u64::from(area.size))
        .sum();
    let end = u32::try_from(package.header.payloads() as u64 + before).unwrap_or(u32::MAX);
    let mut piece = vec![0; 64 * 1024];
    let mut offset = 0;
    while offset < end {
        crate::interrupt::check()?;
        let bytes = package.read(offset, &mut piece)?;
        let bytes = bytes.get(..(end - offset) as usize).unwrap_or(bytes);
        let area = installer.status().area;
        offset = installer.package(offset, bytes).map_err(|code| {
            refused(code, if area == 0 { "header or table".into() } else { format!("area {area}") })
        })?;
    }
    if end == package.len() {
        installer.finish().map_err(|code| refused(code, "the end".into()))?;
    }
    drop(installer);
    Ok(package)
}
