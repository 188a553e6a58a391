//! What a description is refused for: the code, and the place that the refusal points at.

use std::collections::BTreeSet;

use ironroot_codes::{ALL, Code, product as codes};
use ironroot_layout::description::{Description, Problem};

/// A description that is accepted.
const BASE: &str = r#"[product]
device = "stm32h7s7"
boot = "oemirot"
execute = "external-flash"
update = "overwrite"
[keys]
sign = "a"
encrypt = "b"
debug = "c"
"#;

/// The choices of STiRoT in place of those of [`BASE`].
const STIROT: [(&str, &str); 2] = [("\"oemirot\"", "\"stirot\""), ("\"external-flash\"", "\"internal-ram\"")];

fn judge(text: &str) -> Result<(), Problem> {
    Description::read("ironroot.toml", text)?.plan().map(|_| ())
}

struct Case {
    code: Code,
    stirot: bool,
    /// What is replaced in the base by what.
    replaced: (&'static str, &'static str),
    /// What is added behind it. The place to blame is in « ».
    added: &'static str,
}

const NOTHING: (&str, &str) = ("", "");

const fn added(code: Code, added: &'static str) -> Case {
    Case { code, stirot: false, replaced: NOTHING, added }
}

const fn replaced(code: Code, from: &'static str, to: &'static str) -> Case {
    Case { code, stirot: false, replaced: (from, to), added: "" }
}

const fn stirot(case: Case) -> Case {
    Case { stirot: true, ..case }
}

