#!/usr/bin/env python3
"""Generates C++ from schema/*.schema.

    generate.py messages ROOT FILE.schema      ROOT/wire/messages/FILE.h and FILE.cc
    generate.py tables ROOT FILE.schema...     ROOT/wire/api_key.h and ROOT/wire/tables.cc
"""
import pathlib
import sys

import schema as model
from schema import LIMITS, NUMBERS, UNBOUNDED, Range

CPP = {"bool": "bool", "float64": "double", "uuid": "Uuid", "error": "ErrorCode", "string": "std::string",
       "bytes": "Slice", "records": "SliceList", **{name: f"std::{name}_t" for name in NUMBERS}}
CPP_FIXED_SIZE = {**NUMBERS, "bool": 1, "float64": 8, "uuid": 16, "error": 2}
PRODUCED = "// Generated from src/wire/schema/{}.schema by src/wire/generate.py.\n"


# --- types and defaults

def cpp_type(field):
    inner = field.struct.name if field.struct else CPP[field.type]
    if field.array:
        inner = f"std::vector<{inner}>"
    return f"std::optional<{inner}>" if field.nullable else inner


def default_value(field):
    """The C++ expression that a field of a simple type holds when it is absent."""
    if field.default is None:
        return {"bool": "false", "error": "ErrorCode::none", "float64": "0"}.get(field.type, "0")
    value = LIMITS.get(field.default, field.default)
    if value == LIMITS["MIN32"]:
        return "std::numeric_limits<std::int32_t>::min()"
    if value == LIMITS["MAX32"]:
        return "std::numeric_limits<std::int32_t>::max()"
    if value == LIMITS["MAX64"]:
        return "std::numeric_limits<std::int64_t>::max()"
    return str(value)


def is_simple(field):
    return not field.array and not field.nullable and field.type in (*NUMBERS, "bool", "float64", "error")


def initializer(field):
    if field.default == "empty":
        return "{std::in_place}"
    return f" = {default_value(field)}" if is_simple(field) else ""


def is_not_default(field):
    """The condition under which a tagged field is written."""
    name = field.cpp_name
    if field.default == "empty":
        return f"!({name} && {name}->empty())"
    if field.nullable:
        return f"{name}.has_value()"
    if field.array or field.type in ("string", "bytes", "records"):
        return f"!{name}.empty()"
    if field.type == "uuid":
        return f"!{name}.is_zero()"
    if field.struct:
        return f"{name} != {field.struct.name}()"
    if field.type == "bool":
        return f"!{name}" if field.default == "true" else name
    return f"{name} != {default_value(field)}"


# --- versions

def condition(versions, within):
    """A C++ condition on `version`, or None if all versions in `within` fulfil it."""
    if versions.covers(within):
        return None
    low = f"version >= {versions.low}" if versions.low > within.low else None
    high = f"version <= {versions.high}" if versions.high < within.high else None
    if low and high and versions.low == versions.high:
        return f"version == {versions.low}"
    return " && ".join(part for part in (low, high) if part)


def guarded(line, when):
    return f"  if ({when}) {line}" if when else f"  {line}"


def nullable_argument(field, within):
    """A last argument where null is allowed in some of the field's versions only."""
    if not field.nullable:
        return ""
    here = field.versions.meet(within)
    when = condition(field.nullable, here)
    return f", {when}" if when else ""


def flexibility(message, struct):
    """Whether the struct's versions are flexible: True, False, or None if some are."""
    if message.flexible_from <= struct.versions.low:
        return True
    return False if message.flexible_from > struct.versions.high else None


def with_flexible(message, struct, body):
    """The body of a function, with `flexible` declared if it is used."""
    if "flexible" not in body:
        return body
    known = flexibility(message, struct)
    if known is None:
        return f"  const bool flexible = version >= {message.flexible_from};\n{body}"
    return f"  constexpr bool flexible = {str(known).lower()};\n{body}"


def when_flexible(message, struct, line):
    known = flexibility(message, struct)
    if known is False:
        return ""
    return f"  {line}\n" if known else f"  if (flexible) {line}\n"


def leave_unless_flexible(message, struct):
    return "" if flexibility(message, struct) else "  if (!flexible) return;\n"


