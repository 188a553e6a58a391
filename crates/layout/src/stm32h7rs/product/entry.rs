//! The entries of `ironroot.toml`: one table for reader, schema, reference and refusals.

use Preset::{Follows, Nothing, Required, Value};

use super::choices::{BootPath, Open, Place, UpdateMode};
use crate::stm32h7rs::chip::Part;

/// What an entry takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    Text,
    /// One of these names.
    Choice(&'static [&'static str]),
    /// A number from the first to the second, both included.
    Number(u32, u32),
    /// A number of bytes or an address: `0x400`, or a text like "64K" or "2M".
    Size,
    /// `true` or `false`.
    Bool,
    /// A version: "1.2.3" or "1.2.3+4".
    Version,
    /// "auto", or a number.
    Counter,
}

/// What an entry has where the file does not have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// Nothing: the file must have it.
    Required,
    /// Nothing: what it describes is not there.
    Nothing,
    /// This, as the file would have it.
    Value(&'static str),
    /// What follows from other entries, in words.
    Follows(&'static str),
}

macro_rules! entries {
    ($($value:ident $path:literal $kind:expr, $preset:expr, $help:literal;)*) => {
        /// A place in the description, by its dotted path.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Entry { $(#[doc = $help] $value,)* }

        impl Entry {
            /// All of them, table by table.
            pub const ALL: &[Entry] = &[$(Self::$value,)*];

            /// The dotted path, like `slots.installed.size`.
            pub const fn path(self) -> &'static str {
                match self { $(Self::$value => $path,)* }
            }

            /// What it takes.
            pub const fn kind(self) -> Kind {
                match self { $(Self::$value => $kind,)* }
            }

            /// What it has where the file does not have it.
            pub const fn preset(self) -> Preset {
                match self { $(Self::$value => $preset,)* }
            }

            /// One sentence for people.
            pub const fn help(self) -> &'static str {
                match self { $(Self::$value => $help,)* }
            }
        }
    };
}

const DEVICES: &[&str] = &[Part::Stm32h7s7.name(), Part::Stm32h7r7.name()];
const STATES: &[&str] = &["open", "provisioning", "closed", "locked"];
const DEBUG: &[&str] = &["none", "certificate", "password", "locked"];

