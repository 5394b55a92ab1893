#include "node/node.h"

#include <algorithm>

#include "controller/features.h"
#include "node/group_metrics.h"
#include "node/identity.h"
#include "node/metrics_refresh.h"
#include "telemetry/exposition.h"
#include "telemetry/log.h"

namespace moldau::node {

using runtime::Task;

namespace {

constexpr runtime::Duration kMetricsInterval = std::chrono::seconds(1);
constexpr runtime::Duration kGroupMetricsInterval = std::chrono::seconds(5);  // of all groups and offsets
constexpr runtime::Duration kUnfenceTimeout = std::chrono::seconds(60);
constexpr runtime::Duration kProbeTimeout = std::chrono::milliseconds(200);
constexpr runtime::Duration kTopicRetry = std::chrono::seconds(1);
constexpr std::uint64_t kDefaultMemory = 512ULL << 20;
constexpr std::uint64_t kMetadataReserve = 4 << 20;  // tens of thousands of changes
constexpr std::uint64_t kRequestShare =
    4;  // of the memory budget: the rest is for logs, answers and metadata

std::int16_t security_code(config::SecurityProtocol protocol) { return static_cast<std::int16_t>(protocol); }

std::string metadata_folder(const std::string& data_dir) { return data_dir + "/__cluster_metadata-0"; }

std::string inter_broker_listener(const config::Settings& settings) {
  const auto found = std::ranges::find(settings.listeners, true, &config::Listener::inter_broker);
  return found == settings.listeners.end() ? std::string() : found->name;
}

}  // namespace

Node::Node(runtime::World& world, config::Settings settings, NodeOptions options)
    : world_(world),
      executor_(world.shard(0)),
      settings_(std::move(settings)),
      options_(std::move(options)),
      random_(world.entropy()),
      cluster_(config::ClusterSettings::of(settings_.broker)),
      coordinator_settings_(coordinator::Settings::of(settings_.broker)),
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
  make_links();
  CO_TRY(co_await open_partitions());
  logs_checked_ = true;
  CO_TRY(co_await open_quorum());
  if (options_.opened) options_.opened(*this);
  make_controller();
  co_await make_coordinators();
  make_shards();
  co_await measure_logs();
  // The quorum's other voters must reach this one before it can have a leader.
  co_await open_doors(true);
  const Status joined = co_await join_cluster();
  if (const Error* failure = quorum_->failure()) co_return fail(*failure);
  CO_TRY(joined);
  CO_TRY(start_admin());
  co_await open_doors(false);
  refresh_all().detach();
  if (const Error* failure = quorum_->failure()) co_return fail(*failure);
  ready_ = true;
  co_return Status();
}

Task<Status> Node::open_directory() {
  const auto found = co_await find_cluster_id(world_, settings_);
  CO_ASSIGN_OR_RETURN(directory_, co_await world_.pool().run(runtime::Lane::background, executor_, [&] {
    return open_data_directory(settings_, world_.disk(), random_, found);
  }));
  if (!directory_->clean_shutdown()) {
    telemetry::log_info("node", "the data folder was not closed in order, or is new: logs are checked",
                        {{"path", directory_->path()}});
  }
  co_return Status();
}

void Node::make_links() {
  registration_ = std::make_unique<replication::BrokerRegistration>(node_id(), random_.uuid());
  for (unsigned shard = 0; shard < world_.shard_count(); ++shard)
    links_.push_back(std::make_unique<PeerLink>(world_, shard, inter_broker_listener(settings_)));
}

Task<Status> Node::open_partitions() {
  if (!settings_.broker_role) co_return Status();
  ReplicationLinks links;
  links.registration = registration_.get();
  links.rules = options_.rules.replication;
  links.channels = [this](unsigned shard) {
    return replication::ReplicationChannels{*links_[shard], *links_[shard]};
  };
  links.on_space = [this] {
    if (lifecycle_) lifecycle_->beat_soon();
  };
  partitions_ = std::make_unique<PartitionHost>(world_, settings_, *directory_, std::move(links));
  co_return co_await partitions_->open();
}

