#include "cli/record_parser.h"

#include <re2/re2.h>

#include <algorithm>

#include "cli/arguments.h"
#include "cli/json.h"

namespace moldau::cli {
namespace {

bool is_text(const FormatPart& part) { return std::string_view("tkv").contains(part.verb) && part.verb != 0; }

char size_verb_of(char text_verb) { return static_cast<char>(text_verb - 'a' + 'A'); }

// Every text verb must be able to end somewhere.
Answer<void> check(const std::vector<FormatPart>& parts) {
  std::string sized;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const FormatPart& part = parts[i];
    if (std::string_view("TKV").contains(part.verb) && part.verb != 0) sized += part.verb;
    if (std::string_view("aio[|]").contains(part.verb) && part.verb != 0 && part.verb != 'o')
      return usage_trouble("bad format: %" + std::string(1, part.verb) + " cannot be read");
    if (part.verb == 'h' && !part.between.empty()) {
      if (i + 1 < parts.size() && parts[i + 1].verb != 0)
        return usage_trouble("bad format: nothing tells where %h ends", "put a delimiter behind it");
    } else if (part.verb == 'h') {
      if (!sized.contains('H'))
        return usage_trouble("bad format: %h{…} needs %H before it", "for example %H%h{%k=%v }");
      if (auto inside = check(part.headers); !inside) return inside;
    }
    if (part.verb == 'H') sized += 'H';
    if (!is_text(part) || part.text.kind == TextForm::Kind::regex || part.text.kind == TextForm::Kind::json)
      continue;
    if (part.text.kind == TextForm::Kind::unpack) return usage_trouble("bad format: {unpack} cannot be read");
    const bool ends =
        sized.contains(size_verb_of(part.verb)) || i + 1 == parts.size() || parts[i + 1].verb == 0;
    if (!ends)
      return usage_trouble("bad format: nothing tells where %" + std::string(1, part.verb) + " ends",
                           "put a delimiter behind it, or its size (%" +
                               std::string(1, size_verb_of(part.verb)) + ") before it");
  }
  return {};
}

// A pass over the input for one record. `starved`: the input ended before the record did.
class Pass {
 public:
  Pass(std::string_view input, bool at_end) : input_(input), at_end_(at_end) {}

  bool starved = false;
  std::string expected;  // what was not found, if anything
  std::size_t position() const { return at_; }

  bool read(const std::vector<FormatPart>& parts, ParsedRecord& record, ParsedHeader* header = nullptr) {
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const FormatPart& part = parts[i];
      const bool last = i + 1 == parts.size();
      const std::string_view delimiter = last ? "" : std::string_view(parts[i + 1].literal);
      const bool may_be_missing = i + 2 == parts.size() && !header && delimiter == "\n";
      if (part.verb == 0     ? !literal(part.literal, last && !header)
          : is_text(part)    ? !text(part, delimiter, may_be_missing, record, header)
          : part.verb == 'h' ? !headers(part, delimiter, may_be_missing, record)
                             : !number(part, record))
        return false;
    }
    return true;
  }

 private:
  static constexpr std::int64_t kNull = -2;  // a size: there is nothing at all

  std::string_view rest() const { return input_.substr(at_); }
  bool starve() { return starved = true, false; }
  bool miss(std::string what) { return expected = std::move(what), false; }

  bool literal(const std::string& wanted, bool closes_record) {
    if (rest().starts_with(wanted)) return at_ += wanted.size(), true;
    if (closes_record && at_end_ && rest().empty() && wanted == "\n") return true;
    if (wanted.starts_with(rest())) return starve();
    return miss(quoted(wanted));
  }

  bool headers(const FormatPart& part, std::string_view delimiter, bool may_be_missing,
               ParsedRecord& record) {
    if (!part.between.empty()) return joined_headers(part, delimiter, may_be_missing, record);
    for (std::int64_t i = 0; i < header_count_; ++i) {
      ParsedHeader header;
      sizes_['K'] = sizes_['V'] = -1;
      if (!read(part.headers, record, &header)) return false;
      record.headers.push_back(std::move(header));
    }
    return true;
  }

