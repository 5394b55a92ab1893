// What `moldau dev` is to start, of its flags and of what its folder has.
#pragma once

#include "cli/dev_cluster.h"

namespace moldau::cli {

struct TopicWish {
  std::string name;
  std::int32_t partitions = -1;  // -1: the cluster's default
};

struct DevPlan {
  DevCluster cluster;
  std::vector<TopicWish> topics;
  runtime::Duration patience{};  // until it is in service
  bool temporary = false;        // its folder goes with it
  bool background = false;
};

// Exit::conflict where the folder has another cluster, or one that runs.
Answer<DevPlan> plan_of_flags(Session& session);

}  // namespace moldau::cli
