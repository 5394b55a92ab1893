"""Encodes and decodes every message of src/wire/schema as Python dicts with Kafka's JSON names ("throttleTimeMs"). Fields
that are not given are encoded as their default. That the schemas are Kafka's is what vectors.sh shows."""

import pathlib
import struct
import sys
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "src" / "wire"))
import schema as model  # noqa: E402

NUMBERS = {"int8": "b", "int16": "h", "int32": "i", "int64": "q", "uint16": "H", "uint32": "I", "bool": "?",
           "float64": "d", "error": "h"}
ZERO_UUID = uuid.UUID(int=0)

SCHEMAS = {s.name: s for s in map(model.read, sorted((ROOT / "src/wire/schema").glob("*.schema"))) if s.key is not None}
REQUESTS = {s.name: m for s in SCHEMAS.values() for m in s.messages if m.kind == "request"}
RESPONSES = {s.name: m for s in SCHEMAS.values() for m in s.messages if m.kind == "response"}


def uvarint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7f | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


# Writing. -------------------------------------------------------------------------------------------------------

def default(field):
    if field.default in ("empty",):
        return []
    if field.array:
        return None if field.nullable else []
    if field.nullable:
        return None
    if field.default is not None:
        limit = model.LIMITS.get(field.default)
        return limit if limit is not None else field.default == "true" if field.type == "bool" else int(field.default)
    if field.struct:
        return {}
    return {"string": "", "bytes": b"", "records": b"", "uuid": ZERO_UUID, "bool": False}.get(field.type, 0)


def length(size, flexible, short):
    if flexible:
        return uvarint(0 if size is None else size + 1)
    return struct.pack(">h" if short else ">i", -1 if size is None else size)


def write_value(field, value, version, flexible):
    if field.struct:
        return write_struct(field.struct, value, version, flexible)
    if field.type in NUMBERS:
        return struct.pack(">" + NUMBERS[field.type], value)
    if field.type == "uuid":
        return value.bytes
    content = value.encode() if isinstance(value, str) else value
    return length(None if content is None else len(content), flexible, field.type == "string") + (content or b"")


def write_field(field, value, version, flexible):
    if field.array:
        items = b"".join(write_value(field, item, version, flexible) for item in value or [])
        return length(None if value is None else len(value), flexible, False) + items
    if field.struct and field.nullable:
        return b"\xff" if value is None else b"\x01" + write_value(field, value, version, flexible)
    return write_value(field, value, version, flexible)


def write_struct(struct_, values, version, flexible):
    fields = [f for f in struct_.fields if version in f.versions]
    unknown = set(values) - {f.json_name for f in struct_.fields}
    if unknown:
        raise KeyError(f"{struct_.name} has no field {unknown}")
    out, tags = [], []
    for field in fields:
        value = values.get(field.json_name, default(field))
        if value is None and not (field.nullable and version in field.nullable):
            value = [] if field.array else "" if field.type == "string" else b""
        if field.tag is None:
            out.append(write_field(field, value, version, flexible))
        elif value != default(field):
            tags.append((field.tag, write_field(field, value, version, flexible)))
    if flexible:
        out.append(uvarint(len(tags)))
        for tag, content in sorted(tags):
            out.append(uvarint(tag) + uvarint(len(content)) + content)
    return b"".join(out)


def encode(api, version, values, message=None):
    message = message or REQUESTS[api]
    return write_struct(message.struct, values, version, version >= message.flexible_from)


def request_header(api, version, correlation_id, client_id="differential"):
    schema = SCHEMAS[api]
    client = struct.pack(">h", len(client_id)) + client_id.encode()
    tags = b"\x00" if version >= schema.flexible_from else b""
    return struct.pack(">hhi", schema.key, version, correlation_id) + client + tags


# Reading. -------------------------------------------------------------------------------------------------------

class Reader:
    def __init__(self, content):
        self.content, self.at = content, 0

    def take(self, size):
        if size < 0 or self.at + size > len(self.content):
            raise ValueError(f"{size} bytes wanted at {self.at} of {len(self.content)}")
        self.at += size
        return self.content[self.at - size:self.at]

    def number(self, form):
        return struct.unpack(">" + form, self.take(struct.calcsize(">" + form)))[0]

    def uvarint(self):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7f) << shift
            if byte < 0x80:
                return value
            shift += 7

    def length(self, flexible, short):
        size = self.uvarint() - 1 if flexible else self.number("h" if short else "i")
        return None if size < 0 else size

    def end(self):
        if self.at != len(self.content):
            raise ValueError(f"{len(self.content) - self.at} bytes are left over")


def read_value(field, reader, version, flexible):
    if field.struct:
        return read_struct(field.struct, reader, version, flexible)
    if field.type in NUMBERS:
        return reader.number(NUMBERS[field.type])
    if field.type == "uuid":
        return uuid.UUID(bytes=reader.take(16))
    size = reader.length(flexible, field.type == "string")
    content = None if size is None else reader.take(size)
    return content.decode() if field.type == "string" and content is not None else content


def read_field(field, reader, version, flexible):
    if field.array:
        count = reader.length(flexible, False)
        return None if count is None else [read_value(field, reader, version, flexible) for _ in range(count)]
    if field.struct and field.nullable and reader.number("b") < 0:
        return None
    return read_value(field, reader, version, flexible)


def read_struct(struct_, reader, version, flexible):
    fields = [f for f in struct_.fields if version in f.versions]
    values = {f.json_name: read_field(f, reader, version, flexible) for f in fields if f.tag is None}
    if flexible:
        tagged = {f.tag: f for f in fields if f.tag is not None}
        for _ in range(reader.uvarint()):
            tag, size = reader.uvarint(), reader.uvarint()
            content = Reader(reader.take(size))
            if tag not in tagged:
                values[f"unknown tag {tag}"] = content.content
                continue
            values[tagged[tag].json_name] = read_field(tagged[tag], content, version, flexible)
            content.end()
    return values


def decode_response(api, version, frame):
    """Correlation id and fields of a whole response frame without its size."""
    message, reader = RESPONSES[api], Reader(frame)
    correlation_id = reader.number("i")
    flexible = version >= message.flexible_from
    if flexible and api != "ApiVersions" and reader.uvarint() != 0:
        raise ValueError("the response header has tags")
    values = read_struct(message.struct, reader, version, flexible)
    reader.end()
    return correlation_id, values
