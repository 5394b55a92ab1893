#include "group/classic_member_id.h"

#include <cstdio>

namespace moldau::group {

namespace {

// In the form of java.util.UUID, random (version 4), as Kafka's member ids end.
std::string uuid_text(Random& random) {
  const std::uint64_t high = (random.next() & ~0xf000ULL) | 0x4000ULL;
  const std::uint64_t low = (random.next() & ~(3ULL << 62)) | (2ULL << 62);
  char text[37];
  std::snprintf(text, sizeof text, "%08x-%04x-%04x-%04x-%012llx", static_cast<unsigned>(high >> 32),
                static_cast<unsigned>(high >> 16 & 0xffff), static_cast<unsigned>(high & 0xffff),
                static_cast<unsigned>(low >> 48), static_cast<unsigned long long>(low & 0xffffffffffffULL));
  return text;
}

}  // namespace

std::string new_member_id(const std::string& name, Random& random) { return name + "-" + uuid_text(random); }

}  // namespace moldau::group
