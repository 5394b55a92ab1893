#include "client/cluster.h"

#include <algorithm>

#include "client/metadata_from.h"
#include "telemetry/log.h"

namespace moldau::client {
namespace {

constexpr std::uint16_t kDefaultPort = 9092;
constexpr unsigned kMaxDoublings = 16;

}  // namespace

Result<std::vector<Endpoint>> parse_bootstrap(std::string_view text) {
  std::vector<Endpoint> endpoints;
  while (!text.empty()) {
    const auto comma = text.find(',');
    std::string_view one = text.substr(0, comma);
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
    while (one.starts_with(' ')) one.remove_prefix(1);
    while (one.ends_with(' ')) one.remove_suffix(1);
    if (one.empty()) continue;
    const bool has_port = one.starts_with('[') ? one.find("]:") != one.npos : one.find(':') != one.npos;
    const std::string full =
        has_port ? std::string(one) : std::string(one) + ":" + std::to_string(kDefaultPort);
    ASSIGN_OR_RETURN(Endpoint endpoint, Endpoint::parse(full));
    endpoints.push_back(std::move(endpoint));
  }
  if (endpoints.empty()) return moldau::fail(Errc::invalid_argument, "no bootstrap address was given");
  return endpoints;
}

Duration Backoff::nth(unsigned tries) {
  const Duration full = std::min(most_, first_ * (std::int64_t{1} << std::min(tries, kMaxDoublings)));
  return full * random_.between(80, 120) / 100;
}

struct ClusterClient::Broker {
  Broker(ClusterClient& client, Endpoint at)
      : endpoint(std::move(at)), backoff(client.new_backoff()), decided(client.executor_) {}

  Endpoint endpoint;
  BrokerConnection::Ptr connection;
  Failure failure;  // of the last attempt
  Backoff backoff;
  MonotonicTime not_before{};
  bool connecting = false;
  runtime::Signal decided;
};

struct ClusterClient::Refresh {
  Refresh(runtime::Executor& executor, std::vector<std::string> of, bool create)
      : topics(std::move(of)), auto_create(create), ended(executor) {}
  bool covers(const std::vector<std::string>& wanted, bool create) const {
    return auto_create == create && std::ranges::all_of(wanted, [&](const std::string& topic) {
             return std::ranges::find(topics, topic) != topics.end();
           });
  }

