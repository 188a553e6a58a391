//! Sessions between the two ends, and everything a host may get wrong.

use ironroot_codes::{Code, h7rs as codes};
use ironroot_crypto::{Crypto, SigningKey, Software};
use ironroot_debug_auth::certificate::{CERTIFICATE_LEN, Role, TOKEN_LEN};
use ironroot_debug_auth::device::{CONFIG_LEN, Credential, Identity, Next, Session};
use ironroot_debug_auth::host::{self, Answer, Claims, Discovery};
use ironroot_debug_auth::mailbox::{Receiver, TooLong, words};
use ironroot_debug_auth::packet::{Command, Packet, Tlvs, tlv};
use ironroot_debug_auth::permission::{self, Grant};
use ironroot_layout::stm32h7rs::state::{DebugAuthentication, Hdpl, ProductState};
use proptest::prelude::*;

const PASSWORD: &[u8; 16] = b"correct horse 16";
const SOC_ID: [u8; 16] = [9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 1, 2, 0, 0, 0, 0];
const MASK: u128 = 0x8000_0000_0000_0000_0000_0000_0000_4007;

fn key(number: u8) -> SigningKey {
    SigningKey::from_scalar(&[number; 32]).expect("a scalar")
}

fn identity() -> Identity {
    Identity { state: ProductState::Closed, soc_class: 0x485, soc_id: SOC_ID }
}

/// The 96 bytes as the .obk files of ST's projects have them.
fn config(first: [u8; 32], mask: u128) -> [u8; CONFIG_LEN] {
    let mut content = [0; 64];
    content[..32].copy_from_slice(&first);
    content[32..48].copy_from_slice(&mask.to_le_bytes());
    let mut config = [0; CONFIG_LEN];
    config[..32].copy_from_slice(&Software.sha256_of(&content));
    config[32..].copy_from_slice(&content);
    config
}

fn by_certificate() -> Session {
    let root = Software.sha256_of(&key(1).public_key().sec1()[1..]);
    let config = config(root, MASK);
    Session::new(identity(), Credential::of(DebugAuthentication::Ecdsa, Some(&config), &mut Software))
}

fn by_password() -> Session {
    let config = config(Software.sha256_of(PASSWORD), 0);
    Session::new(identity(), Credential::of(DebugAuthentication::Password, Some(&config), &mut Software))
}

/// One exchange, through the words of the mailbox.
fn exchange(session: &mut Session, request: &[u8]) -> (Answer, Next) {
    let mut receiver = Receiver::new();
    let mut packet = Vec::new();
    for word in words(request) {
        if let Some(bytes) = receiver.word(word).expect("short enough") {
            packet = bytes.to_vec();
        }
    }
    let mut random = |challenge: &mut [u8; 32]| {
        *challenge = [0x5C; 32];
        true
    };
    let (mut response, next) = session.serve(&packet, &mut random, &mut Software);
    (Answer::parse(response.finish()).expect("an answer"), next)
}

fn start(session: &mut Session) -> [u8; 32] {
    let (Answer::Success(data), Next::Listen) = exchange(session, &host::request(Command::AuthStart)) else {
        panic!("no challenge");
    };
    host::challenge(&data).expect("a challenge")
}

fn certificate(claims: &Claims, subject: u8, signer: u8) -> Vec<u8> {
    let bytes = host::certificate(claims, &key(subject).public_key(), &key(signer), &mut Software);
    let bytes = bytes.expect("signed");
    assert_eq!(bytes.len(), CERTIFICATE_LEN);
    bytes
}

fn token(permissions: u128, challenge: &[u8; 32], signer: u8) -> Vec<u8> {
    let bytes = host::token(permissions, challenge, &key(signer), &mut Software).expect("signed");
    assert_eq!(bytes.len(), TOKEN_LEN);
    bytes
}

/// Presents parts one after the other; what the last one comes to.
fn run(session: &mut Session, parts: &[(u16, Vec<u8>)]) -> Result<Grant, Code> {
    for (ty, value) in parts {
        match exchange(session, &host::present(*ty, value)) {
            (Answer::NeedMoreData, Next::Listen) => {}
            (Answer::Success(data), Next::Grant(grant)) => {
                assert!(data.is_empty());
                return Ok(grant);
            }
            (Answer::Refused(code), Next::Refused(same)) => {
                assert_eq!(code, same);
                return Err(code);
            }
            other => panic!("{other:?}"),
        }
    }
    panic!("the session is not over")
}