  // name=value,name=value
  bool joined_headers(const FormatPart& part, std::string_view delimiter, bool may_be_missing,
                      ParsedRecord& record) {
    std::string_view taken;
    if (!take_until(delimiter, may_be_missing, taken)) return false;
    const std::string& null_text = part.headers.back().null_text;
    for (const std::string& header : split(taken, part.between.front())) {
      const std::size_t equals = header.find('=');
      if (equals == std::string::npos) return miss("headers as name=value");
      ParsedHeader& added = record.headers.emplace_back();
      added.key = header.substr(0, equals);
      if (std::string value = header.substr(equals + 1); value != null_text) added.value = std::move(value);
    }
    return true;
  }

  bool text(const FormatPart& part, std::string_view delimiter, bool may_be_missing, ParsedRecord& record,
            ParsedHeader* header) {
    const std::int64_t size = sizes_[size_verb_of(part.verb) & 0x7f];
    if (size == kNull) return true;
    std::string_view taken;
    if (size >= 0                                 ? !take(static_cast<std::size_t>(size), taken)
        : part.text.kind == TextForm::Kind::regex ? !take_pattern(part.text.detail, taken)
        : part.text.kind == TextForm::Kind::json  ? !take_json(taken)
                                                  : !take_until(delimiter, may_be_missing, taken))
      return false;
    auto bytes = decoded(part.text, taken);
    if (!bytes) return miss(part.text.kind == TextForm::Kind::hex ? "hexadecimal digits" : "base64");
    if (header)
      (part.verb == 'k' ? header->key : header->value.emplace()) = std::move(*bytes);
    else
      (part.verb == 't' ? record.topic : part.verb == 'k' ? record.key : record.value) = std::move(*bytes);
    return true;
  }

  static std::optional<std::string> decoded(const TextForm& form, std::string_view text) {
    if (form.kind == TextForm::Kind::hex) return hex_bytes(text);
    if (form.kind == TextForm::Kind::base64 || form.kind == TextForm::Kind::base64raw)
      return base64_bytes(text);
    return std::string(text);
  }

  bool take(std::size_t size, std::string_view& taken) {
    if (rest().size() < size) return starve();
    taken = rest().substr(0, size);
    at_ += size;
    return true;
  }

  bool take_until(std::string_view delimiter, bool may_be_missing, std::string_view& taken) {
    const std::size_t end = delimiter.empty() ? std::string_view::npos : rest().find(delimiter);
    if (end != std::string_view::npos) return take(end, taken);
    if (!at_end_ || !(may_be_missing || delimiter.empty())) return starve();
    return take(rest().size(), taken);
  }

  bool take_pattern(const std::string& pattern, std::string_view& taken) {
    const RE2 expression("(" + pattern + ")", RE2::Quiet);
    re2::StringPiece left(rest().data(), rest().size());
    re2::StringPiece found;
    if (!RE2::PartialMatch(left, "\\A(?:" + pattern + ")"))
      return at_end_ ? miss("text that matches " + pattern) : starve();
    RE2::Consume(&left, expression, &found);
    if (left.empty() && !at_end_) return starve();
    return take(found.size(), taken);
  }

  bool take_json(std::string_view& taken) {
    std::string_view left;
    const std::string_view before = rest();
    if (!Json::parse(before, &left)) return at_end_ ? miss("a JSON value") : starve();
    if (left.empty() && !at_end_) return starve();
    return take(before.size() - left.size(), taken);
  }

