#!/usr/bin/env python3
"""check_settings.py SRC: a setting that is said to have an effect is read somewhere: its name stands in the source
outside of the table, or in another setting's synonyms. One without a reader must say so (Support::harmless)."""

import pathlib
import re
import sys

TABLE = "broker_keys.cc"


def keys(text):
    """name, and what the table says of it."""
    parts = re.split(r'\{\s*\.name = "([^"]+)"', text)
    return list(zip(parts[1::2], parts[2::2]))


def main(source):
    text = (source / "config" / TABLE).read_text()
    others = "".join(path.read_text() for path in source.rglob("*")
                     if path.suffix in (".cc", ".h") and path.name != TABLE)
    synonyms = set(re.findall(r"[a-z0-9.]+", " ".join(re.findall(r'\.synonyms = "([^"]*)"', text + others))))
    table = keys(text)
    if len(table) < 100:
        sys.exit(f"the table of settings was not understood: {len(table)} keys")
    unread = [name for name, words in table
              if ".support" not in words and f'"{name}"' not in others and name not in synonyms]
    for name in unread:
        print(f"{name}: nothing reads it, yet {TABLE} says that it has an effect")
    sys.exit(1 if unread else 0)


main(pathlib.Path(sys.argv[1]))
