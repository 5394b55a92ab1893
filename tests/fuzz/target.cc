#include "fuzz/target.h"

#include <algorithm>

namespace moldau::fuzz {
namespace {

std::vector<Target>& registered() {
  static std::vector<Target> all;
  return all;
}

}  // namespace

const std::vector<Target>& targets() { return registered(); }

Registration::Registration(const Target& target) {
  auto& all = registered();
  all.insert(std::ranges::lower_bound(all, target.name, {}, &Target::name), target);
}

}  // namespace moldau::fuzz
