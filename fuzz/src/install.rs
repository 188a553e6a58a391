//! Secure firmware install: packages, licences, certificates and modules on the device; requests and logs of the licence server.

use std::sync::OnceLock;

use ironroot_crypto::{P256PublicKey, SigningKey, Software};
use ironroot_layout::stm32h735::rss::INSTALL_NOTE;
use ironroot_layout::stm32h735::{FLASH, OCTOSPI1};
use ironroot_license_server::ask::Asked;
use ironroot_license_server::audit;
use ironroot_sfi::build::{Area, MemoryTarget, Plan, package, raw_signature, seal_module};
use ironroot_sfi::package::{AreaKind, HEADER_LEN};
use ironroot_sfi::{
    Certificate, DeviceKey, FirmwareKey, Installer, KeyPlace, LICENCE_LEN, Licence, LicenceKind,
    ModuleHeader, Nonce, OptionRegister, OptionValue, PackageId, Phase, Product, Terms,
};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::{knobs, seed};

const KEY: [u8; 16] = *b"firmware key 128";
const NONCE: Nonce = Nonce(*b"nonce 96 bit");
const PRIVATE: [u8; 32] = [7; 32];
const KINDS: [AreaKind; 7] = [
    AreaKind::Firmware,
    AreaKind::Module,
    AreaKind::External,
    AreaKind::Keys,
    AreaKind::Pause,
    AreaKind::Resume,
    AreaKind::Configuration,
];
/// Where a structured package may aim: inside, at the edges and outside.
const PLACES: [u32; 8] = [
    FLASH.start().value(),
    FLASH.start().value() + 0x100,
    FLASH.start().value() + 0x2_0000,
    INSTALL_NOTE.start().value() - 0x40,
    FLASH.end().value() - 0x20,
    OCTOSPI1.start().value(),
    0,
    u32::MAX - 0x1F,
];

fn public() -> P256PublicKey {
    static PUBLIC: OnceLock<P256PublicKey> = OnceLock::new();
    *PUBLIC.get_or_init(|| SigningKey::from_scalar(&PRIVATE).expect("in range").public_key())
}

fn device() -> DeviceKey {
    DeviceKey::new(Product::STM32H735, public(), &PRIVATE).expect("in range")
}

fn licence(kind: LicenceKind, least_version: u32, id: PackageId) -> Licence {
    let fingerprint = Terms::fingerprint(&public(), &mut Software);
    let terms = Terms { kind, least_version, least_services: 0, fingerprint };
    let mut random = ChaCha20Rng::seed_from_u64(1);
    let key = FirmwareKey::new(KEY);
    Licence::seal(terms, Product::STM32H735, &public(), id, &key, &mut random).expect("sealed")
}

fn range(region: ironroot_layout::Region) -> std::ops::Range<u32> {
    region.start().value()..region.end().value()
}

/// The firmware part of a package: areas by five bytes each (kind, place, offset in flash words, length), then their content.
fn areas(bytes: &[u8]) -> Vec<Area> {
    let [count, rest @ ..] = bytes else { return Vec::new() };
    let records = usize::from(count % 6);
    let (table, mut content) = rest.split_at_checked(records * 5).unwrap_or((&[], rest));
    let mut areas: Vec<Area> = Vec::new();
    for record in table.chunks_exact(5) {
        let [kind, place, offset, low, high] = [0, 1, 2, 3, 4].map(|at| record.get(at).copied().unwrap_or(0));
        let kind = KINDS.get(usize::from(kind) % KINDS.len()).copied().unwrap_or(AreaKind::Firmware);
        let base = PLACES.get(usize::from(place) % PLACES.len()).copied().unwrap_or(0);
        let length = usize::from(u16::from_le_bytes([low, high])).min(content.len());
        let (data, rest) = content.split_at_checked(length).unwrap_or((&[], content));
        content = rest;
        areas.push((kind, base.wrapping_add(u32::from(offset) * 32), data.to_vec()));
    }
    areas.push((AreaKind::Configuration, 0, content.to_vec()));
    areas
}