  bool number(const FormatPart& part, ParsedRecord& record) {
    std::int64_t value = 0;
    if (!take_number(part.number, value)) return false;
    switch (part.verb) {
      case 'p':
        record.partition = static_cast<std::int32_t>(value);
        break;
      case 'd':
        record.timestamp = value;
        break;
      case 'H':
        header_count_ = std::min<std::int64_t>(value, 100'000);
        break;
      case 'T':
      case 'K':
      case 'V':
        if (part.null_is_minus_one && (value == -1 || value == UINT32_MAX)) value = kNull;
        if ((value < 0 && value != kNull) || value > INT32_MAX) return miss("a size");
        sizes_[static_cast<unsigned char>(part.verb)] = value;
        break;
      default:
        break;
    }
    return true;
  }

  bool take_number(const NumberForm& form, std::int64_t& value) {
    using Kind = NumberForm::Kind;
    std::string_view bytes;
    switch (form.kind) {
      case Kind::exact:
        return value = form.exact, true;
      case Kind::ascii:
        return take_ascii(value);
      case Kind::boolean:
        return take_boolean(value);
      case Kind::hex: {
        if (!take(form.bits / 4, bytes)) return false;
        const auto digits = hex_bytes(bytes.size() % 2 ? "0" + std::string(bytes) : std::string(bytes));
        if (!digits) return miss("hexadecimal digits");
        return value = from_bytes(*digits, true), true;
      }
      case Kind::big:
      case Kind::little:
        if (!take(form.bits / 8, bytes)) return false;
        return value = from_bytes(bytes, form.kind == Kind::big), true;
    }
    return false;
  }

  static std::int64_t from_bytes(std::string_view bytes, bool big) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i)
      value = value << 8 | static_cast<unsigned char>(bytes[big ? i : bytes.size() - 1 - i]);
    return static_cast<std::int64_t>(value);
  }

  bool take_ascii(std::int64_t& value) {
    const std::string_view left = rest();
    std::size_t end = left.starts_with('-') ? 1 : 0;
    while (end < left.size() && left[end] >= '0' && left[end] <= '9') ++end;
    if (end == left.size() && !at_end_) return starve();
    const auto number = whole_number(left.substr(0, end));
    if (!number) return left.empty() ? starve() : miss("a number");
    at_ += end;
    return value = *number, true;
  }

  bool take_boolean(std::int64_t& value) {
    for (const std::string_view word : {"true", "false"}) {
      if (rest().starts_with(word)) return at_ += word.size(), value = word == "true", true;
      if (word.starts_with(rest())) return starve();
    }
    return miss("true or false");
  }

  std::string_view input_;
  bool at_end_;
  std::size_t at_ = 0;
  std::int64_t header_count_ = 0;
  std::array<std::int64_t, 128> sizes_ = [] {
    std::array<std::int64_t, 128> none{};
    none.fill(-1);
    return none;
  }();
};

}  // namespace

Answer<RecordParser> RecordParser::parse(std::string_view format) { return of(parse_record_format(format)); }

Answer<RecordParser> RecordParser::of(Answer<std::vector<FormatPart>> parts) {
  if (!parts) return std::unexpected(std::move(parts).error());
  if (auto checked = check(*parts); !checked) return std::unexpected(std::move(checked).error());
  if (parts->empty()) return usage_trouble("bad format: it is empty");
  return RecordParser(std::move(*parts));
}

Answer<std::optional<RecordParser::Found>> RecordParser::next(std::string_view input, bool at_end) const {
  if (input.empty()) return std::nullopt;
  Pass pass(input, at_end);
  Found found;
  if (pass.read(parts_, found.record)) {
    if (pass.position() == 0) return usage_trouble("bad format: it reads nothing");
    found.size = pass.position();
    return found;
  }
  if (pass.starved && !at_end) return std::nullopt;
  const std::string where = quoted(input.substr(0, std::min<std::size_t>(input.size(), 40)));
  return trouble(Exit::bad_file, "the input does not have the format",
                 pass.starved ? "it ends inside a record that starts with " + where
                              : "expected " + pass.expected + " at byte " + std::to_string(pass.position()) +
                                    " of the record that starts with " + where);
}

}  // namespace moldau::cli
