#include <algorithm>
#include <charconv>

#include "cli/json.h"

namespace moldau::cli {
namespace {

constexpr int kMaxDepth = 64;

// Takes the digits at the front of the text; whether there was one.
bool take_digits(std::string_view& text) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  text.remove_prefix(digits);
  return digits > 0;
}

bool take(std::string_view& text, std::string_view any_of) {
  if (text.empty() || !any_of.contains(text.front())) return false;
  text.remove_prefix(1);
  return true;
}

// A number by the grammar of RFC 8259: no plus before it, no leading zeros, digits on both sides of the
// point.
bool is_number(std::string_view text) {
  take(text, "-");
  if (!take(text, "0") && !take_digits(text)) return false;
  if (take(text, ".") && !take_digits(text)) return false;
  if (take(text, "eE")) {
    take(text, "+-");
    if (!take_digits(text)) return false;
  }
  return text.empty();
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  std::optional<Json> value(int depth = 0) {
    skip_blanks();
    if (depth > kMaxDepth || at_ == text_.size()) return std::nullopt;
    switch (text_[at_]) {
      case '{':
        return object(depth);
      case '[':
        return array(depth);
      case '"':
        return string().transform([](std::string text) { return Json(std::move(text)); });
      case 't':
        return word("true", Json(true));
      case 'f':
        return word("false", Json(false));
      case 'n':
        return word("null", Json());
      default:
        return number();
    }
  }

  void skip_blanks() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").contains(text_[at_])) ++at_;
  }
  std::size_t position() const { return at_; }
  bool at_end() const { return at_ == text_.size(); }

 private:
  bool accept(char c) {
    skip_blanks();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  std::optional<Json> word(std::string_view expected, Json value) {
    if (!text_.substr(at_).starts_with(expected)) return std::nullopt;
    at_ += expected.size();
    return value;
  }

  std::optional<Json> array(int depth) {
    Json::Array items;
    accept('[');
    if (accept(']')) return Json(std::move(items));
    do {
      auto item = value(depth + 1);
      if (!item) return std::nullopt;
      items.push_back(std::move(*item));
    } while (accept(','));
    return accept(']') ? std::optional(Json(std::move(items))) : std::nullopt;
  }

  std::optional<Json> object(int depth) {
    Json::Object members;
    accept('{');
    if (accept('}')) return Json(std::move(members));
    do {
      skip_blanks();
      auto key = string();
      if (!key || !accept(':')) return std::nullopt;
      auto member = value(depth + 1);
      if (!member) return std::nullopt;
      members.emplace_back(std::move(*key), std::move(*member));
    } while (accept(','));
    return accept('}') ? std::optional(Json(std::move(members))) : std::nullopt;
  }

  std::optional<Json> number() {
    std::size_t end = at_;
    while (end < text_.size() && std::string_view("+-0123456789.eE").contains(text_[end])) ++end;
    const std::string_view digits = text_.substr(at_, end - at_);
    if (!is_number(digits)) return std::nullopt;
    const char* last = digits.data() + digits.size();
    std::int64_t whole = 0;
    if (auto [stop, error] = std::from_chars(digits.data(), last, whole);
        error == std::errc{} && stop == last) {
      at_ = end;
      return Json(whole);
    }
    double real = 0;
    if (auto [stop, error] = std::from_chars(digits.data(), last, real); error != std::errc{} || stop != last)
      return std::nullopt;
    at_ = end;
    return Json(real);
  }

  std::optional<std::string> string() {
    if (at_ == text_.size() || text_[at_] != '"') return std::nullopt;
    std::string out;
    for (++at_; at_ < text_.size() && text_[at_] != '"';) {
      if (text_[at_] != '\\') {
        out += text_[at_++];
      } else if (++at_; !escape(out)) {
        return std::nullopt;
      }
    }
    if (at_ == text_.size()) return std::nullopt;
    ++at_;
    return out;
  }

  bool escape(std::string& out) {
    static constexpr std::string_view kLetters = "\"\\/bfnrt";
    static constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    if (at_ == text_.size()) return false;
    const char letter = text_[at_++];
    if (letter == 'u') return unicode_escape(out);
    const std::size_t which = kLetters.find(letter);
    if (which == std::string_view::npos) return false;
    out += kMeanings[which];
    return true;
  }

  std::optional<std::uint32_t> four_digits() {
    std::uint32_t value = 0;
    if (text_.size() - at_ < 4) return std::nullopt;
    const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + at_ + 4, value, 16);
    if (error != std::errc{} || end != text_.data() + at_ + 4) return std::nullopt;
    at_ += 4;
    return value;
  }

  bool unicode_escape(std::string& out) {
    auto point = four_digits();
    if (!point) return false;
    if (*point >= 0xd800 && *point < 0xdc00) {
      if (!text_.substr(at_).starts_with("\\u")) return false;
      at_ += 2;
      const auto low = four_digits();
      if (!low || *low < 0xdc00 || *low > 0xdfff) return false;
      point = 0x10000 + ((*point - 0xd800) << 10) + (*low - 0xdc00);
    }
    append_utf8(out, *point);
    return true;
  }

  static void append_utf8(std::string& out, std::uint32_t point) {
    const auto tail = [&](int shift) { out += static_cast<char>(0x80 | ((point >> shift) & 0x3f)); };
    if (point < 0x80) {
      out += static_cast<char>(point);
    } else if (point < 0x800) {
      out += static_cast<char>(0xc0 | (point >> 6));
      tail(0);
    } else if (point < 0x10000) {
      out += static_cast<char>(0xe0 | (point >> 12));
      tail(6);
      tail(0);
    } else {
      out += static_cast<char>(0xf0 | (point >> 18));
      tail(12);
      tail(6);
      tail(0);
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

Result<Json> Json::parse(std::string_view text, std::string_view* rest) {
  Parser parser(text);
  auto value = parser.value();
  if (value && !rest) parser.skip_blanks();
  if (!value || (!rest && !parser.at_end()))
    return fail(Errc::invalid_argument, "not JSON at character " + std::to_string(parser.position() + 1));
  if (rest) *rest = text.substr(parser.position());
  return std::move(*value);
}

}  // namespace moldau::cli
