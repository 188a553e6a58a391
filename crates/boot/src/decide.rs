//! The decision: what runs next, or why nothing does.

use ironroot_codes::{Code, boot as codes, image as image_codes};
use ironroot_crypto::Crypto;
use ironroot_image::{
    Dependencies, Dialect, HEADER_LEN, Image, Limits, Policy, PublicKey, ReadAt, ReadError, VerifiedImage,
    verify,
};
use ironroot_layout::{Address, Region, Size, Slot, stm32h735};

use crate::update::{self, Report, System, UpdateError, Updated, View};
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
                ..Policy::NONE
            },
            debug_closed: true,
        }
    }

    /// The limits that the slot gives an image.
    pub const fn limits(&self) -> Limits {
        Limits { max_size: self.slot.max_image().bytes(), dialect: Dialect::Mcuboot }
    }

    fn refuse(&self, code: Code, stage: Stage, updates: Report) -> Refusal {
        let mut refusal = Refusal::new(code, stage, self.slot.region.start());
        refusal.record.debug_closed = self.debug_closed;
        refusal.record.updates = updates;
        refusal
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

    /// With what the image claims.
    fn about(mut self, image: &Image) -> Self {
        self.record.version = Some(image.header().version);
        self.record.security_counter = image.security_counter();
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

/// Decides whether the image in `slot` is started, in a product without updates by the boot.
///
/// `slot` reads the whole slot from its first byte, `key_store` the page of the key store. Both may fail.
pub fn decide(
    slot: &(impl ReadAt + ?Sized),
    key_store: &(impl ReadAt + ?Sized),
    policy: &BootPolicy,
    crypto: &mut impl Crypto,
) -> Result<Launch, Refusal> {
    let refuse = |code, stage| policy.refuse(code, stage, Report::NONE);
    let keys = trusted_keys(key_store, policy, crypto)?;
    if is_erased(slot, stm32h735::ERASED).map_err(|error| refuse(error.code(), Stage::Slot))? {
        return Err(refuse(codes::SLOT_EMPTY, Stage::Slot));
    }
    let image = Image::parse(slot, policy.limits()).map_err(|error| refuse(error.code(), Stage::Parse))?;
    let verified = verify(&image, slot, keys.keys(), &policy.image, crypto)
        .map_err(|error| policy.refuse(error.code(), Stage::Verify, Report::NONE).about(&image))?;
    launch(slot, verified, &|index| keys.is_demo(index), policy, Report::NONE)
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
    let keys = trusted_keys(key_store, policy, crypto)?;
    boot_trusting(system, keys.keys(), &|index| keys.is_demo(index), policy, crypto)
}

/// As [`boot`], with keys that are not in a key store: a device that has its public keys elsewhere.
pub fn boot_with_keys(
    system: &mut System<'_, '_>,
    keys: &[PublicKey],
    policy: &BootPolicy,
    crypto: &mut impl Crypto,
) -> Result<Launch, Refusal> {
    boot_trusting(system, keys, &|_| false, policy, crypto)
}

fn boot_trusting(
    system: &mut System<'_, '_>,
    keys: &[PublicKey],
    is_demo: &dyn Fn(usize) -> bool,
    policy: &BootPolicy,
    crypto: &mut impl Crypto,
) -> Result<Launch, Refusal> {
    let updated = update::with_keys(system, keys, crypto);
    let Some(slots) = system.images.first() else {
        return Err(policy.refuse(codes::UPDATE_LAYOUT, Stage::Update, Report::NONE));
    };
    let slot: &dyn ReadAt = &View::new(slots.primary, 0);
    match updated {
        Ok(Updated { report, image }) => launch(slot, image, is_demo, policy, report),
        Err(UpdateError { code, image, report }) => {
            let empty = image == 0
                && code == image_codes::BAD_MAGIC
                && is_erased(slot, slots.primary.erased_value()) == Ok(true);
            let (code, stage) = match code.number() {
                _ if empty => (codes::SLOT_EMPTY, Stage::Slot),
                // Of the image in a primary slot: its structure, then the rest.
                2000..2200 => (code, Stage::Parse),
                2200..3000 => (code, Stage::Verify),
                _ => (code, Stage::Update),
            };
            let refusal = policy.refuse(code, stage, report);
            Err(match Image::parse(slot, policy.limits()) {
                Ok(image) => refusal.about(&image),
                Err(_) => refusal,
            })
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
    let keys = trusted_keys(key_store, policy, crypto)?;
    match update::load_with_keys(system, memory, keys.keys(), crypto) {
        Ok(update::Loaded { report, image, offset, .. }) => {
            let refuse = |code| policy.refuse(code, Stage::Vectors, report);
            if memory.address.checked_add(offset) != Some(policy.slot.region.start().value()) {
                return Err(refuse(codes::VECTOR_TABLE_MISPLACED).about(image.image()));
            }
            let loaded = memory.bytes.get(offset as usize..).unwrap_or_default();
            launch(loaded, image, &|index| keys.is_demo(index), policy, report)
        }
        Err(UpdateError { code, report, .. }) => Err(policy.refuse(code, Stage::Update, report)),
    }
}

/// The keys that may sign for this device.
fn trusted_keys(
    key_store: &(impl ReadAt + ?Sized),
    policy: &BootPolicy,
    crypto: &mut impl Crypto,
) -> Result<KeyStore, Refusal> {
    let refuse = |code| policy.refuse(code, Stage::KeyStore, Report::NONE);
    let keys = KeyStore::parse(key_store, crypto).map_err(|error| refuse(error.code()))?;
    // The whole store is refused, not only the key: a product that was shipped with a demo key in it is open, whatever
    // key signed this image.
    if keys.has_demo() && policy.device == DeviceKind::Real {
        return Err(refuse(codes::DEMO_KEY_ON_REAL_CHIP));
    }
    Ok(keys)
}

/// What is left to decide about a verified image, and the proof that it may be started.
fn launch(
    slot: &(impl ReadAt + ?Sized),
    verified: VerifiedImage,
    is_demo: &dyn Fn(usize) -> bool,
    policy: &BootPolicy,
    updates: Report,
) -> Result<Launch, Refusal> {
    let refuse = |code, stage| policy.refuse(code, stage, updates).about(verified.image());
    let vector_table = check_vectors(slot, &verified, policy).map_err(|code| refuse(code, Stage::Vectors))?;

    // A fault may have skipped the check of the store with its branch; the index of the key that really verified is other
    // data.
    let demo_key = is_demo(verified.key_index());
    if demo_key && policy.device != DeviceKind::Virtual {
        return Err(refuse(codes::DEMO_KEY_ON_REAL_CHIP, Stage::Launch));
    }
    let record = HandOff {
        status: Status::Booted,
        stage: Stage::Launch,
        slot: policy.slot.region.start(),
        vector_table,
        version: Some(verified.header().version),
        security_counter: verified.security_counter(),
        digest: *verified.digest(),
        key_id: verified.key_hash().first_chunk().copied().unwrap_or_default(),
        demo_key,
        debug_closed: policy.debug_closed,
        updates,
    };
    Ok(Launch { image: verified, vector_table, record })
}

/// Whether there is nothing where the header would be.
fn is_erased(slot: &(impl ReadAt + ?Sized), erased: u8) -> Result<bool, ReadError> {
    let mut header = [0; HEADER_LEN];
    slot.read_at(0, &mut header)?;
    Ok(header == [erased; HEADER_LEN])
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
