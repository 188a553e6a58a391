//! IR-42xx: secure firmware install, decided by the root security services and by `ironroot sfi verify`. 420x licence, 421x
//! package, 422x area, 423x flash and option bytes, 424x modules and keys, 425x sequence, 426x device identity, 427x the host's side.

use crate::table::codes;

codes! {
    4201 NO_LICENCE Licence: "No licence was given",
        "A package was sent before a licence that this device can open.",
        "Nothing was changed.",
        "Give the licence of this device for this package first.";
    4202 LICENCE_MALFORMED Licence: "The licence is not a licence",
        "It has not 136 bytes, an unknown kind, or asks for a session.",
        "Nothing was changed.",
        "Fetch the licence again.";
    4203 LICENCE_FOR_OTHER_DEVICE Licence: "The licence is for another device",
        "The fingerprint in it is not that of this device's key.",
        "Nothing was changed.",
        "Fetch the licence of this device: the server gives it without counting it again.";
    4204 LICENCE_NOT_AUTHENTIC Licence: "The licence does not open",
        "It names this device, but was changed on the way or was not sealed for its key.",
        "Nothing was changed.",
        "Fetch the licence again. If it comes back, the server has another certificate for this device.";
    4205 OTHER_PACKAGE Licence: "The licence is for another package",
        "The package is authentic under the same key, and is not the one that the licence names.",
        "Nothing was changed.",
        "Fetch the licence for this package, or send the package of this licence.";
    4206 SERVICES_TOO_OLD Device: "The root security services of this device are too old",
        "Licence or package name a newer version than this device has.",
        "Nothing was changed.",
        "Use a device with newer root security services, or a package that allows these.";

    4211 PACKAGE_MALFORMED Verification: "The package is not a package",
        "Magic, format, a length or a reserved byte is not that of a package of this version.",
        "Nothing was installed; if the installation had begun, the device is empty again.",
        "Send the file that `ironroot sfi create` made, unchanged.";
    4212 OTHER_PRODUCT Verification: "The package is for another kind of chip",
        "Its product id is not that of this device.",
        "Nothing was changed.",
        "Send the package of this product.";
    4213 PACKAGE_NOT_AUTHENTIC Verification: "The package is not authentic",
        "Header or table do not have the tag or digest that the owner of the key gave them.",
        "Nothing was changed.",
        "Send the package again. If it comes back, somebody changed it, or it has another key than the licence.";
    4214 PACKAGE_TOO_OLD Verification: "The package is older than its licence allows",
        "The licence names a least version.",
        "Nothing was changed.",
        "Install the newer package.";
    4215 OLDER_THAN_INSTALLED Verification: "The package is older than what is installed",
        "The device keeps the highest version that it ever installed, also after an update or a regression.",
        "Nothing was changed.",
        "Install a package that is at least as new.";
    4216 PACKAGE_TRUNCATED Verification: "The package ends too early",
        "Its header announces more bytes than there are.",
        "Nothing was installed; if the installation had begun, the device is empty again.",
        "Send the whole file.";

    4221 AREA_MALFORMED Verification: "An area has an impossible description",
        "Type, length or a reserved byte is not that of any area of this version.",
        "Nothing was changed.",
        "Make the package again.";
    4222 AREA_ORDER Verification: "The areas are not in their order",
        "An area is missing, twice, moved or from another package, or the configuration is not the last one.",
        "Nothing was changed.",
        "Send the package as it was made.";
    4223 AREA_TOO_LARGE Verification: "An area is too long for this device",
        "It does not fit the buffer in which the device checks it before it is programmed, or there are too many areas.",
        "Nothing was changed.",
        "Make the package for this product; `ironroot sfi create` splits areas.";
    4224 AREA_TARGET Verification: "An area would be written where it must not be",
        "Its target is not inside user flash, or not on whole flash words.",
        "Nothing was changed.",
        "Make the package for this product.";
    4225 AREA_OVERLAP Verification: "Two areas would be written to the same place",
        "Targets must ascend, and none may cover the flash word that notes the installation.",
        "Nothing was changed.",
        "Make the package again.";
    4226 AREA_NOT_AUTHENTIC Verification: "An area is not authentic",
        "Its payload does not have the tag that the owner of the key gave it.",
        "Nothing of it was written; the device is empty again.",
        "Send the package again. If it comes back, the line is faulty or somebody changed the package.";
    4227 AREA_HASH Verification: "An area has another content than its description says",
        "It decrypts, but its hash is another: the package was made wrongly.",
        "Nothing of it was written; the device is empty again.",
        "Make the package again.";
    4228 AREA_UNSUPPORTED Verification: "This device cannot install an area of that type",
        "It has no external flash that answers.",
        "Nothing was changed.",
        "Make a package without that area for this product.";
    4229 TOKEN_TARGET Verification: "The place of the continuation token is not usable",
        "It is not a whole flash word of user flash.",
        "Nothing was changed.",
        "Make the package with the default place.";

    4231 INSTALL_ERASE_FAILED Device: "The flash could not be erased",
        "A sector is write-protected, or the flash is worn out.",
        "Nothing was installed; nothing on the device can be started.",
        "Remove the write protection and install again.";
    4232 INSTALL_PROGRAM_FAILED Device: "The flash could not be programmed",
        "The flash reported an error.",
        "The device is empty.",
        "Install again; if it comes back, the flash is worn out or write-protected.";
    4233 READ_BACK Device: "The flash does not hold what was written",
        "What is read back differs from the package.",
        "The device is empty.",
        "Install again; if it comes back, the flash is faulty.";
    4234 OPTIONS_MALFORMED Verification: "The option bytes of the package are malformed",
        "An unknown register, one that is named twice, or a value outside its mask.",
        "The device is empty.",
        "Make the package again.";
    4235 OPTIONS_REFUSED Device: "The device did not take the option bytes",
        "The change breaks a rule of the flash, or reads back as something else.",
        "The device is empty; its option bytes are as they were.",
        "Check the wanted option bytes with `ironroot ob plan`.";
    4236 NOTHING_TO_START Verification: "The package has nothing that the chip could start",
        "No area begins at the boot address.",
        "The device is empty.",
        "Make the package with the firmware that starts at the boot address.";

    4241 MODULE_MALFORMED Verification: "A module is malformed",
        "Its header has no magic, another length than its code, or another destination than its area.",
        "The device is empty.",
        "Pack the module as its owner delivered it.";
    4242 MODULE_UNPROTECTED Verification: "A module would be readable",
        "Neither PCROP nor secure area in the option bytes of the package cover the module.",
        "The device is empty: the owner of the module did not give it for that.",
        "Add an execute-only or secure area that covers it.";
    4243 MODULE_LICENCE Licence: "A module has no licence",
        "No licence of a module that was given names this one.",
        "The device is empty.",
        "Give the licences of all modules before the package.";
    4244 MODULE_NOT_AUTHENTIC Verification: "A module is not authentic",
        "It does not have the tag that the owner of the module gave it.",
        "The device is empty.",
        "Pack the module as its owner delivered it.";
    4245 MODULE_COUNT Verification: "There are too many modules",
        "A device takes four.",
        "The device is empty, or unchanged if the installation had not begun.",
        "Make a package with fewer modules.";
    4246 KEYS_MALFORMED Verification: "A key area is malformed",
        "It is no list of sizes (16 to 256 bytes, in steps of 16) and addresses, names more than eight keys, or a place that is \
         not free: outside user flash, not on a flash word, in an area, in another key, or where the chip starts.",
        "The device is empty.",
        "Make the package again with places for the keys that nothing else uses.";
    4247 KEYS_UNPROTECTED Verification: "A key that the device makes would be readable",
        "The secure area in the option bytes of the package does not cover its place. An execute-only area would not do: nobody \
         could use the key.",
        "The device is empty.",
        "Add a secure area that covers the keys, or move them into it.";
    4248 RANDOM_FAILED Device: "The device has no random numbers",
        "Its generator reports an error of its seed or its clock, gives the same number twice, or does not answer.",
        "The device is empty.",
        "Install again; if it comes back, the chip is faulty.";

    4251 SEQUENCE Device: "That does not fit the state of the installation",
        "A licence after the package began, or bytes of the package that come too early.",
        "Nothing was changed.",
        "Ask for the status and go on from there.";
    4252 INSTALL_ABORTED Device: "The installation was given up",
        "The host asked for it.",
        "The device is empty.",
        "Install again; the same licence works.";
    4253 INSTALL_INTERRUPTED Device: "An installation was interrupted",
        "The device was reset or lost power before the package was complete.",
        "The root security services erased the device.",
        "Install again; the same licence works.";

    4254 IN_SERVICE Device: "The device is in service",
        "A secure area is set: its owner has installed and closed it.",
        "Nothing was changed.",
        "Update it through its own firmware, or regress it first, which erases it.";

    4261 CERTIFICATE_MALFORMED Verification: "The device certificate is malformed",
        "It has not 136 bytes, or its product id is not eight hexadecimal digits.",
        "Nothing was changed.",
        "Read the certificate again.";
    4262 CERTIFICATE_SIGNATURE Verification: "The maker did not sign this device certificate",
        "The signature is not that of the given maker's key over this certificate.",
        "Nothing was changed.",
        "Use the certificate authority of this maker; treat a device that cannot show a genuine certificate as a copy.";
    4263 CERTIFICATE_KEY Verification: "The key in the device certificate is not usable",
        "It is not a point of the curve.",
        "Nothing was changed.",
        "Read the certificate again.";
    4264 NO_IDENTITY Device: "The device has no identity",
        "There is no key pair in the secure part of its system flash, or it is damaged.",
        "Nothing was changed.",
        "A virtual device gets one when it is made; make a new board.";

    4271 NOT_PREPARED Device: "The device does not offer secure firmware install",
        "It does not serve the installer's commands: option byte SECURITY is not set, it is read-protected, or it has no \
         installer.",
        "Nothing was changed.",
        "Set SECURITY and reset; for a virtual device `--prepare` does it.";
    4272 DEVICE_CHANGED Verification: "Another device answers than the one that was begun with",
        "Its certificate or unique id is not the one that was read when the device was connected.",
        "What was sent after the exchange of the devices may be on the other one, which is empty or complete.",
        "Connect one device at a time to this port, and install again; the licence stays valid for its device.";
    4273 INSTALLED_DIFFERS Verification: "The device does not hold what the package says",
        "After the reset an option byte, or flash that is open for reading, has another value than the package.",
        "The device is not in the wanted state, though it reported success.",
        "Treat the device as faulty; the message names the first difference.";
    4274 LINE_INCOMPLETE Device: "Not every device of the line was installed",
        "At least one of them ended with a refusal of its own, which is in the report.",
        "The others are complete. A device that failed has cost no second licence.",
        "Repeat the run with the devices that failed; the server gives the same licence again.";
}
