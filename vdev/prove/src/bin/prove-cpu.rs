//! `prove-cpu`: runs the campaigns and prints the table; `cargo xtask prove-cpu` starts it.

use ironroot_prove::lockstep;
use ironroot_prove::report::Config;
fn main() {
    for r in lockstep::run(Config { full: std::env::args().any(|a| a == "--full"), seed: 1 }).unwrap() {
        println!("{} cases {} mismatches {}", r.class, r.cases, r.mismatches);
        for d in r.details { println!("{d}"); }
    }
}
