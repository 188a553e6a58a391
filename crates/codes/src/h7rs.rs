//! IR-43xx: system flash of the STM32H7RS. 430x debug authentication, 433x root security services and their library, 435x STiRoT.

use crate::table::codes;

codes! {
    4301 DA_PACKET Device: "The debug-authentication packet cannot be read",
        "Its reserved field is not zero, its length does not fit, or the command is not known.",
        "The session ended; nothing was opened or erased.",
        "Use a host that speaks ADAC as docs/debug-authentication-h7rs.md has it.";
    4302 DA_OUT_OF_ORDER Device: "The debug-authentication message comes at the wrong time",
        "A certificate or token came before the challenge was asked for, or the chain is not root, intermediates, leaf, token.",
        "The session ended; nothing was opened or erased.",
        "Start again with the challenge, then send the certificates from the root down, then the token.";
    4303 DA_NOT_SET_UP Device: "The device has no debug authentication",
        "DBG_AUTH names none, or its configuration was never provisioned.",
        "The session ended; nothing was opened or erased.",
        "Before closing a device, provision a debug-authentication configuration or a password.";
    4304 DA_LOCKED Device: "Debug authentication is locked for ever",
        "The device was provisioned with the lock configuration.",
        "The session ended; nothing was opened or erased, and nothing will be.",
        "There is no way back for this device.";
    4305 DA_DELEGATED Device: "Debug authentication is left to the first boot stage",
        "DBG_AUTH says that the stage at HDPL 1 decides.",
        "The session ended; nothing was opened or erased.",
        "Use the way that the product's first stage offers.";
    4306 DA_METHOD Device: "The device wants another kind of credential",
        "A password was sent to a device with certificates, or certificates to one with a password.",
        "The session ended; nothing was opened or erased.",
        "Ask for the device's method with the discovery command.";
    4307 DA_PASSWORD Device: "The password is wrong",
        "Its SHA-256 is not the provisioned one, or it does not have 16 characters.",
        "The session ended; nothing was opened or erased.",
        "Reset the device and send the password that was provisioned.";
    4308 DA_CERTIFICATE Device: "A certificate of the chain cannot be used",
        "Version, algorithm, role, a reserved field, or an extension is not one that this device knows.",
        "The session ended; nothing was opened or erased.",
        "Make the chain with ECDSA P-256 certificates of format 1.0, without extensions.";
    4309 DA_ROOT_KEY Device: "The root certificate has another key than the device",
        "SHA-256 of its public key is not the provisioned one.",
        "The session ended; nothing was opened or erased.",
        "Use the chain of the key that this device was provisioned with.";
    4310 DA_SIGNATURE Device: "A signature of the chain is wrong",
        "A certificate is not signed by the key above it, or the token is not signed by the leaf over this challenge.",
        "The session ended; nothing was opened or erased.",
        "Sign the challenge of this session with the leaf's private key.";
    4311 DA_CONSTRAINT Device: "A certificate is for another device or state",
        "It names a life-cycle state, a class of chips, or a device that this one is not.",
        "The session ended; nothing was opened or erased.",
        "Use a certificate for this device.";
    4312 DA_PERMISSION Device: "The chain does not permit what is asked",
        "The permission is missing in the device's mask, in a certificate, or in the token; or the token asks for nothing.",
        "The session ended; nothing was opened or erased.",
        "Ask for what the chain permits, or use another chain.";
    4313 DA_NO_RANDOM Device: "The device cannot make a challenge",
        "The random-number generator gives no numbers.",
        "The session ended; nothing was opened or erased.",
        "Power-cycle the device; if it comes back, the chip is faulty.";
    4314 DA_CONFIG_DAMAGED Device: "The configuration of debug authentication is damaged",
        "Its SHA-256 is wrong.",
        "The session ended; nothing was opened or erased.",
        "There is no way back for this device unless it is still in Provisioning: provision the configuration again.";
    4315 REGRESSION_FAILED Device: "The regression did not end",
        "The flash refused to erase user flash or keys, or to take the open state.",
        "What was erased stays erased; the device stays closed.",
        "Ask for the regression again.";
    4316 DA_ANSWER Transport: "The device's answer cannot be read",
        "It is no ADAC response, or one of another length.",
        "Nothing more was sent.",
        "Check the connection; then that the device runs this system flash.";

    4331 NO_FIRST_STAGE Device: "There is nothing to start",
        "User flash holds no vector table where the first stage has to be.",
        "Nothing was started; the core waits in system flash.",
        "Open device: set BOOT0 and install the first stage. Closed device: make a regression.";
    4332 STATE_ORDER Device: "The product state cannot be changed that way",
        "States go from Open to Provisioning to Closed or Locked, and back by a regression alone.",
        "The state is as it was.",
        "Ask for the next state.";
    4333 STATE_NO_WAY_BACK Device: "The device would be closed without a way back",
        "Closed was asked for, but no debug authentication is provisioned.",
        "The state is as it was.",
        "Provision a debug-authentication configuration or a password first; or ask for Locked, if no way back is what you want.";
    4334 SERVICES_CLOSED Device: "The service is closed",
        "Services that change the device are open in Open and Provisioning, at HDPL 0 and 1.",
        "Nothing was changed.",
        "Call it earlier in the boot, or make a regression.";
    4335 PROVISIONING_SOURCE Device: "The source of the provisioning request is not usable",
        "It must be 4-aligned and lie in AXI SRAM3, with its whole length.",
        "Nothing was written.",
        "Put the data into AXI SRAM3.";
    4336 PROVISIONING_DESTINATION Device: "The destination of the provisioning request is not usable",
        "Level, first key and length do not name keys of this chip, or lie below the caller's level.",
        "Nothing was written.",
        "Use the destination word of the .obk file, and a length that is a multiple of 32.";
    4337 PROVISIONING_CRC Device: "The data of the provisioning request is damaged",
        "Its CRC is not the stated one.",
        "Nothing was written.",
        "Send it again.";
    4338 PROVISIONING_HASH Device: "The content of the provisioning request is damaged",
        "Configurations begin with the SHA-256 of what follows, and this one does not.",
        "Nothing was written.",
        "Make the .obk file again from its configuration.";
    4339 KEY_WRITE_FAILED Device: "The option-byte keys were not written",
        "The flash refused a key, or it does not read back.",
        "Keys before the one that failed are written.",
        "Repeat the request; if it comes back, the chip is faulty.";
    4340 OPTION_REGISTER Device: "The option register cannot be written by this service",
        "It is none of the option registers, or one that has a service of its own (product state).",
        "Nothing was changed.",
        "Name the address of a programmable option register (xxxSRP).";
    4341 OPTION_WORD_REFUSED Device: "The flash refused the option change",
        "The controller reported OPTERRF, or the register does not read back as asked.",
        "The option is as the register now says.",
        "Check the rule of the register: state and HDPL.";
    4342 COMMAND_DAMAGED Device: "The command that waited for system flash is damaged",
        "Its words in RAM do not fit their checksum.",
        "The command was dropped.",
        "Ask again; do not reset or power the device in between.";

    4351 STIROT_NO_CONFIG Device: "The first stage is not configured",
        "The option-byte keys of its configuration are absent or damaged.",
        "Nothing was started.",
        "Provision the STiROT configuration (destination 0x108).";
    4352 STIROT_CONFIG Device: "The configuration of the first stage cannot be used",
        "An area is not aligned, not in its memory, too large, or no region of the MPU; or a key has not the expected form.",
        "Nothing was started.",
        "Correct the value in STiROT_Config and provision again (state Provisioning).";
    4353 STIROT_STATE Device: "The product state is below the one that the configuration demands",
        "The configuration names a least product state for the first stage to start an image.",
        "Nothing was started.",
        "Move the device to that state.";
    4354 STIROT_NO_DATA Device: "The first stage has no record of the installed version",
        "Both records in the option-byte keys are absent or damaged.",
        "Nothing was started: an old image could not be told from a new one.",
        "Provision the STiROT data (destination 0x110).";
    4355 ILOADER_MISSING Device: "There is no iLoader",
        "User flash holds no vector table at the configured offset.",
        "Nothing was started.",
        "Install the iLoader, or correct its offset in the configuration.";
    4356 ILOADER_SILENT Device: "The iLoader never answered as asked",
        "It was started several times, and each time the device came back without an answer that leads further.",
        "Nothing was started; the next reset tries again.",
        "Repair the iLoader: it must leave an answer in SBS_RSSCMDR and reset.";
    4357 ILOADER_ERROR Device: "The iLoader could not read or write the external flash",
        "It answered with its error value.",
        "Nothing was started.",
        "Check the external flash and the iLoader's driver for it.";
    4358 ILOADER_EMPTY Device: "There is no image in external flash",
        "The iLoader found neither an installed image nor a download.",
        "Nothing was started.",
        "Program the image at the install or download address.";
    4359 STIROT_NOT_ENCRYPTED Verification: "The image is not encrypted",
        "STiRoT takes encrypted images only, as ST's does.",
        "The image was refused.",
        "Make the image with an encryption key.";
    4360 STIROT_VECTORS Verification: "The image has no usable vector table",
        "The entry behind the header does not lie in the image, or the stack pointer not in RAM that is open at the start.",
        "The image was refused.",
        "Link the application for the load address plus 0x400, with its stack in the RAM that `ironroot boot plan` shows.";
    4361 STIROT_DATA_WRITE Device: "The version of the installed image could not be recorded",
        "The option-byte keys did not take the record.",
        "The image was started; older images are still accepted.",
        "If it comes back at every start, the chip is faulty.";
    4362 STIROT_UPDATE_REFUSED Verification: "The download was refused",
        "It did not verify; the code before this one in the report says why.",
        "The download is erased, and the installed image starts.",
        "Repair the image and download it again.";
    4363 JUMP_REFUSED Device: "The jump to the next stage was refused",
        "The services of system flash did not take the vector table.",
        "Nothing was started.",
        "Install a system flash that fits this first stage.";
    4364 STIROT_FAULT Device: "The first stage ended in a fault",
        "Damaged memory, a glitch, or a fault of ours.",
        "Nothing was started.",
        "Reset the device; if it comes back, report it.";
    4365 ILOADER_HUNG Device: "The iLoader did not end",
        "It was started several times, and the watchdog had to end it: 4 seconds to load, 65 seconds to install.",
        "Nothing was started; the next reset tries again.",
        "Repair the iLoader: it must leave an answer in SBS_RSSCMDR and reset. One that needs longer reloads the watchdog (0xAAAA into IWDG_KR).";
}
