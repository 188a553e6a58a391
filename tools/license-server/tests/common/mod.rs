//! A server with its certificates, its store and its owner; devices from fixed seeds.
#![allow(dead_code, reason = "each test program uses its part")]

pub mod postgres;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ironroot_crypto::{P256PublicKey, Software};
use ironroot_license_server::admin::{self, NewFirmware};
use ironroot_license_server::client::{Client, Identity};
use ironroot_license_server::pki::{self, Pair};
use ironroot_license_server::store::{AnyStore, Location, Open};
use ironroot_license_server::vault::Vault;
use ironroot_sfi::build::raw_signature;
use ironroot_sfi::{Certificate, DeviceKey, PackageId, Product};
use p256::ecdsa::signature::hazmat::PrehashSigner;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::{EncodePublicKey, LineEnding};

pub const FIRMWARE: &str = "pump-1.2";
pub const SITE: &str = "site-a";
pub const KEY: [u8; 16] = *b"firmware key 128";
pub const PACKAGE: PackageId = PackageId(*b"package-id-16byt");
const PASSPHRASE: &[u8] = b"correct horse";

/// A key pair from a number.
pub fn key_pair(seed: u64) -> (SigningKey, P256PublicKey) {
    let mut scalar = [1; 32];
    scalar[24..].copy_from_slice(&seed.to_be_bytes());
    let key = SigningKey::from_slice(&scalar).expect("in range");
    let point = key.verifying_key().to_sec1_point(false);
    let public = P256PublicKey::from_sec1(point.as_bytes()).expect("a point");
    (key, public)
}

/// The maker's key: no device's.
pub fn maker() -> SigningKey {
    key_pair(u64::MAX).0
}

/// A genuine device.
pub fn certificate(seed: u64) -> Certificate {
    signed_by(&maker(), Product::STM32H735, seed)
}

pub fn signed_by(maker: &SigningKey, product: Product, seed: u64) -> Certificate {
    let public = key_pair(seed).1;
    let digest = Certificate::digest(product, &public, &mut Software);
    let signature: Signature = maker.sign_prehash(&digest).expect("signs");
    let raw = raw_signature(signature.to_der().as_bytes()).expect("a signature");
    Certificate::new(product, public, raw)
}

/// The private half of a device.
pub fn device(seed: u64) -> DeviceKey {
    let scalar: [u8; 32] = key_pair(seed).0.to_bytes().into();
    DeviceKey::new(Product::STM32H735, key_pair(seed).1, &scalar).expect("in range")
}

/// The files of an owner, and where the store is.
pub struct Owner {
    pub dir: tempfile::TempDir,
    pub authority: Pair,
    pub location: Location,
    vault: String,
}

impl Owner {
    pub fn new(location: Option<Location>) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let authority = pki::authority("test").expect("an authority");
        let server =
            pki::server(&authority, &["localhost".into(), "127.0.0.1".into()], 1).expect("a certificate");
        let vault = Vault::create(PASSPHRASE).expect("a vault");
        let public = p256::PublicKey::from(maker().verifying_key());
        let pem = public.to_public_key_pem(LineEnding::LF).expect("a key");
        for (name, content) in [
            ("authority.pem", authority.certificate.as_str()),
            ("server.pem", &server.certificate),
            ("server.key", &server.key),
            ("vault.json", &vault),
            ("maker.pem", &pem),
        ] {
            std::fs::write(dir.path().join(name), content).expect("written");
        }
        std::fs::write(dir.path().join("pass"), PASSPHRASE).expect("written");
        let location = location.unwrap_or_else(|| Location::Sqlite(dir.path().join("store.sqlite")));
        Self { dir, authority, location, vault }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn vault(&self) -> Vault {
        Vault::open(&self.vault, PASSPHRASE).expect("opens")
    }

    /// Does something with the store.
    pub fn with_store<T>(&self, act: impl AsyncFnOnce(&mut AnyStore) -> T) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let mut store = AnyStore::open(&self.location, Open::OrMake).await.expect("the store opens");
            act(&mut store).await
        })
    }

    /// Registers the firmware with a quota for the site.
    pub fn register(&self, granted: i64) {
        let vault = self.vault();
        self.with_store(async |store| {
            let new = NewFirmware {
                name: FIRMWARE,
                package: PACKAGE,
                product: "48302001",
                least_version: 5,
                least_services: 1,
                key: &KEY,
            };
            admin::add_firmware(store, &vault, &new).await.expect("registered");
            admin::create_quota(store, FIRMWARE, SITE, granted, None).await.expect("created");
        });
    }

    pub fn station(&self, site: &str, days: i64) -> Pair {
        pki::station(&self.authority, site, "line-1", days).expect("a certificate")
    }

    pub fn client(&self, server: &Server, station: &Pair, patience: Duration) -> Client {
        client(&server.url, station, &self.authority.certificate, patience)
    }

    /// The exported audit log.
    pub fn log(&self) -> Vec<u8> {
        let mut log = Vec::new();
        self.with_store(async |store| admin::export(store, &mut log).await.expect("exported"));
        log
    }

    pub fn start(&self) -> Server {
        self.start_at("127.0.0.1:0")
    }

    /// Starts the server, and waits until stations can connect.
    pub fn start_at(&self, address: &str) -> Server {
        self.try_start(address).expect("the server starts")
    }

    /// Starts a server whose log can be read from its standard error.
    pub fn start_logging(&self) -> Server {
        self.spawn("127.0.0.1:0", "trace", Stdio::piped()).expect("the server starts")
    }

    pub fn try_start(&self, address: &str) -> Option<Server> {
        self.spawn(address, "error", Stdio::null())
    }

    fn spawn(&self, address: &str, level: &str, log: Stdio) -> Option<Server> {
        let store = match &self.location {
            Location::Sqlite(path) => path.display().to_string(),
            Location::Postgres(url) => url.clone(),
            Location::Unusable(why) => panic!("{why}"),
        };
        let file = |name| self.path(name).into_os_string();
        let mut child = Command::new(env!("CARGO_BIN_EXE_license-server"))
            .args(["--listen", address, "--status", "127.0.0.1:0", "--store", &store])
            .arg("--tls-certificate")
            .arg(file("server.pem"))
            .arg("--tls-key")
            .arg(file("server.key"))
            .arg("--station-authority")
            .arg(file("authority.pem"))
            .arg("--maker")
            .arg(file("maker.pem"))
            .arg("--vault")
            .arg(file("vault.json"))
            .arg("--passphrase-file")
            .arg(file("pass"))
            .env("RUST_LOG", level)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the server starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut line).expect("readable");
        let Ok(listening) = serde_json::from_str::<serde_json::Value>(&line) else {
            let _ = child.kill();
            let _ = child.wait();
            return None;
        };
        let address = |name: &str| listening[name].as_str().expect("an address").to_owned();
        Some(Server { child, url: format!("https://{}", address("stations")), status: address("status") })
    }
}

pub fn client(url: &str, station: &Pair, authority: &str, patience: Duration) -> Client {
    let identity = Identity {
        certificate: station.certificate.as_bytes(),
        key: station.key.as_bytes(),
        server_authority: authority.as_bytes(),
    };
    Client::new(url, &identity, Duration::from_secs(5), patience).expect("a client")
}

/// A running server; killed when dropped.
pub struct Server {
    pub child: Child,
    pub url: String,
    pub status: String,
}

impl Server {
    /// `host:port` for stations.
    pub fn address(&self) -> &str {
        self.url.trim_start_matches("https://")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether a program is there.
pub fn present(path: &Path) -> bool {
    path.is_file()
}
