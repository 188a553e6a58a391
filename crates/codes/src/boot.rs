//! IR-3xxx: the boot decision on the device. 30xx state of the chip, 31xx key store, 32xx slot, 33xx entry into the
//! application, 34xx hand-off record, 35xx licence, 36xx update, 37xx secure initialisation, 38xx boot
//! stages of the STM32H7RS.

use crate::table::codes;

codes! {
    3001 SECURITY_NOT_SET Device: "The chip's SECURITY option is not set",
        "Without it the system flash does not take part in the boot and the secure area is not closed for anybody.",
        "Nothing was started: secure boot on an open chip would only look secure.",
        "Provision the chip: set SECURITY, then let the root security services create the secure area.";
    3002 SECURE_AREA_MISSING Device: "The secure area is not set, or not where the secure boot lies",
        "The active secure-area option does not cover the sector of the secure boot and its key store.",
        "Nothing was started: the keys and the verifier could be replaced.",
        "Provision the chip: the RSS service resetAndInitializeSecureAreas sets the area.";
    3003 FAULT Device: "The secure boot ended in a processor fault",
        "A HardFault or another fault was taken before the hand-over: damaged flash, a glitch, or a fault of ours.",
        "Nothing was started.",
        "Reset once; if it comes back, provision the chip again and report it with the hand-off record.";
    3004 SELF_CHECK_FAILED Device: "A check inside the boot decision contradicts itself",
        "A value that was already checked has another value when it is checked again: a glitch or a faulty chip.",
        "Nothing was started.",
        "Reset once; if it comes back, the supply, the clock or the chip is faulty, or it is under attack.";
    3005 EXIT_REFUSED Device: "The exit service of the system flash did not leave",
        "exitSecureArea returned: the service table is missing or the vectors were refused.",
        "Nothing was started.",
        "Check that the chip's system flash is intact; on a virtual device make a new board.";

    3101 KEY_STORE_MISSING Device: "The device has no key store",
        "The page of the key store is erased.",
        "Nothing was started: without a key nothing can be verified.",
        "Provision the keys.";
    3102 KEY_STORE_CORRUPT Device: "The key store is damaged",
        "Its magic, sizes or hash are wrong, or a key's own hash does not match the key.",
        "Nothing was started.",
        "Provision the keys again.";
    3103 KEY_STORE_VERSION Device: "The key store is of an unknown version",
        "It was written by a newer Ironroot than the secure boot on this chip.",
        "Nothing was started.",
        "Provision secure boot and keys from the same version.";
    3104 KEY_STORE_UNREADABLE Device: "The key store cannot be read",
        "The flash reported an uncorrectable ECC error: power was lost while the keys were written.",
        "Nothing was started.",
        "Provision the keys again.";
    3105 KEY_STORE_EMPTY Device: "The key store holds no key",
        "The store is intact, but its count is zero.",
        "Nothing was started.",
        "Provision at least one key.";
    3106 DEMO_KEY_ON_REAL_CHIP Device: "A demo key on a real chip",
        "The key store has a key that is marked as a demo key, and the unique id is not one of a virtual device.",
        "Nothing was started: anybody may have the private half of a demo key.",
        "Make keys of your own with `ironroot keys generate` and provision those.";

    3201 SLOT_EMPTY Device: "The application slot is empty",
        "The first flash words of the slot are erased.",
        "Nothing was started.",
        "Install a signed image.";

    3301 BAD_STACK_POINTER Device: "The application's initial stack pointer is not in RAM",
        "The first word of the vector table is not an 8-byte aligned address in, or at the end of, a RAM of the chip.",
        "Nothing was started: the first push would fault or write to a peripheral.",
        "Link the application with the vector table first, and sign again.";
    3302 BAD_RESET_VECTOR Device: "The application's reset vector is not in the verified image",
        "The second word of the vector table is even (no Thumb code) or points outside the signed payload.",
        "Nothing was started: a signed image could otherwise jump into flash that nobody verified.",
        "Link the application with the vector table first, and sign again.";
    3303 VECTOR_TABLE_MISPLACED Device: "The vector table is not where this slot has it",
        "The header size of the image differs from the product's, or the payload is too small for a vector table.",
        "Nothing was started.",
        "Sign with --header-size 0x400.";

    3401 HANDOFF_MISSING Device: "There is no hand-off record",
        "The memory of the record does not hold its magic: nothing has booted since power-on, or the application overwrote it.",
        "Nothing is known about the last boot.",
        "Boot the device and read the record before the application uses that memory.";
    3402 HANDOFF_CORRUPT Device: "The hand-off record is damaged",
        "The magic is right, but checksum or a field is not.",
        "The record was ignored.",
        "Keep the application away from the record's 256 bytes, then boot again.";
    3403 HANDOFF_VERSION Device: "The hand-off record is of an unknown version",
        "It was written by a newer secure boot than this tool knows.",
        "The record was ignored.",
        "Use the version of the tool that the device was provisioned with, or a newer one.";

    3501 LICENCE_MISSING Device: "The device has no licence",
        "The flash word where the licence belongs does not hold its magic.",
        "Nothing was started.",
        "Have a licence issued for this device's unique id, and install it.";
    3502 LICENCE_CORRUPT Device: "The licence is damaged",
        "Its version or the length of its signature is impossible.",
        "Nothing was started.",
        "Install the licence again.";
    3503 LICENCE_SIGNATURE Device: "The licence's signature is wrong",
        "No key of the key store signed these bytes: the licence was changed, or comes from somebody else.",
        "Nothing was started.",
        "Have a licence issued by the owner of one of the device's keys.";
    3504 LICENCE_OTHER_DEVICE Device: "The licence belongs to another device",
        "It is genuine, but names another unique id: the flash was copied from a licensed device.",
        "Nothing was started.",
        "Have a licence issued for this device's unique id.";

    3601 UPDATE_FRAME Device: "The update was not received",
        "A frame stopped half way, or its checksum is wrong.",
        "The installed image is as it was.",
        "Reset the device and send the update again.";
    3602 UPDATE_TOO_LARGE Device: "The update does not fit",
        "The announced length is zero or more than the RAM that collects the update.",
        "Nothing was received; the installed image is as it was.",
        "Install an image of that size through the debug port.";
    3603 UPDATE_NOT_PROGRAMMED Device: "The update could not be written",
        "The flash reported an error while the slot was erased or programmed.",
        "The slot holds no valid image; the device still takes an update.",
        "Remove the write protection of the slot, if it has one, and send the update again.";
    3604 UPDATE_LAYOUT Device: "The slots do not fit the way updates are made",
        "Sector maps, write sizes, scratch area or copy buffer do not suit the configured mode.",
        "No update was begun; the installed image is as it was.",
        "Correct the sizes of the slots or choose another mode: a product with this error was never tested.";
    3605 UPDATE_FLASH_FAILED Device: "The flash failed during an update",
        "An erase or a write was refused by the flash itself; this is not what a power cut looks like.",
        "Nothing was started; the update goes on at the next boot from where it stopped.",
        "Reset once; if it comes back, the flash is write-protected or worn out.";
    3606 UPDATE_DEPENDENCY Device: "The update depends on an image that is not there",
        "A dependency names another image in a version that is neither installed nor about to be.",
        "The update was not installed; it stays requested until what it needs arrives.",
        "Install the other image too, in the same step.";
    3607 UPDATE_DOWNGRADE Device: "The update is older than the installed image",
        "Its version is lower, and this product does not go back.",
        "The update was refused; the installed image is as it was.",
        "Install an image with a higher version.";
    3608 UPDATE_NO_WAY_BACK Device: "The test image cannot be reverted",
        "It was not confirmed, but the secondary slot no longer holds a valid image to go back to.",
        "The test image was started again.",
        "Confirm it from the application, or install another update.";
    3609 UPDATE_NOT_CONFIRMED Device: "The update did not confirm itself",
        "It was installed for a test, ran, and the next boot found no confirmation.",
        "The image before it was put back.",
        "Find out why the application did not get as far as its confirmation; then install a repaired one.";
    3610 UPDATE_REQUEST_REFUSED Device: "The update could not be requested",
        "The trailer of the secondary slot holds neither erased bytes nor a request: an earlier one was interrupted.",
        "No update was requested.",
        "Erase the secondary slot, install the update there again, and request it again.";
    3611 UPDATE_CONFIRM_REFUSED Device: "The running image could not be confirmed",
        "The trailer of the primary slot is damaged.",
        "Nothing was written.",
        "Reset the device: the boot decides from the trailer what to do, and says so in its record.";
    3612 UPDATE_KEY_UNAVAILABLE Device: "The key of an encrypted image cannot be opened",
        "The device has no decryption key, or the key of the image was not encrypted for it.",
        "The update was refused, or could not be finished.",
        "Encrypt the update for this product's key.";
    3615 COUNTER_UNREADABLE Device: "The security counter cannot be read",
        "The store of the counters is damaged as a whole.",
        "Nothing was started: an old image could not be told from a new one.",
        "Provision the device again.";
    3616 COUNTER_NOT_RAISED Device: "The security counter could not be raised",
        "The store of the counters is full, or its flash refused the write.",
        "The image was started; older images are still accepted.",
        "Provision the device again to get a fresh store.";
    3617 UPDATE_NO_IMAGE Device: "No slot holds an image that may be loaded to RAM",
        "Both slots are empty, invalid, or hold an image that was tried and not confirmed.",
        "Nothing was started.",
        "Install a signed image and request it.";
    3618 UPDATE_RAM_ADDRESS Device: "The image is not for the RAM that it would be loaded to",
        "It has no RAM_LOAD flag, or its load address and size are not inside the load memory.",
        "The image was refused.",
        "Sign with --load-addr of this product.";

    3701 EXTERNAL_KEY_REFUSED Device: "The key of the external flash was not taken",
        "OTFDEC shows another key checksum than the key has, or its locks do not read back as set.",
        "Nothing was started.",
        "Reset once; if it comes back, the chip has no OTFDEC or is faulty.";

    3801 WRONG_LEVEL Device: "The boot stage runs at another protection level than it is for",
        "HDPL is not 1 for a first stage (OEMiRoT), or not 2 for a second one (OEMuRoT).",
        "Nothing was started: keys of another level would be used, or none.",
        "Set IROT_SELECT and the boot path to the stage that is in flash; build the second stage with the feature `urot`.";
    3802 STAGE_KEYS_MISSING Device: "The boot stage has no keys",
        "The OBKeys of its configuration are not programmed.",
        "Nothing was started: without a key nothing can be verified.",
        "Provision the configuration (.obk) of this boot stage.";
    3803 STAGE_KEYS_CORRUPT Device: "The boot stage's keys are damaged",
        "The hash of the configuration in OBKeys does not match, or what it holds is no P-256 key in the expected form.",
        "Nothing was started.",
        "Provision the configuration (.obk) of this boot stage again.";
    3804 EXTERNAL_FLASH_ABSENT Device: "The external flash does not answer",
        "It does not give its identification, or stays busy: not fitted, not supplied, defective, or at the other interface.",
        "Nothing was started.",
        "Check the board, and that the firmware is built for its part: the STM32H7S has the flash at XSPI1, the STM32H7R at XSPI2.";
    3805 EXTERNAL_RAM_ABSENT Device: "The external RAM does not answer",
        "What was written to it does not read back.",
        "Nothing was started: the application would run from there.",
        "Check the board, and that the firmware is built for its part.";
    3806 MEMORY_KEY_REFUSED Device: "The encryption of an external memory could not be set up",
        "The hardware key is not there, the random source failed, or the memory cipher engine did not take its key.",
        "Nothing was started.",
        "Reset once; if it comes back, the chip is faulty or has no memory cipher engine.";
    3807 LOADED_DIFFERS Device: "The image in RAM is not the one that was verified",
        "The copy has another hash than the image in flash had: the memory, or the bus to it, shows changing content.",
        "Nothing was started.",
        "Reset once; if it comes back, flash, RAM or the lines to them are faulty, or under attack.";
    3808 HAND_OVER_REFUSED Device: "The system flash did not start the application",
        "The service that raises the protection level and jumps returned.",
        "Nothing was started.",
        "Check that the chip's system flash is intact; on a virtual device make a new board.";
    3809 PROTECTION_NOT_IN_FORCE Device: "A protection of the product is not in force on this chip",
        "The product state is closed or locked, and write protection, hidden area, RAM ECC or brown-out level are not as planned.",
        "Nothing was started: the boot code could be changed or read.",
        "Compare the chip's options with `ironroot boot plan`. By regression and a new provisioning they are set again.";
}
