//! Scripts of every layout, made at random: what comes out is known to the byte.

use std::path::Path;

use super::*;

fn plan(example: &str) -> Plan {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/h7s").join(example);
    crate::product::read(&path).expect("an example").plan
}

fn adapted(text: &str) -> Result<Adapted> {
    let plan = plan("oemirot-external-ram.toml");
    adapt(text, &Wanted { include: "ironroot_app.ld", flash: None, plan: &plan })
}

const NEW: &str = "ORIGIN = PARTITION_START + CODE_OFFSET + IMAGE_HEADER_SIZE, LENGTH = CODE_SIZE";

/// xorshift64*: no more is needed to shuffle.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % limit
    }

    fn of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }

    /// What may stand between two words, at least a blank.
    fn gap(&mut self) -> &'static str {
        self.of(&[
            " ",
            "  ",
            "\t",
            "\n",
            "\r\n  ",
            " /* a */ ",
            "\n/* RAM : o = 1, l = 2 } MEMORY { */\n",
            " # } MEMORY {\n",
        ])
    }

    /// The same, or nothing.
    fn may(&mut self) -> &'static str {
        if self.below(2) == 0 { "" } else { self.gap() }
    }
}

/// A script, and what it must become.
#[derive(Default)]
struct Pair {
    old: String,
    new: String,
}

impl Pair {
    fn both(&mut self, text: &str) {
        self.old.push_str(text);
        self.new.push_str(text);
    }

    fn change(&mut self, old: &str, new: &str) {
        self.old.push_str(old);
        self.new.push_str(new);
    }
}

/// Entries that stay, with what they may be made of; every memory of the product is open or none of our business.
const STAY: [(&str, &str); 6] = [
    ("0x24000000", "456K"),
    ("AXI", "AXI_SIZE - 0x20 * (1 + 1)"),
    ("0x90000000 + 0", "DEFINED(X) ? 4 : 8"),
    ("ORIGIN(FLASH) + LENGTH(FLASH)", "4K"),
    ("UNKNOWN", "1M/4"),
    ("MAX(0x24000000, AXI)", "LENGTH (FLASH)"),
];
const OLD_FLASH: [(&str, &str); 4] = [
    ("0x08000000", "64K"),
    ("__FLASH", "__FLASH_SIZE - (4 + 4)"),
    ("PARTITION_START + CODE_OFFSET + IMAGE_HEADER_SIZE", "CODE_SIZE - IMAGE_HEADER_SIZE"),
    ("(ORIGIN(AXI) | 4) << 2", "ALIGN(0x100, 4) & ~3"),
];

