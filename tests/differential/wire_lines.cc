// Messages as lines of text, for comparing them with Apache Kafka's own classes (Vectors.java):
//
//   wire_lines random SEED COUNT   COUNT random messages of every message and version, and of every header
//   wire_lines decode              reads such lines, decodes and encodes each again, prints what came of it
//
// A line is `name TAB version TAB hex TAB JSON`. Headers are named RequestHeader.API and ResponseHeader.API.
// A line that cannot be decoded, or whose bytes change, is printed with an error in the place of the JSON.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>

#include "base/random.h"
#include "wire/frame.h"
#include "wire/message.h"
#include "wire/sample.h"

using namespace moldau;
using namespace moldau::wire;

namespace {

constexpr std::string_view kRequestHeader = "RequestHeader.";
constexpr std::string_view kResponseHeader = "ResponseHeader.";

std::string hex_of(const Slice& bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const std::byte byte : bytes.view()) {
    text += kDigits[std::to_integer<unsigned>(byte) >> 4];
    text += kDigits[std::to_integer<unsigned>(byte) & 15];
  }
  return text;
}

int digit_value(char digit) { return digit <= '9' ? digit - '0' : digit - 'a' + 10; }

Slice bytes_of(std::string_view hex) {
  std::vector<std::byte> bytes(hex.size() / 2);
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<std::byte>(digit_value(hex[2 * i]) * 16 + digit_value(hex[2 * i + 1]));
  return Slice::take(std::move(bytes));
}

void print(std::string_view name, ApiVersion version, const Slice& bytes, const std::string& json) {
  std::cout << name << '\t' << version << '\t' << hex_of(bytes) << '\t' << json << '\n';
}

// ---- headers

std::string json_of(const RequestHeader& header) {
  std::string text = "{\"requestApiKey\":" + std::to_string(static_cast<int>(header.api_key)) +
                     ",\"requestApiVersion\":" + std::to_string(header.api_version) +
                     ",\"correlationId\":" + std::to_string(header.correlation_id) + ",\"clientId\":";
  return text + (header.client_id ? '"' + *header.client_id + '"' : "null") + "}";
}

Slice encoded(const RequestHeader& header) {
  Writer out;
  encode_header(out, header);
  return std::move(out).finish_contiguous();
}

Slice encoded_response(ApiKey key, ApiVersion version, std::int32_t correlation_id) {
  Writer out;
  encode_response_header(out, key, version, correlation_id);
  return std::move(out).finish_contiguous();
}

void print_response_header(const ApiInfo& api, ApiVersion version, std::int32_t correlation_id) {
  print(std::string(kResponseHeader) + std::string(api.name), version,
        encoded_response(api.key, version, correlation_id),
        "{\"correlationId\":" + std::to_string(correlation_id) + "}");
}

void print_random_headers(Random& random) {
  for (const ApiInfo& api : apis())
    for (ApiVersion version = api.min_version; version <= api.max_version; ++version) {
      RequestHeader header{api.key, version, static_cast<std::int32_t>(random.next()), std::nullopt};
      if (!random.one_in(4)) header.client_id = "client-" + std::to_string(random.below(1000));
      print(std::string(kRequestHeader) + std::string(api.name), version, encoded(header), json_of(header));
      print_response_header(api, version, static_cast<std::int32_t>(random.next()));
    }
}

void decode_request_header(std::string_view name, ApiVersion version, const Slice& bytes) {
  const auto frame = decode_request_frame(bytes);
  if (!frame) return print(name, version, bytes, "error: " + frame.error().message);
  if (!frame->body.empty()) return print(name, version, bytes, "error: bytes left over");
  print(name, version, encoded(frame->header), json_of(frame->header));
}

void decode_response_header(std::string_view name, ApiVersion version, const Slice& bytes) {
  const ApiInfo* api = find_api(name.substr(kResponseHeader.size()));
  if (!api) return print(name, version, bytes, "error: no such API");
  const auto frame = decode_response_frame(bytes, api->key, version);
  if (!frame) return print(name, version, bytes, "error: " + frame.error().message);
  if (!frame->body.empty()) return print(name, version, bytes, "error: bytes left over");
  print_response_header(*api, version, frame->correlation_id);
}

// ---- messages

void print_random_messages(Random& random, int count) {
  for (const MessageType* type : messages())
    for (ApiVersion version = type->min_version; version <= type->max_version; ++version)
      for (int i = 0; i < count; ++i) {
        const Slice body = joined(type->random(random, version));
        print(type->name, version, body, type->to_json(body, version).value_or("error: cannot be decoded"));
      }
}

const MessageType* find_type(std::string_view name) {
  for (const MessageType* type : messages())
    if (type->name == name) return type;
  return nullptr;
}

void decode_message(std::string_view name, ApiVersion version, const Slice& bytes) {
  const MessageType* type = find_type(name);
  if (!type) return print(name, version, bytes, "error: no such message");
  const auto json = type->to_json(bytes, version);
  const auto again = type->reencode(bytes, version);
  if (!json || !again)
    return print(name, version, bytes, "error: " + (json ? again.error() : json.error()).message);
  print(name, version, joined(*again), *json);
}

void decode_line(std::string_view line) {
  const auto name_end = line.find('\t');
  const auto version_end = line.find('\t', name_end + 1);
  if (version_end == line.npos) return print(line, 0, Slice(), "error: not a line of this form");
  const std::string_view name = line.substr(0, name_end);
  const auto version = static_cast<ApiVersion>(std::atoi(line.data() + name_end + 1));
  const auto rest = line.substr(version_end + 1);
  const Slice bytes = bytes_of(rest.substr(0, rest.find('\t')));
  if (name.starts_with(kRequestHeader)) return decode_request_header(name, version, bytes);
  if (name.starts_with(kResponseHeader)) return decode_response_header(name, version, bytes);
  decode_message(name, version, bytes);
}

}  // namespace

int main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  if (argc == 4 && std::strcmp(argv[1], "random") == 0) {
    Random random(std::strtoull(argv[2], nullptr, 10));
    print_random_headers(random);
    print_random_messages(random, std::atoi(argv[3]));
    return 0;
  }
  if (argc == 2 && std::strcmp(argv[1], "decode") == 0) {
    for (std::string line; std::getline(std::cin, line);) decode_line(line);
    return 0;
  }
  std::cerr << "usage: wire_lines random SEED COUNT | wire_lines decode < LINES\n";
  return 2;
}