entries! {
    Name "product.name" Kind::Text, Nothing, "Name of the product, for people.";
    Device "product.device" Kind::Choice(DEVICES), Required, "The part.";
    Boot "product.boot" Kind::Choice(BootPath::NAMES), Required, "Which stages verify before the application runs: STiRoT in system flash, OEMiRoT in user flash, or STiRoT and behind it OEMuRoT.";
    Execute "product.execute" Kind::Choice(Place::NAMES), Required, "Where the application runs: in its slot, or copied to external or internal RAM.";
    Update "product.update" Kind::Choice(UpdateMode::NAMES), Required, "How an update gets in: over the old image, or in exchange with it, so that it can come back.";
    Board "board.name" Kind::Text, Nothing, "Name of the board, like STM32H7S78-DK; chooses the external flash loader.";
    FlashWindow "memories.external-flash.window" Kind::Size, Follows("0x90000000; 0x70000000 with stm32h7r7"), "Window of the external flash: 0x90000000 (XSPI1) or 0x70000000 (XSPI2).";
    FlashSize "memories.external-flash.size" Kind::Size, Value("\"128M\""), "Size of the external flash.";
    RamWindow "memories.external-ram.window" Kind::Size, Follows("0x70000000; 0x90000000 with stm32h7r7"), "Window of the external RAM: 0x70000000 (XSPI2) or 0x90000000 (XSPI1).";
    RamSize "memories.external-ram.size" Kind::Size, Follows("none; 32M where the window is given"), "Size of the external RAM; 0 if the board has none.";
    RamEcc "memories.ram-ecc" Kind::Bool, Value("true"), "ECC on the internal RAM; sets the option byte and the configuration of STiRoT.";
    InstalledOffset "slots.installed.offset" Kind::Size, Follows("0; 1M with stirot-oemurot"), "Installed image: bytes from the start of the external flash.";
    InstalledSize "slots.installed.size" Kind::Size, Follows("2M; 128K with internal-ram"), "Installed image: size of the slot.";
    DownloadOffset "slots.download.offset" Kind::Size, Follows("2M; 128K with internal-ram; 1M more with stirot-oemurot"), "Download: bytes from the start of the external flash.";
    DownloadSize "slots.download.size" Kind::Size, Follows("2M; 128K with internal-ram"), "Download: size of the slot.";
    ScratchOffset "slots.scratch.offset" Kind::Size, Follows("4M; 256K with internal-ram; 1M more with stirot-oemurot"), "Scratch area of the swap: bytes from the start of the external flash.";
    ScratchSize "slots.scratch.size" Kind::Size, Value("\"64K\""), "Scratch area of the swap: size.";
    Trailer "slots.trailer" Kind::Size, Value("0x2000"), "Room at the end of each slot for TLVs and update trailer (OEMiRoT and OEMuRoT).";
    DataInstalledOffset "slots.data.installed.offset" Kind::Size, Nothing, "Installed data image: bytes from the start of the external flash.";
    DataInstalledSize "slots.data.installed.size" Kind::Size, Nothing, "Installed data image: size of the slot.";
    DataDownloadOffset "slots.data.download.offset" Kind::Size, Nothing, "Download of the data image: bytes from the start of the external flash.";
    DataDownloadSize "slots.data.download.size" Kind::Size, Nothing, "Download of the data image: size of the slot.";
    CodeRoom "stage.code-room" Kind::Size, Value("\"48K\""), "Room for the code of OEMiRoT or OEMuRoT, at most 64K.";
    StageInstalledOffset "stage.installed.offset" Kind::Size, Value("0"), "Installed second stage: bytes from the start of the external flash.";
    StageInstalledSize "stage.installed.size" Kind::Size, Value("\"128K\""), "Installed second stage: size of the slot.";
    StageDownloadOffset "stage.download.offset" Kind::Size, Value("\"128K\""), "Download of the second stage: bytes from the start of the external flash.";
    StageDownloadSize "stage.download.size" Kind::Size, Value("\"128K\""), "Download of the second stage: size of the slot.";
    LoaderOffset "iloader.offset" Kind::Size, Value("0"), "iLoader: bytes from the start of user flash.";
    LoaderSize "iloader.size" Kind::Size, Value("\"24K\""), "iLoader: room in user flash.";
    Version "image.version" Kind::Version, Value("\"1.0.0\""), "Version of the application's image.";
    Counter "image.counter" Kind::Counter, Value("\"auto\""), "Security counter of the application's image, which never goes down on a device; auto makes it from the version.";
    Encrypt "image.encrypt" Kind::Bool, Value("true"), "Images are encrypted; STiRoT takes no others.";
    Align "image.align" Kind::Number(1, 32), Follows("4; 16 with stirot"), "Alignment of the image, in bytes: 1, 2, 4 or 8 for OEMiRoT and OEMuRoT, 16 for STiRoT.";
    Header "image.header" Kind::Size, Value("0x400"), "Image header; the vector table follows it, so it is a multiple of what that needs (0x400).";
    KeySign "keys.sign" Kind::Text, Nothing, "Signing key of the application: a PEM file or a pkcs11: URI; every product needs it.";
    KeyEncrypt "keys.encrypt" Kind::Text, Nothing, "Encryption key of the application: a PEM file; needed where images are encrypted.";
    KeyStageSign "keys.stage-sign" Kind::Text, Nothing, "Signing key of the second stage: a PEM file or a pkcs11: URI; needed with stirot-oemurot.";
    KeyStageEncrypt "keys.stage-encrypt" Kind::Text, Nothing, "Encryption key of the second stage: a PEM file; needed with stirot-oemurot.";
    KeyDebug "keys.debug" Kind::Text, Nothing, "Debug authentication: root key (PEM) of the certificates, or the password file.";
    WriteProtect "protections.write-protect" Kind::Bool, Value("true"), "Boot code in user flash cannot be programmed or erased.";
    Hide "protections.hide" Kind::Bool, Follows("true with oemirot, else false"), "Boot code in user flash is hidden from HDPL 2 on.";
    State "protections.state" Kind::Choice(STATES), Value("\"closed\""), "Product state to reach: open and provisioning for development, closed, or locked, which nothing leads back from.";
    Debug "protections.debug" Kind::Choice(DEBUG), Value("\"certificate\""), "How a closed product can be opened again: with a certificate or a password; none or locked say that it cannot.";
    Core "clocks.core" Kind::Number(64, 600), Value("380"), "Core clock of the boot stage and at hand-off, in MHz; above 380 only without RAM ECC and with the internal regulator.";
    ApplicationClock "clocks.application" Kind::Number(64, 600), Follows("clocks.core"), "The most that the application sets by PLL1, in MHz.";
    Regulator "clocks.regulator" Kind::Bool, Value("true"), "The core is supplied by the internal regulator.";
    ApplicationOpen "application.open" Kind::Choice(Open::NAMES), Value("\"ahb-sram2\""), "What of the internal RAM is open when the application starts: ahb-sram2 is 0x30004000 to 0x30007000, sram is all of 0x20000000 to 0x40000000.";
    ApplicationRamStart "application.ram.start" Kind::Size, Follows("where what application.open opens begins; with sram 0x24020000 if neither is given"), "Address of the RAM that the application's linker may use.";
    ApplicationRamSize "application.ram.size" Kind::Size, Follows("all that application.open opens; with sram 128K if neither is given"), "Size of the RAM that the application's linker may use.";
    OptionBor "options.BOR_LEVEL" Kind::Number(0, 3), Follows("what the device has"), "Brown-out level.";
    OptionIwdgHw "options.IWDG_HW" Kind::Number(0, 1), Follows("what the device has"), "Control of the independent watchdog by hardware or software.";
    OptionNrstStop "options.NRST_STOP" Kind::Number(0, 1), Follows("what the device has"), "Reset when entering Stop mode.";
    OptionNrstStandby "options.NRST_STBY" Kind::Number(0, 1), Follows("what the device has"), "Reset when entering Standby mode.";
    OptionXspi1 "options.XSPI1_HSLV" Kind::Number(0, 1), Follows("what the device has"), "High speed of XSPI1 at low voltage.";
    OptionXspi2 "options.XSPI2_HSLV" Kind::Number(0, 1), Follows("what the device has"), "High speed of XSPI2 at low voltage.";
    OptionIwdgStop "options.IWDG_FZ_STOP" Kind::Number(0, 1), Follows("what the device has"), "Independent watchdog in Stop mode.";
    OptionIwdgStandby "options.IWDG_FZ_STBY" Kind::Number(0, 1), Follows("what the device has"), "Independent watchdog in Standby mode.";
    OptionVddio "options.VDDIO_HSLV" Kind::Number(0, 1), Follows("what the device has"), "High speed of the other ports at low voltage.";
    OptionI2c "options.I2C_NI3C" Kind::Number(0, 1), Follows("what the device has"), "Whether the shared pins start as I2C or I3C.";
    OptionItcm "options.ITCM_AXI_SHARE" Kind::Number(0, 7), Nothing, "Follows from the memory map: refused.";
    OptionDtcm "options.DTCM_AXI_SHARE" Kind::Number(0, 7), Nothing, "Follows from the memory map: refused.";
    OptionEcc "options.ECC_ON_SRAM" Kind::Number(0, 1), Nothing, "Follows from memories.ram-ecc: refused.";
    OptionWrps "options.WRPS" Kind::Number(0, 255), Nothing, "Follows from protections.write-protect: refused.";
    OptionHdpStart "options.HDP_AREA_START" Kind::Number(0, 255), Nothing, "Follows from protections.hide: refused.";
    OptionHdpEnd "options.HDP_AREA_END" Kind::Number(0, 255), Nothing, "Follows from protections.hide: refused.";
    OptionIrot "options.IROT_SELECT" Kind::Number(0, 255), Nothing, "Follows from product.boot: refused.";
    OptionDebug "options.DBG_AUTH" Kind::Number(0, 255), Nothing, "Follows from protections.debug: refused.";
    OptionProvisioned "options.OEM_PROVD" Kind::Number(0, 255), Nothing, "Follows from protections.state: refused.";
    OptionState "options.NVSTATE" Kind::Number(0, 255), Nothing, "Follows from protections.state: refused.";
}

impl Entry {
    /// By its dotted path.
    pub fn from_path(path: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|entry| entry.path() == path)
    }

    /// Whether a description must have it: the choices that have no default.
    pub const fn is_required(self) -> bool {
        matches!(self.preset(), Preset::Required)
    }
}
