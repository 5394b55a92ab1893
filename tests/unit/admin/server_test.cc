#include "admin/server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "telemetry/log_sink.h"

namespace moldau::admin {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::StartsWith;

// A blocking client that gives up after five seconds.
class Client {
 public:
  explicit Client(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    const timeval patience{.tv_sec = 5, .tv_usec = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(port);
    ::inet_pton(AF_INET, "127.0.0.1", &at.sin_addr);
    EXPECT_EQ(::connect(fd_, reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client() { ::close(fd_); }

  void send(std::string_view text) { ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL); }
  std::string read_some() {
    char bytes[65536];
    const ssize_t size = ::recv(fd_, bytes, sizeof bytes, 0);
    return size <= 0 ? "" : std::string(bytes, static_cast<std::size_t>(size));
  }
  // Until the server closes.
  std::string read_all() {
    std::string all;
    for (std::string some; !(some = read_some()).empty();) all += some;
    return all;
  }
  std::string ask(std::string_view request) {
    send(request);
    return read_all();
  }

 private:
  int fd_;
};

class AdminServer : public testing::Test {
 protected:
  telemetry::MemorySink log;
  telemetry::ScopedSink scoped{log};
  std::atomic<bool> is_ready = false;
  std::unique_ptr<Server> server;

  Sources sources() {
    return {.ready = [this] { return ReadyState{is_ready, "starting"}; },
            .metrics = [] { return std::string("moldau_up 1\n"); },
            .health = [] { return std::vector<std::pair<std::string, std::string>>{}; }};
  }
  void start(Limits limits = {}) {
    auto started = Server::start({"127.0.0.1", 0}, sources(), limits);
    ASSERT_TRUE(started) << started.error().message;
    server = std::move(*started);
  }
  std::uint16_t port() const { return server->local().port; }
  std::string get(const std::string& target) {
    return Client(port()).ask("GET " + target + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  }
  bool logged(std::string_view text) {
    for (int i = 0; i < 500 && !log.contains(text); ++i) std::this_thread::sleep_for(10ms);
    return log.contains(text);
  }
};

TEST_F(AdminServer, AnswersItsPaths) {
  start();
  EXPECT_THAT(get("/v1/live"), StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(get("/v1/ready"), StartsWith("HTTP/1.1 503 "));
  is_ready = true;
  EXPECT_THAT(get("/v1/ready"), StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(get("/metrics"), testing::EndsWith("\r\n\r\nmoldau_up 1\n"));
  EXPECT_THAT(get("/nothing"), StartsWith("HTTP/1.1 404 "));
}

TEST_F(AdminServer, KeepsAConnectionAlive) {
  start();
  Client client(port());
  for (int i = 0; i < 3; ++i) {
    client.send("GET /v1/live HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(client.read_some(), HasSubstr("live"));
  }
}

TEST_F(AdminServer, HeadHasNoBodyAndPostIsRefused) {
  start();
  const std::string head =
      Client(port()).ask("HEAD /v1/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(head, HasSubstr("Content-Length: 18\r\n"));
  EXPECT_THAT(head, testing::EndsWith("\r\n\r\n"));
  const std::string post = Client(port()).ask(
      "POST /v1/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi");
  EXPECT_THAT(post, StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(post, HasSubstr("Allow: GET, HEAD\r\n"));
}

TEST_F(AdminServer, RefusesWhatIsTooLarge) {
  start();
  const std::string header = "GET / HTTP/1.1\r\nX: " + std::string(20000, 'x') + "\r\n\r\n";
  EXPECT_THAT(Client(port()).ask(header), StartsWith("HTTP/1.1 413 "));
  const std::string body = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n";
  EXPECT_THAT(Client(port()).ask(body), StartsWith("HTTP/1.1 413 "));
}

TEST_F(AdminServer, RefusesWhatIsNotARequest) {
  start();
  EXPECT_THAT(Client(port()).ask("GET\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(get("/v1/live"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(AdminServer, NamesAKafkaClient) {
  start();
  using std::string_view_literals::operator""sv;
  EXPECT_EQ(Client(port()).ask("\0\0\0\x0f\0\x12\0\x03\0\0\0\x01\0\x03"sv), "");
  EXPECT_TRUE(logged("a Kafka client came to the admin port"));
  EXPECT_EQ(Client(port()).ask("\x16\x03\x01\x02\0\x01"sv), "");
  EXPECT_TRUE(logged("a TLS client came to the admin port"));
  EXPECT_THAT(get("/v1/live"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(AdminServer, ClosesSlowPeers) {
  start({.request_timeout = 200ms});
  const auto start_time = std::chrono::steady_clock::now();
  Client silent(port()), slow(port());
  slow.send("GET /v1/l");
  EXPECT_EQ(silent.read_all(), "");
  EXPECT_EQ(slow.read_all(), "");
  EXPECT_LT(std::chrono::steady_clock::now() - start_time, 4s);
}

TEST_F(AdminServer, BoundsItsConnections) {
  start({.connections = 2});
  Client one(port()), two(port());
  one.send("GET /v1/live HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(one.read_some(), HasSubstr("live"));
  two.send("GET /v1/live HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(two.read_some(), HasSubstr("live"));
  EXPECT_EQ(Client(port()).read_all(), "");
  EXPECT_TRUE(logged("too many connections to the admin port"));
}

TEST_F(AdminServer, ATakenPortIsAnError) {
  start();
  const auto second = Server::start({"127.0.0.1", port()}, sources());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::address_in_use);
  EXPECT_THAT(second.error().message, HasSubstr("admin port 127.0.0.1:" + std::to_string(port())));
}

TEST_F(AdminServer, AForeignAddressIsAnError) {
  EXPECT_FALSE(Server::start({"203.0.113.7", 0}, sources()));
  const auto unknown = Server::start({"no.such.host.invalid", 0}, sources());
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, Errc::invalid_argument);
}

TEST_F(AdminServer, EndsWithConnectionsOpen) {
  start();
  Client idle(port());
  idle.send("GET /v1/live HTTP/1.1\r\nHost: x\r\n\r\n");
  idle.read_some();
  server.reset();
  EXPECT_EQ(idle.read_all(), "");
}

}  // namespace
}  // namespace moldau::admin
