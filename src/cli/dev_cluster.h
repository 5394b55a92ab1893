// The clusters of `moldau dev`: N real nodes of this machine in one folder.
//
//   <folder>/cluster.json   what the cluster is
//   <folder>/node-1.yaml    a node's settings; moldau start -c starts it alone
//   <folder>/node-1.log     what it prints
//   <folder>/node-1/        its data
//
// Node i of a cluster on port P listens for clients on P+i-1, for the quorum on P+i+99 and for the admin port
// on P+i+551 (9092, 9192 and 9644 of the first one on the default port), all on 127.0.0.1.
#pragma once

#include "cli/session.h"

namespace moldau::cli {

struct DevCluster {
  std::string folder;  // absolute
  std::string cluster_id;
  int nodes = 0;
  std::uint16_t port = 0;

  std::string data_dir(int node) const { return folder + "/node-" + std::to_string(node); }
  std::string settings_file(int node) const { return data_dir(node) + ".yaml"; }
  std::string log_file(int node) const { return data_dir(node) + ".log"; }
  runtime::Endpoint kafka(int node) const;
  runtime::Endpoint controller(int node) const;
  runtime::Endpoint admin(int node) const;
  // The first so many nodes vote: an odd number, as one more would tolerate no more failures.
  int voters() const;
  // "localhost:9092,localhost:9093": what clients are given.
  std::string brokers() const;

  // A node's moldau.yaml.
  std::string settings_text(int node) const;
  std::string to_json() const;  // cluster.json
  static Result<DevCluster> parse(std::string_view json, const std::string& folder);
};

inline constexpr int kMostDevNodes = 9;
inline constexpr std::uint16_t kDevPort = 9092;

// Of --data-dir, --tmp with the port, or the user's own place.
std::string dev_folder(const Session& session, std::uint16_t port);
// The cluster of the folder that the flags name; else of the one whose nodes run, if there is just one.
// Exit::not_found says where was looked.
Answer<DevCluster> find_dev_cluster(Session& session);
// Nothing when the folder has none.
Answer<std::optional<DevCluster>> read_dev_cluster(const Session& session, const std::string& folder);

// The process of a node, when it runs.
std::optional<std::int64_t> dev_node_pid(Session& session, const DevCluster& cluster, int node);

}  // namespace moldau::cli
