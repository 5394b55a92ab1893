// Prints messages as JSON, fields under Kafka's names. Byte strings are base64, or their size when they are
// long; record batches are their size; text that is not UTF-8 keeps its bytes as \u00XX.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "wire/error_code.h"

namespace moldau::wire {

class JsonPrinter {
 public:
  std::string text() && { return std::move(out_); }

  void open(char bracket);
  void close(char bracket);

  template <class T>
  void field(std::string_view name, const T& content, std::int16_t version) {
    key(name);
    value(content, version);
  }
  void secret(std::string_view name) {
    key(name);
    literal("\"(secret)\"");
  }

 private:
  void key(std::string_view name);
  void separate();
  void literal(std::string_view text);
  void quoted(std::string_view text);
  void integer(std::int64_t number);

  void value(bool content, std::int16_t) { literal(content ? "true" : "false"); }
  void value(std::integral auto content, std::int16_t) { integer(static_cast<std::int64_t>(content)); }
  void value(double content, std::int16_t);
  void value(ErrorCode content, std::int16_t);
  void value(const Uuid& content, std::int16_t);
  void value(const std::string& content, std::int16_t) { quoted(content); }
  void value(const Slice& content, std::int16_t);
  void value(const SliceList& content, std::int16_t);

  template <class T>
  void value(const std::optional<T>& content, std::int16_t version) {
    content ? value(*content, version) : literal("null");
  }
  template <class T>
  void value(const std::vector<T>& content, std::int16_t version) {
    open('[');
    for (const T& element : content) {
      separate();
      value(element, version);
    }
    close(']');
  }
  template <class T>
    requires requires(const T& content, JsonPrinter& out) { content.print(out, std::int16_t{}); }
  void value(const T& content, std::int16_t version) {
    content.print(*this, version);
  }

  std::string out_;
  bool first_ = true;
};

}  // namespace moldau::wire
