//! The device's end: what it says about itself, and whether it grants what it is asked for.
//!
//! A session is one reset: after a refusal it is over, so that every guess costs a reset.

use core::hint::black_box;

use ironroot_codes::{Code, h7rs as codes};
use ironroot_crypto::{Crypto, Sha256Digest, Verdict};
use ironroot_layout::stm32h7rs::state::{DebugAuthentication, ProductState};

use crate::certificate::{CHALLENGE_LEN, Certificate, Role, Token};
use crate::packet::{Builder, Command, Packet, Status, Tlvs, tlv};
use crate::permission::{FULL_REGRESSION, Grant};

/// Characters of a password.
pub const PASSWORD_LEN: usize = 16;
/// Length of the provisioned configuration: hash over the rest, hash of root key or password, permissions mask, zeros.
pub const CONFIG_LEN: usize = 96;
/// Intermediate certificates in a chain, at most.
const MAX_INTERMEDIATES: u8 = 4;

/// What the device is, for the discovery and for the constraints of certificates.
#[derive(Clone, Copy, Debug)]
pub struct Identity {
    /// Its product state.
    pub state: ProductState,
    /// DEV_ID of DBGMCU_IDCODE.
    pub soc_class: u32,
    /// Unique id and zeros.
    pub soc_id: [u8; 16],
}

/// What the device was provisioned with.
#[derive(Clone, Copy, Debug)]
pub enum Credential {
    /// SHA-256 of the root key (x, y), and what may be asked for at all.
    Root {
        /// The hash.
        key_hash: Sha256Digest,
        /// The mask.
        permissions: u128,
    },
    /// SHA-256 of the password. It gives the full regression and nothing else.
    Password(Sha256Digest),
    /// None, for this reason.
    None(Code),
}

impl Credential {
    /// From DBG_AUTH and the content of the keys at [`ironroot_layout::stm32h7rs::obkeys::DA_CONFIG`]; `None`: absent.
    pub fn of<C: Crypto>(
        method: DebugAuthentication,
        config: Option<&[u8; CONFIG_LEN]>,
        crypto: &mut C,
    ) -> Self {
        match method {
            DebugAuthentication::Ecdsa | DebugAuthentication::Password => {}
            DebugAuthentication::Locked => return Self::None(codes::DA_LOCKED),
            DebugAuthentication::Delegated => return Self::None(codes::DA_DELEGATED),
            DebugAuthentication::None => return Self::None(codes::DA_NOT_SET_UP),
        }
        let Some(config) = config else { return Self::None(codes::DA_NOT_SET_UP) };
        let Some((stated, content)) = config.split_first_chunk::<32>() else {
            return Self::None(codes::DA_CONFIG_DAMAGED);
        };
        if !Verdict::of_equal(&crypto.sha256_of(content), stated).is_accepted() {
            return Self::None(codes::DA_CONFIG_DAMAGED);
        }
        let mut key_hash = [0; 32];
        let mut permissions = [0; 16];
        for (to, from) in key_hash.iter_mut().chain(&mut permissions).zip(content) {
            *to = *from;
        }
        match method {
            DebugAuthentication::Ecdsa => {
                Self::Root { key_hash, permissions: u128::from_le_bytes(permissions) }
            }
            _ => Self::Password(key_hash),
        }
    }

    fn method(&self) -> DebugAuthentication {
        match self {
            Self::Root { .. } => DebugAuthentication::Ecdsa,
            Self::Password(_) => DebugAuthentication::Password,
            Self::None(code) if *code == codes::DA_DELEGATED => DebugAuthentication::Delegated,
            Self::None(code) if *code == codes::DA_LOCKED => DebugAuthentication::Locked,
            Self::None(_) => DebugAuthentication::None,
        }
    }
}

/// What follows a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The next request.
    Listen,
    /// The boot goes on.
    Resume,
    /// Send the response, then do this.
    Grant(Grant),
    /// Send the response; the session is over.
    Refused(Code),
}

/// How far a chain is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Idle,
    Challenged,
    /// The last certificate is the root or an intermediate one: certificates may follow.
    Chain,
    Leaf,
    Over,
}

/// A session.
#[derive(Clone, Debug)]
pub struct Session {
    identity: Identity,
    credential: Credential,
    phase: Phase,
    challenge: [u8; CHALLENGE_LEN],
    /// Key of the last certificate.
    key: [u8; 64],
    permissions: u128,
    intermediates: u8,
    is_root: bool,
}

