#include <yaml-cpp/yaml.h>

#include <set>

#include "config/entries.h"

namespace moldau::config {
namespace {

// More than any honest file holds; aliases of aliases could name more than memory holds.
constexpr std::size_t kMaxEntries = 10'000;
// An alias within what it names has no end.
constexpr int kMaxDepth = 32;

class YamlWalk {
 public:
  explicit YamlWalk(const std::string& name) : name_(name) {}

  void walk(const YAML::Node& node, const std::string& path) {
    if (++steps_ > kMaxEntries || too_deep_) return;
    if (depth_ > kMaxDepth) {
      too_deep_ = true;
      return problem(node.Mark(), "", "nested too deeply");
    }
    switch (node.Type()) {
      case YAML::NodeType::Scalar:
        return add(node, path, node.Scalar());
      case YAML::NodeType::Sequence:
        return walk_sequence(node, path);
      case YAML::NodeType::Map:
        return walk_map(node, path);
      case YAML::NodeType::Null:
      case YAML::NodeType::Undefined:
        return;  // as if the key were not there
    }
  }

  Reading finish() && {
    if (steps_ > kMaxEntries)
      problem({}, "", "the file holds more than " + std::to_string(kMaxEntries) + " values");
    return std::move(reading_);
  }
  void problem(const YAML::Mark& mark, const std::string& key, std::string text) {
    reading_.problems.push_back({Severity::error, origin(mark), key, std::move(text)});
  }

 private:
  std::string origin(const YAML::Mark& mark) const {
    return mark.is_null() ? name_ : name_ + ":" + std::to_string(mark.line + 1);
  }
  void add(const YAML::Node& node, const std::string& path, std::string value) {
    if (path.empty()) return problem(node.Mark(), "", "the file is not a map of keys to values");
    reading_.entries.push_back({path, std::move(value), origin(node.Mark()), path, false});
  }
  void descend(const YAML::Node& node, const std::string& path) {
    ++depth_;
    walk(node, path);
    --depth_;
  }
  void walk_map(const YAML::Node& node, const std::string& path) {
    if (node.size() == 0) reading_.empty_maps.push_back(path);
    std::set<std::string> seen;
    for (const auto& pair : node) {
      if (!pair.first.IsScalar()) {
        problem(pair.first.Mark(), path, "a key must be plain text");
        continue;
      }
      const std::string key = path.empty() ? pair.first.Scalar() : path + "." + pair.first.Scalar();
      if (!seen.insert(key).second) problem(pair.first.Mark(), key, "the key is there twice");
      descend(pair.second, key);
    }
  }
  void walk_sequence(const YAML::Node& node, const std::string& path) {
    std::string joined;
    bool scalars = true;
    for (const auto& item : node) {
      scalars = scalars && item.IsScalar();
      if (scalars) joined += (joined.empty() ? "" : ",") + item.Scalar();
    }
    if (scalars) return add(node, path, std::move(joined));
    for (std::size_t i = 0; i < node.size(); ++i) descend(node[i], path + "." + std::to_string(i));
  }

  const std::string& name_;
  Reading reading_;
  std::size_t steps_ = 0;
  int depth_ = 0;
  bool too_deep_ = false;
};

}  // namespace

Reading read_yaml(std::string_view text, const std::string& name) {
  YamlWalk walk(name);
  try {
    walk.walk(YAML::Load(std::string(text)), "");
  } catch (const YAML::Exception& failure) {
    walk.problem(failure.mark, "", "not YAML: " + failure.msg);
  }
  return std::move(walk).finish();
}

}  // namespace moldau::config
