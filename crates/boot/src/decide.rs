//! The decision: what runs next, or why nothing does.

use ironroot_codes::{Code, boot as codes, image as image_codes, internal};
use ironroot_crypto::Crypto;
use ironroot_image::{
    Dependencies, Dialect, HEADER_LEN, Image, Limits, Policy, PublicKey, ReadAt, ReadError, VerifiedImage,
    verify,
};
use ironroot_layout::{Address, Region, Size, Slot, stm32h735};

use crate::keystore::{KeyStore, KeyStoreError};
use crate::update::{self, System, UpdateError, Updated, View};
use crate::{HandOff, Stage, Status};

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
                ..Policy::NONE
            },
            debug_closed: true,
        }
    }

    /// The limits that the slot gives an image.
    pub const fn limits(&self) -> Limits {
        Limits { max_size: self.slot.max_image().bytes(), dialect: Dialect::Mcuboot }
    }

    /// The record before anything is known.
    fn record(&self) -> HandOff {
        let mut record = HandOff::refused(internal::INTERNAL, Stage::KeyStore, self.slot.region.start());
        record.debug_closed = self.debug_closed;
        record
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

    /// The same refusal for a reason that the caller knows better; what became of updates stays.
    pub fn because(mut self, code: Code, stage: Stage) -> Self {
        self.code = code;
        self.record.status = Status::Refused(code);
        self.record.stage = stage;
        self
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

/// The end of a decision: what was found goes into `record` on the way.
fn conclude(outcome: Result<VerifiedImage, Code>, mut record: HandOff) -> Result<Launch, Refusal> {
    match outcome {
        Ok(image) => Ok(Launch { image, vector_table: record.vector_table, record }),
        Err(code) => {
            record.status = Status::Refused(code);
            Err(Refusal { code, record })
        }
    }
}

/// Decides whether the image in `slot` is started, in a product without updates by the boot.
///
/// `slot` reads the whole slot from its first byte, `key_store` the page of the key store. Both may fail.
pub fn decide(
    slot: &(impl ReadAt + ?Sized),
    key_store: &(impl ReadAt + ?Sized),
    policy: &BootPolicy,
    crypto: &mut impl Crypto,
) -> Result<Launch, Refusal> {
    let mut record = policy.record();
    let outcome = decide_with(&slot, key_store, policy, crypto, &mut record);
    conclude(outcome, record)
}

fn decide_with(
    slot: &dyn ReadAt,
    key_store: &(impl ReadAt + ?Sized),
    policy: &BootPolicy,
    crypto: &mut impl Crypto,
    record: &mut HandOff,
) -> Result<VerifiedImage, Code> {
    let keys = trusted_keys(key_store, policy, crypto)?;
    record.stage = Stage::Slot;
    if is_erased(slot, stm32h735::ERASED).map_err(ReadError::code)? {
        return Err(codes::SLOT_EMPTY);
    }
    record.stage = Stage::Parse;
    let image = Image::parse_dyn(slot, policy.limits()).map_err(|error| error.code())?;
    record.stage = Stage::Verify;
    about(record, &image);
    let verified = verify(&image, slot, keys.keys(), &policy.image, crypto).map_err(|error| error.code())?;
    launch(slot, verified, Some(&keys), policy, record)
}

/// One boot: the key store, the updates, the decision on the image in the primary slot of image 0.
///
/// The keys of `system` are not looked at; those of the store count. The policy of each image is that of its
/// configuration; of `policy`, slot, stack memories and kind of device count.
pub fn boot(
    system: &mut System<'_, '_>,
    key_store: &(impl ReadAt + ?Sized),
    policy: &BootPolicy,
    crypto: &mut impl Crypto,
) -> Result<Launch, Refusal> {
    let mut record = policy.record();
    let outcome = boot_with(system, key_store, policy, crypto, &mut record);
    conclude(outcome, record)
}

fn boot_with(
    system: &mut System<'_, '_>,
    key_store: &(impl ReadAt + ?Sized),
    policy: &BootPolicy,
    crypto: &mut impl Crypto,
    record: &mut HandOff,
) -> Result<VerifiedImage, Code> {
    let keys = trusted_keys(key_store, policy, crypto)?;
    boot_trusting(system, keys.keys(), Some(&keys), policy, crypto, record)
}

/// As [`boot`], with keys that are not in a key store: a device that has its public keys elsewhere.
pub fn boot_with_keys(
    system: &mut System<'_, '_>,
    keys: &[PublicKey],
    policy: &BootPolicy,
    crypto: &mut impl Crypto,
) -> Result<Launch, Refusal> {
    let mut record = policy.record();
    let outcome = boot_trusting(system, keys, None, policy, crypto, &mut record);
    conclude(outcome, record)
}

/// `store` is where the keys are from, if that is a key store: it knows which are for demonstration.
fn boot_trusting(
    system: &mut System<'_, '_>,
    keys: &[PublicKey],
    store: Option<&KeyStore>,
    policy: &BootPolicy,
    crypto: &mut impl Crypto,
    record: &mut HandOff,
) -> Result<VerifiedImage, Code> {
    record.stage = Stage::Update;
    let updated = update::with_keys(system, keys, crypto);
    let Some(slots) = system.images.first() else { return Err(codes::UPDATE_LAYOUT) };
    let slot: &dyn ReadAt = &View::new(slots.primary, 0);
    match updated {
        Ok(Updated { report, image }) => {
            record.updates = report;
            launch(slot, image, store, policy, record)
        }
        Err(UpdateError { code, image, report }) => {
            record.updates = report;
            let empty = image == 0
                && code == image_codes::BAD_MAGIC
                && is_erased(slot, slots.primary.erased_value()) == Ok(true);
            if let Ok(image) = Image::parse_dyn(slot, policy.limits()) {
                about(record, &image);
            }
            let (code, stage) = match code.number() {
                _ if empty => (codes::SLOT_EMPTY, Stage::Slot),
                // Of the image in a primary slot: its structure, then the rest.
                2000..2200 => (code, Stage::Parse),
                2200..3000 => (code, Stage::Verify),
                _ => (code, Stage::Update),
            };
            record.stage = stage;
            Err(code)
        }
    }
}

/// One boot of a product that runs from RAM: the key store, the choice between the slots, the decision on the image as it
/// was copied. The slot of `policy` is where in `memory` the image has to be.
#[cfg(feature = "ram-load")]
pub fn boot_from_ram(
    system: &mut System<'_, '_>,
    memory: &mut update::LoadMemory<'_>,
    key_store: &(impl ReadAt + ?Sized),
    policy: &BootPolicy,
    crypto: &mut impl Crypto,
) -> Result<Launch, Refusal> {
    let mut record = policy.record();
    let outcome = boot_from_ram_with(system, memory, key_store, policy, crypto, &mut record);
    conclude(outcome, record)
}

#[cfg(feature = "ram-load")]
fn boot_from_ram_with(
    system: &mut System<'_, '_>,
    memory: &mut update::LoadMemory<'_>,
    key_store: &(impl ReadAt + ?Sized),
    policy: &BootPolicy,
    crypto: &mut impl Crypto,
    record: &mut HandOff,
) -> Result<VerifiedImage, Code> {
    let keys = trusted_keys(key_store, policy, crypto)?;
    record.stage = Stage::Update;
    match update::load_with_keys(system, memory, keys.keys(), crypto) {
        Ok(update::Loaded { report, image, offset, .. }) => {
            record.updates = report;
            if memory.address.checked_add(offset) != Some(policy.slot.region.start().value()) {
                record.stage = Stage::Vectors;
                about(record, image.image());
                return Err(codes::VECTOR_TABLE_MISPLACED);
            }
            let loaded = memory.bytes.get(offset as usize..).unwrap_or_default();
            launch(&loaded, image, Some(&keys), policy, record)
        }
        Err(UpdateError { code, report, .. }) => {
            record.updates = report;
            Err(code)
        }
    }
}

/// The keys that may sign for this device.
fn trusted_keys(
    key_store: &(impl ReadAt + ?Sized),
    policy: &BootPolicy,
    crypto: &mut impl Crypto,
) -> Result<KeyStore, Code> {
    let keys = KeyStore::parse(key_store, crypto).map_err(KeyStoreError::code)?;
    // The whole store is refused, not only the key: a product that was shipped with a demo key in it is open, whatever
    // key signed this image.
    if keys.has_demo() && policy.device == DeviceKind::Real {
        return Err(codes::DEMO_KEY_ON_REAL_CHIP);
    }
    Ok(keys)
}

/// Notes what the image claims.
fn about(record: &mut HandOff, image: &Image) {
    record.version = Some(image.header().version);
    record.security_counter = image.security_counter();
}

/// What is left to decide about a verified image. Then it may be started, and the record says so.
fn launch(
    slot: &dyn ReadAt,
    verified: VerifiedImage,
    store: Option<&KeyStore>,
    policy: &BootPolicy,
    record: &mut HandOff,
) -> Result<VerifiedImage, Code> {
    record.stage = Stage::Vectors;
    about(record, verified.image());
    let vector_table = check_vectors(slot, &verified, policy)?;

    record.stage = Stage::Launch;
    // A fault may have skipped the check of the store with its branch; the index of the key that really verified is other
    // data.
    let demo_key = store.is_some_and(|store| store.is_demo(verified.key_index()));
    if demo_key && policy.device != DeviceKind::Virtual {
        return Err(codes::DEMO_KEY_ON_REAL_CHIP);
    }
    record.status = Status::Booted;
    record.vector_table = vector_table;
    record.digest = *verified.digest();
    record.key_id = verified.key_hash().first_chunk().copied().unwrap_or_default();
    record.demo_key = demo_key;
    Ok(verified)
}

/// Whether there is nothing where the header would be.
fn is_erased(slot: &dyn ReadAt, erased: u8) -> Result<bool, ReadError> {
    let mut header = [0; HEADER_LEN];
    slot.read_at(0, &mut header)?;
    Ok(header.iter().all(|byte| *byte == erased))
}

/// Where the application starts, if stack and entry are its own.
fn check_vectors(slot: &dyn ReadAt, image: &VerifiedImage, policy: &BootPolicy) -> Result<Address, Code> {
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
    slot.read_at(u32::from(header.header_size), &mut words).map_err(ReadError::code)?;
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
