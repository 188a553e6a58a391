//! The fuzz targets without a fuzzer: every seed, every file of the committed corpus, and damage to them that is the same
//! on every run. `cargo xtask fuzz` looks further; what it finds is kept in the corpus and comes by here.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use ironroot_fuzz::{Mutator, TARGETS, Target};

/// Damaged samples tried for each target, and the time after which a slow target has had enough of them. Of a target that
/// the time cuts short still at least [`LEAST`] are tried.
const MUTATIONS: u32 = 20_000;
const ENOUGH: Duration = Duration::from_millis(1500);
const LEAST: u32 = 200;

/// Every committed file, in a fixed order.
fn corpus(target: &Target) -> Vec<(String, Vec<u8>)> {
    let directory = ironroot_tests::root().join("fuzz/corpus").join(target.name);
    let entries = fs::read_dir(&directory).unwrap_or_else(|e| panic!("{}: {e}", directory.display()));
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("a readable directory").path())
        .map(|path| (path.display().to_string(), fs::read(&path).expect("a readable file")))
        .collect();
    files.sort();
    files
}

/// Runs the target. What failed is kept below `target/`, to be looked at and then to be put into the corpus.
fn trial(target: &Target, origin: &str, bytes: &[u8]) {
    if catch_unwind(AssertUnwindSafe(|| (target.run)(bytes))).is_err() {
        let found = ironroot_tests::root().join("target/fuzz/found");
        fs::create_dir_all(&found).expect("target/ is writable");
        let path = found.join(format!("{}-smoke", target.name));
        fs::write(&path, bytes).expect("target/ is writable");
        panic!("{} breaks its promise on {origin}; the input is in {}", target.name, path.display());
    }
}

fn smoke(name: &str) {
    let target = ironroot_fuzz::target(name).expect("a target of this name");
    let files = corpus(target);
    assert!(!files.is_empty(), "{name} has no corpus");
    for (path, bytes) in &files {
        trial(target, path, bytes);
    }
    let seeds = (target.seeds)();
    for (number, bytes) in seeds.iter().enumerate() {
        trial(target, &format!("seed {number}"), bytes);
    }
    let samples: Vec<Vec<u8>> = seeds.into_iter().chain(files.into_iter().map(|(_, bytes)| bytes)).collect();
    let mut mutator = Mutator::new(1, &samples, target.max_len);
    let start = Instant::now();
    let mut tried = 0;
    while tried < LEAST || tried < MUTATIONS && start.elapsed() < ENOUGH {
        trial(target, &format!("mutation {tried} of seed 1"), &mutator.sample());
        tried += 1;
    }
    println!("{name}: {} samples, {tried} mutations", samples.len());
}

/// One test a target, so that they run beside each other and a name says what broke.
macro_rules! targets {
    ($($name:ident)+) => {
        $(
            #[test]
            fn $name() {
                smoke(stringify!($name));
            }
        )+

        #[test]
        fn every_target_has_its_test_and_its_program() {
            let tested = [$(stringify!($name)),+];
            let manifest = fs::read_to_string(ironroot_tests::root().join("fuzz/Cargo.toml")).expect("a manifest");
            for target in TARGETS {
                assert!(tested.contains(&target.name), "{} has no smoke test", target.name);
                let program = format!("path = \"fuzz_targets/{}.rs\"", target.name);
                assert!(manifest.contains(&program), "{} has no program for libFuzzer", target.name);
            }
            assert_eq!(tested.len(), TARGETS.len());
        }
    };
}

targets! {
    image image_encrypted update decide key_store hand_off uart_device uart_host application options project_files text key_file
    key_uri board gdb_framer gdb_remote bitbang symbols sfi_package sfi_licence sfi_certificate licence_request
}
