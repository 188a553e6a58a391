//! `ironroot image create` and `ironroot image sign`: an application becomes an image.

use std::ffi::OsString;

use clap::Args;
use ironroot_codes::{input, project};
use ironroot_crypto::seal::EncryptionKey;
use ironroot_crypto::{HashAlgorithm, KeyBits, PublicKey, Sealing, SignatureAlgorithm, Signer, Software};
use ironroot_image::build::{BuildError, Builder, KeyFormat, Plan as Layout};
use ironroot_image::{Dependencies, Limits, Policy};
use ironroot_keys::{KeySigner, Loaded, Secrets};
use serde_json::json;

use super::assemble::{Made, Parts, Recipient, Target, assemble};
use super::options::{EncryptionOptions, KeyLength, Options, Sha, Sha2, SignatureOptions};
use super::payload::{Expected, Pieces};
use super::plan::{Padding, Place, Plan, warn_address};
use crate::device::Device;
use crate::error::{Context, Failure, Result};
use crate::input::{self as application, Format};
use crate::report::{BOLD, Reporter, printable};
use crate::{files, hex, keyarg};

/// Make an image of an application or of data, signed or not
#[derive(Args, Debug)]
#[command(after_help = "\
Options have imgtool's names. Without --device nothing is assumed of the chip: --header-size and --slot-size are required, and \
the payload may be anything. With --device the application is checked as by `ironroot image sign`. The payload is read in \
pieces, so memory does not grow with it; the image is verified before it gets its name.

Examples:
  ironroot image create -k key.pem -v 1.0.0 -H 0x400 --pad-header -S 0x60000 app.bin -o app-signed.bin
  ironroot image create --unsigned -v 1.0.0 -H 0x20 --pad-header -S 1M data.bin -o data.img
  ironroot image create -k key.pem -E device.pem -v 1.2.3 -s auto -H 0x400 -S 0x60000 app.hex -o app-encrypted.hex
  ironroot image create -k pkcs11:object=release -v 2.0.0 --device stm32h735 --confirm app.elf -o slot.bin")]
pub struct Create {
    #[command(flatten)]
    options: Options,
    /// Device that the image is for: gives header, slot and identifiers
    #[arg(long, value_enum)]
    device: Option<Device>,
    /// Make an image without a signature: no device starts it
    #[arg(long)]
    unsigned: bool,
}

/// Make a signed MCUboot image of an application for a device
#[derive(Args, Debug)]
#[command(after_help = "\
The application is checked before it is signed: it must be linked for the slot, begin with its vector table, and fit \
with signature and trailer. The image is verified before it is written. Options have imgtool's names.

Examples:
  ironroot image sign -k key.pem -v 1.0.0 app.elf -o app.bin
  ironroot image sign -k key.pem -v 1.2.3+4 -s auto app.hex -o app-signed.hex
  ironroot image sign -k key.pem -v 1.0.0 -E device.pem --pad app.bin -o slot.bin")]
pub struct Sign {
    #[command(flatten)]
    options: Options,
    /// Device that the image is for; its identifiers go into the image
    #[arg(long, value_enum, default_value = "stm32h735")]
    device: Device,
}

/// Runs `image create`.
pub fn create(args: &Create, report: &mut Reporter<'_>) -> Result {
    run("image create", &args.options, args.device, args.unsigned, report)
}

/// The options as a command line of their own, for whoever has them as words.
#[derive(clap::Parser)]
#[command(no_binary_name = true)]
struct Words {
    #[command(flatten)]
    create: Create,
}

/// Runs `image create` with the options in `words`, which come from a file: what cannot be parsed is the file's fault.
pub fn create_by_words(words: &[OsString], report: &mut Reporter<'_>) -> Result {
    use clap::Parser as _;
    let words = Words::try_parse_from(words).map_err(|error| {
        let text = error.render().to_string();
        let cause = text.trim_start_matches("error: ").lines().next().unwrap_or_default().to_owned();
        Failure::new(project::ST_VALUE_INVALID, cause)
    })?;
    create(&words.create, report)
}

/// Runs `image sign`.
pub fn sign(args: &Sign, report: &mut Reporter<'_>) -> Result {
    run("image sign", &args.options, Some(args.device), false, report)
}

