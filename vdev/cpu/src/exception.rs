//! Exception entry, return, faults and their escalation, lockup, floating-point context (DDI 0403E B1.5).

use crate::access::Origin;
use crate::bus::{Bus, Size};
use crate::core::{Core, Fault, Sleep};
use crate::nvic::{THREAD_PRIORITY, number};
use crate::op::{Args, Flow};
use crate::scs::{cfsr, fpccr, hfsr};

/// Bytes of the basic frame and of the one with floating-point state.
const BASIC_FRAME: u32 = 0x20;
const FP_FRAME: u32 = 0x68;
/// Bit of the stacked xPSR that says the frame was padded to 8 bytes.
const XPSR_PADDED: u32 = 1 << 9;

/// Where an access made by exception entry or return failed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Stacking,
    Unstacking,
    LazyStacking,
}

impl<B: Bus> Core<B> {
    /// Priority at which the core executes: that of the active exceptions, boosted by BASEPRI, PRIMASK and FAULTMASK.
    pub fn execution_priority(&self) -> i16 {
        let nvic = &self.scs.nvic;
        let mut priority = nvic.active_priority();
        if self.basepri != 0 {
            priority = priority.min(nvic.group(i16::from(self.basepri)));
        }
        if self.primask {
            priority = priority.min(0);
        }
        if self.faultmask {
            priority = priority.min(-1);
        }
        priority
    }

    /// The exception to take now, if one preempts the running code.
    pub(crate) fn preempting(&self) -> Option<u16> {
        let candidate = self.scs.nvic.candidate()?;
        let nvic = &self.scs.nvic;
        (nvic.group(nvic.priority(candidate)) < self.execution_priority()).then_some(candidate)
    }

    /// Whether a pending exception would wake a sleeping core: as [`Core::preempting`], PRIMASK ignored (B1.5.19).
    pub(crate) fn wakes(&self) -> bool {
        let nvic = &self.scs.nvic;
        let Some(candidate) = nvic.candidate() else { return false };
        let mut priority = nvic.active_priority();
        if self.basepri != 0 {
            priority = priority.min(nvic.group(i16::from(self.basepri)));
        }
        if self.faultmask {
            priority = priority.min(-1);
        }
        nvic.group(nvic.priority(candidate)) < priority
    }

    /// Takes a synchronous fault (or SVC) with `return_address`; `r[15]` is that of the code that faulted.
    pub(crate) fn take_fault(&mut self, fault: Fault, return_address: u32) {
        let (exception, status, address) = match fault {
            Fault::Undefined => (number::USAGE_FAULT, cfsr::UNDEFINSTR, None),
            Fault::InvalidState => (number::USAGE_FAULT, cfsr::INVSTATE, None),
            Fault::InvalidPc => (number::USAGE_FAULT, cfsr::INVPC, None),
            Fault::NoCoprocessor => (number::USAGE_FAULT, cfsr::NOCP, None),
            Fault::Unaligned => (number::USAGE_FAULT, cfsr::UNALIGNED, None),
            Fault::DivideByZero => (number::USAGE_FAULT, cfsr::DIVBYZERO, None),
            Fault::MemManageFetch => (number::MEM_MANAGE, cfsr::IACCVIOL, None),
            Fault::MemManageData(address) => (number::MEM_MANAGE, cfsr::DACCVIOL, Some(address)),
            Fault::BusFetch => (number::BUS_FAULT, cfsr::IBUSERR, None),
            Fault::BusData(address) => (number::BUS_FAULT, cfsr::PRECISERR, Some(address)),
            Fault::Svc => (number::SV_CALL, 0, None),
            Fault::Breakpoint => (number::DEBUG_MONITOR, 0, None),
        };
        self.record(exception, status, address);
        if exception == number::DEBUG_MONITOR {
            self.scs.dfsr |= 2;
        }
        if !self.pend_synchronous(exception) {
            self.enter_lockup();
            self.stop_at(return_address);
            return;
        }
        if let Some(taken) = self.scs.nvic.candidate() {
            self.enter_exception(taken, return_address);
            if self.scs.halting.enabled() {
                self.catch_vector(fault, taken, return_address);
            }
        }
    }

