//! The installer: what a device does with licences and a package, as a state machine that takes bytes and drives a [`Target`].
//!
//! The order, each step with its own refusal:
//!
//! 1. a licence that this device opens;
//! 2. the header: authentic under the licence's key, the package that the licence names, for this product, not too old;
//! 3. the table: authentic, complete, every target where this device allows it, none twice;
//! 4. erase, and note durably that an installation is under way;
//! 5. area by area: collect, check the tag, decrypt, check the hash, program, read back;
//! 6. when all are there: read everything back once more against the hashes, then program the flash word that the chip starts
//!    from, which was held back so that nothing incomplete can ever be started;
//! 7. raise the version that no later package may go below;
//! 8. option bytes, with which the device is in service;
//! 9. note that it is complete.
//!
//! The version comes before the option bytes: with them a device may be closed for good, and must not be without it.
//!
//! A refusal after step 4 erases again. Whatever interrupts it, the device is empty or complete: an incomplete one has the note of step 4 and no
//! first word, and the root security services erase it at the next boot.

use core::ops::Range;

use ironroot_codes::{Code, install as codes};
use ironroot_crypto::{Crypto, Sha256};
use zeroize::Zeroize;

use crate::bytes::{array, put};
use crate::cipher::Cipher;
use crate::package::{AreaKind, DESCRIBED_LEN, DESCRIPTOR_LEN, Descriptor, HEADER_LEN, Header};
use crate::{
    DeviceKey, FirmwareKey, KeyPlace, Licence, LicenceKind, MAX_KEY_LEN, MAX_KEYS, MODULE_HEADER_LEN,
    ModuleHeader, OptionRegister, OptionValues, PackageId,
};

/// The flash word that is held back: the largest of the chips that this serves.
pub const HELD_BACK: usize = 32;
/// Room for the device's note at the continuation token: three flash words.
pub const NOTE_LEN: usize = 3 * HELD_BACK;
/// Modules in one package, at most.
const MAX_MODULES: usize = 4;
/// Bytes that are read back at a time.
const PIECE: usize = 256;
/// What a flash word holds when it is erased.
const ERASED: u8 = 0xFF;

/// The device under the installer.
pub trait Target {
    /// The version of the root security services.
    fn services_version(&self) -> u32;
    /// The highest version that was ever installed, if any was.
    fn installed_version(&self) -> Option<u32>;
    /// Whether an area of this kind may lie there: inside its memory, on whole flash words. `Keys` asks for the place of a key.
    ///
    /// # Errors
    /// `AREA_TARGET`, or `AREA_UNSUPPORTED` for a memory that the device does not have.
    fn accepts(&mut self, kind: AreaKind, address: u32, size: u32) -> Result<(), Code>;
    /// Whether this device keeps its note there.
    fn accepts_token(&self, token: u32) -> bool;
    /// The address that the chip starts from.
    fn boot_address(&self) -> u32;
    /// Erases all user flash, and of the external flash what an installation that is noted has used.
    fn erase(&mut self) -> Result<(), Code>;
    /// Notes durably at `token` that the installation of `package` is under way, then erases what it uses of the external
    /// flash: addresses, empty if nothing.
    fn begin(&mut self, token: u32, package: PackageId, external: Range<u32>) -> Result<(), Code>;
    /// Programs an area or a part of it; whole flash words.
    fn program(&mut self, kind: AreaKind, address: u32, data: &[u8]) -> Result<(), Code>;
    /// Reads what was programmed.
    fn read(&mut self, kind: AreaKind, address: u32, into: &mut [u8]) -> Result<(), Code>;
    /// Fills `into` with random bytes for a key.
    ///
    /// # Errors
    /// `RANDOM_FAILED`.
    fn random(&mut self, into: &mut [u8]) -> Result<(), Code>;
    /// Keeps for good that this version was installed: [`Target::installed_version`] is never lower again.
    fn raise_version(&mut self, version: u32) -> Result<(), Code>;
    /// Programs the option bytes and reads them back.
    fn apply(&mut self, options: &OptionValues<'_>) -> Result<(), Code>;
    /// Notes durably that the package is complete.
    fn complete(&mut self, token: u32, package: PackageId) -> Result<(), Code>;
}

/// How far an installation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Phase {
    /// Waits for a licence.
    Licence = 0,
    /// Waits for the header.
    Header = 1,
    /// Waits for the table.
    Table = 2,
    /// Takes payloads.
    Areas = 3,
    /// Complete.
    Done = 4,
    /// Refused; the code says why.
    Refused = 5,
}

