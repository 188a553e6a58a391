//! The event loop: one connection at a time.

use std::io;
use std::net::{TcpListener, TcpStream};

use gdbstub::common::Signal;
use gdbstub::conn::{Connection, ConnectionExt};
use gdbstub::stub::run_blocking::{BlockingEventLoop, Event, WaitForStopReasonError};
use gdbstub::stub::{DisconnectReason, GdbStub, SingleThreadStopReason};
use gdbstub::target::Target;
use ironroot_cpu::machine::Stop;

use super::target::{Mode, Session};
use crate::port::DebugPort;

/// Instructions between two looks at the connection.
const SLICE: u64 = 200_000;

struct EventLoop<B>(std::marker::PhantomData<B>);

impl<B: DebugPort> BlockingEventLoop for EventLoop<B> {
    type Target = Session<B>;
    type Connection = TcpStream;
    type StopReason = SingleThreadStopReason<u32>;

    fn wait_for_stop_reason(
        session: &mut Session<B>,
        connection: &mut TcpStream,
    ) -> Result<
        Event<SingleThreadStopReason<u32>>,
        WaitForStopReasonError<<Self::Target as Target>::Error, io::Error>,
    > {
        loop {
            let slice = if session.mode == Mode::Step { 1 } else { SLICE };
            if let Some(reason) = stop_reason(session, slice) {
                return Ok(Event::TargetStopped(reason));
            }
            if ConnectionExt::peek(connection).map_err(WaitForStopReasonError::Connection)?.is_some() {
                let byte = ConnectionExt::read(connection).map_err(WaitForStopReasonError::Connection)?;
                return Ok(Event::IncomingData(byte));
            }
        }
    }

    fn on_interrupt(_: &mut Session<B>) -> Result<Option<SingleThreadStopReason<u32>>, <Session<B> as Target>::Error> {
        Ok(Some(SingleThreadStopReason::Signal(Signal::SIGINT)))
    }
}

/// Runs a slice; None when the core goes on.
fn stop_reason<B: DebugPort>(session: &mut Session<B>, slice: u64) -> Option<SingleThreadStopReason<u32>> {
    Some(match session.machine.run(slice) {
        Stop::Limit if session.mode == Mode::Step => SingleThreadStopReason::DoneStep,
        Stop::Limit => return None,
        Stop::Idle => {
            // Nothing will wake the core; do not burn the host's processor while waiting for the debugger.
            std::thread::sleep(std::time::Duration::from_millis(2));
            return None;
        }
        // A step onto a breakpoint has not run its instruction yet: that is where GDB wants to be.
        Stop::Breakpoint(_) if session.mode == Mode::Step => return stop_reason(session, slice),
        Stop::Breakpoint(_) => SingleThreadStopReason::SwBreak(()),
        Stop::Watchpoint(hit) => SingleThreadStopReason::Watch {
            tid: (),
            kind: session.watch_kind(hit.address),
            addr: hit.address,
        },
        Stop::Bkpt { .. } | Stop::Chip(_) | Stop::Hook => SingleThreadStopReason::Signal(Signal::SIGTRAP),
        Stop::Lockup => SingleThreadStopReason::Signal(Signal::SIGSEGV),
    })
}

/// Serves one connection of `listener`; gives the session back when the debugger has gone.
pub fn serve_once<B: DebugPort>(listener: &TcpListener, mut session: Session<B>) -> io::Result<(Session<B>, bool)> {
    let (stream, _) = listener.accept()?;
    stream.set_nodelay(true)?;
    let killed = match GdbStub::new(stream).run_blocking::<EventLoop<B>>(&mut session) {
        Ok(reason) => reason == DisconnectReason::Kill,
        // A connection that breaks ends the session; the device lives on.
        Err(_) => false,
    };
    Ok((session, killed))
}

/// Serves connections one after the other until a debugger says `kill`.
pub fn serve<B: DebugPort>(listener: &TcpListener, mut session: Session<B>) -> io::Result<Session<B>> {
    loop {
        let (back, killed) = serve_once(listener, session)?;
        session = back;
        if killed {
            return Ok(session);
        }
    }
}

/// What a byte stream needs to be one of GDB's; asserted here so that a change of `gdbstub` shows at once.
const _: fn() = || {
    fn is_connection<T: Connection + ConnectionExt>() {}
    is_connection::<TcpStream>();
};