    fn record(&mut self, exception: u16, status: u32, address: Option<u32>) {
        self.scs.cfsr |= status;
        if let Some(address) = address {
            if exception == number::MEM_MANAGE {
                self.scs.mmfar = address;
                self.scs.cfsr |= cfsr::MMARVALID;
            } else {
                self.scs.bfar = address;
                self.scs.cfsr |= cfsr::BFARVALID;
            }
        }
    }

    /// Pends a synchronous exception, escalated to HardFault where it cannot be taken itself. False: lockup.
    fn pend_synchronous(&mut self, exception: u16) -> bool {
        let current = self.execution_priority();
        let nvic = &self.scs.nvic;
        let enabled = match exception {
            number::DEBUG_MONITOR => self.scs.monitor_enabled(),
            _ => nvic.is_enabled(exception),
        };
        if enabled && nvic.group(nvic.priority(exception)) < current {
            self.scs.nvic.pending.put(exception, true);
            return true;
        }
        if current <= -1 {
            return false;
        }
        self.scs.hfsr |= if exception == number::DEBUG_MONITOR { hfsr::DEBUGEVT } else { hfsr::FORCED };
        self.scs.nvic.pending.put(number::HARD_FAULT, true);
        true
    }

    /// Lockup (B1.5.15): the core stops until a reset (this model knows no NMI from outside).
    fn enter_lockup(&mut self) {
        self.lockup = true;
        self.sync = true;
    }

    /// Pushes a frame and enters `exception`, or a derived or late-arriving one of higher priority.
    pub(crate) fn enter_exception(&mut self, exception: u16, return_address: u32) {
        self.push_frame(return_address, self.ipsr);
        let exc_return = {
            let fp = if self.control & 4 != 0 { 0 } else { 0x10 };
            let mode = match (self.ipsr != 0, self.control & 2 != 0) {
                (true, _) => 0x1,
                (false, false) => 0x9,
                (false, true) => 0xD,
            };
            0xFFFF_FFE0 | fp | mode
        };
        // A fault while stacking is pending by now, and comes first if its priority is higher, or equal and its number lower
        // (B1.5.4).
        let exception = self.scs.nvic.candidate().unwrap_or(exception);
        if !self.lockup {
            self.take_vector(exception, exc_return);
        }
        self.stop_at(return_address);
    }

    /// ExceptionTaken (B1.5.6): mode, masks, vector.
    fn take_vector(&mut self, exception: u16, exc_return: u32) {
        let was_privileged = self.privileged();
        let mpu_was_in_force = self.scs.mpu_in_force(self.ipsr, self.faultmask);
        if self.on_process_stack() {
            std::mem::swap(&mut self.r[13], &mut self.other_sp);
        }
        self.control &= !6;
        self.ipsr = exception;
        self.r[14] = exc_return;
        self.it = 0;
        self.exclusive = None;
        self.event = true;
        self.sleep = Sleep::Awake;
        self.scs.nvic.pending.put(exception, false);
        self.scs.nvic.active.put(exception, true);
        self.sync = true;
        self.update_fp_ready();
        if was_privileged != self.privileged()
            || mpu_was_in_force != self.scs.mpu_in_force(self.ipsr, self.faultmask)
        {
            self.tlb.flush();
        }
        let vector = self.scs.vtor.wrapping_add(u32::from(exception) * 4);
        // Vector fetches are not checked by the MPU (B3.5.1): the bus alone decides.
        match self.read_vector(vector) {
            Some(target) => {
                self.thumb = target & 1 != 0;
                self.r[15] = target & !1;
            }
            None if exception == number::HARD_FAULT || exception == number::NMI => {
                self.scs.hfsr |= hfsr::VECTTBL;
                self.enter_lockup();
            }
            None => {
                // The failing exception gives way to HardFault, as if it had been escalated.
                self.scs.hfsr |= hfsr::VECTTBL;
                self.scs.nvic.active.put(exception, false);
                self.take_vector(number::HARD_FAULT, exc_return);
            }
        }
    }

