//! The decision: what runs next, or why nothing does.

use ironroot_codes::{Code, boot as codes, image as image_codes};
use ironroot_crypto::Crypto;
use ironroot_image::{
    Dependencies, Dialect, HEADER_LEN, Image, Limits, Policy, ReadAt, ReadError, VerifiedImage, verify,
};
use ironroot_layout::{Address, Region, Size, Slot, stm32h735};

use crate::{HandOff, KeyStore, Stage, Status};

/// Vectors of the core itself: the least payload of an application.
const CORE_VECTORS: u32 = 16 * 4;

/// Virtual or real: the difference between a demo and a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceKind {
    /// A virtual device: demo keys are accepted.
    Virtual,
    /// A chip: demo keys are refused.
    Real,
}

impl DeviceKind {
    /// From the unique id. Whatever does not have the prefix of virtual devices is real.
    pub fn from_unique_id(unique_id: &[u8; 12]) -> Self {
        if unique_id.starts_with(&stm32h735::VIRTUAL_UNIQUE_ID_PREFIX) { Self::Virtual } else { Self::Real }
    }
}

/// What the device demands of an application.
#[derive(Clone, Copy, Debug)]
pub struct BootPolicy {
    /// Where it lies and how much room it has.
    pub slot: Slot,
    /// The memories in which its initial stack may lie.
    pub stack_memories: &'static [Region],
    /// Whether demo keys are accepted.
    pub device: DeviceKind,
    /// What the image must be besides authentic.
    pub image: Policy,
    /// Whether debug access stays closed at the hand-over; only recorded here.
    pub debug_closed: bool,
}

impl BootPolicy {
    /// The policy of Ironroot's STM32H735 product: its slot, its class, no rollback protection yet, debug closed.
    pub const fn stm32h735(device: DeviceKind) -> Self {
        Self {
            slot: stm32h735::SLOT,
            stack_memories: &stm32h735::STACK_MEMORIES,
            device,
            image: Policy {
                min_security_counter: None,
                vendor_id: Some(stm32h735::VENDOR_ID),
                class_id: Some(stm32h735::CLASS_ID),
                slot_address: Some(stm32h735::SLOT.region.start().value()),
                dependencies: Dependencies::Refuse,
            },
            debug_closed: true,
        }
    }

    /// The limits that the slot gives an image.
    pub const fn limits(&self) -> Limits {
        Limits { max_size: self.slot.max_image().bytes(), dialect: Dialect::Mcuboot }
    }
}

/// The proof that an application may be started. Only [`decide`] makes one.
#[derive(Clone, Debug)]
pub struct Launch {
    image: VerifiedImage,
    vector_table: Address,
    record: HandOff,
}

impl Launch {
    /// The vector table to start from. Asks the proof once more, so call it right before the jump: if a fault skipped a
    /// check on the way here, this is a refusal.
    pub fn vector_table(&self) -> Result<Address, Refusal> {
        if self.image.is_intact().is_accepted() {
            Ok(self.vector_table)
        } else {
            Err(Refusal::new(codes::SELF_CHECK_FAILED, Stage::Launch, self.record.slot))
        }
    }

    /// The verified image.
    pub fn image(&self) -> &VerifiedImage {
        &self.image
    }

    /// The record to leave for the application.
    pub fn record(&self) -> &HandOff {
        &self.record
    }
}

/// Nothing is started: why, how far it got, and the record that says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    code: Code,
    record: HandOff,
}

impl Refusal {
    /// A refusal about which nothing else is known; also for what the firmware finds before it asks [`decide`].
    pub const fn new(code: Code, stage: Stage, slot: Address) -> Self {
        Self { code, record: HandOff::refused(code, stage, slot) }
    }

    /// The reason.
    pub fn code(&self) -> Code {
        self.code
    }

    /// How far the boot got.
    pub fn stage(&self) -> Stage {
        self.record.stage
    }

    /// The record to leave for the host.
    pub fn record(&self) -> &HandOff {
        &self.record
    }
}