/// What the installer answers when it is asked how it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// How far it is.
    pub phase: Phase,
    /// Why it refused.
    pub refusal: Option<Code>,
    /// The area that it takes now, from 1; 0 before.
    pub area: u32,
    /// The next byte of the package that it wants.
    pub offset: u32,
}

/// What a licence of a module gave.
struct ModuleKey {
    id: PackageId,
    least_version: u32,
    key: FirmwareKey,
}

/// What the firmware licence gave.
struct Firmware {
    package: PackageId,
    least_version: u32,
    least_services: u32,
    cipher: Cipher,
}

/// The state machine. `'b` are the buffers that the device gives it: wiped when it is dropped.
pub struct Installer<'b, T: Target, C: Crypto> {
    target: T,
    crypto: C,
    device: &'b DeviceKey,
    table: &'b mut [u8],
    buffer: &'b mut [u8],
    phase: Phase,
    refusal: Option<Code>,
    erased: bool,
    firmware: Option<Firmware>,
    modules: [Option<ModuleKey>; MAX_MODULES],
    module_places: [Option<(u32, u32)>; MAX_MODULES],
    key_places: [Option<KeyPlace>; MAX_KEYS],
    header_bytes: [u8; HEADER_LEN],
    header: Option<Header>,
    /// Collected bytes of what is being taken now.
    filled: usize,
    /// Areas that are finished.
    finished: usize,
    /// The next byte of the package.
    offset: u32,
    held_back: [u8; HELD_BACK],
    holds: bool,
}

impl<'b, T: Target, C: Crypto> Installer<'b, T, C> {
    /// An installer that waits for its licence. `table` bounds the number of areas, `buffer` their size
    /// (up to [`crate::package::MAX_PAYLOAD`]).
    pub fn new(
        target: T,
        crypto: C,
        device: &'b DeviceKey,
        table: &'b mut [u8],
        buffer: &'b mut [u8],
    ) -> Self {
        Self {
            target,
            crypto,
            device,
            table,
            buffer,
            phase: Phase::Licence,
            refusal: None,
            erased: false,
            firmware: None,
            modules: [const { None }; MAX_MODULES],
            module_places: [None; MAX_MODULES],
            key_places: [None; MAX_KEYS],
            header_bytes: [0; HEADER_LEN],
            header: None,
            filled: 0,
            finished: 0,
            offset: 0,
            held_back: [0; HELD_BACK],
            holds: false,
        }
    }

    /// How far it is.
    pub fn status(&self) -> Status {
        let area = if self.phase == Phase::Areas { self.finished.saturating_add(1) as u32 } else { 0 };
        Status { phase: self.phase, refusal: self.refusal, area, offset: self.offset }
    }

    /// The device under it.
    pub fn target(&self) -> &T {
        &self.target
    }

    /// Takes a licence: that of the package, and those of modules, in any order, before the package.
    ///
    /// # Errors
    /// Why it was refused. The installer stays as it was: another licence may be given.
    pub fn licence(&mut self, bytes: &[u8]) -> Result<(), Code> {
        if !matches!(self.phase, Phase::Licence | Phase::Header) || self.offset != 0 {
            return Err(codes::SEQUENCE);
        }
        let licence = Licence::parse(bytes)?;
        let (package, key) = self.device.open(&licence, &mut self.crypto)?;
        let terms = licence.terms();
        if self.target.services_version() < terms.least_services {
            return Err(codes::SERVICES_TOO_OLD);
        }
        match terms.kind {
            LicenceKind::Firmware => {
                self.firmware = Some(Firmware {
                    package,
                    least_version: terms.least_version,
                    least_services: terms.least_services,
                    cipher: key.cipher(),
                });
                self.phase = Phase::Header;
            }
            LicenceKind::Module => {
                let place = self.modules.iter_mut().find(|place| place.is_none());
                let place = place.ok_or(codes::MODULE_COUNT)?;
                *place = Some(ModuleKey { id: package, least_version: terms.least_version, key });
            }
        }
        Ok(())
    }