/// Root 1, leaf 2, token of `signer` over the challenge.
fn chain(leaf: &Claims, permissions: u128, signer: u8) -> Result<Grant, Code> {
    let mut session = by_certificate();
    let challenge = start(&mut session);
    run(
        &mut session,
        &[
            (tlv::CERTIFICATE, certificate(&Claims::any(Role::Root), 1, 1)),
            (tlv::CERTIFICATE, certificate(leaf, 2, 1)),
            (tlv::TOKEN, token(permissions, &challenge, signer)),
        ],
    )
}

#[test]
fn discovery_says_what_the_device_is() {
    let (Answer::Success(data), Next::Listen) =
        exchange(&mut by_certificate(), &host::request(Command::Discovery))
    else {
        panic!("no discovery");
    };
    let expected = Discovery {
        state: Some(ProductState::Closed),
        method: DebugAuthentication::Ecdsa,
        soc_class: 0x485,
        soc_id: SOC_ID,
        permissions: MASK,
    };
    assert_eq!(Discovery::parse(&data), Ok(expected));
    assert_eq!(Discovery::parse(&data[..data.len() - 1]), Err(codes::DA_ANSWER));
}

#[test]
fn a_chain_gets_what_it_permits() {
    let leaf = Claims::any(Role::Leaf);
    assert_eq!(chain(&leaf, permission::FULL_REGRESSION, 2), Ok(Grant::FullRegression));
    assert_eq!(chain(&leaf, permission::DEBUG_LEVEL3, 2), Ok(Grant::Debug(Hdpl::Level3)));
    assert_eq!(
        chain(&leaf, permission::DEBUG_LEVEL1 | permission::DEBUG_LEVEL3, 2),
        Ok(Grant::Debug(Hdpl::Level1))
    );
    assert_eq!(chain(&leaf, 0, 2), Err(codes::DA_PERMISSION));
    let debug_only = Claims { permissions: permission::DEBUG_LEVEL3, ..leaf };
    assert_eq!(chain(&debug_only, permission::FULL_REGRESSION, 2), Err(codes::DA_PERMISSION));
    assert_eq!(
        chain(&debug_only, permission::FULL_REGRESSION | permission::DEBUG_LEVEL3, 2),
        Err(codes::DA_PERMISSION)
    );
}

#[test]
fn a_chain_may_have_intermediates_and_not_too_many() {
    for count in 0..6 {
        let mut session = by_certificate();
        let challenge = start(&mut session);
        let mut parts = vec![(tlv::CERTIFICATE, certificate(&Claims::any(Role::Root), 1, 1))];
        for number in 0..count {
            parts.push((
                tlv::CERTIFICATE,
                certificate(&Claims::any(Role::Intermediate), number + 2, number + 1),
            ));
        }
        parts.push((tlv::CERTIFICATE, certificate(&Claims::any(Role::Leaf), 50, count + 1)));
        parts.push((tlv::TOKEN, token(permission::DEBUG_LEVEL2, &challenge, 50)));
        let expected = if count <= 4 { Ok(Grant::Debug(Hdpl::Level2)) } else { Err(codes::DA_OUT_OF_ORDER) };
        assert_eq!(run(&mut session, &parts), expected, "{count} intermediates");
    }
}

#[test]
fn an_intermediate_key_signs_no_token_and_the_root_key_may() {
    let mut session = by_certificate();
    let challenge = start(&mut session);
    let root = (tlv::CERTIFICATE, certificate(&Claims::any(Role::Root), 1, 1));
    let middle = (tlv::CERTIFICATE, certificate(&Claims::any(Role::Intermediate), 2, 1));
    let by_middle = (tlv::TOKEN, token(permission::DEBUG_LEVEL2, &challenge, 2));
    assert_eq!(run(&mut session, &[root.clone(), middle, by_middle]), Err(codes::DA_OUT_OF_ORDER));

    let mut session = by_certificate();
    let challenge = start(&mut session);
    let by_root = (tlv::TOKEN, token(permission::DEBUG_LEVEL2, &challenge, 1));
    assert_eq!(run(&mut session, &[root, by_root]), Ok(Grant::Debug(Hdpl::Level2)));
}