    pub(crate) fn read_vector(&mut self, address: u32) -> Option<u32> {
        let access = crate::bus::Access {
            master: crate::bus::Master::Cpu,
            kind: crate::bus::Kind::Read,
            privileged: true,
            secure: false,
            size: Size::Word,
            pc: address,
            now: self.cycles,
        };
        if let Some(base) = self.bus.map(address, access) {
            self.sync_epoch();
            return Some(self.bus.memory().read(base + (address & !crate::tlb::PAGE_MASK), Size::Word));
        }
        let result = self.bus.read(address, access).ok();
        self.cycles += self.bus.take_stall();
        self.sync_epoch();
        result
    }

    /// PushStack (B1.5.6), with `number` in the xPSR. Faults on the way become pending derived exceptions.
    fn push_frame(&mut self, return_address: u32, number: u16) {
        let with_fp = self.control & 4 != 0;
        let size = if with_fp { FP_FRAME } else { BASIC_FRAME };
        let align = with_fp || self.scs.aligns_stack();
        let sp = self.r[13];
        let padded = align && sp & 4 != 0;
        let frame = sp.wrapping_sub(size) & if align { !4 } else { !0 };
        let origin = Origin { pc: 0, now: self.cycles, privileged: self.privileged() };
        let words = [
            self.r[0],
            self.r[1],
            self.r[2],
            self.r[3],
            self.r[12],
            self.r[14],
            return_address,
            (self.xpsr() & !(XPSR_PADDED | 0x1FF)) | u32::from(number) | if padded { XPSR_PADDED } else { 0 },
        ];
        let mut ok = true;
        let direct = self.write_frame_directly(frame, &words);
        for (i, word) in (0..).zip(words) {
            ok = ok && (direct || self.stack_write(frame.wrapping_add(4 * i), word, origin, Stage::Stacking));
        }
        if with_fp {
            if self.scs.fpccr & fpccr::LSPEN == 0 {
                for i in 0..16 {
                    let value = self.fp.s[i as usize];
                    ok = ok
                        && self.stack_write(frame.wrapping_add(0x20 + 4 * i), value, origin, Stage::Stacking);
                }
                let fpscr = self.fp.fpscr;
                let _ = ok && self.stack_write(frame.wrapping_add(0x60), fpscr, origin, Stage::Stacking);
            } else {
                self.prepare_lazy_fp(frame.wrapping_add(0x20));
            }
        }
        // An xPSR on the frame carries IT through the exception; the pointer moves even when a write failed.
        self.r[13] = frame & !3;
    }

    /// Writes a frame that lies in one page with a translation. False: nothing was written.
    fn write_frame_directly(&mut self, frame: u32, words: &[u32; 8]) -> bool {
        let Some(offset) = self.tlb.write.find_range::<BASIC_FRAME>(frame) else { return false };
        let Some(bytes) = self.bus.memory_mut().bytes_mut().get_mut(offset..offset + BASIC_FRAME as usize)
        else {
            return false;
        };
        for (place, word) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(words) {
            *place = word.to_le_bytes();
        }
        true
    }

    /// Reads a frame that lies in one page with a translation. False: nothing was read.
    fn read_frame_directly(&self, frame: u32, words: &mut [u32; 8]) -> bool {
        let Some(offset) = self.tlb.read.find_range::<BASIC_FRAME>(frame) else { return false };
        let Some(bytes) = self.bus.memory().bytes().get(offset..offset + BASIC_FRAME as usize) else {
            return false;
        };
        for (word, place) in words.iter_mut().zip(bytes.as_chunks::<4>().0) {
            *word = u32::from_le_bytes(*place);
        }
        true
    }

