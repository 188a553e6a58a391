//! The page docs/size-and-speed.md, and the verdict.

use std::fmt::Write;

use super::{VARIANTS, calls, parts, speed, stack};

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
`tests/src/size.rs` and `tests/src/size/speed.rs`. Bytes are those in flash: code, constants, vector table. Instructions are
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
    Report { page, exceeded }
}
