//! IR-1xxx: what the tools refuse before they touch a device. 10xx files and usage, 11xx keys, 12xx applications,
//! 13xx making images, 14xx board files, 15xx the build of the tool and its demo, 16xx option bytes, 17xx proofs,
//! 18xx packages for secure firmware install.

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
    1009 NOT_CONFIRMED NotConfirmed: "A step that cannot simply be undone was not confirmed",
        "The command changes something that cannot be undone, or by an erase of the device only, and the device id was not typed or did not match.",
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
        "The key was read, but its algorithm, curve or length is none that this use of it takes.",
        "Nothing was signed, verified or written.",
        "The message says what the key is; `ironroot keys generate --help` lists the kinds and what each is for.";
    1103 KEY_PRIVATE_REQUIRED Usage: "A private key is needed, and the file holds a public key",
        "Signing needs the private half of the key.",
        "Nothing was signed or written.",
        "Pass the private key file.";
    1104 KEY_ENCRYPTED Usage: "The key file is encrypted, and no passphrase was given",
        "The private key is protected by a passphrase, and there is no terminal to ask for it.",
        "Nothing was signed or written.",
        "Pass --passphrase-file FILE (mode 0600), or set IRONROOT_PASSPHRASE; a passphrase is never an argument.";
    1105 KEY_MISSING Usage: "No key was given",
        "Signing and verifying need a key: an unsigned image, or a verification against nothing, would only look like success.",
        "Nothing was signed, verified or written.",
        "Pass --key with a file or a pkcs11: URI.";
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
    1111 KEY_PASSPHRASE Usage: "The passphrase does not open the key file",
        "The file could not be decrypted with the passphrase that was given: it is another one, or the file is damaged.",
        "Nothing was signed or written.",
        "Check where the passphrase comes from; the end of the line in a passphrase file does not count.";
    1112 KEY_ENCRYPTION Usage: "The key file is encrypted in a way that is not supported",
        "It is neither PBES2 with PBKDF2 or scrypt and AES, or its work factor is beyond any sensible one.",
        "Nothing was signed or written.",
        "Convert it: `openssl pkcs8 -topk8 -v2 aes-256-cbc -in old.pem -out key.pem`.";
    1113 KEY_URI_INVALID Usage: "The pkcs11: URI cannot be used",
        "An attribute is unknown, repeated, in the wrong part of the URI, or has a value that cannot be read (RFC 7512).",
        "No module was loaded and nothing was signed.",
        "Write it like `pkcs11:token=release;object=fw-key?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=pin.txt`.";
    1114 TOKEN_MODULE Usage: "The PKCS#11 module cannot be loaded",
        "The URI names no module, or the shared library is missing, is for another machine, or is no PKCS#11 module.",
        "Nothing was signed or written.",
        "Add ?module-path=FILE to the URI, or set IRONROOT_PKCS11_MODULE to the vendor's shared library.";
    1115 TOKEN_NOT_FOUND Usage: "No token matches the URI",
        "The module sees no initialised token with this label, serial number or slot.",
        "Nothing was signed or written.",
        "Connect the token; `ironroot keys list 'pkcs11:?module-path=FILE'` shows what the module sees.";
    1116 TOKEN_AMBIGUOUS Usage: "Several tokens match the URI",
        "Which of them is meant would be a guess.",
        "Nothing was signed or written.",
        "Name one with token=, serial= or slot-id=; the message lists them.";
    1117 TOKEN_PIN_MISSING Usage: "The token wants a PIN, and none was given",
        "Private objects of the token are visible only after a login.",
        "Nothing was signed or written.",
        "Add pin-source=FILE to the URI (a file of mode 0600), or set IRONROOT_PIN.";
    1118 TOKEN_PIN_WRONG Device: "The token refused the PIN",
        "The PIN is wrong, or has a length or characters that the token does not take.",
        "Nothing was signed; the token counts wrong PINs, and locks after a few.",
        "Check the PIN before the next try; it was tried once and not again.";
    1119 TOKEN_PIN_LOCKED Device: "The PIN of the token is locked or was never set",
        "Too many wrong PINs were tried, the PIN has expired, or the token has no user PIN yet.",
        "Nothing was signed; no PIN was tried.",
        "Have the security officer set a PIN with the vendor's tool (softhsm2-util, pkcs11-tool --init-pin --so-pin ...).";
    1120 TOKEN_OBJECT_NOT_FOUND Usage: "The token has no such object",
        "No key of the class that is needed has this label and identifier in the token.",
        "Nothing was signed or written.",
        "`ironroot keys list URI` shows the objects; with no PIN the private ones are not among them.";
    1121 TOKEN_OBJECT_AMBIGUOUS Usage: "Several objects of the token match",
        "Which of the keys is meant would be a guess.",
        "Nothing was signed or written.",
        "Name one with id=, which the message lists, or give it a label of its own.";
    1122 TOKEN_PUBLIC_MISSING Usage: "The token has no public half of the key",
        "A signature can only be checked with the public half, and none is in the token: no public key and no certificate with the identifier of the private key.",
        "Nothing was signed.",
        "Import the public key into the token with the same id (`pkcs11-tool --write-object pub.der --type pubkey --id ...`).";
    1123 TOKEN_MECHANISM Device: "The token cannot do what is asked of the key",
        "The token, or the attributes of the key, do not allow this algorithm.",
        "Nothing was signed or written.",
        "Use a key of another kind, or one that was made for signing (CKA_SIGN); `ironroot keys list` shows the kinds.";
    1124 TOKEN_FAILED Device: "The token failed",
        "The module reported an error of the token, with the name that the message gives.",
        "Nothing was signed or written.",
        "Look the name up in the vendor's documentation; reconnecting the token helps against device errors.";
    1125 TOKEN_SIGNATURE Verification: "The token's signature does not verify with its public key",
        "The private and the public object do not belong together, the token made an error, or somebody induced one.",
        "The signature was thrown away and nothing was written.",
        "Compare `ironroot keys info URI` with the key that you trust; if it is the right one, do not use this token again.";
    1126 KEY_EXPORT Usage: "A private key is given away only when that is asked for by name",
        "The command would write a private key into a file that is meant to be compiled into firmware.",
        "Nothing was written.",
        "Read what the command's help says about it; if that is what you want, repeat it with --i-know-this-is-secret.";
    1127 KEY_IN_TOKEN Usage: "The private key is in a token and does not leave it",
        "The command needs the private number itself, which a token never gives away.",
        "Nothing was written.",
        "Use a key file for this, or let the token do the work.";
    1128 KEY_EXISTS Usage: "The token has an object of that name already",
        "Two keys of one name cannot be told apart by it, and making a second one would make the first unusable by name.",
        "No key was made.",
        "Choose another object= or id=.";

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
    1210 APP_BAD_ENTRY Usage: "A vector of the application does not lead into it",
        "The reset vector, the second word of the table, must be a Thumb address (odd) inside the signed bytes; so must every other vector that is not zero.",
        "Nothing was signed: the device would refuse this image at boot, or fault with the exception or interrupt.",
        "Check that the vector table is the first thing in flash and that the handlers are kept.";
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
    1214 APP_SHARED_RAM Usage: "The application uses memory that it shares with the boot stage",
        "Confirmation flag, RAM-ECC handle and boot record lie there; start-up code would clear them, or the stack would grow into them.",
        "The device would start it, and updates or error reports would fail later without a trace.",
        "Take these bytes out of the linker script's RAM; `ironroot app adapt` writes an include that does.";
    1215 APP_CLOSED_MEMORY Usage: "The application uses memory that is closed when it starts",
        "The boot stage hands over with an MPU that opens only what the product description says; the first access elsewhere is a \
         memory-management fault.",
        "The device would start it, and it would fault.",
        "Place it in the memory that is open, open more in ironroot.toml (`application.open`), or set up the MPU before the first use.";
    1216 APP_CODE_OUTSIDE Usage: "The application has code outside the region that may execute",
        "At hand-off only the image itself may be executed; functions copied to RAM cannot.",
        "The device would start it, and the first call would fault.",
        "Keep the code in the image, or give it an executable MPU region in the application's own start-up code.";
    1217 APP_VECTOR_ALIGNMENT Usage: "The vector table is not aligned for the core",
        "VTOR takes multiples of the table's size rounded up to a power of two: 1 KB on these parts.",
        "The device would start it, and interrupts would go astray.",
        "Put the table first in FLASH, behind a header of 0x400 bytes.";
    1218 APP_STACK_ROOM Usage: "Stack or heap do not fit the memory that is open",
        "From the initial stack pointer down, or from the heap's start up, there is less open memory than the linker script reserves.",
        "The device would start it, and it would fault when they grow.",
        "Move the stack to the end of the RAM in the generated include, or make the reserved sizes smaller.";
    1219 APP_CONTRACT Verification: "The application does not keep the contract with the boot stage",
        "At least one check failed; the findings have their own codes, addresses and remedies.",
        "Nothing was written.",
        "Work through the findings; `ironroot app adapt` writes what the linker needs.";
    1220 LINKER_SCRIPT Usage: "The linker script cannot be adapted",
        "Its MEMORY command is not understood to the last word, or does not say which memory the code goes to.",
        "Nothing was written, the script least of all: a guess could move or lose a memory without a word.",
        "Mend what the message names, or include memory.x of `ironroot app adapt -o DIR` in the place of MEMORY.";

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
        "Leave --slot-size out, or use the slot's own size: 0x60000 on the STM32H735.";
    1304 BAD_ALIGN Usage: "The alignment cannot be used",
        "The write size of a flash is 1, 2, 4, 8, 16 or 32 bytes.",
        "Nothing was signed or written.",
        "Use --align 32 for STM32H7 internal flash.";
    1305 SIGNING_FAILED Internal: "The signer did not produce a signature",
        "The key holder (memory, file, or hardware module) reported a failure.",
        "No image was written.",
        "Check that the key may be used for signing and that its holder is reachable.";
    1306 BAD_CUSTOM_TLV Usage: "The custom TLV cannot be used",
        "Its type is not in the vendor range (low byte 0xa0 to 0xff, but not 0xffff), is repeated, or its value is too long.",
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
    1309 SIGNATURE_KIND Usage: "This key cannot sign in this way",
        "The hash is not one that goes with the key, or a signature over the content was asked of a key that signs digests.",
        "Nothing was signed or written.",
        "Leave the hash to the tool; --pure needs an Ed25519 key.";
    1310 SEALING_FAILED Usage: "The image key was not sealed",
        "The encryption key is not valid, is of a kind that cannot seal in the way that was asked for, or there are no random numbers.",
        "Nothing was encrypted or written.",
        "Pass the public key of the device: P-256, X25519, RSA-2048, or an AES key of the length of the image key.";

    1320 OPTIONS_CONTRADICT Usage: "Two options contradict each other, or one needs another",
        "What the image is to be cannot be said with these options together; one of them would be ignored.",
        "Nothing was signed or written.",
        "The message names the two and why; leave one of them out, or add the one that is missing.";
    1321 OPTION_REFUSED Usage: "An option of imgtool that Ironroot does not have, on purpose",
        "What the option makes cannot be verified by a current loader, or by none that Ironroot works with.",
        "Nothing was signed or written.",
        "The message gives the reason; make the image without it.";
    1322 HEX_ADDRESS_MISSING Usage: "There is no address for the HEX file",
        "Intel HEX has addresses, and neither the input nor an option says where the image lies.",
        "Nothing was signed or written.",
        "Pass --hex-addr ADDRESS, the start of the slot, or choose a binary output.";
    1323 BAD_DEPENDENCY Usage: "The dependencies cannot be read",
        "A dependency is an image number from 0 to 255 and the least version it must have.",
        "Nothing was signed or written.",
        "Write them like \"(1, 1.2.3+0), (2, 4.0.0)\".";
    1324 BAD_BOOT_RECORD Usage: "The software type of the boot record cannot be used",
        "It is 1 to 12 bytes of text: the boot record has a fixed place for it.",
        "Nothing was signed or written.",
        "Use a short name, like --boot-record SPE.";
    1325 NO_HEADER_ROOM Usage: "The input has no room for the image header",
        "Without --pad-header the input must begin with a header of zeros, which its linker script leaves.",
        "Nothing was signed or written.",
        "Pass --pad-header to have the header put before the input, or leave the room in the linker script.";
    1326 IMAGES_DIFFER Verification: "The two images or slots differ",
        "At least one field, TLV, byte of the payload or field of the trailer is not the same.",
        "Nothing was changed.",
        "The differences are in the output; exit code 0 means that there are none.";
    1327 IMAGE_NOT_ENCRYPTED Usage: "The image is not encrypted",
        "Neither its flags nor its TLVs say that the payload is encrypted: there is no key to open.",
        "Nothing was written.",
        "Leave --decryption-key out; to encrypt an image, use `ironroot image encrypt --encrypt PUBLIC-KEY --key SIGNING-KEY`.";
    1328 IMAGE_ENCRYPTED Usage: "The image is encrypted already",
        "Its flags say that the payload is encrypted, and its signature covers them.",
        "Nothing was written.",
        "Start from the plain image, or decrypt with `ironroot image decrypt`.";
    1329 HEX_ADDRESS_RANGE Usage: "The HEX file would go beyond the 32-bit address space",
        "From the given address on there is not room for the image, or its slot, below 4 GB.",
        "Nothing was signed or written.",
        "Pass --hex-addr ADDRESS with the start of the slot.";
    1330 SIGNATURE_UNREADABLE Usage: "The file is no signature of this key",
        "It is neither raw bytes nor base64 of a form that signatures of this algorithm have (ECDSA: DER, or r and s of full length).",
        "Nothing was written.",
        "Check that the signer was given the output of `ironroot image payload`, and wrote the signature alone, without a container.";
    1331 SIGNATURE_WRONG Verification: "The signature is not one of this image and key",
        "It has the right form, but it does not verify: another key, another image, or a hash of the hash was signed.",
        "Nothing was written.",
        "Sign the output of `ironroot image payload` of this very file; a signer that hashes by itself wants --what payload.";

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

    1701 BAD_CASE Usage: "The case cannot be read, or cannot be played",
        "A case is MODE/LAYOUT/ENCRYPTION/SCENARIO/SIZES/SEED/CUTS with names and numbers of this version.",
        "Nothing was played.",
        "Copy the case as `ironroot prove power-loss` printed it, and use the version that printed it.";
    1702 RESULTS_APART Usage: "The results cannot be joined",
        "Results can be joined if they are all the parts of one division, each once, of the same question.",
        "Nothing was joined.",
        "Run the missing part, or give the results of one run's parts only.";
    1703 BAD_RESULTS Usage: "The file has no results of a proof",
        "It must be what `ironroot prove power-loss --json` writes, to its end.",
        "Nothing was joined.",
        "Run the part again with --json and keep all of its output.";

    1801 SFI_KEY_FILE Usage: "The file has not the length of a key or nonce",
        "A firmware key has 16 bytes, a nonce 12, as they are, without text around them.",
        "Nothing was written.",
        "Let `ironroot sfi create --new-key FILE` make the key, and leave --nonce out.";
    1802 SFI_TOO_MANY_AREAS Usage: "The package has more areas than the device can list",
        "Each area has at most 64 KB, and the device keeps a table of all of them before it erases anything.",
        "Nothing was written.",
        "Leave parts out; for a device with a larger table give --max-areas.";
    1803 SFI_OPTIONS_FILE Usage: "The list of option bytes cannot be used",
        "It is not ST's list of NAME,VALUE rows for the H7: an unknown name, a name that is there twice, or a value that is no \
         number of 32 bits.",
        "Nothing was written.",
        "Correct the row that the message names, or write the options by name as TOML.";
    1804 SFI_INPUT_CHANGED Usage: "An input changed while it was packed",
        "Its length or time of change differs between the two passes over it.",
        "Nothing was written.",
        "Run the command again when nobody writes the file.";
    1805 SFI_NO_LICENCE_SOURCE Usage: "There is no way to a licence",
        "Neither a licence file nor a licence server with the station's identity was given.",
        "Nothing was sent.",
        "Give --license FILE, or --license-server URL with --firmware, --station-certificate, --station-key and --server-authority.";
    1806 LINE_NO_BOARDS Usage: "There is no device on the line",
        "No device was named, a directory has no board file, or a device was named twice.",
        "Nothing was sent.",
        "Name board files, directories of them, or uart:PORT, each once.";
    1807 SFI_READABLE Usage: "The package would leave the firmware readable on the device",
        "Its option bytes neither raise read protection nor keep SECURITY set with a secure area.",
        "Nothing was written.",
        "Give --option SECURITY=1 --option SEC_AREA=START..END around the code that starts first, or RDP=level1; if everybody \
         may read the firmware, say --readable.";
}