impl Session {
    /// A session of a device.
    pub fn new(identity: Identity, credential: Credential) -> Self {
        Self {
            identity,
            credential,
            phase: Phase::Idle,
            challenge: [0; CHALLENGE_LEN],
            key: [0; 64],
            permissions: 0,
            intermediates: 0,
            is_root: false,
        }
    }

    /// Serves a request: the response, and what follows. `random` fills a challenge, or says that it cannot.
    pub fn serve<C: Crypto>(
        &mut self,
        request: &[u8],
        random: &mut dyn FnMut(&mut [u8; CHALLENGE_LEN]) -> bool,
        crypto: &mut C,
    ) -> (Builder, Next) {
        let outcome = match Packet::parse(request) {
            Some(packet) => match Command::from_number(packet.number) {
                Some(Command::Discovery) => return (self.discovery(), Next::Listen),
                Some(Command::ResumeBoot) => return (status(Status::Success), Next::Resume),
                Some(Command::AuthStart) => match self.start(random) {
                    Ok(response) => return (response, Next::Listen),
                    Err(code) => Err(code),
                },
                Some(Command::AuthResponse) => self.respond(packet.data, crypto),
                None => return (status(Status::InvalidCommand), Next::Listen),
            },
            None => Err(codes::DA_PACKET),
        };
        match outcome {
            Ok(None) => (status(Status::NeedMoreData), Next::Listen),
            Ok(Some(grant)) => {
                self.phase = Phase::Over;
                (status(Status::Success), Next::Grant(grant))
            }
            Err(code) => {
                self.phase = Phase::Over;
                let mut response = status(Status::Failure);
                response.push(&u32::from(code.number()).to_le_bytes());
                (response, Next::Refused(code))
            }
        }
    }

    fn discovery(&self) -> Builder {
        let mut response = status(Status::Success);
        let permissions = match &self.credential {
            Credential::Root { permissions, .. } => *permissions,
            Credential::Password(_) => FULL_REGRESSION,
            Credential::None(_) => 0,
        };
        response
            .tlv(tlv::AUTH_VERSION, &[1, 0])
            .tlv(tlv::SOC_CLASS, &self.identity.soc_class.to_le_bytes())
            .tlv(tlv::SOC_ID, &self.identity.soc_id)
            .tlv(tlv::PERMISSIONS, &permissions.to_le_bytes())
            .tlv(tlv::LIFECYCLE, &u16::from(self.identity.state.number()).to_le_bytes())
            .tlv(tlv::TOKEN_FORMATS, &tlv::TOKEN.to_le_bytes())
            .tlv(tlv::CERT_FORMATS, &tlv::CERTIFICATE.to_le_bytes())
            .tlv(tlv::CRYPTOSYSTEMS, &[crate::certificate::ECDSA_P256])
            .tlv(tlv::METHOD, &[self.credential.method().bits()]);
        response
    }

    fn start(&mut self, random: &mut dyn FnMut(&mut [u8; CHALLENGE_LEN]) -> bool) -> Result<Builder, Code> {
        if let Credential::None(code) = self.credential {
            return Err(code);
        }
        // One challenge a session: a second one would be a second try.
        if self.phase != Phase::Idle {
            return Err(codes::DA_OUT_OF_ORDER);
        }
        if !random(&mut self.challenge) {
            return Err(codes::DA_NO_RANDOM);
        }
        self.phase = Phase::Challenged;
        let mut response = status(Status::Success);
        response.push(&[1, 0, 0, 0]).push(&self.challenge);
        Ok(response)
    }

    /// A certificate, a token or a password. `Ok(None)`: accepted so far.
    fn respond<C: Crypto>(&mut self, data: &[u8], crypto: &mut C) -> Result<Option<Grant>, Code> {
        let mut tlvs = Tlvs::of(data);
        let (ty, value) = tlvs.next().ok_or(codes::DA_PACKET)?;
        if !tlvs.is_complete() {
            return Err(codes::DA_PACKET);
        }
        match (ty, self.credential) {
            (_, Credential::None(code)) => Err(code),
            (tlv::PASSWORD, Credential::Password(hash)) => self.password(value, &hash, crypto).map(Some),
            (tlv::CERTIFICATE, Credential::Root { key_hash, permissions }) => {
                self.certificate(value, &key_hash, permissions, crypto).map(|()| None)
            }
            (tlv::TOKEN, Credential::Root { .. }) => self.token(value, crypto).map(Some),
            (tlv::PASSWORD | tlv::CERTIFICATE | tlv::TOKEN, _) => Err(codes::DA_METHOD),
            _ => Err(codes::DA_PACKET),
        }
    }