quorum::QuorumOptions Node::quorum_options() const {
  quorum::QuorumOptions options;
  options.directory = metadata_folder(directory_->path());
  options.self = {node_id(),
                  options_.rules.names_its_directory ? directory_->properties().directory_id : DirectoryId()};
  options.rules = options_.rules.raft;
  options.self_endpoints = controller_listeners();
  for (const config::Voter& voter : settings_.voters) options.voters.push_back({.key = {voter.id, {}}});
  for (const runtime::Endpoint& seed : settings_.seeds)
    options.bootstrap_servers.push_back({"", seed.host, seed.port});
  options.auto_join = settings_.controller_role && cluster_.quorum_auto_join;
  options.cluster_id = cluster_id();
  options.bootstrap = controller::bootstrap_records(cluster_id());
  options.max_bytes_between_snapshots = cluster_.metadata_max_bytes_between_snapshots;
  options.max_snapshot_interval = cluster_.metadata_max_snapshot_interval;
  options.election_timeout = cluster_.quorum_election_timeout;
  options.fetch_timeout = cluster_.quorum_fetch_timeout;
  options.request_timeout = cluster_.quorum_request_timeout;
  options.retry_backoff = cluster_.quorum_retry_backoff;
  options.election_backoff_max = cluster_.quorum_election_backoff_max;
  options.append_linger = cluster_.quorum_append_linger;
  options.reserve_bytes = kMetadataReserve;
  return options;
}

// As others reach them.
std::vector<raft::Endpoint> Node::controller_listeners() const {
  std::vector<raft::Endpoint> listeners;
  for (const BoundListener& listener : listeners_)
    if (settings_.find_listener(listener.name)->controller)
      listeners.push_back({listener.name, listener.advertised.host, listener.advertised.port});
  return listeners;
}

Task<Status> Node::open_quorum() {
  peer::QuorumTransportOptions transport;
  transport.cluster_id = cluster_id();
  transport.node_id = node_id();
  transport.own = controller_listeners();
  for (const config::Voter& voter : settings_.voters) transport.voters[voter.id] = voter.address;
  transport.fetch_max_wait = cluster_.quorum_fetch_max_wait;
  quorum_peers_ = std::make_unique<peer::PeerClient>(executor_, world_.network(0), Random(world_.entropy()));
  transport_ = std::make_unique<peer::QuorumTransport>(*quorum_peers_, std::move(transport));
  CO_ASSIGN_OR_RETURN(quorum_,
                      co_await quorum::MetadataQuorum::open(world_, 0, quorum_options(), transport_.get()));
  quorum_->on_failure([this](const Error& error) { quorum_has_failed(error); });
  if (const Error* failure = quorum_->failure()) co_return fail(*failure);
  co_return Status();
}

void Node::quorum_has_failed(const Error& error) {
  telemetry::log_error("node", "the metadata log has failed: this node must end", {{"error", error}});
  if (ready_) {
    if (options_.failed) options_.failed(error);
    return;
  }
  // What a start waits for will not come.
  if (route_) route_->stop();
  if (lifecycle_) lifecycle_->give_up();
}

std::optional<runtime::Endpoint> Node::controller_address(NodeId id) const {
  const auto& nodes = transport_->nodes();
  const auto found = nodes.find(id);
  if (found == nodes.end()) return std::nullopt;
  return found->second;
}

// By the listener that brokers use among themselves, if this node knows its name.
Task<bool> Node::is_refused_by(NodeId id) {
  const auto image = quorum_->image();
  const metadata::Broker* broker = image->broker(id);
  if (broker == nullptr || broker->endpoints.empty()) co_return false;
  const auto found = std::ranges::find(broker->endpoints, inter_broker_listener(settings_),
                                       &metadata::BrokerEndpoint::listener);
  const auto& at = found == broker->endpoints.end() ? broker->endpoints.front() : *found;
  const auto stream = co_await world_.network(0).connect({at.host, at.port}, executor_.now() + kProbeTimeout);
  co_return !stream && stream.error().code == Errc::connection_refused;
}