fn run(
    command: &str,
    options: &Options,
    device: Option<Device>,
    unsigned: bool,
    report: &mut Reporter<'_>,
) -> Result {
    let plan = Plan::new(options, device, unsigned)?;
    warn_address(&plan.output, options.hex_addr, report);
    let secrets = options.keys.secrets();
    let signer = options.key.as_ref().map(|key| ironroot_keys::load_signer(key, &secrets)).transpose()?;
    if let Some(loaded) = &signer {
        keyarg::warn(report, &loaded.warnings);
    }
    let recipient = recipient(&options.encryption, options.deterministic, &secrets, report)?;
    report.task_begin("sign", "checking and signing the application");
    let source = Source::open(options, &plan).about(options.infile.display())?;
    let public = signer.as_ref().map(|loaded| loaded.key.public_key());
    let hash = hash(&options.signature, public.as_ref())?;
    let layout = plan
        .builder(&source, hash, options.signature.pure, recipient.as_ref())
        .plan(source.payload.len(), public.as_ref(), &mut Software)
        .map_err(|error| match error {
            BuildError::Dialect => plan.not_in_dialect(hash, public.as_ref()),
            other => super::not_built(other),
        })?;
    let sealed = recipient.as_ref().map(|r| r.sealing.sealed_len(r.bits) as u16);
    let trailer = plan.trailer(options, sealed)?;
    let target = Target {
        output: &plan.output,
        address: plan.address.or(source.payload.address.map(|a| a.wrapping_sub(plan.header_size.into()))),
        slot: Some((plan.slot_size, &trailer, plan.padding)),
        erased: plan.erased,
        limits: Limits { max_size: plan.max_image(&trailer), dialect: options.dialect.dialect() },
        policy: plan.policy(recipient.is_some()),
    };
    let parts = Parts {
        header: layout.header(),
        hashed_header: layout.hashed_header(),
        payload: &source.payload,
        padding: layout.payload_padding(),
        protected: layout.protected(),
        layout: &layout,
    };
    let key = signer.as_ref().map(|loaded| &loaded.key);
    let made = assemble(&parts, &target, key, recipient.as_ref(), report).about(options.infile.display())?;
    report.task_end("sign", json!({ "image_bytes": made.image_bytes }));
    tell(
        command,
        options,
        &plan,
        &source,
        &layout,
        &made,
        signer.as_ref(),
        recipient.as_ref(),
        &target,
        report,
    );
    Ok(())
}

/// The payload, and what was found in it.
struct Source {
    payload: Pieces,
    format: Format,
    /// The input had room for the header: zeros, which imgtool then keeps as the header's padding.
    brought_header: bool,
    /// Stack pointer and reset vector, if they were looked at.
    vectors: Option<(u32, u32)>,
}

impl Source {
    fn open(options: &Options, plan: &Plan) -> Result<Self> {
        match plan.device {
            Some((device, slot)) => {
                let file = files::read(&options.infile)?;
                let app = application::parse(&options.infile, &file)?;
                let placed = application::place(&app, &device.target(slot), &file)?;
                let mut payload = Pieces::of_bytes(placed.payload, app.format);
                payload.address = slot.vector_table().map(|address| address.value());
                Ok(Source {
                    payload,
                    format: app.format,
                    brought_header: placed.brought_header,
                    vectors: Some((placed.stack, placed.reset)),
                })
            }
            None => Self::of_anything(options, plan),
        }
    }

    /// A payload that nothing is known of: data, or an application for a chip that is not known here.
    fn of_anything(options: &Options, plan: &Plan) -> Result<Self> {
        let header = u64::from(plan.header_size);
        // Larger than the slot it cannot be; the exact limit is checked with the TLVs.
        let most = u64::from(plan.slot_size);
        let mut payload = Pieces::open(&options.infile, Expected::Application, plan.erased, most)?;
        let brought_header = plan.pad_header == Some(false);
        if brought_header {
            let mut room = vec![0; header as usize];
            let there = payload.len() > header && payload.read_at(0, &mut room).is_ok();
            if !there || room.iter().any(|byte| *byte != 0) {
                let cause = format!("its first {header:#x} bytes are not zeros with something behind them");
                return Err(Failure::new(input::NO_HEADER_ROOM, cause));
            }
            payload.skip(header);
        }
        let format = payload.format;
        Ok(Source { payload, format, brought_header, vectors: None })
    }
}

