#include "wire/sample.h"

namespace moldau::wire {

void Sampler::fill(ErrorCode& out) {
  const auto all = errors();
  out = all[random_.below(all.size())].code;
}

void Sampler::fill(std::string& out) {
  out.resize(random_.below(random_.one_in(16) ? 400 : 12));
  for (char& letter : out) letter = static_cast<char>(random_.between(' ', '~'));
}

void Sampler::fill(Slice& out) {
  std::vector<std::byte> bytes(random_.below(random_.one_in(16) ? 3000 : 40));
  random_.fill(bytes);
  out = Slice::take(std::move(bytes));
}

void Sampler::fill(SliceList& out) {
  out.clear();
  Slice slice;
  fill(slice);
  if (!slice.empty()) out.push_back(std::move(slice));
}

}  // namespace moldau::wire
