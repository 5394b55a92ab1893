// The admin port: who speaks, told by the first bytes, and the answer to a request of any bytes, read by the
// same parser with the same limits as the server's.
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include "admin/routes.h"
#include "fuzz/allocations.h"
#include "fuzz/target.h"

namespace moldau::fuzz {
namespace {

namespace http = boost::beast::http;

constexpr std::size_t kMaxSize = 384;

admin::Sources sources() {
  return {.ready = [] { return admin::ReadyState{false, "because \"\x01\xff"}; },
          .metrics = [] { return std::string("moldau_up 1\n"); },
          .health = [] { return std::vector<std::pair<std::string, std::string>>{{"cluster_id", "\n"}}; }};
}

void check_answer(std::string_view method, std::string_view target) {
  static const admin::Sources from = sources();
  const admin::Answer answer = admin::answer(method, target, from);
  const bool known =
      answer.status == 200 || answer.status == 404 || answer.status == 405 || answer.status == 503;
  MOLDAU_ASSERT(known && !answer.body.empty() && answer.body.size() <= 2048);
  MOLDAU_ASSERT(answer.status != 200 || method == "GET" || method == "HEAD",
                "something else than GET is served");
  if (answer.content_type != "application/json") return;
  for (const char c : answer.body)
    MOLDAU_ASSERT(c == '\n' || (c >= ' ' && c < 0x7f), "a client's bytes come back as they were");
}

void run(ByteView bytes) {
  const std::string_view text = as_text(bytes);
  if (text.empty()) return;
  if (admin::recognise(text) != admin::Speaker::http) return;
  const Allocations allocations;
  http::request_parser<http::string_body> parser;
  parser.header_limit(8 << 10);
  parser.body_limit(64 << 10);
  parser.eager(true);
  boost::system::error_code error;
  parser.put(boost::asio::buffer(text), error);
  MOLDAU_ASSERT(allocations.largest() <= (64 << 10) + 4096, "memory for a body that has not come");
  if (error || !parser.is_header_done()) return;
  const auto& request = parser.get();
  check_answer({request.method_string().data(), request.method_string().size()},
               {request.target().data(), request.target().size()});
}

void seeds(Seeds& seeds) {
  seeds.add("GET /v1/ready HTTP/1.1\r\nHost: x\r\n\r\n");
  seeds.add("HEAD /metrics?a=b HTTP/1.0\r\n\r\n");
  seeds.add("POST /v1/health HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc");
  seeds.add("GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
  seeds.add("DELETE /v1/live HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n");
  seeds.add(std::string_view("\x16\x03\x01\x00", 4));
  seeds.add(std::string_view("\0\0\0\x10\0\x12\0\x03", 8));
}

MOLDAU_FUZZ_TARGET(admin_http, kMaxSize, run, seeds);

}  // namespace
}  // namespace moldau::fuzz
