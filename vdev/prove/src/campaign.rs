//! All campaigns as one table, for the program and the tests.

use crate::report::{Config, Error, Report};
use crate::{batches, consistency, decoder, fuzz, gdb_fuzz, lockstep, options, system};

/// 32-bit encodings sampled for the decoder: full, modest.
const SAMPLES: (usize, usize) = (3_000_000, 200_000);

/// Gives each row to the reader as soon as it is known.
pub type Sink<'a> = &'a mut dyn FnMut(Report);

/// One campaign.
#[derive(Clone, Copy)]
pub struct Campaign {
    /// Its name, for `--only`.
    pub name: &'static str,
    /// What is compared with what.
    pub about: &'static str,
    /// Runs it.
    pub run: fn(Config, Sink<'_>) -> Result<(), Error>,
}

/// All of them, the quick ones first.
pub const CAMPAIGNS: &[Campaign] = &[
    Campaign {
        name: "decoder",
        about: "every 16-bit and sampled 32-bit encodings against objdump",
        run: run_decoder,
    },
    Campaign {
        name: "system",
        about: "programs for exceptions, faults, MPU and system registers, word for word against QEMU",
        run: |config, sink| system::run(config).map(|reports| reports.into_iter().for_each(sink)),
    },
    Campaign {
        name: "batches",
        about: "random instructions of each class from random states against QEMU",
        run: |config, sink| {
            for class in batches::effects::Class::ALL {
                sink(batches::run_class(class, config)?);
            }
            Ok(())
        },
    },
    Campaign {
        name: "lockstep",
        about: "real programs, every register after every instruction, against QEMU",
        run: lockstep::run,
    },
    Campaign {
        name: "consistency",
        about: "steps, blocks, hooks, restore and replay against plain runs",
        run: |config, sink| consistency::run(config).map(|reports| reports.into_iter().for_each(sink)),
    },
    Campaign {
        name: "fuzz",
        about: "random code, vectors and registers: no panic, progress, bounded memory",
        run: |config, sink| fuzz::run(config).map(|reports| reports.into_iter().for_each(sink)),
    },
    Campaign {
        name: "gdb-fuzz",
        about: "random packets against the GDB server: no panic, progress, bounded memory",
        run: |config, sink| gdb_fuzz::run(config).map(sink),
    },
    Campaign {
        name: "options",
        about: "random option-byte sequences: the documented way back works, or its absence was called before",
        run: |config, sink| {
            options::run(config).into_iter().for_each(sink);
            Ok(())
        },
    },
];

fn run_decoder(config: Config, sink: Sink<'_>) -> Result<(), Error> {
    let samples = config.pick(SAMPLES.0, SAMPLES.1);
    let found = decoder::run(samples, config.seed).map_err(|error| Error::new("decoder", error))?;
    let mut report = Report::new("decoder");
    report.cases = found.cases;
    report.listed = found.rule_uses.iter().map(|(_, uses)| uses).sum();
    report.mismatches = found.mismatch_count;
    report.details = found.mismatches.iter().take(20).map(ToString::to_string).collect();
    sink(report);
    Ok(())
}
