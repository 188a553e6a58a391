//! Random packets against the GDB server of the virtual device: no panic, no endless loop, bounded memory, an answer to
//! every packet.

use ironroot_debug::gdb::fuzz;

use crate::report::{Config, Error, Report};

/// Packets: full, modest.
const PACKETS: (u64, u64) = (1_200_000, 20_000);

/// Runs the campaign. The first thing that breaks ends it: what comes after a broken server says nothing.
pub fn run(config: Config) -> Result<Report, Error> {
    let mut report = Report::new("GDB packets");
    let packets = config.pick(PACKETS.0, PACKETS.1);
    match fuzz::campaign(packets, config.seed) {
        Ok(outcome) => report.cases = outcome.packets,
        Err(what) => report.mismatch(what),
    }
    Ok(report)
}
