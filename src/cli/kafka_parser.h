// The command lines of Kafka's tools, by the rules of jopt-simple and argparse4j that they use: `--opt v`,
// `--opt=v`, `-opt v`, unambiguous prefixes of long names, optional values, `--` ends options, words that
// belong to no option are kept aside.
#pragma once

#include <span>

#include "cli/arguments.h"

namespace moldau::cli {

// Errors have Exit::usage and the words of the original tools.
Answer<Arguments> parse_kafka_words(std::span<const Flag> flags, std::span<const std::string> words);

}  // namespace moldau::cli
