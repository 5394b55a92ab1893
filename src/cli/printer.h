// Printer: gathers text before it is written. After the reader has gone everything else is dropped and
// broken() tells; commands that go on for ever then end.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "cli/cli.h"

namespace moldau::cli {

class Printer {
 public:
  explicit Printer(Output& output) : output_(output) {}
  ~Printer() { flush(); }
  Printer(const Printer&) = delete;

  void put(std::string_view text) {
    text_ += text;
    if (text_.size() >= kFlushBytes) flush();
  }
  void line(std::string_view text) {
    text_ += text;
    put("\n");
  }
  // Keeps everything until it is taken.
  void hold() {
    flush();
    held_ = true;
  }
  std::string take_held() {
    held_ = false;
    return std::exchange(text_, {});
  }
  void flush() {
    if (held_) return;
    if (!text_.empty() && !broken_) broken_ = !output_.write(text_);
    text_.clear();
  }
  bool broken() const { return broken_; }

 private:
  static constexpr std::size_t kFlushBytes = 64 * 1024;
  Output& output_;
  std::string text_;
  bool broken_ = false;
  bool held_ = false;
};

}  // namespace moldau::cli
