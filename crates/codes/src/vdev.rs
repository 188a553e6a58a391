//! IR-5xxx: the virtual device, and what is found when wanted and actual state are compared on a device. 50xx the core,
//! 51xx running, 52xx debugger and protection, 53xx flash and options, 54xx read-back.

use crate::table::codes;

codes! {
    5001 LOCKUP Device: "The core locked up",
        "A fault happened inside a HardFault or NMI handler, or the vector table could not be read.",
        "The core stands still until reset.",
        "The message names address and fault registers; check the vector table and the stack.";
    5002 UNMAPPED Device: "An access to an address where nothing is",
        "The bus has no memory or peripheral there.",
        "The access ended in a bus fault, as on the chip.",
        "The message names address and instruction; check pointers and that the peripheral exists on this part.";
    5003 UNDEFINED_INSTRUCTION Device: "An undefined instruction",
        "The core met bytes that are no instruction of ARMv7E-M.",
        "The core took a UsageFault, as on the chip.",
        "Check that the program was built for Cortex-M7 and that it did not jump into data.";
    5004 UNSUPPORTED_INSTRUCTION Internal: "An instruction that this model does not execute",
        "The instruction is defined by the architecture, but not implemented by this version.",
        "The run stopped, rather than going on wrongly.",
        "Report the instruction that is named; build for soft float as a way around if it is a floating-point one.";
    5005 HARD_FAULT Device: "A HardFault was taken",
        "A fault that no other handler took.",
        "The firmware's HardFault handler runs.",
        "The fault registers and the stacked address are in the message.";

    5101 BUDGET Device: "The run used up its budget of instructions",
        "The condition that the run waited for did not come within the limit.",
        "The device was stopped; its state is that of the last instruction.",
        "Raise the limit, or look where it loops: the message names the address.";
    5102 OUTPUT_MISMATCH Verification: "The device did not say what it must",
        "The expected text did not appear on the serial port.",
        "The run was stopped.",
        "The actual output is in the message.";
    5103 DEVICE_HALTED Device: "The device has halted",
        "It waits for an interrupt that cannot come, or is held by reset.",
        "The run was stopped.",
        "Reset the device.";
    5104 UNMODELLED_REGISTER Internal: "A register that this model does not have",
        "The firmware uses a register or bit that the model does not implement.",
        "Writes were kept and read back without effect; the first use was reported.",
        "If the firmware relies on it, report the register and address that are named.";
    5105 ENHANCED_CIPHER Internal: "An OTFDEC region is in the enhanced mode",
        "The cipher of mode 3 adds a layer that ST does not publish, so no model of it can be right.",
        "Code fetched from the region comes as it is stored; data reads give zero, as in every execute-only region.",
        "Use mode 0 (execute only) or 2, whose cipher is AES-128 in counter mode.";
    5106 PROGRAM_FAILED Device: "The program on the device says that it failed",
        "It ended itself through semihosting (SYS_EXIT) with another reason than a normal end.",
        "The device was stopped there.",
        "Its own output above says why, if it said anything.";
    5107 RUN_STOPPED Device: "The core stopped for somebody who is not there",
        "It stands at a breakpoint, or a debugger holds it, and this command has no debugger to continue it.",
        "The device was stopped there; its state is that of the last instruction.",
        "The message names what stopped it. Use `ironroot vdev gdb` to go on from there.";
    5108 IN_FAULT_HANDLER Device: "The program ended in a fault handler",
        "The core did what it is not allowed: the MPU of the hand-over, the bus or the core itself refused it.",
        "The program goes no further.",
        "The command behind the code, `ironroot explain fault`, names region, line of the contract and remedy; give it `--product`.";

    5201 DEBUG_CLOSED Device: "The debug port is closed",
        "The boot chain left debug access closed, or the protection level forbids it.",
        "The debugger got nothing.",
        "This is how a secured device must behave; open debug through the boot chain only.";
    5202 RDP_BLOCKED Device: "The read protection level forbids this",
        "RDP level 1 or 2 is set.",
        "The access was refused.",
        "Regress to level 0, which erases the flash; level 2 has no way back.";
    5203 SECURE_AREA_CLOSED Device: "The secure area is closed",
        "After exitSecureArea data reads return zero, writes are ignored and fetches fault until the next reset.",
        "Nothing was disclosed or changed.",
        "Reset the chip if its secure boot must run again.";

    5301 FLASH_PROGRAM_FAILED Device: "Programming the flash failed",
        "The controller reported an error flag for the flash word.",
        "The flash word may be unusable until its sector is erased.",
        "The flags are in the message: clear them, check protection, and that the word was erased.";
    5302 FLASH_ERASE_FAILED Device: "Erasing the flash failed",
        "The controller reported an error flag for the sector.",
        "The sector may be part erased.",
        "The flags are in the message: check write protection and protected areas.";
    5303 OPTION_CHANGE_ERROR Device: "The option-byte change was refused",
        "The controller set OPTCHANGEERR: a rule of the options would be broken.",
        "The whole change was dropped; all options are as before.",
        "The message names the wanted values; compare with the rules for SECURITY, secure area and RDP.";
    5304 WRITE_PROTECTED Device: "The flash there is write-protected",
        "The controller set WRPERR: sector protection, a protected area, or the closed secure area.",
        "The write was ignored.",
        "Remove the protection if that is wanted.";
    5305 FLASH_LOCKED Device: "The flash or option registers are locked",
        "They were not unlocked, or a wrong key locked them until reset.",
        "The write was ignored.",
        "Reset, and write the two keys in order.";
    5306 ECC_ERROR Device: "A flash word cannot be read",
        "It has more wrong bits than ECC corrects: power was lost while it was written.",
        "The read ended in a bus fault.",
        "Erase the sector and write it again.";

    5401 READ_BACK_MISMATCH Verification: "The read-back differs from what was written",
        "A memory, option or state is not what the step should have left.",
        "The step counts as failed and the command stopped.",
        "Wanted and actual are in the message; repeat the step on a reset device.";
    5402 STATE_MISMATCH Verification: "The device is not in the state that this step needs",
        "A precondition of the step does not hold.",
        "The step was not begun.",
        "Do the steps in order, or start from a new board.";
    5403 BOOT_NOT_AS_EXPECTED Verification: "The boot ended in another way than expected",
        "The hand-off record says booted where a refusal was expected, or the other way round, or shows another code.",
        "The device stands as the boot left it.",
        "Record and output are in the message.";
}
