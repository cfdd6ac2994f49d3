"""Puts a binary in place for each door that it opens, and its zip beside it, and says how large that is."""

import binascii
import io
import struct
import sys
import zipfile
from pathlib import Path

import zopfli.zlib

NAME = b"bootstrap"
# 1980-01-01, not the time of building: the same binary is the same zip.
TIME, DATE = 0, 33
DEFLATED, BY_UNIX, RUNS = 8, 3 << 8 | 20, 0o100755 << 16


def without_unwinding(elf: bytes) -> bytes:
    """Blanks the tables by which a stack is unwound: a panic ends the process (`panic = "abort"`), so nobody reads them, but the standard
    library and what is written in C bring them all the same."""
    blanked = bytearray(elf)
    (sections_at,) = struct.unpack_from("<Q", elf, 0x28)
    size, count, names = struct.unpack_from("<3H", elf, 0x3A)
    sections = [struct.unpack_from("<2I4Q", elf, sections_at + n * size) for n in range(count)]
    names_at = sections[names][4]
    for name, _kind, _flags, _address, at, length in sections:
        name = elf[names_at + name : elf.index(0, names_at + name)]
        if name in (b".eh_frame", b".eh_frame_hdr", b".gcc_except_table"):
            blanked[at : at + length] = bytes(length)
    return bytes(blanked)


def zipped(content: bytes) -> bytes:
    """A zip with the one file, packed as small as it gets: it is packed once, and fetched whenever a function begins."""
    # Python's zipfile takes no bytes that are packed already, so the few fields are written here.
    packed = zopfli.zlib.compress(content, numiterations=5)[2:-4]
    sizes = binascii.crc32(content), len(packed), len(content), len(NAME)
    local = struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, 0, DEFLATED, TIME, DATE, *sizes, 0) + NAME + packed
    central = struct.pack("<4s6H3L5H2L", b"PK\x01\x02", BY_UNIX, 20, 0, DEFLATED, TIME, DATE, *sizes, 0, 0, 0, 0, RUNS, 0) + NAME
    whole = local + central + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(central), len(local), 0)
    if zipfile.ZipFile(io.BytesIO(whole)).read("bootstrap") != content:
        sys.exit("the zip does not hold what was packed")
    return whole


built, target, doors = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
content = without_unwinding(built.read_bytes())
archive = zipped(content)
for door in doors:
    folder = target / door
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bootstrap").write_bytes(content)
    (folder / "bootstrap").chmod(0o755)
    (target / f"{door}.zip").write_bytes(archive)
    print(f"{target / door}.zip: {len(archive)} bytes, of a binary of {len(content)}")
