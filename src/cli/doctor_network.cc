#include <algorithm>
#include <array>
#include <set>

#include "cli/doctor.h"
#include "wire/messages/describe_configs.h"

namespace moldau::cli {
namespace {

using client::BrokerConnection;
using runtime::Endpoint;
using runtime::Task;

constexpr runtime::Duration kPatience = std::chrono::seconds(3);
constexpr std::string_view kAdvertise =
    "have the broker advertise an address that this machine reaches (advertised.listeners, or advertise: of "
    "a "
    "listener in moldau.yaml), or connect through the listener that is meant for this side";

bool is_container_id(std::string_view host) {
  constexpr std::size_t kShortId = 12;
  return host.size() == kShortId && host.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// Why an advertised address is of no use here.
std::string fix_of_advertised(const Endpoint& address) {
  if (address.host == "0.0.0.0" || address.host == "::")
    return "\"" + address.host +
           "\" is where a broker listens, never where it is: " + std::string(kAdvertise);
  if (is_container_id(address.host))
    return "\"" + address.host +
           "\" looks like a container's id, known inside its network alone: " + std::string(kAdvertise);
  return std::string(kAdvertise);
}

// What somebody who does not speak Kafka says to an ApiVersions request.
struct Said {
  std::string detail;
  std::string fix;
};

Said what_is_there(std::string_view bytes, bool ended) {
  constexpr std::string_view kTlsAlert("\x15\x03", 2), kTlsHandshake("\x16\x03", 2);
  if (bytes.starts_with(kTlsAlert) || bytes.starts_with(kTlsHandshake))
    return {"answers in TLS", "this build speaks PLAINTEXT only: name a PLAINTEXT listener"};
  if (bytes.starts_with("HTTP/"))
    return {"answers in HTTP",
            "that is an admin port or a web server; brokers listen on another port, often 9092"};
  if (bytes.starts_with("SSH-")) return {"is an SSH server", "brokers listen on another port, often 9092"};
  if (!bytes.empty()) return {"answers with what is no Kafka", "is this the port of a broker?"};
  if (ended)
    return {
        "ends the connection without an answer",
        "a listener for TLS or SASL does that, or a broker whose connection limit is reached; see its log"};
  return {"says nothing within " +
              std::to_string(std::chrono::duration_cast<std::chrono::seconds>(kPatience).count()) + " s",
          "is this the port of a broker, and is it busy starting? see its log"};
}

// Size, ApiVersions version 0, correlation id 1, client id "moldau".
constexpr std::array<unsigned char, 20> kApiVersionsRequest = {0, 0, 0, 16, 0,   18,  0,   0,   0,   0,
                                                               0, 1, 0, 6,  'm', 'o', 'l', 'd', 'a', 'u'};

struct Exchanged {
  std::string bytes;
  bool ended = false;
};

// The first bytes of the answer to a request on a connection of its own; nothing when it is not accepted.
Task<std::optional<Exchanged>> exchange(Context context, Endpoint at, std::string_view request) {
  runtime::Executor& executor = context.world.shard(0);
  const auto deadline = executor.now() + kPatience;
  auto opened = co_await context.world.network(0).connect(std::move(at), deadline);
  if (!opened) co_return std::nullopt;
  runtime::Stream& stream = **opened;
  const runtime::TimerId guard = executor.call_at(deadline, [&stream] { stream.close(); });
  std::array<std::byte, 16> bytes;
  std::size_t count = 0;
  bool ended = false;
  if (co_await stream.write({Slice::copy_of(request)})) {
    const auto got = co_await stream.read_some(bytes);
    count = got.value_or(0);
    ended = got ? count == 0 : got.error().code != Errc::cancelled;
  } else {
    ended = true;
  }
  executor.cancel(guard);
  stream.close();
  co_return Exchanged{std::string(reinterpret_cast<const char*>(bytes.data()), count), ended};
}

Task<Said> sniff(Context context, Endpoint at) {
  const std::string_view request(reinterpret_cast<const char*>(kApiVersionsRequest.data()),
                                 kApiVersionsRequest.size());
  auto said = co_await exchange(context, at, request);
  if (!said) co_return Said{"accepts no second connection", "is its connection limit reached?"};
  if (said->ended && said->bytes.empty()) {  // a web server may end what is no HTTP without a word
    const auto web = co_await exchange(context, at, "GET / HTTP/1.0\r\n\r\n");
    if (web && web->bytes.starts_with("HTTP/")) said = web;
  }
  co_return what_is_there(said->bytes, said->ended);
}

class Examination {
 public:
  Examination(Context context, const client::ConnectionOptions& options, Findings& findings)
      : context_(context), options_(options), findings_(findings) {
    options_.connect_timeout = options_.request_timeout = kPatience;
  }

  Task<void> bootstrap(Endpoint at) {
    auto connection = co_await open(at, {});
    if (!connection) co_return;
    auto metadata = co_await metadata_of(**connection);
    if (metadata) learn(at, *metadata);
    co_await close(*connection);
  }

  Task<void> advertised() {
    std::map<Endpoint, NodeId> seen;
    for (const auto& [id, address] : brokers_) {
      const auto [other, first] = seen.emplace(address, id);
      if (!first) {
        findings_.fail("advertised", address.to_string(),
                       "brokers " + std::to_string(other->second) + " and " + std::to_string(id) +
                           " advertise the same address",
                       "give each its own: clients of one would reach the other");
        continue;
      }
      if (!context_.interrupt.raised()) co_await broker(id, address);
    }
  }

 private:
  // Connects and negotiates; tells what became of it. `broker`: that advertises the address.
  Task<std::optional<BrokerConnection::Ptr>> open(Endpoint at, std::optional<NodeId> broker) {
    const std::string target = at.to_string();
    auto opened =
        co_await BrokerConnection::open(context_.world.shard(0), context_.world.network(0), at, options_);
    const std::string check = broker ? "advertised" : "connect";
    const std::string who = broker ? "broker " + std::to_string(*broker) + " is advertised here: " : "";
    if (opened) {
      findings_.ok(check, target,
                   who + "a broker answers, with " +
                       std::to_string((*opened)->api_versions().api_keys.size()) + " APIs");
      co_return std::move(*opened);
    }
    const client::Failure& failure = opened.error();
    if (failure.phase == client::Phase::negotiate) {
      const Said said = co_await sniff(context_, at);
      findings_.fail(check, target, who + said.detail, said.fix);
    } else {
      findings_.fail(check, target, who + words_of(failure),
                     broker ? fix_of_advertised(at) : fix_of_bootstrap(failure));
    }
    co_return std::nullopt;
  }

  static std::string fix_of_bootstrap(const client::Failure& failure) {
    if (failure.code == Errc::connection_refused)
      return "nobody listens there: start a node (moldau start), or correct the port";
    if (failure.code == Errc::timed_out) return "a firewall may drop it; check the address";
    return failure.hint.empty() ? "check the address" : failure.hint;
  }

  Task<std::optional<wire::MetadataResponse>> metadata_of(BrokerConnection& connection) {
    wire::MetadataRequest request;
    request.topics.emplace();  // no topics
    auto answer = co_await connection.call<wire::MetadataResponse>(std::move(request), {.min_version = 2});
    if (answer) co_return std::move(*answer);
    const bool missing = answer.error().code == Errc::unsupported;
    findings_.fail("metadata", connection.address(), words_of(answer.error()),
                   missing ? "that may be a controller's port: clients connect to brokers" : "see its log");
    co_return std::nullopt;
  }

  void learn(const Endpoint& from, const wire::MetadataResponse& metadata) {
    const std::string id = metadata.cluster_id.value_or("");
    if (!cluster_id_) cluster_id_ = id;
    if (id != *cluster_id_)
      findings_.fail("cluster", from.to_string(), "belongs to cluster " + id + ", not to " + *cluster_id_,
                     "name addresses of one cluster");
    else
      findings_.ok("cluster", from.to_string(),
                   "cluster " + id + " of " + std::to_string(metadata.brokers.size()) + " brokers");
    for (const auto& broker : metadata.brokers)
      brokers_.emplace(broker.node_id, Endpoint{broker.host, static_cast<std::uint16_t>(broker.port)});
  }

  Task<void> broker(NodeId id, Endpoint at) {
    auto connection = co_await open(at, id);
    if (!connection) co_return;
    const auto metadata = co_await metadata_of(**connection);
    if (metadata && metadata->cluster_id.value_or("") != *cluster_id_)
      findings_.fail("cluster", at.to_string(),
                     "belongs to cluster " + metadata->cluster_id.value_or("") + ", not to " + *cluster_id_,
                     "another node has taken the address, or a data folder was copied: see the folder's "
                     "meta.properties");
    co_await check_node_id(**connection, id);
    co_await close(*connection);
  }

  // Only the broker of an id answers about its configs.
  Task<void> check_node_id(BrokerConnection& connection, NodeId id) {
    wire::DescribeConfigsRequest request;
    auto& resource = request.resources.emplace_back();
    resource.resource_type = static_cast<std::int8_t>(client::ConfigResourceType::broker);
    resource.resource_name = std::to_string(id);
    resource.configuration_keys = std::vector<std::string>{"node.id"};
    const auto answer = co_await connection.call<wire::DescribeConfigsResponse>(std::move(request));
    if (!answer || answer->results.empty()) co_return;
    const auto& result = answer->results.front();
    if (result.error_code != wire::ErrorCode::invalid_request) co_return;
    findings_.fail("node id", connection.address(),
                   "broker " + std::to_string(id) +
                       " is advertised there, and another one answers: " + result.error_message.value_or(""),
                   "two brokers advertise one address, or a node was started with another's settings");
  }

  Task<void> close(BrokerConnection::Ptr connection) {
    connection->close();
    co_await connection->ended();
  }

  Context context_;
  client::ConnectionOptions options_;
  Findings& findings_;
  std::optional<std::string> cluster_id_;
  std::map<NodeId, Endpoint> brokers_;
};

}  // namespace

Task<void> examine_addresses(Context context, const client::ConnectionOptions& options,
                             const std::vector<Endpoint>& bootstrap, Findings& findings) {
  Examination examination(context, options, findings);
  for (const Endpoint& at : bootstrap) {
    if (!context.interrupt.raised()) co_await examination.bootstrap(at);
  }
  if (!context.interrupt.raised()) co_await examination.advertised();
}

}  // namespace moldau::cli
