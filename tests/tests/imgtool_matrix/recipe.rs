//! What an image can be made of, and which of it goes together.

use ironroot_fuzz::Random;

/// A choice: all of its values, in the order of the numbers that the covering counts with.
macro_rules! choices {
    ($($name:ident { $($value:ident),+ })+) => {
        $(
            #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
            pub enum $name { $($value),+ }

            impl $name {
                pub const ALL: &[Self] = &[$(Self::$value),+];
            }
        )+
    };
}

choices! {
    Signing { Unsigned, P256, P384, Ed25519, Ed25519Pure, Rsa2048, Rsa3072 }
    Sha { Auto, Sha256, Sha384, Sha512 }
    KeyFormat { Hash, Full }
    Sealed { Plain, P256, X25519, X25519Sha512, Rsa2048 }
    Bits { Aes128, Aes256 }
    Cipher { Encrypted, Clear }
    Tlvs { None, Counter, AutoCounter, BootRecord, Dependency, Custom, Ids, All }
    Place { Anywhere, LoadAddress, RomFixed, NonBootable }
    Align { A1, A2, A4, A8, A16, A32 }
    MaxAlign { Default, M8, M16, M32 }
    End { Open, Pad, Test, Confirm }
    Update { Swap, SwapSaveTlv, Overwrite }
    Sectors { Default, Few }
    Erased { Ones, Zeros }
    HeaderSize { H20, H100, H400 }
    Header { Padded, Brought }
    Payload { One, Block, Odd, Long }
    Version { Small, Zero, Largest }
}

/// One image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recipe {
    pub signing: Signing,
    pub sha: Sha,
    pub key_format: KeyFormat,
    pub sealed: Sealed,
    pub bits: Bits,
    pub cipher: Cipher,
    pub tlvs: Tlvs,
    pub place: Place,
    pub align: Align,
    pub max_align: MaxAlign,
    pub end: End,
    pub update: Update,
    pub sectors: Sectors,
    pub erased: Erased,
    pub header_size: HeaderSize,
    pub header: Header,
    pub payload: Payload,
    pub version: Version,
}

/// Number of choices in a recipe.
const CHOICES: usize = 18;

/// Plain images besides those that the covering needs.
const PLAIN: usize = 120;

/// A slot that every image of the matrix fits into, with the largest trailer.
pub const SLOT: u32 = 0x8000;

impl Recipe {
    /// Any recipe, legal or not.
    fn random(random: &mut Random) -> Self {
        fn any<T: Copy>(random: &mut Random, all: &[T]) -> T {
            all[random.below(all.len())]
        }
        Recipe {
            signing: any(random, Signing::ALL),
            sha: any(random, Sha::ALL),
            key_format: any(random, KeyFormat::ALL),
            sealed: any(random, Sealed::ALL),
            bits: any(random, Bits::ALL),
            cipher: any(random, Cipher::ALL),
            tlvs: any(random, Tlvs::ALL),
            place: any(random, Place::ALL),
            align: any(random, Align::ALL),
            max_align: any(random, MaxAlign::ALL),
            end: any(random, End::ALL),
            update: any(random, Update::ALL),
            sectors: any(random, Sectors::ALL),
            erased: any(random, Erased::ALL),
            header_size: any(random, HeaderSize::ALL),
            header: any(random, Header::ALL),
            payload: any(random, Payload::ALL),
            version: any(random, Version::ALL),
        }
    }

    /// Whether imgtool makes it and it means something. A choice without effect is legal with one value only, so that no
    /// image is counted twice.
    fn is_legal(&self) -> bool {
        use {Sealed as E, Sha as H, Signing as S};
        let hash = match self.signing {
            S::Unsigned => true,
            S::P256 | S::Rsa2048 | S::Rsa3072 => matches!(self.sha, H::Auto | H::Sha256),
            S::P384 => matches!(self.sha, H::Auto | H::Sha384),
            S::Ed25519 => matches!(self.sha, H::Auto | H::Sha256 | H::Sha512),
            S::Ed25519Pure => self.sha == H::Auto,
        };
        // imgtool wants one family for both keys, and has no ECIES on P-384.
        let sealing = match self.signing {
            S::Unsigned | S::Ed25519 | S::Ed25519Pure => true,
            S::P256 => matches!(self.sealed, E::Plain | E::P256),
            S::P384 => self.sealed == E::Plain,
            S::Rsa2048 | S::Rsa3072 => matches!(self.sealed, E::Plain | E::Rsa2048),
        };
        let encryption = self.sealed != E::Plain
            || (self.bits, self.cipher) == (Bits::Aes128, Cipher::Encrypted)
                && self.update != Update::SwapSaveTlv;
        let key = self.signing != S::Unsigned || self.key_format == KeyFormat::Hash;
        hash && sealing && encryption && key && self.max_align() >= self.align()
    }

