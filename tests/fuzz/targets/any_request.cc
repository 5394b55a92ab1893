// Every request that is served, in every version: header and body as they come after a frame's size.
#include "fuzz/message_checks.h"
#include "wire/frame.h"

namespace moldau::fuzz {
namespace {

constexpr std::size_t kMaxSize = 512;

void check_header(const wire::RequestFrame& request, const Slice& frame) {
  const wire::RequestHeader& header = request.header;
  if (!wire::api(header.api_key).supports(header.api_version)) return;
  wire::Writer out;
  wire::encode_header(out, header);
  out.raw(request.body);
  const auto again = wire::decode_request_frame(joined(std::move(out).finish()));
  MOLDAU_ASSERT(again && again->header == header && again->body == request.body);
  MOLDAU_ASSERT(request.body.size() < frame.size());
}

void run(ByteView bytes) {
  const Slice frame = Slice::borrow(bytes);
  const auto request = wire::decode_request_frame(frame);
  if (!request) {
    MOLDAU_ASSERT(request.error().code != Errc::unsupported || bytes.size() >= 2);
    return;
  }
  check_header(*request, frame);
  const auto* type = wire::find_message(request->header.api_key, wire::MessageType::Kind::request);
  MOLDAU_ASSERT(type != nullptr, "an API without a request");
  const wire::ApiVersion version = request->header.api_version;
  if (version < type->min_version || version > type->max_version) {
    const auto refused = type->reencode(request->body, version);
    MOLDAU_ASSERT(!refused && refused.error().code == Errc::unsupported);
    return;
  }
  fuzz_message(*type, version, request->body);
}

void seeds(Seeds& seeds) {
  Random random(1);
  for (const wire::ApiInfo& api : wire::apis()) {
    const auto* type = wire::find_message(api.key, wire::MessageType::Kind::request);
    for (auto version = type->min_version; version <= type->max_version; ++version) {
      wire::Writer out;
      wire::encode_header(
          out, {.api_key = api.key, .api_version = version, .correlation_id = 7, .client_id = "c"});
      const Slice body = joined(type->random(random, version));
      out.raw(body);
      const Slice frame = joined(std::move(out).finish());
      if (frame.size() <= kMaxSize) seeds.add(frame.view());
    }
  }
}

MOLDAU_FUZZ_TARGET(any_request, kMaxSize, run, seeds);

}  // namespace
}  // namespace moldau::fuzz
