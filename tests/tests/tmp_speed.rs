use ironroot_chip::Stm32h735;
use ironroot_cpu::{core::Core, machine::*, op::Args};
use ironroot_crypto::{Signer, Software};
use ironroot_debug::{profile::Profiler, symbols::Symbols, trace::*};
use ironroot_tests::device::*;
struct Count(u64);
impl Hook<Stm32h735> for Count { fn before(&mut self, _: &mut Core<Stm32h735>, _: u32, _: &Args) -> Action { self.0 += 1; Action::Run } }
#[test]
fn speed() {
    let mut payload = application("hello-c"); payload.resize(880_000, 7);
    let img = builder().build(&payload, Some(&signing_key() as &dyn Signer), &mut Software).unwrap();
    let mut symbols = Symbols::new();
    for n in ["rss","secure-boot"] { symbols.add_elf(n, &std::fs::read(ironroot_tests::firmware(n)).unwrap()); }
    for _ in 0..3 {
        for what in ["none","count","profile","trace"] {
            let mut d = Device::secured(&img);
            let i0 = d.machine.core.instructions;
            let t = std::time::Instant::now();
            match what { "none" => { d.machine.run(400_000_000); } "count" => { d.machine.run_hooked(400_000_000, &mut Count(0)); }
              "profile" => { let mut p = Profiler::new(&symbols); d.machine.run_hooked(400_000_000, &mut p); if std::env::var_os("T").is_some() { for r in p.by_function().iter().take(3) { println!("{r:?}"); } } }
              _ => { let mut t = Tracer::new(std::io::sink(), false, Filter { most: 3_000_000, ..Filter::default() }, &symbols); d.machine.run_hooked(400_000_000, &mut t); } }
            let n = d.machine.core.instructions - i0;
            println!("{what}: {n} instr {:.1} MIPS", n as f64 / t.elapsed().as_secs_f64() / 1e6);
        }
    }
}
