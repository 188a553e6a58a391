//! IR-9xxx: faults of Ironroot itself.

use crate::table::codes;

codes! {
    9001 INTERNAL Internal: "A fault of Ironroot itself",
        "A condition that must always hold did not.",
        "The command stopped; files are either complete or absent.",
        "Report it with the command line and the message.";
    9002 SERIALISATION Internal: "A result could not be written as JSON",
        "The encoder refused a value, or the output was closed.",
        "What the command did stays done.",
        "Report it with the command line and the message.";
    9003 MODEL_CONTRADICTION Internal: "The virtual device contradicts itself",
        "Two ways of running the same code led to different states.",
        "The run was stopped.",
        "Report it with the board file.";
    9004 OUT_OF_RESOURCES Internal: "The machine ran out of memory or threads",
        "The operating system refused a resource.",
        "The command stopped; files are either complete or absent.",
        "Close other programs or use a larger machine.";
    9005 COUNTER_EXAMPLE CounterExample: "A proof found a counter-example",
        "A campaign found a case in which the claim does not hold.",
        "The claim is false for this build; the case was recorded.",
        "Replay the case that is named.";
}
