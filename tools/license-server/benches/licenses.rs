//! How many durable licences a second, and how long a station waits: 32 clients over mutual TLS, keys in software, on SQLite
//! with one server and on PostgreSQL with two. `cargo bench -p ironroot-license-server`.
//!
//! A commit is as durable as the disk says; what a flush costs here is measured in the same run and printed beside it.

#[path = "../tests/common/mod.rs"]
mod common;

use std::fs::File;
use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::postgres::Postgres;
use common::*;
use ironroot_sfi::Certificate;

const CLIENTS: usize = 32;
const LICENCES: usize = 6000;

fn run(name: &str, owner: &Owner, servers: &[Server], devices: &[Certificate]) {
    let station = owner.station(SITE, 1);
    let next = AtomicUsize::new(0);
    let times = Mutex::new(Vec::with_capacity(devices.len()));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| owner.client(&servers[number % servers.len()], &station, Duration::from_secs(30)))
        .collect();
    // Connections stand before the clock starts, as on a line that runs all day.
    thread::scope(|scope| {
        for (client, certificate) in clients.iter().zip(devices) {
            scope.spawn(move || client.licence(certificate, FIRMWARE, PACKAGE).expect("given"));
        }
    });
    let began = Instant::now();
    thread::scope(|scope| {
        for client in &clients {
            scope.spawn(|| {
                let mut own = Vec::new();
                while let Some(certificate) = devices.get(CLIENTS + next.fetch_add(1, Ordering::Relaxed)) {
                    let began = Instant::now();
                    assert!(!client.licence(certificate, FIRMWARE, PACKAGE).expect("given").again);
                    own.push(began.elapsed());
                }
                times.lock().expect("held").extend(own);
            });
        }
    });
    let took = began.elapsed();
    let mut times = times.into_inner().expect("not held");
    times.sort();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1000.0;
    println!(
        "{name:<28} {:>7.0} licences/s   p50 {:>6.1} ms   p99 {:>6.1} ms   max {:>6.1} ms",
        times.len() as f64 / took.as_secs_f64(),
        at(0.5),
        at(0.99),
        at(1.0)
    );
}

/// What the disk needs for a flush of a few kilobytes.
fn flush(owner: &Owner) -> f64 {
    let mut file = File::create(owner.path("flush")).expect("made");
    let began = Instant::now();
    for _ in 0..100 {
        file.write_all(&[0; 4096]).expect("written");
        file.sync_data().expect("flushed");
    }
    began.elapsed().as_secs_f64() * 10.0
}

fn main() {
    let devices: Vec<_> = (1..=(LICENCES + CLIENTS) as u64).map(certificate).collect();
    let granted = devices.len() as i64;
    let owner = Owner::new(None);
    owner.register(granted);
    println!("a flush of this disk: {:.2} ms; {LICENCES} licences, {CLIENTS} clients", flush(&owner));
    run("SQLite, one server", &owner, &[owner.start()], &devices);
    if let Some(database) = Postgres::start() {
        let owner = Owner::new(Some(database.location()));
        owner.register(granted);
        run("PostgreSQL, two servers", &owner, &[owner.start(), owner.start()], &devices);
    }
}
