"""Reads schema/*.schema (form: schema/README.md) into Messages, Structs and Fields."""
import dataclasses
import pathlib
import re

UNBOUNDED = 32767
NUMBERS = {"int8": 1, "int16": 2, "int32": 4, "int64": 8, "uint16": 2, "uint32": 4}
SCALARS = set(NUMBERS) | {"bool", "float64", "uuid", "error", "string", "bytes", "records"}
LIMITS = {"MAX32": 2**31 - 1, "MIN32": -(2**31), "MAX64": 2**63 - 1}


class SchemaError(Exception):
    pass


@dataclasses.dataclass(frozen=True)
class Range:
    """Versions, both ends included."""
    low: int
    high: int

    def __contains__(self, version):
        return self.low <= version <= self.high

    def meet(self, other):
        """The versions in both, or None."""
        low, high = max(self.low, other.low), min(self.high, other.high)
        return Range(low, high) if low <= high else None

    def join(self, other):
        return Range(min(self.low, other.low), max(self.high, other.high))

    def covers(self, other):
        return self.low <= other.low and self.high >= other.high


ALL = Range(0, UNBOUNDED)


@dataclasses.dataclass(eq=False)
class Field:
    name: str                       # Kafka's: "ThrottleTimeMs"
    type: str                       # a scalar, or the name of a struct
    array: bool = False
    nullable: Range = None          # versions in which null is allowed
    versions: Range = ALL
    tag: int = None
    default: str = None
    secret: bool = False            # never printed
    alias: str = None               # a C++ name of its own
    struct: "Struct" = None         # of a field of structs

    @property
    def cpp_name(self):
        return self.alias or snake(self.name)

    @property
    def json_name(self):
        return self.name[0].lower() + self.name[1:]


@dataclasses.dataclass(eq=False)
class Struct:
    name: str
    fields: list = dataclasses.field(default_factory=list)
    nested: list = dataclasses.field(default_factory=list)  # structs declared within, in order
    versions: Range = None                                  # in which some field holds it
    path: str = ""                                          # "ProduceRequest::TopicData"


@dataclasses.dataclass(eq=False)
class Message:
    struct: Struct
    versions: Range
    flexible_from: int
    kind: str                       # "request", "response" or "data"


@dataclasses.dataclass(eq=False)
class Schema:
    stem: str                       # of the file's name: "list_offsets"
    purpose: str = ""
    key: int = None                 # of an API; None for data
    name: str = None
    versions: Range = None
    advertised: Range = None
    flexible_from: int = UNBOUNDED
    listeners: tuple = ()
    forwarded: bool = False
    messages: list = dataclasses.field(default_factory=list)


def snake(name):
    name = name.replace("KRaft", "Kraft")
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def parse_range(text):
    if match := re.fullmatch(r"(\d+)\+", text):
        return Range(int(match[1]), UNBOUNDED)
    if match := re.fullmatch(r"(\d+)(?:-(\d+))?", text):
        return Range(int(match[1]), int(match[2] or match[1]))
    raise SchemaError(f"not a range of versions: {text}")


def parse_field(text):
    words = text.split()
    match = re.fullmatch(r"(\[\])?(\w+)(\?([\d+-]*))?", words[1])
    if not match or not (match[2] in SCALARS or match[2][0].isupper()):
        raise SchemaError(f"not a type: {words[1]}")
    field = Field(words[0], match[2], bool(match[1]))
    if match[3]:
        field.nullable = parse_range(match[4]) if match[4] else ALL
    rest = words[2:]
    while rest:
        word = rest.pop(0)
        if word == "tag":
            field.tag = int(rest.pop(0))
        elif word == "=":
            field.default = rest.pop(0)
        elif word == "as":
            field.alias = rest.pop(0)
        elif word == "secret":
            field.secret = True
        elif word.startswith("v"):
            field.versions = parse_range(word[1:])
        else:
            raise SchemaError(f"unknown word {word}")
    return field


class Body:
    """The indented lines under `request`, `response` or `message`."""

    def __init__(self, root):
        self.root = root
        self.stack = [(0, root)]    # (indent of the line that opened it, struct)
        self.common = {}            # structs declared by `struct`

    def add(self, indent, text):
        while self.stack[-1][0] >= indent:
            self.stack.pop()
        outer = self.stack[-1][1]
        words = text.split()
        if words[0] == "struct":
            self.open(indent, outer, Struct(words[1]))
            self.common[words[1]] = outer.nested[-1]
            return
        field = parse_field(text)
        outer.fields.append(field)
        if field.type in SCALARS:
            return
        field.struct = self.common.get(field.type)
        if field.struct is None:
            field.struct = Struct(field.type)
            self.open(indent, outer, field.struct)

    def open(self, indent, outer, struct):
        if any(other.name == struct.name for other in outer.nested):
            raise SchemaError(f"{outer.name} declares {struct.name} twice")
        outer.nested.append(struct)
        self.stack.append((indent, struct))


def settle(struct, versions, path):
    """Spreads versions from the message down; drops what no version of it reaches."""
    struct.versions = struct.versions.join(versions) if struct.versions else versions
    struct.path = struct.path or path
    fields = []
    for field in struct.fields:
        reached = field.versions.meet(versions)
        if reached is None:
            if field.versions.meet(struct.versions):
                fields.append(field)
            continue
        fields.append(field)
        if field.struct:
            common = field.struct not in struct.nested
            settle(field.struct, reached, field.struct.path if common else f"{path}::{field.struct.name}")
    struct.fields = fields


def prune(struct):
    struct.nested = [inner for inner in struct.nested if inner.versions]
    for inner in struct.nested:
        prune(inner)


def read(path):
    path = pathlib.Path(path)
    schema = Schema(path.stem)
    body = None
    for number, line in enumerate(path.read_text().splitlines(), 1):
        try:
            body = read_line(schema, body, line)
        except (SchemaError, ValueError, IndexError, AttributeError) as error:
            raise SystemExit(f"{path}:{number}: {error}")
    for message in schema.messages:
        name = message.struct.name
        for inner in message.struct.nested:
            inner.path = f"{name}::{inner.name}"
        settle(message.struct, message.versions, name)
        prune(message.struct)
    return schema


def read_line(schema, body, line):
    text, _, comment = line.partition("#")
    if not text.strip():
        if comment and not schema.messages:
            schema.purpose = f"{schema.purpose} {comment.strip()}".strip()
        return body
    if line.startswith(" "):
        body.add(len(text) - len(text.lstrip()), text)
        return body
    words = text.split()
    if words[0] == "api":
        schema.key, schema.name = int(words[1]), words[2]
    elif words[0] == "versions":
        schema.versions = parse_range(words[1])
    elif words[0] == "advertised":
        schema.advertised = parse_range(words[1])
    elif words[0] == "flexible":
        schema.flexible_from = UNBOUNDED if words[1] == "never" else parse_range(words[1]).low
    elif words[0] == "listeners":
        schema.listeners = tuple(words[1:])
    elif words[0] == "forwarded":
        schema.forwarded = True
    elif words[0] in ("request", "response", "message"):
        name = words[1] if words[0] == "message" else schema.name + words[0].capitalize()
        kind = "data" if words[0] == "message" else words[0]
        schema.messages.append(Message(Struct(name), schema.versions, schema.flexible_from, kind))
        return Body(schema.messages[-1].struct)
    else:
        raise SchemaError(f"unknown word {words[0]}")
    return body
