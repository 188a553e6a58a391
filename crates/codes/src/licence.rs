//! IR-6xxx: the licence server. 60xx decisions, 602x store and keys of the server, 603x audit log, 604x the way to it, 605x
//! administration.

use crate::table::codes;

codes! {
    6001 FIRMWARE_UNKNOWN Licence: "The server does not know this firmware",
        "No firmware of that name is registered, or the package is not the one that was registered under it.",
        "No licence was given and none was counted.",
        "Register the package with `ironroot license firmware add`, or ask for the right name.";
    6002 QUOTA_EXHAUSTED Licence: "The quota is used up",
        "As many devices as the quota allows have a licence for this firmware at this site.",
        "No licence was given. Devices that have one get it again.",
        "Have the product owner grant more: `ironroot license quota grant`.";
    6003 QUOTA_MISSING Licence: "This site has no quota for this firmware",
        "No quota was created for this firmware and the site of the station's certificate.",
        "No licence was given and none was counted.",
        "Have the product owner create one: `ironroot license quota create`.";
    6004 QUOTA_EXPIRED Licence: "The quota has expired",
        "Its last day is over.",
        "No licence was given. Devices that have one get it again.",
        "Have the product owner create a new quota.";
    6005 QUOTA_CLOSED Licence: "The quota is closed",
        "The product owner closed it.",
        "No licence was given. Devices that have one get it again.",
        "Ask the product owner.";
    6006 DEVICE_REVOKED Licence: "The device is revoked",
        "Its key is on the list of revoked devices.",
        "No licence was given, also none that it had before.",
        "Treat the device as lost or copied.";
    6007 STATION_REVOKED Licence: "The station is revoked",
        "Its certificate is on the list of revoked stations.",
        "No licence was given.",
        "Give the station a new certificate if it is genuine.";
    6008 STATION_UNKNOWN Licence: "The station's certificate names no site",
        "Its subject has no organisation (the site) or no common name (the station).",
        "No licence was given.",
        "Make its certificate with `ironroot license station new`.";
    6009 REQUEST_REUSED Licence: "The request id was used for another request",
        "The same id came with another device or firmware.",
        "No licence was given and none was counted.",
        "Use a new id for each request; the same id only to repeat one.";
    6010 PRODUCT_MISMATCH Licence: "The device is another kind of chip",
        "The product id in its certificate is not the one that the firmware is for.",
        "No licence was given and none was counted.",
        "Use the right device or the right firmware.";
    6011 REQUEST_MALFORMED Licence: "The request is malformed",
        "A field is missing or is not what the interface asks for.",
        "No licence was given and none was counted.",
        "Use `ironroot sfi install`, or see docs/licence-server.md for the fields.";

    6021 STORE_UNAVAILABLE Transport: "The licence store cannot be reached",
        "The database is down, does not answer, or does not take the change.",
        "Nothing is known to be counted; if it was, the same device gets the same licence again.",
        "Repeat the request; look at the server's log and its database.";
    6022 STORE_SCHEMA Usage: "The licence store is of another version",
        "It was made by a newer Ironroot, or is not a licence store.",
        "Nothing was changed.",
        "Use the version of Ironroot that made it, or name another store.";
    6023 VAULT_LOCKED Usage: "The key vault does not open",
        "The passphrase or PIN is wrong, or the file is not a vault.",
        "Nothing was changed.",
        "Give the right passphrase file, or make a vault with `ironroot license vault new`.";
    6024 VAULT_KEY Internal: "A firmware key does not open in this vault",
        "It was stored with another vault, or the store was changed.",
        "No licence was given and none was counted.",
        "Use the vault that the firmware was registered with.";
    6025 SERVER_START Usage: "The licence server cannot start",
        "Its address is taken, or a certificate or key file cannot be used.",
        "Nothing was started.",
        "See the cause above; `ironroot license ca new` makes a working set of files.";

    6031 AUDIT_BROKEN Verification: "The audit log was changed",
        "An entry's hash is not that of its content and its predecessor, or an entry is missing.",
        "Nothing behind that entry can be trusted.",
        "Compare with an earlier export; treat the store as tampered with.";
    6032 AUDIT_OVERRUN Verification: "The audit log shows more licences than were granted",
        "More devices got a licence than quotas allow, or one serial number appears twice.",
        "The log is intact; what it records must not happen.",
        "Close the quota and report this.";
    6033 AUDIT_SHORTENED Verification: "The audit log does not go as far as it should",
        "Its last hash or its number of entries is not the one that was asked for, or an entry that was there is not.",
        "Entries at its end are missing, or it is another log.",
        "Export it again; if it still differs, treat the store as tampered with.";

    6041 SERVER_UNREACHABLE Transport: "The licence server does not answer",
        "No connection within the time limit, or it was cut.",
        "The device was not touched. If the server counted a licence, the same device gets it again.",
        "Repeat the command; check address and network.";
    6042 SERVER_ANSWER Transport: "The licence server's answer makes no sense",
        "It is not JSON of the interface, or the licence in it is malformed.",
        "The device was not touched.",
        "Check that the address is that of a licence server.";
    6043 SERVER_UNTRUSTED Transport: "The licence server and this station do not trust each other",
        "The TLS handshake failed: expired, foreign or missing certificate on one side.",
        "Nothing was sent.",
        "Check validity and issuer of both certificates.";

    6051 ALREADY_EXISTS Usage: "It exists already",
        "A firmware, quota or revocation of that name is in the store.",
        "Nothing was changed.",
        "Show it, and change it with the command that does that.";
    6052 NOT_FOUND Usage: "It does not exist",
        "The store has no firmware or quota of that name.",
        "Nothing was changed.",
        "List what there is.";
    6053 AUTHORITY_UNUSABLE Usage: "The authority cannot issue this certificate",
        "Its certificate or key is damaged, has expired, is of no authority, or the two do not belong together.",
        "No certificate was made.",
        "Name the directory of `ironroot license ca new`, with authority.pem and authority.key as it made them.";
    6054 FIRMWARE_ISSUED Usage: "Licences were given for this firmware",
        "Devices have it, and the audit log counts them: it can be closed, not taken back.",
        "Nothing was changed.",
        "Close its quotas with `ironroot license quota close`.";
}
