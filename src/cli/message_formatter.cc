#include "cli/message_formatter.h"

namespace moldau::cli {
namespace {

const std::string* find(const Properties& properties, std::string_view name) {
  const auto at = properties.find(name);
  return at == properties.end() ? nullptr : &at->second;
}

Answer<void> read_deserializer(const Properties& properties, std::string_view name, Deserialize& into) {
  const std::string* text = find(properties, name);
  if (!text) return {};
  const auto found = find_deserializer(*text);
  if (!found) return std::unexpected(found.error());
  into = *found;
  return {};
}

std::string timestamp_text(const PrintedRecord& printed) {
  if (printed.record.timestamp == kNoTimestamp) return "NO_TIMESTAMP";
  return (printed.log_append_time() ? "LogAppendTime:" : "CreateTime:") +
         std::to_string(printed.record.timestamp);
}

}  // namespace

Answer<MessageFormatter> MessageFormatter::create(std::string_view class_name, const Properties& properties) {
  MessageFormatter out;
  const std::string_view name = class_name.substr(class_name.find_last_of(".$") + 1);
  if (name == "LoggingMessageFormatter")
    out.kind_ = Kind::logging;
  else if (name == "NoOpMessageFormatter")
    out.kind_ = Kind::none;
  else if (!name.empty() && name != "DefaultMessageFormatter")
    return trouble(Exit::failed, "no formatter " + std::string(class_name), {},
                   "there are: DefaultMessageFormatter, LoggingMessageFormatter, NoOpMessageFormatter");
  const std::pair<std::string_view, bool*> flags[] = {
      {"print.timestamp", &out.print_timestamp_}, {"print.key", &out.print_key_},
      {"print.offset", &out.print_offset_},       {"print.partition", &out.print_partition_},
      {"print.headers", &out.print_headers_},     {"print.epoch", &out.print_epoch_},
      {"print.value", &out.print_value_}};
  for (const auto& [key, flag] : flags) {
    if (const std::string* text = find(properties, key)) *flag = *text == "true";
  }
  const std::pair<std::string_view, std::string*> texts[] = {{"key.separator", &out.key_separator_},
                                                             {"line.separator", &out.line_separator_},
                                                             {"headers.separator", &out.headers_separator_},
                                                             {"null.literal", &out.null_literal_}};
  for (const auto& [key, text] : texts) {
    if (const std::string* value = find(properties, key)) *text = *value;
  }
  const std::pair<std::string_view, Deserialize*> deserializers[] = {{"key.deserializer", &out.key_},
                                                                     {"value.deserializer", &out.value_},
                                                                     {"headers.deserializer", &out.header_}};
  for (const auto& [key, into] : deserializers) {
    if (auto read = read_deserializer(properties, key, *into); !read) return std::unexpected(read.error());
  }
  return out;
}

bool MessageFormatter::append(std::string& out, const PrintedRecord& printed) const {
  switch (kind_) {
    case Kind::standard:
      return append_standard(out, printed);
    case Kind::logging:
      return append_logging(out, printed);
    case Kind::none:
      return true;
  }
  return true;
}

bool MessageFormatter::append_field(std::string& out, const std::optional<ByteView>& bytes,
                                    Deserialize deserialize) const {
  if (bytes) return deserialize(out, *bytes);
  out += null_literal_;
  return true;
}

bool MessageFormatter::append_headers(std::string& out, const record::RecordHeaders& headers) const {
  if (headers.empty()) return out += "NO_HEADERS", true;
  bool first = true;
  for (const record::HeaderEntry& header : headers) {
    if (!std::exchange(first, false)) out += headers_separator_;
    out += header.key;
    out += ':';
    if (!append_field(out, header.value, header_)) return false;
  }
  return true;
}

bool MessageFormatter::append_standard(std::string& out, const PrintedRecord& printed) const {
  bool first = true;
  const auto next = [&] {
    if (!std::exchange(first, false)) out += key_separator_;
  };
  const auto put = [&](bool wanted, const std::string& text) {
    if (wanted) next(), out += text;
  };
  put(print_timestamp_, timestamp_text(printed));
  put(print_partition_, "Partition:" + std::to_string(printed.partition));
  put(print_offset_, "Offset:" + std::to_string(printed.record.offset));
  put(print_epoch_, "Epoch:" + std::to_string(printed.leader_epoch));
  if (print_headers_ && (next(), !append_headers(out, printed.record.headers))) return false;
  if (print_key_ && (next(), !append_field(out, printed.record.key, key_))) return false;
  if (print_value_ && (next(), !append_field(out, printed.record.value, value_))) return false;
  out += line_separator_;
  return true;
}

bool MessageFormatter::append_logging(std::string& out, const PrintedRecord& printed) const {
  out += timestamp_text(printed) + ", key:";
  if (!append_field(out, printed.record.key, key_)) return false;
  out += ", value:";
  if (!append_field(out, printed.record.value, value_)) return false;
  out += '\n';
  return true;
}

}  // namespace moldau::cli
