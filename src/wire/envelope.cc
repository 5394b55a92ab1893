#include "wire/envelope.h"

#include <arpa/inet.h>

#include <array>

#include "wire/messages/principal.h"

namespace moldau::wire {

namespace {

constexpr std::size_t kIpv4Bytes = 4;
constexpr std::size_t kIpv6Bytes = 16;
constexpr std::size_t kSizeBytes = 4;       // before a frame
constexpr std::size_t kMaxHostBytes = 255;  // a longer text is no address

Slice address_bytes(const std::string& host) {
  std::array<std::byte, kIpv6Bytes> bytes{};
  if (host.size() <= kMaxHostBytes) {
    if (inet_pton(AF_INET, host.c_str(), bytes.data()) == 1)
      return Slice::copy_of(ByteView(bytes).first(kIpv4Bytes));
    if (inet_pton(AF_INET6, host.c_str(), bytes.data()) == 1) return Slice::copy_of(ByteView(bytes));
  }
  return Slice::copy_of(ByteView(bytes).first(kIpv4Bytes));
}

std::optional<std::string> address_text(const Slice& bytes) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (bytes.size() != kIpv4Bytes && bytes.size() != kIpv6Bytes) return std::nullopt;
  const int family = bytes.size() == kIpv4Bytes ? AF_INET : AF_INET6;
  if (inet_ntop(family, bytes.data(), text.data(), text.size()) == nullptr) return std::nullopt;
  return std::string(text.data());
}

// Kafka's DefaultKafkaPrincipalBuilder: the version, then the message.
Slice principal_bytes(const ForwardedRequest& request) {
  DefaultPrincipalData principal;
  principal.type = request.principal_type;
  principal.name = request.principal_name;
  Writer out;
  out.number<std::int16_t>(DefaultPrincipalData::kMaxVersion);
  principal.encode(out, DefaultPrincipalData::kMaxVersion);
  return std::move(out).finish_contiguous();
}

std::optional<DefaultPrincipalData> read_principal(const std::optional<Slice>& bytes) {
  if (!bytes || bytes->size() < sizeof(std::int16_t)) return std::nullopt;
  const auto version = load_be<std::int16_t>(bytes->data());
  auto principal = DefaultPrincipalData::decode(bytes->from(sizeof(version)), version);
  if (!principal) return std::nullopt;
  return std::move(*principal);
}

}  // namespace

EnvelopeRequest wrap(const ForwardedRequest& request) {
  Writer data(request.body.size() + 64);
  encode_header(data, request.header);
  EnvelopeRequest envelope;
  SliceList parts = std::move(data).finish();
  parts.push_back(request.body);
  envelope.request_data = joined(parts);
  envelope.request_principal = principal_bytes(request);
  envelope.client_host_address = address_bytes(request.client_host);
  return envelope;
}

std::expected<ForwardedRequest, ErrorCode> unwrap(const EnvelopeRequest& envelope) {
  auto principal = read_principal(envelope.request_principal);
  if (!principal) return std::unexpected(ErrorCode::principal_deserialization_failure);
  auto host = address_text(envelope.client_host_address);
  auto frame = decode_request_frame(envelope.request_data);
  if (!host || !frame) return std::unexpected(ErrorCode::invalid_request);
  return ForwardedRequest{.header = std::move(frame->header),
                          .body = std::move(frame->body),
                          .principal_type = std::move(principal->type),
                          .principal_name = std::move(principal->name),
                          .client_host = std::move(*host)};
}

EnvelopeResponse wrap_response(const SliceList& frame) {
  EnvelopeResponse envelope;
  envelope.response_data = joined(frame).from(kSizeBytes);
  return envelope;
}

EnvelopeResponse wrap_error(ErrorCode code) {
  EnvelopeResponse envelope;
  envelope.response_data.reset();
  envelope.error_code = code;
  return envelope;
}

Result<Slice> unwrap_response(const EnvelopeResponse& envelope, const RequestHeader& header) {
  MOLDAU_ASSERT(envelope.error_code == ErrorCode::none);
  if (!envelope.response_data) return fail(Errc::corrupt, "an envelope without a response");
  ASSIGN_OR_RETURN(auto response,
                   decode_response_frame(*envelope.response_data, header.api_key, header.api_version));
  if (response.correlation_id != header.correlation_id)
    return fail(Errc::corrupt, "the response in the envelope is to another request");
  return std::move(response.body);
}

}  // namespace moldau::wire
