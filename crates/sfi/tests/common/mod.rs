//! An owner, a maker and devices, all from fixed seeds.
#![allow(dead_code, reason = "each test program uses its part")]

use ironroot_crypto::{P256PublicKey, Software};
use ironroot_sfi::build::{Area, MemoryTarget, Plan, package, raw_signature};
use ironroot_sfi::package::AreaKind;
use ironroot_sfi::{
    Certificate, DeviceKey, FirmwareKey, Installer, Licence, LicenceKind, Nonce, OptionRegister, OptionValue,
    PackageId, Product, Terms,
};
use p256::ecdsa::signature::hazmat::PrehashSigner;
use p256::ecdsa::{Signature, SigningKey};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

pub const FLASH: u32 = 0x0800_0000;
pub const TOKEN: u32 = 0x0800_7FA0;
pub const PRODUCT: Product = Product::STM32H735;
pub const KEY: [u8; 16] = *b"firmware key 128";
pub const NONCE: Nonce = Nonce(*b"nonce 96 bit");

pub fn key_pair(seed: u8) -> (SigningKey, P256PublicKey) {
    let key = SigningKey::from_slice(&[seed; 32]).expect("in range");
    let public =
        P256PublicKey::from_sec1(key.verifying_key().to_sec1_point(false).as_bytes()).expect("a point");
    (key, public)
}

pub fn device(seed: u8) -> DeviceKey {
    DeviceKey::new(PRODUCT, key_pair(seed).1, &[seed; 32]).expect("in range")
}

pub fn certificate(seed: u8, maker: u8) -> Certificate {
    let public = key_pair(seed).1;
    let digest = Certificate::digest(PRODUCT, &public, &mut Software);
    let signature: Signature = key_pair(maker).0.sign_prehash(&digest).expect("signs");
    let raw = raw_signature(signature.to_der().as_bytes()).expect("a signature");
    Certificate::new(PRODUCT, public, raw)
}

pub fn target() -> MemoryTarget {
    let mut target = MemoryTarget::new(FLASH..FLASH + 0x8000, 0x9000_0000..0x9001_0000);
    target.services = 3;
    target
}

/// The option bytes that close what begins at the start of flash.
pub fn options() -> Vec<u8> {
    let area = OptionValue { register: OptionRegister::SecureArea, value: 0x0003_0000, mask: 0x8FFF_0FFF };
    area.encode().to_vec()
}

pub fn firmware(len: usize, seed: u8) -> Vec<u8> {
    (0..len).map(|at| (at as u8).wrapping_mul(31).wrapping_add(seed)).collect()
}

/// Two areas of firmware and the option bytes.
pub fn areas() -> Vec<Area> {
    vec![
        (AreaKind::Firmware, FLASH, firmware(96, 1)),
        (AreaKind::Firmware, FLASH + 0x1000, firmware(64, 2)),
        (AreaKind::Configuration, 0, options()),
    ]
}

pub fn seal(areas: &[Area], version: u32, key: [u8; 16], nonce: Nonce) -> (Vec<u8>, PackageId) {
    let plan = Plan::new(PRODUCT, version, 2, TOKEN);
    package(plan, areas, &FirmwareKey::new(key), nonce, &mut Software).expect("a package")
}

pub fn licence(kind: LicenceKind, least_version: u32, device: u8, id: PackageId) -> Licence {
    let public = key_pair(device).1;
    let fingerprint = Terms::fingerprint(&public, &mut Software);
    let terms = Terms { kind, least_version, least_services: 1, fingerprint };
    let mut random = ChaCha20Rng::seed_from_u64(u64::from(device));
    Licence::seal(terms, PRODUCT, &public, id, &FirmwareKey::new(KEY), &mut random).expect("sealed")
}

/// A package of the usual areas, and the licence of device 7 for it.
pub fn usual() -> (Vec<u8>, Licence) {
    let (package, id) = seal(&areas(), 5, KEY, NONCE);
    let licence = licence(LicenceKind::Firmware, 5, 7, id);
    (package, licence)
}

/// Installs in pieces of `piece` bytes and gives the device with what it said.
pub fn install(
    licences: &[&[u8]],
    package: &[u8],
    target: MemoryTarget,
    piece: usize,
) -> (MemoryTarget, Result<(), ironroot_codes::Code>) {
    let device = device(7);
    let (mut table, mut buffer) = (vec![0; 80 * 8], vec![0; 4096]);
    let mut installer = Installer::new(target, Software, &device, &mut table, &mut buffer);
    let mut run = || {
        for licence in licences {
            installer.licence(licence)?;
        }
        let mut offset = 0;
        for bytes in package.chunks(piece) {
            offset = installer.package(offset, bytes)?;
        }
        installer.finish()
    };
    let outcome = run();
    (installer.target().clone(), outcome)
}
