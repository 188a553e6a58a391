//! The host's side of secure firmware install: one device from the first byte to the comparison after the reset.
//!
//! 1. Every wait has an end, and every refusal of the device arrives as its own code.
//! 2. A licence is asked for only when the certificate is the maker's; asking again for the same device costs nothing.
//! 3. After a fault of the line the installer is asked what it wants next, and the package goes on from there.
//! 4. Whatever ends this early (a refusal, Ctrl-C, a cut line) leaves the device empty, or so that its own next boot empties it.

pub mod wire;

use std::time::{Duration, Instant};

use ironroot_chip::OptionBytes;
use ironroot_chip::flash::registers::optsr::SECURITY;
use ironroot_codes::{Code, input, install as codes, transport};
use ironroot_crypto::{Crypto, P256PublicKey, Software};
use ironroot_debug::flasher::Flasher;
use ironroot_layout::stm32h735::options::SecureArea;
use ironroot_sfi::package::{AreaKind, DESCRIPTOR_LEN, HEADER_LEN};
use ironroot_sfi::{Certificate, LICENCE_LEN, PackageId, Phase};
use ironroot_uart_bootloader::protocol::SPECIAL_WRITE;
use ironroot_uart_bootloader::special;
use serde_json::{Value, json};

use crate::commands::cert;
use crate::commands::device::bootloader::Bootloader;
use crate::commands::ob::fields::FIELDS;
use crate::commands::ob::wanted::Wanted;
use crate::commands::sfi::effect;
use crate::commands::sfi::file::PackageFile;
use crate::error::{Context, Failure, Result};
use crate::vdev::session::Session;
use crate::{hex, identity, vdev};

pub use wire::certificate;
use wire::{PROGRAM, ask, begin, check, command, passes, reach_bootloader, status, unique_id};

/// Bytes of the package in a command.
const CHUNK: usize = SPECIAL_WRITE;
/// Longest time for an answer when all flash is erased, or everything is read back.
const LONG: Duration = Duration::from_secs(60);
/// Faults of the line in a row after which it is given up.
const FAULTS: u32 = 5;
/// Bits of a byte on the line: start, 8 data, parity, stop.
pub const BITS: f64 = 11.0;

/// Who gives licences.
pub trait Licences: Sync {
    /// The licence of the package for this device.
    fn firmware(&self, device: &Certificate, package: PackageId) -> Result<Given>;
    /// Licences of modules in it.
    fn modules(&self) -> &[[u8; LICENCE_LEN]];
}

/// A licence, and what the server said of it.
#[derive(Clone, Debug)]
pub struct Given {
    /// The 136 bytes.
    pub licence: [u8; LICENCE_LEN],
    /// Its serial number, if a server gave it.
    pub serial: Option<i64>,
    /// It had been given before: nothing was counted.
    pub again: bool,
}

/// What is to be done with one device.
pub struct Job<'a> {
    /// `uart:PORT` or `vdev:FILE`.
    pub device: &'a str,
    /// Rate of a serial port.
    pub baud: u32,
    /// The package.
    pub package: &'a PackageFile,
    /// The maker whose devices are genuine; virtual ones may do without.
    pub maker: Option<P256PublicKey>,
    /// Who gives licences.
    pub licences: &'a dyn Licences,
    /// Set SECURITY on a virtual device that does not have it.
    pub prepare: bool,
    /// Option bytes to compare at the end.
    pub expected: Option<&'a Wanted>,
}

/// How far an installation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A new step.
    Step(&'static str),
    /// So many bytes of the package are on the device.
    Bytes(u32),
}

/// An installation that succeeded.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The unique id, if the bootloader let it be read.
    pub unique_id: Option<String>,
    /// The device's key, hashed.
    pub device_id: String,
    /// Serial number of the licence.
    pub serial: Option<i64>,
    /// The licence had been given before.
    pub again: bool,
    /// Bytes of the package.
    pub bytes: u32,
    /// Bytes on the line, both ways.
    pub carried: u64,
    /// From licence to end.
    pub seconds: f64,
    /// Faults of the line that were recovered from.
    pub faults: u32,
    /// An installation that had begun before was continued.
    pub resumed: bool,
    /// Bytes that were read back after the reset.
    pub compared: u64,
    /// Option fields that were compared.
    pub options: Vec<&'static str>,
    /// What keeps the firmware from being read now, by the option bytes; `None`: nothing does.
    pub closed_by: Option<&'static str>,
    /// What was tried after the reset, and what came of it.
    pub tried: Vec<&'static str>,
}

