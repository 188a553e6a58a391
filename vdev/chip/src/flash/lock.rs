//! The two-key lock of CR1 and of the option registers (h73x-flash 3).

use ironroot_cpu::bus::BusFault;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum State {
    #[default]
    Locked,
    FirstKey,
    Open,
    /// A mistake was made: nothing opens it until the next system reset.
    Dead,
}

/// A lock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Lock(State);

impl Lock {
    /// True if the registers may be written.
    pub fn is_open(self) -> bool {
        self.0 == State::Open
    }

    /// True between the two keys.
    pub fn is_half_open(self) -> bool {
        self.0 == State::FirstKey
    }

    /// Software sets LOCK.
    pub fn close(&mut self) {
        if self.0 != State::Dead {
            self.0 = State::Locked;
        }
    }

    /// A mistake: dead until the next system reset.
    pub fn kill(&mut self) -> BusFault {
        self.0 = State::Dead;
        BusFault
    }

    /// A write to the key register. `whole`: it was a 32-bit write.
    pub fn key(&mut self, value: u32, whole: bool, keys: (u32, u32)) -> Result<(), BusFault> {
        self.0 = match self.0 {
            State::Locked if whole && value == keys.0 => State::FirstKey,
            State::FirstKey if whole && value == keys.1 => State::Open,
            _ => return Err(self.kill()),
        };
        Ok(())
    }
}
