//! Image keys: AES-CTR by vectors of the standard, sealing and opening by each other, derivation.

use ironroot_crypto::seal::{DerivedEntropy, EncryptionKey, Entropy, SealError, SystemEntropy};
use ironroot_crypto::{
    ContentKey, ContentKeys, KeyBits, KeyWrapKey, NoContentKeys, OpenError, P256ContentKeys, PublicKeyError,
    RsaPublicKey, Sealing, X25519ContentKeys, X25519PublicKey, aes_ctr,
};

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex")).collect()
}

/// NIST's vectors of AES-CTR begin with another counter than images do. The specification of GCM has the two blocks that an
/// image begins with, under a key of zeros: the encryption of zero is its hash key, that of one its tag for an empty text
/// (test cases 1 and 13).
#[test]
fn key_stream_is_aes_of_the_block_number() {
    let cases = [
        (16, "66e94bd4ef8a2c3b884cfa59ca342b2e", "58e2fccefa7e3061367f1d57a4e7455a"),
        (32, "dc95c078a2408989ad48a21492842087", "530f8afbc74536b9a963b4f1c4cb738b"),
    ];
    for (len, first, second) in cases {
        let key = ContentKey::from_bytes(&vec![0; len]).expect("a key");
        let mut stream = [0; 32];
        aes_ctr(&key, 0, &mut stream);
        assert_eq!(stream[..16], hex(first)[..], "{len}");
        assert_eq!(stream[16..], hex(second)[..], "{len}");
    }
}

#[test]
fn any_offset_gives_the_same_stream() {
    for len in [16, 32] {
        let key = ContentKey::from_bytes(&(0..len).collect::<Vec<u8>>()).expect("a key");
        let mut whole = vec![0; 700];
        aes_ctr(&key, 0, &mut whole);
        for (offset, len) in (0..600).flat_map(|offset| [0, 1, 15, 16, 17, 100].map(|len| (offset, len))) {
            let mut part = vec![0; len];
            aes_ctr(&key, offset as u32, &mut part);
            assert_eq!(part, whole[offset..offset + len], "{len} at {offset}");
        }
        // The last block of the largest payload.
        let mut end = [0; 64];
        aes_ctr(&key, u32::MAX - 63, &mut end);
        assert!(end.iter().any(|byte| *byte != 0));
    }
}

fn holders() -> Vec<(EncryptionKey, Vec<Sealing>, Box<dyn ContentKeys>)> {
    let p256 = P256ContentKeys::from_scalar(&[5; 32]).expect("a number below the order");
    let x25519 = X25519ContentKeys::from_bytes(&[6; 32]);
    vec![
        (EncryptionKey::P256(p256.public_key().expect("a point")), vec![Sealing::EciesP256], Box::new(p256)),
        (
            EncryptionKey::X25519(x25519.public_key()),
            vec![Sealing::EciesX25519, Sealing::EciesX25519Sha512],
            Box::new(x25519),
        ),
    ]
}

#[test]
fn what_is_sealed_opens_and_nothing_else_does() {
    let mut entropy = DerivedEntropy::new(&[1; 16], b"test").expect("long enough");
    for bits in [KeyBits::Aes128, KeyBits::Aes256] {
        let mut all = holders();
        let wrap = KeyWrapKey::from_bytes(&vec![9; bits.bytes()]).expect("a key");
        all.push((EncryptionKey::KeyWrap(wrap.clone()), vec![Sealing::AesKeyWrap], Box::new(wrap)));
        for (to, sealings, holder) in &all {
            assert_eq!(sealings[0], to.sealing());
            for sealing in sealings {
                let key = ContentKey::generate(bits, &mut SystemEntropy).expect("random numbers");
                let sealed = to.seal(*sealing, &key, &mut entropy).expect("seals");
                assert_eq!(sealed.len(), sealing.sealed_len(bits));
                let opened = holder.open(*sealing, &sealed).expect("opens");
                assert_eq!(opened.as_bytes(), key.as_bytes());
                assert_ne!(
                    to.seal(*sealing, &key, &mut entropy).expect("seals") == sealed,
                    *sealing != Sealing::AesKeyWrap
                );
                for len in 0..sealed.len() {
                    assert_eq!(
                        holder.open(*sealing, &sealed[..len]).err(),
                        Some(OpenError::Refused),
                        "{len}"
                    );
                }
                let longer = [&sealed[..], &[0]].concat();
                assert_eq!(holder.open(*sealing, &longer).err(), Some(OpenError::Refused));
                assert_eq!(NoContentKeys.open(*sealing, &sealed).err(), Some(OpenError::Unsupported));
                let mut data = *b"plaintext";
                NoContentKeys.apply(&key, 0, &mut data);
                assert_eq!(data, [0; 9], "nobody's key shows nothing");
            }
            let key = ContentKey::from_bytes(&vec![0; bits.bytes()]).expect("a key");
            assert_eq!(to.seal(Sealing::RsaOaep, &key, &mut entropy), Err(SealError::Mismatch));
            assert_eq!(holder.open(Sealing::RsaOaep, &[0; 256]).err(), Some(OpenError::Unsupported));
        }
    }
}