fn script(random: &mut Random) -> Pair {
    let mut pair = Pair::default();
    for _ in 0..random.below(4) {
        let text = random.of(&[
            "ENTRY(Reset_Handler)",
            "AXI = 0x24000000;",
            "AXI_SIZE = 0x1000;/* MEMORY { FLASH : ORIGIN = 1, LENGTH = 2 } */",
            "ASSERT(1 == 1, \"MEMORY { FLASH : ORIGIN = 1, LENGTH = 2 }\")",
            "PROVIDE(x = .);",
            "/* MEMORY\n{ FLASH : ORIGIN = 1, LENGTH = 2 }\n*/",
        ]);
        pair.both(text);
        pair.both(random.gap());
    }
    // INCLUDE gets a line of its own in front of MEMORY.
    let line = pair.old.rsplit('\n').next().unwrap_or_default().trim().is_empty();
    let start = match line {
        true => pair.old.rfind('\n').map_or(0, |at| at + 1),
        false => pair.old.len(),
    };
    let mut include = Pair::default();
    std::mem::swap(&mut pair, &mut include);
    let (front, blank) = include.old.split_at(start);
    pair.old = include.old.clone();
    let marker = "\u{1}";
    pair.new = match line {
        true => format!("{front}INCLUDE ironroot_app.ld{marker}{blank}"),
        false => format!("{front}{marker}INCLUDE ironroot_app.ld{marker}"),
    };

    pair.both("MEMORY");
    pair.both(random.may());
    pair.both("{");
    let flash = random.below(4);
    for index in 0..4 {
        pair.both(random.gap());
        let name = if index == flash { "FLASH" } else { ["AXI_RAM", "SRAM2", "_b.c$", "X1"][index] };
        match random.below(5) {
            0 => pair.both(&format!("\"{name}\"")),
            _ => pair.both(name),
        }
        pair.both(random.gap());
        let attributes = random.of(&["", "(rx)", "(xrw)", "( r w !x )", "(!R)"]);
        pair.both(attributes);
        pair.both(random.may());
        pair.both(":");
        pair.both(random.gap());
        pair.both(random.of(&["ORIGIN", "org", "o"]));
        pair.both(random.may());
        pair.both("=");
        pair.both(random.may());
        let of = if index == flash { &OLD_FLASH[..] } else { &STAY[..] };
        let (origin, length) = of[random.below(of.len())];
        match index == flash {
            true => pair.change(origin, FLASH[0]),
            false => pair.both(origin),
        }
        pair.both(random.may());
        pair.both(random.of(&[",", " "]));
        pair.both(random.may());
        pair.both(random.of(&["LENGTH", "len", "l"]));
        pair.both(random.may());
        pair.both("=");
        pair.both(random.may());
        match index == flash {
            true => pair.change(length, FLASH[1]),
            false => pair.both(length),
        }
        pair.both(random.of(&[",", " ", " ", " "]));
    }
    pair.both(random.may());
    pair.both("}");
    pair.both(random.of(&[
        "",
        "\nSECTIONS { .text : { *(.text*) } > FLASH /* MEMORY { */ }\n",
        "SECTIONS { .text : { KEEP(*lib/*.o(.text)) *(.rodata) /* } */ . = ALIGN(4); _e = .; } >FLASH }",
        "\n_estack = ORIGIN(X1) + LENGTH(X1);",
    ]));
    let end = if pair.old.contains("\r\n") { "\r\n" } else { "\n" };
    pair.new = pair.new.replace(marker, end);
    pair
}

#[test]
fn only_what_is_meant_is_replaced_whatever_the_layout() {
    let mut random = Random(0x1234_5678_9ABC_DEF1);
    let plan = plan("oemirot-external-ram.toml");
    let wanted = Wanted { include: "ironroot_app.ld", flash: None, plan: &plan };
    for round in 0..4000 {
        let pair = script(&mut random);
        let found = adapt(&pair.old, &wanted).unwrap_or_else(|failure| panic!("{failure}\n{}", pair.old));
        assert_eq!(found.text, pair.new, "round {round}: {}", pair.old);
        let again = adapt(&found.text, &wanted).expect("what was adapted is understood");
        assert_eq!(again.text, found.text, "round {round}");
    }
}

/// Whatever a script has become by accident: refused with the code, or changed in values only, and only once.
#[test]
fn a_damaged_script_is_refused_or_adapted_but_never_garbled() {
    let mut random = Random(0x0F1E_2D3C_4B5A_6978);
    let plan = plan("oemirot-external-ram.toml");
    let wanted = Wanted { include: "ironroot_app.ld", flash: None, plan: &plan };
    let mut refused = 0;
    for _ in 0..6000 {
        let mut text = script(&mut random).old;
        for _ in 0..=random.below(3) {
            let at = random.below(text.len());
            if random.below(2) == 0 {
                text.remove(at);
            } else {
                let with = random.of(&[
                    "{", "}", "/*", "*/", "\"", "(", ")", ",", ":", "=", ";", "MEMORY", "\u{e9}", "<<",
                ]);
                text.insert_str(at, with);
            }
        }
        match adapt(&text, &wanted) {
            Err(failure) => {
                assert_eq!(failure.code, input::LINKER_SCRIPT, "{text}");
                refused += 1;
            }
            Ok(found) => {
                let again =
                    adapt(&found.text, &wanted).unwrap_or_else(|failure| panic!("{failure}\n{}", found.text));
                assert_eq!(again.text, found.text, "{text}");
                // Every byte outside of values is there in its order.
                let (old, new) = (skeleton(&text), skeleton(&found.text));
                assert_eq!(
                    new.replace("INCLUDEironroot_app.ld", ""),
                    old.replace("INCLUDEironroot_app.ld", ""),
                    "{text}"
                );
            }
        }
    }
    assert!(
        (600..5900).contains(&refused),
        "{refused} of 6000 refused: the damage is too weak or too strong"
    );
}

