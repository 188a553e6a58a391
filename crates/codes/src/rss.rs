//! IR-4xxx: the root security services in system flash.

use crate::table::codes;

codes! {
    4001 REQUEST_CORRUPT Device: "The service request is damaged",
        "The request block in RAM has its magic, but its checksum or a field is wrong.",
        "The request was dropped and the boot went on without it.",
        "Ask for the service again; do not use the block's memory for anything else.";
    4002 UNKNOWN_SERVICE Device: "The service is not known",
        "The request names a service that this system flash does not have.",
        "Nothing was changed.",
        "Use a service of the table, or a newer system flash.";
    4003 SECURITY_REQUIRED Device: "The service needs the SECURITY option",
        "Services are open in Secure access mode only, and SECURITY is not set.",
        "Nothing was changed.",
        "Set SECURITY, reset, and ask again.";
    4004 AREA_COUNT Device: "The number of secure areas is not supported",
        "This chip has one flash bank and so exactly one secure area.",
        "Nothing was changed.",
        "Ask for one area.";
    4005 AREA_INVALID Device: "The secure area cannot be set as asked",
        "Start and size must be multiples of 256 bytes, at least 512 bytes, and inside the flash.",
        "Nothing was changed.",
        "Ask for an area that covers the sector of the secure boot.";
    4006 OPTION_CHANGE_REFUSED Device: "The flash refused the option-byte change",
        "The controller reported OPTCHANGEERR: the change breaks one of the option rules.",
        "The options are as they were before.",
        "Read the options; remove what protects them first, or regress the chip.";
    4007 OPTIONS_NOT_AS_ASKED Device: "The options differ from what was asked",
        "The read-back after the change does not show the wanted value.",
        "The options are in the state that was read back; the message names it.",
        "Power-cycle and repeat; if it stays, the chip is faulty.";
    4008 VECTORS_INVALID Device: "The vectors handed to exitSecureArea are not usable",
        "The address is not aligned, lies in the secure area or outside flash and RAM, or stack or entry are invalid.",
        "The secure area stays open to the caller only, and nothing was started.",
        "Pass the address of the application's vector table.";
    4009 BOOT_TARGET_INVALID Device: "The boot address holds nothing that can run",
        "The vector table at the selected boot address is erased or invalid.",
        "Nothing was started; the core waits in system flash.",
        "Provision the secure boot, or set the boot address to code.";
    4010 SECURE_AREA_INVALID Device: "The secure area holds nothing that can run",
        "A secure area is set, but its first words are no vector table.",
        "Nothing was started; the core waits in system flash with the debug port closed.",
        "Regress the chip (RDP 1 to 0 with removal of the area) and provision again, secure boot before the area.";
    4011 SERVICE_CLOSED Device: "The service is closed",
        "The caller is past the hand-over: services belong to code in the secure area.",
        "Nothing was changed.",
        "Call services before exitSecureArea.";
    4012 ENCRYPT_INVALID Device: "The data cannot be encrypted as asked",
        "Region, mode, version, destination or buffer is not one that OTFDEC serves; mode 3 has a cipher that is not public.",
        "The buffer is as it was.",
        "Use regions 0 to 7, modes 0 to 2, a buffer in RAM outside the window of RSS, and a destination in the region's window.";
    4013 ENCRYPT_KEY_REFUSED Device: "The decryption unit did not take the key",
        "OTFDEC shows another key checksum than the key has.",
        "The buffer is as it was.",
        "Ask again; if it comes back, the chip has no OTFDEC or is faulty.";
}
