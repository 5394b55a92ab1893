#include "cli/text_file.h"

namespace moldau::cli {

std::string absolute_path(const Invocation& invocation, const std::string& path) {
  return path.starts_with('/') ? path : invocation.process.working_directory + "/" + path;
}

Answer<std::string> read_text_file(const Invocation& invocation, const std::string& path) {
  auto text = invocation.process.read_file(absolute_path(invocation, path));
  if (!text) return trouble(Exit::bad_file, "cannot read " + path, text.error().message);
  return std::move(*text);
}

}  // namespace moldau::cli
