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
  note_size(shares_[holder].size() - 1, shares_[holder].size());
}

void EvenShares::take(const Item& item) {
  const auto found = holders_.find(item);
  if (found == holders_.end()) return;
  std::set<Item>& share = shares_[found->second];
  share.erase(item);
  holders_.erase(found);
  note_size(share.size() + 1, share.size());
}

// A share has grown or shrunk by one.
void EvenShares::note_size(std::size_t before, std::size_t after) {
  if (with_size_.size() <= after) with_size_.resize(after + 1);
  --with_size_[before];
  ++with_size_[after];
  if (after < smallest_ || (before == smallest_ && with_size_[before] == 0)) smallest_ = after;
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

// From the largest shares down, each that is larger than it need be gives one item away, so that none gives
// more than another and gets some of it back. False: nothing moved. Each move lowers the sum of the squares
// of the shares, so this ends.
bool EvenShares::even_out() {
  bool moved = false;
  for (std::size_t size = with_size_.size(); size-- > smallest_ + 2;) {
    for (std::size_t holder = 0; holder < shares_.size() && size >= smallest_ + 2; ++holder)
      if (shares_[holder].size() == size && give_one_away(holder)) moved = true;
  }
  return moved;
}

// To somebody who may have it and has at least two less.
bool EvenShares::give_one_away(std::size_t holder) {
  const std::set<Item>& share = shares_[holder];
  for (auto item = share.rbegin(); item != share.rend();) {
    const std::size_t other = least_loaded(kinds_[item->first]);
    if (shares_[other].size() + 1 < share.size()) {
      const Item given = *item;
      take(given);
      give(other, given);
      return true;
    }
    // The others of this kind would go to the same one.
    item = std::make_reverse_iterator(share.lower_bound({item->first, 0}));
  }
  return false;
}

}  // namespace moldau
