//! What a host does with a chip: look into it past all protections, put things in and take them out, and break it.

use ironroot_chip::supply::{FlashOperation, PowerCut};
use ironroot_chip::warnings::Warning;
use ironroot_cpu::bus::Size;
use ironroot_layout::stm32h7rs::Part;

use crate::chip::{Stm32h7rs, WINDOWS, inside};
use crate::flash::Flash;
use crate::flash::options::OptionWords;
use crate::map;
use crate::peripherals::ramecc::{RamEcc, RamError};
use crate::peripherals::rng::Rng;
use crate::peripherals::usart::{self, Usart};

impl Stm32h7rs {
    /// The part.
    pub fn part(&self) -> Part {
        self.part
    }

    /// Level of the BOOT0 pin; matters at the next reset.
    pub fn set_boot0(&mut self, high: bool) {
        self.boot0 = high;
    }

    /// The unique id.
    pub fn uid(&self) -> &[u8; 12] {
        &self.uid
    }

    /// The flash controller.
    pub fn flash(&self) -> &Flash {
        &self.flash
    }

    /// The flash controller, for fault injection.
    pub fn flash_mut(&mut self) -> &mut Flash {
        self.epoch = self.epoch.wrapping_add(1);
        &mut self.flash
    }

    /// The option words in force.
    pub fn options(&self) -> &OptionWords {
        self.flash.options()
    }

    /// The random number generator, for fault injection.
    pub fn rng_mut(&mut self) -> &mut Rng {
        &mut self.rng
    }

    /// What USARTn (n = 0: LPUART1) sent since the last call.
    pub fn take_uart_output(&mut self, number: u8) -> Vec<u8> {
        self.uart_index(number)
            .and_then(|index| self.usart.get_mut(index))
            .map_or(Vec::new(), Usart::take_output)
    }

    /// The host sends bytes to USARTn (n = 0: LPUART1). They arrive one after another in virtual time. False if there is
    /// no such USART.
    pub fn feed_uart_input(&mut self, number: u8, bytes: &[u8]) -> bool {
        let Some(index) = self.uart_index(number) else { return false };
        let (now, timing) = (self.now, self.timing(index));
        let Some(usart) = self.usart.get_mut(index) else { return false };
        usart.feed(bytes, now, timing);
        self.settle();
        true
    }

    fn uart_index(&self, number: u8) -> Option<usize> {
        usart::INSTANCES.iter().position(|instance| instance.number == number)
    }

    /// The outside drives (or releases) pin `pin` of port 'A' to 'H', 'M' to 'P'. False if there is no such pin.
    pub fn drive_pin(&mut self, port: char, pin: u8, level: Option<bool>) -> bool {
        let index = map::PORTS.chars().position(|name| name == port.to_ascii_uppercase());
        match index.and_then(|index| self.gpio.get_mut(index)) {
            Some(gpio) if pin < 16 => {
                gpio.drive(pin, level);
                true
            }
            _ => false,
        }
    }

