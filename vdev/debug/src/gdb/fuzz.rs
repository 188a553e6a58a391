//! Random packets against the server, in process: well-framed garbage, valid packets with damage, wrong checksums, lengths
//! without sense, binary data, flash commands out of order, noise between packets.
//!
//! Held to: no panic, no endless loop, bounded memory, every whole packet answered, every answer a whole packet.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ironroot_chip::{Board, RomImage, Stm32h735};
use ironroot_cpu::machine::Machine;

use super::framer::{Framer, MAX_BODY, Unit, checksum, packet};
use super::remote::{Remote, State};
use super::target::Session;
use crate::port::DebugPort;

/// Packets sent to one device before a fresh copy takes its place: a debugger that closes the port for good (RDP) must not
/// make the rest of the campaign idle.
const PER_DEVICE: u64 = 2048;
/// Instructions that a device may run after a packet that lets it go.
const RUN: u64 = 500;
/// No answer is longer.
const LONGEST: usize = 4 * MAX_BODY;

/// What a campaign came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Packets and pieces of noise sent.
    pub packets: u64,
    /// Answers that were no errors.
    pub answers: u64,
    /// Answers that were errors.
    pub errors: u64,
    /// Times the device was let go.
    pub runs: u64,
    /// Conversations ended by `kill` or `detach`.
    pub ends: u64,
    /// The longest answer in bytes.
    pub longest: usize,
}

/// A packet that is not served after this long is an endless loop.
const PATIENCE: Duration = Duration::from_secs(60);

/// The devices of a campaign: open, closed (SECURITY set, no RSS that opens debug), and at RDP level 1.
const DEVICES: [(&str, u32, u32); 3] =
    [("open", 0, 0), ("closed", 1 << 21, 0), ("read-protected", 0x55 << 8, 0xFF << 8)];

/// A device with a small loop to run. `set` and `clear`: bits of OPTSR.
fn device(set: u32, clear: u32) -> Result<Machine<Stm32h735>, String> {
    let mut board = Board::with_serial(1);
    let options = board.options_mut();
    options.optsr = options.optsr & !clear | set;
    let mut program = Vec::new();
    program.extend(0x2000_1000u32.to_le_bytes());
    (1..16).for_each(|_| program.extend(0x0800_0041u32.to_le_bytes()));
    // adds r0, #1; str r0, [sp]; b back.
    [0x3001u16, 0x9000, 0xE7FC].iter().for_each(|half| program.extend(half.to_le_bytes()));
    board.preload(0x0800_0000, &program);
    let rom = RomImage::from_segments(Vec::<(u32, Vec<u8>)>::new()).map_err(|error| error.to_string())?;
    Ok(Machine::new(Stm32h735::from_board(&board, &rom)))
}

/// Sends `count` packets, shared between three kinds of devices. Err: what broke.
pub fn campaign(count: u64, seed: u64) -> Result<Outcome, String> {
    let mut total = Outcome::default();
    for (number, (name, set, clear)) in (0u64..).zip(DEVICES) {
        let share = count / 3 + u64::from(number < count % 3);
        let device = device(set, clear)?;
        let progress = Arc::new(AtomicU64::new(0));
        let counted = progress.clone();
        let thread = std::thread::spawn(move || run(&device, share, seed.wrapping_add(number), &counted));
        let outcome = watch(thread, &progress).map_err(|what| format!("{name} device: {what}"))?;
        total.packets += outcome.packets;
        total.answers += outcome.answers;
        total.errors += outcome.errors;
        total.runs += outcome.runs;
        total.ends += outcome.ends;
        total.longest = total.longest.max(outcome.longest);
    }
    Ok(total)
}

fn watch(thread: JoinHandle<Result<Outcome, String>>, progress: &AtomicU64) -> Result<Outcome, String> {
    let (mut seen, mut since) = (0, Instant::now());
    while !thread.is_finished() {
        std::thread::sleep(Duration::from_millis(2));
        let now = progress.load(Ordering::Relaxed);
        if now != seen {
            (seen, since) = (now, Instant::now());
        } else if since.elapsed() > PATIENCE {
            return Err(format!("packet {seen} is not served to its end"));
        }
    }
    let panicked = |_| format!("a panic at packet {}", progress.load(Ordering::Relaxed));
    thread.join().map_err(panicked)?
}