#[test]
fn a_foreign_chain_is_refused_where_it_is_foreign() {
    let leaf = Claims::any(Role::Leaf);
    // The token by another key than the leaf's.
    assert_eq!(chain(&leaf, permission::DEBUG_LEVEL3, 3), Err(codes::DA_SIGNATURE));
    // The token for another challenge.
    let mut session = by_certificate();
    start(&mut session);
    let parts = [
        (tlv::CERTIFICATE, certificate(&Claims::any(Role::Root), 1, 1)),
        (tlv::CERTIFICATE, certificate(&leaf, 2, 1)),
        (tlv::TOKEN, token(permission::DEBUG_LEVEL3, &[0; 32], 2)),
    ];
    assert_eq!(run(&mut session, &parts), Err(codes::DA_SIGNATURE));
    // Another root; the right root's key with a signature of somebody else; a leaf that the root did not sign.
    for (certificates, code) in [
        (vec![certificate(&Claims::any(Role::Root), 4, 4)], codes::DA_ROOT_KEY),
        (vec![certificate(&Claims::any(Role::Root), 1, 4)], codes::DA_SIGNATURE),
        (vec![certificate(&Claims::any(Role::Root), 1, 1), certificate(&leaf, 2, 4)], codes::DA_SIGNATURE),
    ] {
        let mut session = by_certificate();
        start(&mut session);
        let parts: Vec<_> = certificates.into_iter().map(|bytes| (tlv::CERTIFICATE, bytes)).collect();
        assert_eq!(run(&mut session, &parts), Err(code));
    }
}

#[test]
fn constraints_hold() {
    let leaf = Claims::any(Role::Leaf);
    let fitting =
        Claims { lifecycle: Some(ProductState::Closed), soc_class: 0x485, soc_id: SOC_ID, ..leaf.clone() };
    assert!(chain(&fitting, permission::DEBUG_LEVEL3, 2).is_ok());
    for wrong in [
        Claims { lifecycle: Some(ProductState::Provisioning), ..leaf.clone() },
        Claims { soc_class: 0x484, ..leaf.clone() },
        Claims { soc_id: [1; 16], ..leaf },
    ] {
        assert_eq!(chain(&wrong, permission::DEBUG_LEVEL3, 2), Err(codes::DA_CONSTRAINT));
    }
}

#[test]
fn every_changed_bit_of_a_leaf_is_refused() {
    let good = certificate(&Claims::any(Role::Leaf), 2, 1);
    for byte in 0..good.len() {
        let mut session = by_certificate();
        start(&mut session);
        let mut bad = good.clone();
        bad[byte] ^= 1 << (byte % 8);
        let parts =
            [(tlv::CERTIFICATE, certificate(&Claims::any(Role::Root), 1, 1)), (tlv::CERTIFICATE, bad)];
        let code = run(&mut session, &parts).expect_err("refused");
        let known = [codes::DA_CERTIFICATE, codes::DA_SIGNATURE, codes::DA_OUT_OF_ORDER];
        assert!(known.contains(&code), "byte {byte}: {code}");
    }
}

#[test]
fn the_password_opens_once_and_only_if_it_is_right() {
    let mut session = by_password();
    start(&mut session);
    let parts = [(tlv::PASSWORD, PASSWORD.to_vec())];
    assert_eq!(run(&mut session, &parts), Ok(Grant::FullRegression));

    for wrong in [b"correct horse 17".to_vec(), PASSWORD[..15].to_vec(), [PASSWORD.as_slice(), b"x"].concat()]
    {
        let mut session = by_password();
        start(&mut session);
        assert_eq!(run(&mut session, &[(tlv::PASSWORD, wrong)]), Err(codes::DA_PASSWORD));
        // No second guess without a reset.
        assert_eq!(run(&mut session, &parts), Err(codes::DA_OUT_OF_ORDER));
        let (answer, _) = exchange(&mut session, &host::request(Command::AuthStart));
        assert_eq!(answer, Answer::Refused(codes::DA_OUT_OF_ORDER));
    }
    // Without asking for a challenge first.
    assert_eq!(run(&mut by_password(), &parts), Err(codes::DA_OUT_OF_ORDER));
}

