//! imgtool and Ironroot over one matrix: every combination of algorithm, hash, key format, encryption and key length, with
//! every pair of values of all other options.
//!
//! 1. What imgtool makes we verify, decrypt and describe, and say the same as `imgtool dumpinfo`.
//! 2. What we make imgtool verifies and describes; where it cannot (it verifies no encrypted image), the payload is
//!    decrypted by the Python `cryptography` library and the plain image is given to imgtool.
//! 3. Equal inputs give equal bytes: all of them but ECDSA and RSA signatures and sealed image keys, which are random.
//!
//! imgtool runs in one process for hundreds of images ([`worker`]).

mod cli;
mod compare;
mod recipe;
mod worker;

use std::path::Path;

use cli::Cli;
use recipe::{Cipher, End, Header, Recipe, Sealed, Signing, Update};
use worker::Worker;

/// The keys of the matrix, and imgtool's names of their kinds.
const KEYS: [(&str, &str); 8] = [
    ("p256", "ecdsa-p256"),
    ("p384", "ecdsa-p384"),
    ("ed25519", "ed25519"),
    ("rsa2048", "rsa-2048"),
    ("rsa3072", "rsa-3072"),
    ("device-p256", "ecdsa-p256"),
    ("device-x25519", "x25519"),
    ("device-rsa2048", "rsa-2048"),
];

/// What we refuse and imgtool takes without a word: a mark that an update is tried or confirmed, in a trailer of a loader
/// that overwrites and has no such mark.
fn is_refused_by_us(recipe: &Recipe) -> bool {
    recipe.update == Update::Overwrite && matches!(recipe.end, End::Test | End::Confirm)
}

/// How many of what was done, for the one line that says so.
#[derive(Default)]
struct Count {
    images: u32,
    encrypted: u32,
    equal: u32,
    refused: u32,
}

#[test]
fn imgtool_and_ironroot_agree_over_the_matrix() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    {
        let mut worker = Worker::start(path);
        KEYS.iter().for_each(|(name, kind)| worker.keys(name, kind));
    }
    let matrix = recipe::matrix();
    assert!(matrix.recipes.len() > 250, "a matrix of {} images", matrix.recipes.len());
    // The two halves beside each other: each has its own imgtool.
    let counts: Vec<Count> = std::thread::scope(|scope| {
        let half = |start: usize| {
            let recipes = &matrix.recipes;
            scope.spawn(move || {
                let mut bench = Bench { path, worker: Worker::start(path), cli: Cli::new(path) };
                let mut count = Count::default();
                for (number, recipe) in recipes.iter().enumerate().filter(|(number, _)| number % 2 == start) {
                    bench.check(number, recipe, &mut count);
                }
                count
            })
        };
        let halves = [half(0), half(1)];
        halves.into_iter().map(|thread| thread.join().expect("see above")).collect()
    });
    let sum = |of: fn(&Count) -> u32| counts.iter().map(of).sum::<u32>();
    println!(
        "{} images in both directions: {} combinations of cryptography, {} pairs of options; {} encrypted, {} equal to the \
         last byte, {} refused by us",
        sum(|c| c.images),
        matrix.products,
        matrix.pairs,
        sum(|c| c.encrypted),
        sum(|c| c.equal),
        sum(|c| c.refused),
    );
    assert!(sum(|c| c.equal) > 20 && sum(|c| c.encrypted) > 100);
}

struct Bench<'p> {
    path: &'p Path,
    worker: Worker,
    cli: Cli<'p>,
}

