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
    use ironroot_crypto::{Signer, SigningKey};

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
