// Deserializers by the names of Kafka's classes: bytes of a key, value or header as the console consumer
// prints them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "cli/trouble.h"

namespace moldau::cli {

// Appends the text of the bytes. False: the bytes are no such value.
using Deserialize = bool (*)(std::string& out, ByteView bytes);

// `class_name`: "org.apache.kafka.common.serialization.LongDeserializer" or just its last word. Numbers are
// big-endian; what the platform's Java prints is what is appended.
Answer<Deserialize> find_deserializer(std::string_view class_name);
// The bytes as they are.
bool deserialize_text(std::string& out, ByteView bytes);
// As Java makes a String of them: what is no UTF-8 becomes U+FFFD.
bool deserialize_string(std::string& out, ByteView bytes);

}  // namespace moldau::cli
