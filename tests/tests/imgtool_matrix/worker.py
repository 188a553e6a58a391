"""imgtool as a process that takes many orders: one JSON object a line in, one a line out.

{"sign": [ARGUMENT...]}            imgtool sign; -> {"ok": true} or {"error": TEXT}
{"keygen": [ARGUMENT...]}, {"getpub": [ARGUMENT...]}  the same for these commands
{"verify": FILE, "key": FILE}      -> {"ok": RESULT}, "OK" if imgtool accepts the image
{"dump": FILE}                     -> {"ok": {header, tlv_area, trailer}}, bytes as hex
{"decrypt": FILE, "key": FILE}     the payload, decrypted with nothing but the `cryptography` library; -> {"ok": HEX}
"""

import contextlib
import io
import json
import struct
import sys
import warnings

warnings.simplefilter("ignore")

import imgtool.main
from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from imgtool import dumpinfo, image, keys


def command(name, arguments):
    found = imgtool.main.imgtool.get_command(None, name)
    with contextlib.redirect_stdout(io.StringIO()):
        found.main(args=arguments, standalone_mode=False, prog_name="imgtool " + name)
    return True


def verify(file, key):
    loaded = keys.load(key) if key else None
    return image.Image.verify(file, loaded)[0].name


def dump(file):
    with contextlib.redirect_stdout(io.StringIO()):
        return dumpinfo._read_imginfo(file)


def ctr(key, data):
    cipher = Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor()
    return cipher.update(data) + cipher.finalize()


def ecies(shared, sealed, algorithm):
    # HKDF without a salt is HKDF with zeros; the tag is over the encrypted key alone.
    tag_len = algorithm.digest_size
    tag, encrypted = sealed[:tag_len], sealed[tag_len:]
    derived = HKDF(algorithm=algorithm, length=len(encrypted) + tag_len, salt=None, info=b"MCUBoot_ECIES_v1").derive(shared)
    mac = hmac.HMAC(derived[len(encrypted):], algorithm)
    mac.update(encrypted)
    mac.verify(tag)
    return ctr(derived[: len(encrypted)], encrypted)


def decrypt(file, key):
    with open(key, "rb") as opened:
        private = serialization.load_pem_private_key(opened.read(), None)
    with open(file, "rb") as opened:
        data = opened.read()
    header_size, protected, size, flags = struct.unpack_from("<HHII", data, 8)
    at = header_size + size + protected + 4
    end = at - 4 + struct.unpack_from("<H", data, at - 2)[0]
    content_key = None
    while at < end:
        kind, length = struct.unpack_from("<HH", data, at)
        value = data[at + 4 : at + 4 + length]
        at += 4 + length
        if kind == 0x30:
            oaep = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)
            content_key = private.decrypt(value, oaep)
        elif kind == 0x32:
            point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), value[:65])
            content_key = ecies(private.exchange(ec.ECDH(), point), value[65:], hashes.SHA256())
        elif kind in (0x33, 0x34):
            algorithm = hashes.SHA256() if kind == 0x33 else hashes.SHA512()
            point = X25519PublicKey.from_public_bytes(value[:32])
            content_key = ecies(private.exchange(point), value[32:], algorithm)
    if content_key is None:
        raise ValueError("no encrypted key")
    if len(content_key) != (16 if flags & 4 else 32):
        raise ValueError("the key has not the length that the flags say")
    return ctr(content_key, data[header_size : header_size + size]).hex()


def answer(order):
    if "verify" in order:
        return verify(order["verify"], order.get("key"))
    if "dump" in order:
        return dump(order["dump"])
    if "decrypt" in order:
        return decrypt(order["decrypt"], order["key"])
    ((name, arguments),) = order.items()
    return command(name, arguments)


for line in sys.stdin:
    try:
        reply = {"ok": answer(json.loads(line))}
    except SystemExit as error:
        reply = {"error": "exit " + str(error.code)}
    except BaseException as error:
        reply = {"error": type(error).__name__ + ": " + (getattr(error, "message", None) or str(error))}
    print(json.dumps(reply, default=lambda value: value.hex()), flush=True)
