// An ordered map whose versions share their parts: a change copies O(log n) nodes and leaves the old version
// as it was, so that a cluster image of thousands of topics is cheap to change and safe to read from every
// shard. A weight-balanced tree (Adams 1993; balance parameters 3 and 2 of Hirai and Yamamoto 2011).
#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace moldau::metadata {

template <class Key, class Value>
class PersistentMap {
  struct Node;
  using Link = std::shared_ptr<const Node>;

 public:
  using value_type = std::pair<const Key, Value>;

  std::size_t size() const { return size_of(root_); }
  bool empty() const { return root_ == nullptr; }

  // Null when there is no such key. Valid as long as a version of the map that holds the entry.
  template <class Sought>
  const Value* find(const Sought& key) const {
    const Node* node = root_.get();
    while (node) {
      if (key < node->entry->first) {
        node = node->left.get();
      } else if (node->entry->first < key) {
        node = node->right.get();
      } else {
        return &node->entry->second;
      }
    }
    return nullptr;
  }
  template <class Sought>
  bool contains(const Sought& key) const {
    return find(key) != nullptr;
  }

  // Inserts, or replaces the value of the key, in this version only.
  void set(Key key, Value value) {
    root_ = with(root_, std::make_shared<const value_type>(std::move(key), std::move(value)));
  }
  // No effect when there is no such key.
  void erase(const Key& key) {
    if (contains(key)) root_ = without(root_, key);
  }

  // Entries in the order of their keys. Valid as long as the map is neither changed nor destroyed.
  class Iterator {
   public:
    const value_type& operator*() const { return *path_.back()->entry; }
    const value_type* operator->() const { return path_.back()->entry.get(); }
    Iterator& operator++() {
      const Node* right = path_.back()->right.get();
      path_.pop_back();
      descend(right);
      return *this;
    }
    friend bool operator==(const Iterator& a, const Iterator& b) {
      if (a.path_.empty() || b.path_.empty()) return a.path_.empty() == b.path_.empty();
      return a.path_.back() == b.path_.back();
    }

   private:
    friend class PersistentMap;
    void descend(const Node* node) {
      for (; node; node = node->left.get()) path_.push_back(node);
    }
    std::vector<const Node*> path_;  // the nodes still to come, nearest last
  };
  Iterator begin() const {
    Iterator at;
    at.descend(root_.get());
    return at;
  }
  Iterator end() const { return {}; }
  // The first entry whose key is not less than `key`.
  template <class Sought>
  Iterator lower_bound(const Sought& key) const {
    Iterator at;
    for (const Node* node = root_.get(); node;) {
      if (node->entry->first < key) {
        node = node->right.get();
      } else {
        at.path_.push_back(node);
        node = node->left.get();
      }
    }
    return at;
  }

 private:
  using EntryLink = std::shared_ptr<const value_type>;
  struct Node {
    EntryLink entry;
    Link left;
    Link right;
    std::size_t size;
  };

  static std::size_t size_of(const Link& node) { return node ? node->size : 0; }
  static Link make(EntryLink entry, Link left, Link right) {
    const std::size_t size = size_of(left) + size_of(right) + 1;
    return std::make_shared<const Node>(Node{std::move(entry), std::move(left), std::move(right), size});
  }
  static bool heavier(const Link& a, const Link& b) { return size_of(a) + 1 > 3 * (size_of(b) + 1); }
  static bool needs_double(const Link& inner, const Link& outer) {
    return size_of(inner) + 1 >= 2 * (size_of(outer) + 1);
  }

  static Link balanced(EntryLink entry, Link left, Link right) {
    if (heavier(right, left)) {
      if (!needs_double(right->left, right->right))
        return make(right->entry, make(std::move(entry), std::move(left), right->left), right->right);
      const Link middle = right->left;
      return make(middle->entry, make(std::move(entry), std::move(left), middle->left),
                  make(right->entry, middle->right, right->right));
    }
    if (heavier(left, right)) {
      if (!needs_double(left->right, left->left))
        return make(left->entry, left->left, make(std::move(entry), left->right, std::move(right)));
      const Link middle = left->right;
      return make(middle->entry, make(left->entry, left->left, middle->left),
                  make(std::move(entry), middle->right, std::move(right)));
    }
    return make(std::move(entry), std::move(left), std::move(right));
  }

  static Link with(const Link& node, EntryLink entry) {
    if (!node) return make(std::move(entry), nullptr, nullptr);
    if (entry->first < node->entry->first)
      return balanced(node->entry, with(node->left, std::move(entry)), node->right);
    if (node->entry->first < entry->first)
      return balanced(node->entry, node->left, with(node->right, std::move(entry)));
    return make(std::move(entry), node->left, node->right);
  }

  static Link without(const Link& node, const Key& key) {
    if (key < node->entry->first) return balanced(node->entry, without(node->left, key), node->right);
    if (node->entry->first < key) return balanced(node->entry, node->left, without(node->right, key));
    if (!node->left) return node->right;
    if (!node->right) return node->left;
    EntryLink next = first_of(node->right);
    const Key& next_key = next->first;
    Link rest = without(node->right, next_key);
    return balanced(std::move(next), node->left, std::move(rest));
  }
  static EntryLink first_of(const Link& node) {
    const Node* at = node.get();
    while (at->left) at = at->left.get();
    return at->entry;
  }

  Link root_;
};

}  // namespace moldau::metadata
