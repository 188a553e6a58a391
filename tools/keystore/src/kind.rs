//! The kinds of key, as a table.

use std::fmt;
use std::str::FromStr;

/// A kind of key that MCUboot images use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// ECDSA with the curve P-256; the same keys receive ECIES-P256.
    EcdsaP256,
    /// ECDSA with the curve P-384.
    EcdsaP384,
    /// Ed25519.
    Ed25519,
    /// RSA with 2048 bits: PSS signatures, OAEP encryption.
    Rsa2048,
    /// RSA with 3072 bits: PSS signatures.
    Rsa3072,
    /// X25519, for ECIES only.
    X25519,
    /// A 128-bit key that wraps content keys (RFC 3394).
    AesKw128,
    /// The same with 256 bits.
    AesKw256,
}

/// What is known of a kind without a key.
struct Row {
    kind: KeyKind,
    name: &'static str,
    aliases: &'static [&'static str],
    title: &'static str,
    c_name: &'static str,
    signs: bool,
    decrypts: bool,
}

/// Names and C names are imgtool's.
const TABLE: &[Row] = &[
    Row {
        kind: KeyKind::EcdsaP256,
        name: "ecdsa-p256",
        aliases: &["p256", "prime256v1"],
        title: "ECDSA P-256",
        c_name: "ecdsa",
        signs: true,
        decrypts: true,
    },
    Row {
        kind: KeyKind::EcdsaP384,
        name: "ecdsa-p384",
        aliases: &["p384", "secp384r1"],
        title: "ECDSA P-384",
        c_name: "ecdsap384",
        signs: true,
        decrypts: false,
    },
    Row {
        kind: KeyKind::Ed25519,
        name: "ed25519",
        aliases: &[],
        title: "Ed25519",
        c_name: "ed25519",
        signs: true,
        decrypts: false,
    },
    Row {
        kind: KeyKind::Rsa2048,
        name: "rsa-2048",
        aliases: &["rsa2048"],
        title: "RSA, 2048 bits",
        c_name: "rsa",
        signs: true,
        decrypts: true,
    },
    Row {
        kind: KeyKind::Rsa3072,
        name: "rsa-3072",
        aliases: &["rsa3072"],
        title: "RSA, 3072 bits",
        c_name: "rsa",
        signs: true,
        decrypts: false,
    },
    Row {
        kind: KeyKind::X25519,
        name: "x25519",
        aliases: &[],
        title: "X25519",
        c_name: "x25519",
        signs: false,
        decrypts: true,
    },
    Row {
        kind: KeyKind::AesKw128,
        name: "aes-kw-128",
        aliases: &["aes-kw"],
        title: "AES key wrap, 128 bits",
        c_name: "aes_kw",
        signs: false,
        decrypts: true,
    },
    Row {
        kind: KeyKind::AesKw256,
        name: "aes-kw-256",
        aliases: &[],
        title: "AES key wrap, 256 bits",
        c_name: "aes_kw",
        signs: false,
        decrypts: true,
    },
];

impl KeyKind {
    /// Every kind.
    pub fn all() -> impl Iterator<Item = KeyKind> {
        TABLE.iter().map(|row| row.kind)
    }

    fn row(self) -> &'static Row {
        // The table has every kind (a test says so); the first row stands for what cannot happen.
        const FIRST: &Row = &TABLE[0];
        TABLE.iter().find(|row| row.kind == self).unwrap_or(FIRST)
    }

    /// The name on the command line and in JSON: `ecdsa-p256`.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// Other names of it on the command line.
    pub fn aliases(self) -> &'static [&'static str] {
        self.row().aliases
    }

    /// The name in texts: `ECDSA P-256`.
    pub fn title(self) -> &'static str {
        self.row().title
    }

    /// imgtool's word in the names of C and Rust arrays: `ecdsa`.
    pub fn c_name(self) -> &'static str {
        self.row().c_name
    }

    /// True if images are signed with it.
    pub fn signs(self) -> bool {
        self.row().signs
    }

    /// True if an image's content key can be sealed for it.
    pub fn decrypts(self) -> bool {
        self.row().decrypts
    }

    /// True if both halves are one secret.
    pub fn is_symmetric(self) -> bool {
        matches!(self, KeyKind::AesKw128 | KeyKind::AesKw256)
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.title())
    }
}

impl FromStr for KeyKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = TABLE.iter().find(|row| row.name == text || row.aliases.contains(&text));
        found.map(|row| row.kind).ok_or_else(|| {
            let names: Vec<&str> = TABLE.iter().map(|row| row.name).collect();
            format!("is none of {}", names.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_every_kind_once_under_distinct_names() {
        let mut names = Vec::new();
        for kind in KeyKind::all() {
            assert_eq!(kind.row().kind, kind);
            names.push(kind.name());
            names.extend(kind.aliases());
            for name in kind.aliases().iter().chain([&kind.name()]) {
                assert_eq!(name.parse(), Ok(kind));
            }
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), TABLE.len() + TABLE.iter().map(|row| row.aliases.len()).sum::<usize>());
        assert!("rsa-1024".parse::<KeyKind>().is_err());
    }
}