impl Outcome {
    /// Seconds that the bytes on the line take at a rate.
    pub fn at_rate(&self, baud: u32) -> f64 {
        self.carried as f64 * BITS / f64::from(baud)
    }

    /// As members of an event.
    pub fn value(&self) -> Value {
        json!({
            "unique_id": self.unique_id,
            "device_id": self.device_id,
            "serial": self.serial,
            "again": self.again,
            "bytes": self.bytes,
            "bytes_on_line": self.carried,
            "seconds": self.seconds,
            "bytes_per_second": f64::from(self.bytes) / self.seconds.max(1e-9),
            "seconds_at_115200": self.at_rate(115_200),
            "seconds_at_921600": self.at_rate(921_600),
            "faults": self.faults,
            "resumed": self.resumed,
            "compared_bytes": self.compared,
            "compared_options": self.options,
            "closed": self.closed_by.is_some(),
            "closed_by": self.closed_by,
            "tried": self.tried,
        })
    }
}

/// Refuses a field of the option bytes that is not as expected; the names of those that are.
fn compare_options(expected: &Wanted, actual: &OptionBytes) -> Result<Vec<&'static str>> {
    let wanted = expected.over(actual);
    let mut names = Vec::new();
    for field in FIELDS.iter().filter(|field| expected.of(field.register).1 & field.mask() != 0) {
        let (wanted, actual) = (field.raw(&wanted), field.raw(actual));
        if wanted != actual {
            let cause =
                format!("{}: wanted {}, actual {}", field.name, field.human(wanted), field.human(actual));
            return Err(Failure::new(codes::INSTALLED_DIFFERS, cause));
        }
        names.push(field.name);
    }
    Ok(names)
}

/// Sets SECURITY on a virtual device, as a debug probe does on a new one.
fn prepare(path: &std::path::Path) -> Result {
    let held = vdev::load(path)?;
    if held.board.options().optsr & SECURITY != 0 {
        return Ok(());
    }
    let mut session = Session::power_on(&held.board, &vdev::system_flash()?);
    let mut wanted = *session.chip().options();
    wanted.optsr |= SECURITY;
    Flasher(session.chip()).change_options(&wanted).map_err(|e| Failure::new(e.code(), e.to_string()))?;
    vdev::save(&session.chip().to_board(), path)
}

/// Installs the package on one device.
///
/// # Errors
/// The refusal of whoever refused; the board file of a virtual device is saved as it was left.
pub fn run(job: &Job<'_>, watch: &mut dyn FnMut(Progress)) -> Result<Outcome> {
    let board = job.device.strip_prefix("vdev:").map(std::path::Path::new);
    let maker = match (job.maker, board) {
        (Some(maker), _) => maker,
        (None, Some(_)) => identity::demo_maker()?.public_key(),
        (None, None) => {
            let failure = Failure::new(input::USAGE, "the maker of a real device must be named");
            return Err(failure.fix("Give --maker FILE, the public key of the chip's maker."));
        }
    };
    match (job.prepare, board) {
        (false, _) => {}
        (true, Some(path)) => {
            watch(Progress::Step("prepare"));
            prepare(path)?;
        }
        // The bootloader of a device without SECURITY has no command for it, and a debug probe is not on this wire.
        (true, None) => {
            let failure = Failure::new(input::USAGE, "--prepare sets SECURITY on virtual devices only");
            return Err(
                failure.fix("Set option byte SECURITY with a debug probe, then run this without --prepare.")
            );
        }
    }
    watch(Progress::Step("connect"));
    let mut loader = Bootloader::connect(job.device, job.baud)?;
    let outcome = with_device(job, &maker, &mut loader, watch).about(job.device);
    let closed = loader.link.close();
    outcome.and_then(|outcome| closed.map(|()| outcome))
}

