// moldau.yaml.
#include "fuzz/settings_checks.h"

namespace moldau::fuzz {
namespace {

constexpr std::size_t kMaxSize = 256;

void run(ByteView bytes) { fuzz_settings(as_text(bytes), config::FileKind::yaml); }

void seeds(Seeds& seeds) {
  seeds.add("node:\n  id: 1\nstorage:\n  durability: page-cache\n");
  seeds.add("listeners:\n  PLAINTEXT:\n    bind: 127.0.0.1:9092\n    advertise: h:1\n");
  seeds.add("kafka:\n  log.retention.hours: 1\n  num.partitions: 3\n");
  seeds.add("bootstrap: {topics: [{name: a, partitions: 2}]}\n");
  seeds.add("a: &x [1, 2]\nb: *x\nc: \"\\u00e9\"\n");
  const std::string all = config::annotated_yaml();
  for (std::size_t at = 0; at + 200 < all.size(); at = all.find('\n', at + 200) + 1)
    seeds.add(std::string_view(all).substr(at, 240));
}

MOLDAU_FUZZ_TARGET(settings_yaml, kMaxSize, run, seeds);

}  // namespace
}  // namespace moldau::fuzz
