"""Object code, and what it is found by, kept on disk: the next process need not compile again.

Whoever can write to the folder can have this process run what they like, so the folder must
belong to the user and be writable by nobody else; if it is not, nothing is read or written. Each
file says what it is the code of and carries a digest, for what is cut short must not be linked.
Whatever goes wrong on the way to the disk means a compilation, never an error.

``TAYLORAD_CACHE`` names another folder; empty or blank, it switches this off.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import sys
import tempfile
import time
from hashlib import sha256
from itertools import count
from pathlib import Path

__all__ = ["LARGEST", "folder", "load", "store"]

LARGEST = 256 * 2**20  # bytes of object code that the folder may hold
_MAGIC = b"taylorad object code 1\n"
_OURS = re.compile(r"[0-9a-f]{64}\.(object|\w+\.part)")
_STORED = count()


def load(key: str) -> bytes | None:
    """Return the object code stored under a key (a hexadecimal digest), or None."""
    directory = folder()
    if directory is None:
        return None
    path = directory / f"{key}.object"
    try:
        with open(path, "rb") as file:
            if not _private(os.fstat(file.fileno())):
                return None
            content = file.read()
        head = _header(key, content[len(_header(key, b"")) :])
        if content[: len(head)] != head:
            return None
        os.utime(path)  # the least recently used go first
    except OSError:
        return None
    return content[len(head) :]


def store(key: str, image: bytes) -> None:
    """Store object code under a key, in one step that other processes see whole or not at all."""
    directory = folder()
    if directory is None:
        return
    with contextlib.suppress(OSError):
        handle, unfinished = tempfile.mkstemp(prefix=f"{key}.", suffix=".part", dir=directory)
        try:
            with open(handle, "wb") as file:
                file.write(_header(key, image) + image)
            os.replace(unfinished, directory / f"{key}.object")
        except OSError:
            os.unlink(unfinished)
            raise
        if next(_STORED) % 64 == 0:
            _make_room(directory)


def folder() -> Path | None:
    """Return the folder, made if need be; None if there is none that can be trusted."""
    try:
        directory = _wanted()
        if directory is None:
            return None
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = directory.stat()
    except (OSError, RuntimeError):  # there is no home, or no permission
        return None
    return directory if stat.S_ISDIR(found.st_mode) and _private(found) else None


def _wanted() -> Path | None:
    told = os.environ.get("TAYLORAD_CACHE")
    if told is not None:
        return Path(told) if told.strip() else None
    if sys.platform == "win32":
        parent = os.environ.get("LOCALAPPDATA")
    elif sys.platform == "darwin":
        parent = os.path.expanduser("~/Library/Caches")
    else:
        parent = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    # A path that is not absolute means there is no home, or a broken setting.
    return Path(parent) / "taylorad" if parent and os.path.isabs(parent) else None


def _private(found: os.stat_result) -> bool:
    if not hasattr(os, "getuid"):  # Windows: a profile's folders are the user's own
        return True
    return found.st_uid == os.getuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _header(key: str, image: bytes) -> bytes:
    return _MAGIC + bytes.fromhex(key) + sha256(image).digest()


def _make_room(directory: Path) -> None:
    """Remove what was used least recently, and what a process left when it died writing."""
    files, now = [], time.time()
    with os.scandir(directory) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):  # another process may be doing the same
                kind = _OURS.fullmatch(entry.name)
                about = entry.stat()
                if kind and kind[1] == "object":
                    files.append((about.st_mtime, about.st_size, entry.path))
                elif kind and about.st_mtime < now - 3600:
                    os.unlink(entry.path)
    size = sum(row[1] for row in files)
    if size <= LARGEST:
        return
    for _, freed, path in sorted(files):
        with contextlib.suppress(OSError):
            os.unlink(path)
        size -= freed
        if size <= LARGEST * 3 // 4:  # so that the next few have room too
            return
