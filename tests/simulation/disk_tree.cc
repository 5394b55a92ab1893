#include "simulation/disk_tree.h"

#include <algorithm>
#include <cerrno>
#include <unordered_map>
#include <unordered_set>

namespace moldau::simulation {
namespace {

NodeRef walk(NodeRef node, std::string_view path, Names Node::* names) {
  while (node && !path.empty()) {
    const std::size_t slash = path.find('/');
    const std::string_view part = path.substr(0, slash);
    path = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
    if (part.empty()) continue;
    if (!node->is_directory) return nullptr;
    const auto found = ((*node).*names).find(part);
    node = found == ((*node).*names).end() ? nullptr : found->second;
  }
  return node;
}

void erase_if_names(Names& names, const std::string& name, const NodeRef& node) {
  const auto found = names.find(name);
  if (found != names.end() && found->second == node) names.erase(found);
}

// Names and bodies of a whole tree, every node once.
class Copier {
 public:
  NodeRef copy(const NodeRef& node) {
    if (!node) return nullptr;
    NodeRef& made = made_[node.get()];
    if (made) return made;
    const NodeRef result = made = std::make_shared<Node>(node->is_directory);
    result->linked = node->linked;
    result->body = node->body;
    for (const auto& [name, child] : node->names) result->names.emplace(name, copy(child));
    for (const auto& [name, child] : node->durable_names) result->durable_names.emplace(name, copy(child));
    return result;
  }