fn with_device(
    job: &Job<'_>,
    maker: &P256PublicKey,
    loader: &mut Bootloader,
    watch: &mut dyn FnMut(Progress),
) -> Result<Outcome> {
    let under_way = status(loader)?;
    // The installer reads no memory: what is resumed is known by its certificate alone.
    let unique_id = match under_way {
        Some(_) => None,
        None => unique_id(loader)?,
    };
    let certificate = wire::certificate(loader)?;
    cert::verify(&certificate, maker)?;
    if certificate.product() != job.package.header.product {
        let cause = format!(
            "the package is for {}, the device is {}",
            job.package.header.product,
            certificate.product()
        );
        return Err(Failure::new(codes::OTHER_PRODUCT, cause));
    }
    watch(Progress::Step("licence"));
    let given = job.licences.firmware(&certificate, job.package.id)?;

    let started = Instant::now();
    watch(Progress::Step("begin"));
    let resumed = under_way.as_ref().is_some_and(|status| status.offset != 0);
    match under_way {
        Some(status) if status.refusal.is_none() && status.phase != Phase::Refused as u16 => {}
        Some(_) => {
            // An installer that has refused begins anew only after its end.
            command(loader, "the end of the last installation", special::END_INSTALL, &[], &[])?;
            reach_bootloader(loader)?;
            begin(loader)?;
        }
        None => begin(loader)?,
    }
    same_device(&certificate, &wire::certificate(loader)?)?;
    if !resumed {
        for licence in std::iter::once(&given.licence).chain(job.licences.modules()) {
            command(loader, "the licence", special::LICENCE, &[], licence)?;
        }
    }
    watch(Progress::Step("install"));
    let faults = send(job.package, loader, watch)?;
    watch(Progress::Step("end"));
    let state = status(loader)?.ok_or_else(|| Failure::new(codes::NOT_PREPARED, "the installer is gone"))?;
    if state.phase != Phase::Done as u16 {
        return Err(match state.refusal {
            Some(code) => Failure::new(code, format!("area {}", state.area)),
            None => Failure::new(codes::PACKAGE_TRUNCATED, format!("it waits for byte {}", state.offset)),
        });
    }
    same_device(&certificate, &wire::certificate(loader)?)?;
    // Here, because a package that closes the device leaves nobody who could be asked afterwards. They are in force.
    let actual = wire::options(loader)?;
    let options = match job.expected {
        Some(expected) => compare_options(expected, &actual)?,
        None => Vec::new(),
    };
    command(loader, "the end", special::END_INSTALL, &[], &[])?;
    let seconds = started.elapsed().as_secs_f64();
    let mut outcome = Outcome {
        unique_id,
        device_id: hex::encode(&certificate.key().key_hash(&mut Software)),
        serial: given.serial,
        again: given.again,
        bytes: job.package.len(),
        carried: loader.carried,
        seconds,
        faults,
        resumed,
        compared: 0,
        options,
        closed_by: effect::closed_by(&actual),
        tried: Vec::new(),
    };
    watch(Progress::Step("compare"));
    compare(job, loader, &certificate, &mut outcome)?;
    Ok(outcome)
}

/// Refuses a device that is not the one that was begun with.
fn same_device(wanted: &Certificate, found: &Certificate) -> Result {
    if wanted == found {
        return Ok(());
    }
    let name = |certificate: &Certificate| hex::encode(&certificate.key().key_hash(&mut Software)[..8]);
    Err(Failure::new(codes::DEVICE_CHANGED, format!("it was {}, it is {}", name(wanted), name(found))))
}

/// Sends the package from where the installer wants it; the number of faults that were recovered from.
fn send(package: &PackageFile, loader: &mut Bootloader, watch: &mut dyn FnMut(Progress)) -> Result<u32> {
    let erases_at = HEADER_LEN.saturating_add(package.areas.len().saturating_mul(DESCRIPTOR_LEN)) as u32;
    let mut buffer = [0; CHUNK];
    let (mut faults, mut in_a_row) = (0, 0);
    let mut offset = wanted_offset(loader)?;
    while offset < package.len() {
        watch(Progress::Bytes(offset));
        let bytes = package.read(offset, &mut buffer)?;
        let end = offset.saturating_add(bytes.len() as u32);
        let long = end >= package.len() || (offset < erases_at && end >= erases_at);
        let limit = if long { LONG } else { PROGRAM };
        match ask(loader, special::PACKAGE, &offset.to_le_bytes(), bytes, limit) {
            Ok((answer, status)) => {
                let next = answer.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
                match check(status) {
                    Ok(()) => {}
                    Err(codes::SEQUENCE) => {
                        offset = wanted_offset(loader)?;
                        in_a_row += 1;
                        if in_a_row > FAULTS {
                            return Err(Failure::new(codes::SEQUENCE, "it does not take what it asks for"));
                        }
                        continue;
                    }
                    Err(code) => {
                        let cause = format!("the device refused the package at byte {offset}");
                        return Err(Failure::new(code, cause));
                    }
                }
                offset = next.filter(|next| *next > offset && *next <= package.len()).ok_or_else(|| {
                    Failure::new(transport::BOOTLOADER_ANSWER, format!("at byte {offset} it wants {next:?}"))
                })?;
                in_a_row = 0;
            }
            Err(failure) if passes(failure.code) => {
                faults += 1;
                in_a_row += 1;
                if in_a_row > FAULTS {
                    return Err(failure);
                }
                watch(Progress::Step("recover"));
                offset = recovered(loader)?;
                watch(Progress::Step("install"));
            }
            Err(failure) => return Err(failure),
        }
    }
    watch(Progress::Bytes(offset));
    Ok(faults)
}

