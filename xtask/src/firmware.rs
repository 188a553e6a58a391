//! Building what runs on the Arm core, and putting it where the tool and the tests look for it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::host;
use crate::packages;
use crate::size;
use crate::step::{Outcome, run, say};

/// Which part of the firmware.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Set {
    /// What the demo needs: no Arm compiler but rustc.
    Rust,
    /// The C example and the benchmark programs too.
    All,
}

/// The Rust programs: the package, which is also the name of its binary and of the file in `ironroot-firmware`.
const PROGRAMS: &[&str] = &[
    "rss",
    "rss-install",
    "secure-boot",
    "hello-hal",
    "license-check",
    "secure-update",
    "secure-init",
    "self-confirm",
    "never-confirm",
];

/// System flash of the STM32H7R/7S: the programs of `ironroot-rss-h7rs`, one for each window.
const H7RS_SYSTEM: &[&str] = &["rss-h7rs", "rsslib-h7rs", "stirot-h7rs", "bootloader-h7rs"];

/// Boot stages of the STM32H7R/7S: the names of features of `ironroot-oemirot`, one of each row, and the stage itself.
const H7RS_PLACES: &[&str] = &["external-flash", "external-ram", "internal-ram"];
const H7RS_MODES: &[&str] = &["overwrite", "swap"];
/// The stage, its cryptography and how both are said in features. The second stage is for the part with crypto blocks only.
const H7RS_KINDS: &[(&str, &str, &str)] = &[
    ("oemirot", "hardware", "hardware-crypto"),
    ("oemirot", "software", "software-crypto"),
    ("oemurot", "hardware", "hardware-crypto,urot"),
];

/// Boot stages for products with a description of their own, in `tests/products`: its name, and the features.
const H7RS_PRODUCTS: &[(&str, &str)] = &[
    ("closed-ram", "exec-external-ram,overwrite,hardware-crypto"),
    ("closed-ram-internal", "exec-internal-ram,swap,software-crypto"),
    ("unusual", "exec-external-flash,swap,hardware-crypto"),
    ("unusual-second", "exec-external-ram,swap,hardware-crypto,urot"),
];

/// In the environment: a description (`ironroot.toml`) whose boot stage is built too.
const PRODUCT: &str = "IRONROOT_PRODUCT";

/// Plain C applications for the STM32H7R/7S (`PROGRAM` of their makefile)...
const H7RS_PROGRAMS: &[&str] = &["hello", "confirm", "never", "ecc", "outside", "keys"];

/// ... and where their code begins: behind the header in each memory that a stage starts images from.
const H7RS_ORIGINS: &[u32] = &[0x7000_0400, 0x9000_0400, 0x9010_0400, 0x2404_0400];

/// The programs of `vdev bench`, and the one that compares the device's cryptography; of one package.
const BENCHMARKS: &[&str] =
    &["bench-sha256", "bench-ecdsa", "bench-memcpy", "bench-interrupts", "bench-crypto"];

/// The target triple all of them are built for, as firmware/.cargo/config.toml says.
pub const TARGET: &str = "thumbv7em-none-eabihf";

/// Builds `set` and copies the ELF files to `target/ironroot-firmware/`.
pub fn build(set: Set) -> Outcome {
    packages::ensure_rust_targets()?;
    say("building the firmware");
    run(host::firmware_cargo().args(["build", "--release"]))?;
    let built = host::firmware_dir().join("target").join(TARGET).join("release");
    for program in PROGRAMS {
        publish(&built.join(program), &format!("{program}.elf"))?;
    }
    build_h7rs(&built)?;
    if set == Set::All {
        build_h7rs_applications()?;
        // On their own: built together with the others, they would get the others' features of shared crates.
        say("building the benchmark programs");
        run(host::firmware_cargo().args(["build", "--release", "--package", "ironroot-bench"]))?;
        for program in BENCHMARKS {
            publish(&built.join(program), &format!("{program}.elf"))?;
        }
        publish(&build_c_example()?, "hello-c.elf")?;
        size::build_variants()?;
    }
    Ok(())
}

