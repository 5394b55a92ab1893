// Every response that our client may be given, header and body.
#include "fuzz/message_checks.h"
#include "wire/frame.h"

namespace moldau::fuzz {
namespace {

constexpr std::size_t kMaxSize = 512;

// The API is chosen by its place in the table, as its request has told it.
void run(ByteView bytes) {
  Input in(bytes);
  const wire::ApiInfo& api = wire::apis()[in.below(wire::apis().size())];
  const auto* type = wire::find_message(api.key, wire::MessageType::Kind::response);
  const auto version = version_of(in, type->min_version, type->max_version);
  const Slice frame = Slice::borrow(in.rest());
  const auto response = wire::decode_response_frame(frame, api.key, version);
  if (!response) return check_refusal(response.error());
  fuzz_message(*type, version, response->body);
}

void seeds(Seeds& seeds) {
  Random random(2);
  for (std::size_t place = 0; place < wire::apis().size(); ++place) {
    const wire::ApiKey key = wire::apis()[place].key;
    const auto* type = wire::find_message(key, wire::MessageType::Kind::response);
    for (auto version = type->min_version; version <= type->max_version; ++version) {
      wire::Writer out;
      wire::encode_response_header(out, key, version, 7);
      out.raw(joined(type->random(random, version)));
      Buffer seed;
      seed.append_be<std::uint8_t>(static_cast<std::uint8_t>(place));
      seed.append_be<std::uint8_t>(static_cast<std::uint8_t>(version - type->min_version));
      seed.append(joined(std::move(out).finish()));
      if (seed.size() <= kMaxSize) seeds.add(seed.view());
    }
  }
}

MOLDAU_FUZZ_TARGET(any_response, kMaxSize, run, seeds);

}  // namespace
}  // namespace moldau::fuzz