    fn prepare_lazy_fp(&mut self, address: u32) {
        let current = self.execution_priority();
        let nvic = &self.scs.nvic;
        let ready = |exception: u16| nvic.is_enabled(exception) && nvic.priority(exception) < current;
        let mut value = self.scs.fpccr & (fpccr::ASPEN | fpccr::LSPEN);
        for (bit, set) in [
            (fpccr::LSPACT, true),
            (fpccr::USER, !self.privileged()),
            (fpccr::THREAD, self.ipsr == 0),
            (fpccr::HFRDY, current > -1),
            (fpccr::MMRDY, ready(number::MEM_MANAGE)),
            (fpccr::BFRDY, ready(number::BUS_FAULT)),
            (fpccr::MONRDY, self.scs.monitor_enabled() && nvic.priority(number::DEBUG_MONITOR) < current),
        ] {
            if set {
                value |= bit;
            }
        }
        self.scs.fpccr = value;
        self.scs.fpcar = address & !7;
        self.update_fp_ready();
    }

    fn stack_write(&mut self, address: u32, value: u32, origin: Origin, stage: Stage) -> bool {
        match self.store_once(address & !3, value, Size::Word, origin) {
            Ok(()) => true,
            Err(fault) => {
                self.derived(fault, stage);
                false
            }
        }
    }

    /// A fault of the entry or return sequence itself: status, and pending at its own or HardFault's priority.
    fn derived(&mut self, fault: Fault, stage: Stage) {
        let memory = matches!(fault, Fault::MemManageData(_) | Fault::MemManageFetch);
        let (exception, status) = match (memory, stage) {
            (true, Stage::Stacking) => (number::MEM_MANAGE, cfsr::MSTKERR),
            (true, Stage::Unstacking) => (number::MEM_MANAGE, cfsr::MUNSTKERR),
            (true, Stage::LazyStacking) => (number::MEM_MANAGE, cfsr::MLSPERR),
            (false, Stage::Stacking) => (number::BUS_FAULT, cfsr::STKERR),
            (false, Stage::Unstacking) => (number::BUS_FAULT, cfsr::UNSTKERR),
            (false, Stage::LazyStacking) => (number::BUS_FAULT, cfsr::LSPERR),
        };
        self.record(exception, status, None);
        let pended = match stage {
            // Lazy stacking is at the priorities of the time when the frame was reserved (B1.5.7).
            Stage::LazyStacking => self.pend_lazy(exception),
            _ => self.pend_synchronous(exception),
        };
        if !pended {
            self.enter_lockup();
        }
    }

    /// Pends a fault of lazy stacking as FPCCR's RDY bits say. False: lockup.
    fn pend_lazy(&mut self, exception: u16) -> bool {
        let ready = if exception == number::MEM_MANAGE { fpccr::MMRDY } else { fpccr::BFRDY };
        if self.scs.fpccr & ready != 0 {
            self.scs.nvic.pending.put(exception, true);
        } else if self.scs.fpccr & fpccr::HFRDY != 0 {
            self.scs.hfsr |= hfsr::FORCED;
            self.scs.nvic.pending.put(number::HARD_FAULT, true);
        } else {
            return false;
        }
        true
    }

    /// Exception return to `exc_return` (B1.5.8): checks, unstacks or tail-chains. Between instructions only: it makes
    /// accesses of its own, at the time that `cycles` says.
    pub(crate) fn exception_return(&mut self, exc_return: u32) {
        self.sync = true;
        let returning = self.ipsr;
        let nested = self.scs.nvic.active.count();
        let to_handler = exc_return & 0xF == 0x1;
        let valid = match exc_return & 0xFFFF_FFEF {
            0xFFFF_FFE1 => nested > 1,
            0xFFFF_FFE9 | 0xFFFF_FFED => nested == 1 || self.scs.non_base_thread(),
            _ => false,
        };
        let was_active = self.scs.nvic.active.has(returning);
        self.scs.nvic.active.put(returning, false);
        if returning != number::NMI && std::mem::take(&mut self.faultmask) {
            // FAULTMASK may have lifted the MPU: translations made meanwhile must not outlive it.
            self.tlb.flush();
        }
        if !valid || !was_active {
            self.refuse_return(exc_return);
            self.stop_at(exc_return);
            return;
        }
        // Tail-chaining: what is pending and would preempt the code returned to is entered with the frame left in place.
        let lines = *self.bus.irq_lines();
        self.scs.nvic.update_lines(&lines);
        if let Some(next) = self.preempting() {
            self.take_vector(next, exc_return);
            self.stop_at(exc_return);
            return;
        }
        self.pop_frame(exc_return, to_handler);
        self.stop_at(exc_return);
    }

