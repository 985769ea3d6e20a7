# SPDX-License-Identifier: Apache-2.0
"""Finding real photographs on this machine."""
import struct
from pathlib import Path

MOST = 12
SEARCHED = ["/usr/share/backgrounds", "/usr/share/wallpapers", "/usr/share/images",
            "/usr/share/lomiri-wallpapers", "/usr/share/mate-background-properties",
            "/usr/share/desktop-base"]
LEAST_BYTES, MOST_BYTES = 30_000, 8_000_000
LEAST_WIDTH = 640
PACKAGE = "lomiri-wallpapers-16.04"


class NoPhotographs(Exception):
    pass


def jpeg_size(data):
    """(width, height, channels) of a JPEG, None if these are not the bytes of one."""
    if data[:2] != b"\xff\xd8":
        return None
    at = 2
    while at + 9 < len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], struct.unpack(">H", data[at + 2:at + 4])[0]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width, channels = struct.unpack(">HHB", data[at + 5:at + 10])
            return width, height, channels
        at += 2 + length
    return None


def is_photograph(path):
    try:
        if not LEAST_BYTES <= path.stat().st_size <= MOST_BYTES:
            return False
        size = jpeg_size(path.read_bytes())
    except OSError:
        return False
    return size is not None and size[0] >= LEAST_WIDTH and size[2] == 3


def jpegs_under(folder):
    return sorted(path for path in Path(folder).rglob("*")
                  if path.suffix.lower() in (".jpg", ".jpeg") and path.is_file())


def find(folder=None):
    """At most 12 photographs from the folder, or from where Debian's packages put such."""
    if folder is not None and not Path(folder).is_dir():
        raise NoPhotographs(f"--photos: {folder} is no folder")
    found = []
    for place in [folder] if folder is not None else SEARCHED:
        for path in jpegs_under(place):
            if len(found) < MOST and is_photograph(path):
                found.append(path)
    if not found:
        raise NoPhotographs(
            f"no photographs (colour JPEG, {LEAST_WIDTH} pixels wide or more, up to "
            f"{MOST_BYTES // 1_000_000} MB) in {folder or ', '.join(SEARCHED)}: install Debian's "
            f"{PACKAGE} (tools/setup does), or name a folder with --photos")
    return found


def link_into(folder, photographs):
    """Links them under names that need no quoting in a URL; returns the names."""
    names = []
    for number, path in enumerate(photographs, 1):
        names.append(f"photo-{number:02}.jpg")
        (Path(folder) / names[-1]).symlink_to(path.resolve())
    return names
