#include "base/even_shares.h"

#include <algorithm>

#include "base/assert.h"

namespace moldau {

bool EvenShares::may_have(std::size_t holder, const Item& item) const {
  if (item.first >= kinds_.size()) return false;
  const Kind& kind = kinds_[item.first];
  return item.second >= 0 && item.second < kind.count && std::ranges::binary_search(kind.holders, holder);
}

std::optional<std::size_t> EvenShares::holder_of(const Item& item) const {
  const auto found = holders_.find(item);
  if (found == holders_.end()) return std::nullopt;
  return found->second;
}

void EvenShares::give(std::size_t holder, const Item& item) {
  MOLDAU_ASSERT(may_have(holder, item) && !holders_.contains(item));
  shares_[holder].insert(item);
  holders_.emplace(item, holder);
}

void EvenShares::take(const Item& item) {
  const auto found = holders_.find(item);
  if (found == holders_.end()) return;
  shares_[found->second].erase(item);
  holders_.erase(found);
}

void EvenShares::settle() {
  for (std::size_t number = 0; number < kinds_.size(); ++number) {
    const Kind& kind = kinds_[number];
    if (kind.holders.empty()) continue;
    for (std::int32_t index = 0; index < kind.count; ++index) {
      const Item item(number, index);
      if (!holders_.contains(item)) give(least_loaded(kind), item);
    }
  }
  while (even_out()) {
  }
}

std::size_t EvenShares::least_loaded(const Kind& kind) const {
  return *std::ranges::min_element(kind.holders, {}, [this](std::size_t one) { return shares_[one].size(); });
}

// Moves items from who has more to who may have them and has at least two less. False: nothing moved. Each
// move lowers the sum of the squares of the shares, so this ends.
bool EvenShares::even_out() {
  const auto smallest = [this] {
    return std::ranges::min_element(shares_, {}, [](const auto& share) { return share.size(); })->size();
  };
  bool moved = false;
  for (std::size_t holder = 0; holder < shares_.size(); ++holder) {
    if (shares_[holder].size() <= smallest() + 1) continue;
    const std::vector<Item> all(shares_[holder].begin(), shares_[holder].end());
    for (auto item = all.rbegin(); item != all.rend(); ++item) {
      const std::size_t other = least_loaded(kinds_[item->first]);
      if (shares_[other].size() + 1 >= shares_[holder].size()) continue;
      take(*item);
      give(other, *item);
      moved = true;
    }
  }
  return moved;
}

}  // namespace moldau