/// Decides whether the image in `slot` is started.
///
/// `slot` reads the whole slot from its first byte, `key_store` the page of the key store. Both may fail.
pub fn decide(
    slot: &(impl ReadAt + ?Sized),
    key_store: &(impl ReadAt + ?Sized),
    policy: &BootPolicy,
    crypto: &mut impl Crypto,
) -> Result<Launch, Refusal> {
    let slot_address = policy.slot.region.start();
    let refuse = |code, stage| {
        let mut refusal = Refusal::new(code, stage, slot_address);
        refusal.record.debug_closed = policy.debug_closed;
        refusal
    };

    let keys = KeyStore::parse(key_store, crypto).map_err(|error| refuse(error.code(), Stage::KeyStore))?;
    // The whole store is refused, not only the key: a product that was shipped with a demo key in it is open, whatever
    // key signed this image.
    if keys.has_demo() && policy.device == DeviceKind::Real {
        return Err(refuse(codes::DEMO_KEY_ON_REAL_CHIP, Stage::KeyStore));
    }

    if is_erased(slot).map_err(|error| refuse(read_code(error), Stage::Slot))? {
        return Err(refuse(codes::SLOT_EMPTY, Stage::Slot));
    }
    let image = Image::parse(slot, policy.limits()).map_err(|error| refuse(error.code(), Stage::Parse))?;
    let refuse = |code, stage| {
        let mut refusal = refuse(code, stage);
        refusal.record.version = Some(image.header().version);
        refusal.record.security_counter = image.security_counter();
        refusal
    };
    let verified = verify(&image, slot, keys.keys(), &policy.image, crypto)
        .map_err(|error| refuse(error.code(), Stage::Verify))?;
    let vector_table = check_vectors(slot, &verified, policy).map_err(|code| refuse(code, Stage::Vectors))?;

    // A fault may have skipped the check above with its branch; the index of the key that really verified is other data.
    let demo_key = keys.is_demo(verified.key_index());
    if demo_key && policy.device != DeviceKind::Virtual {
        return Err(refuse(codes::DEMO_KEY_ON_REAL_CHIP, Stage::Launch));
    }
    let record = HandOff {
        status: Status::Booted,
        stage: Stage::Launch,
        slot: slot_address,
        vector_table,
        version: Some(verified.header().version),
        security_counter: verified.security_counter(),
        digest: *verified.digest(),
        key_id: verified.key_hash().first_chunk().copied().unwrap_or_default(),
        demo_key,
        debug_closed: policy.debug_closed,
    };
    Ok(Launch { image: verified, vector_table, record })
}

/// Whether there is nothing where the header would be.
fn is_erased(slot: &(impl ReadAt + ?Sized)) -> Result<bool, ReadError> {
    let mut header = [0; HEADER_LEN];
    slot.read_at(0, &mut header)?;
    Ok(header == [stm32h735::ERASED; HEADER_LEN])
}

const fn read_code(error: ReadError) -> Code {
    match error {
        ReadError::OutOfBounds => image_codes::TRUNCATED,
        ReadError::Unreadable => image_codes::READ_FAILED,
    }
}

/// Where the application starts, if stack and entry are its own.
fn check_vectors(
    slot: &(impl ReadAt + ?Sized),
    image: &VerifiedImage,
    policy: &BootPolicy,
) -> Result<Address, Code> {
    let header = image.header();
    let misplaced = codes::VECTOR_TABLE_MISPLACED;
    // Interrupts go to the address that the table has, not to the one that the header states: with another header size
    // VTOR would be misaligned and the application linked elsewhere.
    if u32::from(header.header_size) != policy.slot.header.bytes() || header.payload_size < CORE_VECTORS {
        return Err(misplaced);
    }
    let vector_table = policy.slot.vector_table().ok_or(misplaced)?;
    let payload = Region::checked(vector_table, Size::new(header.payload_size)).ok_or(misplaced)?;

    let mut words = [0; 8];
    slot.read_at(u32::from(header.header_size), &mut words).map_err(read_code)?;
    let [s0, s1, s2, s3, r0, r1, r2, r3] = words;
    let stack = Address::new(u32::from_le_bytes([s0, s1, s2, s3]));
    let reset = u32::from_le_bytes([r0, r1, r2, r3]);

    // A full descending stack begins below its pointer: the end of a memory is right, its start is not.
    let in_memory = policy
        .stack_memories
        .iter()
        .any(|memory| stack.value() > memory.start().value() && stack.value() <= memory.end().value());
    if !in_memory || !stack.is_aligned(Size::new(8)) {
        return Err(codes::BAD_STACK_POINTER);
    }
    // Without this a signed image could jump into flash that nobody verified.
    if reset & 1 == 0 || !payload.contains(Address::new(reset & !1)) {
        return Err(codes::BAD_RESET_VECTOR);
    }
    Ok(vector_table)
}