/// A script without blanks and without what the memory for code is given.
fn skeleton(text: &str) -> String {
    let script = parse::read(text).expect("it was adapted");
    let flash = script.entries.iter().find(|entry| entry.name == "FLASH").expect("it was adapted");
    let mut kept = String::new();
    let mut at = 0;
    for value in [&flash.origin, &flash.length] {
        kept.push_str(&text[at..value.span.start]);
        kept.push('=');
        at = value.span.end;
    }
    kept.push_str(&text[at..]);
    kept.retain(|c| !c.is_whitespace());
    kept
}

#[test]
fn a_script_on_one_line_loses_nothing() {
    let old = "MEMORY { FLASH (rx) : ORIGIN = 0x08000000, LENGTH = 64K RAM (xrw) : ORIGIN = 0x24000000, LENGTH = 456K }";
    let found = adapted(old).expect("understood");
    let new = format!(
        "INCLUDE ironroot_app.ld\nMEMORY {{ FLASH (rx) : {NEW} RAM (xrw) : ORIGIN = 0x24000000, LENGTH = 456K }}"
    );
    assert_eq!(found.text, new);
}

#[test]
fn a_new_value_stays_a_word_of_its_own() {
    let found = adapted("MEMORY { FLASH : o=(4)l=(8)RAM : o = 0x24000000, l = 4K }").expect("understood");
    let new = format!("FLASH : o={} l={} RAM : o = 0x24000000, l = 4K }}", FLASH[0], FLASH[1]);
    assert!(found.text.ends_with(&new), "{}", found.text);
}

#[test]
fn a_comment_is_no_command() {
    let comment = "/* MEMORY { FLASH : ORIGIN = 1, LENGTH = 2 } */\n";
    let found = adapted(&format!("{comment}MEMORY {{ FLASH : ORIGIN = 0x08000000, LENGTH = 64K }}\n"));
    assert_eq!(
        found.expect("understood").text,
        format!("{comment}INCLUDE ironroot_app.ld\nMEMORY {{ FLASH : {NEW} }}\n")
    );
    assert_eq!(adapted(comment).unwrap_err().code, input::LINKER_SCRIPT);
}

#[test]
fn what_is_not_understood_is_refused() {
    for (script, line) in [
        ("SECTIONS { }", ""),
        ("MEMORY { }", ""),
        ("MEMORY { RAM : o = 1, l = 2 }", ""),
        ("MEMORY\n{\nFLASH : ORIGIN = 1\n}", "line 4"),
        ("MEMORY { FLASH : ORIGIN = 1, LENGTH = }", "line 1"),
        ("MEMORY { FLASH : ORIGIN = 1, LENGTH = 2 ; }", "line 1"),
        ("MEMORY { FLASH (rx : ORIGIN = 1, LENGTH = 2 }", "line 1"),
        ("MEMORY { FLASH : ORIGIN = 1, LENGTH = 2", "line 1"),
        ("MEMORY { FLASH : LENGTH = 1, ORIGIN = 2 }", "line 1"),
        ("MEMORY { FLASH : Origin = 1, Length = 2 }", "line 1"),
        ("MEMORY { FLASH-1 : ORIGIN = 1, LENGTH = 2 }", "line 1"),
        ("MEMORY { FLASH : ORIGIN = 1, LENGTH = MACRO(2) }", "line 1"),
        ("MEMORY { FLASH : ORIGIN = 1, LENGTH = 2 FLASH : ORIGIN = 1, LENGTH = 2 }", "line 1"),
        ("MEMORY { FLASH : ORIGIN = 1, LENGTH = 2\n ROM : ORIGIN = 1, LENGTH = 2 }", "line 2"),
        ("MEMORY { FLASH : ORIGIN = 1, LENGTH = 2 } /*", "line 1"),
        ("MEMORY { FLASH : ORIGIN = 1, LENGTH = 2 } }", "line 1"),
        ("MEMORY { FLASH : ORIGIN = 1, LENGTH = 2 }\nCODE_SIZE = 4;", "line 2"),
        // By the one reading a MEMORY, by the other a comment in an expression.
        ("SECTIONS { .a : { LONG(4/* } } MEMORY { FLASH : o = 7, l = 8 } SECTIONS { x { */) } }", "line 1"),
    ] {
        let refused = adapted(script).unwrap_err();
        assert_eq!(refused.code, input::LINKER_SCRIPT, "{script}");
        assert!(refused.cause.contains(line), "{script}: {}", refused.cause);
    }
}

