//! Running a core: the block loop, events, interrupts, stops.
//!
//! Interrupts are looked at between instructions at two kinds of moments only: when the virtual time of the next event is
//! reached, and after an instruction that touched something outside the core ([`Flow::Sync`]). Both are properties of the
//! instruction stream, not of how it is cut into blocks, so stepping and block execution give the same states.

use std::collections::BTreeSet;

use crate::blocks::{Block, Blocks, MAX_OPS};
use crate::bus::{Bus, Request};
use crate::core::{Core, Fault, Flags, FpRegs, Sleep};
use crate::debug::{WatchHit, Watchpoint};
use crate::decode;
use crate::execute::{Outcome, execute};
use crate::halting::{demcr, dfsr};
use crate::memory::Memory;
use crate::op::Args;
use crate::scs::Scs;
use crate::tlb::{PAGE_MASK, PAGE_SIZE, Tlb};
use crate::translate::translate;

/// SCR.SEVONPEND (B3.2.7).
const SEVONPEND: u32 = 0x10;

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The instruction limit was reached.
    Limit,
    /// A breakpoint of the host, at this address; its instruction has not run.
    Breakpoint(u32),
    /// A watched access was made (it has completed).
    Watchpoint(WatchHit),
    /// A BKPT instruction at this address, for the debugger or for semihosting; it has not completed.
    Bkpt {
        /// Address of the instruction.
        pc: u32,
        /// Its immediate.
        imm: u8,
    },
    /// The core locked up: a fault inside a fault handler of the highest priority.
    Lockup,
    /// The core sleeps and nothing inside the chip wakes it (nothing is due, or 100,000 events in a row did not); only input
    /// from outside can.
    Idle,
    /// The core is in Debug state: a debugger on the chip's debug port holds it ([`crate::halting`]).
    Halted,
    /// The chip asks for the host, with a reason of its own.
    Chip(u32),
    /// The hook asked for it.
    Hook,
}

/// Events that a sleeping core is given to wake up: a periodic one whose interrupt is masked (SysTick, while WFI waits in a
/// handler of higher priority) would keep the host in the sleep for ever.
const MOST_EVENTS_ASLEEP: u32 = 100_000;

/// What a hook wants of the instruction it was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Run it.
    Run,
    /// Skip it as if it were a NOP (a glitch).
    Skip,
    /// Stop before it.
    Stop,
}

/// Looks at every instruction before it runs. With [`NoHook`] the loop has no trace of it.
pub trait Hook<B: Bus> {
    /// False only for [`NoHook`].
    const ACTIVE: bool = true;
    /// Called with the state before the instruction at `pc` (whose IT condition passed or not: see `args.it`).
    fn before(&mut self, core: &mut Core<B>, pc: u32, args: &Args) -> Action;
    /// Called when an exception (number) was entered or a return left one, with the state after it.
    fn exception(&mut self, _core: &Core<B>, _exception: u16) {}
}

/// No hook.
pub struct NoHook;

impl<B: Bus> Hook<B> for NoHook {
    const ACTIVE: bool = false;
    fn before(&mut self, _: &mut Core<B>, _: u32, _: &Args) -> Action {
        Action::Run
    }
}

/// A core, its chip, and the cached code.
#[derive(Clone)]
pub struct Machine<B: Bus> {
    /// The state.
    pub core: Core<B>,
    pub(crate) blocks: Blocks<B>,
    /// All addresses at which something may stop: the host's breakpoints and those of the FPB.
    breakpoints: BTreeSet<u32>,
    host_breakpoints: BTreeSet<u32>,
    /// Resume over the breakpoint at this address.
    pub(crate) stepping_off: Option<u32>,
    /// Resets so far.
    pub resets: u64,
}