    /// In lockup the PC says where it came from: the instruction that faulted, or the EXC_RETURN that failed. Inside a block
    /// it would be the block's address, which depends on how the code was cut.
    fn stop_at(&mut self, address: u32) {
        if self.lockup {
            self.r[15] = address & !1;
        }
    }

    /// An illegal return: UsageFault INVPC, taken without a new frame.
    fn refuse_return(&mut self, exc_return: u32) {
        self.record(number::USAGE_FAULT, cfsr::INVPC, None);
        if !self.pend_synchronous(number::USAGE_FAULT) {
            self.enter_lockup();
        } else if let Some(taken) = self.scs.nvic.candidate() {
            self.take_vector(taken, 0xF000_0000 | (exc_return & 0x0FFF_FFFF));
        }
    }

    fn pop_frame(&mut self, exc_return: u32, to_handler: bool) {
        let was_privileged = self.privileged();
        let mpu_was_in_force = self.scs.mpu_in_force(self.ipsr, self.faultmask);
        let process = exc_return & 4 != 0;
        let frame = if process { self.other_sp } else { self.r[13] };
        let with_fp = exc_return & 0x10 == 0;
        // Unstacking uses the rights of the code returned to (B1.5.8): Thread mode may be unprivileged.
        let privileged = to_handler || self.control & 1 == 0;
        // Made by the hardware, not by an instruction: no chip may grant it what only some code is granted.
        let origin = Origin { pc: 0, now: self.cycles, privileged };
        let mut words = [0u32; 8];
        let mut ok = true;
        // Translations are those of the handler: good for the frame only if the code returned to has the same rights.
        if privileged != self.privileged() || !self.read_frame_directly(frame, &mut words) {
            for (i, word) in (0..).zip(&mut words) {
                *word = self.stack_read(frame.wrapping_add(4 * i), origin, &mut ok);
            }
        }
        if with_fp {
            if self.scs.fpccr & fpccr::LSPACT != 0 {
                self.scs.fpccr &= !fpccr::LSPACT;
            } else {
                for i in 0..16 {
                    let value = self.stack_read(frame.wrapping_add(0x20 + 4 * i), origin, &mut ok);
                    if ok {
                        self.fp.s[i as usize] = value;
                    }
                }
                let fpscr = self.stack_read(frame.wrapping_add(0x60), origin, &mut ok);
                if ok {
                    self.fp.fpscr = fpscr & 0xF7C0_009F;
                }
            }
        }
        if !ok {
            // The derived exception is pending: it is entered on the frame as it lies.
            if !self.lockup
                && let Some(taken) = self.scs.nvic.candidate()
            {
                self.take_vector(taken, exc_return);
            }
            return;
        }
        let xpsr = words[7];
        let size = if with_fp { FP_FRAME } else { BASIC_FRAME };
        let padded = (with_fp || self.scs.aligns_stack()) && xpsr & XPSR_PADDED != 0;
        let sp = frame.wrapping_add(size) | if padded { 4 } else { 0 };
        let exception = (xpsr & 0x1FF) as u16;
        [self.r[0], self.r[1], self.r[2], self.r[3], self.r[12], self.r[14]] =
            [words[0], words[1], words[2], words[3], words[4], words[5]];
        // Back on the stack of the code returned to.
        if process {
            self.other_sp = sp;
        } else {
            self.r[13] = sp;
        }
        self.ipsr = if to_handler { exception } else { 0 };
        self.control = (self.control & 1) | if process { 2 } else { 0 } | if with_fp { 4 } else { 0 };
        if self.on_process_stack() {
            std::mem::swap(&mut self.r[13], &mut self.other_sp);
        }
        self.flags = crate::core::Flags::from_apsr(xpsr);
        self.it = ((((xpsr >> 10) & 0x3F) << 2) | ((xpsr >> 25) & 3)) as u8;
        self.thumb = xpsr & (1 << 24) != 0;
        self.r[15] = words[6] & !1;
        self.exclusive = None;
        self.event = true;
        self.update_fp_ready();
        if was_privileged != self.privileged()
            || mpu_was_in_force != self.scs.mpu_in_force(self.ipsr, self.faultmask)
        {
            self.tlb.flush();
        }
        // The stacked number must fit the mode returned to (B1.5.8).
        if to_handler == (exception == 0) {
            let target = self.r[15];
            self.record(number::USAGE_FAULT, cfsr::INVPC, None);
            if !self.pend_synchronous(number::USAGE_FAULT) {
                self.enter_lockup();
            } else if self.scs.nvic.candidate().is_some() {
                // The frame is put back with the number it had, or the handler could not see what was wrong.
                self.push_frame(target, exception);
                if !self.lockup
                    && let Some(taken) = self.scs.nvic.candidate()
                {
                    self.take_vector(taken, 0xF000_0000 | (exc_return & 0x0FFF_FFFF));
                }
            }
            return;
        }
        if self.ipsr == 0 && self.scs.scr & 2 != 0 && self.execution_priority() == THREAD_PRIORITY {
            self.sleep = Sleep::Interrupt;
        }
    }

