//! IR-19xx: what is refused of the description of a product (`ironroot.toml`), before anything is built from it.
//! 1901 to 1906 how it is written, 1907 to 1911 choices that exclude each other, 1912 to 1924 room and places, 1925 to 1930
//! protections, clocks and keys, 1931 room again.

use crate::table::codes;

codes! {
    1901 PRODUCT_SYNTAX Usage: "The product description is not TOML",
        "The file breaks the grammar of TOML, or is not UTF-8.",
        "Nothing was built.",
        "Correct the place that the message names.";
    1902 PRODUCT_UNKNOWN_ENTRY Usage: "There is no such entry in a product description",
        "The table or key is none that a description has; an entry that is not understood is never ignored.",
        "Nothing was built.",
        "Take the name that the message suggests; docs/ironroot.schema.json lists all of them.";
    1903 PRODUCT_WRONG_TYPE Usage: "An entry of the product description has another type",
        "A text stands where a number belongs, a value where a table belongs, or the other way round.",
        "Nothing was built.",
        "Write the value as the message says.";
    1904 PRODUCT_BAD_VALUE Usage: "An entry of the product description has a value that it cannot have",
        "The value is none of the names, or outside the range, that this entry takes.",
        "Nothing was built.",
        "Take one of the values that the message lists.";
    1905 PRODUCT_ENTRY_MISSING Usage: "The product description lacks an entry",
        "Device, boot path, place and way of updates, and the keys that they need, have no default.",
        "Nothing was built.",
        "Add the entry that the message names; the examples directory has a description of each kind.";
    1906 PRODUCT_SAID_TWICE Usage: "The same thing is set in two places",
        "An option field is set by hand that follows from another entry. Two places that agree today are two that differ \
         tomorrow: a RAM ECC that one place leaves on has cost others weeks.",
        "Nothing was built.",
        "Remove the field from [options] and keep the entry that the message names.";
    1907 PRODUCT_PATH_PART Usage: "The part does not have this boot path",
        "STiRoT needs the crypto blocks of the STM32H7S; an STM32H7R ignores IROT_SELECT and starts the code in user flash.",
        "Nothing was built.",
        "Choose boot = \"oemirot\", or the device stm32h7s7.";
    1908 PRODUCT_PATH_PLACE Usage: "The boot path does not run applications from there",
        "STiRoT loads into internal RAM and knows no other place.",
        "Nothing was built.",
        "Choose execute = \"internal-ram\", or another boot path.";
    1909 PRODUCT_PATH_UPDATE Usage: "The boot path does not update in this way",
        "STiRoT overwrites the installed image; only OEMiRoT and OEMuRoT can swap and go back.",
        "Nothing was built.",
        "Choose update = \"overwrite\", or another boot path.";
    1910 PRODUCT_ENTRY_UNUSED Usage: "The entry has no meaning with these choices",
        "The boot path, or the way of updates, does not have what this entry describes.",
        "Nothing was built: a setting that does nothing would be believed.",
        "Remove the entry, or change the choice that the message names.";
    1911 PRODUCT_MEMORY_MISSING Usage: "A memory that the product needs is not described",
        "The application is to run from external RAM, and the description has none.",
        "Nothing was built.",
        "Add [memories.external-ram] with its size.";
    1912 PRODUCT_OVERLAP Usage: "Two areas overlap",
        "Some byte would belong to both of them.",
        "Nothing was built.",
        "Move or shorten one of the two; the message has both.";
    1913 PRODUCT_ALIGNMENT Usage: "An area does not lie on the boundaries that it needs",
        "Areas in flash are whole erase units, a header is a multiple of what the vector table needs.",
        "Nothing was built.",
        "Take the multiple that the message names.";
    1914 PRODUCT_OUT_OF_REACH Usage: "An area lies outside of its memory",
        "Its end is behind the end of the memory, or the memory does not fit its window.",
        "Nothing was built.",
        "Shorten it, or correct the size of the memory.";
    1915 PRODUCT_SLOT_TOO_SMALL Usage: "A slot has no room for an image",
        "Header, trailer and the least payload need more.",
        "Nothing was built.",
        "Make the slot larger.";
    1916 PRODUCT_SLOTS_DIFFER Usage: "The slots of one image have different sizes",
        "What fits the download must fit where it is installed, and the other way round when it is swapped.",
        "Nothing was built.",
        "Give both slots the same size.";
    1917 PRODUCT_TRAILER Usage: "The trailer of the slots has no room for what an update keeps there",
        "A swap notes each of its steps in the trailer; with too little room it cannot be resumed.",
        "Nothing was built.",
        "Take the trailer size that the message names, or leave the entry out.";
    1918 PRODUCT_INTERNAL_RAM Usage: "The image is too large for internal RAM",
        "OEMiRoT and OEMuRoT load at most 128 KB, STiRoT at most 448 KB.",
        "Nothing was built.",
        "Make the slots smaller, or run the application from external memory.";
    1919 PRODUCT_STAGE_TOO_LARGE Usage: "The boot code is larger than its memory",
        "User flash has 64 KB, and there is no other place for the first stage.",
        "Nothing was built.",
        "Reduce stage.code-room; the stages of Ironroot fit 48 KB in every configuration.";
    1920 PRODUCT_MPU Usage: "An area cannot be expressed as a region of the memory protection unit",
        "A region is a power of two, at a multiple of itself, of which eighths can be left out.",
        "Nothing was built: a region that covers more would open what must stay closed.",
        "Take the size or the start that the message suggests.";
    1921 PRODUCT_RESERVED_RAM Usage: "The application's RAM covers what it shares with the boot stage",
        "Confirmation flag, RAM-ECC handle and boot record at the end of AHB SRAM2 survive the start of the application.",
        "Nothing was built.",
        "End the application's RAM before the address that the message names.";
    1922 PRODUCT_RAM_CLOSED Usage: "The application's RAM is closed when the application starts",
        "The memory protection unit opens only what application.open says; the first push would be a fault.",
        "Nothing was built.",
        "Take RAM inside the opened area, or application.open = \"sram\".";
    1923 PRODUCT_DATA_SLOT Usage: "The data image has no room",
        "A slot of the data image holds less than header, trailer and one erase unit.",
        "Nothing was built.",
        "Make the slots of the data image larger, or remove them.";
    1924 PRODUCT_HEADER Usage: "The image header has another size than the boot path expects",
        "STiRoT takes the vector table at 0x400 behind the start of the image.",
        "Nothing was built.",
        "Remove image.header.";
    1925 PRODUCT_CLOCK Usage: "The core clock is higher than the other settings permit",
        "Up to 380 MHz hold with RAM ECC, without the internal regulator and over the full temperature range; 600 MHz is the most.",
        "Nothing was built.",
        "Take at most 380 MHz, or change the setting that the message names.";
    1926 PRODUCT_NO_WAY_BACK Usage: "Product state and debug authentication contradict each other",
        "A closed device without a way to authenticate can never be opened again, and is locked in fact; a locked one has no \
         debug authentication.",
        "Nothing was built.",
        "Choose debug = \"certificate\" or \"password\" for a closed product, debug = \"locked\" for a locked one.";
    1927 PRODUCT_UNPROTECTED Usage: "A closed product leaves its boot code open",
        "Without write protection and without a hidden area the application can change or read the stage that verifies it.",
        "Nothing was built.",
        "Remove the entry (both protections are on by default), or choose state = \"provisioning\" for development.";
    1928 PRODUCT_LOADER_HIDDEN Usage: "The iLoader cannot be hidden",
        "It runs at HDPL 3, where the hidden area of user flash is closed: STiRoT would wait for it for ever.",
        "Nothing was built.",
        "Remove protections.hide; write protection is what keeps the iLoader.";
    1929 PRODUCT_ENCRYPTION Usage: "STiRoT takes encrypted images only",
        "It decrypts whatever it loads; a plain image would be refused on the device.",
        "Nothing was built.",
        "Remove image.encrypt = false, and name the key in keys.encrypt.";
    1930 PRODUCT_ALIGN Usage: "The image alignment is none that the boot path understands",
        "Trailers of OEMiRoT are those of an alignment of 8 bytes or less, images for STiRoT are aligned to 16.",
        "Nothing was built.",
        "Remove image.align, or take the value that the message names.";
    1931 PRODUCT_NO_ROOM Usage: "Image header or trailer leave no room in the slots",
        "Every slot begins with the header and ends with room for TLVs and trailer; what is left holds no application.",
        "Nothing was built.",
        "Reduce the entry that the message names or remove it, its default fits; or make the slots larger.";
}