 private:
  std::unordered_map<const Node*, NodeRef> made_;
};

}  // namespace

template <class Visit>
void DiskTree::each_file(const NodeRef& directory, const std::string& path, Visit&& visit) {
  for (const auto& [name, node] : directory->names) {
    const std::string child = path + "/" + name;
    if (node->is_directory) {
      each_file(node, child, visit);
    } else {
      visit(*node, child);
    }
  }
}

DiskTree::DiskTree() : root_(std::make_shared<Node>(true)) { root_->linked = true; }

DiskTree DiskTree::copy() const {
  Copier copier;
  DiskTree tree;
  tree.root_ = copier.copy(root_);
  for (const Change& change : unsynced_) {
    tree.unsynced_.push_back({copier.copy(change.node),
                              {copier.copy(change.from.directory), change.from.name},
                              {copier.copy(change.to.directory), change.to.name}});
  }
  tree.used_bytes_ = used_bytes_;
  return tree;
}

NodeRef DiskTree::find(std::string_view path) const { return walk(root_, path, &Node::names); }
NodeRef DiskTree::find_durable(std::string_view path) const {
  return walk(root_, path, &Node::durable_names);
}

Result<DiskTree::Spot> DiskTree::spot(std::string_view path) const {
  MOLDAU_ASSERT(path.starts_with('/'), "paths are absolute");
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  const std::size_t slash = path.rfind('/');
  NodeRef directory = find(path.substr(0, slash));
  if (!directory || !directory->is_directory) return fail(error_from_errno(ENOENT, path));
  return Spot{std::move(directory), std::string(path.substr(slash + 1))};
}

NodeRef DiskTree::create(const Spot& spot, bool directory) {
  auto node = std::make_shared<Node>(directory);
  node->linked = true;
  MOLDAU_ASSERT(spot.directory->names.emplace(spot.name, node).second);
  unsynced_.push_back({node, {}, spot});
  return node;
}

void DiskTree::rename(const Spot& from, const Spot& to) {
  const NodeRef node = from.directory->names.at(from.name);
  const auto replaced = to.directory->names.find(to.name);
  if (replaced != to.directory->names.end()) {
    if (replaced->second == node) return;
    unlink(replaced->second);
  }
  from.directory->names.erase(from.name);
  to.directory->names.insert_or_assign(to.name, node);
  unsynced_.push_back({node, from, to});
}

void DiskTree::remove(const Spot& spot) {
  const NodeRef node = spot.directory->names.at(spot.name);
  unlink(node);
  spot.directory->names.erase(spot.name);
  unsynced_.push_back({node, spot, {}});
}

void DiskTree::unlink(const NodeRef& node) {
  node->linked = false;
  used_bytes_ -= node->body.size();
}

void DiskTree::resized(const Node& file, std::uint64_t before) {
  if (file.linked) used_bytes_ += file.body.size() - before;
}

void DiskTree::apply(const Change& change) {
  if (change.from.directory)
    erase_if_names(change.from.directory->durable_names, change.from.name, change.node);
  if (change.to.directory) change.to.directory->durable_names.insert_or_assign(change.to.name, change.node);
}

// What happened to the same file or folder before comes with it: a rename is nothing without the create.
void DiskTree::sync(const NodeRef& directory) {
  std::vector<bool> chosen(unsynced_.size());
  std::unordered_set<const Node*> nodes;
  for (std::size_t i = unsynced_.size(); i-- > 0;) {
    const Change& change = unsynced_[i];
    chosen[i] = change.touches(*directory) || nodes.contains(change.node.get());
    if (chosen[i]) nodes.insert(change.node.get());
  }
  std::vector<Change> left;
  for (std::size_t i = 0; i < unsynced_.size(); ++i) {
    if (chosen[i]) {
      apply(unsynced_[i]);
    } else {
      left.push_back(std::move(unsynced_[i]));
    }
  }
  unsynced_ = std::move(left);
}

void DiskTree::power_loss(Random& random, const PowerLossOptions& options, FaultCounters& counters) {
  const bool in_order = options.names == PowerLossOptions::Names::prefix;
  const std::size_t prefix = random.below(unsynced_.size() + 1);
  const std::uint64_t mode = random.below(3);
  const double keep = mode == 0 ? 0 : mode == 1 ? 1 : random.unit();
  for (std::size_t i = 0; i < unsynced_.size(); ++i) {
    const Change& change = unsynced_[i];
    if (in_order ? i >= prefix : !random.chance(keep)) {
      counters.fire(Fault::lost_name);
      continue;
    }
    counters.fire(Fault::kept_name);
    // One file has one name, although an earlier rename of it may have been lost.
    for (std::size_t earlier = 0; earlier < i; ++earlier) {
      const Change& before = unsynced_[earlier];
      if (before.node != change.node) continue;
      if (before.from.directory) {
        erase_if_names(before.from.directory->durable_names, before.from.name, change.node);
      }
      if (before.to.directory) {
        erase_if_names(before.to.directory->durable_names, before.to.name, change.node);
      }
    }
    apply(change);
  }
  unsynced_.clear();
  recount();
  each_file(root_, "",
            [&](Node& file, const std::string&) { file.body.power_loss(random, options, counters); });
  used_bytes_ = 0;
  each_file(root_, "", [&](Node& file, const std::string&) { used_bytes_ += file.body.size(); });
}

// The names that the device holds are all that there are. What hangs nowhere is gone.
void DiskTree::recount() {
  std::vector<NodeRef> directories{root_};
  while (!directories.empty()) {
    const NodeRef directory = std::move(directories.back());
    directories.pop_back();
    for (const auto& [name, node] : directory->names) node->linked = false;
    directory->names = directory->durable_names;
    for (const auto& [name, node] : directory->names) {
      if (node->is_directory) directories.push_back(node);
    }
  }
  root_->linked = true;
  directories.push_back(root_);
  while (!directories.empty()) {
    const NodeRef directory = std::move(directories.back());
    directories.pop_back();
    for (const auto& [name, node] : directory->names) {
      node->linked = true;
      if (node->is_directory) directories.push_back(node);
    }
  }
}

void DiskTree::evict_all() {
  each_file(root_, "", [](Node& file, const std::string&) { file.body.evict(); });
}

void DiskTree::sync_all() {
  for (const Change& change : unsynced_) apply(change);
  unsynced_.clear();
  each_file(root_, "", [](Node& file, const std::string&) { file.body.sync(); });
}

void DiskTree::fail_sync(Random& random) {
  each_file(root_, "", [&](Node& file, const std::string&) {
    random.one_in(2) ? file.body.sync() : file.body.fail_sync(random);
  });
}

std::vector<std::string> DiskTree::files() const {
  std::vector<std::string> paths;
  each_file(root_, "", [&](Node&, const std::string& path) { paths.push_back(path); });
  std::ranges::sort(paths);
  return paths;
}

}  // namespace moldau::simulation