    /// What the core wrote to its console (ITM, semihosting) since the last call.
    pub fn take_console(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.console)
    }

    /// Warnings since the last call, each given once.
    pub fn take_warnings(&mut self) -> Vec<Warning> {
        self.warnings.take()
    }

    /// Frequency of the core in Hz.
    pub fn core_hz(&self) -> u64 {
        self.clocks.core
    }

    /// Where the byte at an address of a memory is kept in [`Bus::memory`](ironroot_cpu::bus::Bus::memory), past all
    /// protections: for hosts that look into the model rather than through it.
    pub fn arena_offset(&self, address: u32) -> Option<u32> {
        self.regions.locate(address).map(|(_, offset)| offset)
    }

    /// What is stored in the external memories from an address in a window on: the chips' cells, past XSPI and MCE. Empty
    /// for another address.
    pub fn external_bytes(&self, address: u32, length: usize) -> Vec<u8> {
        let Some((number, window)) = (0..).zip(WINDOWS).find(|(_, window)| inside(*window, address)) else {
            return Vec::new();
        };
        let memory = self.external.memory.get(number);
        memory.map_or(Vec::new(), |memory| memory.bytes(address - window.start().value(), length))
    }

    /// Puts bytes into the external memory at an address in a window, past XSPI and MCE. False if they do not fit.
    pub fn load_external(&mut self, address: u32, bytes: &[u8]) -> bool {
        let place = (0..).zip(WINDOWS).find(|(_, window)| inside(*window, address));
        place.is_some_and(|(number, window)| {
            let memory = self.external.memory.get_mut(number);
            memory.is_some_and(|memory| memory.load(address - window.start().value(), bytes))
        })
    }

    /// Whether an application is kept from the registers that open the debug port by its level alone, which no public text says. Off,
    /// a test shows what keeps it from them besides.
    pub fn set_debug_level_rule(&mut self, on: bool) {
        self.sbs.set_level_rule(on);
    }

    /// Makes every external flash say that it is busy, for ever; or mends it.
    pub fn set_external_flash_stuck(&mut self, stuck: bool) {
        for memory in &mut self.external.memory {
            memory.set_stuck(stuck);
        }
    }

    /// Puts an error into the cells of the word of RAM at an address. With ECC on (ECC_ON_SRAM at the last reset) its
    /// monitor sees it; with ECC off the bits are wrong, and nobody tells. False if the memory has no ECC at all.
    pub fn inject_ram_error(&mut self, address: u32, error: RamError) -> bool {
        let Some((storage, offset)) = self.regions.locate(address) else { return false };
        self.epoch = self.epoch.wrapping_add(1);
        if self.ecc_on_sram {
            return self.ramecc.inject(storage, address, offset, error);
        }
        // Whether the memory has cells for check bits does not depend on their being used.
        let watched = RamEcc::default().inject(storage, address, offset, error);
        if watched {
            let old = self.memory.read(offset & !3, Size::Word);
            self.memory.write(offset & !3, old ^ error.bits() as u32, Size::Word);
        }
        watched
    }

    /// Nanoseconds since power-on at virtual time `now`, which is not before the last change of the core's frequency.
    pub fn nanoseconds(&self, now: u64) -> u64 {
        self.time.nanoseconds(now, self.clocks.core)
    }

    /// Cuts the power at a flash operation to come, or (`None`) takes a cut back that has not come yet. The run then ends
    /// with [`Stop::Chip`](ironroot_cpu::machine::Stop::Chip) and [`POWER_CUT`]. Changes of options and keys are operations
    /// too; all effects but [`CutEffect::After`](crate::CutEffect::After) leave the old ones.
    pub fn cut_power_at(&mut self, cut: Option<PowerCut>) {
        self.supply.arm(cut);
    }

    /// Whether the power is cut. Nothing changes any more until [`power_cycle`].
    pub fn is_off(&self) -> bool {
        self.supply.is_off()
    }

    /// How many operations of internal and external flash have ended since this chip was made, in all its power cycles.
    pub fn flash_operations(&self) -> u64 {
        self.supply.operations()
    }

    /// Keeps a list of the operations from here on, or ends that.
    pub fn record_flash_operations(&mut self, on: bool) {
        self.supply.record(on);
    }

    /// The operations since the last call, while they are recorded.
    pub fn take_flash_operations(&mut self) -> Vec<FlashOperation> {
        self.supply.take_log()
    }

    /// Lets all flash operations end: for hosts that work through the debug port while the core stands. Returns the
    /// virtual time at which the last one ended.
    pub fn finish_flash_operations(&mut self) -> u64 {
        while self.flash.next_event() != u64::MAX && !self.is_off() {
            let end = self.flash.next_event().max(self.now);
            self.stall = self.stall.saturating_add(end - self.now);
            self.sync(end);
            self.run_due();
        }
        self.now
    }
}