    /// Each choice as a number.
    fn numbers(&self) -> [u8; CHOICES] {
        [
            self.signing as u8,
            self.sha as u8,
            self.key_format as u8,
            self.sealed as u8,
            self.bits as u8,
            self.cipher as u8,
            self.tlvs as u8,
            self.place as u8,
            self.align as u8,
            self.max_align as u8,
            self.end as u8,
            self.update as u8,
            self.sectors as u8,
            self.erased as u8,
            self.header_size as u8,
            self.header as u8,
            self.payload as u8,
            self.version as u8,
        ]
    }

    /// What decides about cryptography: of this the matrix has the full product.
    fn cryptography(&self) -> [u8; 6] {
        let [a, b, c, d, e, f, ..] = self.numbers();
        [a, b, c, d, e, f]
    }

    pub fn is_encrypted(&self) -> bool {
        self.sealed != Sealed::Plain
    }

    pub fn align(&self) -> u32 {
        1 << self.align as u32
    }

    /// The largest write size, which defaults to the write size, at least 8.
    pub fn max_align(&self) -> u32 {
        match self.max_align {
            MaxAlign::Default => self.align().max(8),
            MaxAlign::M8 => 8,
            MaxAlign::M16 => 16,
            MaxAlign::M32 => 32,
        }
    }

    pub fn header_size(&self) -> u32 {
        match self.header_size {
            HeaderSize::H20 => 0x20,
            HeaderSize::H100 => 0x100,
            HeaderSize::H400 => 0x400,
        }
    }

    pub fn payload_len(&self) -> usize {
        match self.payload {
            Payload::One => 1,
            Payload::Block => 16,
            Payload::Odd => 1001,
            Payload::Long => 4096,
        }
    }

    pub fn version(&self) -> &'static str {
        match self.version {
            Version::Small => "1.2.3+4",
            Version::Zero => "0.0.0",
            Version::Largest => "255.255.65535+4294967295",
        }
    }

    pub fn erased(&self) -> u8 {
        if self.erased == Erased::Ones { 0xFF } else { 0 }
    }

    /// The private key that signs, `None` for an unsigned image.
    pub fn signing_key(&self) -> Option<&'static str> {
        Some(match self.signing {
            Signing::Unsigned => return None,
            Signing::P256 => "p256",
            Signing::P384 => "p384",
            Signing::Ed25519 | Signing::Ed25519Pure => "ed25519",
            Signing::Rsa2048 => "rsa2048",
            Signing::Rsa3072 => "rsa3072",
        })
    }

    /// The key pair for which the content key is encrypted.
    pub fn recipient(&self) -> Option<&'static str> {
        Some(match self.sealed {
            Sealed::Plain => return None,
            Sealed::P256 => "device-p256",
            Sealed::X25519 | Sealed::X25519Sha512 => "device-x25519",
            Sealed::Rsa2048 => "device-rsa2048",
        })
    }

    /// imgtool's arguments, without the files. `ironroot image sign` has the same names for the same things.
    pub fn arguments(&self) -> Vec<String> {
        let mut line = format!(
            "--version {} --header-size {:#x} --slot-size {SLOT:#x} --align {}",
            self.version(),
            self.header_size(),
            self.align()
        );
        let mut add = |text: &str| {
            line.push(' ');
            line.push_str(text);
        };
        if let Some(key) = self.signing_key() {
            add(&format!("--key {key}.pem"));
        }
        if self.signing == Signing::Ed25519Pure {
            add("--pure");
        }
        match self.sha {
            Sha::Auto => {}
            Sha::Sha256 => add("--sha 256"),
            Sha::Sha384 => add("--sha 384"),
            Sha::Sha512 => add("--sha 512"),
        }
        if self.key_format == KeyFormat::Full {
            add("--public-key-format full");
        }
        if let Some(recipient) = self.recipient() {
            add(&format!("--encrypt {recipient}.pub"));
            if self.sealed == Sealed::X25519Sha512 {
                add("--hmac-sha 512");
            }
            if self.bits == Bits::Aes256 {
                add("--encrypt-keylen 256");
            }
            if self.cipher == Cipher::Clear {
                add("--clear");
            }
        }
        let all = self.tlvs == Tlvs::All;
        if all || self.tlvs == Tlvs::Counter {
            add("--security-counter 0x01020304");
        }
        if self.tlvs == Tlvs::AutoCounter {
            add("--security-counter auto");
        }
        if all || self.tlvs == Tlvs::BootRecord {
            add("--boot-record SPE");
        }
        if all || self.tlvs == Tlvs::Dependency {
            // No blanks: the arguments are split at them.
            add("--dependencies (1,2.0.0+5),(3,0.1.0)");
        }
        if all || self.tlvs == Tlvs::Ids {
            add("--vid ironroot.example --cid matrix");
        }
        if all || self.tlvs == Tlvs::Custom {
            add("--custom-tlv 0x03a0 0x1122334455 --custom-tlv 0x00b1 text");
        }
        match self.place {
            Place::Anywhere => {}
            Place::LoadAddress => add("--load-addr 0x24000000"),
            Place::RomFixed => add("--rom-fixed 0x08020000"),
            Place::NonBootable => add("--non-bootable"),
        }
        if self.max_align != MaxAlign::Default {
            add(&format!("--max-align {}", self.max_align()));
        }
        match self.end {
            End::Open => {}
            End::Pad => add("--pad"),
            End::Test => add("--test"),
            End::Confirm => add("--confirm"),
        }
        match self.update {
            Update::Swap => {}
            Update::SwapSaveTlv => add("--save-enctlv"),
            Update::Overwrite => add("--overwrite-only"),
        }
        if self.sectors == Sectors::Few {
            add("--max-sectors 33");
        }
        if self.erased == Erased::Zeros {
            add("--erased-val 0");
        }
        line.split(' ').map(str::to_owned).collect()
    }
}

