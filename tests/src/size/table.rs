//! The page docs/size-and-speed.md, and the verdict.

use std::fmt::Write;

use super::{VARIANTS, calls, cold, h7rs, parts, speed, stack};

/// The page, and what exceeds its gate.
pub struct Report {
    /// Markdown.
    pub page: String,
    /// One line for each gate that is not met; empty is good.
    pub exceeded: Vec<String>,
}

const INTRODUCTION: &str = "\
# Size and speed

Made by `cargo xtask size --write`; `cargo xtask size` and `cargo xtask test` check it against the gates in
`tests/src/size.rs` and the files in `tests/src/size`. Bytes are those in flash: code, constants, vector table. Instructions are
counted on the virtual core and are the same on every host. The stack is the deepest of a boot that installs an image and
starts it.

The C reference is MCUboot with its smallest crypto library; its figures are the published ones of the bare loader, without
what it leaves to its platform. The column `loader` counts ours in the same way: all of `secure-boot` but start-up, slots and
console, the flash and counter drivers, and the vector table. Ours has in it what the reference has not: the key store, the
hand-off record, a signature that is verified twice, and constants of the platform. The column `program` is all of it.

A gate is what a build must not exceed, and may only be lowered.

";

const LEGEND: &str = "
Whose the bytes are is told by source line: the linker inlines across crates.

## What is library and what is ours

No cryptography here is our own: P-256, its verification and its key agreement, is `p256-cm4` 0.4.0, SHA-256 with HMAC and HKDF
is `hmac-sha256` 1.1.15, AES is `aes`, each as it is published. Ours is what stands around them: strict DER, the order of
bytes, and the counter of AES-CTR. On the host all of it is RustCrypto, which is the oracle for the device's, with Project
Wycheproof's vectors, on the virtual core (`tests/tests/device_crypto.rs`).

What was measured for each, against what the secure boot had of its own until then:

| library | bytes | instructions | |
|---|---:|---:|---|
| `p256-cm4` 0.4.0, verification | +1672 | 692,194 a verification | used, with its multiplication for squares: 524 bytes less, 735,996 instructions |
| `p256-cm4` 0.4.0, key agreement | about +450 | 736,167 a key (with HKDF) | used |
| `hmac-sha256` 1.1, `s` | +1104 | 40.5 a byte | used |
| `hmac-sha256` 1.1, 3 | +1464 | 37.1 a byte | larger |
| `sha2` 0.11 `compress256`, compact, `s` | -644 | 70.8 a byte | too slow |
| `sha2` 0.11 `compress256`, compact, 3 | -420 | 66.5 a byte | too slow |
| `sha2` 0.11 `compress256`, unrolled, `s` | +6036 | not counted | too large |

The libraries index, and the compiler keeps a bounds check where it cannot see the reason why it never fails: the last column
of the first table. `tests/src/size/unreachable.rs` lists each by line and version, with the proof. A check that is not on
the list fails the tests, as does another version. The panic itself is a jump to the refusal that the record shows as
`IR-9001`; no text of a panic is linked.

The key agreement loads from a table at an index that is part of the device's private key. The table is on the stack, and the
stack of secure boot is in DTCM (`layout` asserts it), which is not cached: the access takes the same time whatever the
address is. The entries are 96 bytes apart, so each begins in the same of DTCM's two banks. No stage of ours switches the
data cache on either.
";

const STAGES: &str = "
## Programs of the STM32H7R/7S

Every configuration of the boot stage: where the application runs, how an update gets in, with the crypto blocks or in software;
`oemurot` is the second stage under STiRoT. The gate of system flash and iLoader is the window that each is linked into.

| program | bytes | gate | bounds checks of libraries |
|---|---:|---:|---:|
";

const COLD_BOOTS: &str = "
## Cold boots of the STM32H7R/7S

From power-on to the application's first instruction, through our whole system flash, the image installed and not encrypted in
its slot but by the MCE where the part has it. Virtual time is at the clocks that the firmware sets; what the crypto blocks and the
external memories wait in it is an estimate, not a measurement of silicon.

| path | cryptography | application | instructions | gate | virtual time |
|---|---|---:|---:|---:|---:|
";

