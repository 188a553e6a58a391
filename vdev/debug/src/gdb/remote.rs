//! The remote protocol without a transport: bytes in, bytes out.
//!
//! `gdbstub` gives up a connection at the first packet that it cannot make sense of. Here such a packet gets an error as
//! its answer and the session goes on: a debugger with a quirk must not cost its user the state of the device.

use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;

use gdbstub::common::Signal;
use gdbstub::conn::Connection;
use gdbstub::stub::state_machine::GdbStubStateMachine;
use gdbstub::stub::{DisconnectReason, GdbStub, SingleThreadStopReason};

use super::control::Progress;
use super::framer::{self, Framer, MAX_BODY, Unit};
use super::target::{Mode, Session};
use crate::port::{DebugPort, Refusal};

/// Where the session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The debugger has the word; the device stands.
    Stopped,
    /// The debugger waits for the device to stop.
    Running,
    /// The debugger has detached.
    Detached,
    /// The debugger said `kill`.
    Killed,
}

/// Answer to what cannot be understood: EINVAL.
const NOT_UNDERSTOOD: &[u8] = b"E16";
/// Answers kept for a debugger that asks again.
const MAX_KEPT: usize = 4 * MAX_BODY;

/// What `gdbstub` writes.
#[derive(Clone, Debug, Default)]
struct Outbox(Rc<RefCell<Vec<u8>>>);

impl Connection for Outbox {
    type Error = Infallible;
    fn write(&mut self, byte: u8) -> Result<(), Infallible> {
        self.0.borrow_mut().push(byte);
        Ok(())
    }
    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

type Stub<B> = GdbStubStateMachine<'static, Session<B>, Outbox>;

/// One debugger's conversation with a device.
pub struct Remote<B: DebugPort> {
    session: Session<B>,
    /// None only when it could not be made, which ends the conversation.
    stub: Option<Stub<B>>,
    framer: Framer,
    written: Outbox,
    out: Vec<u8>,
    /// The last answer.
    last: Vec<u8>,
    state: State,
    /// The debugger has turned acknowledgements off.
    no_ack: bool,
    /// What the debugger negotiated, for a stub that replaces a lost one.
    negotiated: Option<Vec<u8>>,
}

impl<B: DebugPort> Remote<B> {
    /// A conversation that begins.
    pub fn new(session: Session<B>) -> Self {
        let written = Outbox::default();
        let mut remote = Remote {
            session,
            stub: None,
            framer: Framer::default(),
            written,
            out: Vec::new(),
            last: Vec::new(),
            state: State::Stopped,
            no_ack: false,
            negotiated: None,
        };
        remote.renew_stub();
        remote
    }

    /// Where the conversation is.
    pub fn state(&self) -> State {
        self.state
    }

    /// The device and its breakpoints.
    pub fn session(&mut self) -> &mut Session<B> {
        &mut self.session
    }

    /// Ends the conversation; the device is as it was left.
    pub fn into_session(self) -> Session<B> {
        self.session
    }

    /// Bytes for the debugger.
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// Takes bytes from the debugger.
    pub fn receive(&mut self, bytes: &[u8]) {
        for byte in bytes {
            let Some(unit) = self.framer.push(*byte) else { continue };
            match (unit, self.state) {
                (_, State::Detached | State::Killed) => return,
                (Unit::Interrupt, State::Running) => self.interrupt(),
                // Nothing else is said to a device that runs; an interrupt of one that stands came too late.
                (_, State::Running) | (Unit::Interrupt, _) => {}
                (Unit::Repeat, _) => self.repeat(),
                (Unit::Damaged, _) if !self.no_ack => self.out.push(b'-'),
                (Unit::Damaged | Unit::TooLong, _) => self.refuse(),
                (Unit::Packet(frame), _) => self.packet(&frame),
            }
        }
    }

    /// Lets the device run at most `limit` instructions, if it is to run. The debugger is told when it stops. True if the
    /// device sleeps and only something from outside can wake it.
    pub fn run(&mut self, limit: u64) -> bool {
        if self.state != State::Running {
            return false;
        }
        match self.session.advance(limit) {
            Progress::Runs => false,
            Progress::Sleeps => true,
            Progress::Stopped(reason) => {
                self.stopped(reason);
                false
            }
        }
    }

    fn interrupt(&mut self) {
        // Holding the model still is not halting the core: a closed port shows nothing of it either way.
        let open = self.session.note_if_closed();
        let core = &self.session.machine.core;
        if open && !core.bus.debug_halt_allowed(core.r[15]) {
            // In code that may be executed but not read a halt waits until the core has left it.
            self.session.mode = Mode::Step;
            return;
        }
        self.stopped(SingleThreadStopReason::Signal(Signal::SIGINT));
    }

    fn stopped(&mut self, reason: SingleThreadStopReason<u32>) {
        self.console();
        let answer = match self.stub.take() {
            Some(GdbStubStateMachine::Running(stub)) => stub.report_stop(&mut self.session, reason),
            other => {
                self.stub = other;
                return;
            }
        };
        match answer {
            Ok(stub) => self.settle(stub),
            Err(_) => self.recover(),
        }
        self.send_written();
    }