  std::vector<std::string> topics;
  bool auto_create;
  Outcome<void> outcome;
  runtime::Signal ended;
};

ClusterClient::ClusterClient(runtime::World& world, unsigned shard, ClusterOptions options)
    : world_(world),
      executor_(world.shard(shard)),
      network_(world.network(shard)),
      options_(std::move(options)),
      random_(world.entropy()),
      gate_(executor_),
      closing_(executor_) {}

ClusterClient::~ClusterClient() {
  MOLDAU_ASSERT(gate_.entered() == 0 && (brokers_.empty() || gate_.closing()), "close the client first");
}

Failure ClusterClient::closed() { return {.code = Errc::cancelled, .cause = "the client was closed"}; }

Task<void> ClusterClient::close() {
  if (gate_.closing()) co_return;
  Task<void> left = gate_.close();
  closing_.notify_all();
  for (const auto& [endpoint, broker] : brokers_) {
    if (!broker->connection) continue;
    broker->connection->close();
    leaving_.push_back(broker->connection);
  }
  co_await std::move(left);
  for (const auto& leaving : std::exchange(leaving_, {})) {
    if (const auto connection = leaving.lock()) co_await connection->ended();
  }
}

Task<bool> ClusterClient::pause(Duration duration, MonotonicTime deadline) {
  const MonotonicTime until = executor_.now() + duration;
  if (gate_.closing() || until >= deadline) co_return false;
  co_await closing_.wait(until);
  co_return !gate_.closing();
}

ClusterClient::BrokerPtr ClusterClient::broker_at(const Endpoint& endpoint) {
  BrokerPtr& broker = brokers_[endpoint];
  if (!broker) broker = std::make_shared<Broker>(*this, endpoint);
  return broker;
}

// The only caller that connects to this broker at the moment.
Task<void> ClusterClient::attempt(BrokerPtr broker) {
  broker->connecting = true;
  if (broker->connection) leaving_.push_back(std::exchange(broker->connection, nullptr));
  std::erase_if(leaving_, [](const auto& leaving) { return leaving.expired(); });
  auto opened = co_await BrokerConnection::open(executor_, network_, broker->endpoint, options_.connection);
  broker->connecting = false;
  if (!opened) {
    broker->failure = std::move(opened).error();
    broker->not_before = executor_.now() + broker->backoff.next();
    telemetry::log_debug("client", "cannot connect", {{"cause", broker->failure.to_string()}});
  } else if (gate_.closing()) {
    (*opened)->close();
    leaving_.push_back(*opened);
    broker->failure = closed();
  } else {
    broker->connection = std::move(*opened);
    broker->backoff.reset();
  }
  broker->decided.notify_all();
}

Task<Outcome<BrokerConnection::Ptr>> ClusterClient::connect(BrokerPtr broker) {
  const runtime::Gate::Pass pass(gate_);
  if (!pass) co_return fail(closed());
  if (!broker->connecting && broker->not_before > executor_.now()) {
    co_await pause(broker->not_before - executor_.now(), runtime::kForever);
  }
  if (gate_.closing()) co_return fail(closed());
  if (broker->connecting) {
    while (broker->connecting) co_await broker->decided.wait();
  } else if (!broker->connection || broker->connection->is_closed()) {
    co_await attempt(broker);
  }
  if (broker->connection && !broker->connection->is_closed()) co_return broker->connection;
  co_return fail(broker->failure);
}

Task<Outcome<BrokerConnection::Ptr>> ClusterClient::connection(NodeId node) {
  if (auto open = open_connection(node)) co_return open;
  if (metadata_.broker(node) == nullptr) {
    if (auto asked = co_await refresh({}); !asked) co_return fail(std::move(asked).error());
  }
  const BrokerInfo* info = metadata_.broker(node);
  if (info == nullptr) {
    co_return fail(
        local_failure(Errc::unavailable, "broker " + std::to_string(node) + " is not there at the moment"));
  }
  co_return co_await connect(broker_at(info->endpoint));
}

BrokerConnection::Ptr ClusterClient::open_connection(NodeId node) const {
  const BrokerInfo* info = metadata_.broker(node);
  if (info == nullptr) return nullptr;
  const auto at = brokers_.find(info->endpoint);
  if (at == brokers_.end() || !at->second->connection || at->second->connection->is_closed()) return nullptr;
  return at->second->connection;
}

BrokerConnection::Ptr ClusterClient::any_open() const {
  for (const auto& [endpoint, broker] : brokers_) {
    if (broker->connection && !broker->connection->is_closed()) return broker->connection;
  }
  return nullptr;
}

std::vector<Endpoint> ClusterClient::candidates() {
  std::vector<Endpoint> endpoints;
  for (const BrokerInfo& broker : metadata_.cluster().brokers) endpoints.push_back(broker.endpoint);
  const std::size_t known = endpoints.size();
  for (const Endpoint& endpoint : options_.bootstrap) {
    if (std::ranges::find(endpoints, endpoint) == endpoints.end()) endpoints.push_back(endpoint);
  }
  for (std::size_t i = 0; i < endpoints.size(); ++i) {
    const std::size_t end = i < known ? known : endpoints.size();
    std::swap(endpoints[i], endpoints[i + random_.below(end - i)]);
  }
  return endpoints;
}

Task<Outcome<BrokerConnection::Ptr>> ClusterClient::any_connection() {
  const runtime::Gate::Pass pass(gate_);
  if (!pass) co_return fail(closed());
  if (auto open = any_open()) co_return open;
  const std::vector<Endpoint> endpoints = candidates();
  if (endpoints.empty())
    co_return fail(local_failure(Errc::invalid_argument, "no bootstrap address was given"));
  Failure last;
  bool retriable = false;
  for (const Endpoint& endpoint : endpoints) {
    auto opened = co_await connect(broker_at(endpoint));
    if (opened) co_return opened;
    last = std::move(opened).error();
    retriable = retriable || last.retriable;
  }
  last.retriable = retriable;
  if (endpoints.size() > 1) {
    last.cause += " (none of " + std::to_string(endpoints.size()) + " brokers can be reached)";
  }
  co_return fail(std::move(last));
}

Task<Outcome<BrokerConnection::Ptr>> ClusterClient::connection_for_refresh() {
  std::vector<BrokerConnection::Ptr> others;
  if (refreshed_from_) {
    for (const auto& [endpoint, broker] : brokers_) {
      const bool open = broker->connection && !broker->connection->is_closed();
      if (open && endpoint != *refreshed_from_) others.push_back(broker->connection);
    }
    if (others.empty()) connect_to_another();
  }
  Outcome<BrokerConnection::Ptr> chosen =
      others.empty() ? co_await any_connection() : others[random_.below(others.size())];
  if (chosen) refreshed_from_ = (*chosen)->endpoint();
  co_return chosen;
}

// For the next time: whoever has to ask again must not wait for a broker that may be dead.
void ClusterClient::connect_to_another() {
  const auto& known = metadata_.cluster().brokers;
  const std::size_t first = known.empty() ? 0 : random_.below(known.size());
  for (std::size_t i = 0; i < known.size(); ++i) {
    const Endpoint& endpoint = known[(first + i) % known.size()].endpoint;
    if (endpoint == *refreshed_from_) continue;
    const BrokerPtr broker = broker_at(endpoint);
    if (broker->connecting || broker->not_before > executor_.now()) continue;
    connect(broker).detach();
    return;
  }
}

Task<Outcome<wire::MetadataResponse>> ClusterClient::ask_metadata(wire::MetadataRequest request,
                                                                  CallOptions options) {
  auto response = co_await call_any<wire::MetadataResponse>(std::move(request), options);
  if (!response) co_return response;
  if (auto learnt = learn(*response); !learnt) co_return fail(std::move(learnt).error());
  co_return response;
}

Outcome<void> ClusterClient::learn(const wire::MetadataResponse& response) {
  if (response.error_code == wire::ErrorCode::rebootstrap_required) {
    metadata_ = MetadataCache();
    drop_unused();
  }
  if (response.error_code != wire::ErrorCode::none) return fail(broker_failure(response.error_code));
  metadata_.update(response);
  drop_unused();
  return {};
}

// Connections to brokers that have left, and to bootstrap addresses that are known under another name by now.
void ClusterClient::drop_unused() {
  const auto& known = metadata_.cluster().brokers;
  std::erase_if(brokers_, [&](const auto& entry) {
    const auto& [endpoint, broker] = entry;
    if (broker->connecting) return false;
    if (std::ranges::find(known, endpoint, &BrokerInfo::endpoint) != known.end()) return false;
    if (broker->connection && broker->connection->in_flight() > 0) return false;
    if (known.empty() && !broker->failure.cause.empty()) return false;
    if (broker->connection) {
      broker->connection->retire();
      leaving_.push_back(broker->connection);
    }
    return true;
  });
}

Task<Outcome<std::vector<TopicInfo>>> ClusterClient::topics(TopicQuery query) {
  wire::MetadataRequest request;
  if (query.names) {
    request.topics.emplace();
    for (std::string& name : *query.names) request.topics->push_back({.name = std::move(name)});
  }
  request.allow_auto_topic_creation = query.auto_create;
  auto response = co_await ask_metadata(std::move(request), {.min_version = 1});
  if (!response) co_return fail(std::move(response).error());
  std::vector<TopicInfo> topics;
  for (const auto& topic : response->topics) topics.push_back(topic_from(topic));
  std::ranges::sort(topics, {}, &TopicInfo::name);
  co_return topics;
}

Task<Outcome<ClusterInfo>> ClusterClient::cluster() {
  auto asked = co_await topics({.names = std::vector<std::string>()});
  if (!asked) co_return fail(std::move(asked).error());
  co_return metadata_.cluster();
}

Task<Outcome<void>> ClusterClient::ask_for(std::vector<std::string> topics, bool auto_create) {
  wire::MetadataRequest request;
  request.topics.emplace();
  for (std::string& name : topics) request.topics->push_back({.name = std::move(name)});
  request.allow_auto_topic_creation = auto_create;
  auto opened = co_await connection_for_refresh();
  if (!opened) co_return fail(std::move(opened).error());
  auto response = co_await (*opened)->call<wire::MetadataResponse>(std::move(request), {.min_version = 1});
  if (!response) co_return fail(std::move(response).error());
  if (auto learnt = learn(*response); !learnt) co_return learnt;
  for (const auto& topic : response->topics) {
    if (topic.error_code == wire::ErrorCode::none) continue;
    Failure failure = broker_failure(topic.error_code);
    failure.cause = "topic " + topic.name.value_or("?") + ": " + failure.cause;
    co_return fail(std::move(failure));
  }
  co_return Outcome<void>();
}

Task<Outcome<void>> ClusterClient::refresh(std::vector<std::string> topics, bool auto_create) {
  const runtime::Gate::Pass pass(gate_);
  if (!pass) co_return fail(closed());
  if (refresh_ && refresh_->covers(topics, auto_create)) {
    const auto joined = refresh_;
    co_await joined->ended.wait();
    co_return joined->outcome;
  }
  const auto mine = std::make_shared<Refresh>(executor_, topics, auto_create);
  refresh_ = mine;
  mine->outcome = co_await ask_for(std::move(topics), auto_create);
  if (refresh_ == mine) refresh_ = nullptr;
  mine->ended.notify_all();
  co_return mine->outcome;
}

Task<Outcome<BrokerConnection::Ptr>> ClusterClient::own_connection(NodeId node) {
  const runtime::Gate::Pass pass(gate_);
  if (!pass) co_return fail(closed());
  const BrokerInfo* known = metadata_.broker(node);
  if (known == nullptr)
    co_return fail(local_failure(Errc::unavailable, "broker " + std::to_string(node) + " has no address"));
  const Endpoint endpoint = known->endpoint;
  co_return co_await BrokerConnection::open(executor_, network_, endpoint, options_.connection);
}

void ClusterClient::note_broker(NodeId id, std::string host, std::int32_t port) {
  const auto endpoint = endpoint_of(host, port);
  if (!endpoint || id < 0) return;
  const BrokerInfo* known = metadata_.broker(id);
  if (known != nullptr && known->endpoint == *endpoint) return;
  metadata_.add_broker({.id = id, .endpoint = *endpoint});
}

Task<Outcome<NodeId>> ClusterClient::leader_of(std::string topic, PartitionIndex partition,
                                               MonotonicTime deadline) {
  Backoff backoff = new_backoff();
  for (;;) {
    const PartitionInfo* known = metadata_.partition(topic, partition);
    if (known != nullptr && known->leader >= 0) co_return known->leader;
    Failure failure =
        local_failure(Errc::unavailable, topic + "-" + std::to_string(partition) + " has no leader");
    if (auto asked = co_await refresh({topic}); !asked) {
      failure = std::move(asked).error();
    } else {
      known = metadata_.partition(topic, partition);
      if (known != nullptr && known->leader >= 0) co_return known->leader;
      if (known == nullptr) {
        co_return fail(
            local_failure(Errc::not_found, topic + " has no partition " + std::to_string(partition)));
      }
    }
    if (!failure.retriable || !co_await pause(backoff.next(), deadline)) co_return fail(std::move(failure));
  }
}

}  // namespace moldau::client
