// Which APIs are served where.
#include "server/dispatcher.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace moldau::server {
namespace {

using wire::ApiKey;

std::vector<ApiKey> keys(bool controller_listener) {
  std::vector<ApiKey> out;
  for (const wire::ApiInfo* api : served_apis(controller_listener)) out.push_back(api->key);
  return out;
}

TEST(Dispatcher, ServesOnlyWhereKafkaDoes) {
  for (const wire::ApiInfo& api : wire::apis()) {
    if (find_handler(api.key, false)) EXPECT_TRUE(api.on_broker) << api.name;
    if (find_handler(api.key, true)) EXPECT_TRUE(api.on_controller) << api.name;
  }
}

TEST(Dispatcher, TellsExactlyWhatItServes) {
  for (const bool controller : {false, true}) {
    const auto told = keys(controller);
    EXPECT_TRUE(std::ranges::is_sorted(told));
    EXPECT_EQ(std::ranges::adjacent_find(told), told.end());
    for (const wire::ApiInfo& api : wire::apis())
      EXPECT_EQ(std::ranges::binary_search(told, api.key), find_handler(api.key, controller) != nullptr)
          << api.name;
  }
}

TEST(Dispatcher, WhatTheQuorumSaysToItselfIsNotForClients) {
  for (const ApiKey key : {ApiKey::vote, ApiKey::begin_quorum_epoch, ApiKey::end_quorum_epoch,
                           ApiKey::fetch_snapshot, ApiKey::envelope, ApiKey::update_raft_voter}) {
    EXPECT_EQ(find_handler(key, false), nullptr) << wire::name_of(key);
    EXPECT_NE(find_handler(key, true), nullptr) << wire::name_of(key);
  }
}

TEST(Dispatcher, WhatClientsDoWithRecordsIsNotForControllers) {
  for (const ApiKey key :
       {ApiKey::produce, ApiKey::metadata, ApiKey::list_offsets, ApiKey::find_coordinator,
        ApiKey::init_producer_id, ApiKey::join_group, ApiKey::sync_group, ApiKey::heartbeat,
        ApiKey::leave_group, ApiKey::offset_commit, ApiKey::offset_fetch, ApiKey::offset_delete,
        ApiKey::describe_groups, ApiKey::list_groups, ApiKey::delete_groups, ApiKey::consumer_group_heartbeat,
        ApiKey::consumer_group_describe}) {
    EXPECT_NE(find_handler(key, false), nullptr) << wire::name_of(key);
    EXPECT_EQ(find_handler(key, true), nullptr) << wire::name_of(key);
  }
}

TEST(Dispatcher, AFetchOfRecordsAndOneOfTheMetadataLogAreServedApart) {
  EXPECT_NE(find_handler(ApiKey::fetch, false), nullptr);
  EXPECT_NE(find_handler(ApiKey::fetch, true), nullptr);
  EXPECT_NE(find_handler(ApiKey::fetch, false), find_handler(ApiKey::fetch, true));
}

}  // namespace
}  // namespace moldau::server
