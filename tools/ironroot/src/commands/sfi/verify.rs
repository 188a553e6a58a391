//! `ironroot sfi verify`: the installer of the device judges a package, on a device in memory.

use std::path::PathBuf;

use clap::Args;
use getrandom::SysRng;
use getrandom::rand_core::UnwrapErr;
use ironroot_codes::{Code, input};
use ironroot_crypto::{SigningKey, Software};
use ironroot_layout::Region;
use ironroot_layout::stm32h735::rss::{INSTALLER_BUFFER, SERVICES_VERSION};
use ironroot_layout::stm32h735::{FLASH, OCTOSPI1};
use ironroot_sfi::build::MemoryTarget;
use ironroot_sfi::package::DESCRIPTOR_LEN;
use ironroot_sfi::{
    DeviceKey, FirmwareKey, Installer, Licence, LicenceKind, ModuleHeader, OptionValue, PackageId, Terms,
};
use serde_json::json;

use super::create::{DEVICE_AREAS, read_key};
use super::effect::{self, Effect};
use super::file::PackageFile;
use crate::error::{Context, Failure, Result};
use crate::report::{GOOD, Reporter};
use crate::{files, identity};

/// Install a package on a device in memory, with the device's own installer: every check that a chip makes
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ironroot sfi verify app.sfi --key fw.key
  ironroot sfi verify app.sfi --key fw.key --module-key stack.irm=stack.key")]
pub struct Verify {
    /// Package
    #[arg(value_name = "PACKAGE")]
    package: PathBuf,
    /// Firmware key, 16 bytes
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// A module in it and its key; may be repeated
    #[arg(long, value_name = "MODULE=KEY")]
    module_key: Vec<String>,
    /// Version of the package that the device has already
    #[arg(long, value_name = "N")]
    installed: Option<u32>,
    /// Areas that the device has room to list
    #[arg(long, value_name = "N", default_value_t = DEVICE_AREAS)]
    max_areas: u32,
}

/// The addresses of a region.
pub fn range(region: Region) -> std::ops::Range<u32> {
    region.start().value()..region.end().value()
}

/// A device that exists for this check only.
pub struct Ephemeral {
    /// Its private key, for the installer.
    pub key: DeviceKey,
    public: ironroot_crypto::P256PublicKey,
    product: ironroot_sfi::Product,
}

impl Ephemeral {
    /// A new one of this product.
    pub fn new(product: ironroot_sfi::Product) -> Result<Self> {
        let identity = identity::create(product, &identity::demo_maker()?)?;
        let public = SigningKey::from_scalar(&identity.key)
            .map_err(|_| Failure::internal("a new key is out of range"))?
            .public_key();
        let key = DeviceKey::new(product, public, &identity.key)
            .map_err(|code| Failure::new(code, "the key of the check's own device"))?;
        Ok(Ephemeral { key, public, product })
    }

    /// A licence for it.
    pub fn licence(&self, kind: LicenceKind, package: PackageId, key: &FirmwareKey) -> Result<Licence> {
        let fingerprint = Terms::fingerprint(&self.public, &mut Software);
        let terms = Terms { kind, least_version: 0, least_services: 0, fingerprint };
        Licence::seal(terms, self.product, &self.public, package, key, &mut UnwrapErr(SysRng))
            .map_err(|code| Failure::new(code, "the licence for the check's own device"))
    }
}

/// Runs the command.
pub fn run(args: &Verify, report: &mut Reporter<'_>) -> Result {
    let key = read_key(&args.key)?;
    let name = args.package.display().to_string();
    let package = PackageFile::open(&args.package)?;
    let device = Ephemeral::new(package.header.product)?;
    let mut target = MemoryTarget::new(range(FLASH), range(OCTOSPI1));
    (target.services, target.installed) = (SERVICES_VERSION, args.installed);
    let mut table = vec![0; args.max_areas as usize * DESCRIPTOR_LEN];
    let mut buffer = vec![0; INSTALLER_BUFFER.size().bytes() as usize];
    let mut installer = Installer::new(target, Software, &device.key, &mut table, &mut buffer);

    let refused = |code: Code, what: String| Failure::new(code, what).about(&name);
    let firmware = device.licence(LicenceKind::Firmware, package.id, &key)?;
    installer.licence(firmware.bytes()).map_err(|code| refused(code, "the licence".into()))?;
    for pair in &args.module_key {
        let (module, key) = pair
            .split_once('=')
            .ok_or_else(|| Failure::new(input::USAGE, format!("`{pair}` is no MODULE=KEY")))?;
        let mut bytes = files::read(module.as_ref())?;
        let (header, _) = ModuleHeader::split(&mut bytes)
            .map_err(|code| Failure::new(code, "it is no module").about(module))?;
        let licence = device.licence(
            LicenceKind::Module,
            header.id(&mut Software),
            &read_key(key.as_ref()).about(key)?,
        )?;
        installer.licence(licence.bytes()).map_err(|code| Failure::new(code, "its licence").about(module))?;
    }

    let mut piece = vec![0; 64 * 1024];
    let mut offset = 0;
    while offset < package.len() {
        crate::interrupt::check()?;
        let bytes = package.read(offset, &mut piece)?;
        let area = installer.status().area;
        offset = installer.package(offset, bytes).map_err(|code| {
            refused(code, if area == 0 { "header or table".into() } else { format!("area {area}") })
        })?;
    }
    installer.finish().map_err(|code| refused(code, "the end".into()))?;
    let target = installer.target();
    let options = target.options.len();
    let values: Vec<OptionValue> = target
        .options
        .iter()
        .map(|(&register, &(value, mask))| OptionValue { register, value, mask })
        .collect();
    let effect = Effect::of(&values, &|address| {
        let at = address.checked_sub(target.flash.start).map(|at| at as usize);
        effect::entry(at.and_then(|at| target.bytes.get(at..)))
    });
    let boot = effect::start_of(&effect.options);
    effect.warn(report);
    let data = json!({
        "file": name,
        "package": package.id.to_string(),
        "version": package.header.version,
        "areas": package.header.areas,
        "option_registers": options,
        "options": effect.value(),
        "boot": boot,
        "authenticated": true,
    });
    let text = format!(
        "{GOOD}a device would install it{GOOD:#}: {} areas, {options} option registers, starts at {boot:#010x}\n{}",
        package.header.areas,
        effect.text()
    );
    report.result("sfi verify", data, text);
    Ok(())
}