impl<B: Bus> Machine<B> {
    /// A machine at its power-on reset.
    pub fn new(bus: B) -> Machine<B> {
        let scs = Scs::new(bus.core_config(), bus.reset_vector_base());
        let core = Core {
            r: [0; 16],
            flags: Flags::CLEAR,
            it: 0,
            thumb: true,
            ipsr: 0,
            other_sp: 0,
            primask: false,
            faultmask: false,
            basepri: 0,
            control: 0,
            fp: FpRegs { s: [0; 32], fpscr: 0 },
            fp_ready: false,
            scs,
            exclusive: None,
            event: false,
            sleep: Sleep::Awake,
            lockup: false,
            pending_fault: Fault::Undefined,
            sync: true,
            cycles: 0,
            instructions: 0,
            block_pc: 0,
            block_cycles: 0,
            tlb: Tlb::new(),
            halting_debug: false,
            semihosting: false,
            bus,
        };
        let mut machine = Machine {
            core,
            blocks: Blocks::new(),
            breakpoints: BTreeSet::new(),
            host_breakpoints: BTreeSet::new(),
            stepping_off: None,
            resets: 0,
        };
        machine.reset_core();
        machine
    }

    /// System reset of core and chip (SYSRESETREQ, a pin, the debugger).
    pub fn system_reset(&mut self) {
        self.core.bus.system_reset(self.core.cycles);
        self.resets += 1;
        self.reset_core();
    }

    /// Reset of the core alone: registers, system control space, then SP and PC from the vector table.
    pub fn reset_core(&mut self) {
        let core = &mut self.core;
        // Debug logic is reset by power-on only (C1.6, TRM 2.3.2): breakpoints and vector catches are there for the first
        // instruction.
        let fresh = Scs::new(core.bus.core_config(), core.bus.reset_vector_base());
        let old = std::mem::replace(&mut core.scs, fresh);
        (core.scs.watch, core.scs.dwt, core.scs.fpb) = (old.watch, old.dwt, old.fpb);
        (core.scs.halting, core.scs.dfsr) = (old.halting, old.dfsr);
        core.scs.demcr = old.demcr & demcr::SURVIVES_RESET;
        if core.scs.halting.after_reset(core.scs.demcr) {
            core.scs.dfsr |= dfsr::VCATCH;
        }
        core.r = [0; 16];
        core.r[14] = u32::MAX;
        core.flags = Flags::CLEAR;
        (core.it, core.ipsr, core.other_sp) = (0, 0, 0);
        (core.primask, core.faultmask, core.basepri, core.control) = (false, false, 0, 0);
        core.fp = FpRegs { s: [0; 32], fpscr: 0 };
        core.exclusive = None;
        (core.event, core.sleep, core.lockup, core.sync) = (false, Sleep::Awake, false, true);
        core.tlb.flush();
        core.update_fp_ready();
        let base = core.scs.vtor;
        let stack = core.read_vector(base);
        let entry = core.read_vector(base.wrapping_add(4));
        match (stack, entry) {
            (Some(stack), Some(entry)) => {
                core.r[13] = stack & !3;
                core.r[15] = entry & !1;
                core.thumb = entry & 1 != 0;
            }
            // No vector table: the core cannot even take a fault.
            _ => core.lockup = true,
        }
    }

    /// Power-on reset of the core: a reset that takes the debug logic with it, but not what the host watches. The chip has
    /// been powered on before.
    pub fn power_on_core(&mut self) {
        let fresh = Scs::new(self.core.bus.core_config(), self.core.bus.reset_vector_base());
        let old = std::mem::replace(&mut self.core.scs, fresh);
        self.core.scs.watch = old.watch;
        if self.core.scs.fpb != old.fpb {
            self.renew_breakpoints();
        }
        self.core.bus.take_stall();
        self.resets += 1;
        self.drop_written_code();
        self.reset_core();
    }

    /// Runs at most `limit` instructions.
    pub fn run(&mut self, limit: u64) -> Stop {
        self.run_hooked(limit, &mut NoHook)
    }

    /// Runs one instruction (or takes one exception whose cause was already there, then one instruction).
    pub fn step(&mut self) -> Stop {
        self.run(1)
    }