    /// Takes the bytes of the package at `offset`, and says which it wants next. Bytes that it has already are skipped, so a
    /// host that does not know what arrived sends them again.
    ///
    /// # Errors
    /// Why the package was refused, also when it was refused earlier; if anything had been written, flash is erased.
    pub fn package(&mut self, offset: u32, bytes: &[u8]) -> Result<u32, Code> {
        match self.phase {
            Phase::Licence => return Err(codes::NO_LICENCE),
            Phase::Refused => return Err(self.refusal.unwrap_or(codes::SEQUENCE)),
            // The last bytes again, because the answer was lost.
            Phase::Done => return Ok(self.offset),
            Phase::Header | Phase::Table | Phase::Areas => {}
        }
        let known = match self.offset.checked_sub(offset) {
            Some(known) => known as usize,
            None => return Err(codes::SEQUENCE),
        };
        let mut left = bytes.get(known..).unwrap_or_default();
        while !left.is_empty() {
            match self.take(left) {
                Ok(taken) => {
                    self.offset = self.offset.saturating_add(taken as u32);
                    left = left.get(taken..).unwrap_or_default();
                    if self.phase == Phase::Done && !left.is_empty() {
                        return Err(self.refuse(codes::PACKAGE_MALFORMED));
                    }
                }
                Err(code) => return Err(self.refuse(code)),
            }
        }
        Ok(self.offset)
    }

    /// Gives up: what was written is erased.
    pub fn abort(&mut self) {
        self.refuse(codes::INSTALL_ABORTED);
    }

    /// Says at the end of the package's bytes whether that was all of it: for a host that checks a file.
    ///
    /// # Errors
    /// `PACKAGE_TRUNCATED`, or the earlier refusal.
    pub fn finish(&mut self) -> Result<(), Code> {
        match self.phase {
            Phase::Done => Ok(()),
            Phase::Refused => Err(self.refusal.unwrap_or(codes::SEQUENCE)),
            Phase::Licence => Err(codes::NO_LICENCE),
            Phase::Header | Phase::Table | Phase::Areas => Err(self.refuse(codes::PACKAGE_TRUNCATED)),
        }
    }

    fn refuse(&mut self, code: Code) -> Code {
        self.refusal = Some(code);
        self.phase = Phase::Refused;
        self.wipe();
        // If even that fails, the note that an installation is under way, or a flash that cannot be erased, is left: the
        // first word of what would be started never was written.
        if self.erased && self.target.erase().is_err() {
            self.refusal = Some(codes::INSTALL_ERASE_FAILED);
        }
        self.refusal.unwrap_or(code)
    }

    fn wipe(&mut self) {
        self.buffer.zeroize();
        self.held_back.zeroize();
        self.firmware = None;
        self.modules = [const { None }; MAX_MODULES];
    }

    /// Takes what the present phase can use of `bytes`: at least one byte.
    fn take(&mut self, bytes: &[u8]) -> Result<usize, Code> {
        match self.phase {
            Phase::Header => {
                let taken = collect(&mut self.header_bytes, &mut self.filled, HEADER_LEN, bytes)?;
                if self.filled == HEADER_LEN {
                    self.filled = 0;
                    self.check_header()?;
                    self.phase = Phase::Table;
                }
                Ok(taken)
            }
            Phase::Table => {
                let header = self.header()?;
                let len = (header.areas as usize).saturating_mul(DESCRIPTOR_LEN);
                let taken = collect(self.table, &mut self.filled, len, bytes)?;
                if self.filled == len {
                    self.filled = 0;
                    let external = self.check_table(&header)?;
                    self.erased = true;
                    self.target.erase()?;
                    let package = self.package_id()?;
                    self.target.begin(header.token, package, external)?;
                    self.phase = Phase::Areas;
                    self.skip_empty(&header)?;
                }
                Ok(taken)
            }
            Phase::Areas => {
                let header = self.header()?;
                let area = self.descriptor(self.finished)?;
                let taken = collect(self.buffer, &mut self.filled, area.size as usize, bytes)?;
                if self.filled == area.size as usize {
                    self.filled = 0;
                    self.install(&header, &area)?;
                    self.finished = self.finished.saturating_add(1);
                    self.skip_empty(&header)?;
                }
                Ok(taken)
            }
            Phase::Licence | Phase::Done | Phase::Refused => Err(codes::SEQUENCE),
        }
    }

