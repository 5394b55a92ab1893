#include "cli/record_writer.h"

#include <array>

#include "cli/timestamp_text.h"
#include "record/codec.h"
#include "record/control.h"

namespace moldau::cli {
namespace {

std::string_view text_or_empty(const std::optional<ByteView>& bytes) { return bytes ? as_text(*bytes) : ""; }

void append_hex(std::string& out, std::uint64_t value, unsigned digits) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  for (unsigned i = digits; i-- > 0;) out += kHex[(value >> (4 * i)) & 15];
}

void append_bytes(std::string& out, std::uint64_t value, unsigned count, bool big) {
  for (unsigned i = 0; i < count; ++i) out += static_cast<char>(value >> (8 * (big ? count - 1 - i : i)));
}

void append_number(std::string& out, std::int64_t number, const NumberForm& form) {
  using Kind = NumberForm::Kind;
  const auto bits = static_cast<std::uint64_t>(number);
  switch (form.kind) {
    case Kind::ascii:
    case Kind::exact:
      out += std::to_string(number);
      return;
    case Kind::hex:
      return append_hex(out, bits, form.bits / 4);
    case Kind::big:
      return append_bytes(out, bits, form.bits / 8, true);
    case Kind::little:
      return append_bytes(out, bits, form.bits / 8, false);
    case Kind::boolean:
      out += number != 0 ? "true" : "false";
      return;
  }
}

void append_text(std::string& out, std::string_view text, const TextForm& form) {
  using Kind = TextForm::Kind;
  switch (form.kind) {
    case Kind::hex:
      out += hex_of(text);
      return;
    case Kind::base64:
      out += base64_of(text);
      return;
    case Kind::base64raw:
      out += base64_of(text, false);
      return;
    case Kind::unpack:
      out += unpacked(form.detail, text);
      return;
    case Kind::plain:
    case Kind::regex:
    case Kind::json:
      out += text;
      return;
  }
}

void append_time(std::string& out, TimestampMs at, const FormatPart& part) {
  switch (part.time.kind) {
    case TimeForm::Kind::number:
      return append_number(out, at, part.number);
    case TimeForm::Kind::strftime:
      out += strftime_text(at, part.time.layout);
      return;
    case TimeForm::Kind::go:
      out += go_time_text(at, part.time.layout);
      return;
  }
}

std::int64_t attribute_of(const PrintedRecord& printed, std::string_view name) {
  if (name == "compression") return printed.attributes & record::kCodecMask;
  if (name == "timestamp-type") return printed.log_append_time() ? 1 : 0;
  if (name == "transactional-bit") return (printed.attributes & record::kTransactionalBit) != 0;
  return (printed.attributes & record::kControlBit) != 0;
}

void append_attribute(std::string& out, const PrintedRecord& printed, const FormatPart& part) {
  const std::int64_t value = attribute_of(printed, part.attribute);
  const bool form_asked = part.number.bits != 1;
  const auto codec = record::codec_of(static_cast<int>(value));
  if (part.attribute == "compression" && !form_asked && codec) {
    out += record::name_of(*codec);
  } else {
    append_number(out, value, part.number);
  }
}

void append_headers(std::string& out, const record::RecordHeaders& headers, const FormatPart& whole) {
  bool first = true;
  for (const record::HeaderEntry& header : headers) {
    const std::string_view value = text_or_empty(header.value);
    if (!std::exchange(first, false)) out += whole.between;
    for (const FormatPart& part : whole.headers) {
      switch (part.verb) {
        case 'k':
          append_text(out, header.key, part.text);
          break;
        case 'v':
          append_text(out, header.value ? value : std::string_view(part.null_text), part.text);
          break;
        case 'K':
          append_number(out, static_cast<std::int64_t>(header.key.size()), part.number);
          break;
        case 'V':
          append_number(out, static_cast<std::int64_t>(value.size()), part.number);
          break;
        default:
          out += part.literal;
      }
    }
  }
}

std::int64_t size_of_field(const std::optional<ByteView>& bytes, const FormatPart& part) {
  if (!bytes && part.null_is_minus_one) return -1;
  return static_cast<std::int64_t>(text_or_empty(bytes).size());
}

std::int64_t number_of(const PrintedRecord& printed, std::int64_t count, const FormatPart& part) {
  const record::RecordView& record = printed.record;
  switch (part.verb) {
    case 'T':
      return static_cast<std::int64_t>(printed.topic.size());
    case 'K':
      return size_of_field(record.key, part);
    case 'V':
      return size_of_field(record.value, part);
    case 'H':
      return record.headers.size();
    case 'p':
      return printed.partition;
    case 'o':
      return record.offset;
    case 'e':
      return printed.leader_epoch;
    case 'x':
      return printed.producer_id;
    case 'y':
      return printed.producer_epoch;
    case '[':
      return printed.log_start_offset;
    case '|':
      return printed.last_stable_offset;
    case ']':
      return printed.high_watermark;
    default:
      return count;
  }
}

void add_bytes(Json::Object& object, const std::string& name, const std::optional<ByteView>& bytes) {
  if (!bytes) {
    object.emplace_back(name, Json());
  } else if (const std::string_view text = as_text(*bytes); is_utf8(text)) {
    object.emplace_back(name, text);
  } else {
    object.emplace_back(name, base64_of(text));
    object.emplace_back(name + "_encoding", "base64");
  }
}

Json headers_of(const record::RecordHeaders& headers) {
  Json::Array items;
  for (const record::HeaderEntry& header : headers) {
    Json::Object item;
    add_bytes(item, "key", as_bytes(header.key));
    add_bytes(item, "value", header.value);
    items.emplace_back(std::move(item));
  }
  return items;
}

// Of the key of a control record: int16 version, int16 type.
std::string_view control_name(const std::optional<ByteView>& key) {
  if (!key || key->size() < 4) return "unknown";
  const auto type = static_cast<record::ControlType>(load_be<std::int16_t>(key->data() + 2));
  return type == record::ControlType::commit  ? "commit"
         : type == record::ControlType::abort ? "abort"
                                              : "unknown";
}

Json size_or_null(const std::optional<ByteView>& bytes) { return bytes ? Json(bytes->size()) : Json(); }

}  // namespace

