//! IR-1xxx: what the tools refuse before they touch a device. 10xx files and usage, 11xx keys, 12xx applications,
//! 13xx making images, 14xx board files, 15xx the build of the tool and its demo, 16xx option bytes.

use crate::table::codes;

codes! {
    1001 USAGE Usage: "The command line cannot be used",
        "An option or argument is missing, unknown, or has a value that cannot be read.",
        "Nothing was read or written.",
        "Run the command with --help; the message names the argument.";
    1002 FILE_NOT_FOUND Usage: "An input file does not exist",
        "No file was found at the path that was given.",
        "Nothing was written.",
        "Check the path; relative paths start at the current directory.";
    1003 FILE_UNREADABLE Usage: "An input file cannot be read",
        "The operating system refused to read the file: permissions, a directory in its place, or an I/O error.",
        "Nothing was written.",
        "Check the permissions and that the path names a regular file.";
    1004 FILE_UNWRITABLE Usage: "An output file cannot be written",
        "The operating system refused to write: permissions, a missing directory, or a full disk.",
        "No half-written file was left: output appears under its name only when it is complete.",
        "Check the directory, its permissions and the free space.";
    1005 OUTPUT_EXISTS Usage: "The output file already exists",
        "The command would replace a file that may hold the only copy of something.",
        "The existing file is unharmed and nothing was written.",
        "Choose another name, move the file away, or pass --force if it may be replaced.";
    1006 FILE_EMPTY Usage: "An input file is empty",
        "The file has no bytes; usually an earlier step failed and left it.",
        "Nothing was written.",
        "Repeat the step that makes this file.";
    1007 FILE_TOO_LARGE Usage: "An input file is too large to be what it should be",
        "The file is larger than anything of its kind can be.",
        "The file was not read as a whole and nothing was written.",
        "Check that the right file was named.";
    1008 UNKNOWN_CODE Usage: "This code is not known",
        "The number is not a code, or it belongs to a newer version of Ironroot.",
        "Nothing was explained.",
        "Check the number; `ironroot explain --list` lists every code of this version.";
    1009 NOT_CONFIRMED NotConfirmed: "An irreversible step was not confirmed",
        "The command changes something that cannot be undone, and the device id was not typed or did not match.",
        "Nothing was changed.",
        "Read the plan that was printed; if you want it, repeat the command and type the id of this device.";
    1010 INTERRUPTED Interrupted: "The command was interrupted",
        "A signal stopped the command before it was done.",
        "Files are either complete or absent; what was already done on a device stays done.",
        "Run the same command again.";
    1011 WRONG_FILE_KIND Usage: "The file is of another kind",
        "The content was recognised, but as something that this argument does not take.",
        "Nothing was written.",
        "The message names what the file is; pass it to the matching option or command.";
    1012 OUTPUT_IS_INPUT Usage: "The output file is one of the input files",
        "Writing the output would destroy what it is made from; a link to the input counts as the input.",
        "Nothing was written.",
        "Choose another name for the output.";

    1101 KEY_UNREADABLE Usage: "The key file cannot be parsed",
        "The file is neither PEM nor DER of a key, or it is truncated.",
        "Nothing was signed, verified or written.",
        "Pass a PEM file made by `ironroot keys generate`, imgtool or openssl.";
    1102 KEY_ALGORITHM Usage: "The key is of an algorithm that is not supported here",
        "The key was read, but it is not an ECDSA P-256 key.",
        "Nothing was signed, verified or written.",
        "Use a P-256 key: `ironroot keys generate -o key.pem`.";
    1103 KEY_PRIVATE_REQUIRED Usage: "A private key is needed, and the file holds a public key",
        "Signing needs the private half of the key.",
        "Nothing was signed or written.",
        "Pass the private key file.";
    1104 KEY_ENCRYPTED Usage: "The key file is encrypted",
        "The private key is protected by a passphrase, which this command does not take.",
        "Nothing was signed or written.",
        "Decrypt it into a file of mode 0600 (`openssl pkcs8 -in key.pem -out plain.pem`) and pass that file.";
    1105 KEY_MISSING Usage: "No key was given",
        "Signing and verifying need a key: an unsigned image, or a verification against nothing, would only look like success.",
        "Nothing was signed, verified or written.",
        "Pass --key FILE.";
    1106 KEY_PERMISSIONS Usage: "The private key file can be read by others",
        "The mode of the file lets the group or everybody read a private key.",
        "The key was not used.",
        "Run `chmod 600 FILE`; if others had access to the machine, make a new key.";
    1107 KEY_INVALID Usage: "The key is not a valid key of its curve",
        "The file has the shape of a key, but its point is not on the curve or its number is out of range.",
        "Nothing was signed, verified or written.",
        "The file is damaged or was made by a faulty tool: make or export the key again.";
    1108 TOO_MANY_KEYS Usage: "More keys than a key store holds",
        "A key store page has room for a fixed number of keys.",
        "No key store was made.",
        "Provision fewer keys; the message names the limit.";
    1109 KEY_FILE_MULTIPLE Usage: "The key file holds more than one key",
        "Which of the keys is meant would be a guess.",
        "Nothing was signed, verified or written.",
        "Keep each key in a file of its own.";
    1110 KEY_REPEATED Usage: "A key was given twice",
        "Two of the keys are the same; if one is marked as a demo key, what holds would be a guess.",
        "No key store was made.",
        "Name each key once.";

    1201 ELF_MALFORMED Usage: "The ELF file is malformed",
        "The file starts as an ELF file, but its headers or segments point outside it or contradict each other.",
        "Nothing was signed or written.",
        "Link the application again; a truncated copy is the usual cause.";
    1202 ELF_WRONG_MACHINE Usage: "The ELF file is not a little-endian 32-bit Arm executable",
        "Machine, class, byte order or file type is not that of a Cortex-M application.",
        "Nothing was signed or written.",
        "Build for thumbv7em-none-eabihf or with arm-none-eabi-gcc -mcpu=cortex-m7, and pass the linked file.";
    1203 ELF_NO_SEGMENTS Usage: "The ELF file has nothing to load",
        "No loadable segment has bytes in the file: an object file, or everything was discarded by the linker.",
        "Nothing was signed or written.",
        "Check the linker script and that the entry point is kept.";
    1204 HEX_MALFORMED Usage: "The Intel HEX file is malformed",
        "A record has a bad start, length, digit or type, or the end record is missing.",
        "Nothing was signed or written.",
        "The message names the line; make the file again.";
    1205 HEX_CHECKSUM Usage: "A record of the Intel HEX file has a wrong checksum",
        "The bytes of the line do not add up to its checksum: the file was changed or damaged.",
        "Nothing was signed or written.",
        "Make the file again.";
    1206 APP_OVERLAP Usage: "Two parts of the application claim the same address",
        "Segments or records overlap, so the content at that address would be a guess.",
        "Nothing was signed or written.",
        "Check the linker script for sections placed over each other.";
    1207 APP_WRONG_ADDRESS Usage: "The application is linked for another address",
        "Its first byte in flash, which must be the vector table, is not where the slot has it (slot start plus header).",
        "Nothing was signed: on the device this application would crash with the first interrupt or jump into erased flash.",
        "Link its vector table to the slot's start plus the image header: 0x08020400 on the STM32H735.";
    1208 APP_TOO_LARGE Usage: "The application is too large for the slot",
        "Header, application, signature and trailer together need more than the slot has.",
        "Nothing was signed or written.",
        "Make the application smaller, or give it a larger slot in the layout.";
    1209 APP_BAD_STACK Usage: "The application's initial stack pointer is not in RAM",
        "The first word of the vector table must be an 8-byte aligned address inside, or at the end of, a RAM of the chip.",
        "Nothing was signed: the device would refuse this image at boot.",
        "Check that the vector table is the first thing in flash and that the stack symbol is right.";
    1210 APP_BAD_ENTRY Usage: "The application's reset vector is not in the application",
        "The second word of the vector table must be a Thumb address (odd) inside the signed bytes.",
        "Nothing was signed: the device would refuse this image at boot.",
        "Check that the vector table is the first thing in flash and that the reset handler is kept.";
    1211 APP_UNKNOWN_FORMAT Usage: "The application file is neither ELF, Intel HEX nor raw binary",
        "The content matches no known format, or the name says another format than the content.",
        "Nothing was signed or written.",
        "Pass the linked ELF file, a .hex or a .bin.";
    1212 APP_OUTSIDE_SLOT Usage: "A part of the application lies outside the slot",
        "Bytes are linked to an address that is neither in the slot nor in RAM, where this image cannot put them.",
        "Nothing was signed or written.",
        "Check the linker script; initialised data must be loaded from flash (`AT > FLASH`).";
    1213 APP_EMPTY Usage: "The application has no bytes",
        "The file was read, but it holds no data.",
        "Nothing was signed or written.",
        "Check the file and the linker script.";

    1301 BAD_VERSION Usage: "The version cannot be read",
        "A version is major.minor.revision with an optional +build; the limits are 255, 255, 65535 and 4294967295.",
        "Nothing was signed or written.",
        "Write it like 1.2.3 or 1.2.3+4.";
    1302 BAD_HEADER_SIZE Usage: "The header size cannot be used",
        "The header must hold 32 bytes, and its size must keep the vector table aligned for the core.",
        "Nothing was signed or written.",
        "Use --header-size 0x400, which fits every chip that Ironroot knows.";
    1303 BAD_SLOT_SIZE Usage: "The slot size cannot be used",
        "The slot is smaller than an empty image, larger than the flash, or not a multiple of the write size.",
        "Nothing was signed or written.",
        "Leave --slot-size out, or use the slot's own size: 0xE0000 on the STM32H735.";
    1304 BAD_ALIGN Usage: "The alignment cannot be used",
        "The write size of a flash is 1, 2, 4, 8, 16 or 32 bytes.",
        "Nothing was signed or written.",
        "Use --align 32 for STM32H7 internal flash.";
    1305 SIGNING_FAILED Internal: "The signer did not produce a signature",
        "The key holder (memory, file, or hardware module) reported a failure.",
        "No image was written.",
        "Check that the key may be used for signing and that its holder is reachable.";
    1306 BAD_CUSTOM_TLV Usage: "The custom TLV cannot be used",
        "Its type is not in the vendor range (low byte 0xa0 to 0xfe), is repeated, or its value is too long.",
        "No image was written.",
        "Choose a vendor type and keep all protected TLVs together below 64 KB.";
    1307 IMAGE_TOO_LARGE Usage: "The image would not fit the slot",
        "Header, payload, TLVs and trailer together need more than the slot has.",
        "No image was written.",
        "Make the application smaller, or give it a larger slot in the layout.";
    1308 BAD_IDENTIFIER Usage: "A vendor or class identifier cannot be used",
        "An identifier is a UUID or a name from which one is derived; a class name needs a vendor.",
        "No image was written.",
        "Pass --vid NAME|UUID and --cid NAME|UUID.";

    1401 BOARD_UNREADABLE Usage: "The file is not a board file",
        "The file does not start with the magic of a board file.",
        "The file was not changed.",
        "Pass a file made by `ironroot vdev new`.";
    1402 BOARD_TRUNCATED Usage: "The board file is truncated",
        "The file ends before the length that it states.",
        "The file was not changed and the device was not started.",
        "Restore a copy of the board file; a copy is a cloned board.";
    1403 BOARD_CORRUPT Usage: "The board file is damaged",
        "Its checksum does not match its content, or a field has an impossible value.",
        "The file was not changed and the device was not started.",
        "Restore a copy of the board file; a copy is a cloned board.";
    1404 BOARD_VERSION Usage: "The board file is of a version that this tool does not read",
        "The file was written by a newer or a much older Ironroot.",
        "The file was not changed.",
        "Use the version of the tool that wrote it, or make a new board.";
    1405 BOARD_UNKNOWN_PART Usage: "The part is not known",
        "The name is not a chip that this version can be.",
        "No board was made or started.",
        "Run `ironroot vdev new --help` for the list of parts.";
    1406 BOARD_IN_USE Usage: "The board file is in use",
        "Another command holds this board: two devices on one flash would damage it.",
        "Nothing was changed.",
        "Wait for the other command, or copy the file: a copy is a cloned board.";

    1501 NO_FIRMWARE Usage: "This build of the tool carries no firmware",
        "The tool was built before the firmware, so there are no Arm binaries to provision or to run as system flash.",
        "Nothing was run.",
        "Build with `cargo xtask build`, or pass the binaries by option or environment as --help shows.";
    1502 FIRMWARE_INVALID Usage: "A firmware file does not fit where it belongs",
        "A firmware binary for system flash or secure area has the wrong address, size or symbols.",
        "Nothing was run.",
        "Build the firmware with `cargo xtask build`, so that it matches this tool.";
    1503 TOOL_MISSING Usage: "A program that this step needs is not installed",
        "The step calls another program, which was not found in PATH.",
        "The step was not done.",
        "Install it with the command line that was printed.";
    1504 DEMO_STEP_FAILED Verification: "A step of the demo did not end as it must",
        "The read-back after the step differs from what the step promises.",
        "The demo stopped there; the board file was kept for inspection.",
        "The message names the step with wanted and actual values; `ironroot vdev run` on the kept board shows more.";
    1505 FIRMWARE_BUILD_FAILED Internal: "The firmware could not be built",
        "cargo or the linker reported an error while building the Arm binaries.",
        "Nothing was run.",
        "The output of the build is above; a missing target is added by `rustup target add thumbv7em-none-eabihf`.";

    1601 OPTION_UNKNOWN_FIELD Usage: "There is no option field of this name",
        "The name before `=` is no field of the option registers, and no area of them.",
        "Nothing was changed.",
        "Use a name that `ironroot ob show` prints; the message names the nearest one.";
    1602 OPTION_BAD_VALUE Usage: "The value does not fit the option field",
        "It is not written as this field wants it, or has more bits than the field.",
        "Nothing was changed.",
        "The message says how values of this field are written.";
    1603 OPTION_CONFLICT Usage: "The same option was wanted twice",
        "Two of the wanted values set the same bits; which one is meant would be a guess.",
        "Nothing was changed.",
        "Keep one of the two that the message names.";
    1604 OPTION_FILE_INVALID Usage: "The file with wanted options cannot be used",
        "It is no TOML table of option fields: a syntax error, a table inside, or a value that is neither text, number, nor yes or no.",
        "Nothing was changed.",
        "Write one FIELD = VALUE a line, as in docs/option-bytes.md.";
    1605 OPTION_NOTHING_WANTED Usage: "No option value was given",
        "The command needs to know what is wanted.",
        "Nothing was changed.",
        "Give FIELD=VALUE arguments, or --file FILE.toml.";
    1606 OPTION_DEAD_END Verification: "The options lead to a dead end",
        "With them nothing boots after the next power-on, and no step from outside leads back.",
        "Nothing was changed.",
        "The message says what is missing: usually the code that must be in flash first, or an area that must go in the same step.";
    1607 OPTION_UNREACHABLE Device: "No allowed steps lead to the wanted options",
        "Every order of changes from outside breaks a rule of the option bytes; the message names it.",
        "Nothing was changed.",
        "Leave the named field as it is, or have the code change it to which it belongs (secure area: RSS).";
    1608 OPTIONS_DIFFER Verification: "The option bytes differ",
        "At least one field of the two sides has different values.",
        "Nothing was changed.",
        "The differences are in the output; `ironroot ob plan` tells how to remove them.";
}
