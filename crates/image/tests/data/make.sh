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
imgtool keygen -k p384.pem -t ecdsa-p384
imgtool keygen -k ed25519.pem -t ed25519
imgtool keygen -k rsa2048.pem -t rsa-2048
imgtool keygen -k rsa3072.pem -t rsa-3072
imgtool keygen -k x25519.pem -t x25519
for key in rsa2048 x25519; do imgtool getpub -k "$key.pem" -e pem -o "$key-pub.tmp"; done
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
sign p384.bin p384.pem
sign ed25519.bin ed25519.pem
sign ed25519-pure.bin ed25519.pem --pure
sign rsa2048.bin rsa2048.pem
imgtool sign -v 1.2.3+4 -H 0x400 --pad-header -S 0xe0000 --align 32 --max-align 32 app.bin unsigned.bin
# Small enough for exhaustive tests.
imgtool sign -k p256.pem -v 1.2.3+4 -H 0x20 --pad-header -S 0xe0000 --align 32 --max-align 32 -s 7 app.bin small.bin
# A slot with its trailer.
imgtool sign -k p256.pem -v 1.2.3+4 -H 0x20 --pad-header -S 0x800 --align 8 --overwrite-only --pad app.bin padded8.bin
imgtool sign -k p256.pem -v 1.2.3+4 -H 0x20 --pad-header -S 0x800 --align 32 --max-align 32 --overwrite-only --pad app.bin padded32.bin

# The other algorithms, small, and a payload that is no whole number of AES blocks.
head -c 250 app.bin > odd.bin
tiny() { # OUTPUT KEY HEADER [OPTION...]
    output=$1; key=$2; header=$3; shift 3
    imgtool sign -k "$key" -v 1.2.3+4 -H "$header" --pad-header -S 0x10000 --align 8 "$@" odd.bin "$output"
}
tiny p384-full.bin p384.pem 0x20 --public-key-format full --boot-record SPE
tiny ed25519-512.bin ed25519.pem 0x20 --sha 512 -d "(1, 2.3.4+5)(7, 1.0.0)"
tiny ed25519-full.bin ed25519.pem 0x20 --public-key-format full --boot-record CoFM
tiny ed25519-pure-full.bin ed25519.pem 0x20 --pure --public-key-format full -s auto
tiny rsa2048-full.bin rsa2048.pem 0x20 --public-key-format full
tiny rsa3072.bin rsa3072.pem 0x20 -s 9 --boot-record NSPE --vid ironroot.example --cid stm32h735
tiny enc-p256-128.bin p256.pem 0x24 -E other-pub.tmp
tiny enc-p256-256.bin p256.pem 0x20 -E other-pub.tmp --encrypt-keylen 256
tiny enc-p256-clear.bin p256.pem 0x20 -E other-pub.tmp --clear
for bits in 128 256; do
    tiny "enc-x25519-$bits.bin" ed25519.pem 0x20 -E x25519-pub.tmp --encrypt-keylen "$bits"
    tiny "enc-x25519-sha512-$bits.bin" ed25519.pem 0x20 -E x25519-pub.tmp --encrypt-keylen "$bits" --hmac-sha 512
    tiny "enc-rsa-$bits.bin" rsa2048.pem 0x20 -E rsa2048-pub.tmp --encrypt-keylen "$bits"
done

# Trailers: 4 sectors keep them small.
slot() { # OUTPUT [OPTION...]
    output=$1; shift
    imgtool sign -k p256.pem -v 1.2.3+4 -H 0x20 --pad-header -S 0x800 -M 4 "$@" odd.bin "$output"
}
slot slot-align8.bin --pad --align 8
slot slot-align8-confirm.bin --confirm --align 4
slot slot-align16-confirm.bin --confirm --align 16
slot slot-align32-confirm-erased0.bin --confirm --align 32 -R 0
slot slot-max32.bin --test --align 8 --max-align 32
slot slot-overwrite-confirm.bin --confirm --align 8 --overwrite-only
slot slot-enc.bin --pad --align 8 -E other-pub.tmp
slot slot-enc256-saved.bin --confirm --align 16 -E other-pub.tmp --encrypt-keylen 256 --save-enctlv
rm -f ./*.tmp