    /// Areas without payload have no bytes that would set them off.
    fn skip_empty(&mut self, header: &Header) -> Result<(), Code> {
        while self.finished < header.areas as usize {
            let area = self.descriptor(self.finished)?;
            if area.size != 0 {
                return Ok(());
            }
            self.install(header, &area)?;
            self.finished = self.finished.saturating_add(1);
        }
        self.phase = Phase::Done;
        self.wipe();
        Ok(())
    }

    fn header(&self) -> Result<Header, Code> {
        self.header.ok_or(codes::SEQUENCE)
    }

    fn package_id(&self) -> Result<PackageId, Code> {
        self.firmware.as_ref().map(|firmware| firmware.package).ok_or(codes::SEQUENCE)
    }

    fn descriptor(&self, index: usize) -> Result<Descriptor, Code> {
        let at = index.saturating_mul(DESCRIPTOR_LEN);
        let bytes = self.table.get(at..).and_then(|rest| rest.first_chunk()).ok_or(codes::AREA_MALFORMED)?;
        Descriptor::parse(bytes)
    }

    fn check_header(&mut self) -> Result<(), Code> {
        let firmware = self.firmware.as_ref().ok_or(codes::NO_LICENCE)?;
        let header = Header::parse(&self.header_bytes)?;
        if header.product != self.device.product() {
            return Err(codes::OTHER_PRODUCT);
        }
        // Before the tag: two packages of one key differ here, and "the licence is for another package" says more than "not authentic".
        let id: [u8; 16] = array(&self.crypto.sha256_of(&self.header_bytes), 0);
        let named = PackageId(id) == firmware.package;
        header.authenticate(&self.header_bytes, &firmware.cipher)?;
        if !named {
            return Err(codes::OTHER_PACKAGE);
        }
        if header.version < firmware.least_version {
            return Err(codes::PACKAGE_TOO_OLD);
        }
        if self.target.installed_version().is_some_and(|installed| header.version < installed) {
            return Err(codes::OLDER_THAN_INSTALLED);
        }
        if self.target.services_version() < header.least_services.max(firmware.least_services) {
            return Err(codes::SERVICES_TOO_OLD);
        }
        self.header = Some(header);
        Ok(())
    }

    /// Checks the table; what it uses of the external flash.
    fn check_table(&mut self, header: &Header) -> Result<Range<u32>, Code> {
        let mut sha = self.crypto.sha256();
        let mut end = header.payloads() as u64;
        let mut free_from = 0_u64;
        let mut external = 0..0;
        for index in 0..header.areas as usize {
            let area = self.descriptor(index)?;
            sha.update(area.encode().get(..DESCRIBED_LEN).unwrap_or_default());
            let last = index.saturating_add(1) == header.areas as usize;
            let in_place = usize::from(area.index) == index.saturating_add(1)
                && area.areas == header.areas
                && area.version == header.version;
            // What is applied last stands last, and stands there once.
            if !in_place || (area.kind == AreaKind::Configuration) != last {
                return Err(codes::AREA_ORDER);
            }
            if area.size as usize > self.buffer.len() {
                return Err(codes::AREA_TOO_LARGE);
            }
            end = end.saturating_add(u64::from(area.size));
            if let Some(size) = occupied(&area)? {
                self.target.accepts(area.kind, area.address, size)?;
                if u64::from(area.address) < free_from || covers(&area, size, header.token) {
                    return Err(codes::AREA_OVERLAP);
                }
                free_from = u64::from(area.address).saturating_add(u64::from(size));
                if area.kind == AreaKind::External {
                    let start = if external.is_empty() { area.address } else { external.start };
                    external = start..area.address.saturating_add(size);
                }
            }
        }
        if sha.finish() != header.digest {
            return Err(codes::PACKAGE_NOT_AUTHENTIC);
        }
        if !self.target.accepts_token(header.token) {
            return Err(codes::TOKEN_TARGET);
        }
        if end == u64::from(header.total) { Ok(external) } else { Err(codes::PACKAGE_MALFORMED) }
    }

    /// Opens the area in the buffer and does what it is for.
    fn install(&mut self, header: &Header, area: &Descriptor) -> Result<(), Code> {
        let data = core::mem::take(&mut self.buffer);
        let outcome = match data.get_mut(..area.size as usize) {
            Some(payload) => self.open_and_install(header, area, payload),
            None => Err(codes::AREA_TOO_LARGE),
        };
        self.buffer = data;
        outcome
    }