void Node::make_controller() {
  if (settings_.controller_role) {
    ActiveControllerOptions options;
    options.session_timeout = cluster_.broker_session_timeout;
    options.imbalance_interval = cluster_.leader_imbalance_check_interval;
    options.balances = cluster_.auto_leader_rebalance;
    options.unclean_interval = cluster_.unclean_election_interval;
    const bool only_controller = settings_.seeds.empty() && settings_.voters.size() <= 1;
    if (only_controller) options.incarnation_id = registration_->incarnation_id();
    controller::ControllerSettings settings{settings_.broker, !options_.rules.elects_unfenced_only};
    local_quorum_ = std::make_unique<LocalQuorum>(executor_, *quorum_, *transport_, cluster_id(), node_id());
    controller_ = std::make_unique<ActiveController>(world_, *quorum_, *local_quorum_,
                                                     controller::Controller(std::move(settings)), options);
    controller_->set_probe([this](NodeId broker) { return is_refused_by(broker); });
  }
  controller_peers_ =
      std::make_unique<peer::PeerClient>(executor_, world_.network(0), Random(world_.entropy()));
  route_ = std::make_unique<ControllerRoute>(executor_, *quorum_, controller_.get(), controller_peers_.get(),
                                             [this](NodeId id) { return controller_address(id); });
  if (controller_) {
    // A node without a listener for controllers is alone: no other has to find it.
    wire::ControllerRegistrationRequest self = controller_registration_request();
    if (!self.listeners.empty())
      registrar_ = std::make_unique<ControllerRegistrar>(executor_, *route_, std::move(self));
  }
  producer_ids_ = std::make_unique<ProducerIds>(executor_, *route_, *registration_);
  for (const auto& link : links_) link->set_route(executor_, *route_);
}

Task<void> Node::make_coordinators() {
  if (!partitions_) co_return;
  for (const auto& hosted : partitions_->hosted()) {
    const coordinator::GroupCoordinator::Parts parts{
        hosted->executor, world_.wall_clock(), hosted->partitions, coordinator_settings_, world_.entropy()};
    group_coordinators_.push_back(co_await runtime::on_shard(executor_, hosted->executor, [parts] {
      return std::make_unique<coordinator::GroupCoordinator>(parts);
    }));
    group_homes_.push_back({hosted->executor, *group_coordinators_.back()});
    coordinator_links_.push_back(std::make_unique<CoordinatorLinks>(*links_[hosted->executor.shard()]));
    const coordinator::TransactionCoordinator::Parts transactions{hosted->executor, world_.wall_clock(),
                                                                  hosted->partitions, coordinator_settings_,
                                                                  *coordinator_links_.back()};
    transaction_coordinators_.push_back(co_await runtime::on_shard(
        executor_, hosted->executor,
        [transactions] { return std::make_unique<coordinator::TransactionCoordinator>(transactions); }));
    transaction_homes_.push_back({hosted->executor, *transaction_coordinators_.back()});
  }
}

// Where several nodes form the quorum, they are brokers as well, or there is no telling how many will come.
std::size_t Node::expected_brokers() const {
  constexpr std::size_t kSeveral = 3;
  const std::size_t controllers = std::max(settings_.voters.size(), settings_.seeds.size());
  if (controllers <= 1) return 0;
  return settings_.controller_role ? controllers : kSeveral;
}

void Node::make_shards() {
  if (partitions_) shard_data_ = partitions_->shard_data();
  const std::uint64_t memory = settings_.memory_bytes == 0 ? kDefaultMemory : settings_.memory_bytes;
  const bool own = controller_ != nullptr;
  for (unsigned index = 0; index < world_.shard_count(); ++index) {
    runtime::Executor& here = world_.shard(index);
    channels_.push_back(to_active_controller(here, executor_, *route_, *producer_ids_));
    if (own) {
      own_channels_.push_back(to_own_controller(here, *controller_, *producer_ids_));
      quorum_channels_.push_back(std::make_unique<LocalQuorumChannel>(here, *local_quorum_));
    }
    if (partitions_) make_routes(here, index);
    shards_.push_back(std::make_unique<Shard>(Shard::Parts{
        world_, index, settings_, node_id(), cluster_id(), shard_data_, *channels_.back(),
        own ? own_channels_.back().get() : nullptr, own ? quorum_channels_.back().get() : nullptr,
        partitions_ ? group_routes_.back().get() : nullptr,
        partitions_ ? transaction_routes_.back().get() : nullptr,
        memory / kRequestShare / world_.shard_count(), &kraft_version_}));
    if (!partitions_) continue;
    group_routes_.back()->set_images(shards_.back()->images());
    transaction_routes_.back()->set_images(shards_.back()->images());
  }
  route_->set_applied(shards_.front()->images());
  if (!own) return;
  controller_->set_applied(shards_.front()->images());
  controller_->start();
}

