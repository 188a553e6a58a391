"""Packages, modules, licences and certificates as docs/sfi-format.md has them, written from that page alone.

Nothing of Ironroot is used: AES-GCM, ECDH, ECDSA, HMAC and SHA-256 are those of the Python package `cryptography`, HPKE is put
together from them as RFC 9180 says. Each command reads and writes files, and prints JSON.
"""

import hashlib
import hmac
import json
import struct
import sys

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

HEADER = struct.Struct("<8sHHI8sIIII12sI32s24s16s")
AREA = struct.Struct("<sBHIIIII32s8s16s")
MODULE = struct.Struct("<8sII16sI12s")
TERMS = struct.Struct("<IIII8s")
assert (HEADER.size, AREA.size, MODULE.size, TERMS.size) == (128, 80, 48, 24)


def sha256(data):
    return hashlib.sha256(data).digest()


# --- RFC 9180: DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-128-GCM, base mode -------------------------------------------

KEM = b"KEM" + struct.pack(">H", 0x0010)
SUITE = b"HPKE" + struct.pack(">HHH", 0x0010, 0x0001, 0x0001)


def extract(salt, ikm):
    return hmac.new(salt or bytes(32), ikm, hashlib.sha256).digest()


def expand(prk, info, length):
    block, out, counter = b"", b"", 1
    while len(out) < length:
        block = hmac.new(prk, block + info + bytes([counter]), hashlib.sha256).digest()
        out, counter = out + block, counter + 1
    return out[:length]


def labeled_extract(suite, salt, label, ikm):
    return extract(salt, b"HPKE-v1" + suite + label + ikm)


def labeled_expand(suite, prk, label, info, length):
    return expand(prk, struct.pack(">H", length) + b"HPKE-v1" + suite + label + info, length)


def schedule(dh, encapsulated, recipient, info):
    """Key and base nonce; both points uncompressed with their leading 4."""
    prk = labeled_extract(KEM, b"", b"eae_prk", dh)
    shared = labeled_expand(KEM, prk, b"shared_secret", encapsulated + recipient, 32)
    context = b"\0" + labeled_extract(SUITE, b"", b"psk_id_hash", b"") + labeled_extract(SUITE, b"", b"info_hash", info)
    secret = labeled_extract(SUITE, shared, b"secret", b"")
    return labeled_expand(SUITE, secret, b"key", context, 16), labeled_expand(SUITE, secret, b"base_nonce", context, 12)


# --- keys ---------------------------------------------------------------------------------------------------------------


def private_key(path):
    return serialization.load_pem_private_key(open(path, "rb").read(), None)


def public_key(path):
    data = open(path, "rb").read()
    if b"PRIVATE" in data:
        return private_key(path).public_key()
    return serialization.load_pem_public_key(data)


def point(public):
    numbers = public.public_numbers()
    return numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")


def from_point(xy):
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x04" + xy)


# --- certificate and licence --------------------------------------------------------------------------------------------


def read_certificate(path, maker):
    data = open(path, "rb").read()
    assert len(data) == 136, len(data)
    signature = encode_dss_signature(int.from_bytes(data[72:104], "big"), int.from_bytes(data[104:], "big"))
    maker.verify(signature, sha256(data[:72]), ec.ECDSA(Prehashed(hashes.SHA256())))
    return data[:8], data[8:72]


LICENCE_INFO = b"ironroot sfi licence v1"


def open_licence(licence, product, device):
    """Kind, least version, package id, key."""
    assert len(licence) == 136, len(licence)
    kind, session, least, services, fingerprint = TERMS.unpack(licence[:24])
    own = point(device.public_key())
    assert session == 0 and fingerprint == sha256(own)[:8]
    encapsulated = licence[24:88]
    dh = device.exchange(ec.ECDH(), from_point(encapsulated))
    key, nonce = schedule(dh, b"\x04" + encapsulated, b"\x04" + own, LICENCE_INFO + licence[:24])
    sealed = AESGCM(key).decrypt(nonce, licence[88:], product + own)
    return kind, least, sealed[:16], sealed[16:]


def seal_licence(kind, least, product, device_point, package_id, firmware_key):
    terms = TERMS.pack(kind, 0, least, 0, sha256(device_point)[:8])
    once = ec.generate_private_key(ec.SECP256R1())
    encapsulated = point(once.public_key())
    dh = once.exchange(ec.ECDH(), from_point(device_point))
    key, nonce = schedule(dh, b"\x04" + encapsulated, b"\x04" + device_point, LICENCE_INFO + terms)
    return terms + encapsulated + AESGCM(key).encrypt(nonce, package_id + firmware_key, product + device_point)


# --- package and module -------------------------------------------------------------------------------------------------


def vector(nonce, index):
    counter = (int.from_bytes(nonce[8:], "little") + index) % 2**32
    return nonce[:8] + counter.to_bytes(4, "little")


