#include "cli/json.h"

#include <charconv>
#include <cmath>

namespace moldau::cli {
namespace {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};

std::string number_text(double value) {
  if (!std::isfinite(value)) return "null";
  if (value == 0) return "0";  // also the negative zero, which would read as a whole number
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  return {text, end};
}

void break_line(std::string& out, int indent) {
  if (indent >= 0) out += "\n" + std::string(static_cast<std::size_t>(indent) * 2, ' ');
}

int deeper(int indent) { return indent < 0 ? indent : indent + 1; }

bool plain_in_yaml(const std::string& text) {
  static constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/";
  static constexpr std::string_view kWords[] = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"};
  if (text.empty() || text.find_first_not_of(kPlain) != std::string::npos) return false;
  if (std::string_view("-.0123456789").contains(text.front())) return false;
  for (const std::string_view word : kWords) {
    if (text == word) return false;
  }
  return true;
}

}  // namespace

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) {
          out += c;
        } else {
          static constexpr char kHex[] = "0123456789abcdef";
          out += "\\u00";
          out += kHex[(c >> 4) & 15];
          out += kHex[c & 15];
        }
    }
  }
  return out + '"';
}

const Json* Json::find(std::string_view name) const {
  if (const Object* object = as_object()) {
    for (const auto& [key, value] : *object) {
      if (key == name) return &value;
    }
  }
  return nullptr;
}

void Json::write(std::string& out, int indent) const {
  const auto sequence = [&](char open, char close, const auto& items, auto&& write_item) {
    out += open;
    bool first = true;
    for (const auto& item : items) {
      if (!std::exchange(first, false)) out += ',';
      break_line(out, deeper(indent));
      write_item(item);
    }
    if (!first) break_line(out, indent);
    out += close;
  };
  std::visit(Overloaded{
                 [&](std::monostate) { out += "null"; },
                 [&](bool value) { out += value ? "true" : "false"; },
                 [&](std::int64_t value) { out += std::to_string(value); },
                 [&](double value) { out += number_text(value); },
                 [&](const std::string& value) { out += quoted(value); },
                 [&](const Array& items) {
                   sequence('[', ']', items, [&](const Json& item) { item.write(out, deeper(indent)); });
                 },
                 [&](const Object& members) {
                   sequence('{', '}', members, [&](const auto& member) {
                     out += quoted(member.first) + (indent < 0 ? ":" : ": ");
                     member.second.write(out, deeper(indent));
                   });
                 },
             },
             value_);
}

std::string Json::to_line() const {
  std::string out;
  write(out, -1);
  return out;
}

std::string Json::to_pretty() const {
  std::string out;
  write(out, 0);
  return out;
}

std::string Json::to_yaml(std::size_t indent) const {
  const std::string blanks(indent, ' ');
  const auto nested = [&](const Json& value, const std::string& head) {
    const bool block = (value.as_array() && !value.as_array()->empty()) ||
                       (value.as_object() && !value.as_object()->empty());
    if (!block) return blanks + head + " " + value.to_yaml();
    return blanks + head + "\n" + value.to_yaml(indent + 2);
  };
  if (const Array* items = as_array(); items && !items->empty()) {
    std::string out;
    for (const Json& item : *items) {
      std::string text =
          item.as_object() && !item.as_object()->empty() ? item.to_yaml(indent + 2) : nested(item, "-");
      if (item.as_object() && !item.as_object()->empty()) text[indent] = '-';
      out += text;
    }
    return out;
  }
  if (const Object* members = as_object(); members && !members->empty()) {
    std::string out;
    for (const auto& [key, value] : *members)
      out += nested(value, (plain_in_yaml(key) ? key : quoted(key)) + ":");
    return out;
  }
  if (const std::string* text = as_string(); text && plain_in_yaml(*text)) return *text + "\n";
  return to_line() + "\n";
}

std::string Json::to_cell() const {
  if (is_null()) return "-";
  if (const std::string* text = as_string()) return *text;
  const Array* items = as_array();
  if (!items) return to_line();
  std::string out;
  for (const Json& item : *items) out += (out.empty() ? "" : ",") + item.to_cell();
  return out.empty() ? "-" : out;
}

}  // namespace moldau::cli
