#pragma once

#include <string>

namespace moldau::cli {

// The version of Moldau, and the Kafka release whose protocol and tools it follows.
inline constexpr const char* kVersion = "0.1.0";
inline constexpr const char* kKafkaVersion = "4.3.0";

std::string version_line();  // "4.3.0 (moldau 0.1.0)"

}  // namespace moldau::cli
