// DiskTree: the folders and files of one simulated disk, as processes see them and as the device holds them.
// Changes of names are kept in order until the sync of their folder makes them durable.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "simulation/file_body.h"

namespace moldau::simulation {

struct Node;
using NodeRef = std::shared_ptr<Node>;
using Names = std::map<std::string, NodeRef, std::less<>>;

// A file or a folder.
struct Node {
  explicit Node(bool directory) : is_directory(directory) {}
  bool is_directory;
  bool linked = false;  // has a name as processes see it
  FileBody body;        // of a file
  Names names;          // of a folder, as processes see it
  Names durable_names;  // of a folder, as the device holds it
};

class DiskTree {
 public:
  DiskTree();
  DiskTree(DiskTree&&) = default;
  DiskTree& operator=(DiskTree&&) = default;
  DiskTree copy() const;

  // Null when there is none.
  NodeRef find(std::string_view path) const;
  // The folder of `path`, which must exist, and the last part of the name.
  struct Spot {
    NodeRef directory;
    std::string name;
  };
  Result<Spot> spot(std::string_view path) const;

  NodeRef create(const Spot& spot, bool directory);
  void rename(const Spot& from, const Spot& to);
  void remove(const Spot& spot);
  void sync(const NodeRef& directory);

  void power_loss(Random& random, const PowerLossOptions& options, FaultCounters& counters);
  void evict_all();
  void sync_all();
  // A sync of everything that fails: each file is synced, or loses some of its dirty pages.
  void fail_sync(Random& random);

  // The size of a linked file has changed.
  void resized(const Node& file, std::uint64_t before);
  std::uint64_t used_bytes() const { return used_bytes_; }

  std::vector<std::string> files() const;
  NodeRef find_durable(std::string_view path) const;

 private:
  // One change of names; a rename has both sides, a create only `to`, a remove only `from`.
  struct Change {
    NodeRef node;
    Spot from;
    Spot to;
    bool touches(const Node& directory) const {
      return from.directory.get() == &directory || to.directory.get() == &directory;
    }
  };
  static void apply(const Change& change);
  void unlink(const NodeRef& node);
  void recount();
  template <class Visit>
  static void each_file(const NodeRef& directory, const std::string& path, Visit&& visit);

  NodeRef root_;
  std::vector<Change> unsynced_;
  std::uint64_t used_bytes_ = 0;
};

}  // namespace moldau::simulation