    /// Runs at most `limit` instructions, showing each to `hook` first.
    pub fn run_hooked<H: Hook<B>>(&mut self, limit: u64, hook: &mut H) -> Stop {
        let end = self.core.instructions.saturating_add(limit);
        let mut next_event = 0;
        loop {
            if self.core.sync || self.core.cycles >= next_event {
                if let Some(stop) = self.service(hook) {
                    return stop;
                }
                next_event = self.core.bus.next_event().min(self.core.scs.systick.next_event());
                next_event = next_event.min(self.core.next_halt_check());
            }
            if self.core.instructions >= end {
                return Stop::Limit;
            }
            let budget =
                (end - self.core.instructions).min(next_event.saturating_sub(self.core.cycles)).max(1);
            if let Some(stop) = self.run_block(budget, hook) {
                return self.stopped(stop);
            }
        }
    }

    /// Everything that happens between instructions: due events, resets, written code, watchpoints, sleep, interrupts.
    fn service<H: Hook<B>>(&mut self, hook: &mut H) -> Option<Stop> {
        let mut slept_through = 0;
        loop {
            let core = &mut self.core;
            core.sync = false;
            let now = core.cycles;
            if core.bus.next_event() <= now {
                core.bus.advance(now);
            }
            core.sync_epoch();
            if core.scs.systick.next_event() <= now && core.scs.systick.advance(now) {
                core.scs.nvic.pending.put(crate::nvic::number::SYS_TICK, true);
            }
            let request = core.bus.take_request();
            if std::mem::take(&mut core.scs.reset_requested) || request == Some(Request::SystemReset) {
                self.drop_written_code();
                self.system_reset();
                continue;
            }
            if self.core.bus.memory().has_code_writes() {
                self.drop_written_code();
            }
            let core = &mut self.core;
            if let Some(Request::Stop(reason)) = request {
                return Some(Stop::Chip(reason));
            }
            if let Some(hit) = core.scs.watch.take_hit() {
                if hit.host {
                    core.sync = true;
                    return Some(Stop::Watchpoint(hit));
                }
                core.watchpoint_event(hit.address);
            }
            if self.core.scs.fpb.take_changed() {
                self.renew_breakpoints();
            }
            let core = &mut self.core;
            if core.enter_debug_state() {
                core.sync = true;
                return Some(Stop::Halted);
            }
            if core.lockup {
                core.sync = true;
                return Some(Stop::Lockup);
            }
            let lines = *core.bus.irq_lines();
            core.scs.nvic.update_lines(&lines);
            if core.scs.scr & SEVONPEND != 0 && core.scs.nvic.newly_pending() {
                core.event = true;
            }
            if core.sleep != Sleep::Awake && !self.wake_up() {
                let core = &mut self.core;
                // A tick that is pending already and did not wake the core will not when it comes again.
                let tick = match core.scs.nvic.pending.has(crate::nvic::number::SYS_TICK) {
                    true => u64::MAX,
                    false => core.scs.systick.next_event(),
                };
                let event = core.bus.next_event().min(tick);
                slept_through += 1;
                if event == u64::MAX || slept_through > MOST_EVENTS_ASLEEP {
                    core.sync = true;
                    return Some(Stop::Idle);
                }
                core.cycles = core.cycles.max(event);
                continue;
            }
            let core = &mut self.core;
            if let Some(exception) = core.preempting().filter(|taken| !core.scs.halting.masks(*taken)) {
                let at = core.r[15];
                core.enter_exception(exception, at);
                if H::ACTIVE {
                    hook.exception(core, core.ipsr);
                }
                continue;
            }
            core.sync = false;
            return None;
        }
    }

    fn wake_up(&mut self) -> bool {
        let core = &mut self.core;
        let awake = match core.sleep {
            Sleep::Awake => true,
            Sleep::Interrupt => core.wakes(),
            Sleep::Event => core.wakes() || std::mem::take(&mut core.event),
        };
        if awake {
            core.sleep = Sleep::Awake;
        }
        awake
    }

    pub(crate) fn drop_written_code(&mut self) {
        for (from, to) in self.core.bus.memory_mut().take_code_writes() {
            if self.blocks.invalidate(from, to) {
                self.core.bus.memory_mut().unmark_code(from);
            }
        }
    }