/// The plain C application, built by its own makefile, as somebody without Rust would.
fn build_c_example() -> Outcome<PathBuf> {
    say("building the C example");
    let dir = host::firmware_dir().join("apps/hello-c");
    let out = host::firmware_dir().join("target");
    let mut setting = std::ffi::OsString::from("OUT=");
    setting.push(&out);
    run(Command::new("make").arg("--silent").arg(setting).current_dir(dir))?;
    Ok(out.join("hello-c.elf"))
}

/// System flash and boot stages of the STM32H7R/7S.
fn build_h7rs(built: &Path) -> Outcome {
    say("building system flash and boot stages of the STM32H7R/7S");
    let package = |name: &str| {
        let mut cargo = host::firmware_cargo();
        cargo.args(["build", "--release", "--package", name]).env_remove(PRODUCT);
        cargo
    };
    run(&mut package("ironroot-rss-h7rs"))?;
    for program in H7RS_SYSTEM {
        publish(&built.join(program), &format!("{program}.elf"))?;
    }
    run(&mut package("ironroot-iloader"))?;
    publish(&built.join("iloader"), "iloader.elf")?;
    // As a debugger starts it: tests/tests/h7rs_move.rs brings it under a boot stage.
    run(&mut package("h7rs-hello"))?;
    publish(&built.join("h7rs-hello"), "h7rs-hello.elf")?;
    for (name, features) in h7rs_stages() {
        build_stage(&name, &features, None)?;
    }
    for (product, features) in H7RS_PRODUCTS {
        let description = host::root().join("tests/products").join(format!("{product}.toml"));
        build_stage(&format!("stage-{product}"), features, Some(&description))?;
    }
    match std::env::var_os(PRODUCT) {
        Some(path) => build_product(&std::path::absolute(path).map_err(|e| format!("{PRODUCT}: {e}"))?),
        None => Ok(()),
    }
}

/// Every configuration of the boot stage: the name of its file, and its features.
fn h7rs_stages() -> Vec<(String, String)> {
    let mut stages = Vec::new();
    for place in H7RS_PLACES {
        for mode in H7RS_MODES {
            for (stage, crypto, kind) in H7RS_KINDS {
                stages.push((
                    format!("{stage}-{place}-{mode}-{crypto}"),
                    format!("exec-{place},{mode},{kind}"),
                ));
            }
        }
    }
    stages
}

/// The boot stage of somebody's product, if it has one of its own.
fn build_product(description: &Path) -> Outcome {
    let text = fs::read_to_string(description).map_err(|e| format!("{}: {e}", description.display()))?;
    match stage_of(&text).map_err(|why| format!("{}: {why}", description.display()))? {
        Some((name, features)) => {
            say(&format!("building the boot stage of {}", description.display()));
            build_stage(&format!("product/{name}"), &features, Some(description))
        }
        None => Ok(()),
    }
}

/// File and features of a product's boot stage; `None` if STiRoT starts the application itself. Only the four choices are read
/// here: what else the description says is read, and refused, by the stage's build script.
fn stage_of(text: &str) -> Result<Option<(String, String)>, String> {
    let read = |wanted: &str| {
        let mut table = String::new();
        for line in text.lines().map(str::trim) {
            if let Some(name) = line.strip_prefix('[').and_then(|line| line.split(']').next()) {
                table = format!("{}.", name.trim());
            } else if let Some((key, value)) = line.split_once('=')
                && format!("{table}{}", key.trim()) == format!("product.{wanted}")
            {
                let value = value.trim();
                let quote = value.chars().next().filter(|first| matches!(first, '"' | '\''));
                let inner = quote.and_then(|quote| value.get(1..)?.split(quote).next());
                return inner.map(str::to_owned).ok_or(format!("product.{wanted} is no text"));
            }
        }
        Err(format!("product.{wanted} is missing"))
    };
    let stage = match read("boot")?.as_str() {
        "oemirot" => "oemirot",
        "stirot-oemurot" => "oemurot",
        _ => return Ok(None),
    };
    let crypto = if read("device")? == "stm32h7s7" { "hardware" } else { "software" };
    let name = format!("{stage}-{}-{}-{crypto}", read("execute")?, read("update")?);
    let found = h7rs_stages().into_iter().find(|(known, _)| *known == name);
    found.map(Some).ok_or(format!("there is no boot stage {name}"))
}