// What a shard's requests reach coordinators by, and what its coordinators reach the controller by.
void Node::make_routes(runtime::Executor& here, unsigned shard) {
  server::ControllerChannel& controller = *channels_.back();
  group_routes_.push_back(std::make_unique<GroupRoute>(GroupRoute::Parts{
      here, group_homes_, coordinator_settings_, controller, tickets_, expected_brokers()}));
  transaction_routes_.push_back(std::make_unique<TransactionRoute>(
      TransactionRoute::Parts{node_id(), here, transaction_homes_, coordinator_settings_, controller,
                              *links_[shard], expected_brokers()}));
  for (std::size_t at = 0; at < transaction_homes_.size(); ++at)
    if (transaction_homes_[at].executor.shard() == shard) coordinator_links_[at]->set_controller(controller);
}

// Each on its shard, where rounds of the commit log may be ending already.
Task<void> Node::measure_logs() {
  if (!partitions_) co_return;
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
Status Node::bind(Bound& bound) {
  runtime::Endpoint at = bound.setting.bind;
  runtime::ListenOptions options;
  options.share_port = world_.shard_count() > 1;
  for (unsigned index = 0; index < world_.shard_count(); ++index) {
    auto socket = world_.network(index).listen(at, options);
    if (!socket) return fail(std::move(socket).error().within("listener " + bound.setting.name));
    at.port = (*socket)->local().port;  // the port that was free, when any would do
    bound.sockets.push_back(std::move(*socket));
  }
  return {};
}

Status Node::bind_listeners() {
  for (const config::Listener& listener : settings_.listeners) {
    if (listener.controller ? !settings_.controller_role : !settings_.broker_role) continue;
    bound_.push_back({listener, {}});
    TRY(bind(bound_.back()));
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
    for (const auto& link : links_)
      co_await runtime::on_shard(executor_, link->executor(), [&] { link->learn(next.image); });
    // Partitions are there before anybody can ask for them, and go after nobody can.
    if (partitions_) co_await partitions_->apply(next.image, next.delta);
    co_await apply_to_coordinators(next);
    co_await publish(next.image);
    if (partitions_) co_await partitions_->remove(std::move(next.delta));
  }
  applying_ = false;
}

Task<void> Node::apply_to_coordinators(const Publication& next) {
  for (const GroupHome& home : group_homes_)
    co_await runtime::on_shard(executor_, home.executor,
                               [&] { home.coordinator.apply(next.image, next.delta); });
  for (const TransactionHome& home : transaction_homes_)
    co_await runtime::on_shard(executor_, home.executor, [&] { home.coordinator.apply(next.image); });
}

Task<void> Node::publish(std::shared_ptr<const metadata::Image> image) {
  // Shard 0 comes last: who has seen the image there may count on all shards.
  kraft_version_ = quorum_->kraft_version();
  for (auto shard = shards_.rbegin(); shard != shards_.rend(); ++shard) {
    co_await runtime::on_shard(executor_, (*shard)->executor(), [&] { (*shard)->images().publish(image); });
  }
  if (registrar_) registrar_->look(*image);
}

wire::ControllerRegistrationRequest Node::controller_registration_request() {
  wire::ControllerRegistrationRequest request;
  request.controller_id = node_id();
  request.incarnation_id = random_.uuid();
  for (const BoundListener& listener : listeners_) {
    const config::Listener* setting = settings_.find_listener(listener.name);
    if (!setting->controller) continue;
    request.listeners.push_back({listener.name, listener.advertised.host, listener.advertised.port,
                                 security_code(setting->security)});
  }
  for (const metadata::SupportedFeature& feature : controller::supported_features())
    request.features.push_back({feature.name, feature.min_level, feature.max_level});
  return request;
}

wire::BrokerRegistrationRequest Node::registration_request() const {
  wire::BrokerRegistrationRequest request;
  request.broker_id = node_id();
  request.cluster_id = cluster_id();
  request.incarnation_id = registration_->incarnation_id();
  request.rack = settings_.rack;
  request.log_dirs = {directory_->properties().directory_id};
  request.previous_broker_epoch =
      directory_->clean_shutdown() ? directory_->clean_shutdown()->broker_epoch : metadata::kNoBrokerEpoch;
  for (const BoundListener& listener : listeners_) {
    const config::Listener* setting = settings_.find_listener(listener.name);
    if (setting->controller) continue;
    request.listeners.push_back({listener.name, listener.advertised.host, listener.advertised.port,
                                 security_code(setting->security)});
  }
  for (const metadata::SupportedFeature& feature : controller::supported_features()) {
    request.features.push_back({feature.name, feature.min_level, feature.max_level});
  }
  return request;
}

Task<Status> Node::join_cluster() {
  quorum_->subscribe([this](const quorum::Published& published) {
    if (controller_ && quorum_->leader_id() != node_id()) controller_->note_leader(quorum_->leader_id());
    enqueue(published.image, published.delta);
  });
  enqueue(quorum_->image(), metadata::difference(metadata::Image(), *quorum_->image()));
  if (!settings_.broker_role) co_return Status();
  BrokerLifecycleOptions options;
  options.heartbeat_interval = cluster_.broker_heartbeat_interval;
  options.session_timeout = cluster_.broker_session_timeout;
  options.registration_timeout = cluster_.initial_broker_registration_timeout;
  // Alone it goes on: what can be read is served.
  options.offline_directories = [this] {
    const bool others_can = partitions_->offline() && !is_alone();
    return others_can ? std::vector{directory_->properties().directory_id} : std::vector<DirectoryId>();
  };
  options.cordoned_directories = [this] {
    return partitions_->scarce() ? std::vector{directory_->properties().directory_id}
                                 : std::vector<DirectoryId>();
  };
  replication::ImageHolder& applied = shards_.front()->images();
  lifecycle_ = std::make_unique<BrokerLifecycle>(executor_, *route_, applied, *registration_, options);
  if (const Error* failure = quorum_->failure()) co_return fail(*failure);
  if (Status joined = co_await lifecycle_->join(registration_request()); !joined) {
    if (joined.error().code == Errc::timed_out)
      CO_TRY(co_await check_cluster_of_peers(world_, settings_, cluster_id()));
    co_return joined;
  }
  const auto deadline = executor_.now() + kUnfenceTimeout;
  // What this broker has on its disk is judged by metadata that are not older than its registration.
  while (!co_await applied.reaches(registration_->epoch() + 1,
                                   std::min(deadline, executor_.now() + kTopicRetry))) {
    if (executor_.now() >= deadline || quorum_->failure())
      co_return fail(Errc::timed_out, "this broker has not caught up with the metadata in time");
  }
  CO_TRY(co_await partitions_->reconciled());
  CO_TRY(co_await lifecycle_->unfence(deadline));
  if (is_alone()) co_return co_await create_bootstrap_topics();
  create_bootstrap_topics_later().detach();
  co_return Status();
}

bool Node::is_alone() const { return settings_.voters.size() <= 1 && image()->brokers().size() <= 1; }

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
  const auto response =
      co_await route_->ask(std::move(request), executor_.now() + ControllerRoute::kClientTimeout);
  for (const auto& topic : response.topics) {
    if (topic.error_code == wire::ErrorCode::none ||
        topic.error_code == wire::ErrorCode::topic_already_exists)
      continue;
    co_return fail(Errc::invalid_argument,
                   "bootstrap.topics: " + topic.name + ": " +
                       topic.error_message.value_or(std::string(wire::name_of(topic.error_code))));
  }
  co_return Status();
}