    /// Runs the block at the program counter, at most `budget` (≥ 1) instructions of it.
    #[inline(always)]
    fn run_block<H: Hook<B>>(&mut self, budget: u64, hook: &mut H) -> Option<Stop> {
        let pc = self.core.r[15];
        let it = self.core.it;
        if !self.breakpoints.is_empty()
            && let Some(stop) = self.at_breakpoint(pc)
        {
            return Some(stop);
        }
        if !self.core.thumb {
            self.fault_at(Fault::InvalidState, pc, it, hook);
            return None;
        }
        let page = match self.core.fetch_page(pc) {
            Ok(page) => page,
            Err(fault) => {
                self.fault_at(fault, pc, it, hook);
                return None;
            }
        };
        let Some(page) = page else { return self.run_uncached(pc, it, hook) };
        let arena = page + (pc & !PAGE_MASK);
        let id = match self.blocks.find(pc, it, arena) {
            Some(id) => id,
            None => match self.make_block(pc, it, arena) {
                Some(id) => id,
                None => return self.run_uncached(pc, it, hook),
            },
        };
        let block = self.blocks.get(id)?;
        let core = &mut self.core;
        if let Some(second) = block.second_page {
            // An instruction across two pages: the second one must be fetchable too, every time.
            match core.fetch_page(second) {
                Ok(Some(_)) => {}
                Ok(None) => return self.run_uncached(pc, it, hook),
                Err(fault) => {
                    self.fault_at(fault, pc, it, hook);
                    return None;
                }
            }
        }
        let count = usize::try_from(budget).unwrap_or(usize::MAX).min(block.ops.len());
        let ops = &block.ops[..count];
        let (end_pc, end_it) = match block.ops.get(count) {
            Some(op) => (pc.wrapping_add(u32::from(op.args.offset)), op.args.it),
            None => (pc.wrapping_add(block.length), block.end_it),
        };
        let stop = execute(core, ops, pc, end_pc, end_it, hook);
        if core.sync && matches!(stop, Some(Outcome::Exception)) && H::ACTIVE {
            hook.exception(core, core.ipsr);
        }
        match stop {
            Some(Outcome::Stop(stop)) => Some(stop),
            _ => None,
        }
    }

    fn at_breakpoint(&mut self, pc: u32) -> Option<Stop> {
        if self.stepping_off.take() != Some(pc) && self.host_breakpoints.contains(&pc) {
            self.stepping_off = Some(pc);
            return Some(Stop::Breakpoint(pc));
        }
        if !self.core.scs.halting.enabled() {
            return None;
        }
        // A debugger on the chip's port steps off its own breakpoints by taking them out, as on silicon.
        let comparator = self.core.scs.fpb.breakpoints().any(|address| address == pc);
        (comparator && self.core.debug_event(pc, dfsr::BKPT) && self.core.enter_debug_state())
            .then_some(Stop::Halted)
    }

    /// Takes a fault of the fetch at `pc`. It counts as one instruction: a program that only faults still makes progress.
    #[cold]
    fn fault_at<H: Hook<B>>(&mut self, fault: Fault, pc: u32, it: u8, hook: &mut H) {
        let core = &mut self.core;
        core.it = it;
        core.cycles += 1;
        core.instructions += 1;
        core.take_fault(fault, pc);
        core.sync = true;
        if H::ACTIVE {
            hook.exception(core, core.ipsr);
        }
    }

    /// Runs one instruction fetched the byte-exact way, without caching it.
    #[cold]
    fn run_uncached<H: Hook<B>>(&mut self, pc: u32, it: u8, hook: &mut H) -> Option<Stop> {
        let fetched = self.core.fetch_half(pc).and_then(|first| {
            let second = if decode::is_wide(first) { self.core.fetch_half(pc.wrapping_add(2))? } else { 0 };
            Ok((first, second))
        });
        let (first, second) = match fetched {
            Ok(halves) => halves,
            Err(fault) => {
                self.fault_at(fault, pc, it, hook);
                return None;
            }
        };
        let (op, next_it, _) = translate::<B>(first, second, pc, Args { it, ..Args::default() });
        let end = pc.wrapping_add(u32::from(op.args.length));
        let stop = execute(&mut self.core, &[op], pc, end, next_it, hook);
        // A page without a translation may have changed its mind (protection moved while fetching).
        self.core.sync = true;
        match stop {
            Some(Outcome::Stop(stop)) => Some(stop),
            _ => None,
        }
    }

