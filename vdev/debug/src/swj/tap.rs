//! Test access ports (IEEE 1149.1): the state machine that all TAPs of a chain share, and their shift registers.

/// State of the TAP controllers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the standard's names
pub enum State {
    TestLogicReset,
    RunTestIdle,
    SelectDr,
    CaptureDr,
    ShiftDr,
    Exit1Dr,
    PauseDr,
    Exit2Dr,
    UpdateDr,
    SelectIr,
    CaptureIr,
    ShiftIr,
    Exit1Ir,
    PauseIr,
    Exit2Ir,
    UpdateIr,
}

impl State {
    /// The state after a clock with this TMS.
    pub fn next(self, tms: bool) -> State {
        use State::*;
        let (low, high) = match self {
            TestLogicReset => (RunTestIdle, TestLogicReset),
            RunTestIdle | UpdateDr | UpdateIr => (RunTestIdle, SelectDr),
            SelectDr => (CaptureDr, SelectIr),
            CaptureDr | ShiftDr => (ShiftDr, Exit1Dr),
            Exit1Dr => (PauseDr, UpdateDr),
            PauseDr => (PauseDr, Exit2Dr),
            Exit2Dr => (ShiftDr, UpdateDr),
            SelectIr => (CaptureIr, TestLogicReset),
            CaptureIr | ShiftIr => (ShiftIr, Exit1Ir),
            Exit1Ir => (PauseIr, UpdateIr),
            PauseIr => (PauseIr, Exit2Ir),
            Exit2Ir => (ShiftIr, UpdateIr),
        };
        if tms { high } else { low }
    }
}

/// A shift register between TDI and TDO; bit 0 leaves first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shift {
    /// Content.
    pub bits: u64,
    /// Length in bits, 1 to 64.
    pub length: u32,
}

impl Shift {
    /// A register of `length` bits with `bits` in it.
    pub fn new(bits: u64, length: u32) -> Shift {
        Shift { bits, length: length.clamp(1, 64) }
    }

    /// What stands at its end.
    pub fn out(&self) -> bool {
        self.bits & 1 != 0
    }

    /// One clock: takes a bit in, gives one out.
    pub fn clock(&mut self, input: bool) -> bool {
        let out = self.out();
        self.bits = (self.bits >> 1) | (u64::from(input) << (self.length.clamp(1, 64) - 1));
        out
    }
}

/// One TAP: its instruction and the register that is being shifted.
#[derive(Clone, Copy, Debug)]
pub struct Tap {
    /// Length of the instruction register.
    ir_length: u32,
    /// The instruction after a reset: IDCODE.
    ir_reset: u8,
    /// The instruction in force.
    pub ir: u8,
    /// The register between TDI and TDO.
    pub shift: Shift,
}

impl Tap {
    /// A TAP after its reset.
    pub fn new(ir_length: u32, ir_reset: u8) -> Tap {
        Tap { ir_length, ir_reset, ir: ir_reset, shift: Shift::new(0, 1) }
    }

    /// Test-Logic-Reset.
    pub fn reset(&mut self) {
        self.ir = self.ir_reset;
    }

    /// Capture-IR: the two lowest bits are 01 by the standard, so that a break in the chain is seen.
    pub fn capture_ir(&mut self) {
        self.shift = Shift::new(1, self.ir_length);
    }

    /// Update-IR.
    pub fn update_ir(&mut self) {
        self.ir = self.shift.bits as u8 & ((1 << self.ir_length) - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_clocks_with_tms_high_reset_from_every_state() {
        let mut reached = vec![State::TestLogicReset];
        for index in 0..16 {
            let state = reached[index];
            for tms in [false, true] {
                let next = state.next(tms);
                if !reached.contains(&next) {
                    reached.push(next);
                }
            }
        }
        assert_eq!(reached.len(), 16);
        for mut state in reached {
            for _ in 0..5 {
                state = state.next(true);
            }
            assert_eq!(state, State::TestLogicReset);
        }
    }

    #[test]
    fn what_goes_in_comes_out_after_as_many_clocks_as_it_is_long() {
        let mut shift = Shift::new(0b0010, 4);
        let out: Vec<bool> = [true, true, false, true].into_iter().map(|bit| shift.clock(bit)).collect();
        assert_eq!(out, [false, true, false, false]);
        assert_eq!(shift.bits, 0b1011);
    }
}
