//! IR-7xxx: the link between host and device.

use crate::table::codes;

codes! {
    7001 PORT_UNAVAILABLE Transport: "The port cannot be opened",
        "The serial device, pseudo terminal or TCP port does not exist, is in use, or may not be opened.",
        "Nothing was sent.",
        "Check name, permissions, and that no other program has it open.";
    7002 LINK_CLOSED Transport: "The other side closed the link",
        "The connection ended before the exchange was complete.",
        "The last operation may or may not have been done.",
        "Connect again and read the state back.";
    7003 TIMEOUT Transport: "The device did not answer in time",
        "No answer came before the deadline.",
        "The last operation may or may not have been done.",
        "Check connection and power, reset the device, and read the state back.";
    7004 BAD_DEVICE_NAME Usage: "The device is not written as it must be",
        "A device is vdev:FILE, uart:PORT or tcp:HOST:PORT.",
        "Nothing was sent.",
        "Write for example --device vdev:my.board.";
    7005 CONSOLE_FAILED Transport: "The output cannot be written",
        "Writing the command's output, or the device's serial output, to its destination failed: a full disk, usually.",
        "What the command did stays done, but its report is not complete.",
        "Check the destination of the output.";
    7006 BOOTLOADER_REFUSED Device: "The bootloader refused",
        "It answered with a NACK: read protection, write protection, a closed area, an address it does not serve, or flash that \
         is not erased.",
        "The command that was refused did nothing; what came before it is done.",
        "Look at `ironroot device state`; take the protection away, or use addresses of flash and RAM.";
    7007 BOOTLOADER_ANSWER Transport: "The bootloader's answer is not of the protocol",
        "A byte came that belongs to no answer: noise, another bit rate or parity, or no bootloader.",
        "The last operation may or may not have been done.",
        "Check rate and parity (8E1), reset the device with BOOT0 high, and try again.";
}
