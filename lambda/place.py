"""Puts the one binary in place for each door, and its zip beside it, and says how large that is."""

import shutil
import sys
import zipfile
from pathlib import Path

DOORS = ["webhook", "dispatch", "callback", "sweep"]

built, target = Path(sys.argv[1]), Path(sys.argv[2])
for door in DOORS:
    folder = target / door
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy2(built, folder / "bootstrap")
    archive = target / f"{door}.zip"
    # No time of building: the same binary is the same zip.
    entry = zipfile.ZipInfo("bootstrap", (1980, 1, 1, 0, 0, 0))
    entry.external_attr = 0o100755 << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr(entry, built.read_bytes(), compresslevel=9)
    print(f"{archive}: {archive.stat().st_size} bytes, of a binary of {built.stat().st_size}")