Answer<RecordWriter> RecordWriter::parse(std::string_view format) { return of(parse_record_format(format)); }

Answer<RecordWriter> RecordWriter::of(Answer<std::vector<FormatPart>> parts) {
  if (!parts) return std::unexpected(std::move(parts).error());
  for (const FormatPart& part : *parts) {
    static constexpr std::array<std::string_view, 4> kAttributes = {"compression", "timestamp-type",
                                                                    "transactional-bit", "control-bit"};
    if (part.verb == 'a' &&
        std::find(kAttributes.begin(), kAttributes.end(), part.attribute) == kAttributes.end())
      return usage_trouble("bad format: unknown attribute %a{" + part.attribute + "}",
                           "one of: compression, timestamp-type, transactional-bit, control-bit");
  }
  return RecordWriter(std::move(*parts));
}

void RecordWriter::append(std::string& out, const PrintedRecord& printed, std::int64_t count) const {
  for (const FormatPart& part : parts_) {
    switch (part.verb) {
      case 0:
        out += part.literal;
        break;
      case 't':
        append_text(out, printed.topic, part.text);
        break;
      case 'k':
        append_text(out, text_or_empty(printed.record.key), part.text);
        break;
      case 'v':
        append_text(out, text_or_empty(printed.record.value), part.text);
        break;
      case 'h':
        append_headers(out, printed.record.headers, part);
        break;
      case 'd':
        append_time(out, printed.record.timestamp, part);
        break;
      case 'a':
        append_attribute(out, printed, part);
        break;
      default:
        append_number(out, number_of(printed, count, part), part.number);
    }
  }
}

Json json_of(const PrintedRecord& printed, bool meta_only) {
  const record::RecordView& record = printed.record;
  Json::Object object{{"topic", printed.topic},
                      {"partition", printed.partition},
                      {"offset", record.offset},
                      {"timestamp", record.timestamp},
                      {"timestamp_type", printed.log_append_time() ? "LogAppendTime" : "CreateTime"}};
  if (meta_only) {
    object.emplace_back("key_size", size_or_null(record.key));
    object.emplace_back("value_size", size_or_null(record.value));
    object.emplace_back("header_count", record.headers.size());
  } else {
    add_bytes(object, "key", record.key);
    add_bytes(object, "value", record.value);
    object.emplace_back("headers", headers_of(record.headers));
  }
  object.emplace_back("leader_epoch", printed.leader_epoch);
  if (printed.is_control()) object.emplace_back("control", control_name(record.key));
  if (printed.producer_id != kNoProducerId) object.emplace_back("producer_id", printed.producer_id);
  return object;
}

}  // namespace moldau::cli
