#include "cli/trouble.h"

namespace moldau::cli {

std::string Trouble::to_string() const {
  std::string text = "error: " + what + "\n";
  if (!cause.empty()) text += "  cause: " + cause + "\n";
  if (!hint.empty()) text += "  hint: " + hint + "\n";
  return text;
}

std::string Trouble::one_line() const { return cause.empty() ? what : what + ": " + cause; }

Trouble trouble_of(const Error& error, std::string what) {
  const bool bad_data = error.code == Errc::corrupt || error.code == Errc::truncated;
  return {bad_data ? Exit::bad_file : Exit::failed, std::move(what), error.message, {}};
}

}  // namespace moldau::cli
