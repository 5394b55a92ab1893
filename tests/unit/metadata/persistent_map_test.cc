#include "metadata/persistent_map.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "base/random.h"

namespace moldau::metadata {
namespace {

template <class Map>
std::map<int, int> contents(const Map& map) {
  std::map<int, int> out;
  for (const auto& [key, value] : map) out.emplace(key, value);
  return out;
}

TEST(PersistentMap, IsEmptyAtFirst) {
  const PersistentMap<int, int> map;
  EXPECT_TRUE(map.empty());
  EXPECT_EQ(map.find(1), nullptr);
  EXPECT_EQ(map.begin(), map.end());
}

TEST(PersistentMap, BehavesLikeAnOrderedMapAndOldVersionsStay) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Random random(seed);
    PersistentMap<int, int> map;
    std::map<int, int> model;
    std::vector<std::pair<PersistentMap<int, int>, std::map<int, int>>> versions;
    for (int step = 0; step < 400; ++step) {
      const int key = static_cast<int>(random.below(120));
      if (random.one_in(3)) {
        map.erase(key);
        model.erase(key);
      } else {
        map.set(key, step);
        model.insert_or_assign(key, step);
      }
      if (random.one_in(40)) versions.emplace_back(map, model);
      ASSERT_EQ(map.size(), model.size());
    }
    versions.emplace_back(map, model);
    for (const auto& [version, expected] : versions) ASSERT_EQ(contents(version), expected);
  }
}

TEST(PersistentMap, LowerBoundStartsInTheMiddle) {
  PersistentMap<std::string, int> map;
  for (int i = 0; i < 100; i += 2) map.set("key" + std::to_string(100 + i), i);
  auto at = map.lower_bound(std::string_view("key151"));
  for (int i = 52; i < 100; i += 2, ++at) ASSERT_EQ(at->second, i);
  EXPECT_EQ(at, map.end());
  EXPECT_EQ(map.lower_bound("zzz"), map.end());
}

TEST(PersistentMap, AscendingKeysStayBalanced) {
  PersistentMap<int, int> map;
  for (int i = 0; i < 100'000; ++i)
    map.set(i, i);  // a degenerate tree would overflow the stack or take minutes
  for (int i = 0; i < 100'000; i += 2) map.erase(i);
  EXPECT_EQ(map.size(), 50'000u);
  EXPECT_EQ(*map.find(77'777), 77'777);
  EXPECT_FALSE(map.contains(77'778));
}

}  // namespace
}  // namespace moldau::metadata