    fn packet(&mut self, frame: &[u8]) {
        let body = framer::body(frame);
        if asks_for_too_much(body) {
            return self.refuse();
        }
        if body.starts_with(b"QStartNoAckMode") {
            self.send_after_ack(b"OK");
            self.no_ack = true;
            self.renew_stub();
            return;
        }
        if body.starts_with(b"qSupported") {
            self.negotiated = Some(frame.to_vec());
        }
        let kill = body.starts_with(b"vKill");
        if body.starts_with(b"qTStatus") {
            // The one packet of GDB's greeting during which it shows text: who finds the port closed learns it here.
            self.session.note_if_closed();
            self.console();
        }
        self.session.last_error = None;
        self.feed(frame);
        if kill && self.state == State::Killed {
            self.written.0.borrow_mut().extend(framer::packet(b"OK"));
        }
        // GDB takes text for data where it waits for memory.
        if !body.starts_with(b"m") {
            self.explain();
        }
        self.send_written();
    }

    fn feed(&mut self, frame: &[u8]) {
        for byte in frame {
            let next = match self.stub.take() {
                Some(GdbStubStateMachine::Idle(stub)) => stub.incoming_data(&mut self.session, *byte),
                other => {
                    self.stub = other;
                    return;
                }
            };
            match next {
                Ok(stub) => self.settle(stub),
                Err(_) => return self.recover(),
            }
        }
    }

    fn settle(&mut self, stub: Stub<B>) {
        self.state = match &stub {
            GdbStubStateMachine::Idle(_) => State::Stopped,
            GdbStubStateMachine::Running(_) => State::Running,
            GdbStubStateMachine::CtrlCInterrupt(_) => State::Stopped,
            GdbStubStateMachine::Disconnected(stub) => match stub.get_reason() {
                DisconnectReason::Kill => State::Killed,
                _ => State::Detached,
            },
        };
        self.stub = Some(stub);
    }

    /// After a packet that the stub gave up on.
    fn recover(&mut self) {
        self.written.0.borrow_mut().clear();
        self.renew_stub();
        let mut written = self.written.0.borrow_mut();
        if !self.no_ack {
            written.push(b'+');
        }
        written.extend(framer::packet(NOT_UNDERSTOOD));
    }

    /// A new stub that knows what was negotiated with the old one.
    fn renew_stub(&mut self) {
        self.state = State::Stopped;
        let built = GdbStub::builder(self.written.clone()).packet_buffer_size(MAX_BODY).build();
        let Ok(stub) =
            built.map_err(drop).and_then(|stub| stub.run_state_machine(&mut self.session).map_err(drop))
        else {
            self.state = State::Detached;
            return;
        };
        self.stub = Some(stub);
        let no_ack = self.no_ack.then(|| framer::packet(b"QStartNoAckMode"));
        for frame in self.negotiated.take().into_iter().chain(no_ack) {
            // Each was understood before, or it is forgotten here: no recursion.
            for byte in &frame {
                match self.stub.take() {
                    Some(GdbStubStateMachine::Idle(stub)) => {
                        self.stub = stub.incoming_data(&mut self.session, *byte).ok();
                    }
                    other => self.stub = other,
                }
            }
            if frame.starts_with(b"$qSupported") && self.stub.is_some() {
                self.negotiated = Some(frame);
            }
        }
        self.written.0.borrow_mut().clear();
        if self.stub.is_none() {
            self.state = State::Detached;
        }
    }

    /// Puts the reason of a refusal into the answer: `E01` becomes `E.IR-5201 ...`, which GDB shows where it can.
    fn explain(&mut self) {
        let Some(refusal) = self.session.last_error.take() else { return };
        let mut written = self.written.0.borrow_mut();
        let Some(start) = written.iter().rposition(|byte| *byte == b'$') else { return };
        let plain = matches!(written.get(start..), Some([b'$', b'E', a, b, b'#', _, _])
            if a.is_ascii_hexdigit() && b.is_ascii_hexdigit());
        if plain {
            written.truncate(start);
            written.extend(framer::packet(format!("E.{}", protocol_text(&refusal)).as_bytes()));
        }
    }

    /// Shows what was refused since the last time on the debugger's console. Only where the protocol allows it.
    fn console(&mut self) {
        for message in self.session.take_notes() {
            let hex: String = format!("{message}\n").bytes().map(|byte| format!("{byte:02x}")).collect();
            self.out.extend(framer::packet(format!("O{hex}").as_bytes()));
        }
    }

    fn refuse(&mut self) {
        self.send_after_ack(NOT_UNDERSTOOD);
    }

    fn send_after_ack(&mut self, body: &[u8]) {
        if !self.no_ack {
            self.out.push(b'+');
        }
        self.last = framer::packet(body);
        self.out.extend_from_slice(&self.last);
    }

    fn send_written(&mut self) {
        let written = std::mem::take(&mut *self.written.0.borrow_mut());
        if written.len() <= MAX_KEPT {
            self.last = written.strip_prefix(b"+").unwrap_or(&written).to_vec();
        }
        self.out.extend(written);
    }

    fn repeat(&mut self) {
        self.out.extend_from_slice(&self.last);
    }
}

/// Whether a packet asks for more memory than one answer can hold. GDB never does.
fn asks_for_too_much(body: &[u8]) -> bool {
    let Some(rest) = body.strip_prefix(b"m") else { return false };
    let length = rest.split(|byte| *byte == b',').nth(1).and_then(|digits| std::str::from_utf8(digits).ok());
    length
        .and_then(|digits| usize::from_str_radix(digits, 16).ok())
        .is_none_or(|length| length > MAX_BODY / 2)
}

/// A refusal without the letters that frame packets.
fn protocol_text(refusal: &Refusal) -> String {
    let plain = |c: char| c.is_ascii() && !c.is_ascii_control() && !matches!(c, '$' | '#' | '}' | '*');
    refusal.to_string().chars().map(|c| if plain(c) { c } else { ' ' }).collect()
}
