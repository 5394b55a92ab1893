"""Replicas of a partition compared on disk, after an orderly stop: every replica holds the same batches, with the same
offsets, leader epochs and bytes. Kafka's segment files, read here without any of Moldau's code."""

import os
import struct
import zlib

HEADER = struct.Struct(">qiibIhi")  # base offset, length, leader epoch, magic, CRC-32C, attributes, last offset delta
AFTER_LENGTH = 12


def batches(folder):
    """(base offset, last offset, leader epoch, CRC-32 of all from magic on) of each batch of a partition's folder."""
    for name in sorted(name for name in os.listdir(folder) if name.endswith(".log")):
        with open(os.path.join(folder, name), "rb") as file:
            while len(head := file.read(HEADER.size)) == HEADER.size:
                base, length, epoch, magic, _, _, delta = HEADER.unpack(head)
                if length == 0:
                    break  # preallocated and never written
                assert magic == 2, f"{folder}/{name}: magic {magic} at {file.tell() - HEADER.size}"
                rest = file.read(AFTER_LENGTH + length - HEADER.size)
                yield base, base + delta, epoch, zlib.crc32(head[AFTER_LENGTH + 4:] + rest)


def logs(data_dir, topic):
    """Batches by partition of those that this data folder holds."""
    out = {}
    for name in os.listdir(data_dir):
        stem, _, partition = name.rpartition("-")
        if stem == topic and partition.isdigit():
            out[int(partition)] = list(batches(os.path.join(data_dir, name)))
    return out


def differences(data_dirs, topic):
    """One line for each partition whose replicas differ. `data_dirs`: by name of the node."""
    found = {name: logs(folder, topic) for name, folder in data_dirs.items()}
    lines = []
    for partition in sorted({partition for by_partition in found.values() for partition in by_partition}):
        holders = {name: by_partition[partition] for name, by_partition in found.items() if partition in by_partition}
        (first, reference), *others = holders.items()
        for name, log in others:
            if log != reference:
                lines.append(f"{topic}-{partition}: {first} and {name} differ: {first_difference(reference, log)}")
    return lines


def first_difference(one, other):
    for a, b in zip(one, other):
        if a != b:
            return f"{a} and {b}"
    return f"they end at {one[-1][1] if one else -1} and {other[-1][1] if other else -1}"