impl Plan {
    fn builder(
        &self,
        source: &Source,
        hash: HashAlgorithm,
        pure: bool,
        recipient: Option<&Recipient>,
    ) -> Builder {
        let format = if self.full_key { KeyFormat::Full } else { KeyFormat::Hash };
        let mut builder = Builder::new(self.version)
            .header_size(self.header_size)
            .header_padding(if source.brought_header { 0 } else { self.erased })
            .key_format(format)
            .hash(hash)
            .pure(pure)
            .dialect(self.dialect);
        if let Some(recipient) = recipient {
            builder = builder.encrypted(recipient.bits);
        }
        if let Some(counter) = self.security_counter {
            builder = builder.security_counter(counter);
        }
        if let Some(sw_type) = &self.boot_record {
            builder = builder.boot_record(sw_type);
        }
        for (image, version) in &self.dependencies {
            builder = builder.dependency(*image, *version);
        }
        if let Some(uuid) = self.vendor_id {
            builder = builder.vendor_id(uuid);
        }
        if let Some(uuid) = self.class_id {
            builder = builder.class_id(uuid);
        }
        for (number, value) in &self.custom_tlvs {
            builder = builder.custom_tlv(*number, value);
        }
        builder = match self.place {
            Place::Anywhere => builder,
            Place::Ram(address) => builder.ram_load(address),
            Place::Rom(address) => builder.rom_fixed(address),
        };
        if self.primary_only {
            builder = builder.primary_only();
        }
        if self.non_bootable { builder.non_bootable() } else { builder }
    }

    /// Why what was asked for does not exist in ST's dialect.
    fn not_in_dialect(&self, hash: HashAlgorithm, key: Option<&PublicKey>) -> Failure {
        let algorithm = key.map(PublicKey::algorithm);
        let cause = match algorithm {
            Some(algorithm) if algorithm != SignatureAlgorithm::EcdsaP256 => format!(
                "ST's loaders verify ECDSA over P-256 with SHA-256 and nothing else; the key is {}",
                algorithm.name()
            ),
            _ if hash != HashAlgorithm::Sha256 => {
                format!("ST's loaders know no hash but SHA-256; this is SHA-{}", hash.digest_len() * 8)
            }
            _ if matches!(self.place, Place::Rom(_)) => "--rom-fixed: ST's loaders have no such flag".into(),
            _ if self.vendor_id.is_some() || self.class_id.is_some() => {
                "vendor and class identifiers (--vid, --cid, --device): ST's loaders know no TLV for them"
                    .into()
            }
            _ => "ST's loaders have nothing like what the options ask for".into(),
        };
        Failure::new(input::OPTION_REFUSED, cause)
            .fix("Leave --dialect out, or make the image as that loader reads it.")
    }

    /// What the device will ask, as far as it is known here.
    fn policy(&self, encrypted: bool) -> Policy {
        let ids = self.device.is_some();
        Policy {
            min_security_counter: self.security_counter,
            vendor_id: self.vendor_id.filter(|_| ids),
            class_id: self.class_id.filter(|_| ids),
            slot_address: self.device.map(|(_, slot)| slot.region.start().value()),
            dependencies: Dependencies::LeaveToDevice,
            encrypted,
            non_bootable: !ids,
            // The devices that are known here run images in their slot.
            ram_load: (matches!(self.place, Place::Ram(_)) && !ids).then_some(super::ANY_RAM),
        }
    }
}

/// The hash that the options and the key ask for.
pub fn hash(options: &SignatureOptions, key: Option<&PublicKey>) -> Result<HashAlgorithm> {
    let algorithm = key.map(PublicKey::algorithm);
    let pure = options.pure;
    if pure && algorithm != Some(SignatureAlgorithm::Ed25519) {
        let name = algorithm.map_or("none", SignatureAlgorithm::name);
        let cause = format!("--pure needs an Ed25519 key; this one is {name}");
        return Err(Failure::new(input::OPTIONS_CONTRADICT, cause));
    }
    let hash = match options.sha {
        Sha::Auto => algorithm.map_or(HashAlgorithm::Sha256, |a| a.default_hash(pure)),
        Sha::Sha256 => HashAlgorithm::Sha256,
        Sha::Sha384 => HashAlgorithm::Sha384,
        Sha::Sha512 => HashAlgorithm::Sha512,
    };
    match algorithm {
        Some(algorithm) if !algorithm.accepts(hash, pure) => {
            let bits = hash.digest_len() * 8;
            let cause = format!("--sha {bits} and a key of {}: images do not combine them", algorithm.name());
            Err(Failure::new(input::OPTIONS_CONTRADICT, cause))
        }
        _ => Ok(hash),
    }
}

