#!/usr/bin/env python3
"""The house's rules, read from the sources: fails on an include that no room declared.

A room is a folder under src/. Its CMakeLists.txt names in `moldau_room(... USES ...)` the rooms that it may
include; each of those must stand on a lower level. Heavy third-party headers stay out of headers.

    check_rooms.py ROOT            check the tree
    check_rooms.py --self-test     check that each rule can fail
"""
import pathlib
import re
import sys
import tempfile

LEVELS = {
    "base": 0,
    "wire": 1, "record": 1, "raft": 1, "runtime": 1, "telemetry": 1,
    "config": 2, "metadata": 2, "storage": 2, "group": 2, "transaction": 2, "share": 2,
    "controller": 3, "quorum": 3, "replication": 3, "client": 3,
    "coordinator": 4, "peer": 4, "security": 4, "cli": 4,
    "server": 5, "admin": 5,
    "node": 6,
    "platform": 7,  # the real World: nobody names it but main.cc
}
HEAVY = ("boost/", "spdlog/", "google/protobuf", "yaml-cpp/", "CLI/", "openssl/", "prometheus/", "re2/",
         "fmt/", "zstd", "lz4", "zlib", "snappy", "isa-l")
# What the public headers of the client may include beside each other: the standard library, by its names without a dot.
STANDARD = re.compile(r"^[a-z_]+$")
INCLUDE = re.compile(r'^\s*#include\s+(["<])([^">]+)[">]', re.M)


def uses_of(cmake: str) -> set:
    match = re.search(r"moldau_room\(\s*\w+(.*?)\n?\)", cmake, re.S)
    body = re.sub(r"#.*", "", match.group(1)) if match else ""
    match = re.search(r"USES\s+((?:\w+\s*)+?)(?:LIBRARIES|SOURCES|$)", body, re.S)
    return set(match.group(1).split()) if match else set()


def check(root: pathlib.Path) -> list:
    problems = []
    src = root / "src"
    for folder in sorted(p for p in src.iterdir() if p.is_dir()):
        room = folder.name
        if room not in LEVELS:
            problems.append(f"src/{room}: a room that the list of levels does not know")
            continue
        cmake = folder / "CMakeLists.txt"
        uses = uses_of(cmake.read_text()) if cmake.exists() else set()
        for used in uses:
            if used not in LEVELS:
                problems.append(f"src/{room}/CMakeLists.txt: uses the unknown room {used}")
            elif used == "platform" or LEVELS[used] >= LEVELS[room]:
                problems.append(f"src/{room}/CMakeLists.txt: {room} (level {LEVELS[room]}) may not use {used} "
                                f"(level {LEVELS[used]})")
        for file in sorted(folder.rglob("*")):
            if file.suffix not in (".h", ".cc"):
                continue
            for quote, path in INCLUDE.findall(file.read_text()):
                where = f"{file.relative_to(root)}: includes {path}"
                target = path.split("/")[0]
                if quote == '"' and target in LEVELS and target != room and target not in uses:
                    problems.append(f"{where}: {room} does not declare that it uses {target}")
                if file.suffix == ".h" and path.startswith(HEAVY):
                    problems.append(f"{where}: heavy headers belong in .cc files")
                if path.startswith(("simulation/", "gtest/")):
                    problems.append(f"{where}: production code does not know the tests")
    return problems + check_public_headers(root)


def check_public_headers(root: pathlib.Path) -> list:
    """Who embeds the client needs nothing but its headers and a standard library."""
    problems = []
    for file in sorted((root / "include").rglob("*.h")):
        for quote, path in INCLUDE.findall(file.read_text()):
            own = quote == '"' and path.startswith("moldau/") and (root / "include" / path).exists()
            if not own and not (quote == "<" and STANDARD.match(path)):
                problems.append(f"{file.relative_to(root)}: includes {path}: a public header includes only std and "
                                "public headers")
    return problems


def self_test() -> list:
    def tree(files):
        root = pathlib.Path(tempfile.mkdtemp())
        for name, text in files.items():
            path = root / ("include" if name.startswith("moldau/") else "src") / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return root

    good = {"base/CMakeLists.txt": "moldau_room(base)\n", "base/a.h": "#include <vector>\n",
            "wire/CMakeLists.txt": "moldau_room(wire USES base)\n", "wire/a.h": '#include "base/a.h"\n',
            "moldau/a.h": "#include <vector>\n", "moldau/b.h": '#include "moldau/a.h"\n'}
    bad = {
        "an undeclared edge": {"wire/b.cc": '#include "record/batch.h"\n'},
        "an upward edge": {"base/CMakeLists.txt": "moldau_room(base USES wire)\n"},
        "an edge of equals": {"wire/CMakeLists.txt": "moldau_room(wire\n  USES base record\n  LIBRARIES x)\n"},
        "a heavy header": {"wire/b.h": "#include <boost/asio.hpp>\n"},
        "an unknown room": {"attic/a.h": ""},
        "a room in a public header": {"moldau/b.h": '#include "base/a.h"\n'},
        "a library in a public header": {"moldau/b.h": "#include <boost/asio.hpp>\n"},
        "the system in a public header": {"moldau/b.h": "#include <unistd.h>\n"},
        "a public header that is not there": {"moldau/b.h": '#include "moldau/c.h"\n'},
        "a test in production": {"wire/b.cc": '#include "simulation/world.h"\n'},
    }
    problems = [f"self-test: refused a good tree: {p}" for p in check(tree(good))]
    for name, files in bad.items():
        if not check(tree({**good, **files})):
            problems.append(f"self-test: did not see {name}")
    return problems


def main() -> int:
    problems = self_test() if sys.argv[1:] == ["--self-test"] else check(pathlib.Path(sys.argv[1]).resolve())
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
