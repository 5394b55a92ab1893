#include "wire/api.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>

#include "wire/message.h"

namespace moldau::wire {
namespace {

struct Row {
  std::string name;
  std::string min;
  std::string max;
  std::string flexible_from;
  std::string listeners;
};

std::map<int, Row> rows_of_kafka_4_3() {
  std::ifstream file(std::string(MOLDAU_SOURCE_DIR) + "/tests/vectors/api-versions.tsv");
  std::map<int, Row> rows;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || !std::isdigit(static_cast<unsigned char>(line[0]))) continue;
    std::istringstream columns(line);
    int key = 0;
    Row row;
    std::string min_next, max_next;
    columns >> key >> row.name >> row.min >> row.max >> min_next >> max_next >> row.flexible_from >>
        row.listeners;
    if (row.min != "-") rows[key] = row;
  }
  return rows;
}

TEST(ApiTable, IsKafka43) {
  const auto rows = rows_of_kafka_4_3();
  ASSERT_EQ(rows.size(), 89u);
  ASSERT_EQ(apis().size(), rows.size());
  for (const ApiInfo& info : apis()) {
    SCOPED_TRACE(info.name);
    const auto row = rows.find(static_cast<int>(info.key));
    ASSERT_NE(row, rows.end());
    EXPECT_EQ(info.name, row->second.name);
    EXPECT_EQ(std::to_string(info.min_version), row->second.min);
    EXPECT_EQ(std::to_string(info.max_version), row->second.max);
    EXPECT_EQ(info.flexible_from == kNeverFlexible ? "never" : std::to_string(info.flexible_from),
              row->second.flexible_from);
    EXPECT_EQ(std::string(info.on_broker ? "B" : "") + (info.on_controller ? "C" : ""),
              row->second.listeners);
    EXPECT_FALSE(info.purpose.empty());
  }
}

TEST(ApiTable, AdvertisesWhatItDecodesExceptWhereClientsNeedOtherwise) {
  for (const ApiInfo& info : apis()) {
    const bool differs = info.key == ApiKey::produce || info.key == ApiKey::init_producer_id;
    EXPECT_EQ(info.advertised_min != info.min_version || info.advertised_max != info.max_version, differs)
        << info.name;
  }
  EXPECT_EQ(api(ApiKey::produce).advertised_min, 0);
  EXPECT_FALSE(api(ApiKey::produce).supports(2));
  EXPECT_TRUE(api(ApiKey::produce).supports(3));
  EXPECT_EQ(api(ApiKey::init_producer_id).advertised_max, 5);
}

TEST(ApiTable, FindsByKeyAndName) {
  EXPECT_EQ(find_api(std::int16_t{18})->key, ApiKey::api_versions);
  EXPECT_EQ(find_api("ShareFetch")->key, ApiKey::share_fetch);
  EXPECT_EQ(name_of(ApiKey::list_config_resources), "ListConfigResources");
  for (const int key : {-1, 4, 5, 6, 7, 93, 94, 32767, -32768})
    EXPECT_EQ(find_api(static_cast<std::int16_t>(key)), nullptr) << key;
  EXPECT_EQ(find_api("LeaderAndIsr"), nullptr);
}

TEST(ApiTable, ForwardsAdminChangesOnly) {
  EXPECT_TRUE(api(ApiKey::create_topics).forwarded);
  EXPECT_TRUE(api(ApiKey::allocate_producer_ids).forwarded);
  EXPECT_FALSE(api(ApiKey::produce).forwarded);
  EXPECT_FALSE(api(ApiKey::describe_configs).forwarded);
}

TEST(ApiTable, EveryApiHasItsMessages) {
  for (const ApiInfo& info : apis()) {
    for (const auto kind : {MessageType::Kind::request, MessageType::Kind::response}) {
      const MessageType* type = find_message(info.key, kind);
      ASSERT_NE(type, nullptr) << info.name;
      EXPECT_EQ(type->min_version, info.min_version);
      EXPECT_EQ(type->max_version, info.max_version);
      EXPECT_EQ(type->name,
                std::string(info.name) + (kind == MessageType::Kind::request ? "Request" : "Response"));
    }
  }
}

}  // namespace
}  // namespace moldau::wire