/// Measures everything.
pub fn report() -> Report {
    let mut exceeded = Vec::new();
    let mut page = INTRODUCTION.to_owned();
    let measured: Vec<_> = VARIANTS.iter().map(|variant| parts::measure(&variant.elf())).collect();

    page.push_str("## Bytes and stack\n\n| build | loader | gate | program | gate | C reference | stack | bounds checks of libraries |\n|---|---:|---:|---:|---:|---:|---:|---:|\n");
    for (variant, sizes) in VARIANTS.iter().zip(&measured) {
        let panics = calls::panics(&variant.elf());
        let _ = writeln!(
            page,
            "| {} | {} | {} | {} | {} | {} | {} | {} |",
            variant.what,
            sizes.loader(),
            variant.loader_gate,
            sizes.total,
            variant.gate,
            variant.reference,
            stack::deepest(variant),
            panics.unreachable.len()
        );
        exceeded.extend(panics.reachable.iter().map(|panic| format!("{}: a panic: {panic}", variant.name)));
        for (what, size, gate) in
            [("loader", sizes.loader(), variant.loader_gate), ("program", sizes.total, variant.gate)]
        {
            if size > gate {
                exceeded.push(format!("{}, {what}: {size} bytes, the gate is {gate}", variant.name));
            }
        }
    }

    stages(&mut page, &mut exceeded);

    page.push_str("\n## What each part costs\n\n| part |");
    VARIANTS.iter().for_each(|variant| page.extend([" ", variant.name, " |"]));
    page.push_str("\n|---|");
    page.push_str(&"---:|".repeat(VARIANTS.len()));
    let mut names: Vec<&str> =
        measured.iter().flat_map(|sizes| &sizes.parts).map(|(name, _)| *name).collect();
    let largest = |name: &str| {
        let sizes = measured.iter().flat_map(|sizes| &sizes.parts);
        sizes.filter(|(part, _)| *part == name).map(|(_, size)| *size).max()
    };
    names.sort_by_key(|name| std::cmp::Reverse(largest(name)));
    names.dedup();
    for name in names {
        let _ = write!(page, "\n| {name} |");
        for sizes in &measured {
            let size = sizes.parts.iter().find(|(part, _)| *part == name).map_or(0, |(_, size)| *size);
            let _ = write!(page, " {size} |");
        }
    }
    page.push('\n');
    page.push_str(LEGEND);

    page.push_str(
        "\n## Instructions\n\n| operation | instructions | gate | C reference |\n|---|---:|---:|---:|\n",
    );
    for figure in speed::figures() {
        let number = |value: f64| if value < 1000.0 { format!("{value:.1}") } else { format!("{value:.0}") };
        let gate = figure.gate.map_or(String::new(), number);
        let _ = writeln!(
            page,
            "| {} | {} | {gate} | {} |",
            figure.what,
            number(figure.instructions),
            figure.reference
        );
        if figure.gate.is_some_and(|gate| figure.instructions > gate) {
            exceeded.push(format!(
                "{}: {} instructions, the gate is {gate}",
                figure.what,
                number(figure.instructions)
            ));
        }
    }
    cold_boots(&mut page, &mut exceeded);
    Report { page, exceeded }
}

/// The programs of the STM32H7R/7S.
fn stages(page: &mut String, exceeded: &mut Vec<String>) {
    page.push_str(STAGES);
    for program in h7rs::programs() {
        let h7rs::Program { name, size, gate, panics } = program;
        let _ = writeln!(page, "| {name} | {size} | {gate} | {} |", panics.unreachable.len());
        if size > gate {
            exceeded.push(format!("{name}: {size} bytes, the gate is {gate}"));
        }
        exceeded.extend(panics.reachable.iter().map(|panic| format!("{name}: a panic: {panic}")));
    }
}

/// What the boot paths of the STM32H7R/7S take.
fn cold_boots(page: &mut String, exceeded: &mut Vec<String>) {
    page.push_str(COLD_BOOTS);
    for boot in cold::boots() {
        let cold::ColdBoot { what, hardware, size, instructions, microseconds, limit } = boot;
        let crypto = if hardware { "hardware" } else { "software" };
        let milliseconds = microseconds as f64 / 1000.0;
        let _ = writeln!(
            page,
            "| {what} | {crypto} | {} KB | {instructions} | {limit} | {milliseconds:.1} ms |",
            size / 1024
        );
        if instructions > limit {
            exceeded.push(format!("{what}: {instructions} instructions, the gate is {limit}"));
        }
    }
}