impl Bench<'_> {
    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path.join(name), bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
    }

    /// Both directions of one recipe. Whatever fails says which.
    fn check(&mut self, number: usize, recipe: &Recipe, count: &mut Count) {
        let [input, theirs, ours, plain] =
            ["in", "theirs", "ours", "plain"].map(|name| format!("{name}-{number}.bin"));
        let context = format!("recipe {number}: {}", recipe.arguments().join(" "));
        let payload: Vec<u8> = (0..recipe.payload_len()).map(|i| (i * 31 + number) as u8).collect();
        let room = if recipe.header == Header::Brought { recipe.header_size() as usize } else { 0 };
        self.write(&input, &[&vec![0; room][..], &payload].concat());

        let mut arguments = recipe.arguments();
        if recipe.header == Header::Padded {
            arguments.push("--pad-header".to_owned());
        }
        let mut sign = arguments.clone();
        sign.extend([input.clone(), theirs.clone()]);
        self.worker.sign(&sign).unwrap_or_else(|error| panic!("imgtool: {error}: {context}"));
        // Encrypted payloads are filled up to 16 bytes, header included: all header sizes here are multiples of that.
        let mut padded = payload.clone();
        if recipe.is_encrypted() {
            padded.resize(payload.len().next_multiple_of(16), 0);
            count.encrypted += 1;
        }
        self.accepted_by_us(recipe, &theirs, &padded, &context);
        self.described_alike(recipe, &theirs, &context);

        count.images += 1;
        let create = self.cli.create(recipe, &arguments, &input, &ours);
        if is_refused_by_us(recipe) {
            assert_eq!(create.map_err(|failure| failure.code), Err("IR-1320".to_owned()), "{context}");
            count.refused += 1;
            return;
        }
        create.unwrap_or_else(|failure| panic!("ours: {failure:?}: {context}"));
        self.accepted_by_us(recipe, &ours, &padded, &context);
        self.described_alike(recipe, &ours, &context);
        self.accepted_by_imgtool(recipe, &ours, &plain, &padded, &context);
        let equal = compare::images(recipe, &self.read(&theirs), &self.read(&ours), &context);
        count.equal += u32::from(equal);
        for name in [input, theirs, ours] {
            let _ = std::fs::remove_file(self.path.join(name));
        }
    }

    /// Our verifier takes it, and our decryption gives the payload.
    fn accepted_by_us(&mut self, recipe: &Recipe, image: &str, payload: &[u8], context: &str) {
        let encrypted = recipe.is_encrypted() && recipe.cipher == Cipher::Encrypted;
        let decryption = recipe.recipient().filter(|_| encrypted).map(|name| format!("{name}.pem"));
        match recipe.signing_key() {
            Some(key) => {
                let verified = self.cli.verify(image, &format!("{key}.pub"), decryption.as_deref());
                let result = verified.unwrap_or_else(|failure| panic!("{image}: {failure:?}: {context}"));
                assert_eq!(result["verified"], true, "{context}");
            }
            None => {
                // An unsigned image is not verified, whatever key is offered.
                let refused = self.cli.verify(image, "p256.pub", decryption.as_deref());
                assert_eq!(
                    refused.map_err(|failure| failure.code).err().as_deref(),
                    Some("IR-2204"),
                    "{context}"
                );
            }
        }
        if let Some(key) = decryption {
            let out = format!("{image}.payload");
            let decrypted = self.cli.decrypt(image, &key, &out);
            decrypted.unwrap_or_else(|failure| panic!("{image}: {failure:?}: {context}"));
            assert!(self.read(&out) == payload, "{image}: another payload: {context}");
            let _ = std::fs::remove_file(self.path.join(out));
        }
    }

    /// `image info` and `imgtool dumpinfo` say the same.
    fn described_alike(&mut self, recipe: &Recipe, image: &str, context: &str) {
        let dump = self.worker.dump(image).unwrap_or_else(|error| panic!("{image}: {error}: {context}"));
        let info = self.cli.info(recipe, image).unwrap_or_else(|failure| panic!("{failure:?}: {context}"));
        compare::descriptions(recipe, &dump, &info, context);
    }

    /// imgtool verifies it; an encrypted one after the payload was decrypted by somebody else.
    fn accepted_by_imgtool(
        &mut self,
        recipe: &Recipe,
        image: &str,
        plain: &str,
        payload: &[u8],
        context: &str,
    ) {
        let key = recipe.signing_key().map(|key| format!("{key}.pub"));
        let mut verified = image;
        if let Some(recipient) = recipe.recipient().filter(|_| recipe.cipher == Cipher::Encrypted) {
            let decrypted = self.worker.decrypt(image, &format!("{recipient}.pem"));
            let decrypted = decrypted.unwrap_or_else(|error| panic!("{error}: {context}"));
            assert!(decrypted == payload, "{image} holds another payload: {context}");
            let mut bytes = self.read(image);
            let start = recipe.header_size() as usize;
            bytes[start..start + payload.len()].copy_from_slice(&decrypted);
            self.write(plain, &bytes);
            verified = plain;
        }
        let said = self.worker.verify(verified, key.as_deref());
        assert_eq!(said.as_deref(), Ok("OK"), "{context}");
        if verified == plain {
            let _ = std::fs::remove_file(self.path.join(plain));
        }
    }
}

#[test]
fn the_matrix_covers_what_it_says() {
    let matrix = recipe::matrix();
    let has = |of: &dyn Fn(&Recipe) -> bool| matrix.recipes.iter().any(of);
    for signing in Signing::ALL {
        for sealed in Sealed::ALL {
            let there = has(&|r| r.signing == *signing && r.sealed == *sealed);
            let legal = match signing {
                Signing::P256 => matches!(sealed, Sealed::Plain | Sealed::P256),
                Signing::P384 => *sealed == Sealed::Plain,
                Signing::Rsa2048 | Signing::Rsa3072 => matches!(sealed, Sealed::Plain | Sealed::Rsa2048),
                _ => true,
            };
            assert_eq!(there, legal, "{signing:?} with {sealed:?}");
        }
    }
    println!("{} recipes, {} products, {} pairs", matrix.recipes.len(), matrix.products, matrix.pairs);
}