def smallest(message, struct):
    """The fewest bytes that a struct takes in any of its versions."""
    sizes = []
    for version in range(struct.versions.low, struct.versions.high + 1):
        flexible = version >= message.flexible_from
        sizes.append(int(flexible) + sum(smallest_field(message, field, flexible)
                                         for field in struct.fields
                                         if version in field.versions and field.tag is None))
    return max(1, min(sizes))


def smallest_field(message, field, flexible):
    if field.array or field.type in ("bytes", "records"):
        return 1 if flexible else 4
    if field.type == "string":
        return 1 if flexible else 2
    if field.struct:
        return 1 if field.nullable else smallest(message, field.struct)
    return CPP_FIXED_SIZE[field.type]


# --- one field

def read_field(field, within, source="in"):
    name, nullable = field.cpp_name, nullable_argument(field, within)
    if field.array:
        if field.struct:
            return f"{source}.structs({name}, flexible, version{nullable});"
        return f"{source}.values({name}, flexible{nullable});"
    if field.struct:
        return f"{source}.structure({name}, version);" if field.nullable else f"{name}.read({source}, version);"
    if field.type in ("string", "bytes", "records"):
        return f"{source}.{field.type}({name}, flexible{nullable});"
    if field.type == "error":
        return f"{name} = static_cast<ErrorCode>({source}.number<std::int16_t>());"
    call = {"bool": "boolean()", "float64": "float64()", "uuid": "uuid()"}.get(
        field.type, f"number<{CPP[field.type]}>()")
    return f"{name} = {source}.{call};"


def write_field(field, within):
    name, nullable = field.cpp_name, nullable_argument(field, within)
    if field.array:
        if field.struct:
            return f"out.structs({name}, flexible, version{nullable});"
        return f"out.values({name}, flexible{nullable});"
    if field.struct:
        return f"out.structure({name}, version);" if field.nullable else f"{name}.encode(out, version);"
    if field.type in ("string", "bytes", "records"):
        return f"out.{field.type}({name}, flexible{nullable});"
    if field.type == "error":
        return f"out.number<std::int16_t>(static_cast<std::int16_t>({name}));"
    call = {"bool": "boolean", "float64": "float64", "uuid": "uuid"}.get(
        field.type, f"number<{CPP[field.type]}>")
    return f"out.{call}({name});"


def sample_field(field, within):
    name = f"sample.{field.cpp_name}"
    when = ["random.one_in(2)"] if field.tag is not None else []
    if versions := condition(field.versions, within):
        when.insert(0, versions)
    nullable = ""
    if field.nullable:
        nullable = ", " + (condition(field.nullable, field.versions.meet(within)) or "true")
    return guarded(f"sampler.fill({name}{nullable});", " && ".join(when))


# --- one struct

def plain(struct):
    return [field for field in struct.fields if field.tag is None]


def tagged(struct):
    return sorted((field for field in struct.fields if field.tag is not None), key=lambda field: field.tag)


def read_body(message, struct):
    code = ""
    for field in plain(struct):
        code += guarded(read_field(field, struct.versions), condition(field.versions, struct.versions)) + "\n"
    if not tagged(struct):
        return code + when_flexible(message, struct, "in.skip_tags();")
    code += leave_unless_flexible(message, struct)
    code += ("  in.tags([&](std::uint32_t tag, Reader& field) {\n"
             "    switch (tag) {\n")
    flexible = Range(max(message.flexible_from, struct.versions.low), struct.versions.high)
    for field in tagged(struct):
        code += f"      case {field.tag}:\n"
        if when := condition(field.versions, flexible):
            code += f"        if (!({when})) return false;\n"
        code += f"        {read_field(field, struct.versions, 'field')}\n        return true;\n"
    return code + "      default: return false;\n    }\n  });\n"


def encode_body(message, struct):
    code = ""
    for field in plain(struct):
        code += guarded(write_field(field, struct.versions), condition(field.versions, struct.versions)) + "\n"
    fields = tagged(struct)
    if not fields:
        return code + when_flexible(message, struct, "out.uvarint(0);  // no tags")
    code += leave_unless_flexible(message, struct)
    flexible = Range(max(message.flexible_from, struct.versions.low), struct.versions.high)
    for field in fields:
        when = [condition(field.versions, flexible), is_not_default(field)]
        code += f"  const bool has_{field.cpp_name} = {' && '.join(part for part in when if part)};\n"
    code += f"  out.uvarint({' + '.join(f'static_cast<std::uint32_t>(has_{field.cpp_name})' for field in fields)});\n"
    for field in fields:
        code += (f"  if (has_{field.cpp_name}) out.tag({field.tag}, [&] {{ "
                 f"{write_field(field, struct.versions)} }});\n")
    return code