/// One configuration of `ironroot-oemirot`. All have a binary of one name, so each has a place of its own, where no other build
/// puts its own in between. What they are made of they share: cargo tells it apart by features.
fn build_stage(name: &str, features: &str, product: Option<&Path>) -> Outcome {
    let target = host::firmware_dir().join("target");
    let place = target.join("stages").join(name);
    let mut cargo = host::firmware_cargo();
    cargo
        .env("CARGO_BUILD_BUILD_DIR", &target)
        .env_remove(PRODUCT)
        .args(["build", "--release", "--quiet", "--package", "ironroot-oemirot", "--no-default-features"])
        .args(["--features", features, "--target-dir"])
        .arg(&place);
    if let Some(product) = product {
        // Other numbers with features of the others: what is made of them is not shared with those. Products differ in features.
        cargo.env("CARGO_BUILD_BUILD_DIR", target.join("stages/products")).env(PRODUCT, product);
    }
    run(&mut cargo)?;
    publish(&place.join(TARGET).join("release/oemirot"), &format!("{name}.elf"))
}

/// Their C applications, by their own makefile.
fn build_h7rs_applications() -> Outcome {
    say("building the C applications of the STM32H7R/7S");
    let dir = host::firmware_dir().join("apps/h7rs-hello-c");
    let out = host::firmware_dir().join("target");
    let mut setting = std::ffi::OsString::from("OUT=");
    setting.push(&out);
    for program in H7RS_PROGRAMS {
        for origin in H7RS_ORIGINS {
            let name = format!("h7rs-{program}-c-{origin:08x}");
            run(Command::new("make")
                .arg("--silent")
                .arg(&setting)
                .args([format!("PROGRAM={program}"), format!("NAME={name}"), format!("ORIGIN={origin:#x}")])
                .arg("LENGTH=0x1DC00")
                .current_dir(&dir))?;
            publish(&out.join(format!("{name}.elf")), &format!("{name}.elf"))?;
        }
    }
    Ok(())
}

/// Copies `elf` to the place where `tools/ironroot/build.rs` looks, unless the same bytes are there already: an unchanged
/// file keeps its time stamp, so the tool is not built again.
pub fn publish(elf: &Path, name: &str) -> Outcome {
    let bytes = fs::read(elf).map_err(|e| format!("the build left no {}: {e}", elf.display()))?;
    let to = host::firmware_out().join(name);
    let dir = to.parent().unwrap_or(Path::new("."));
    if fs::read(&to).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    fs::create_dir_all(dir).map_err(|e| format!("cannot create {}: {e}", dir.display()))?;
    // Rename, so that a cargo that runs at the same time never embeds half a file.
    let file = to.file_name().unwrap_or_default().to_string_lossy();
    let partial = dir.join(format!(".{file}.{}", std::process::id()));
    fs::write(&partial, &bytes)
        .and_then(|()| fs::rename(&partial, &to))
        .map_err(|e| format!("cannot write {}: {e}", to.display()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_has_a_stage_that_is_built() {
        let examples = host::root().join("examples/h7s");
        let mut without = 0;
        for entry in fs::read_dir(examples).expect("a directory").map(|entry| entry.expect("an entry").path())
        {
            let text = fs::read_to_string(&entry).expect("text");
            match stage_of(&text).unwrap_or_else(|why| panic!("{}: {why}", entry.display())) {
                None => without += 1,
                Some(stage) => assert!(h7rs_stages().contains(&stage), "{}: {stage:?}", entry.display()),
            }
        }
        assert_eq!(without, 1, "STiRoT alone");
        assert!(stage_of("[product]\nboot = \"oemirot\"\n").is_err());
        let dotted = "product.device = 'stm32h7r7'\nproduct.boot = 'oemirot' # one\nproduct.execute = 'external-ram'\n\
                      product.update = 'swap'\n[keys]\nboot = 'x'\n";
        let (file, features) = stage_of(dotted).expect("read").expect("a stage");
        assert_eq!(file, "oemirot-external-ram-swap-software");
        assert_eq!(features, "exec-external-ram,swap,software-crypto");
    }
}