    /// Decodes the block at `pc`. None: only byte-exact fetches can tell (a seam in the map inside an instruction).
    #[cold]
    #[inline(never)]
    fn make_block(&mut self, pc: u32, it: u8, arena: u32) -> Option<u32> {
        if self.blocks.is_full() {
            self.blocks.clear();
        }
        let mut ops = Vec::new();
        let mut offset = 0u32;
        let mut now_it = it;
        let mut second_page = None;
        let left = PAGE_SIZE - (pc & !PAGE_MASK);
        while ops.len() < MAX_OPS && offset < left {
            if offset > 0 && self.breakpoints.contains(&pc.wrapping_add(offset)) {
                break;
            }
            let half = |at: u32| self.core.bus.memory().read(at, crate::bus::Size::Half) as u16;
            let first = half(arena + offset);
            let wide = decode::is_wide(first);
            if wide && offset + 2 >= left {
                if offset > 0 {
                    break;
                }
                let next = pc.wrapping_add(2);
                match self.core.fetch_page(next) {
                    Ok(Some(page)) if page == arena + 2 => second_page = Some(next),
                    _ => return None,
                }
            }
            let half = |at: u32| self.core.bus.memory().read(at, crate::bus::Size::Half) as u16;
            let second = if wide { half(arena + offset + 2) } else { 0 };
            let args = Args { it: now_it, offset: offset as u16, index: ops.len() as u8, ..Args::default() };
            let (op, next_it, ends) = translate::<B>(first, second, pc.wrapping_add(offset), args);
            offset += u32::from(op.args.length);
            ops.push(op);
            now_it = next_it;
            if ends || second_page.is_some() {
                break;
            }
        }
        let block = Block { pc, it, end_it: now_it, length: offset, arena, second_page, ops };
        let mut newly_marked = self.core.bus.memory_mut().mark_code(arena);
        newly_marked |= self.core.bus.memory_mut().mark_code(arena + offset.max(1) - 1);
        if newly_marked {
            self.core.tlb.write.flush();
        }
        Some(self.blocks.insert(block))
    }

    /// Breakpoints of the host.
    pub fn set_breakpoints(&mut self, addresses: impl IntoIterator<Item = u32>) {
        self.host_breakpoints = addresses.into_iter().map(|a| a & !1).collect();
        self.renew_breakpoints();
    }

    /// Blocks end before a breakpoint, so they are made again when one comes or goes.
    pub(crate) fn renew_breakpoints(&mut self) {
        self.breakpoints = self.host_breakpoints.clone();
        self.breakpoints.extend(self.core.scs.fpb.breakpoints());
        self.blocks.clear();
    }

    /// Watchpoints of the host.
    pub fn set_watchpoints(&mut self, watchpoints: Vec<Watchpoint>) {
        self.core.scs.watch.set_host(watchpoints);
        self.core.tlb.flush();
    }

    /// Makes every data access go through [`Bus::read`] and [`Bus::write`] (a trace of accesses), or ends that.
    pub fn watch_everything(&mut self, on: bool) {
        self.core.scs.watch.everything = on;
        self.core.tlb.flush();
    }

    /// After the host changed anything by hand (registers, memory, input to the chip): look at everything again. What the
    /// chip had to wait for meanwhile (a flash operation) is the core's time too.
    pub fn poke(&mut self) {
        let waited = self.core.bus.take_stall();
        self.core.pass_halted(waited);
        self.core.sync = true;
        self.core.tlb.flush();
        self.drop_written_code();
        self.core.update_fp_ready();
    }

    /// All storage of the chip.
    pub fn memory(&self) -> &Memory {
        self.core.bus.memory()
    }
}