def print_body(message, struct):
    code = "  out.open('{');\n"
    for field in struct.fields:
        line = (f'out.secret("{field.json_name}");' if field.secret
                else f'out.field("{field.json_name}", {field.cpp_name}, version);')
        code += guarded(line, condition(field.versions, struct.versions)) + "\n"
    return code + "  out.close('}');\n"


def random_body(message, struct):
    code = f"  {struct.name} sample;\n"
    if struct.fields:
        code += "  Sampler sampler(random, version);\n"
    for field in struct.fields:
        code += sample_field(field, struct.versions) + "\n"
    return code + "  return sample;\n"


def function(head, body):
    return f"{head} {{\n{body}}}\n\n"


def struct_functions(message, struct):
    code = "".join(struct_functions(message, inner) for inner in struct.nested)
    path = struct.path
    if in_optional(message.struct, struct):
        code += f"{path}::{struct.name}() = default;\n\n"
    code += function(f"void {path}::read(Reader& in, ApiVersion version)",
                     with_flexible(message, struct, read_body(message, struct)))
    code += function(f"void {path}::encode(Writer& out, ApiVersion version) const",
                     with_flexible(message, struct, encode_body(message, struct)))
    code += function(f"void {path}::print(JsonPrinter& out, ApiVersion version) const", print_body(message, struct))
    return code + function(f"{path} {path}::random(Random& random, ApiVersion version)",
                           random_body(message, struct))


def in_optional(root, struct):
    """Whether std::optional holds the struct. It asks for the default constructor while the enclosing class is
    still open and member initializers are not known yet: such a struct declares its constructor."""
    return any(field.struct and ((field.struct is struct and field.nullable and not field.array)
                                 or in_optional(field.struct, struct))
               for field in root.fields)


def declaration(message, struct, indent):
    pad = "  " * indent
    lines = []
    for inner in struct.nested:
        lines += declaration(message, inner, indent + 1) + [""]
    for field in struct.fields:
        note = notes(field, struct)
        lines.append(f"{pad}  {cpp_type(field)} {field.cpp_name}{initializer(field)};{note}")
    if struct.fields:
        lines.append("")
    if in_optional(message.struct, struct):
        lines.append(f"{pad}  {struct.name}();")
    lines += [
        f"{pad}  void read(Reader& in, ApiVersion version);",
        f"{pad}  void encode(Writer& out, ApiVersion version) const;",
        f"{pad}  void print(JsonPrinter& out, ApiVersion version) const;",
        f"{pad}  static {struct.name} random(Random& random, ApiVersion version);",
        f"{pad}  friend bool operator==(const {struct.name}&, const {struct.name}&) = default;",
    ]
    if indent == 0:
        return lines
    size = f"{pad}  static constexpr std::size_t kMinSize = {smallest(message, struct)};"
    return [f"{pad}struct {struct.name} {{", size, *lines, f"{pad}}};"]


def notes(field, struct):
    words = []
    if not field.versions.covers(struct.versions):
        high = "+" if field.versions.high >= struct.versions.high else f"-{field.versions.high}"
        words.append(f"v{field.versions.low}{'' if high == f'-{field.versions.low}' else high}")
    if field.nullable and not field.nullable.covers(field.versions.meet(struct.versions)):
        high = "+" if field.nullable.high >= struct.versions.high else f"-{field.nullable.high}"
        words.append(f"null v{field.nullable.low}{high}")
    return f"  // {', '.join(words)}" if words else ""


# --- files

def flexible_from(message):
    return "kNeverFlexible" if message.flexible_from == UNBOUNDED else str(message.flexible_from)


def message_declaration(schema, message):
    name = message.struct.name
    head = [f"struct {name} {{", f'  static constexpr std::string_view kName = "{name}";']
    if schema.key is not None:
        head.append(f"  static constexpr ApiKey kKey = ApiKey::{schema.stem};")
    head += [
        f"  static constexpr ApiVersion kMinVersion = {message.versions.low};",
        f"  static constexpr ApiVersion kMaxVersion = {message.versions.high};",
        f"  static constexpr ApiVersion kFlexibleFrom = {flexible_from(message)};",
        "",
    ]
    tail = [
        "",
        f"  static Result<{name}> decode(const Slice& body, ApiVersion version);",
        "  std::string to_json(ApiVersion version) const;",
        "};",
        "",
    ]
    return "\n".join(head + declaration(message, message.struct, 0) + tail)