// Among several nodes the brokers that the topics need may not be there yet.
Task<void> Node::create_bootstrap_topics_later() {
  const runtime::Gate::Pass pass(gate_);
  bool told = false;
  while (pass) {
    const Status created = co_await create_bootstrap_topics();
    if (created) co_return;
    if (!std::exchange(told, true))
      telemetry::log_warn("node", "the bootstrap topics cannot be created yet", {{"error", created.error()}});
    if (co_await stopping_.wait(executor_.now() + kTopicRetry)) co_return;
  }
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

Task<void> Node::open_doors(bool controllers) {
  for (Bound& bound : bound_) {
    if (bound.setting.controller != controllers) continue;
    for (unsigned index = 0; index < shards_.size(); ++index) {
      Shard& shard = *shards_[index];
      // Listeners belong to the shard that will accept with them.
      co_await runtime::on_shard(executor_, shard.executor(), [&] {
        shard.server().serve(bound.setting.name, std::move(bound.sockets[index]), controllers);
      });
    }
  }
  std::erase_if(bound_, [&](const Bound& bound) { return bound.setting.controller == controllers; });
}

std::string Node::metrics_text() const {
  telemetry::Snapshot all;
  for (const auto& shard : shards_) all.merge(shard->registry().snapshot());
  if (const auto groups = group_metrics_.load()) all.merge(*groups);
  all.add_gauge("moldau_build_info", "Always 1; the labels tell what runs.",
                {{"cluster_id", cluster_id()}, {"node_id", std::to_string(node_id())}}, 1);
  if (options_.process_metrics) options_.process_metrics(all);
  return telemetry::prometheus_text(all);
}

Task<void> Node::refresh_all() {
  runtime::Gate::Pass pass(gate_);
  runtime::MonotonicTime next_groups = executor_.now();
  std::vector<std::vector<HostedLogs*>> by_shard(shards_.size());
  if (partitions_)
    for (const auto& hosted : partitions_->hosted())
      by_shard[hosted->executor.shard()].push_back(hosted.get());
  std::vector<PartitionGauges> gauges;
  for (const auto& shard : shards_) gauges.emplace_back(shard->registry());
  do {
    if (partitions_ && partitions_->wants_apply()) enqueue(quorum_->image(), {});
    for (std::size_t index = 0; index < shards_.size(); ++index) {
      Shard& shard = *shards_[index];
      co_await runtime::on_shard(executor_, shard.executor(), [&] {
        refresh_metrics(by_shard[index], settings_, shard.registry(), gauges[index]);
      });
    }
    if (partitions_ && executor_.now() >= next_groups) {
      next_groups = executor_.now() + kGroupMetricsInterval;
      group_metrics_.store(std::make_shared<const telemetry::Snapshot>(
          co_await collect_group_metrics(executor_, group_homes_, partitions_->hosted(), image())));
    }
  } while (!co_await stopping_.wait(executor_.now() + kMetricsInterval));
}

// Others take over what this broker leads before it goes. Whose own controller has failed has none to ask:
// the sooner its doors close, the sooner the others have another.
Task<void> Node::leave_cluster() {
  const bool controls = quorum_ && quorum_->failure() && quorum_->leader_id() == node_id();
  if (lifecycle_ && cluster_.controlled_shutdown && ready_ && !is_alone() && !controls)
    co_await lifecycle_->leave();
  if (route_) route_->stop();
  if (controller_peers_) co_await controller_peers_->close();
  if (controller_) co_await controller_->stop();
  if (registrar_) co_await registrar_->stop();
  if (lifecycle_) co_await lifecycle_->stop();
}

// Members that wait for each other are told to look for another coordinator.
Task<void> Node::stop_coordinators() {
  for (const GroupHome& home : group_homes_)
    co_await runtime::on_shard(executor_, home.executor, [&] { return home.coordinator.stop(); });
  for (const TransactionHome& home : transaction_homes_)
    co_await runtime::on_shard(executor_, home.executor, [&] { return home.coordinator.stop(); });
}

Task<Status> Node::stop() {
  co_await leave_cluster();
  ready_ = false;
  admin_.reset();
  stopping_.fire();
  co_await stop_coordinators();
  for (const auto& shard : shards_) {
    co_await runtime::on_shard(executor_, shard->executor(), [&] { return shard->server().stop(); });
  }
  co_await unbind();
  if (!gate_.closing()) co_await gate_.close();
  Status first;
  const auto note = [&first](Status status) {
    if (!status && first) first = std::move(status);
  };
  for (const auto& link : links_)
    co_await runtime::on_shard(executor_, link->executor(), [&] { return link->close(); });
  if (partitions_) co_await partitions_->close_partitions();
  if (quorum_) note(co_await quorum_->close());
  if (quorum_peers_) co_await quorum_peers_->close();
  if (partitions_) note(co_await partitions_->close());
  // A start that ended before the logs of a crashed process were checked leaves that to the next.
  const bool clean = directory_ && (logs_checked_ || directory_->clean_shutdown());
  if (clean && first) {
    const auto epoch = registration_ ? registration_->epoch() : metadata::kNoBrokerEpoch;
    note(co_await world_.pool().run(runtime::Lane::background, executor_,
                                    [this, epoch] { return directory_->mark_clean(epoch); }));
  }
  if (partitions_) {
    for (const auto& hosted : partitions_->hosted())
      hosted->on_sync = nullptr, hosted->on_topic_removed = nullptr;
  }
  shards_.clear();
  co_return first;
}

}  // namespace moldau::node