const CASES: &[Case] = &[
    added(codes::PRODUCT_SYNTAX, "[slots]\ntrailer =«=» 1\n"),
    added(codes::PRODUCT_UNKNOWN_ENTRY, "[slots]\n«trailler» = 0x2000\n"),
    added(codes::PRODUCT_UNKNOWN_ENTRY, "[slots.installed]\n«start» = 0\n"),
    added(codes::PRODUCT_UNKNOWN_ENTRY, "[«slot»]\n"),
    added(codes::PRODUCT_WRONG_TYPE, "[slots]\ntrailer = «true»\n"),
    added(codes::PRODUCT_WRONG_TYPE, "[slots]\ninstalled = «2»\n"),
    added(codes::PRODUCT_WRONG_TYPE, "[memories]\nram-ecc = «1»\n"),
    replaced(codes::PRODUCT_BAD_VALUE, "\"oemirot\"", "«\"oemi\"»"),
    replaced(codes::PRODUCT_BAD_VALUE, "\"a\"", "«\" \"»"),
    added(codes::PRODUCT_BAD_VALUE, "[slots]\ntrailer = «-1»\n"),
    added(codes::PRODUCT_BAD_VALUE, "[slots]\ntrailer = «\"5G\"»\n"),
    added(codes::PRODUCT_BAD_VALUE, "[slots]\ntrailer = «0x1_0000_0000»\n"),
    added(codes::PRODUCT_BAD_VALUE, "[image]\nversion = «\"1.2\"»\n"),
    added(codes::PRODUCT_BAD_VALUE, "[image]\nversion = «\"256.0.0\"»\n"),
    added(codes::PRODUCT_BAD_VALUE, "[image]\ncounter = «\"later\"»\n"),
    added(codes::PRODUCT_BAD_VALUE, "[clocks]\ncore = «700»\n"),
    added(codes::PRODUCT_BAD_VALUE, "[memories.external-flash]\nwindow = «0x8000_0000»\n"),
    replaced(codes::PRODUCT_ENTRY_MISSING, "[product]\ndevice = \"stm32h7s7\"\n", "[«product»]\n"),
    replaced(codes::PRODUCT_ENTRY_MISSING, "[keys]\nsign = \"a\"\n", "[«keys»]\n"),
    replaced(
        codes::PRODUCT_ENTRY_MISSING,
        "[keys]\nsign = \"a\"\nencrypt = \"b\"\n",
        "[«keys»]\nsign = \"a\"\n",
    ),
    added(codes::PRODUCT_ENTRY_MISSING, "[slots.«data»]\ninstalled = { offset = \"8M\", size = \"1M\" }\n"),
    added(codes::PRODUCT_SAID_TWICE, "[memories]\nram-ecc = true\n[options]\nECC_ON_SRAM = «1»\n"),
    added(codes::PRODUCT_SAID_TWICE, "[options]\nWRPS = «0»\n"),
    added(codes::PRODUCT_SAID_TWICE, "[options]\nIROT_SELECT = «0xB4»\n"),
    Case {
        code: codes::PRODUCT_PATH_PART,
        stirot: false,
        replaced: (
            "\"stm32h7s7\"\nboot = \"oemirot\"\nexecute = \"external-flash\"",
            "\"stm32h7r7\"\nboot = «\"stirot\"»\nexecute = \"internal-ram\"",
        ),
        added: "",
    },
    replaced(
        codes::PRODUCT_PATH_PLACE,
        "\"oemirot\"\nexecute = \"external-flash\"",
        "\"stirot\"\nexecute = «\"external-flash\"»",
    ),
    stirot(replaced(codes::PRODUCT_PATH_UPDATE, "\"overwrite\"", "«\"swap\"»")),
    added(codes::PRODUCT_ENTRY_UNUSED, "[slots.scratch]\nsize = «\"64K\"»\n"),
    added(codes::PRODUCT_ENTRY_UNUSED, "[iloader]\nsize = «\"24K\"»\n"),
    stirot(added(codes::PRODUCT_ENTRY_UNUSED, "[stage]\ncode-room = «\"48K\"»\n")),
    stirot(added(codes::PRODUCT_ENTRY_UNUSED, "[slots]\ntrailer = «0x2000»\n")),
    replaced(codes::PRODUCT_ENTRY_UNUSED, "debug = \"c\"\n", "debug = \"c\"\nstage-sign = «\"d\"»\n"),
    replaced(codes::PRODUCT_MEMORY_MISSING, "\"external-flash\"", "«\"external-ram\"»"),
    added(codes::PRODUCT_OVERLAP, "[slots]\ndownload.offset = «\"1M\"»\n"),
    added(
        codes::PRODUCT_OVERLAP,
        "[memories]\nexternal-flash.window = 0x9000_0000\nexternal-ram = { window = «0x9000_0000», size = \"32M\" }\n",
    ),
    Case {
        code: codes::PRODUCT_OVERLAP,
        stirot: false,
        replaced: ("\"overwrite\"", "\"swap\""),
        added: "[slots.scratch]\noffset = «0x3F_0000»\n",
    },
    added(codes::PRODUCT_ALIGNMENT, "[slots]\ninstalled.offset = «100»\n"),
    added(codes::PRODUCT_ALIGNMENT, "[image]\nheader = «0x500»\n"),
    added(codes::PRODUCT_ALIGNMENT, "[stage]\ncode-room = «\"20K\"»\n"),
    added(codes::PRODUCT_OUT_OF_REACH, "[slots]\ndownload = { offset = \"127M\", size = «\"2M\"» }\n"),
    added(
        codes::PRODUCT_OUT_OF_REACH,
        "[slots]\ndownload = { offset = 0xFFFF_F000, size = «0xFFFF_F000» }\n",
    ),
    added(codes::PRODUCT_OUT_OF_REACH, "[memories]\nexternal-flash.size = «\"257M\"»\n"),
    stirot(added(codes::PRODUCT_OUT_OF_REACH, "[iloader]\noffset = 0xE000\nsize = «\"16K\"»\n")),
    added(codes::PRODUCT_OUT_OF_REACH, "[application]\nram.start = 0x2000_F000\nram.size = «\"8K\"»\n"),
    added(codes::PRODUCT_SLOT_TOO_SMALL, "[slots]\ninstalled.size = «\"12K\"»\ndownload.size = \"12K\"\n"),
    added(codes::PRODUCT_SLOTS_DIFFER, "[slots]\ndownload.size = «\"1M\"»\n"),
    added(codes::PRODUCT_TRAILER, "[slots]\ntrailer = «0x200»\n"),
    Case {
        code: codes::PRODUCT_TRAILER,
        stirot: false,
        replaced: ("\"overwrite\"", "\"swap\""),
        // 4 KB at a time: 513 sectors, and 3 notes for each.
        added: "[slots]\nscratch = { offset = \"4M\", size = \"4K\" }\ntrailer = «0x1000»\n",
    },
    Case {
        code: codes::PRODUCT_INTERNAL_RAM,
        stirot: false,
        replaced: ("\"external-flash\"", "\"internal-ram\""),
        added: "[slots]\ninstalled.size = «\"256K\"»\ndownload = { offset = \"256K\", size = \"256K\" }\n",
    },
    stirot(added(
        codes::PRODUCT_INTERNAL_RAM,
        "[slots]\ninstalled.size = «\"512K\"»\ndownload = { offset = \"512K\", size = \"512K\" }\n",
    )),
    added(codes::PRODUCT_STAGE_TOO_LARGE, "[stage]\ncode-room = «\"72K\"»\n"),
    added(
        codes::PRODUCT_MPU,
        "[slots]\ninstalled.size = «\"2052K\"»\ndownload = { offset = \"4M\", size = \"2052K\" }\n",
    ),
    added(codes::PRODUCT_RESERVED_RAM, "[application]\nram.start = 0x3000_4000\nram.size = «\"16K\"»\n"),
    added(codes::PRODUCT_RAM_CLOSED, "[application]\nram.start = «0x2402_0000»\nram.size = \"4K\"\n"),
    added(
        codes::PRODUCT_DATA_SLOT,
        "[slots.data]\ninstalled = { offset = \"8M\", size = «\"8K\"» }\ndownload = { offset = \"9M\", size = \"8K\" }\n",
    ),
    stirot(added(codes::PRODUCT_HEADER, "[image]\nheader = «0x800»\n")),
    added(codes::PRODUCT_HEADER, "[image]\nheader = «0»\n"),
    added(codes::PRODUCT_CLOCK, "[clocks]\ncore = «400»\n"),
    added(
        codes::PRODUCT_CLOCK,
        "[memories]\nram-ecc = false\n[clocks]\napplication = «600»\nregulator = false\n",
    ),
    added(codes::PRODUCT_NO_WAY_BACK, "[protections]\ndebug = «\"none\"»\n"),
    added(codes::PRODUCT_NO_WAY_BACK, "[protections]\nstate = \"locked\"\ndebug = «\"certificate\"»\n"),
    added(codes::PRODUCT_UNPROTECTED, "[protections]\nwrite-protect = «false»\n"),
    added(codes::PRODUCT_UNPROTECTED, "[protections]\nhide = «false»\n"),
    stirot(added(codes::PRODUCT_LOADER_HIDDEN, "[protections]\nhide = «true»\n")),
    stirot(added(codes::PRODUCT_ENCRYPTION, "[image]\nencrypt = «false»\n")),
    added(codes::PRODUCT_NO_ROOM, "[image]\nheader = «0x1000_0000»\n"),
    added(codes::PRODUCT_NO_ROOM, "[slots]\ntrailer = «\"2M\"»\n"),
    added(codes::PRODUCT_ALIGN, "[image]\nalign = «16»\n"),
    added(codes::PRODUCT_ALIGN, "[image]\nalign = «3»\n"),
];