/// For whom the options encrypt.
pub fn recipient(
    options: &EncryptionOptions,
    deterministic: bool,
    secrets: &Secrets,
    report: &mut Reporter<'_>,
) -> Result<Option<Recipient>> {
    let Some(argument) = &options.encrypt else { return Ok(None) };
    let loaded = ironroot_keys::load_encryption(argument, secrets)?;
    keyarg::warn(report, &loaded.warnings);
    let key = loaded.key;
    let bits = match (options.encrypt_keylen, &key) {
        (Some(KeyLength::Aes128), _) => KeyBits::Aes128,
        (Some(KeyLength::Aes256), _) => KeyBits::Aes256,
        // A wrapped key is as long as the key that wraps it.
        (None, EncryptionKey::KeyWrap(wrap)) => wrap.bits(),
        (None, _) => KeyBits::Aes128,
    };
    if let EncryptionKey::KeyWrap(wrap) = &key
        && wrap.bits() != bits
    {
        let cause = "--encrypt-keylen: an AES key wraps keys of its own length only";
        return Err(Failure::new(input::OPTIONS_CONTRADICT, cause));
    }
    let sealing = match (options.hmac_sha, key.sealing()) {
        (Sha2::Sha512, Sealing::EciesX25519) => Sealing::EciesX25519Sha512,
        (Sha2::Sha512, _) => {
            let cause = "--hmac-sha 512 needs an X25519 key in --encrypt: the format has it with no other";
            return Err(Failure::new(input::OPTIONS_CONTRADICT, cause));
        }
        (_, sealing) => sealing,
    };
    Ok(Some(Recipient { key, sealing, bits, clear: options.clear, deterministic }))
}

/// The outcome, for a person and for a program.
#[allow(clippy::too_many_arguments, reason = "it tells of all of them")]
fn tell(
    command: &str,
    options: &Options,
    plan: &Plan,
    source: &Source,
    layout: &Layout,
    made: &Made,
    signer: Option<&Loaded<KeySigner>>,
    recipient: Option<&Recipient>,
    target: &Target<'_>,
    report: &mut Reporter<'_>,
) {
    let payload = source.payload.len() + layout.payload_padding() as u64;
    let key_hash = signer.map(|loaded| loaded.key.public_key().key_hash(&mut Software));
    let demo = signer.is_some_and(|loaded| loaded.demo);
    let device = plan.device.map(|(device, _)| device.name());
    let start = target.address.filter(|_| plan.device.is_some() || plan.is_hex());
    let data = json!({
        "input": options.infile.display().to_string(),
        "format": source.format.name(),
        "output": plan.output.display().to_string(),
        "device": device,
        "version": plan.version.to_string(),
        "security_counter": plan.security_counter,
        "payload_bytes": payload,
        "image_bytes": made.image_bytes,
        "slot_address": start,
        "slot_bytes": plan.slot_size,
        "vector_table": start.map(|start| start.saturating_add(plan.header_size.into())),
        "stack_pointer": source.vectors.map(|(stack, _)| stack),
        "reset_vector": source.vectors.map(|(_, reset)| reset),
        "sha256": hex::encode(made.digest.as_bytes()),
        "algorithm": signer.map(|loaded| loaded.kind.name()),
        "key_hash": key_hash.map(|hash| hex::encode(&hash)),
        "demo_key": demo,
        "encrypted": recipient.is_some(),
        "padded": plan.padding != Padding::None,
    });
    let place = start.map(|start| format!(" in the slot at {start:#010x}")).unwrap_or_default();
    let mut text = format!(
        "{BOLD}{}{BOLD:#}  version {}{}, {} bytes of {}{place}",
        printable(&plan.output.display().to_string()),
        plan.version,
        device.map(|name| format!(" for {name}")).unwrap_or_default(),
        made.image_bytes,
        target.limits.max_size,
    );
    if let (Some((stack, reset)), Some(start)) = (source.vectors, start) {
        let table = start.saturating_add(plan.header_size.into());
        text.push_str(&format!("\n  vectors   {table:#010x}, stack {stack:#010x}, reset {reset:#010x}"));
    }
    text.push_str(&format!("\n  hash      {}", hex::encode(made.digest.as_bytes())));
    match key_hash {
        Some(hash) => text.push_str(&format!(
            "\n  key hash  {}{}",
            hex::encode(&hash),
            match plan.device {
                _ if !demo => "",
                Some(_) => " (demo key: real chips refuse it)",
                None => super::DEMO_KEY,
            }
        )),
        None => text.push_str("\n  unsigned: no device starts it"),
    }
    if let Some(recipient) = recipient {
        let form = if recipient.clear { "plain, to be encrypted on the device" } else { "encrypted" };
        text.push_str(&format!("\n  payload   {form}"));
    }
    report.result(command, data, text);
}
