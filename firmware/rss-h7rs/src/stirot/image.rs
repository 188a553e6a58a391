//! The image in RAM: the one file that uses the image verifier.

use ironroot_boot::Stage;
use ironroot_codes::{Code, h7rs as codes};
use ironroot_crypto::ContentKeys;
use ironroot_hal::crypto::hardware;
use ironroot_hal::window::Window;
use ironroot_image::{
    Dialect, Error, HEADER_LEN, Image, Limits, Plain, Policy, PublicKey, ReadAt, ReadError, VerifiedImage,
    Version, open_key, verify,
};
use ironroot_layout::stm32h7rs::contract::STIROT_LOAD;
use ironroot_layout::{Address, Region};
use ironroot_rss_h7rs::hw;

use crate::Refused;
use crate::config::Config;

/// The trailer of an image for a single slot: its magic.
const TRAILER: u32 = 16;
/// Bytes that are decrypted at a time.
const PIECE: usize = 1024;

/// An image that may be started.
pub struct Accepted {
    /// The proof.
    pub proof: VerifiedImage,
    /// Its vector table.
    pub vectors: Address,
    /// Its version.
    pub version: Version,
    /// Its security counter.
    pub counter: u32,
    /// Its digest.
    pub digest: [u8; 32],
    /// First bytes of the hash of the key that signed it.
    pub key_id: [u8; 8],
    /// Why its version could not be recorded.
    pub counter_code: Option<Code>,
}

/// What the iLoader left in RAM, whatever it is.
pub struct Loaded {
    ram: Option<Window>,
    area: Region,
}

impl ReadAt for Loaded {
    fn len(&self) -> u32 {
        self.area.size().bytes()
    }

    fn read_at(&self, offset: u32, buffer: &mut [u8]) -> Result<(), ReadError> {
        self.ram.and_then(|ram| ram.read(offset, buffer)).ok_or(ReadError::OutOfBounds)
    }
}

fn parse_error(error: Error) -> Refused {
    Refused(error.code(), Stage::Parse)
}

fn verify_error(error: Error) -> Refused {
    Refused(error.code(), Stage::Verify)
}

impl Loaded {
    /// The configured area.
    pub fn new(config: &Config) -> Self {
        Self { ram: Window::new(config.area), area: config.area }
    }

    fn parse(&self) -> Result<Image, Refused> {
        let limits = Limits { max_size: self.len().saturating_sub(TRAILER), dialect: Dialect::StirotH7s };
        let image = Image::parse(self, limits).map_err(parse_error)?;
        if image.encryption().is_none() {
            return Err(Refused(codes::STIROT_NOT_ENCRYPTED, Stage::Parse));
        }
        Ok(image)
    }

    /// Verifies the image as it is, decrypting what is read: RAM keeps what was loaded.
    pub fn check(&self, config: &Config, least: u32) -> Result<VerifiedImage, Refused> {
        let image = self.parse()?;
        let key = open_key(&image, self, &config.decryption).map_err(verify_error)?;
        let plain = Plain::new(self, &image, &key, &config.decryption);
        let verified = self.verified(&image, &plain, config, least)?;
        self.vectors(&image, &plain, config)?;
        Ok(verified)
    }

    /// Decrypts the image where it is, and verifies what is then there: what runs is what was verified.
    pub fn open(&self, config: &Config, least: u32) -> Result<Accepted, Refused> {
        let image = self.parse()?;
        let key = open_key(&image, self, &config.decryption).map_err(verify_error)?;
        let ram = self.ram.ok_or(Refused(codes::STIROT_CONFIG, Stage::Parse))?;
        let (start, end) = (image.payload().start, image.payload().end);
        let mut piece = [0; PIECE];
        let mut offset = start;
        while offset < end {
            let length = usize::try_from(end - offset).unwrap_or(PIECE).min(PIECE);
            let piece = piece.get_mut(..length).unwrap_or_default();
            let copied = ram.read(offset, piece).is_some() && {
                config.decryption.apply(&key, offset - start, piece);
                ram.write(offset, piece).is_some()
            };
            if !copied {
                return Err(Refused(codes::STIROT_CONFIG, Stage::Parse));
            }
            offset = offset.saturating_add(length as u32);
        }
        drop(key);
        let proof = self.verified(&image, self, config, least)?;
        let vectors = self.vectors(&image, self, config)?;
        // Behind the protected TLVs is what the signature does not cover, and it would execute like the rest.
        clear(ram, image.protected().end);
        let mut key_id = [0; 8];
        for (to, from) in key_id.iter_mut().zip(proof.key_hash()) {
            *to = *from;
        }
        Ok(Accepted {
            vectors,
            version: proof.header().version,
            counter: proof.security_counter().unwrap_or(0),
            digest: *proof.digest(),
            key_id,
            counter_code: None,
            proof,
        })
    }

    fn verified(
        &self,
        image: &Image,
        source: &dyn ReadAt,
        config: &Config,
        least: u32,
    ) -> Result<VerifiedImage, Refused> {
        let keys = [PublicKey::P256(config.authentication)];
        let policy = Policy { min_security_counter: Some(least), encrypted: true, ..Policy::NONE };
        verify(image, source, &keys, &policy, &mut hardware()).map_err(verify_error)
    }

    /// Address of the vector table behind the header, whose first words must lie where they can.
    fn vectors(&self, image: &Image, source: &dyn ReadAt, config: &Config) -> Result<Address, Refused> {
        let refused = Refused(codes::STIROT_VECTORS, Stage::Vectors);
        let payload = image.payload();
        let base = self.area.start().value();
        let mut words = [0; 8];
        if source.read_at(payload.start, &mut words).is_err() {
            return Err(refused);
        }
        let [s0, s1, s2, s3, e0, e1, e2, e3] = words;
        let (stack, entry) = (u32::from_le_bytes([s0, s1, s2, s3]), u32::from_le_bytes([e0, e1, e2, e3]));
        let code = base.saturating_add(payload.start)..base.saturating_add(payload.end);
        let stack_fits = config.next.opens_stack(stack, self.area);
        if !hw::is_entry(stack, entry) || !code.contains(&(entry & !1)) || !stack_fits {
            return Err(refused);
        }
        Ok(Address::new(code.start))
    }
}

/// Takes the header away from what is in RAM.
pub fn forget(config: &Config) {
    if let Some(ram) = Window::new(config.area) {
        let _ = ram.write(0, &[0; HEADER_LEN]);
    }
}

/// Leaves nothing of what was loaded.
pub fn wipe() {
    if let Some(ram) = Window::new(STIROT_LOAD) {
        clear(ram, 0);
    }
}

/// Zeroes everything from `offset` on.
fn clear(ram: Window, offset: u32) {
    let zeros = [0; PIECE];
    let mut at = offset;
    // The first piece reaches to a multiple of their size: copies are fast from there on.
    while let Some(left) = ram.region().size().bytes().checked_sub(at).filter(|left| *left != 0) {
        let piece = PIECE - at as usize % PIECE;
        let piece = usize::try_from(left).unwrap_or(PIECE).min(piece);
        let Some(()) = zeros.get(..piece).and_then(|zeros| ram.write(at, zeros)) else { return };
        at = at.saturating_add(piece as u32);
    }
}
