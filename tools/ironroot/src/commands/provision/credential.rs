//! The credential that brings a closed product back, and the session in which a device takes it: debug authentication over
//! the mailbox of DBGMCU.

use std::path::{Path, PathBuf};

use clap::Args;
use ironroot_chip_h7rs::{BoardH7, RomImage, Stm32h7rs};
use ironroot_codes::{h7rs, input, project as codes};
use ironroot_cpu::bus::Size;
use ironroot_crypto::{SigningKey, Software};
use ironroot_debug_auth::certificate::{CHALLENGE_LEN, Role};
use ironroot_debug_auth::host::{self, Answer, Claims};
use ironroot_debug_auth::mailbox::{DEV_ACK, HELLO, HOST_ACK, Receiver, WELCOME, words};
use ironroot_debug_auth::packet::{Command, tlv};
use ironroot_debug_auth::permission;
use ironroot_keys::{KeyKind, PrivateKey};
use ironroot_layout::stm32h7rs::FLASH;
use ironroot_layout::stm32h7rs::state::{DebugAuthentication, ProductState};
use zeroize::Zeroizing;

use super::{bench, contents};
use crate::error::{Context, Failure, Result};
use crate::product::Product;
use crate::vdev::session::Session;
use crate::{files, interrupt, keyfile};

/// DBG_AUTH_HOST, DBG_AUTH_DEV and DBG_AUTH_ACK.
const HOST: u32 = 0x5C00_1100;
const DEV: u32 = 0x5C00_1104;
const ACK: u32 = 0x5C00_1108;
/// Instructions that the device gets for one word, and between two looks at the mailbox.
const PATIENCE: u64 = 40_000_000;
const LOOK: u64 = 200;
/// Instructions for a regression with the boot after it.
const REGRESSION: u64 = 200_000_000;

/// Where the credential comes from
#[derive(Args, Debug, Clone)]
pub struct CredentialArgs {
    /// Credential to try: the password file, or the private key of the debug root [default: keys.debug of the description]
    #[arg(long, value_name = "FILE")]
    credential: Option<PathBuf>,
    /// Certificate chain to try (binary TLVs, root first), where the root key itself is not at hand; --credential is then
    /// the private key of its leaf
    #[arg(long, value_name = "FILE", requires = "credential")]
    credential_chain: Option<PathBuf>,
}

/// A credential.
pub enum Credential {
    /// 16 characters.
    Password(Zeroizing<Vec<u8>>),
    /// Certificates from the root down, and the leaf's key.
    Chain(Vec<Vec<u8>>, Box<SigningKey>),
}

impl Credential {
    /// Reads the credential of a product; `None` if there is no way back.
    pub fn read(product: &Product, args: &CredentialArgs) -> Result<Option<Self>> {
        let method = product.plan.product.protections.debug;
        let ignored = match method {
            DebugAuthentication::Ecdsa => None,
            DebugAuthentication::Password => args.credential_chain.as_ref().map(|_| "--credential-chain"),
            _ => args.credential.as_ref().map(|_| "--credential"),
        };
        if let Some(option) = ignored {
            let cause = format!("{option} has no effect: nothing of it brings this product back");
            let failure = Failure::new(input::USAGE, cause).about(product.path.display());
            return Err(failure.fix(format!("Leave {option} out.")));
        }
        if !matches!(method, DebugAuthentication::Password | DebugAuthentication::Ecdsa) {
            return Ok(None);
        }
        let path = match &args.credential {
            Some(path) => path.clone(),
            None => PathBuf::from(contents::debug_file(product)?),
        };
        if method == DebugAuthentication::Password {
            return contents::password(&path).map(Self::Password).map(Some);
        }
        let key = private_key(&path)?;
        let Some(chain) = &args.credential_chain else { return Self::of_root(&key).map(Some) };
        let bytes = files::read(chain)?;
        let parts = host::chain(&bytes)
            .map_err(|code| Failure::new(code, "no certificates as TLVs").about(chain.display()))?;
        let certificates =
            parts.into_iter().filter(|(ty, _)| *ty == tlv::CERTIFICATE).map(|(_, value)| value);
        Ok(Some(Self::Chain(certificates.collect(), Box::new(key))))
    }

    /// A chain of two that the root signs now.
    fn of_root(root: &SigningKey) -> Result<Self> {
        let PrivateKey::P256(leaf) = PrivateKey::generate(KeyKind::EcdsaP256)? else {
            return Err(Failure::internal("the new key is of another kind"));
        };
        let leaf = SigningKey::from(p256::ecdsa::SigningKey::from(&leaf));
        let mut certificates = Vec::new();
        for (role, subject) in [(Role::Root, root), (Role::Leaf, &leaf)] {
            let made = host::certificate(&Claims::any(role), &subject.public_key(), root, &mut Software)
                .map_err(|error| Failure::internal(format!("a certificate was not signed: {error:?}")))?;
            certificates.push(made);
        }
        Ok(Self::Chain(certificates, Box::new(leaf)))
    }

    /// For people.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Password(_) => "password",
            Self::Chain(..) => "certificate",
        }
    }
}

fn private_key(path: &Path) -> Result<SigningKey> {
    let key = keyfile::read(path)?;
    key.signer(path).cloned().map_err(|failure| {
        failure.fix("Name the private key of the debug root, or of a leaf with --credential-chain: only it brings a product back.")
    })
}

