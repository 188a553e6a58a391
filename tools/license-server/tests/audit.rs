//! The audit log: whatever is changed in it shows.

mod common;

use std::time::Duration;

use common::*;
use ironroot_codes::licence as codes;
use ironroot_license_server::audit::{self, Event, Head, Known};

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
}

#[test]
fn a_log_that_was_cut_off_is_found_by_whoever_knows_its_end() {
    let log = a_log();
    let lines: Vec<&str> = log.lines().collect();
    let head = audit::verify(log.as_bytes()).expect("intact").head;
    let hash = |entry: usize| {
        serde_json::from_str::<serde_json::Value>(lines[entry - 1]).expect("JSON")["hash"]
            .as_str()
            .expect("text")
            .to_owned()
    };
    assert_eq!(head, hash(7));
    let code = |count: usize, known: Known| {
        audit::verify_known(lines[..count].join("\n").as_bytes(), &known)
            .map(|_| ())
            .map_err(|error| error.code)
    };
    let last = |hash: &str| Known { last_hash: Some(hash.to_owned()), ..Known::default() };
    let entries = |count| Known { entries: Some(count), ..Known::default() };
    let earlier = |entry| Known { earlier_hash: Some(hash(entry)), ..Known::default() };
    for known in [last(&head), last(&head.to_uppercase()), entries(7), earlier(3), earlier(7)] {
        assert_eq!(code(7, known.clone()), Ok(()), "{known:?}");
    }
    // A chain it is all the same: without what is known nobody sees it.
    assert_eq!(code(6, Known::default()), Ok(()));
    for (count, known) in [
        (6, last(&head)),
        (6, entries(7)),
        (6, earlier(7)),
        (7, last(&hash(6))),
        (7, entries(6)),
        (7, last("")),
    ] {
        assert_eq!(code(count, known.clone()), Err(codes::AUDIT_SHORTENED), "{count}: {known:?}");
    }
    // Nothing at all is no log.
    for nothing in ["", "\n"] {
        assert_eq!(audit::verify(nothing.as_bytes()).expect_err("no log").code, codes::AUDIT_BROKEN);
    }
}

/// What never ends its line is given up before it fills the memory.
#[test]
fn a_line_without_end_is_refused() {
    struct Counted(u64);
    impl std::io::Read for Counted {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            into.fill(0);
            self.0 += into.len() as u64;
            assert!(self.0 < 1_000_000, "it reads on and on");
            Ok(into.len())
        }
    }
    let outcome = audit::verify(std::io::BufReader::new(Counted(0)));
    assert_eq!(outcome.expect_err("no line").code, codes::AUDIT_BROKEN);
}

#[test]
fn a_firmware_that_was_removed_takes_its_quotas_along_and_no_licences() {
    let quota = |granted| Event::QuotaCreated {
        time: 0,
        firmware: "f".into(),
        site: "s".into(),
        granted,
        expires: None,
    };
    let removed = || Event::FirmwareRemoved { time: 0, firmware: "f".into(), package: String::new() };
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
    let outcome = |events: &[Event]| audit::verify(of(events).as_bytes()).map_err(|error| error.code);
    assert_eq!(outcome(&[quota(5), removed()]).expect("intact").quotas, []);
    assert!(outcome(&[quota(5), removed(), quota(1), issued("a", 1)]).is_ok());
    for events in [
        vec![quota(5), removed(), issued("a", 1)],
        vec![quota(5), removed(), quota(1), issued("a", 1), issued("b", 2)],
        vec![quota(5), issued("a", 1), removed()],
    ] {
        assert_eq!(outcome(&events), Err(codes::AUDIT_OVERRUN));
    }
}

/// A log of these events.
fn of(events: &[Event]) -> String {
    let mut head = Head::default();
    let line = |event| serde_json::to_string(&head.append(event).expect("appended")).expect("JSON");
    events.iter().map(line).collect::<Vec<_>>().join("\n")
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
    let log = |events: &[Event]| audit::verify(of(events).as_bytes()).map_err(|error| error.code);
    assert!(log(&[quota(2), issued("a", 1), issued("b", 2)]).is_ok());
    for events in [
        [quota(1), issued("a", 1), issued("b", 2)],
        [quota(2), issued("a", 1), issued("a", 2)],
        [quota(2), issued("a", 1), issued("b", 1)],
    ] {
        assert_eq!(log(&events), Err(codes::AUDIT_OVERRUN));
    }
}
