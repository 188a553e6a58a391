//! QEMU's log of processor states (`-singlestep -d cpu,nochain[,fpu]`), read as it is written.

use std::io::BufRead;

/// The state before one instruction, as QEMU prints it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct State {
    /// R0 to R15.
    pub r: [u32; 16],
    /// xPSR.
    pub xpsr: u32,
    /// S0 to S31, and FPSCR, when asked for.
    pub fp: Option<([u32; 32], u32)>,
}

/// Reads states from the log.
pub struct Stream<R> {
    input: R,
    line: Vec<u8>,
    /// The log has floating-point registers.
    float: bool,
}

impl<R: BufRead> Stream<R> {
    /// `float`: QEMU was asked for floating-point registers too.
    pub fn new(input: R, float: bool) -> Stream<R> {
        Stream { input, line: Vec::with_capacity(128), float }
    }

    /// The next state into `state`. False at the end of the log (a state cut off by it does not count).
    pub fn next(&mut self, state: &mut State) -> std::io::Result<bool> {
        if self.float && state.fp.is_none() {
            state.fp = Some(([0; 32], 0));
        }
        loop {
            self.line.clear();
            if self.input.read_until(b'\n', &mut self.line)? == 0 {
                return Ok(false);
            }
            let line = self.line.as_slice();
            match line {
                [b'R', a, b, b'=', ..] => {
                    // Four registers of 13 columns: `R00=00000000 `.
                    let first = decimal(*a, *b);
                    for i in 0..4 {
                        let digits = line.get(4 + 13 * i..12 + 13 * i).unwrap_or(&[]);
                        if let Some(register) = state.r.get_mut(first + i) {
                            *register = hex(digits);
                        }
                    }
                }
                [b'X', b'P', b'S', b'R', b'=', rest @ ..] => {
                    state.xpsr = hex(rest);
                    if !self.float {
                        return Ok(true);
                    }
                }
                [b's', a, b, b'=', ..] => {
                    let first = decimal(*a, *b);
                    if let Some((s, _)) = &mut state.fp {
                        for i in 0..2 {
                            if let Some(register) = s.get_mut(first + i) {
                                *register = hex(line.get(4 + 13 * i..12 + 13 * i).unwrap_or(&[]));
                            }
                        }
                    }
                }
                [b'F', b'P', b'S', b'C', b'R', b':', b' ', rest @ ..] => {
                    if let Some((_, fpscr)) = &mut state.fp {
                        *fpscr = hex(rest);
                    }
                    return Ok(true);
                }
                _ => {}
            }
        }
    }
}

fn decimal(tens: u8, ones: u8) -> usize {
    usize::from(tens.wrapping_sub(b'0')) * 10 + usize::from(ones.wrapping_sub(b'0'))
}

/// At most eight hexadecimal digits; stops at anything else.
fn hex(digits: &[u8]) -> u32 {
    let mut value = 0;
    for &digit in digits.iter().take(8) {
        value = match digit {
            b'0'..=b'9' => value << 4 | u32::from(digit - b'0'),
            b'a'..=b'f' => value << 4 | u32::from(digit - b'a' + 10),
            _ => break,
        };
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_read_and_a_cut_one_is_not() {
        let log = b"R00=00000001 R01=00000002 R02=00000003 R03=00000004\n\
            R04=00000005 R05=00000006 R06=00000007 R07=00000008\n\
            noise\n\
            R08=00000000 R09=00000000 R10=00000000 R11=deadbeef\n\
            R12=00000000 R13=20001000 R14=ffffffff R15=00000022\n\
            XPSR=61000000 -ZC- T priv-thread\n\
            s00=3f800000 s01=00000001 d00=000000013f800000\n\
            FPSCR: 60000010\n\
            R00=00000001 R01";
        let mut stream = Stream::new(&log[..], true);
        let mut state = State::default();
        assert!(stream.next(&mut state).is_ok_and(|more| more));
        assert_eq!((state.r[0], state.r[7], state.r[11], state.r[15]), (1, 8, 0xDEAD_BEEF, 0x22));
        assert_eq!(state.xpsr, 0x6100_0000);
        let (s, fpscr) = state.fp.unwrap_or(([0; 32], 0));
        assert_eq!((s[0], s[1], fpscr), (0x3F80_0000, 1, 0x6000_0010));
        assert!(stream.next(&mut state).is_ok_and(|more| !more));
    }
}
