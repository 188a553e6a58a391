//! IR-8xxx: what comes from projects of other tools, and what a product's provisioning refuses. 80xx project files of ST's
//! package creator, 81xx provisioning of a product.

use crate::table::codes;

codes! {
    8001 ST_FILE_NOT_XML Usage: "The project file is no XML that can be read",
        "It is not well-formed, has a document type with entities, or is nested deeper than any project file. Entities are refused as \
         such: a file of some lines could grow to gigabytes, or read other files.",
        "Nothing was written.",
        "Open the file in the tool that made it and save it again; the message names line and column.";
    8002 ST_FILE_KIND Usage: "The XML file is no project file of the package creator",
        "It has neither a configuration (Root/Obdata) nor an image description (Root/McubootFormat).",
        "Nothing was written.",
        "Name an XML file from a project's ROT_Provisioning folder, Config or Image(s).";
    8003 ST_FIELD_MISSING Usage: "The project file lacks a field",
        "Without it the result would be a guess.",
        "Nothing was written.",
        "Add the field that the message names; a project of the same family in ST's firmware package shows it.";
    8004 ST_FIELD_UNKNOWN Usage: "The project file has a field that is not known",
        "It could change the result in a way that would be lost.",
        "Nothing was written.",
        "Remove the field if it is a mistake; else tell us what it means.";
    8005 ST_VALUE_INVALID Usage: "The project file has a value that cannot be used",
        "The value is no number, does not fit its width, is none of the listed ones, or is out of range.",
        "Nothing was written.",
        "Correct the value that the message names.";
    8006 ST_AREAS_OVERLAP Usage: "Areas of the project file overlap or leave their memory",
        "Two areas that are marked as slots have bytes in common, or one is not aligned or not inside the memory it names.",
        "Nothing was written.",
        "Correct addresses and sizes; the message names both areas.";
    8007 ST_LINK_BROKEN Usage: "The image description refers to something that is not there",
        "A linked configuration, or the field of the same name in it, does not exist.",
        "Nothing was written.",
        "Check LinkedXML, and that both files belong to the same project.";
    8008 OBK_INVALID Usage: "The .obk file is damaged or of another kind",
        "Its length does not fit its header, its destination is none of this family, or its SHA-256 is wrong.",
        "Nothing was written.",
        "Make the file again from its configuration.";
    8009 ST_NO_PRODUCT Usage: "The project files do not make a product description",
        "They are for another family than the STM32H7R/S, or one that the boot path needs is missing.",
        "Nothing was written.",
        "Name configuration and image description of every stage of one STM32H7R/S project.";
    8010 ST_FILES_CONTRADICT Usage: "The project files contradict each other",
        "They are of different projects, or two of them say the same thing differently.",
        "Nothing was written.",
        "Name the files of one project; the message names what differs.";
    8011 ST_SAME_OUTPUT Usage: "Two results of the project files have the same name",
        "One would replace the other.",
        "Nothing was written.",
        "Import them one at a time, or change Output in one of them.";

    8101 PROVISION_OTHER_JOURNAL Usage: "The journal belongs to another device or product",
        "It names another device, or was begun with other inputs: description, keys, boot code or images.",
        "Nothing was changed.",
        "Name the device and the inputs that the journal was begun with; or keep it and begin another one with --journal.";
    8102 PROVISION_JOURNAL_DAMAGED Usage: "The journal of the provisioning cannot be read",
        "A line before the last is no record. An incomplete last line alone is what an interruption leaves, and is dropped.",
        "Nothing was changed.",
        "Restore the journal; or move it away and run again: what is on the device is recognised.";
    8103 PROVISION_UNFINISHED Usage: "A provisioning of this device with other inputs was begun and not finished",
        "Its journal has no end, and this command has another description, key, boot code or image.",
        "Nothing was changed.",
        "Repeat the command that was interrupted, with its inputs: it goes on. To begin with these inputs instead, move the journal away: \
         what is on the device is recognised.";
    8104 PROVISION_NOTHING_TO_RESUME Usage: "There is no provisioning to resume",
        "There is no journal, or it has its end.",
        "Nothing was changed.",
        "Run `ironroot provision run`, or `provision status` to see where the device stands.";
    8105 PROVISION_NOT_REHEARSED NotConfirmed: "The product would be closed without a rehearsal",
        "There is no note that exactly these inputs were rehearsed for this device: that the application is reached, and that the \
         credential brings a closed device back.",
        "Nothing was changed.",
        "Run `ironroot provision rehearse` with the same arguments; or leave the product open with --no-close.";
    8106 PROVISION_CREDENTIAL Verification: "The credential does not bring the closed device back",
        "The clone refused it, or was not open and erased afterwards. A device closed like this could not be recovered.",
        "No note was written: the product cannot be closed.",
        "Give the private key or the password that belongs to keys.debug of the description.";
    8107 PROVISION_NOT_BOOTED Verification: "The provisioned clone does not reach the application",
        "Boot code, keys, image or protections do not fit together; the cause says what the boot stage reported.",
        "No note was written: the product cannot be closed.",
        "Correct what the cause names, and rehearse again.";
    8108 PROVISION_READ_BACK Verification: "The device does not hold what was provisioned",
        "A value that was read back differs from the one that was written.",
        "The product was not closed, unless the cause names the product state.",
        "Run `ironroot provision resume`; if it comes back, the device is faulty or something else writes to it.";
    8109 PROVISION_IMAGE Usage: "The image does not belong to this product",
        "It is for another boot path, header, slot or address than the description says.",
        "Nothing was changed.",
        "Make the image with `ironroot app image` and the same description.";
    8110 PROVISION_BOARD Usage: "The board is not known",
        "The name in the description is in no table here, so its external flash and loader are not known either; or the description says \
         more flash than the board has.",
        "Nothing was changed.",
        "Use one of the names in the message, or leave board.name out.";
    8111 PROVISION_BOOT_CODE Usage: "The boot code does not belong to this product",
        "It has bytes outside of the room that the description gives it, or no vector table at its start.",
        "Nothing was changed.",
        "Build the stage for this description: IRONROOT_PRODUCT=ironroot.toml cargo xtask build.";
    8112 PROVISION_CONTENT Usage: "A piece of key content cannot be used",
        "An .obk file has another destination, size or hash than the description asks for, or the password has not 16 characters.",
        "Nothing was changed.",
        "Correct the file that the message names.";
    8113 PROVISION_DEVICE Usage: "The device has another part than the product",
        "The description is for another part.",
        "Nothing was changed.",
        "Name the device that the description is for.";
    8114 PROVISION_CLOSED Device: "The device is closed and is not what the product describes",
        "What differs cannot be changed in a closed device.",
        "Nothing was changed.",
        "Bring the device back by a regression, which erases flash and keys, and provision it again.";
    8115 PROVISION_UNREACHABLE Usage: "The external flash cannot be reached over this link",
        "The bootloader of the part does not write external memories; the board's loader does.",
        "The external flash is as it was.",
        "Program the image with the loader that the message names, then repeat with --external-programmed.";
    8116 PROVISION_DIFFERS Verification: "The device is not what the product describes",
        "Something that was read back differs from the description, the boot code or the image that was named; or nothing that is installed \
         starts.",
        "Nothing was changed; the report is complete.",
        "Finish it with `ironroot provision run`. A closed device is brought back by a regression first, or gets an update if only its \
         image differs.";
}
