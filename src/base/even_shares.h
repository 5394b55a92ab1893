// EvenShares: shares items out to holders evenly, and leaves as many as possible where they are: what sticky
// assignors of partitions do. Holders are numbered; items are of kinds, each of which some holders may have.
// Pure; the same input gives the same shares.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace moldau {

class EvenShares {
 public:
  struct Kind {
    std::int32_t count = 0;
    std::vector<std::size_t> holders;  // ascending: who may have items of it
  };
  using Item = std::pair<std::size_t, std::int32_t>;  // number of its kind, and its own within that

  EvenShares(std::size_t holders, std::vector<Kind> kinds)
      : kinds_(std::move(kinds)), shares_(holders), with_size_{holders} {}

  bool may_have(std::size_t holder, const Item& item) const;
  std::optional<std::size_t> holder_of(const Item& item) const;
  // Before settle(): what is held already. REQUIRES: may_have(holder, item), and nobody has it.
  void give(std::size_t holder, const Item& item);
  void take(const Item& item);

  // Gives out the rest, and evens the shares out. An item of a kind that nobody may have stays without
  // holder.
  void settle();
  const std::set<Item>& of(std::size_t holder) const { return shares_[holder]; }

 private:
  void note_size(std::size_t before, std::size_t after);
  std::size_t least_loaded(const Kind& kind) const;
  bool even_out();
  bool give_one_away(std::size_t holder);

  const std::vector<Kind> kinds_;
  std::vector<std::set<Item>> shares_;
  std::map<Item, std::size_t> holders_;
  std::vector<std::size_t> with_size_;  // how many shares there are of each size
  std::size_t smallest_ = 0;            // of the sizes
};

}  // namespace moldau
