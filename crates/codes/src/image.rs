//! IR-2xxx: the image parser and verifier, on host and device alike. 20xx header and sizes, 21xx TLVs, 22xx hash and
//! signature, 23xx policy.

use crate::table::codes;

codes! {
    2001 TRUNCATED Verification: "The image is truncated",
        "Header, payload or TLV area end behind the last byte of the file or slot.",
        "The image was refused; nothing of it was used.",
        "Copy or install the image again; the message names the wanted and the actual size.";
    2002 READ_FAILED Verification: "A part of the image cannot be read",
        "The flash reported an uncorrectable ECC error (power was lost while that word was written), or the file an I/O error.",
        "The image was refused.",
        "Install the image again: erasing the sector clears the error.";
    2003 BAD_MAGIC Verification: "Not an image: the magic is wrong",
        "The first word is not 0x96f3b83d.",
        "The image was refused.",
        "Sign the application with `ironroot image sign`; a raw binary or an ELF file is not an image.";
    2004 HEADER_SIZE Verification: "The header size in the image is impossible",
        "The field is below 32, or is not the header size that this device boots with.",
        "The image was refused.",
        "Sign with the header size of the product: --header-size 0x400.";
    2005 EMPTY_PAYLOAD Verification: "The image has no payload",
        "The size field is zero.",
        "The image was refused.",
        "Sign the application again.";
    2006 TOO_LARGE Verification: "The image is larger than its slot allows",
        "Header, payload and TLVs together reach into the room of the slot's trailer, or their sum overflows.",
        "The image was refused.",
        "Make the application smaller; sign with --slot-size of this product so that the tool checks it first.";
    2007 RESERVED_FLAGS Verification: "The header has flags that this dialect does not define",
        "An unknown flag changes what the bytes mean, so it cannot be skipped.",
        "The image was refused.",
        "Name the dialect that the image was made for; otherwise sign it again.";
    2008 RESERVED_FIELD Verification: "A reserved header field is not zero",
        "The last word of the header must be zero.",
        "The image was refused.",
        "The image is damaged or of an unknown version: sign the application again.";
    2009 LOAD_ADDRESS Verification: "The load address contradicts the flags or the slot",
        "A load address needs RAM_LOAD or ROM_FIXED, and a ROM_FIXED image must name the slot that it is in.",
        "The image was refused: it would run at an address that it is not linked for.",
        "Sign without --load-addr and --rom-fixed, or with the address of this slot.";
    2010 CHANGED_WHILE_VERIFIED Verification: "The image changed while it was verified",
        "A second reading of header and TLVs differs from the first: a fault, a bad flash, or an attack.",
        "The image was refused.",
        "Try once more; if it stays, the flash or its supply is faulty.";
    2011 TAIL_NOT_ERASED Verification: "There is something behind the image",
        "This dialect wants every byte between the last TLV and the slot's trailer erased, and one is not.",
        "The image was refused: what nobody signed must not lie in the slot.",
        "Erase the whole slot before the image is written to it.";

    2101 PROTECTED_MISSING Verification: "The protected TLV area is missing",
        "The header states a size for it, but its magic 0x6908 is not behind the payload.",
        "The image was refused.",
        "The image is damaged: sign the application again.";
    2102 PROTECTED_SIZE Verification: "The protected TLV area contradicts the header",
        "The size in its info header differs from the header's, or an area exists that the header does not state.",
        "The image was refused.",
        "The image is damaged: sign the application again.";
    2103 TLV_INFO_MISSING Verification: "The TLV area is missing",
        "Behind payload and protected area the magic 0x6907 was expected. A plain binary with a header looks like this.",
        "The image was refused.",
        "Sign the application.";
    2104 TLV_SIZE Verification: "The size of the TLV area is impossible",
        "The total is smaller than its own info header.",
        "The image was refused.",
        "The image is damaged: sign the application again.";
    2105 TLV_OUT_OF_AREA Verification: "A TLV reaches out of its area",
        "Its header or value ends behind the end of the area it began in.",
        "The image was refused: the same bytes would be read with two meanings.",
        "The image is damaged or crafted: sign the application again.";
    2106 TLV_LENGTH Verification: "A TLV has a length that its type cannot have",
        "Each known type has a fixed length or a fixed range.",
        "The image was refused.",
        "The image is damaged or crafted: sign the application again.";
    2107 TLV_WRONG_SECTION Verification: "A TLV is in the wrong section",
        "What the signature must cover (counter, ids, dependencies) belongs in the protected area; hash, key and signature outside.",
        "The image was refused: an uncovered value could be changed by anybody.",
        "Sign the application again.";
    2108 TLV_DUPLICATE Verification: "A TLV that must be unique appears twice",
        "Which of the two counts would be a guess.",
        "The image was refused.",
        "Sign the application again, with one signature.";
    2109 TLV_UNKNOWN Verification: "A TLV of unknown type",
        "Outside the protected area only known types are allowed; inside, known and vendor types.",
        "The image was refused.",
        "The image needs a newer Ironroot, or is crafted; custom TLVs have a type with a low byte of 0xa0 to 0xfe.";
    2110 TLV_ORDER Verification: "A signature comes before the key that it names",
        "The key hash or key must stand before its signature.",
        "The image was refused.",
        "Sign the application again.";
    2111 ENCRYPTION_MISMATCH Verification: "Encryption flag and encryption TLV contradict each other",
        "An encryption TLV is present without its flag, or its size fits another key length.",
        "The image was refused.",
        "Encrypt and sign the application again.";
    2112 TLV_VALUE Verification: "A TLV has a value that its type cannot have",
        "A marker is not 0x01, or the reserved bytes of a dependency are not zero.",
        "The image was refused.",
        "The image is damaged or crafted: sign the application again.";

    2201 HASH_MISSING Verification: "The image has no hash",
        "No hash TLV was found.",
        "The image was refused.",
        "Sign the application.";
    2202 HASH_UNSUPPORTED Verification: "The image's hash algorithm is not in this build",
        "Each build has the hashes of its own keys only; a device usually SHA-256.",
        "The image was refused.",
        "Sign with a key that this device has.";
    2203 HASH_MISMATCH Verification: "The image's content is not what was signed",
        "The hash over header, payload and protected TLVs differs from the hash in the image: at least one bit changed.",
        "The image was refused; nothing of it was run.",
        "Install the image again. If it comes back, the flash or the way to it is faulty, or somebody changes the image.";
    2204 SIGNATURE_MISSING Verification: "The image is not signed",
        "No signature TLV was found.",
        "The image was refused.",
        "Sign it with a key that the device trusts.";
    2205 SIGNATURE_UNSUPPORTED Verification: "The image's signature algorithm is not in this build",
        "Each build has the algorithms of its own keys only; a device usually ECDSA P-256.",
        "The image was refused.",
        "Sign with a key that this device has.";
    2206 KEY_ID_MISSING Verification: "The image does not say which key signed it",
        "Neither a key hash nor a key was found before the signature.",
        "The image was refused.",
        "Sign it again; do not strip the key hash.";
    2207 UNKNOWN_KEY Verification: "The image is signed by a key that is not trusted here",
        "The key hash in the image is that of no key in the key store, or of no key that was given.",
        "The image was refused.",
        "Sign it with a provisioned key, or verify with the key that signed it.";
    2208 SIGNATURE_INVALID Verification: "The signature does not verify",
        "The signature is not a signature of this content by the key that the image names.",
        "The image was refused; nothing of it was run.",
        "Sign it again. If the image came from outside, treat it as an attack.";
    2209 SIGNATURE_MALFORMED Verification: "The signature is malformed",
        "It is not a strict DER sequence of two positive numbers below the order of the curve.",
        "The image was refused.",
        "Sign it again; padded signatures (--pad-sig) are not accepted.";
    2210 NO_TRUSTED_KEYS Verification: "There is no key to verify with",
        "The list of trusted keys is empty.",
        "The image was refused: without a key nothing can be verified.",
        "Provision a key, or pass --key.";
    2211 HASH_NOT_FOR_KEY Verification: "The image's hash does not belong to its key",
        "P-384 goes with SHA-384, RSA with SHA-256, P-256 and Ed25519 with SHA-256 or SHA-512, a pure signature with SHA-512.",
        "The image was refused: a shorter hash would be the weakest part of the signature.",
        "Sign it again and leave the hash to the tool.";
    2212 SIGNATURE_NOT_FOR_KEY Verification: "The signature is of another algorithm than the key that the image names",
        "The type of the signature TLV belongs to another kind of key, or the signature is over the content and the key signs digests.",
        "The image was refused.",
        "Sign it again.";
    2213 IMAGE_KEY_UNSUPPORTED Verification: "This device has no key for the image's kind of encryption",
        "The image key is sealed in a way for which no decryption key is here, or the build does not have it.",
        "The image was refused; nothing was decrypted.",
        "Encrypt for the public key of this device.";
    2214 IMAGE_KEY_REFUSED Verification: "The image key cannot be opened",
        "It is sealed for another device's key, or the encryption TLV was changed.",
        "The image was refused; nothing was decrypted.",
        "Encrypt for the public key of this device.";

    2301 ENCRYPTED Verification: "The image is encrypted, which is not possible here",
        "An encryption flag is set, and this slot runs in place.",
        "The image was refused.",
        "Install the plain signed image in this slot.";
    2302 NON_BOOTABLE Verification: "The image is marked as not bootable",
        "The NON_BOOTABLE flag is set.",
        "The image was refused.",
        "Sign without --non-bootable if it is an application.";
    2303 RAM_LOAD Verification: "The image wants to be copied to RAM, which is not possible here",
        "The RAM_LOAD flag is set, and this slot runs in place.",
        "The image was refused.",
        "Link the application for flash and sign it without --load-addr.";
    2304 COMPRESSED Verification: "The image is compressed, which is not possible here",
        "A compression flag is set, and this slot runs in place.",
        "The image was refused.",
        "Sign without --compression.";
    2305 POSITION_INDEPENDENT Verification: "The image is marked as position-independent",
        "The PIC flag is set; no loader defines what it means.",
        "The image was refused.",
        "Sign the application without that flag.";
    2306 COUNTER_MISSING Verification: "The image has no security counter",
        "Rollback protection is on, and without a counter an old image could not be told from a new one.",
        "The image was refused.",
        "Sign with --security-counter.";
    2307 COUNTER_TOO_OLD Verification: "The image's security counter is too old",
        "A newer image has already raised the least counter that is accepted.",
        "The image was refused: it may contain holes that are closed since.",
        "Install a newer image.";
    2308 WRONG_CLASS Verification: "The image is for another class of device",
        "The class id in the image is not this product's.",
        "The image was refused.",
        "Install the image of this product, or sign with its --cid.";
    2309 WRONG_VENDOR Verification: "The image is of another vendor",
        "The vendor id in the image is not this product's.",
        "The image was refused.",
        "Install the image of this product, or sign with its --vid.";
    2310 DEPENDENCY Verification: "The image depends on another image, which cannot be checked here",
        "It has a dependency TLV, and this device has one image only.",
        "The image was refused: running it without what it needs is undefined.",
        "Sign without --dependencies for a product of one image.";
    2311 NOT_RAM_LOAD Verification: "The image is not made to be copied to RAM",
        "This device runs images from RAM, and the RAM_LOAD flag is not set.",
        "The image was refused: it would run at an address that it is not linked for.",
        "Link the application for RAM and sign it with --load-addr.";
    2312 RAM_WINDOW Verification: "The image wants to be copied to where it may not",
        "Load address and size reach out of the RAM that is set aside for images.",
        "The image was refused: it would overwrite the memory of the loader.",
        "Link the application for the RAM of this product.";
}