/// Text without marks, and line and column of the first mark.
fn unmarked(text: &str) -> (String, Option<(usize, usize, usize)>) {
    let place = text.find('«').map(|at| {
        let before = &text[..at];
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        let length = text[at..].find('»').map_or(0, |end| text[at..at + end].chars().count() - 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1, length)
    });
    (text.replace(['«', '»'], ""), place)
}

impl Case {
    fn text(&self) -> String {
        let mut text = BASE.to_owned();
        if self.stirot {
            for (from, to) in STIROT {
                text = text.replace(from, to);
            }
        }
        if self.replaced != NOTHING {
            assert!(text.contains(self.replaced.0), "{:?}", self.replaced);
            text = text.replace(self.replaced.0, self.replaced.1);
        }
        text + self.added
    }
}

#[test]
fn each_refusal_has_its_code_and_points_at_the_entry() {
    judge(BASE).expect("the base is accepted");
    let mut wrong = String::new();
    for case in CASES {
        let (text, place) = unmarked(&case.text());
        let (line, column, length) = place.expect("a case has a mark");
        let Err(problem) = judge(&text) else {
            wrong.push_str(&format!("{} accepted:\n{text}\n", case.code));
            continue;
        };
        let found = problem.place.map(|place| (place.line, place.column, place.length));
        let shown = problem.to_string();
        let head = format!("ironroot.toml:{line}:{column}: {}", case.code);
        if problem.code != case.code || found != Some((line, column, length)) || !shown.starts_with(&head) {
            wrong.push_str(&format!("expected {head}, {length} characters:\n{shown}\n\n"));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_code_of_the_range_has_a_case() {
    let tried: BTreeSet<u16> = CASES.iter().map(|case| case.code.number()).collect();
    let all: BTreeSet<u16> =
        ALL.iter().map(|entry| entry.code.number()).filter(|number| (1901..2000).contains(number)).collect();
    assert_eq!(tried, all);
}

#[test]
fn a_slip_gets_the_name_that_was_meant() {
    for (slip, meant) in [
        ("[slots]\ntrailler = 1\n", "slots.trailer"),
        ("[slots.instaled]\n", "slots.installed"),
        ("[memorie]\n", "memories"),
        ("[memories]\nECC_ON_SRAM = 1\n", "options.ECC_ON_SRAM"),
    ] {
        let problem = judge(&format!("{BASE}{slip}")).expect_err(slip);
        assert_eq!(problem.hint.as_deref(), Some(format!("Did you mean {meant}?").as_str()), "{slip}");
    }
}

#[test]
fn the_other_entry_is_named_with_its_line() {
    let text = format!("{BASE}[memories]\nram-ecc = true\n[options]\nECC_ON_SRAM = 1\n");
    let problem = judge(&text).expect_err("said twice");
    let [(entry, Some(place))] = problem.with[..] else { panic!("{problem}") };
    assert_eq!((entry.path(), place.line), ("memories.ram-ecc", 11));
    assert!(problem.to_string().contains("memories.ram-ecc: line 11"), "{problem}");
}

/// What is not in the file has no line: it is said to be a default, and what is in the file is pointed at.
#[test]
fn a_default_is_not_given_a_line() {
    let refused = |added: &str| judge(&format!("{BASE}{added}")).expect_err(added).to_string();
    let clock = refused("[clocks]\ncore = 400\n");
    assert!(clock.starts_with("ironroot.toml:11:8: IR-1925"), "{clock}");
    assert!(clock.ends_with("   = memories.ram-ecc: not in the file, by default true"), "{clock}");
    assert!(!clock.contains(": line"), "{clock}");
    // The table of the default is there, and says nothing of it.
    let clock = refused("[clocks]\ncore = 400\n[memories]\nexternal-flash.size = \"64M\"\n");
    assert!(clock.ends_with("   = memories.ram-ecc: not in the file, by default true"), "{clock}");
    // The rule blames the certificate, which nobody wrote.
    let locked = refused("[protections]\nstate = \"locked\"\n");
    assert!(locked.starts_with("ironroot.toml:11:9: IR-1926"), "{locked}");
    assert!(locked.ends_with("= protections.debug: not in the file, by default \"certificate\""), "{locked}");
    // And the size of the scratch area, of which only the offset was written.
    let scratch = refused("[slots.scratch]\noffset = \"8M\"\n");
    assert!(
        scratch.starts_with("ironroot.toml:11:10: IR-1910 slots.scratch.offset has no meaning"),
        "{scratch}"
    );
    let stage = refused("[stage]\ncode-room = \"48K\"\ndownload.offset = \"1M\"\n");
    assert!(
        stage.starts_with("ironroot.toml:12:19: IR-1910 stage.download.offset has no meaning"),
        "{stage}"
    );
    let reach = refused("[slots]\ndownload.offset = \"127M\"\n");
    assert!(reach.starts_with("ironroot.toml:11:19: IR-1914"), "{reach}");
    // Nothing in the file has a part in it: the file alone is named.
    let key = judge(&BASE.replace("[keys]\nsign = \"a\"\nencrypt = \"b\"\ndebug = \"c\"\n", ""))
        .expect_err("no keys");
    assert_eq!(
        (key.code, key.place, key.at()),
        (codes::PRODUCT_ENTRY_MISSING, None, "ironroot.toml".to_owned())
    );
    assert!(key.excerpt().starts_with("= product.boot: line 3"), "{key}");
}

/// The entry that takes the room is blamed, and not the slot that would have to be as large as it.
#[test]
fn a_header_or_trailer_without_room_is_what_is_refused() {
    let refused = |added: &str| judge(&format!("{BASE}{added}")).expect_err(added);
    let header = refused("[image]\nheader = 0x10000000\n");
    assert_eq!(header.code, codes::PRODUCT_NO_ROOM);
    assert!(
        header.message.starts_with("image.header takes 262144 KB of each slot, which has 2048 KB"),
        "{header}"
    );
    assert!(header.code.entry().is_some_and(|entry| entry.remedy.contains("remove it")), "{header}");
    // The larger of the two.
    let both = refused("[slots]\ntrailer = \"4M\"\n[image]\nheader = \"3M\"\n");
    assert!(both.message.starts_with("slots.trailer takes"), "{both}");
    // Both are as usual: it is the slot.
    let slot = refused("[slots]\ninstalled.size = \"12K\"\ndownload.size = \"12K\"\n");
    assert_eq!(slot.code, codes::PRODUCT_SLOT_TOO_SMALL);
}

#[test]
fn no_text_makes_it_panic() {
    // Every prefix and every text with one byte replaced: grammar, places and rules see nonsense of every kind.
    let text = format!(
        "{BASE}[slots]\ninstalled = {{ offset = \"1M\", size = 0x10_0000 }}\n[image]\nversion = \"1.2.3+4\"\n"
    );
    for end in 0..text.len() {
        let _ = text.get(..end).map(judge);
        for byte in ['"', '\n', '[', '9', '=', '\u{e9}', '\t', '}'] {
            let (Some(before), Some(after)) = (text.get(..end), text.get(end + 1..)) else { continue };
            let _ = judge(&format!("{before}{byte}{after}"));
        }
    }
}