def open_package(data, key):
    """Header fields and the areas with their plaintext."""
    magic, form, length, zero, product, version, services, count, total, nonce, token, digest, rest, tag = HEADER.unpack(
        data[:128]
    )
    assert (magic, form, length, zero, rest) == (b"IRSFIPKG", 1, 128, 0, bytes(24)), "header"
    assert total == len(data)
    gcm = AESGCM(key)
    assert gcm.decrypt(vector(nonce, 0), tag, data[:112]) == b""
    table = [data[128 + 80 * i : 208 + 80 * i] for i in range(count)]
    assert digest == sha256(b"".join(entry[:64] for entry in table))
    at, areas = 128 + 80 * count, []
    for number, entry in enumerate(table, 1):
        kind, zero, index, size, address, areas_of, version_of, zero4, plain_hash, zero8, area_tag = AREA.unpack(entry)
        assert (zero, zero4, zero8) == (0, 0, bytes(8)) and size <= 65536
        assert (index, areas_of, version_of) == (number, count, version)
        plain = gcm.decrypt(vector(nonce, index), data[at : at + size] + area_tag, data[:112] + entry[:64])
        assert sha256(plain) == plain_hash
        areas.append((kind.decode(), address, plain))
        at += size
    assert at == total and [kind for kind, _, _ in areas].index("C") == count - 1
    return {"product": product, "version": version, "id": sha256(data[:128])[:16]}, areas


def make_package(product, version, token, key, nonce, areas):
    gcm = AESGCM(key)
    head = [
        AREA.pack(kind, 0, i, len(plain), address, len(areas), version, 0, sha256(plain), bytes(8), bytes(16))[:64]
        for i, (kind, address, plain) in enumerate(areas, 1)
    ]
    total = 128 + 80 * len(areas) + sum(len(plain) for _, _, plain in areas)
    fields = (b"IRSFIPKG", 1, 128, 0, product, version, 0, len(areas), total, nonce, token, sha256(b"".join(head)))
    header = HEADER.pack(*fields, bytes(24), bytes(16))[:112]
    header += gcm.encrypt(vector(nonce, 0), b"", header)
    sealed = [
        gcm.encrypt(vector(nonce, i), plain, header[:112] + head[i - 1]) for i, (_, _, plain) in enumerate(areas, 1)
    ]
    table = b"".join(entry + data[-16:] for entry, data in zip(head, sealed))
    return header + table + b"".join(data[:-16] for data in sealed)


def make_module(destination, version, key, nonce, code):
    head = MODULE.pack(b"IRMODULE", destination, len(code), bytes(16), version, nonce)
    sealed = AESGCM(key).encrypt(vector(nonce, 0), code, head[:16] + head[32:])
    return head[:16] + sealed[-16:] + head[32:] + sealed[:-16]


def option(register, value, mask):
    return struct.pack("<III", register, value, mask)


# --- commands -----------------------------------------------------------------------------------------------------------


def command_open(package, licence, certificate, device, maker):
    """Opens what Ironroot made: certificate, licence, package; prints what is in it."""
    product, xy = read_certificate(certificate, public_key(maker))
    private = private_key(device)
    assert xy == point(private.public_key())
    kind, least, package_id, key = open_licence(open(licence, "rb").read(), product, private)
    header, areas = open_package(open(package, "rb").read(), key)
    assert header["id"] == package_id and header["product"] == product
    shown = [{"kind": kind, "address": address, "hex": plain.hex()} for kind, address, plain in areas]
    print(json.dumps({"kind": kind, "least": least, "key": key.hex(), "version": header["version"], "areas": shown}))


def command_make(firmware, key, package, module, module_key):
    """Makes what Ironroot shall take: firmware, a module behind PCROP, keys of the device, and option bytes."""
    plain = open(firmware, "rb").read()
    plain += b"\xff" * (-len(plain) % 32)
    made = make_module(0x08020000, 3, open(module_key, "rb").read(), b"a nonce of m", bytes(range(64)))
    open(module, "wb").write(made)
    areas = [(b"F", 0x08000000 + at, plain[at : at + 65536]) for at in range(0, len(plain), 65536)]
    areas.append((b"M", 0x08020000, made))
    areas.append((b"K", 0, struct.pack("<IIII", 16, 0x0801C000, 32, 0x0801C040)))
    areas.append((b"E", 0x90000000, b"external" * 4))
    areas.append((b"C", 0, option(0x02C, 0x02010200, 0x8FFF0FFF) + option(0x034, 0x81FF0000, 0x8FFF0FFF)))
    # The last word of the nonce is at its end: the vectors go round.
    nonce = b"nonce 96" + b"\xff\xff\xff\xff"
    data = make_package(b"48302001", 7, 0x080FFFA0, open(key, "rb").read(), nonce, areas)
    open(package, "wb").write(data)
    print(json.dumps({"id": sha256(data[:128])[:16].hex(), "areas": len(areas)}))


def command_seal(licence, certificate, maker, package, key):
    """Seals a licence as the server does."""
    product, xy = read_certificate(certificate, public_key(maker))
    package_id = sha256(open(package, "rb").read()[:128])[:16]
    open(licence, "wb").write(seal_licence(1, 0, product, xy, package_id, open(key, "rb").read()))
    print("{}")


def command_scalar(device):
    """The private number of a key file."""
    print(json.dumps(private_key(device).private_numbers().private_value.to_bytes(32, "big").hex()))


if __name__ == "__main__":
    globals()["command_" + sys.argv[1]](*sys.argv[2:])