/// Brings the line back to the beginning of a command: the byte that the installer wants.
fn recovered(loader: &mut Bootloader) -> Result<u32> {
    let mut last = None;
    for _ in 0..FAULTS {
        loader.recover()?;
        match wanted_offset(loader) {
            // A command that began in the middle of a pair is refused like one that is not served.
            Err(failure) if passes(failure.code) || failure.code == codes::NOT_PREPARED => {
                last = Some(failure)
            }
            outcome => return outcome,
        }
    }
    Err(last.unwrap_or_else(|| Failure::new(transport::TIMEOUT, "the line is lost")))
}

fn wanted_offset(loader: &mut Bootloader) -> Result<u32> {
    let state =
        status(loader)?.ok_or_else(|| Failure::new(codes::INSTALL_INTERRUPTED, "the device was reset"))?;
    match state.refusal {
        None => Ok(state.offset),
        Some(code) => Err(Failure::new(code, format!("area {}", state.area))),
    }
}

/// After the reset: what can still be read must be what the package says.
fn compare(
    job: &Job<'_>,
    loader: &mut Bootloader,
    certificate: &Certificate,
    outcome: &mut Outcome,
) -> Result {
    loader.link.settle()?;
    if let Some(session) = loader.link.virtual_session() {
        let actual = *session.chip().options();
        // Once more, past the device's own words.
        if let Some(expected) = job.expected {
            compare_options(expected, &actual)?;
        }
        outcome.closed_by = effect::closed_by(&actual);
        outcome.tried.push(match session.chip().debug_state() {
            Ok(()) => "the debug port is open",
            Err(_) => "the debug port is closed",
        });
        // RSS starts the secure area, and the bootloader is not there to be asked.
        if actual.security() && actual.secure_area() != SecureArea::None {
            return Ok(());
        }
    }
    loader.forget();
    if loader.synchronise().is_err() {
        outcome.tried.push("no bootloader answers");
        return Ok(());
    }
    // Somebody answers: it must be the same device, and not say that the installation failed.
    let Ok((answer, _)) = ask(loader, special::GET_STATUS, &[], &[], PROGRAM) else {
        outcome.tried.push("a bootloader answers, without the services of installation");
        return Ok(());
    };
    outcome.tried.push("the bootloader answers");
    let code = answer.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes)) as u16;
    if code != 0 {
        return Err(Failure::new(Code::from_number(code), "the device says so after the reset"));
    }
    same_device(certificate, &wire::certificate(loader)?)?;
    if let (Some(before), Some(after)) = (&outcome.unique_id, unique_id(loader)?)
        && *before != after
    {
        return Err(Failure::new(codes::DEVICE_CHANGED, format!("unique id {before} became {after}")));
    }
    for area in job.package.areas.iter().filter(|area| area.kind == AreaKind::Firmware) {
        match loader.read(area.address, area.size as usize, &mut |_| {}) {
            Ok(bytes) if Software.sha256_of(&bytes) == area.hash => outcome.compared += bytes.len() as u64,
            Ok(_) => {
                let cause = format!("area {} at {:#010x} has another hash", area.index, area.address);
                return Err(Failure::new(codes::INSTALLED_DIFFERS, cause));
            }
            Err(failure) if failure.code == transport::BOOTLOADER_REFUSED => {
                outcome.tried.push("it refuses to read an area");
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ironroot_sfi::Product;

    #[test]
    fn another_device_in_the_middle_is_noticed() {
        let maker = identity::demo_maker().unwrap();
        let new = || {
            Certificate::parse(&identity::create(Product::STM32H735, &maker).unwrap().certificate).unwrap()
        };
        let (one, other) = (new(), new());
        assert_eq!(same_device(&one, &one), Ok(()));
        assert_eq!(same_device(&one, &other).unwrap_err().code, codes::DEVICE_CHANGED);
    }

    #[test]
    fn option_bytes_are_compared_by_name() {
        let mut expected = Wanted::nothing();
        expected.add_assignment("SECURITY=1").unwrap();
        let mut actual = OptionBytes::FACTORY;
        assert_eq!(compare_options(&expected, &actual).unwrap_err().code, codes::INSTALLED_DIFFERS);
        actual.optsr |= SECURITY;
        assert_eq!(compare_options(&expected, &actual), Ok(vec!["SECURITY"]));
    }
}
