#include "cli/format_language.h"

#include <charconv>

#include "cli/arguments.h"

namespace moldau::cli {
namespace {

constexpr std::string_view kTextVerbs = "tkv";
constexpr std::string_view kNumberVerbs = "TKVHpoedxyi[|]";

std::unexpected<Trouble> wrong(std::string what) {
  return usage_trouble("bad format: " + what, "moldau help format");
}

std::optional<unsigned> bits_after(std::string_view text, std::string_view word) {
  if (!text.starts_with(word)) return std::nullopt;
  const auto bits = whole_number(text.substr(word.size()));
  for (const unsigned known : {64U, 32U, 16U, 8U, 4U}) {
    if (bits == known) return known;
  }
  return std::nullopt;
}

std::optional<NumberForm> number_form(std::string_view text) {
  using Kind = NumberForm::Kind;
  if (text.empty() || text == "ascii" || text == "number") return NumberForm{};
  if (text == "byte") return NumberForm{Kind::big, 8};
  if (text == "bool") return NumberForm{Kind::boolean};
  if (const auto bits = bits_after(text, "hex")) return NumberForm{Kind::hex, *bits};
  if (const auto bits = bits_after(text, "big"); bits && *bits > 4) return NumberForm{Kind::big, *bits};
  if (const auto bits = bits_after(text, "little"); bits && *bits > 4) return NumberForm{Kind::little, *bits};
  if (const auto exact = whole_number(text); exact && *exact >= 0 && *exact <= INT32_MAX)
    return NumberForm{Kind::exact, 0, *exact};
  return std::nullopt;
}

std::optional<TextForm> plain_text_form(std::string_view text) {
  using Kind = TextForm::Kind;
  if (text.empty()) return TextForm{};
  if (text == "hex") return TextForm{Kind::hex, {}};
  if (text == "base64") return TextForm{Kind::base64, {}};
  if (text == "base64raw") return TextForm{Kind::base64raw, {}};
  if (text == "json") return TextForm{Kind::json, {}};
  return std::nullopt;
}

class Parser {
 public:
  explicit Parser(std::string_view format) : format_(format) {}

  Answer<std::vector<FormatPart>> parse(bool inside_headers) {
    std::vector<FormatPart> parts;
    while (at_ < format_.size()) {
      const char c = format_[at_];
      if (inside_headers && c == '}') return parts;
      ++at_;
      if (c == '\\') {
        auto letter = escape();
        if (!letter) return std::unexpected(letter.error());
        literal(parts, *letter);
      } else if (c != '%') {
        literal(parts, c);
      } else if (at_ < format_.size() && std::string_view("%{}").contains(format_[at_])) {
        literal(parts, format_[at_++]);
      } else {
        auto part = verb(inside_headers);
        if (!part) return std::unexpected(part.error());
        parts.push_back(std::move(*part));
      }
    }
    if (inside_headers) return wrong("%h{ is not closed");
    return parts;
  }

 private:
  static void literal(std::vector<FormatPart>& parts, char c) {
    if (parts.empty() || parts.back().verb != 0) parts.emplace_back();
    parts.back().literal += c;
  }

  Answer<char> escape() {
    static constexpr std::string_view kLetters = "tnr\\";
    static constexpr std::string_view kMeanings = "\t\n\r\\";
    if (at_ == format_.size()) return wrong("it ends with a backslash");
    const char letter = format_[at_++];
    if (const std::size_t which = kLetters.find(letter); which != std::string_view::npos)
      return kMeanings[which];
    unsigned value = 0;
    const char* digits = format_.data() + at_;
    if (letter != 'x' || format_.size() - at_ < 2 ||
        std::from_chars(digits, digits + 2, value, 16).ptr != digits + 2)
      return wrong("unknown escape \\" + std::string(1, letter));
    at_ += 2;
    return static_cast<char>(value);
  }