/// Knobs: bit 0 the bytes describe a package that is authentic, else they are one; length of the pieces. What is installed is what
/// the package says, and what is refused leaves nothing.
pub fn packages(data: &[u8]) {
    let ([knob, piece], bytes) = knobs::<2>(data);
    let piece = usize::from(piece) * 8 + 1;
    let made = (knob & 1 != 0).then(|| {
        let areas = areas(bytes);
        let plan = Plan::new(Product::STM32H735, 5, 0, INSTALL_NOTE.start().value());
        package(plan, &areas, &FirmwareKey::new(KEY), NONCE, &mut Software).map(|made| (made, areas))
    });
    let (bytes, id, areas) = match made {
        Some(Ok(((bytes, id), areas))) => (bytes, id, areas),
        // The plan has refused it: an owner's tool says why.
        Some(Err(_)) => return,
        None => {
            use ironroot_crypto::Crypto;
            let header = bytes.get(..HEADER_LEN).unwrap_or(bytes);
            let digest = Software.sha256_of(header);
            let id = digest.first_chunk().copied().unwrap_or([0; 16]);
            // The one package under this key that raw bytes can be.
            let (whole, areas) = whole();
            (bytes.to_vec(), PackageId(id), if bytes == whole { areas.clone() } else { Vec::new() })
        }
    };
    let device = device();
    let (mut table, mut buffer) = (vec![0; 80 * 8], vec![0; 64 * 1024]);
    let target = MemoryTarget::new(range(FLASH), range(OCTOSPI1));
    let mut installer = Installer::new(target, Software, &device, &mut table, &mut buffer);
    installer.licence(licence(LicenceKind::Firmware, 5, id).bytes()).expect("its own licence");
    let modules = areas.iter().filter(|(kind, ..)| *kind == AreaKind::Module).take(4);
    for (_, _, module) in modules {
        if let Ok((header, _)) = ModuleHeader::split(&mut module.clone()) {
            let licence = licence(LicenceKind::Module, 0, header.id(&mut Software));
            installer.licence(licence.bytes()).expect("a licence of a module");
        }
    }
    let mut outcome = Ok(0);
    for (at, bytes) in (0_u32..).step_by(piece).zip(bytes.chunks(piece)) {
        outcome = installer.package(at, bytes);
        if outcome.is_err() {
            break;
        }
    }
    let outcome = outcome.and_then(|_| installer.finish());
    let target = installer.target();
    match outcome {
        Ok(()) => {
            assert_eq!(installer.status().phase, Phase::Done);
            assert!(target.complete == Some(id) && !areas.is_empty(), "only what is authentic is installed");
            for (_, address, data) in areas.iter().filter(|(kind, ..)| *kind == AreaKind::Firmware) {
                let start = (address - FLASH.start().value()) as usize;
                assert_eq!(target.bytes.get(start..start + data.len()), Some(data.as_slice()));
            }
            assert_eq!(target.installed, Some(5));
        }
        Err(code) => {
            assert!(code.entry().is_some(), "{code:?}");
            assert!(target.is_empty() && target.external_bytes.is_empty() && target.complete.is_none());
        }
    }
}

/// A whole package, and what is in it.
fn whole() -> &'static (Vec<u8>, Vec<Area>) {
    static WHOLE: OnceLock<(Vec<u8>, Vec<Area>)> = OnceLock::new();
    WHOLE.get_or_init(|| {
        let option =
            OptionValue { register: OptionRegister::SecureArea, value: 0x81FF_0000, mask: 0x8FFF_0FFF };
        let areas = areas(&describe(&[(0, 0, 0, &[0x5A; 64]), (0, 1, 0, &[0xA5; 32])], &option.encode()));
        let plan = Plan::new(Product::STM32H735, 5, 0, INSTALL_NOTE.start().value());
        let made = package(plan, &areas, &FirmwareKey::new(KEY), NONCE, &mut Software);
        (made.expect("a package").0, areas)
    })
}

