#!/bin/sh
# Makes the images of this directory with imgtool 2.5.0 from PyPI: what another tool says the format is.
# Run here with imgtool in PATH. Signatures are random, so every run gives other bytes; the tests hold for all of them.
set -eu

# 256 bytes that begin as a vector table: stack at the end of AXI SRAM, reset handler behind the table.
python3 - <<'PY'
import struct
words = [0x24050000, 0x08020481] + [0x08020481] * 14
with open("app.bin", "wb") as f:
    f.write(struct.pack("<16I", *words) + bytes((i * 7 + 3) & 0xFF for i in range(192)))
PY

imgtool keygen -k p256.pem -t ecdsa-p256
imgtool keygen -k other.pem -t ecdsa-p256
for type in ecdsa-p384 ed25519 rsa-2048; do imgtool keygen -k "$type.tmp" -t "$type"; done
imgtool getpub -k other.pem -e pem -o other-pub.tmp

sign() { # OUTPUT KEY [OPTION...]
    output=$1; key=$2; shift 2
    imgtool sign -k "$key" -v 1.2.3+4 -H 0x400 --pad-header -S 0xe0000 --align 32 --max-align 32 "$@" app.bin "$output"
}
sign p256.bin p256.pem
sign p256-ids.bin p256.pem -s 7 --vid ironroot.example --cid stm32h735
sign p256-custom.bin p256.pem -s 7 --custom-tlv 0x03a0 0x1122334455 --custom-tlv 0x00b1 text
sign p256-full.bin p256.pem --public-key-format full
sign p256-depends.bin p256.pem -d "(1, 2.0.0+0)"
sign p256-record.bin p256.pem --boot-record SPE
sign p256-fixed.bin p256.pem -F 0x08020000
sign p256-ram.bin p256.pem -L 0x24000000
sign p256-data.bin p256.pem --non-bootable
sign p256-encrypted.bin p256.pem -E other-pub.tmp
sign p256-encrypted256.bin p256.pem -E other-pub.tmp --encrypt-keylen 256
sign p384.bin ecdsa-p384.tmp
sign ed25519.bin ed25519.tmp
sign ed25519-pure.bin ed25519.tmp --pure
sign rsa2048.bin rsa-2048.tmp
imgtool sign -v 1.2.3+4 -H 0x400 --pad-header -S 0xe0000 --align 32 --max-align 32 app.bin unsigned.bin
# Small enough for exhaustive tests.
imgtool sign -k p256.pem -v 1.2.3+4 -H 0x20 --pad-header -S 0xe0000 --align 32 --max-align 32 -s 7 app.bin small.bin
# A slot with its trailer.
imgtool sign -k p256.pem -v 1.2.3+4 -H 0x20 --pad-header -S 0x800 --align 8 --overwrite-only --pad app.bin padded8.bin
imgtool sign -k p256.pem -v 1.2.3+4 -H 0x20 --pad-header -S 0x800 --align 32 --max-align 32 --overwrite-only --pad app.bin padded32.bin
rm -f ./*.tmp
