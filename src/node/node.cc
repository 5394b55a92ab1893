#include "node/node.h"

#include <algorithm>

#include "controller/features.h"
#include "node/identity.h"
#include "node/metrics_refresh.h"
#include "telemetry/exposition.h"
#include "telemetry/log.h"

namespace moldau::node {

using runtime::Task;

namespace {

constexpr runtime::Duration kActiveTimeout = std::chrono::seconds(30);
constexpr runtime::Duration kMetricsInterval = std::chrono::seconds(1);
constexpr std::uint64_t kDefaultMemory = 512ULL << 20;
constexpr std::uint64_t kRequestShare =
    4;  // of the memory budget: the rest is for logs, answers and metadata

std::int16_t security_code(config::SecurityProtocol protocol) { return static_cast<std::int16_t>(protocol); }

std::string metadata_folder(const std::string& data_dir) { return data_dir + "/__cluster_metadata-0"; }

}  // namespace

Node::Node(runtime::World& world, config::Settings settings, NodeOptions options)
    : world_(world),
      executor_(world.shard(0)),
      settings_(std::move(settings)),
      options_(std::move(options)),
      random_(world.entropy()),
      gate_(executor_),
      stopping_(executor_) {}

Node::~Node() = default;

Task<Result<std::unique_ptr<Node>>> Node::start(runtime::World& world, config::Settings settings,
                                                NodeOptions options) {
  std::unique_ptr<Node> node(new Node(world, std::move(settings), std::move(options)));
  if (Status opened = co_await node->open(); !opened) {
    static_cast<void>(co_await node->stop());  // the first failure is the one to tell
    co_return fail(std::move(opened).error());
  }
  co_return std::move(node);
}

Task<Status> Node::open() {
  CO_TRY(co_await open_directory());
  // The addresses are taken early, so that a second start fails before it has touched any log.
  CO_TRY(bind_listeners());
  partitions_ = std::make_unique<PartitionHost>(world_, settings_, *directory_);
  CO_TRY(co_await partitions_->open());
  logs_checked_ = true;
  CO_TRY(co_await open_quorum());
  make_shards();
  co_await measure_logs();
  CO_TRY(co_await join_cluster());
  CO_TRY(co_await partitions_->reconcile(image()));
  CO_TRY(co_await create_bootstrap_topics());
  CO_TRY(start_admin());
  co_await open_doors();
  co_return Status();
}

Task<Status> Node::open_directory() {
  CO_ASSIGN_OR_RETURN(directory_, co_await world_.pool().run(runtime::Lane::background, executor_, [this] {
    return open_data_directory(settings_, world_.disk(), random_);
  }));
  if (!directory_->clean_shutdown()) {
    telemetry::log_info("node", "the data folder was not closed in order, or is new: logs are checked",
                        {{"path", directory_->path()}});
  }
  co_return Status();
}

Task<Status> Node::open_quorum() {
  quorum::QuorumOptions options;
  options.directory = metadata_folder(directory_->path());
  options.self = {node_id(), directory_->properties().directory_id};
  options.cluster_id = cluster_id();
  options.bootstrap = controller::bootstrap_records(cluster_id());
  CO_ASSIGN_OR_RETURN(quorum_, co_await quorum::MetadataQuorum::open(world_, 0, std::move(options)));
  quorum_->on_failure([](const Error& error) {
    telemetry::log_error("node",
                         "the metadata quorum has stopped: no change of topics or configs is possible",
                         {{"error", error}});
  });
  controller::ControllerSettings controller_settings{settings_.broker};
  controller_ = std::make_unique<LocalController>(
      world_, *quorum_, controller::Controller(std::move(controller_settings)), node_id());
  co_return Status();
}

void Node::make_shards() {
  shard_data_ = partitions_->shard_data();
  const std::uint64_t memory = settings_.memory_bytes == 0 ? kDefaultMemory : settings_.memory_bytes;
  for (unsigned index = 0; index < world_.shard_count(); ++index) {
    channels_.push_back(std::make_unique<LocalChannel>(world_.shard(index), *controller_));
    shards_.push_back(std::make_unique<Shard>(Shard::Parts{world_, index, settings_, node_id(), cluster_id(),
                                                           shard_data_, *channels_.back(), nullptr, nullptr,
                                                           memory / kRequestShare / world_.shard_count()}));
  }
  controller_->set_applied(shards_.front()->images());
}

// Each on its shard, where rounds of the commit log may be ending already.
Task<void> Node::measure_logs() {
  for (const auto& hosted : partitions_->hosted()) {
    telemetry::Registry& registry = shards_[hosted->executor.shard()]->registry();
    co_await runtime::on_shard(executor_, hosted->executor, [&] {
      telemetry::Histogram& syncs = registry.histogram("moldau_sync_duration_seconds",
                                                       "Write and sync of one round of the commit log.");
      hosted->on_topic_removed = [&registry](const std::string& topic) { registry.forget("topic", topic); };
      hosted->on_sync = [&syncs](runtime::Duration took) {
        syncs.record(static_cast<std::uint64_t>(took.count()));
      };
    });
  }
}

// --- listeners

// `bound` has what could be had of it, for unbind(), also after a failure.
Status Node::bind(const config::Listener& listener, Bound& bound) {
  runtime::Endpoint at = listener.bind;
  runtime::ListenOptions options;
  options.share_port = world_.shard_count() > 1;
  for (unsigned index = 0; index < world_.shard_count(); ++index) {
    auto socket = world_.network(index).listen(at, options);
    if (!socket) return fail(std::move(socket).error().within("listener " + listener.name));
    at.port = (*socket)->local().port;  // the port that was free, when any would do
    bound.sockets.push_back(std::move(*socket));
  }
  return {};
}

Status Node::bind_listeners() {
  for (const config::Listener& listener : settings_.listeners) {
    if (listener.controller) continue;
    bound_.push_back({listener.name, {}});
    TRY(bind(listener, bound_.back()));
    const runtime::Endpoint bound = bound_.back().sockets.front()->local();
    runtime::Endpoint advertised = listener.advertise;
    if (advertised.port == 0) advertised.port = bound.port;
    listeners_.push_back({listener.name, bound, advertised});
  }
  return {};
}

// Sockets that no server has taken over. Each ends on its shard, whose loop may be about to tell it of a
// connection.
Task<void> Node::unbind() {
  for (Bound& bound : bound_) {
    for (unsigned index = 0; index < bound.sockets.size(); ++index) {
      co_await runtime::on_shard(executor_, world_.shard(index), [&] {
        bound.sockets[index]->close();
        bound.sockets[index].reset();
      });
    }
  }
  bound_.clear();
}

// --- metadata

void Node::enqueue(std::shared_ptr<const metadata::Image> image, metadata::Delta delta) {
  publications_.push_back({std::move(image), std::move(delta)});
  if (applying_) return;
  applying_ = true;
  apply_publications().detach();
}

Task<void> Node::apply_publications() {
  runtime::Gate::Pass pass(gate_);
  while (pass && !publications_.empty()) {
    Publication next = std::move(publications_.front());
    publications_.pop_front();
    // Partitions are there before anybody can ask for them, and go after nobody can.
    co_await partitions_->apply(next.image, next.delta);
    co_await publish(next.image);
    co_await partitions_->remove(std::move(next.delta));
  }
  applying_ = false;
}

Task<void> Node::publish(std::shared_ptr<const metadata::Image> image) {
  // Shard 0 comes last: who has seen the image there may count on all shards.
  for (auto shard = shards_.rbegin(); shard != shards_.rend(); ++shard) {
    co_await runtime::on_shard(executor_, (*shard)->executor(), [&] { (*shard)->images().publish(image); });
  }
}

Task<Status> Node::join_cluster() {
  quorum_->subscribe(
      [this](const quorum::Published& published) { enqueue(published.image, published.delta); });
  enqueue(quorum_->image(), metadata::difference(metadata::Image(), *quorum_->image()));
  if (!co_await quorum_->becomes_active(executor_.now() + kActiveTimeout)) {
    if (const Error* failure = quorum_->failure()) co_return fail(*failure);
    co_return fail(Errc::timed_out, "the metadata quorum has no leader");
  }
  wire::BrokerRegistrationRequest request;
  request.broker_id = node_id();
  request.cluster_id = cluster_id();
  request.incarnation_id = random_.uuid();
  request.rack = settings_.rack;
  request.log_dirs = {directory_->properties().directory_id};
  for (const BoundListener& listener : listeners_) {
    const config::Listener* setting = settings_.find_listener(listener.name);
    request.listeners.push_back({listener.name, listener.advertised.host, listener.advertised.port,
                                 security_code(setting->security)});
  }
  for (const metadata::SupportedFeature& feature : controller::supported_features()) {
    request.features.push_back({feature.name, feature.min_level, feature.max_level});
  }
  CO_TRY(co_await controller_->register_broker(std::move(request)));
  co_return co_await controller_->unfence();
}

Task<Status> Node::create_bootstrap_topics() {
  wire::CreateTopicsRequest request;
  for (const config::BootstrapTopic& topic : settings_.bootstrap_topics) {
    if (image()->topic(topic.name) != nullptr) continue;
    auto& create = request.topics.emplace_back();
    create.name = topic.name;
    create.num_partitions = topic.partitions;
    create.replication_factor = topic.replication_factor;
  }
  if (request.topics.empty()) co_return Status();
  const auto response = co_await controller_->ask(std::move(request));
  for (const auto& topic : response.topics) {
    if (topic.error_code == wire::ErrorCode::none) continue;
    co_return fail(Errc::invalid_argument,
                   "bootstrap.topics: " + topic.name + ": " +
                       topic.error_message.value_or(std::string(wire::name_of(topic.error_code))));
  }
  co_return Status();
}

// --- the doors

Status Node::start_admin() {
  if (!options_.admin || !settings_.admin_enabled) return {};
  admin::Sources sources;
  sources.ready = [this] {
    return admin::ReadyState{ready_.load(), ready_.load() ? "" : "produce and fetch are not served yet"};
  };
  sources.metrics = [this] { return metrics_text(); };
  std::vector<std::pair<std::string, std::string>> health{
      {"cluster_id", cluster_id()}, {"node_id", std::to_string(node_id())}, {"data_dir", directory_->path()}};
  for (const BoundListener& listener : listeners_) {
    health.emplace_back("listener " + listener.name,
                        listener.bound.to_string() + " -> " + listener.advertised.to_string());
  }
  sources.health = [health = std::move(health)] { return health; };
  auto server = admin::Server::start(settings_.admin_bind, std::move(sources));
  if (!server) return fail(std::move(server).error().within("admin"));
  admin_ = std::move(*server);
  return {};
}

Task<void> Node::open_doors() {
  for (Bound& bound : bound_) {
    for (unsigned index = 0; index < shards_.size(); ++index) {
      Shard& shard = *shards_[index];
      // Listeners belong to the shard that will accept with them.
      co_await runtime::on_shard(executor_, shard.executor(),
                                 [&] { shard.server().serve(bound.name, std::move(bound.sockets[index])); });
    }
  }
  bound_.clear();
  refresh_all().detach();
  ready_ = true;
}

std::string Node::metrics_text() const {
  telemetry::Snapshot all;
  for (const auto& shard : shards_) all.merge(shard->registry().snapshot());
  all.add_gauge("moldau_build_info", "Always 1; the labels tell what runs.",
                {{"cluster_id", cluster_id()}, {"node_id", std::to_string(node_id())}}, 1);
  if (options_.process_metrics) options_.process_metrics(all);
  return telemetry::prometheus_text(all);
}

Task<void> Node::refresh_all() {
  runtime::Gate::Pass pass(gate_);
  std::vector<std::vector<HostedLogs*>> by_shard(shards_.size());
  for (const auto& hosted : partitions_->hosted()) by_shard[hosted->executor.shard()].push_back(hosted.get());
  do {
    for (std::size_t index = 0; index < shards_.size(); ++index) {
      Shard& shard = *shards_[index];
      co_await runtime::on_shard(executor_, shard.executor(),
                                 [&] { refresh_metrics(by_shard[index], settings_, shard.registry()); });
    }
  } while (!co_await stopping_.wait(executor_.now() + kMetricsInterval));
}

Task<Status> Node::stop() {
  ready_ = false;
  admin_.reset();
  stopping_.fire();
  if (controller_) controller_->stop();
  for (const auto& shard : shards_) {
    co_await runtime::on_shard(executor_, shard->executor(), [&] { return shard->server().stop(); });
  }
  co_await unbind();
  if (!gate_.closing()) co_await gate_.close();
  Status first;
  const auto note = [&first](Status status) {
    if (!status && first) first = std::move(status);
  };
  if (partitions_) co_await partitions_->close_partitions();
  if (quorum_) note(co_await quorum_->close());
  if (partitions_) note(co_await partitions_->close());
  // A start that ended before the logs of a crashed process were checked leaves that to the next.
  const bool clean = directory_ && (logs_checked_ || directory_->clean_shutdown());
  if (clean && first) {
    note(co_await world_.pool().run(runtime::Lane::background, executor_,
                                    [this] { return directory_->mark_clean(-1); }));
  }
  if (partitions_) {
    for (const auto& hosted : partitions_->hosted())
      hosted->on_sync = nullptr, hosted->on_topic_removed = nullptr;
  }
  shards_.clear();
  co_return first;
}

}  // namespace moldau::node