#[test]
fn each_method_takes_its_own_credential() {
    let mut session = by_certificate();
    start(&mut session);
    assert_eq!(run(&mut session, &[(tlv::PASSWORD, PASSWORD.to_vec())]), Err(codes::DA_METHOD));
    let mut session = by_password();
    start(&mut session);
    let root = (tlv::CERTIFICATE, certificate(&Claims::any(Role::Root), 1, 1));
    assert_eq!(run(&mut session, &[root]), Err(codes::DA_METHOD));
}

#[test]
fn a_device_without_credential_says_why() {
    let good = config(Software.sha256_of(PASSWORD), 0);
    let mut damaged = good;
    damaged[40] ^= 1;
    for (method, config, code) in [
        (DebugAuthentication::Locked, Some(&good), codes::DA_LOCKED),
        (DebugAuthentication::Delegated, Some(&good), codes::DA_DELEGATED),
        (DebugAuthentication::None, Some(&good), codes::DA_NOT_SET_UP),
        (DebugAuthentication::Password, None, codes::DA_NOT_SET_UP),
        (DebugAuthentication::Password, Some(&damaged), codes::DA_CONFIG_DAMAGED),
        (DebugAuthentication::Ecdsa, Some(&damaged), codes::DA_CONFIG_DAMAGED),
    ] {
        let mut session = Session::new(identity(), Credential::of(method, config, &mut Software));
        let (answer, next) = exchange(&mut session, &host::request(Command::AuthStart));
        assert_eq!((answer, next), (Answer::Refused(code), Next::Refused(code)));
        assert_eq!(run(&mut session, &[(tlv::PASSWORD, PASSWORD.to_vec())]), Err(code));
    }
}

#[test]
fn without_random_numbers_there_is_no_challenge() {
    let request = host::request(Command::AuthStart);
    let (mut response, next) = by_password().serve(&request, &mut |_| false, &mut Software);
    assert_eq!(next, Next::Refused(codes::DA_NO_RANDOM));
    assert_eq!(Answer::parse(response.finish()), Ok(Answer::Refused(codes::DA_NO_RANDOM)));
}

#[test]
fn the_session_ends_when_the_host_says_so() {
    let (answer, next) = exchange(&mut by_password(), &host::request(Command::ResumeBoot));
    assert_eq!((answer, next), (Answer::Success(Vec::new()), Next::Resume));
}

/// ST's password.bin: u32 0x8000_0000, u32 length, characters.
#[test]
fn the_password_file_of_the_vendor_is_one_tlv() {
    let mut file = vec![0, 0, 0, 0x80, 16, 0, 0, 0];
    file.extend(PASSWORD);
    assert_eq!(host::chain(&file), Ok(vec![(tlv::PASSWORD, PASSWORD.to_vec())]));
    assert_eq!(host::chain_entry(tlv::PASSWORD, PASSWORD), file);
    assert_eq!(host::chain(&file[..20]), Err(codes::DA_PACKET));
}

/// Header word 0x0000_0102 of the vendor's chain files, in the order of their bytes.
#[test]
fn a_chain_file_begins_as_the_vendors_do() {
    let entry = host::chain_entry(tlv::CERTIFICATE, &certificate(&Claims::any(Role::Root), 1, 1));
    assert_eq!(entry[..8], [0, 0, 1, 2, 212, 0, 0, 0]);
}

#[test]
fn a_packet_that_is_too_long_is_noticed_at_its_header() {
    let mut receiver = Receiver::new();
    assert_eq!(receiver.word(0x0003_0000), Ok(None));
    assert_eq!(receiver.word(65), Err(TooLong));
}

proptest! {
    #[test]
    fn nothing_that_a_host_sends_panics(packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..6)) {
        for mut session in [by_certificate(), by_password()] {
            for bytes in &packets {
                let (mut response, next) = session.serve(bytes, &mut |_| true, &mut Software);
                prop_assert!(Packet::parse(response.finish()).is_some());
                prop_assert!(!matches!(next, Next::Grant(_)));
            }
        }
    }

    #[test]
    fn what_is_built_is_parsed(ty: u16, value in prop::collection::vec(any::<u8>(), 0..240)) {
        let request = host::present(ty, &value);
        let packet = Packet::parse(&request).expect("a packet");
        let mut tlvs = Tlvs::of(packet.data);
        prop_assert_eq!(tlvs.next(), Some((ty, value.as_slice())));
        prop_assert!(tlvs.is_complete());
    }
}