/// Recipes that together have every legal combination of what decides about cryptography, and every legal pair of any two
/// choices. The same on every run.
pub fn matrix() -> Matrix {
    let mut random = Random::new(5);
    // What is legal is found by looking: so many recipes that a pair that none of them has cannot be had.
    let mut legal = Vec::new();
    while legal.len() < 60_000 {
        let recipe = Recipe::random(&mut random);
        if recipe.is_legal() {
            legal.push(recipe);
        }
    }
    let mut products = std::collections::BTreeSet::new();
    let mut open = std::collections::BTreeSet::new();
    for recipe in &legal {
        products.insert(recipe.cryptography());
        open.extend(pairs(recipe));
    }
    let (products_len, pairs_len) = (products.len(), open.len());
    let mut recipes: Vec<Recipe> = Vec::new();
    while !products.is_empty() || !open.is_empty() {
        // Of some that bring something new, the one that brings most.
        let mut best: Option<(usize, Recipe)> = None;
        for _ in 0..60 {
            let candidate = legal[random.below(legal.len())];
            let product = usize::from(products.contains(&candidate.cryptography())) * 1000;
            let value = product + pairs(&candidate).filter(|pair| open.contains(pair)).count();
            if value > best.map_or(0, |(value, _)| value) {
                best = Some((value, candidate));
            }
        }
        let chosen = best.map(|(_, recipe)| recipe).or_else(|| {
            // The last ones are rare: looked for instead of waited for.
            legal
                .iter()
                .find(|recipe| {
                    products.contains(&recipe.cryptography())
                        || pairs(recipe).any(|pair| open.contains(&pair))
                })
                .copied()
        });
        let Some(recipe) = chosen else { break };
        products.remove(&recipe.cryptography());
        pairs(&recipe).for_each(|pair| {
            open.remove(&pair);
        });
        recipes.push(recipe);
    }
    // Most combinations of cryptography are encrypted ones: some more images in which every byte can be compared.
    let plain: Vec<&Recipe> = legal.iter().filter(|recipe| !recipe.is_encrypted()).collect();
    recipes.extend((0..PLAIN).map(|_| *plain[random.below(plain.len())]));
    Matrix { recipes, products: products_len, pairs: pairs_len }
}

/// The recipes, and what they cover.
pub struct Matrix {
    pub recipes: Vec<Recipe>,
    /// Combinations of algorithm, hash, key format, encryption, key length and clear.
    pub products: usize,
    /// Pairs of values of any two choices.
    pub pairs: usize,
}

/// Every two choices with their values.
fn pairs(recipe: &Recipe) -> impl Iterator<Item = [u8; 4]> {
    let numbers = recipe.numbers();
    (0..CHOICES as u8).flat_map(move |a| {
        (a + 1..CHOICES as u8).map(move |b| [a, numbers[usize::from(a)], b, numbers[usize::from(b)]])
    })
}
