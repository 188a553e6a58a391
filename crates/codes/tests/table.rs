//! The table is what documentation and scripts rely on: unique, complete, in range.

use std::collections::HashSet;

use ironroot_codes::{ALL, Code, Exit, boot, image, input};

#[test]
fn numbers_ascend_and_names_are_unique() {
    assert!(ALL.windows(2).all(|pair| pair[0].code < pair[1].code), "not strictly ascending");
    // The parser and the tool may refuse the same thing at different times, but never under one name.
    let mut names = HashSet::new();
    for entry in ALL {
        assert!(names.insert(entry.name), "{} appears twice", entry.name);
    }
}

#[test]
fn every_entry_is_complete() {
    for entry in ALL {
        let number = entry.code.number();
        assert!(matches!(number / 1000, 1..=9), "{number} is in no range");
        assert!(
            entry.name.split('-').all(|word| {
                !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
            }),
            "{} is not kebab-case",
            entry.name
        );
        assert!(
            !entry.summary.is_empty() && !entry.summary.ends_with('.'),
            "{}: summary is a heading",
            entry.name
        );
        for text in [entry.cause, entry.consequence, entry.remedy] {
            assert!(text.len() > 10 && text.ends_with('.'), "{}: {text:?} is no sentence", entry.name);
        }
        assert_ne!(entry.exit, Exit::Ok, "{}: a refusal never ends with 0", entry.name);
    }
}

#[test]
fn lookup_finds_every_entry_and_nothing_else() {
    for entry in ALL {
        assert_eq!(entry.code.entry(), Some(entry));
    }
    assert_eq!(Code::from_number(0).entry(), None);
    assert_eq!(Code::from_number(u16::MAX).entry(), None);
    assert_eq!(image::BAD_MAGIC.entry().map(|entry| entry.name), Some("bad-magic"));
    assert_eq!(boot::SLOT_EMPTY.entry().map(|entry| entry.exit.code()), Some(4));
    assert_eq!(input::USAGE.entry().map(|entry| entry.exit), Some(Exit::Usage));
}

#[test]
fn codes_are_read_as_they_are_shown() {
    assert_eq!(image::BAD_MAGIC.to_string(), "IR-2003");
    for text in ["IR-2003", "ir-2003", "2003"] {
        assert_eq!(text.parse(), Ok(image::BAD_MAGIC), "{text}");
    }
    for text in ["", "IR-", "203", "20031", "+203", "IR2003", "IR-IR-2003", "-2003", "IR-20x3", "\u{e9}-2003"]
    {
        assert!(text.parse::<Code>().is_err(), "{text:?} was taken");
    }
}