/// The bytes that [`areas`] reads.
fn describe(areas: &[(u8, u8, u8, &[u8])], configuration: &[u8]) -> Vec<u8> {
    let mut bytes = vec![areas.len() as u8];
    for (kind, place, offset, data) in areas {
        bytes.extend([*kind, *place, *offset]);
        bytes.extend((data.len() as u16).to_le_bytes());
    }
    areas.iter().for_each(|(.., data)| bytes.extend_from_slice(data));
    bytes.extend_from_slice(configuration);
    bytes
}

pub fn package_seeds() -> Vec<Vec<u8>> {
    let option = |register, value| OptionValue { register, value, mask: 0x8FFF_0FFF }.encode();
    let closed = option(OptionRegister::SecureArea, 0x81FF_0000);
    let couple = KeyPlace { size: 16, address: FLASH.start().value() + 0x1000 }.encode();
    let code: &[u8] = &[3; 64];
    let module = seal_module(FLASH.start().value() + 0x2_0000, 1, NONCE, &FirmwareKey::new(KEY), code);
    let module = module.expect("fits");
    let firmware: &[u8] = &[0x5A; 64];
    let samples: [(&[(u8, u8, u8, &[u8])], &[u8]); 5] = [
        (&[(0, 0, 0, firmware)], &[]),
        (&[(0, 0, 0, firmware), (0, 1, 0, firmware)], &closed),
        (&[(0, 0, 0, firmware), (3, 0, 0, &couple)], &closed),
        (&[(0, 0, 0, firmware), (2, 5, 0, firmware)], &closed),
        (&[(0, 0, 0, firmware), (1, 2, 0, &module)], &option(OptionRegister::Pcrop, 0x0201_0200)),
    ];
    let mut seeds: Vec<_> =
        samples.iter().map(|(areas, options)| seed(&[1, 16], &describe(areas, options))).collect();
    seeds.push(seed(&[0, 255], &whole().0));
    seeds
}

/// Knobs: bit 0 the bytes are the open part of a licence that is sealed for the device, else the whole. What opens was sealed
/// for this device with these terms.
pub fn licences(data: &[u8]) {
    let ([knob], bytes) = knobs::<1>(data);
    let id = PackageId([9; 16]);
    let parsed = if knob & 1 != 0 {
        let least = bytes.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
        let sealed = licence(LicenceKind::Firmware, least, id);
        let mut changed = *sealed.bytes();
        // The rest says what is changed: place and bits.
        for change in bytes.get(4..).unwrap_or_default().chunks_exact(2) {
            let (at, bits) = (usize::from(change[0]) % LICENCE_LEN, change[1]);
            changed[at] ^= bits;
        }
        let opened = Licence::parse(&changed).and_then(|licence| device().open(&licence, &mut Software));
        assert_eq!(
            opened.is_ok(),
            changed == *sealed.bytes(),
            "a changed licence opens, or the genuine does not"
        );
        Licence::parse(&changed)
    } else {
        let parsed = Licence::parse(bytes);
        if let Ok(licence) = &parsed {
            let opened = device().open(licence, &mut Software).is_ok();
            assert_eq!(
                opened,
                *licence == genuine(),
                "a licence that nobody sealed opens, or the genuine does not"
            );
        }
        parsed
    };
    match parsed {
        Ok(licence) => assert_eq!(Licence::parse(licence.bytes()), Ok(licence)),
        Err(code) => assert!(code.entry().is_some()),
    }
}

/// The one licence for the device that a raw input can be.
fn genuine() -> Licence {
    static GENUINE: OnceLock<Licence> = OnceLock::new();
    *GENUINE.get_or_init(|| licence(LicenceKind::Firmware, 1, PackageId([1; 16])))
}

