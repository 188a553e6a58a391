//! `prove-cpu`: runs the campaigns and prints the table; `cargo xtask prove-cpu` starts it.

use ironroot_prove::*;
use ironroot_prove::report::Config;
fn main() {
    let full = std::env::args().any(|a| a == "--full");
    let c = Config { full, seed: 1 };
    let which = std::env::args().nth(1).unwrap();
    let t = std::time::Instant::now();
    let reports = match which.as_str() { "lockstep" => lockstep::run(c).unwrap(), "system" => system::run(c).unwrap(), _ => batches::run(c).unwrap() };
    for r in reports {
        println!("{} cases {} mismatches {}", r.class, r.cases, r.mismatches);
        for d in r.details { println!("{d}"); }
    }
    println!("{:?}", t.elapsed());
}
