//! The choices that a description begins with, by the names that files use.

/// An enum whose values have names in files.
macro_rules! choices {
    ($(#[$doc:meta])* $name:ident { $($(#[$value_doc:meta])* $value:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$value_doc])* $value,)* }

        impl $name {
            /// All of them.
            pub const ALL: &[$name] = &[$(Self::$value,)*];
            /// Their names in files.
            pub const NAMES: &[&str] = &[$($text,)*];

            /// The name in files.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$value => $text,)* }
            }

            /// By its name in files.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.name() == name)
            }
        }
    };
}

choices! {
    /// Which stages verify before the application runs.
    BootPath {
        /// STiRoT, in system flash, verifies the application.
        Stirot = "stirot",
        /// The product's own first stage, in user flash, verifies the application.
        Oemirot = "oemirot",
        /// STiRoT verifies the second stage, which verifies the application.
        StirotOemurot = "stirot-oemurot",
    }
}

choices! {
    /// Where the application runs.
    Place {
        /// In its slot, through the window of the external flash.
        ExternalFlash = "external-flash",
        /// Copied to external RAM.
        ExternalRam = "external-ram",
        /// Copied to internal RAM.
        InternalRam = "internal-ram",
    }
}

choices! {
    /// How an update gets from the download slot to where it is used.
    UpdateMode {
        /// Over the old image, which is lost.
        Overwrite = "overwrite",
        /// In exchange with the old image, which comes back if the new one does not confirm itself.
        Swap = "swap",
    }
}

choices! {
    /// What of the internal RAM the hand-off leaves open.
    Open {
        /// AHB SRAM2 from its start to 0x3000_7000, and what the stages share with the application.
        AhbSram2 = "ahb-sram2",
        /// All of it: 0x2000_0000 to 0x4000_0000.
        Sram = "sram",
    }
}

impl BootPath {
    /// Whether STiRoT is the first stage.
    pub const fn begins_with_stirot(self) -> bool {
        matches!(self, Self::Stirot | Self::StirotOemurot)
    }

    /// Whether a stage of the product verifies the application.
    pub const fn has_own_stage(self) -> bool {
        matches!(self, Self::Oemirot | Self::StirotOemurot)
    }
}
