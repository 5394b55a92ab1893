// Lists of nodes, as tables and Kafka's tools show them.
#pragma once

#include <string>
#include <vector>

#include "base/ids.h"
#include "cli/json.h"

namespace moldau::cli {

// "1,2,3".
inline std::string comma_joined(const std::vector<NodeId>& nodes) {
  std::string out;
  for (const NodeId node : nodes) out += (out.empty() ? "" : ",") + std::to_string(node);
  return out;
}

inline Json nodes_json(const std::vector<NodeId>& nodes) {
  Json::Array out;
  for (const NodeId node : nodes) out.emplace_back(node);
  return out;
}

}  // namespace moldau::cli
