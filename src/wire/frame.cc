#include "wire/frame.h"

#include <limits>

#include "wire/reader.h"

namespace moldau::wire {
namespace {

bool flexible_response_header(ApiKey key, ApiVersion version) {
  return key != ApiKey::api_versions && api(key).flexible(version);
}

}  // namespace

Result<RequestFrame> decode_request_frame(const Slice& frame) {
  Reader in(frame);
  const auto key = in.number<std::int16_t>();
  RequestFrame request;
  request.header.api_version = in.number<std::int16_t>();
  request.header.correlation_id = in.number<std::int32_t>();
  TRY(in.finish(false));
  const ApiInfo* info = find_api(key);
  if (info == nullptr) return fail(Errc::unsupported, "API key " + std::to_string(key));
  request.header.api_key = info->key;
  in.string(request.header.client_id, /*compact=*/false);
  if (info->flexible(request.header.api_version)) in.skip_tags();
  TRY(in.finish(false));
  request.body = in.rest();
  return request;
}

Result<ResponseFrame> decode_response_frame(const Slice& frame, ApiKey key, ApiVersion version) {
  Reader in(frame);
  ResponseFrame response;
  response.correlation_id = in.number<std::int32_t>();
  if (flexible_response_header(key, version)) in.skip_tags();
  TRY(in.finish(false));
  response.body = in.rest();
  return response;
}

void encode_header(Writer& out, const RequestHeader& header) {
  out.number<std::int16_t>(static_cast<std::int16_t>(header.api_key));
  out.number<std::int16_t>(header.api_version);
  out.number<std::int32_t>(header.correlation_id);
  out.string(header.client_id, /*compact=*/false);  // in header v2 too
  if (api(header.api_key).flexible(header.api_version)) out.uvarint(0);
}

void encode_response_header(Writer& out, ApiKey key, ApiVersion version, std::int32_t correlation_id) {
  out.number<std::int32_t>(correlation_id);
  if (flexible_response_header(key, version)) out.uvarint(0);
}

void begin_frame(Writer& out) { out.number<std::int32_t>(0); }

SliceList finish_frame(Writer&& out) {
  const std::size_t size = out.size() - sizeof(std::int32_t);
  MOLDAU_ASSERT(size <= static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()));
  out.patch_int32(0, static_cast<std::int32_t>(size));
  return std::move(out).finish();
}

}  // namespace moldau::wire
