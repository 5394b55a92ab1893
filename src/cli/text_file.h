// Files that people name on the command line.
#pragma once

#include <string>

#include "cli/trouble.h"

namespace moldau::cli {

// A path that is not absolute begins in the working directory.
std::string absolute_path(const Invocation& invocation, const std::string& path);
// The whole file. Exit::bad_file names the path.
Answer<std::string> read_text_file(const Invocation& invocation, const std::string& path);

}  // namespace moldau::cli
