//! Snapshots of a running STM32H735: how long one takes, how long coming back takes, and what a thousand cost.

use std::time::Instant;

use ironroot_cpu::machine::Stop;

use super::device::{LIMIT, not_reached, provision};
use super::{Bench, Figure, Row, contradiction, quantile};
use crate::error::{Failure, Result};

/// The benchmarks of this group.
pub const NAMES: &[&str] = &["h735-snapshot", "h735-restore", "h735-snapshot-memory"];

/// Snapshots of one boot, at even distances.
const COUNT: usize = 1000;
/// Instructions that the device runs on between two restores, so that there is something to bring back.
const RUN_ON: u64 = 10_000;
/// Step through the snapshots for the restores: prime to their number, so that all are visited, far apart.
const STRIDE: usize = 389;

/// Measures the benchmarks in `names`: one boot serves all three.
pub fn run(_: &Bench, names: &[&'static str], row: &mut dyn FnMut(Row)) -> Result {
    let device = provision()?;
    let mut session = device.power_on();
    session.machine.set_breakpoints([device.entry]);
    match session.machine.run(LIMIT) {
        Stop::Breakpoint(_) => {}
        stop => return Err(not_reached("the application", stop)),
    }
    let piece = session.machine.core.instructions / COUNT as u64;

    let mut session = device.power_on();
    let machine = &mut session.machine;
    // What the process takes without them: after the arena was touched and the code decoded once.
    let power_on = machine.snapshot();
    machine.run(piece * COUNT as u64);
    machine.restore(&power_on);
    let before = resident_bytes()?;
    let (mut snapshots, mut takes) = (Vec::with_capacity(COUNT), Vec::with_capacity(COUNT));
    for _ in 0..COUNT {
        machine.run(piece);
        let clock = Instant::now();
        let snapshot = machine.snapshot();
        takes.push(clock.elapsed().as_secs_f64());
        snapshots.push(snapshot);
    }
    let bytes = resident_bytes()?.saturating_sub(before);
    let last = machine.state_hash();

    let mut restores = Vec::with_capacity(COUNT);
    for step in 1..=COUNT {
        machine.run(RUN_ON);
        // The last step of the cycle is snapshot COUNT - 1 again.
        let Some(snapshot) = snapshots.get((step * STRIDE + COUNT - 1) % COUNT) else { continue };
        let clock = Instant::now();
        machine.restore(snapshot);
        restores.push(clock.elapsed().as_secs_f64());
    }
    if machine.state_hash() != last {
        return Err(contradiction("h735-restore"));
    }
    let latency = |times: &mut Vec<f64>| Figure::Latency {
        seconds: quantile(times, 0.5),
        p99_seconds: quantile(times, 0.99),
        count: times.len(),
    };
    let figures = [latency(&mut takes), latency(&mut restores), Figure::Memory { bytes, count: COUNT }];
    for (benchmark, figure) in NAMES.iter().zip(figures).filter(|(name, _)| names.contains(name)) {
        row(Row { benchmark, figure });
    }
    Ok(())
}

/// Memory that this process holds now.
fn resident_bytes() -> Result<u64> {
    let path = std::path::Path::new("/proc/self/status");
    let text = std::fs::read_to_string(path).map_err(|e| Failure::read(path, &e))?;
    let kilobytes = text
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix("kB")?.trim().parse().ok());
    kilobytes
        .map(|kb: u64| kb * 1024)
        .ok_or_else(|| Failure::internal("/proc/self/status does not name VmRSS"))
}
