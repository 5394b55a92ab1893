#include "cli/message_formatter.h"

#include <algorithm>
#include <cctype>

namespace moldau::cli {
namespace {

const std::string* find(const Properties& properties, std::string_view name) {
  const auto at = properties.find(name);
  return at == properties.end() ? nullptr : &at->second;
}

// "true" in any case, with blanks around it.
bool is_true(std::string_view text) {
  constexpr std::string_view kBlank = " \t", kTrue = "true";
  text.remove_prefix(std::min(text.find_first_not_of(kBlank), text.size()));
  text = text.substr(0, text.find_last_not_of(kBlank) + 1);
  return std::ranges::equal(text, kTrue, {}, [](unsigned char c) { return std::tolower(c); });
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
  struct Known {
    std::string_view name;
    Kind kind;
    CoordinatorRecord records = CoordinatorRecord::offset;
  };
  constexpr Known kKnown[] = {
      {"DefaultMessageFormatter", Kind::standard},
      {"LoggingMessageFormatter", Kind::logging},
      {"NoOpMessageFormatter", Kind::none},
      {"OffsetsMessageFormatter", Kind::coordinator, CoordinatorRecord::offset},
      {"GroupMetadataMessageFormatter", Kind::coordinator, CoordinatorRecord::group},
      {"TransactionLogMessageFormatter", Kind::coordinator, CoordinatorRecord::transaction}};
  MessageFormatter out;
  const std::string_view name = class_name.substr(class_name.find_last_of(".$") + 1);
  const auto known = std::ranges::find(kKnown, name.empty() ? kKnown[0].name : name, &Known::name);
  if (known == std::end(kKnown)) {
    std::string names;
    for (const Known& one : kKnown) names += (names.empty() ? "" : ", ") + std::string(one.name);
    return trouble(Exit::failed, "no formatter " + std::string(class_name), {}, "there are: " + names);
  }
  out.kind_ = known->kind;
  out.records_ = known->records;
  const std::pair<std::string_view, bool*> flags[] = {
      {"print.timestamp", &out.print_timestamp_}, {"print.key", &out.print_key_},
      {"print.offset", &out.print_offset_},       {"print.partition", &out.print_partition_},
      {"print.headers", &out.print_headers_},     {"print.epoch", &out.print_epoch_},
      {"print.value", &out.print_value_},         {"print.delivery", &out.print_delivery_}};
  for (const auto& [key, flag] : flags) {
    if (const std::string* text = find(properties, key)) *flag = is_true(*text);
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
    case Kind::coordinator:
      return append_coordinator(out, printed);
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
  put(print_delivery_, "Delivery:NOT_PRESENT");  // that is for share groups
  put(print_epoch_, "Epoch:" + (printed.leader_epoch < 0 ? std::string("NOT_PRESENT")
                                                         : std::to_string(printed.leader_epoch)));
  if (print_headers_ && (next(), !append_headers(out, printed.record.headers))) return false;
  if (print_key_ && (next(), !append_field(out, printed.record.key, key_))) return false;
  if (print_value_ && (next(), !append_field(out, printed.record.value, value_))) return false;
  out += line_separator_;
  return true;
}

bool MessageFormatter::append_coordinator(std::string& out, const PrintedRecord& printed) const {
  const auto json = coordinator_record_json(records_, printed.record.key, printed.record.value);
  if (!json) return false;
  if (*json) out += (*json)->to_line() + "\n";
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
