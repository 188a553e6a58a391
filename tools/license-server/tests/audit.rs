//! The audit log: whatever is changed in it shows.

mod common;

use std::time::Duration;

use common::*;
use ironroot_codes::licence as codes;
use ironroot_license_server::audit::{self, Event, Head};

fn a_log() -> String {
    let owner = Owner::new(None);
    owner.register(3);
    let server = owner.start();
    let client = owner.client(&server, &owner.station(SITE, 1), Duration::from_secs(2));
    for seed in [1, 2, 1, 3, 4] {
        let _ = client.licence(&certificate(seed), FIRMWARE, PACKAGE);
    }
    String::from_utf8(owner.log()).expect("text")
}

#[test]
fn every_changed_byte_every_missing_and_every_swapped_entry_is_found() {
    let log = a_log();
    assert_eq!(audit::verify(log.as_bytes()).expect("intact").entries, 7);
    let bytes = log.as_bytes();
    for at in 0..bytes.len() {
        let mut bad = bytes.to_vec();
        bad[at] ^= 1;
        // A changed line break joins two lines; a changed space inside the JSON of the entry itself would be harmless, but
        // there is none.
        let outcome = audit::verify(bad.as_slice());
        assert_eq!(outcome.expect_err("must be found").code, codes::AUDIT_BROKEN, "byte {at}");
    }
    let lines: Vec<&str> = log.lines().collect();
    for gone in 0..lines.len() - 1 {
        let mut rest = lines.clone();
        rest.remove(gone);
        let outcome = audit::verify(rest.join("\n").as_bytes());
        assert_eq!(outcome.expect_err("must be found").code, codes::AUDIT_BROKEN, "line {gone}");
    }
    let mut swapped = lines.clone();
    swapped.swap(3, 4);
    assert_eq!(
        audit::verify(swapped.join("\n").as_bytes()).expect_err("must be found").code,
        codes::AUDIT_BROKEN
    );
    // Cut off at the end: the chain alone cannot know; the hash of the last entry tells.
    let shorter = audit::verify(lines[..6].join("\n").as_bytes()).expect("a chain");
    assert_ne!(shorter.head, audit::verify(log.as_bytes()).expect("intact").head);
}

#[test]
fn an_intact_chain_that_records_too_many_licences_is_found() {
    let quota = |granted| Event::QuotaCreated {
        time: 0,
        firmware: "f".into(),
        site: "s".into(),
        granted,
        expires: None,
    };
    let issued = |device: &str, serial| Event::Issued {
        time: 0,
        request: "r".into(),
        firmware: "f".into(),
        site: "s".into(),
        station: "t".into(),
        device: device.into(),
        serial,
        licence_sha256: String::new(),
    };
    let log = |events: &[Event]| {
        let mut head = Head::default();
        let lines: Vec<_> = events
            .iter()
            .map(|event| serde_json::to_string(&head.append(event).expect("appended")).expect("JSON"))
            .collect();
        audit::verify(lines.join("\n").as_bytes()).map_err(|error| error.code)
    };
    assert!(log(&[quota(2), issued("a", 1), issued("b", 2)]).is_ok());
    for events in [
        [quota(1), issued("a", 1), issued("b", 2)],
        [quota(2), issued("a", 1), issued("a", 2)],
        [quota(2), issued("a", 1), issued("b", 1)],
    ] {
        assert_eq!(log(&events), Err(codes::AUDIT_OVERRUN));
    }
}