    fn stack_read(&mut self, address: u32, origin: Origin, ok: &mut bool) -> u32 {
        if !*ok {
            return 0;
        }
        match self.load_once(address & !3, Size::Word, origin) {
            Ok(value) => value,
            Err(fault) => {
                self.derived(fault, Stage::Unstacking);
                *ok = false;
                0
            }
        }
    }

    /// Recomputes whether floating-point instructions may run without further ado.
    pub fn update_fp_ready(&mut self) {
        let access = match (self.scs.cpacr >> 20) & 3 {
            3 => true,
            1 => self.privileged(),
            _ => false,
        };
        let tracked = self.control & 4 != 0 || self.scs.fpccr & fpccr::ASPEN == 0;
        self.fp_ready = access && tracked && self.scs.fpccr & fpccr::LSPACT == 0;
    }

    /// Before any floating-point instruction: access rights, pending lazy stacking, a fresh context (A2.5, B1.5.7).
    #[inline(always)]
    pub fn fp_access(&mut self, args: &Args) -> Result<(), Flow> {
        if self.fp_ready { Ok(()) } else { self.prepare_fp(args) }
    }

    #[cold]
    fn prepare_fp(&mut self, args: &Args) -> Result<(), Flow> {
        let field = (self.scs.cpacr >> 20) & 3;
        if field == 0 || field == 2 || (field == 1 && !self.privileged()) {
            return Err(self.raise(Fault::NoCoprocessor));
        }
        if self.scs.fpccr & fpccr::LSPACT != 0 {
            let origin = Origin {
                pc: self.pc_of(args),
                now: self.now(args),
                privileged: self.scs.fpccr & fpccr::USER == 0,
            };
            let base = self.scs.fpcar;
            let mut ok = true;
            for i in 0..16 {
                let value = self.fp.s[i as usize];
                ok = ok && self.stack_write(base.wrapping_add(4 * i), value, origin, Stage::LazyStacking);
            }
            let fpscr = self.fp.fpscr;
            ok = ok && self.stack_write(base.wrapping_add(0x40), fpscr, origin, Stage::LazyStacking);
            if !ok {
                self.sync = true;
                if self.lockup || self.preempting().is_some() {
                    // The fault is taken now; the instruction runs again after its handler, and tries again (B1.5.7).
                    self.r[15] = self.pc_of(args);
                    self.it = args.it;
                    return Err(Flow::BranchSync);
                }
            }
            self.scs.fpccr &= !fpccr::LSPACT;
        }
        if self.scs.fpccr & fpccr::ASPEN != 0 && self.control & 4 == 0 {
            self.control |= 4;
            self.fp.fpscr = (self.fp.fpscr & !0x07C0_0000) | self.scs.fpdscr;
        }
        self.update_fp_ready();
        Ok(())
    }
}
