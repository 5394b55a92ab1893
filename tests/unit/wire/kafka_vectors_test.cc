// tests/vectors/messages.tsv holds bytes that Apache Kafka 4.3's own message classes wrote, and JSON that
// agreed with Kafka's converters when the file was made (./dev differential makes and checks it). Ours must
// read the bytes as the same values and write the same bytes.
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "bytes.h"
#include "wire/message.h"

namespace moldau::wire {
namespace {

struct Vector {
  std::string name;
  ApiVersion version = 0;
  std::string bytes;
  std::string json;
};

std::vector<Vector> read_vectors() {
  std::ifstream file(std::string(MOLDAU_SOURCE_DIR) + "/tests/vectors/messages.tsv");
  std::vector<Vector> vectors;
  for (std::string line; std::getline(file, line);) {
    std::istringstream columns(line);
    Vector vector;
    std::string version;
    std::getline(columns, vector.name, '\t');
    std::getline(columns, version, '\t');
    std::getline(columns, vector.bytes, '\t');
    std::getline(columns, vector.json);
    vector.version = static_cast<ApiVersion>(std::stoi(version));
    vectors.push_back(std::move(vector));
  }
  return vectors;
}

const MessageType* find_type(std::string_view name) {
  for (const MessageType* type : messages())
    if (type->name == name) return type;
  return nullptr;
}

Slice body_of(const Vector& vector) { return vector.bytes.empty() ? Slice() : hex(vector.bytes); }

TEST(KafkaVectors, AreReadAsTheSameValuesAndWrittenAsTheSameBytes) {
  for (const Vector& vector : read_vectors()) {
    SCOPED_TRACE(vector.name + " v" + std::to_string(vector.version) + " " + vector.bytes);
    const MessageType* type = find_type(vector.name);
    ASSERT_NE(type, nullptr);
    const auto json = type->to_json(body_of(vector), vector.version);
    ASSERT_TRUE(json.has_value()) << json.error().message;
    EXPECT_EQ(*json, vector.json);
    const auto again = type->reencode(body_of(vector), vector.version);
    ASSERT_TRUE(again.has_value()) << again.error().message;
    EXPECT_EQ(to_hex(joined(*again)), vector.bytes);
  }
}

TEST(KafkaVectors, AreThereForEveryMessageAndVersion) {
  std::set<std::pair<std::string, ApiVersion>> there;
  for (const Vector& vector : read_vectors()) there.emplace(vector.name, vector.version);
  for (const MessageType* type : messages())
    for (ApiVersion version = type->min_version; version <= type->max_version; ++version)
      EXPECT_TRUE(there.contains({std::string(type->name), version})) << type->name << " v" << version;
}

}  // namespace
}  // namespace moldau::wire