def header(schema):
    title = f"// {schema.name} (API key {schema.key}): " if schema.key is not None else "// "
    code = f"{title}{schema.purpose}\n" + PRODUCED.format(schema.stem)
    code += '#pragma once\n\n#include <limits>\n\n#include "wire/message.h"\n\nnamespace moldau::wire {\n\n'
    code += "\n".join(message_declaration(schema, message) for message in schema.messages)
    return code + "\n}  // namespace moldau::wire\n"


def source(schema):
    code = PRODUCED.format(schema.stem)
    code += f'#include "wire/messages/{schema.stem}.h"\n\n#include "wire/codec.h"\n\nnamespace moldau::wire {{\n\n'
    for message in schema.messages:
        name = message.struct.name
        code += struct_functions(message, message.struct)
        code += function(f"Result<{name}> {name}::decode(const Slice& body, ApiVersion version)",
                         f"  return decode_message<{name}>(body, version);\n")
        code += function(f"std::string {name}::to_json(ApiVersion version) const",
                         "  return message_to_json(*this, version);\n")
        key = f"ApiKey::{schema.stem}" if schema.key is not None else "ApiKey()"
        code += (f"extern const MessageType {type_name(message)} =\n"
                 f"    message_type<{name}>(MessageType::Kind::{message.kind}, {key});\n\n")
    return code + "}  // namespace moldau::wire\n"


def type_name(message):
    return f"{model.snake(message.struct.name)}_type"


def api_key_header(schemas):
    keys = "".join(f"  {schema.stem} = {schema.key},\n" for schema in schemas)
    return ("// Generated from src/wire/schema/*.schema by src/wire/generate.py.\n#pragma once\n\n#include <cstdint>\n\n"
            f"namespace moldau::wire {{\n\nenum class ApiKey : std::int16_t {{\n{keys}}};\n\n"
            "}  // namespace moldau::wire\n")


def api_row(schema):
    advertised = schema.advertised or schema.versions
    listens = [str(name in schema.listeners).lower() for name in ("broker", "controller")]
    return (f'    {{ApiKey::{schema.stem}, "{schema.name}", "{schema.purpose}", {schema.versions.low}, '
            f"{schema.versions.high}, {advertised.low}, {advertised.high}, {flexible_from(schema)}, "
            f"{listens[0]}, {listens[1]}, {str(schema.forwarded).lower()}}},\n")


def tables(schemas):
    apis = sorted((schema for schema in schemas if schema.key is not None), key=lambda schema: schema.key)
    types = [type_name(message) for schema in schemas for message in schema.messages]
    code = "// Generated from src/wire/schema/*.schema by src/wire/generate.py.\n"
    code += '#include "wire/api.h"\n#include "wire/message.h"\n\nnamespace moldau::wire {\n\n'
    code += "".join(f"extern const MessageType {name};\n" for name in types)
    code += "\nnamespace {\n\n"
    code += f"constexpr ApiInfo kApis[] = {{\n{''.join(map(api_row, apis))}}};\n\n"
    code += f"constexpr const MessageType* kMessages[] = {{\n{''.join(f'    &{name},{chr(10)}' for name in types)}}};\n\n"
    code += "}  // namespace\n\n"
    code += "std::span<const ApiInfo> apis() { return kApis; }\n"
    code += "std::span<const MessageType* const> messages() { return kMessages; }\n\n"
    return code + "}  // namespace moldau::wire\n", api_key_header(apis)


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def main():
    mode, root, files = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3:]
    schemas = [model.read(file) for file in files]
    if mode == "messages":
        for schema in schemas:
            write(root / "wire" / "messages" / f"{schema.stem}.h", header(schema))
            write(root / "wire" / "messages" / f"{schema.stem}.cc", source(schema))
    else:
        table, keys = tables(schemas)
        write(root / "wire" / "tables.cc", table)
        write(root / "wire" / "api_key.h", keys)


if __name__ == "__main__":
    main()