#[test]
fn the_memory_for_code_may_be_named() {
    let plan = plan("oemirot-external-ram.toml");
    let old = "MEMORY { ROM : o = 1, l = 2 APP : o = 3, l = 4 }";
    for (flash, new) in [
        (Some("APP"), format!("MEMORY {{ ROM : o = 1, l = 2 APP : o = {}, l = {} }}", FLASH[0], FLASH[1])),
        (None, format!("MEMORY {{ ROM : o = {}, l = {} APP : o = 3, l = 4 }}", FLASH[0], FLASH[1])),
    ] {
        let found =
            adapt(old, &Wanted { include: "ironroot_app.ld", flash, plan: &plan }).expect("understood");
        assert_eq!(found.text, format!("INCLUDE ironroot_app.ld\n{new}"));
    }
    let refused =
        adapt(old, &Wanted { include: "ironroot_app.ld", flash: Some("NO"), plan: &plan }).unwrap_err();
    assert_eq!(refused.code, input::LINKER_SCRIPT);
}

#[test]
fn each_memory_says_what_became_of_it() {
    let plan = plan("stirot.toml");
    let script = "\
A = 0x20000000;
MEMORY {
  FLASH : ORIGIN = 1, LENGTH = 2
  RAM : ORIGIN = A, LENGTH = 64K - 4
  FLAG : ORIGIN = 0x30007FA0, LENGTH = 0x20
  AHB : ORIGIN = 0x30004000, LENGTH = 16K
  ALL : ORIGIN = 0x30007E00, LENGTH = 0x200
  DTCM : ORIGIN = A, LENGTH = 64K
  UNKNOWN : ORIGIN = NOWHERE, LENGTH = 4
  AXI : ORIGIN = 0x24000000, LENGTH = 4K
}
top = ORIGIN(DTCM) + LENGTH(DTCM);
";
    let found =
        adapt(script, &Wanted { include: "ironroot_app.ld", flash: None, plan: &plan }).expect("understood");
    let expected = script
        .replace("MEMORY", "INCLUDE ironroot_app.ld\nMEMORY")
        .replace("ORIGIN = 1, LENGTH = 2", NEW)
        .replace("ORIGIN = A, LENGTH = 64K - 4", "ORIGIN = IRONROOT_RAM_START, LENGTH = IRONROOT_RAM_SIZE")
        .replace("0x30004000, LENGTH = 16K", "0x30004000, LENGTH = 0x3e00");
    assert_eq!(found.text, expected);
    let notes = found.notes.join("\n");
    for note in [
        "FLASH: follows the product description",
        "RAM: moved to the memory that is open",
        "FLAG: left as it is: the confirmation flag",
        "AHB: ends before the memory shared",
        "AHB: RAM lies there now",
        "ALL: left as it is; ",
        "(used in line 12)",
        "UNKNOWN: left as it is; its values do not follow",
        "AXI: left as it is; ",
    ] {
        assert!(notes.contains(note), "{note} is not in\n{notes}");
    }
    let again = adapt(&found.text, &Wanted { include: "ironroot_app.ld", flash: None, plan: &plan })
        .expect("understood");
    assert!(
        again.notes.iter().any(|note| note == "RAM: follows the product description already"),
        "{:?}",
        again.notes
    );
    assert_eq!(again.text, found.text);
}