fn refused(cause: impl Into<String>) -> Failure {
    Failure::new(codes::PROVISION_CREDENTIAL, cause)
}

/// Brings a closed board back and returns it as it is then: open and erased, or this is refused.
pub fn regress(board: &BoardH7, rom: &RomImage, credential: &Credential) -> Result<BoardH7> {
    let mut debugger = Debugger { session: bench::power_on(board, rom) };
    debugger.run(REGRESSION)?;
    debugger.connect()?;
    let Answer::Success(data) = debugger.exchange(&host::request(Command::AuthStart))? else {
        return Err(refused("the device gives no challenge"));
    };
    let challenge = host::challenge(&data).map_err(|code| Failure::new(code, "its challenge"))?;
    let answer = match credential {
        Credential::Password(password) => debugger.exchange(&host::present(tlv::PASSWORD, password))?,
        Credential::Chain(certificates, leaf) => debugger.chain(certificates, leaf, &challenge)?,
    };
    match answer {
        Answer::Success(_) => {}
        Answer::Refused(code) => {
            let summary = code.entry().map_or("a code that this tool does not know", |entry| entry.summary);
            return Err(refused(format!(
                "the closed clone refused the {}: {code} {summary}",
                credential.name()
            )));
        }
        Answer::NeedMoreData => return Err(refused("the closed clone wants more than the chain has")),
    }
    debugger.run(REGRESSION)?;
    let after = debugger.session.chip().to_board();
    let state = after.options().product_state();
    let offset = after.flash().iter().any(|byte| *byte != ironroot_layout::stm32h7rs::ERASED);
    if state != ProductState::Open || offset || !after.persistent().keys.is_empty() {
        let flash = FLASH.size().bytes() >> 10;
        let cause = format!(
            "after the regression the clone is {}, its {flash} KB of flash or its keys are not erased",
            state.name()
        );
        return Err(refused(cause));
    }
    Ok(after)
}

/// The host's end of the mailbox, through the debug port of a virtual device.
struct Debugger {
    session: Session<Stm32h7rs>,
}

impl Debugger {
    /// Leaves the word, resets, and waits for the device to answer.
    fn connect(&mut self) -> Result {
        self.write(HOST, HELLO)?;
        self.write(ACK, DEV_ACK)?;
        self.session.machine.system_reset();
        match self.receive()? {
            WELCOME => Ok(()),
            word => Err(Failure::new(h7rs::DA_ANSWER, format!("it begins with {word:#010x}"))),
        }
    }

    fn run(&mut self, limit: u64) -> Result {
        let end = self.session.machine.core.instructions.saturating_add(limit);
        while self.session.machine.core.instructions < end {
            interrupt::check()?;
            if self.session.machine.run(1_000_000) != ironroot_cpu::machine::Stop::Limit {
                break;
            }
        }
        Ok(())
    }

    fn write(&mut self, address: u32, value: u32) -> Result {
        self.session
            .chip()
            .debugger_write(address, value, Size::Word)
            .map_err(|refusal| refused(format!("the mailbox cannot be written: {refusal:?}")))
    }

    fn read(&mut self, address: u32) -> Result<u32> {
        self.session
            .chip()
            .debugger_read(address, Size::Word)
            .map_err(|refusal| refused(format!("the mailbox cannot be read: {refusal:?}")))
    }

    fn wait(&mut self, done: impl Fn(u32) -> bool) -> Result {
        let mut left = PATIENCE;
        while !done(self.read(ACK)?) {
            interrupt::check()?;
            left =
                left.checked_sub(LOOK).ok_or_else(|| refused("the device does not answer in the mailbox"))?;
            self.session.machine.run(LOOK);
        }
        Ok(())
    }

    fn send(&mut self, word: u32) -> Result {
        self.wait(|ack| ack & DEV_ACK == 0)?;
        self.write(HOST, word)?;
        let ack = self.read(ACK)?;
        self.write(ACK, ack | DEV_ACK)
    }

    fn receive(&mut self) -> Result<u32> {
        self.wait(|ack| ack & HOST_ACK != 0)?;
        let word = self.read(DEV)?;
        let ack = self.read(ACK)?;
        self.write(ACK, ack & !HOST_ACK)?;
        Ok(word)
    }

    /// One request and its answer.
    fn exchange(&mut self, request: &[u8]) -> Result<Answer> {
        for word in words(request) {
            self.send(word)?;
        }
        let mut receiver = Receiver::new();
        loop {
            let word = self.receive()?;
            let packet = receiver
                .word(word)
                .map_err(|_| Failure::new(h7rs::DA_ANSWER, "an answer that is too long"))?;
            if let Some(packet) = packet {
                return Answer::parse(packet).map_err(|code| Failure::new(code, "its answer"));
            }
        }
    }

    /// Presents a chain, and a token for a full regression.
    fn chain(
        &mut self,
        certificates: &[Vec<u8>],
        leaf: &SigningKey,
        challenge: &[u8; CHALLENGE_LEN],
    ) -> Result<Answer> {
        for certificate in certificates {
            match self.exchange(&host::present(tlv::CERTIFICATE, certificate))? {
                Answer::NeedMoreData => {}
                other => return Ok(other),
            }
        }
        let token = host::token(permission::FULL_REGRESSION, challenge, leaf, &mut Software)
            .map_err(|error| Failure::internal(format!("the token was not signed: {error:?}")))
            .about("the credential")?;
        self.exchange(&host::present(tlv::TOKEN, &token))
    }
}
