//! `cargo xtask demo-h7s`: the three boot paths of the STM32H7S on the virtual chip.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    match ironroot_tests::demo_h7s::tell(&mut |line| println!("{line}")) {
        Ok(rows) => {
            println!("\ncold verified boot to the application's first instruction");
            for row in rows {
                println!(
                    "  {:<32} {:>10} instructions {:>8.1} ms",
                    row.what, row.instructions, row.milliseconds
                );
            }
            println!("Every line was checked. This is the model of the chip, not the chip.");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("demo-h7s: {why}");
            ExitCode::from(3)
        }
    }
}
