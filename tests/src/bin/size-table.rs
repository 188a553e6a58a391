//! `cargo xtask size`: prints the table, `--write` puts it into docs/size-and-speed.md. Exit code 9 if a gate is exceeded.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let write = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => false,
        ["--write"] => true,
        _ => {
            eprintln!("size-table: takes nothing but --write");
            return ExitCode::from(2);
        }
    };
    let report = ironroot_tests::size::table::report();
    print!("{}", report.page);
    if write {
        let path = ironroot_tests::root().join("docs/size-and-speed.md");
        let partial = path.with_extension("md.partial");
        if let Err(error) =
            std::fs::write(&partial, &report.page).and_then(|()| std::fs::rename(&partial, &path))
        {
            eprintln!("size-table: cannot write {}: {error}", path.display());
            return ExitCode::FAILURE;
        }
    }
    for line in &report.exceeded {
        eprintln!("size-table: gate exceeded: {line}");
    }
    if report.exceeded.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(9) }
}
