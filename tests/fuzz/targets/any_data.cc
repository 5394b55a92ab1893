// Messages that are neither requests nor responses: what clients hand each other and what internal topics
// hold.
#include "fuzz/message_checks.h"

namespace moldau::fuzz {
namespace {

constexpr std::size_t kMaxSize = 512;

const std::vector<const wire::MessageType*>& kinds() {
  static const auto all = [] {
    std::vector<const wire::MessageType*> found;
    for (const wire::MessageType* type : wire::messages())
      if (type->kind == wire::MessageType::Kind::data) found.push_back(type);
    return found;
  }();
  return all;
}

void run(ByteView bytes) {
  Input in(bytes);
  const wire::MessageType& type = *kinds()[in.below(kinds().size())];
  const auto version = version_of(in, type.min_version, type.max_version);
  fuzz_message(type, version, Slice::borrow(in.rest()));
}

void seeds(Seeds& seeds) {
  for (std::size_t place = 0; place < kinds().size(); ++place) {
    const auto before = static_cast<std::byte>(place);
    add_random_messages(seeds, *kinds()[place], kMaxSize, {&before, 1});
  }
}

MOLDAU_FUZZ_TARGET(any_data, kMaxSize, run, seeds);

}  // namespace
}  // namespace moldau::fuzz
