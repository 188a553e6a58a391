//! Whose cryptography: that of the blocks, or that of software.

#[cfg(all(feature = "software-crypto", not(feature = "hardware-crypto")))]
use ironroot_crypto_device::Device;
#[cfg(all(feature = "software-crypto", not(feature = "hardware-crypto")))]
pub use ironroot_crypto_device::DeviceKeys as ContentKeyHolder;
#[cfg(feature = "hardware-crypto")]
pub use ironroot_hal::crypto::{HardwareKeys as ContentKeyHolder, hardware as backend};

/// The one there is.
#[cfg(all(feature = "software-crypto", not(feature = "hardware-crypto")))]
pub const fn backend() -> Device {
    Device
}
