//! Opening sealed image keys with a private key in memory.

#[cfg(any(feature = "ecies-p256", feature = "ecies-x25519"))]
pub(crate) mod ecies;
#[cfg(feature = "aes-kw")]
mod key_wrap;
#[cfg(feature = "ecies-p256")]
mod p256;
#[cfg(feature = "rsa-oaep")]
mod rsa_oaep;
#[cfg(feature = "ecies-x25519")]
mod x25519;

#[cfg(feature = "aes-kw")]
pub use key_wrap::KeyWrapKey;
#[cfg(feature = "ecies-p256")]
pub use p256::P256ContentKeys;
#[cfg(feature = "rsa-oaep")]
pub use rsa_oaep::RsaContentKeys;
#[cfg(feature = "ecies-x25519")]
pub use x25519::X25519ContentKeys;
