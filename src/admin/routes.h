// What the admin port answers: pure, without sockets.
#pragma once

#include <string>
#include <string_view>

#include "admin/server.h"

namespace moldau::admin {

struct Answer {
  unsigned status = 200;
  std::string content_type = "application/json";
  std::string body;
  bool allow_get = false;  // 405 names what is allowed
};

// `method` as on the wire ("GET"), `target` with or without a query.
Answer answer(std::string_view method, std::string_view target, const Sources& sources);

// Who speaks, by the first bytes of a connection.
enum class Speaker {
  http,
  kafka,  // a request frame: size, then an API key that exists
  tls,    // a ClientHello
  unknown,
};
// REQUIRES: at least one byte.
Speaker recognise(std::string_view first_bytes);

std::string json_quoted(std::string_view text);

}  // namespace moldau::admin