    fn open_and_install(
        &mut self,
        header: &Header,
        area: &Descriptor,
        payload: &mut [u8],
    ) -> Result<(), Code> {
        let firmware = self.firmware.as_ref().ok_or(codes::SEQUENCE)?;
        let vector = header.nonce.vector(u32::from(area.index));
        firmware
            .cipher
            .open(&vector, &area.associated(header), payload, &area.tag)
            .map_err(|_| codes::AREA_NOT_AUTHENTIC)?;
        if self.crypto.sha256_of(payload) != area.hash {
            return Err(codes::AREA_HASH);
        }
        match area.kind {
            AreaKind::Firmware | AreaKind::External => self.program(area.kind, area.address, payload),
            AreaKind::Module => self.install_module(area, payload),
            AreaKind::Keys => self.make_keys(header, payload),
            // A host that resumes needs no marks: the installer says which byte it wants.
            AreaKind::Pause | AreaKind::Resume => Ok(()),
            AreaKind::Configuration => self.conclude(header, payload),
        }
    }

    fn program(&mut self, kind: AreaKind, address: u32, data: &[u8]) -> Result<(), Code> {
        let mut from = 0;
        if kind == AreaKind::Firmware && address == self.target.boot_address() {
            let first: &[u8; HELD_BACK] = data.first_chunk().ok_or(codes::AREA_TARGET)?;
            self.held_back = *first;
            self.holds = true;
            from = HELD_BACK;
        }
        let rest = data.get(from..).unwrap_or_default();
        let start = address.saturating_add(from as u32);
        if rest.is_empty() {
            return Ok(());
        }
        self.target.program(kind, start, rest)?;
        let mut piece = [0; PIECE];
        let mut at = start;
        for wanted in rest.chunks(PIECE) {
            let read = piece.get_mut(..wanted.len()).unwrap_or_default();
            self.target.read(kind, at, read)?;
            if read != wanted {
                return Err(codes::READ_BACK);
            }
            at = at.saturating_add(wanted.len() as u32);
        }
        Ok(())
    }

    fn install_module(&mut self, area: &Descriptor, module: &mut [u8]) -> Result<(), Code> {
        let (header, code) = ModuleHeader::split(module)?;
        if header.destination != area.address {
            return Err(codes::MODULE_MALFORMED);
        }
        let id = header.id(&mut self.crypto);
        let licence = self.modules.iter().flatten().find(|licence| licence.id == id);
        let licence = licence.ok_or(codes::MODULE_LICENCE)?;
        if header.version < licence.least_version {
            return Err(codes::PACKAGE_TOO_OLD);
        }
        header.open(code, &licence.key)?;
        let place = self.module_places.iter_mut().find(|place| place.is_none());
        *place.ok_or(codes::MODULE_COUNT)? = Some((area.address, header.size));
        self.program(AreaKind::Module, area.address, code)
    }

    /// Makes the keys of a key area. None of their bytes is anywhere but in flash afterwards.
    fn make_keys(&mut self, header: &Header, couples: &[u8]) -> Result<(), Code> {
        for place in KeyPlace::parse(couples)?.into_iter().flatten() {
            self.check_key_place(header, &place)?;
            let free = self.key_places.iter_mut().find(|free| free.is_none());
            *free.ok_or(codes::KEYS_MALFORMED)? = Some(place);
            let mut key = [ERASED; MAX_KEY_LEN];
            let outcome = match key.get_mut(..place.size as usize) {
                Some(random) => self.target.random(random),
                None => Err(codes::KEYS_MALFORMED),
            };
            let words = key.get(..place.occupied() as usize).unwrap_or_default();
            let outcome = outcome.and_then(|()| self.program(AreaKind::Keys, place.address, words));
            key.zeroize();
            outcome?;
        }
        Ok(())
    }

    /// Refuses a place that is not free. The table could not tell: the places are encrypted.
    fn check_key_place(&mut self, header: &Header, place: &KeyPlace) -> Result<(), Code> {
        let refused = codes::KEYS_MALFORMED;
        self.target.accepts(AreaKind::Keys, place.address, place.occupied()).map_err(|_| refused)?;
        let boot = self.target.boot_address();
        let mut taken = place.meets(boot, HELD_BACK as u32) || place.meets(header.token, NOTE_LEN as u32);
        for index in 0..header.areas as usize {
            let area = self.descriptor(index)?;
            taken |= occupied(&area)?.is_some_and(|size| place.meets(area.address, size));
        }
        taken |= self.key_places.iter().flatten().any(|other| place.meets(other.address, other.occupied()));
        if taken { Err(refused) } else { Ok(()) }
    }