  Answer<FormatPart> verb(bool inside_headers) {
    if (at_ == format_.size()) return wrong("it ends with a percent sign");
    FormatPart part;
    part.verb = format_[at_++];
    if (part.verb == 'h' && !inside_headers) return headers(std::move(part));
    if (inside_headers && !std::string_view("kKvV").contains(part.verb))
      return wrong("inside %h{…} only %k %K %v %V mean something, not %" + std::string(1, part.verb));
    if (!kTextVerbs.contains(part.verb) && !kNumberVerbs.contains(part.verb) && part.verb != 'a')
      return wrong("unknown verb %" + std::string(1, part.verb));
    if (at_ == format_.size() || format_[at_] != '{') {
      if (part.verb == 'a') return wrong("%a needs what to print: %a{compression}");
      return part;
    }
    ++at_;
    return modified(std::move(part));
  }

  Answer<FormatPart> headers(FormatPart part) {
    if (at_ == format_.size() || format_[at_] != '{') return wrong("%h is written %h{…}");
    ++at_;
    auto inside = parse(true);
    if (!inside) return std::unexpected(inside.error());
    ++at_;
    part.headers = std::move(*inside);
    return part;
  }

  // A name, perhaps with an argument in brackets, up to the closing brace.
  Answer<FormatPart> modified(FormatPart part) {
    const std::size_t start = at_;
    while (at_ < format_.size() && !std::string_view("}[({#;").contains(format_[at_])) ++at_;
    const std::string_view name = format_.substr(start, at_ - start);
    std::string argument;
    if (at_ < format_.size() && std::string_view("[({#").contains(format_[at_])) {
      auto wrapped = bracketed();
      if (!wrapped) return std::unexpected(wrapped.error());
      argument = std::move(*wrapped);
    }
    std::string_view more;
    if (at_ < format_.size() && format_[at_] == ';') {
      const std::size_t close = std::min(format_.find('}', at_), format_.size());
      more = format_.substr(at_ + 1, close - at_ - 1);
      at_ = close;
    }
    if (at_ == format_.size() || format_[at_] != '}')
      return wrong("%" + std::string(1, part.verb) + "{ is not closed");
    ++at_;
    return apply(std::move(part), name, std::move(argument), more);
  }

  Answer<std::string> bracketed() {
    static constexpr std::string_view kOpen = "[({#";
    static constexpr std::string_view kClose = "])}#";
    const char open = format_[at_];
    const char close = kClose[kOpen.find(open)];
    const std::size_t start = at_;
    while (at_ < format_.size() && format_[at_] == open) ++at_;
    const std::string end(at_ - start, close);
    const std::size_t found = format_.find(end + "}", at_);
    if (found == std::string_view::npos) return wrong("no " + end + "} closes the bracket");
    std::string inside(format_.substr(at_, found - at_));
    at_ = found + end.size();
    return inside;
  }

  static Answer<FormatPart> apply(FormatPart part, std::string_view name, std::string argument,
                                  std::string_view more) {
    const std::string written = "%" + std::string(1, part.verb) + "{" + std::string(name) + "}";
    if (part.verb == 'a') {
      part.attribute = std::string(name);
      const auto form = number_form(more);
      if (!form) return wrong("unknown number form in " + written);
      part.number = *form;
      if (more.empty()) part.number.bits = 1;  // no form was asked for
      return part;
    }
    if (part.verb == 'd' && (name == "strftime" || name == "go")) {
      part.time = {name == "go" ? TimeForm::Kind::go : TimeForm::Kind::strftime, std::move(argument)};
      return part;
    }
    if (kTextVerbs.contains(part.verb) && (name == "unpack" || name == "re")) {
      part.text = {name == "re" ? TextForm::Kind::regex : TextForm::Kind::unpack, std::move(argument)};
      return part;
    }
    if (kTextVerbs.contains(part.verb)) {
      if (const auto form = plain_text_form(name)) return part.text = *form, part;
    } else if (const auto form = number_form(name)) {
      return part.number = *form, part;
    }
    return wrong("unknown modifier " + written);
  }

  std::string_view format_;
  std::size_t at_ = 0;
};

}  // namespace

Answer<std::vector<FormatPart>> parse_record_format(std::string_view format) {
  return Parser(format).parse(false);
}

}  // namespace moldau::cli