    fn password<C: Crypto>(
        &mut self,
        value: &[u8],
        hash: &Sha256Digest,
        crypto: &mut C,
    ) -> Result<Grant, Code> {
        if self.phase != Phase::Challenged {
            return Err(codes::DA_OUT_OF_ORDER);
        }
        if value.len() != PASSWORD_LEN {
            return Err(codes::DA_PASSWORD);
        }
        // Twice, from the hash on: one skipped comparison must not open a device.
        let first = Verdict::of_equal(&crypto.sha256_of(value), hash);
        let second = Verdict::of_equal(&crypto.sha256_of(black_box(value)), black_box(hash));
        if first.is_accepted() && black_box(second).is_accepted() {
            Ok(Grant::FullRegression)
        } else {
            Err(codes::DA_PASSWORD)
        }
    }

    fn certificate<C: Crypto>(
        &mut self,
        value: &[u8],
        root: &Sha256Digest,
        mask: u128,
        crypto: &mut C,
    ) -> Result<(), Code> {
        let certificate = Certificate::parse(value).ok_or(codes::DA_CERTIFICATE)?;
        let key = certificate.key();
        let signer = match (self.phase, certificate.role) {
            (Phase::Challenged, Role::Root) => {
                if !Verdict::of_equal(&crypto.sha256_of(&key), root).is_accepted() {
                    return Err(codes::DA_ROOT_KEY);
                }
                self.permissions = mask;
                self.is_root = true;
                key
            }
            (Phase::Chain, Role::Intermediate) if self.intermediates < MAX_INTERMEDIATES => {
                self.intermediates += 1;
                self.is_root = false;
                self.key
            }
            (Phase::Chain, Role::Leaf) => self.key,
            _ => return Err(codes::DA_OUT_OF_ORDER),
        };
        if !certificate.is_signed_by(&signer, crypto).is_accepted() {
            return Err(codes::DA_SIGNATURE);
        }
        let identity = &self.identity;
        let fits = (certificate.lifecycle == 0
            || certificate.lifecycle == u16::from(identity.state.number()))
            && (certificate.soc_class == 0 || certificate.soc_class == identity.soc_class)
            && (certificate.soc_id == [0; 16] || certificate.soc_id == identity.soc_id);
        if !fits {
            return Err(codes::DA_CONSTRAINT);
        }
        self.permissions &= certificate.permissions;
        self.key = key;
        self.phase = if certificate.role == Role::Leaf { Phase::Leaf } else { Phase::Chain };
        Ok(())
    }

    fn token<C: Crypto>(&mut self, value: &[u8], crypto: &mut C) -> Result<Grant, Code> {
        // As ADAC has it, the root key may sign a token itself.
        if self.phase != Phase::Leaf && !(self.phase == Phase::Chain && self.is_root) {
            return Err(codes::DA_OUT_OF_ORDER);
        }
        let token = Token::parse(value).ok_or(codes::DA_CERTIFICATE)?;
        let first = token.is_signed_by(&self.key, &self.challenge, crypto);
        if !first.is_accepted() {
            return Err(codes::DA_SIGNATURE);
        }
        let second = token.is_signed_by(black_box(&self.key), black_box(&self.challenge), crypto);
        if !black_box(second).is_accepted() {
            return Err(codes::DA_SIGNATURE);
        }
        // All of what is asked for, or nothing: a host that gets less than it asked for would not know.
        if token.permissions & !self.permissions & KNOWN != 0 {
            return Err(codes::DA_PERMISSION);
        }
        Grant::of(token.permissions & self.permissions).ok_or(codes::DA_PERMISSION)
    }
}

/// The permissions that mean something here. A token may ask for others as well; they open nothing.
const KNOWN: u128 = FULL_REGRESSION
    | crate::permission::DEBUG_LEVEL1
    | crate::permission::DEBUG_LEVEL2
    | crate::permission::DEBUG_LEVEL3;

fn status(status: Status) -> Builder {
    Builder::new(status as u16)
}