    /// All areas are there: check everything once more, make it startable, close it, say so.
    fn conclude(&mut self, header: &Header, configuration: &[u8]) -> Result<(), Code> {
        let options = OptionValues::parse(configuration)?;
        for (address, size) in self.module_places.iter().flatten() {
            let closing = [OptionRegister::Pcrop, OptionRegister::SecureArea];
            if !closing.into_iter().any(|register| options.closes(register, *address, *size)) {
                return Err(codes::MODULE_UNPROTECTED);
            }
        }
        for place in self.key_places.iter().flatten() {
            if !options.closes(OptionRegister::SecureArea, place.address, place.occupied()) {
                return Err(codes::KEYS_UNPROTECTED);
            }
        }
        for index in 0..self.finished {
            let area = self.descriptor(index)?;
            if matches!(area.kind, AreaKind::Firmware | AreaKind::External) {
                self.check_programmed(&area)?;
            }
        }
        // Nothing that this device could start: an owner's mistake that would look like a dead chip.
        if !self.holds {
            return Err(codes::NOTHING_TO_START);
        }
        let boot = self.target.boot_address();
        self.target.program(AreaKind::Firmware, boot, &self.held_back)?;
        let mut first = [0; HELD_BACK];
        self.target.read(AreaKind::Firmware, boot, &mut first)?;
        if first != self.held_back {
            return Err(codes::READ_BACK);
        }
        let package = self.package_id()?;
        self.target.raise_version(header.version)?;
        self.target.apply(&options)?;
        self.target.complete(header.token, package)
    }

    /// The hash of what is in flash, with the word that is still held back.
    fn check_programmed(&mut self, area: &Descriptor) -> Result<(), Code> {
        let mut sha = self.crypto.sha256();
        let mut piece = [0; PIECE];
        let mut done = 0_u32;
        while done < area.size {
            let len = (area.size - done).min(PIECE as u32) as usize;
            let address = area.address.saturating_add(done);
            let read = piece.get_mut(..len).unwrap_or_default();
            self.target.read(area.kind, address, read)?;
            if area.kind == AreaKind::Firmware && address == self.target.boot_address() && self.holds {
                put(read, 0, &self.held_back);
            }
            sha.update(read);
            done = done.saturating_add(len as u32);
        }
        if sha.finish() == area.hash { Ok(()) } else { Err(codes::READ_BACK) }
    }
}

impl<T: Target, C: Crypto> Drop for Installer<'_, T, C> {
    fn drop(&mut self) {
        self.wipe();
    }
}

/// Copies into the first `len` bytes of `into` from `filled` on; the number of bytes taken.
fn collect(into: &mut [u8], filled: &mut usize, len: usize, bytes: &[u8]) -> Result<usize, Code> {
    let room = into.get_mut(*filled..len).ok_or(codes::AREA_TOO_LARGE)?;
    let taken = room.len().min(bytes.len());
    put(room, 0, bytes.get(..taken).unwrap_or_default());
    *filled = filled.saturating_add(taken);
    Ok(taken)
}

/// How much memory at its address an area takes; `None` for areas that take none.
fn occupied(area: &Descriptor) -> Result<Option<u32>, Code> {
    match area.kind {
        AreaKind::Firmware | AreaKind::External if area.size == 0 => Err(codes::AREA_MALFORMED),
        AreaKind::Firmware | AreaKind::External => Ok(Some(area.size)),
        AreaKind::Module => match area.size.checked_sub(MODULE_HEADER_LEN as u32) {
            Some(code) if code != 0 => Ok(Some(code)),
            _ => Err(codes::AREA_MALFORMED),
        },
        AreaKind::Pause | AreaKind::Resume if area.size != 0 => Err(codes::AREA_MALFORMED),
        AreaKind::Keys | AreaKind::Configuration | AreaKind::Pause | AreaKind::Resume => Ok(None),
    }
}

fn covers(area: &Descriptor, size: u32, token: u32) -> bool {
    token.saturating_add(NOTE_LEN as u32) > area.address && token < area.address.saturating_add(size)
}