/// Sends `count` packets to copies of `device`. `progress` counts them, for a watchdog. Err: what broke, with the packet.
pub fn run<B: DebugPort>(
    device: &Machine<B>,
    count: u64,
    seed: u64,
    progress: &AtomicU64,
) -> Result<Outcome, String> {
    let mut random = Random(seed);
    let mut outcome = Outcome::default();
    let mut remote = Remote::new(Session::new(device.clone()));
    while outcome.packets < count {
        if outcome.packets.is_multiple_of(PER_DEVICE) && outcome.packets > 0 {
            remote = Remote::new(Session::new(device.clone()));
        }
        let bytes = random.unit();
        outcome.packets += 1;
        progress.fetch_add(1, Ordering::Relaxed);
        let context =
            |what: String| format!("seed {seed}, packet {}: {what}: {}", outcome.packets, shown(&bytes));
        remote.receive(&bytes);
        let mut out = remote.take_output();
        if remote.state() == State::Running {
            outcome.runs += 1;
            remote.run(RUN);
            // Any piece of a packet before it would swallow it.
            remote.receive(b"$#00\x03");
            out.extend(remote.take_output());
            if remote.state() == State::Running {
                return Err(context("an interrupt did not stop the device".into()));
            }
        }
        let (answers, errors) = answers(&out).map_err(context)?;
        outcome.answers += answers;
        outcome.errors += errors;
        outcome.longest = outcome.longest.max(out.len());
        if whole(&bytes) && answers + errors == 0 && remote.state() == State::Stopped {
            return Err(format!("seed {seed}, packet {}: no answer: {}", outcome.packets, shown(&bytes)));
        }
        if out.len() > LONGEST {
            return Err(format!(
                "seed {seed}, packet {}: {} bytes: {}",
                outcome.packets,
                out.len(),
                shown(&bytes)
            ));
        }
        if remote.state() != State::Stopped {
            outcome.ends += 1;
            let mut session = remote.into_session();
            session.release();
            remote = Remote::new(session);
        }
    }
    Ok(outcome)
}

/// One whole packet with a right checksum and nothing else.
fn whole(bytes: &[u8]) -> bool {
    let mut framer = Framer::default();
    let mut units = bytes.iter().filter_map(|byte| framer.push(*byte));
    matches!((units.next(), units.next()), (Some(Unit::Packet(_)), None)) && bytes.first() == Some(&b'$')
}

/// Answers and errors among the packets that the server sent.
fn answers(out: &[u8]) -> Result<(u64, u64), String> {
    let mut framer = Framer::default();
    let (mut answers, mut errors) = (0, 0);
    for byte in out {
        match framer.push(*byte) {
            Some(Unit::Packet(frame)) if frame.starts_with(b"$E") => errors += 1,
            Some(Unit::Packet(_)) => answers += 1,
            Some(Unit::Damaged | Unit::TooLong) => return Err(format!("a broken answer {}", shown(out))),
            Some(Unit::Interrupt | Unit::Repeat) | None => {}
        }
    }
    Ok((answers, errors))
}

fn shown(bytes: &[u8]) -> String {
    bytes.iter().take(120).flat_map(|byte| byte.escape_ascii()).map(char::from).collect()
}

/// Packets as GDB sends them; `@` is an address, `%` a length, `~` binary data, `&` hex data, `?` a small number.
const TEMPLATES: &[&str] = &[
    "?",
    "g",
    "G&",
    "p?",
    "P?=&",
    "m@,%",
    "M@,%:&",
    "X@,%:~",
    "X@,0:",
    "c",
    "s",
    "vCont?",
    "vCont;c",
    "vCont;s:1;c",
    "vCont;s:p1.1;c:p1.-1",
    "vCont;C05",
    "vCont;r@,@:1",
    "Z0,@,2",
    "Z1,@,2",
    "Z2,@,%",
    "Z3,@,%",
    "Z4,@,%",
    "z0,@,2",
    "z1,@,2",
    "z2,@,%",
    "z3,@,%",
    "z4,@,%",
    "vFlashErase:@,%",
    "vFlashErase:@,20000",
    "vFlashWrite:@:~",
    "vFlashDone",
    "qSupported:multiprocess+;swbreak+;hwbreak+;xmlRegisters=i386",
    "qXfer:features:read:target.xml:%,%",
    "qXfer:memory-map:read::%,%",
    "qRcmd,&",
    "qRcmd,7265736574",
    "qRcmd,776879",
    "qRcmd,6661756c7473",
    "qTStatus",
    "qfThreadInfo",
    "qsThreadInfo",
    "qAttached:1",
    "qC",
    "qSymbol::",
    "qOffsets",
    "qCRC:@,%",
    "Hg0",
    "Hc-1",
    "Hgp?.?",
    "T?",
    "QStartNoAckMode",
    "vMustReplyEmpty",
    "vKill;1",
    "vAttach;?",
    "vRun;&",
    "vFile:open:&,0,0",
    "D",
    "D;1",
    "k",
    "!",
    "bc",
    "bs",
    "R00",
    "t@:@,@",
];

/// Where something is, and where not.
const PLACES: &[u32] = &[
    0,
    0x0800_0000,
    0x0802_0000,
    0x080F_FFE0,
    0x0810_0000,
    0x1FF0_0000,
    0x1FF1_0000,
    0x1FF1_E800,
    0x2000_0000,
    0x2001_FFFC,
    0x2400_0000,
    0x2404_FFFF,
    0x3800_3F00,
    0x3880_0000,
    0x4000_0000,
    0x5200_2000,
    0x5200_2004,
    0x5200_2008,
    0x5200_200C,
    0x5200_2010,
    0x5200_2014,
    0x5200_2018,
    0x5200_201C,
    0x5200_2020,
    0x5802_4400,
    0xE000_0000,
    0xE000_1000,
    0xE000_E010,
    0xE000_ED00,
    0xE000_ED08,
    0xE000_ED0C,
    0xE000_ED94,
    0xE000_EDF0,
    0xFFFF_FFFF,
    0xFFFF_FFF0,
    0x8000_0000,
];

