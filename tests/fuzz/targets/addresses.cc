// Addresses, listeners' addresses, ids and topic names in text.
#include "base/ids.h"
#include "config/listeners.h"
#include "fuzz/input.h"
#include "fuzz/target.h"
#include "metadata/topic_name.h"
#include "runtime/network.h"

namespace moldau::fuzz {
namespace {

constexpr std::size_t kMaxSize = 96;

void check_endpoint(std::string_view text) {
  const auto endpoint = runtime::Endpoint::parse(text);
  if (!endpoint) {
    MOLDAU_ASSERT(endpoint.error().code == Errc::invalid_argument);
    return;
  }
  MOLDAU_ASSERT(runtime::Endpoint::parse(endpoint->to_string()) == *endpoint,
                "an address changes by being written");
}

void check_listener(std::string_view text) {
  const auto address = config::parse_address(text);
  if (!address) return;
  MOLDAU_ASSERT(!address->host.empty() && address->host.find_first_of(" \t\n\r/") == std::string::npos,
                "a host that cannot be one");
  MOLDAU_ASSERT(runtime::Endpoint::parse(address->to_string()) == *address);
}

void check_id(std::string_view text) {
  const auto id = Uuid::parse(text);
  if (!id) return;
  MOLDAU_ASSERT(Uuid::parse(id->to_string()) == id && id->to_string().size() == 22);
  MOLDAU_ASSERT(id->to_string() == text.substr(0, 22), "two texts for one id");
}

void check_topic(std::string_view text) {
  const Status valid = metadata::validate_topic_name(text);
  if (!valid) return;
  MOLDAU_ASSERT(!text.empty() && text.size() <= metadata::kMaxTopicNameLength && text != "." && text != "..");
  MOLDAU_ASSERT(!text.contains('/') && !text.contains('\0'), "a topic's name leaves its folder");
  MOLDAU_ASSERT((metadata::collision_key(text) == text) == !text.contains('.'));
}

constexpr void (*kKinds[])(std::string_view) = {check_endpoint, check_listener, check_id, check_topic};

void run(ByteView bytes) {
  Input in(bytes);
  const std::size_t kind = in.below(std::size(kKinds));
  kKinds[kind](in.text());
}

void seeds(Seeds& seeds) {
  for (const std::string_view text : {"localhost:9092", "[::1]:9092", ":9092", "0.0.0.0:0", "PLAINTEXT://h:1",
                                      "h", "AAAAAAAAAAAAAAAAAAAAAQ", "__consumer_offsets", "a.b_c-d", ".."})
    for (const char kind : {'\0', '\1', '\2', '\3'}) seeds.add(std::string(1, kind) + std::string(text));
}

MOLDAU_FUZZ_TARGET(addresses, kMaxSize, run, seeds);

}  // namespace
}  // namespace moldau::fuzz
