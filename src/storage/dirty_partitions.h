// Which partitions still need entries of the commit log, and from where. Plain data: one per commit log.
#pragma once

#include <deque>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "storage/commit_log.h"

namespace moldau::storage {

class DirtyPartitions {
 public:
  using Position = CommitLog::Position;

  // A record begins at `start`; later ones begin further on.
  void begin_record(Position start) { record_starts_.push_back(start); }
  // The record begun last holds an entry of this partition that ends at `end`.
  void note(const TopicIdPartition& partition, Position end);
  // The partition needs nothing below `up_to` any more.
  void clean(const TopicIdPartition& partition, Position up_to);

  // The start of the oldest record that anybody needs; nullopt when nobody needs any.
  std::optional<Position> oldest();
  // Partitions that need something below `limit`, oldest first.
  std::vector<TopicIdPartition> before(Position limit) const;

 private:
  struct Need {
    Position from;
    Position end;
  };

  std::unordered_map<TopicIdPartition, Need> needs_;
  std::set<std::pair<Position, TopicIdPartition>> by_age_;
  std::deque<Position> record_starts_;  // from the oldest that is needed
};

}  // namespace moldau::storage
