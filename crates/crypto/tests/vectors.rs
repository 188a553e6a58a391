//! NIST's SHA-256 vectors, RFC 6979, and keys that are not keys.

use ironroot_crypto::{Crypto, P256PublicKey, Sha256, Software};

fn bytes<const N: usize>(hex: &str) -> [u8; N] {
    let mut out = [0; N];
    assert_eq!(hex.len(), 2 * N);
    for (i, byte) in out.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).expect("hex");
    }
    out
}

/// FIPS 180-4 examples: one block, two blocks, and a million bytes.
#[test]
fn sha256_nist() {
    let cases: [(&[u8], &str); 3] = [
        (b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
        ),
    ];
    for (message, digest) in cases {
        assert_eq!(Software.sha256_of(message), bytes::<32>(digest));
    }
    let mut sha = Software.sha256();
    let mut left = 1_000_000_usize;
    // Pieces of every length around the block size.
    for piece in (1..200).cycle() {
        let piece = piece.min(left);
        sha.update(&[b'a'; 200][..piece]);
        left -= piece;
        if left == 0 {
            break;
        }
    }
    let million = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";
    assert_eq!(sha.finish(), bytes::<32>(million));
}

#[test]
fn a_point_off_the_curve_verifies_nothing() {
    let mut sec1 = [1; 65];
    sec1[0] = 4;
    let key = P256PublicKey::from_sec1(&sec1).expect("the form is right");
    let signature = [0x30, 6, 2, 1, 1, 2, 1, 1];
    assert!(!Software.verify_p256(&key, &[0; 32], &signature).is_accepted());
}

#[test]
fn other_forms_of_a_point_are_no_key() {
    for (first, len) in [(2_u8, 33), (3, 33), (4, 64), (4, 66), (0, 1), (6, 65), (0, 65)] {
        let mut sec1 = vec![1; len];
        sec1[0] = first;
        assert!(P256PublicKey::from_sec1(&sec1).is_err(), "{first} {len}");
    }
}

/// RFC 6979 A.2.5, P-256 with SHA-256, message "sample": key, signature, and the way back.
#[cfg(feature = "sign")]
#[test]
fn signatures_are_deterministic() {
    use ironroot_crypto::SigningKey;

    let scalar = bytes("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721");
    let key = SigningKey::from_scalar(&scalar).expect("a valid key");
    let public = key.public_key();
    assert_eq!(
        public.sec1()[1..33],
        bytes::<32>("60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6")
    );
    let digest = Software.sha256_of(b"sample");
    let signature = key.sign_digest(&digest).expect("signs");
    let r = bytes::<32>("efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716");
    let s = bytes::<32>("f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8");
    // Both numbers have their top bit set, so each has a zero byte before it.
    assert_eq!(signature, [&[0x30, 70, 2, 33, 0][..], &r, &[2, 33, 0], &s].concat());
    assert!(Software.verify_p256(&public, &digest, &signature).is_accepted());
    assert!(!Software.verify_p256(&public, &Software.sha256_of(b"test"), &signature).is_accepted());
    for scalar in [[0; 32], [0xFF; 32]] {
        assert!(SigningKey::from_scalar(&scalar).is_err());
    }
}

/// RFC 6979 A.2.6, P-384 with SHA-384, message "sample".
#[cfg(feature = "sign")]
#[test]
fn p384_signatures_are_those_of_the_standard() {
    use ironroot_crypto::{HashAlgorithm, Hasher, P384SigningKey, Signer};

    let scalar = bytes::<48>(
        "6b9d3dad2e1b8c1c05b19875b6659f4de23c3b667bf297ba9aa47740787137d896d5724e4c70a825f872c9ea60d2edf5",
    );
    let key = P384SigningKey::from(p384::ecdsa::SigningKey::from_slice(&scalar).expect("a valid key"));
    let mut hasher = Hasher::new(HashAlgorithm::Sha384, &mut Software).expect("is available");
    hasher.update(b"sample");
    let digest = hasher.finish();
    let signature = Signer::sign(&key, &digest).expect("signs");
    let r = bytes::<48>(
        "94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c81a648152e44acf96e36dd1e80fabe46",
    );
    let s = bytes::<48>(
        "99ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94fa329c145786e679e7b82c71a38628ac8",
    );
    assert_eq!(signature, [&[0x30, 102, 2, 49, 0][..], &r, &[2, 49, 0], &s].concat());
    assert!(key.public_key().verify(&digest, &signature, &mut Software).is_accepted());
}

/// RFC 8032 7.1, test 3: a message of two bytes; and that a stream in pieces is the same.
#[cfg(feature = "sign")]
#[test]
fn ed25519_signatures_are_those_of_the_standard() {
    use ironroot_crypto::{Digest, Ed25519SigningKey, Signer};

    let key = Ed25519SigningKey::from_seed(&bytes(
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
    ));
    let signature = key.sign_pure(&vec![0xaf, 0x82]).expect("signs");
    let expected: [u8; 64] = bytes(
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    );
    assert_eq!(signature, expected);
    let digest = Digest::from(Software.sha256_of(b"x"));
    let over_digest = key.sign(&digest).expect("signs");
    assert_eq!(over_digest, key.sign_pure(&digest.as_bytes().to_vec()).expect("signs"));
    let public = key.public_key();
    assert!(public.verify(&digest, &over_digest, &mut Software).is_accepted());
    assert!(!public.verify(&digest, &signature, &mut Software).is_accepted());
}

#[cfg(feature = "sign")]
#[test]
fn rsa_signatures_verify_and_do_not_change() {
    use ironroot_crypto::{Digest, RsaSigningKey, Signer};
    use rsa::pkcs8::DecodePrivateKey;

    for pem in [
        include_str!("../../image/tests/data/rsa2048.pem"),
        include_str!("../../image/tests/data/rsa3072.pem"),
    ] {
        let key =
            RsaSigningKey::try_from(rsa::RsaPrivateKey::from_pkcs8_pem(pem).expect("a key")).expect("a size");
        let (one, two) = (Digest::from([1; 32]), Digest::from([2; 32]));
        let signature = key.sign(&one).expect("signs");
        assert_eq!(signature, key.sign(&one).expect("signs"));
        let public = key.public_key();
        assert!(public.verify(&one, &signature, &mut Software).is_accepted());
        assert!(!public.verify(&two, &signature, &mut Software).is_accepted());
        assert!(key.sign(&Digest::from_slice(&[0; 64]).expect("a digest")).is_err(), "not over SHA-512");
        assert!(key.sign_pure(&vec![1]).is_err(), "not over content");
    }
}
