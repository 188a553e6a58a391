//! Server and database are killed at random moments while many stations ask: nothing is lost, and nothing is one too many.

mod common;

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::postgres::Postgres;
use common::*;
use data_encoding::HEXLOWER;
use ironroot_codes::licence as codes;
use ironroot_crypto::{Crypto, Software};
use ironroot_license_server::audit::{self, Entry, Event};
use ironroot_license_server::model::DeviceId;
use ironroot_sfi::Certificate;

const CLIENTS: usize = 64;
const DEVICES: u64 = 1500;
const QUOTA: i64 = 1000;
const KILLS: u32 = 50;
const PATIENCE: Duration = Duration::from_secs(60);

/// A small generator: which device asks next, and when the next process dies.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// What stations got: the hash of the licence by device.
type Received = Mutex<HashMap<String, String>>;

fn stations(
    owner: &Owner,
    urls: &[String],
    devices: &[Certificate],
    received: &Received,
    stop: &AtomicBool,
    asked: &AtomicU64,
) {
    let station = owner.station(SITE, 1);
    thread::scope(|scope| {
        for number in 0..CLIENTS {
            let client = client(&urls[number % urls.len()], &station, &owner.authority.certificate, PATIENCE);
            scope.spawn(move || {
                let mut random = Random(number as u64);
                while !stop.load(Ordering::Relaxed) {
                    let certificate = &devices[random.below(devices.len() as u64) as usize];
                    let outcome = client.licence(certificate, FIRMWARE, PACKAGE);
                    asked.fetch_add(1, Ordering::Relaxed);
                    match outcome {
                        Ok(given) => {
                            let hash = HEXLOWER.encode(&Software.sha256_of(given.licence.bytes()));
                            let device = DeviceId::of(certificate.key()).0;
                            let before = received.lock().expect("held").insert(device, hash.clone());
                            assert!(before.is_none_or(|before| before == hash), "a device got two licences");
                        }
                        Err(error) => assert_eq!(error.code, codes::QUOTA_EXHAUSTED, "{error}"),
                    }
                }
            });
        }
    });
}

/// Kills while stations ask; then everything is counted.
fn campaign(owner: &Owner, urls: &[String], kill: impl FnMut(&mut Random) + Send) {
    let devices: Vec<_> = (1..=DEVICES).map(certificate).collect();
    let received = Received::default();
    let (stop, asked) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut kill = kill;
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut random = Random(0xC4A5);
            for _ in 0..KILLS {
                // In the middle of work: some answers after the last kill, and then at any moment.
                let (begin, wanted) = (asked.load(Ordering::Relaxed), 1 + random.below(60));
                let end = Instant::now() + Duration::from_secs(2);
                while asked.load(Ordering::Relaxed) < begin + wanted && Instant::now() < end {
                    thread::sleep(Duration::from_millis(1));
                }
                thread::sleep(Duration::from_micros(random.below(20_000)));
                kill(&mut random);
            }
            stop.store(true, Ordering::Relaxed);
        });
        stations(owner, urls, &devices, &received, &stop, &asked);
    });
    let log = owner.log();
    let summary = audit::verify(log.as_slice()).expect("the log is intact and within the quota");
    let received = received.into_inner().expect("not held");
    let mut logged = HashMap::new();
    for line in log.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let entry: Entry = serde_json::from_slice(line).expect("an entry");
        if let Event::Issued { device, licence_sha256, .. } =
            serde_json::from_str(&entry.event).expect("an event")
        {
            logged.insert(device, licence_sha256);
        }
    }
    for (device, hash) in &received {
        assert_eq!(logged.get(device), Some(hash), "a licence that was received is not in the log");
    }
    let issued = i64::try_from(summary.issued).expect("a number");
    assert!(issued <= QUOTA, "{issued} licences");
    assert!(issued > QUOTA / 10, "only {issued} licences: the test did not do its work");
    eprintln!(
        "{KILLS} kills, {CLIENTS} clients, {} requests: {issued} issued of {QUOTA}, {} received, {} again, {} refused",
        asked.load(Ordering::Relaxed),
        received.len(),
        summary.reissued,
        summary.refused,
    );
}

#[test]
fn sqlite_survives_kills_of_the_server() {
    let owner = Owner::new(None);
    owner.register(QUOTA);
    let mut server = owner.start();
    let urls = [server.url.clone()];
    let address = server.address().to_owned();
    campaign(&owner, &urls, |_| {
        server.child.kill().expect("killed");
        server.child.wait().expect("gone");
        server = owner.start_at(&address);
    });
}

#[test]
fn postgresql_survives_kills_of_servers_and_database() {
    let Some(mut database) = Postgres::start() else { return };
    let owner = Owner::new(Some(database.location()));
    owner.register(QUOTA);
    let mut servers = [owner.start(), owner.start()];
    let urls = [servers[0].url.clone(), servers[1].url.clone()];
    let addresses = [servers[0].address().to_owned(), servers[1].address().to_owned()];
    campaign(&owner, &urls, |random| {
        match random.below(5) {
            0 => {
                database.kill();
                database.run();
            }
            which => {
                let which = which as usize % 2;
                servers[which].child.kill().expect("killed");
                servers[which].child.wait().expect("gone");
                // The database may need a moment to notice; a server that cannot reach it does not start.
                loop {
                    if let Some(server) = owner.try_start(&addresses[which]) {
                        servers[which] = server;
                        break;
                    }
                }
            }
        }
    });
}