pub fn licence_seeds() -> Vec<Vec<u8>> {
    vec![
        seed(&[0], genuine().bytes()),
        seed(&[1], &5_u32.to_le_bytes()),
        seed(&[1], &[5, 0, 0, 0, 24, 1]),
        seed(&[1], &[5, 0, 0, 0, 130, 128]),
    ]
}

/// Knobs: bit 0 a module, else a device certificate.
pub fn certificates(data: &[u8]) {
    let ([knob], bytes) = knobs::<1>(data);
    if knob & 1 != 0 {
        let mut copy = bytes.to_vec();
        match ModuleHeader::split(&mut copy) {
            Ok((header, code)) => {
                assert_eq!(code.len(), header.size as usize);
                assert_eq!(bytes.get(..48), Some(&header.encode()[..]), "one form");
            }
            Err(code) => assert!(code.entry().is_some()),
        }
        return;
    }
    match Certificate::parse(bytes) {
        Ok(certificate) => {
            assert_eq!(certificate.encode(), bytes, "one form");
            let genuine = certificate == self::certificate();
            assert_eq!(certificate.verify(&public(), &mut Software).is_ok(), genuine);
        }
        Err(code) => assert!(code.entry().is_some()),
    }
}

/// A certificate that the device's own key has signed.
fn certificate() -> Certificate {
    static CERTIFICATE: OnceLock<Certificate> = OnceLock::new();
    *CERTIFICATE.get_or_init(|| {
        let maker = SigningKey::from_scalar(&PRIVATE).expect("in range");
        let digest = Certificate::digest(Product::STM32H735, &public(), &mut Software);
        let signature = maker.sign_digest(&digest).expect("signs");
        Certificate::new(Product::STM32H735, public(), raw_signature(&signature).expect("a signature"))
    })
}

pub fn certificate_seeds() -> Vec<Vec<u8>> {
    let module = seal_module(0x0802_0000, 1, NONCE, &FirmwareKey::new(KEY), &[1; 32]).expect("fits");
    vec![seed(&[0], &certificate().encode()), seed(&[1], &module)]
}

/// Knobs: bit 0 an audit log, else a request of a station.
pub fn requests(data: &[u8]) {
    let ([knob], bytes) = knobs::<1>(data);
    if knob & 1 != 0 {
        if let Err(error) = audit::verify(bytes) {
            assert!(error.code.entry().is_some());
        }
        return;
    }
    match Asked::parse(bytes) {
        Ok(asked) => {
            let again = serde_json::json!({
                "certificate": data_encoding::BASE64.encode(&asked.certificate.encode()),
                "firmware": asked.firmware,
                "package": asked.package.to_string(),
                "request": asked.request,
            });
            let again = Asked::parse(again.to_string().as_bytes()).expect("a request");
            assert!(again.certificate == asked.certificate && again.firmware == asked.firmware);
            assert!(again.package == asked.package && again.request == asked.request);
        }
        Err(error) => {
            assert!(error.code.entry().is_some());
            // A log is no place for what somebody sent.
            assert!(!error.cause.contains("SECRET"), "{}", error.cause);
        }
    }
}

pub fn request_seeds() -> Vec<Vec<u8>> {
    let request = serde_json::json!({
        "certificate": data_encoding::BASE64.encode(&certificate().encode()),
        "firmware": "pump-1.2",
        "package": "000102030405060708090a0b0c0d0e0f",
        "request": "6f9619ff-8b86-4d01-b42d-00cf4fc964ff",
    });
    let secret = br#"{"certificate": {"SECRET": 1}, "firmware": "SECRET", "request": "SECRET"}"#;
    let entry = br#"{"seq":1,"event":"{}","hash":"0000000000000000000000000000000000000000000000000000000000000000"}"#;
    vec![seed(&[0], request.to_string().as_bytes()), seed(&[0], secret), seed(&[1], entry)]
}
