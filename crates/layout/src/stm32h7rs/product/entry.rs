//! The entries of `ironroot.toml`: one table for reader, schema and refusals.

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

macro_rules! entries {
    ($($value:ident $path:literal $kind:expr, $help:literal;)*) => {
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

            /// One sentence for editors.
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
    Name "product.name" Kind::Text, "Name of the product, for people.";
    Device "product.device" Kind::Choice(DEVICES), "The part.";
    Boot "product.boot" Kind::Choice(BootPath::NAMES), "Which stages verify before the application runs.";
    Execute "product.execute" Kind::Choice(Place::NAMES), "Where the application runs.";
    Update "product.update" Kind::Choice(UpdateMode::NAMES), "How an update gets in.";
    Board "board.name" Kind::Text, "Name of the board; chooses the external flash loader.";
    FlashWindow "memories.external-flash.window" Kind::Size, "Window of the external flash: 0x90000000 (XSPI1) or 0x70000000 (XSPI2).";
    FlashSize "memories.external-flash.size" Kind::Size, "Size of the external flash.";
    RamWindow "memories.external-ram.window" Kind::Size, "Window of the external RAM: 0x70000000 (XSPI2) or 0x90000000 (XSPI1).";
    RamSize "memories.external-ram.size" Kind::Size, "Size of the external RAM; 0 if the board has none.";
    RamEcc "memories.ram-ecc" Kind::Bool, "ECC on the internal RAM; sets the option byte and the configuration of STiRoT.";
    InstalledOffset "slots.installed.offset" Kind::Size, "Installed image: bytes from the start of the external flash.";
    InstalledSize "slots.installed.size" Kind::Size, "Installed image: size of the slot.";
    DownloadOffset "slots.download.offset" Kind::Size, "Download: bytes from the start of the external flash.";
    DownloadSize "slots.download.size" Kind::Size, "Download: size of the slot.";
    ScratchOffset "slots.scratch.offset" Kind::Size, "Scratch area of the swap: bytes from the start of the external flash.";
    ScratchSize "slots.scratch.size" Kind::Size, "Scratch area of the swap: size.";
    Trailer "slots.trailer" Kind::Size, "Room at the end of each slot for TLVs and update trailer.";
    DataInstalledOffset "slots.data.installed.offset" Kind::Size, "Installed data image: bytes from the start of the external flash.";
    DataInstalledSize "slots.data.installed.size" Kind::Size, "Installed data image: size of the slot.";
    DataDownloadOffset "slots.data.download.offset" Kind::Size, "Download of the data image: bytes from the start of the external flash.";
    DataDownloadSize "slots.data.download.size" Kind::Size, "Download of the data image: size of the slot.";
    CodeRoom "stage.code-room" Kind::Size, "Room for the code of OEMiRoT or OEMuRoT, at most 64K.";
    StageInstalledOffset "stage.installed.offset" Kind::Size, "Installed second stage: bytes from the start of the external flash.";
    StageInstalledSize "stage.installed.size" Kind::Size, "Installed second stage: size of the slot.";
    StageDownloadOffset "stage.download.offset" Kind::Size, "Download of the second stage: bytes from the start of the external flash.";
    StageDownloadSize "stage.download.size" Kind::Size, "Download of the second stage: size of the slot.";
    LoaderOffset "iloader.offset" Kind::Size, "iLoader: bytes from the start of user flash.";
    LoaderSize "iloader.size" Kind::Size, "iLoader: room in user flash.";
    Version "image.version" Kind::Version, "Version of the application's image.";
    Counter "image.counter" Kind::Counter, "Security counter of the application's image.";
    Encrypt "image.encrypt" Kind::Bool, "Images are encrypted.";
    Align "image.align" Kind::Number(1, 32), "Alignment of the image, in bytes.";
    Header "image.header" Kind::Size, "Image header; the vector table follows it.";
    KeySign "keys.sign" Kind::Text, "Signing key of the application: a PEM file or a pkcs11: URI.";
    KeyEncrypt "keys.encrypt" Kind::Text, "Encryption key of the application: a PEM file.";
    KeyStageSign "keys.stage-sign" Kind::Text, "Signing key of the second stage: a PEM file or a pkcs11: URI.";
    KeyStageEncrypt "keys.stage-encrypt" Kind::Text, "Encryption key of the second stage: a PEM file.";
    KeyDebug "keys.debug" Kind::Text, "Debug authentication: root key (PEM) of the certificates, or the password file.";
    WriteProtect "protections.write-protect" Kind::Bool, "Boot code in user flash cannot be programmed or erased.";
    Hide "protections.hide" Kind::Bool, "Boot code in user flash is hidden from HDPL 2 on.";
    State "protections.state" Kind::Choice(STATES), "Product state to reach.";
    Debug "protections.debug" Kind::Choice(DEBUG), "How a closed product can be opened again.";
    Core "clocks.core" Kind::Number(64, 600), "Core clock of the boot stage and at hand-off, in MHz.";
    ApplicationClock "clocks.application" Kind::Number(64, 600), "The most that the application sets by PLL1, in MHz.";
    Regulator "clocks.regulator" Kind::Bool, "The core is supplied by the internal regulator.";
    ApplicationOpen "application.open" Kind::Choice(Open::NAMES), "What of the internal RAM is open when the application starts.";
    ApplicationRamStart "application.ram.start" Kind::Size, "Address of the RAM that the application's linker may use.";
    ApplicationRamSize "application.ram.size" Kind::Size, "Size of the RAM that the application's linker may use.";
    OptionBor "options.BOR_LEVEL" Kind::Number(0, 3), "Brown-out level.";
    OptionIwdgHw "options.IWDG_HW" Kind::Number(0, 1), "Control of the independent watchdog by hardware or software.";
    OptionNrstStop "options.NRST_STOP" Kind::Number(0, 1), "Reset when entering Stop mode.";
    OptionNrstStandby "options.NRST_STBY" Kind::Number(0, 1), "Reset when entering Standby mode.";
    OptionXspi1 "options.XSPI1_HSLV" Kind::Number(0, 1), "High speed of XSPI1 at low voltage.";
    OptionXspi2 "options.XSPI2_HSLV" Kind::Number(0, 1), "High speed of XSPI2 at low voltage.";
    OptionIwdgStop "options.IWDG_FZ_STOP" Kind::Number(0, 1), "Independent watchdog in Stop mode.";
    OptionIwdgStandby "options.IWDG_FZ_STBY" Kind::Number(0, 1), "Independent watchdog in Standby mode.";
    OptionVddio "options.VDDIO_HSLV" Kind::Number(0, 1), "High speed of the other ports at low voltage.";
    OptionI2c "options.I2C_NI3C" Kind::Number(0, 1), "Whether the shared pins start as I2C or I3C.";
    OptionItcm "options.ITCM_AXI_SHARE" Kind::Number(0, 7), "Follows from the memory map: refused.";
    OptionDtcm "options.DTCM_AXI_SHARE" Kind::Number(0, 7), "Follows from the memory map: refused.";
    OptionEcc "options.ECC_ON_SRAM" Kind::Number(0, 1), "Follows from memories.ram-ecc: refused.";
    OptionWrps "options.WRPS" Kind::Number(0, 255), "Follows from protections.write-protect: refused.";
    OptionHdpStart "options.HDP_AREA_START" Kind::Number(0, 255), "Follows from protections.hide: refused.";
    OptionHdpEnd "options.HDP_AREA_END" Kind::Number(0, 255), "Follows from protections.hide: refused.";
    OptionIrot "options.IROT_SELECT" Kind::Number(0, 255), "Follows from product.boot: refused.";
    OptionDebug "options.DBG_AUTH" Kind::Number(0, 255), "Follows from protections.debug: refused.";
    OptionProvisioned "options.OEM_PROVD" Kind::Number(0, 255), "Follows from protections.state: refused.";
    OptionState "options.NVSTATE" Kind::Number(0, 255), "Follows from protections.state: refused.";
}

impl Entry {
    /// By its dotted path.
    pub fn from_path(path: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|entry| entry.path() == path)
    }

    /// Whether a description must have it: the choices that have no default.
    pub const fn is_required(self) -> bool {
        matches!(self, Self::Device | Self::Boot | Self::Execute | Self::Update)
    }
}
