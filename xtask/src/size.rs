//! `cargo xtask size`, and the builds of secure boot that it measures.

use crate::step::{Outcome, run, say};
use crate::{firmware, host, packages};

/// The name in `tests/src/size.rs`, and the features of the build.
const VARIANTS: &[(&str, &str)] =
    &[("overwrite", "overwrite"), ("swap", "swap"), ("full", "swap,encryption")];

/// Builds each of them. On their own: the product that `cargo xtask build` makes has other features.
pub fn build_variants() -> Outcome {
    for (name, features) in VARIANTS {
        say(&format!("building secure-boot for its size: {features}"));
        run(host::firmware_cargo().args([
            "build",
            "--release",
            "--package",
            "ironroot-secure-boot",
            "--no-default-features",
            "--features",
            features,
            "--target-dir",
            "target/size",
        ]))?;
        let elf = host::firmware_dir().join("target/size").join(firmware::TARGET).join("release/secure-boot");
        firmware::publish(&elf, &format!("secure-boot-{name}.elf"))?;
    }
    Ok(())
}

/// Builds everything, prints the table and holds it to the gates.
pub fn table(args: &[String]) -> Outcome {
    packages::ensure(packages::For::Tests)?;
    firmware::build(firmware::Set::All)?;
    say("measuring");
    run(host::cargo()
        .args(["run", "--quiet", "--package", "ironroot-tests", "--bin", "size-table", "--"])
        .args(args))
}