/// RFC 3394, section 4.1: 128 bits of key data with a 128-bit key.
#[test]
fn key_wrap_is_that_of_the_standard() {
    let wrap = KeyWrapKey::from_bytes(&hex("000102030405060708090a0b0c0d0e0f")).expect("a key");
    let key = ContentKey::from_bytes(&hex("00112233445566778899aabbccddeeff")).expect("a key");
    let sealed =
        EncryptionKey::KeyWrap(wrap).seal(Sealing::AesKeyWrap, &key, &mut SystemEntropy).expect("seals");
    assert_eq!(sealed, hex("1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5"));
    let short = KeyWrapKey::from_bytes(&[0; 16]).expect("a key");
    let long = ContentKey::from_bytes(&[0; 32]).expect("a key");
    let result = EncryptionKey::KeyWrap(short).seal(Sealing::AesKeyWrap, &long, &mut SystemEntropy);
    assert_eq!(result, Err(SealError::Mismatch), "a long key is not wrapped with a short one");
}

#[test]
fn bad_keys_do_not_seal() {
    let key = ContentKey::from_bytes(&[0; 16]).expect("a key");
    let small_order = X25519PublicKey::from_raw(&[0; 32]).expect("32 bytes");
    let sealed = EncryptionKey::X25519(small_order).seal(Sealing::EciesX25519, &key, &mut SystemEntropy);
    assert_eq!(sealed, Err(SealError::Key));
    let mut off_curve = [0x11; 65];
    off_curve[0] = 4;
    let point = ironroot_crypto::P256PublicKey::from_sec1(&off_curve).expect("the form is right");
    assert_eq!(
        EncryptionKey::P256(point).seal(Sealing::EciesP256, &key, &mut SystemEntropy),
        Err(SealError::Key)
    );
    let rsa3072 = RsaPublicKey::from_modulus(&[0xC3; 384]).expect("the form is right");
    assert_eq!(
        EncryptionKey::Rsa(rsa3072).seal(Sealing::RsaOaep, &key, &mut SystemEntropy),
        Err(SealError::Key)
    );
    assert_eq!(EncryptionKey::from_der(b"no key").err(), Some(PublicKeyError));
    for len in [0, 1, 15, 17, 24, 31, 33] {
        assert!(ContentKey::from_bytes(&vec![0; len]).is_none());
    }
}

#[test]
fn derivation_needs_a_secret_and_separates_contexts() {
    let draw = |secret: &[u8], context: &[u8]| {
        let mut bytes = [0; 48];
        DerivedEntropy::new(secret, context).and_then(|mut entropy| entropy.fill(&mut bytes)).map(|()| bytes)
    };
    assert_eq!(draw(&[1; 15], b""), Err(SealError::Entropy));
    let one = draw(&[1; 16], b"a").expect("long enough");
    assert_eq!(draw(&[1; 16], b"a"), Ok(one));
    assert!(draw(&[1; 16], b"b") != Ok(one) && draw(&[2; 16], b"a") != Ok(one));
}

#[test]
fn keys_are_not_shown() {
    let key = ContentKey::from_bytes(&[0x5A; 16]).expect("a key");
    for shown in [
        format!("{key:?}"),
        format!("{:?}", KeyWrapKey::from_bytes(&[0x5A; 16])),
        format!("{:?}", P256ContentKeys::from_scalar(&[0x5A; 32])),
        format!("{:?}", X25519ContentKeys::from_bytes(&[0x5A; 32])),
    ] {
        assert!(!shown.contains("90") && !shown.to_lowercase().contains("5a"), "{shown}");
    }
}