/// Flash keys and other words that open something.
const WORDS: &[u32] =
    &[0x4567_0123, 0xCDEF_89AB, 0x0819_2A3B, 0x4C5D_6E7F, 0x05FA_0004, 0xA05F_0003, 0x0000_00B6, 0x37];

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn pick<T: Copy>(&mut self, table: &[T]) -> Option<T> {
        let index = self.below(table.len());
        table.get(index).copied()
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        (0..self.below(most + 1)).map(|_| self.next() as u8).collect()
    }

    /// Short mostly; sometimes as long as a packet can be, or longer.
    fn size(&mut self) -> usize {
        match self.below(200) {
            0 => MAX_BODY / 2,
            1 => self.below(2 * MAX_BODY),
            2..10 => self.below(1024),
            _ => self.below(40),
        }
    }

    fn address(&mut self) -> u32 {
        match self.below(8) {
            0 => self.next() as u32,
            _ => self
                .pick(PLACES)
                .unwrap_or_default()
                .wrapping_add(self.below(9) as u32 * (self.below(5) as u32)),
        }
    }

    fn length(&mut self) -> u64 {
        match self.below(12) {
            0 => self.next(),
            1 => u64::from(self.next() as u32),
            2 => self.size() as u64,
            _ => [1, 2, 4, 8, 32][self.below(5)],
        }
    }

    fn hex(&mut self) -> String {
        match self.below(3) {
            0 => self
                .pick(WORDS)
                .unwrap_or_default()
                .to_le_bytes()
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
            _ => {
                let size = self.size();
                self.bytes(size).iter().map(|byte| format!("{byte:02x}")).collect()
            }
        }
    }

    fn binary(&mut self) -> Vec<u8> {
        let size = self.size();
        let mut escaped = Vec::new();
        for byte in self.bytes(size) {
            match byte {
                b'#' | b'$' | b'}' | b'*' => escaped.extend([b'}', byte ^ 0x20]),
                _ => escaped.push(byte),
            }
        }
        escaped
    }

    /// The body of a packet that GDB could send.
    fn body(&mut self) -> Vec<u8> {
        let template = self.pick(TEMPLATES).unwrap_or_default();
        let mut body = Vec::new();
        for (at, letter) in template.bytes().enumerate() {
            match letter {
                b'@' => body.extend(format!("{:x}", self.address()).bytes()),
                b'%' => body.extend(format!("{:x}", self.length()).bytes()),
                b'&' => body.extend(self.hex().bytes()),
                b'~' => body.extend(self.binary()),
                // The command of that name, and the question of `vCont?`, stay what they are.
                b'?' if at > 0 && template != "vCont?" => {
                    body.extend(format!("{:x}", self.below(48)).bytes())
                }
                _ => body.push(letter),
            }
        }
        body
    }

    fn damage(&mut self, body: &mut Vec<u8>) {
        for _ in 0..1 + self.below(4) {
            let at = self.below(body.len().max(1));
            let byte = self.pick(b"0f:;,=+-#$}*\x00\xff\x03vq").unwrap_or_default();
            match self.below(5) {
                0 => body.truncate(at),
                1 => body.insert(at.min(body.len()), byte),
                2 if !body.is_empty() => {
                    body.remove(at);
                }
                3 => body.extend_from_within(at.min(body.len())..),
                _ => {
                    if let Some(place) = body.get_mut(at) {
                        *place = byte;
                    }
                }
            }
        }
    }

    /// What is sent next.
    fn unit(&mut self) -> Vec<u8> {
        match self.below(20) {
            0..9 => packet(&self.body()),
            9..14 => {
                let mut body = self.body();
                self.damage(&mut body);
                packet(&body)
            }
            14 | 15 => {
                let size = self.size();
                packet(&self.bytes(size))
            }
            16 => {
                let body = self.body();
                let wrong = checksum(&body).wrapping_add(1 + self.below(255) as u8);
                [&b"$"[..], &body, format!("#{wrong:02x}").as_bytes()].concat()
            }
            17 => {
                // Cut off: the next packet begins inside of it.
                let mut frame = packet(&self.body());
                frame.truncate(self.below(frame.len()));
                frame
            }
            18 if self.one_in(50) => packet(&vec![b'm'; MAX_BODY + self.below(3 * MAX_BODY)]),
            18 => self
                .pick(&[&b"\x03"[..], b"+", b"-", b"++--", b"$", b"#", b"$#00", b"}"])
                .unwrap_or_default()
                .to_vec(),
            _ => self.bytes(64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_packets_do_no_harm() {
        let outcome = campaign(20_000, 1).unwrap_or_else(|what| panic!("{what}"));
        assert_eq!(outcome.packets, 20_000);
        // The campaign reaches what it is about: it is understood, refused, and lets the device run.
        assert!(
            outcome.answers > 2_000 && outcome.errors > 2_000 && outcome.runs > 200 && outcome.ends > 50,
            "{outcome:?}"
        );
    }
}
