#include <array>
#include <utility>

#include "metadata/record.h"
#include "moldau/metadata/v1/record.pb.h"

namespace moldau::metadata {

namespace {

namespace pb = moldau::metadata::v1;

// --- to protobuf

void put(pb::Uuid* out, const Uuid& id) {
  out->set_high(id.high);
  out->set_low(id.low);
}
void put(pb::Uuids* out, const std::vector<Uuid>& ids) {
  for (const Uuid& id : ids) put(out->add_ids(), id);
}
void put(google::protobuf::RepeatedField<std::int32_t>* out, const std::vector<NodeId>& ids) {
  out->Assign(ids.begin(), ids.end());
}
// An absent list is told from an empty one by the message around it.
template <class Mutable, class List>
void put_if(const std::optional<List>& list, Mutable mutable_field) {
  if (!list) return;
  if constexpr (std::is_same_v<List, std::vector<NodeId>>) {
    put(mutable_field()->mutable_ids(), *list);
  } else {
    put(mutable_field(), *list);
  }
}

void put(pb::Record& out, const NoOpRecord&) { out.mutable_no_op(); }
void put(pb::Record& out, const ClusterIdRecord& in) {
  out.mutable_cluster_id()->set_cluster_id(in.cluster_id);
}
void put(pb::Record& out, const FeatureLevelRecord& in) {
  pb::FeatureLevel* to = out.mutable_feature_level();
  to->set_name(in.name);
  to->set_level(in.level);
}
void put(pb::BrokerEndpoint* to, const BrokerEndpoint& in) {
  to->set_listener(in.listener);
  to->set_host(in.host);
  to->set_port(in.port);
  to->set_security_protocol(in.security_protocol);
}
void put(pb::SupportedFeature* to, const SupportedFeature& in) {
  to->set_name(in.name);
  to->set_min_level(in.min_level);
  to->set_max_level(in.max_level);
}
void put(pb::Record& out, const RegisterBrokerRecord& in) {
  pb::RegisterBroker* to = out.mutable_register_broker();
  to->set_broker_id(in.broker_id);
  to->set_broker_epoch(in.broker_epoch);
  put(to->mutable_incarnation_id(), in.incarnation_id);
  for (const BrokerEndpoint& endpoint : in.endpoints) put(to->add_endpoints(), endpoint);
  for (const SupportedFeature& feature : in.features) put(to->add_features(), feature);
  if (in.rack) to->set_rack(*in.rack);
  to->set_fenced(in.fenced);
  to->set_in_controlled_shutdown(in.in_controlled_shutdown);
  put(to->mutable_directories(), in.directories);
}
void put(pb::Record& out, const RegisterControllerRecord& in) {
  pb::RegisterController* to = out.mutable_register_controller();
  to->set_controller_id(in.controller_id);
  put(to->mutable_incarnation_id(), in.incarnation_id);
  for (const BrokerEndpoint& endpoint : in.endpoints) put(to->add_endpoints(), endpoint);
  for (const SupportedFeature& feature : in.features) put(to->add_features(), feature);
}
void put(pb::Record& out, const UnregisterBrokerRecord& in) {
  pb::UnregisterBroker* to = out.mutable_unregister_broker();
  to->set_broker_id(in.broker_id);
  to->set_broker_epoch(in.broker_epoch);
}
void put(pb::Record& out, const BrokerRegistrationChangeRecord& in) {
  pb::BrokerRegistrationChange* to = out.mutable_broker_registration_change();
  to->set_broker_id(in.broker_id);
  to->set_broker_epoch(in.broker_epoch);
  if (in.fenced) to->set_fenced(*in.fenced);
  if (in.in_controlled_shutdown) to->set_in_controlled_shutdown(*in.in_controlled_shutdown);
  put_if(in.directories, [to] { return to->mutable_directories(); });
}
void put(pb::Record& out, const TopicRecord& in) {
  pb::Topic* to = out.mutable_topic();
  to->set_name(in.name);
  put(to->mutable_topic_id(), in.topic_id);
}
void put(pb::Record& out, const PartitionRecord& in) {
  pb::Partition* to = out.mutable_partition();
  put(to->mutable_topic_id(), in.topic_id);
  to->set_partition(in.partition);
  put(to->mutable_replicas(), in.replicas);
  put(to->mutable_isr(), in.isr);
  put(to->mutable_removing_replicas(), in.removing_replicas);
  put(to->mutable_adding_replicas(), in.adding_replicas);
  put(to->mutable_eligible_leader_replicas(), in.eligible_leader_replicas);
  put(to->mutable_last_known_elr(), in.last_known_elr);
  put(to->mutable_directories(), in.directories);
  to->set_leader(in.leader);
  to->set_leader_epoch(in.leader_epoch);
  to->set_partition_epoch(in.partition_epoch);
  to->set_recovery_state(static_cast<std::int32_t>(in.recovery_state));
}
void put(pb::Record& out, const PartitionChangeRecord& in) {
  pb::PartitionChange* to = out.mutable_partition_change();
  put(to->mutable_topic_id(), in.topic_id);
  to->set_partition(in.partition);
  put_if(in.replicas, [to] { return to->mutable_replicas(); });
  put_if(in.isr, [to] { return to->mutable_isr(); });
  put_if(in.removing_replicas, [to] { return to->mutable_removing_replicas(); });
  put_if(in.adding_replicas, [to] { return to->mutable_adding_replicas(); });
  put_if(in.eligible_leader_replicas, [to] { return to->mutable_eligible_leader_replicas(); });
  put_if(in.last_known_elr, [to] { return to->mutable_last_known_elr(); });
  put_if(in.directories, [to] { return to->mutable_directories(); });
  if (in.leader) to->set_leader(*in.leader);
  if (in.recovery_state) to->set_recovery_state(static_cast<std::int32_t>(*in.recovery_state));
}
void put(pb::Record& out, const RemoveTopicRecord& in) {
  put(out.mutable_remove_topic()->mutable_topic_id(), in.topic_id);
}
void put(pb::Record& out, const ConfigRecord& in) {
  pb::Config* to = out.mutable_config();
  to->set_resource_type(static_cast<std::int32_t>(in.resource.type));
  to->set_resource_name(in.resource.name);
  to->set_key(in.key);
  if (in.value) to->set_value(*in.value);
}
void put(pb::Record& out, const ProducerIdsRecord& in) {
  pb::ProducerIds* to = out.mutable_producer_ids();
  to->set_broker_id(in.broker_id);
  to->set_broker_epoch(in.broker_epoch);
  to->set_next_producer_id(in.next_producer_id);
}

// --- from protobuf

// Protobuf has no numbers of 16 and 8 bits. A value that does not fit would become another one, or no
// enumerator at all: such a record is refused as a whole.
class Narrowing {
 public:
  template <class T>
  T to(std::int64_t value) {
    fits_ = fits_ && std::in_range<T>(value);
    return static_cast<T>(value);
  }
  LeaderRecoveryState recovery_state(std::int32_t value) {
    fits_ = fits_ && (value == 0 || value == 1);
    return static_cast<LeaderRecoveryState>(value);
  }
  ResourceType resource_type(std::int32_t value) {
    fits_ = fits_ && (value == 2 || value == 4 || value == 8 || value == 16 || value == 32);
    return static_cast<ResourceType>(value);
  }
  bool fits() const { return fits_; }

 private:
  bool fits_ = true;
};

Uuid uuid(const pb::Uuid& in) { return {in.high(), in.low()}; }
std::vector<Uuid> uuids(const pb::Uuids& in) {
  std::vector<Uuid> out;
  out.reserve(static_cast<std::size_t>(in.ids_size()));
  for (const pb::Uuid& id : in.ids()) out.push_back(uuid(id));
  return out;
}
std::vector<NodeId> ids(const google::protobuf::RepeatedField<std::int32_t>& in) {
  return {in.begin(), in.end()};
}
std::optional<std::vector<NodeId>> ids_if(bool present, const pb::NodeIds& in) {
  return present ? std::optional(ids(in.ids())) : std::nullopt;
}

Record record_of(const pb::ClusterId& in) { return ClusterIdRecord{in.cluster_id()}; }
Record record_of(const pb::FeatureLevel& in, Narrowing& narrow) {
  return FeatureLevelRecord{in.name(), narrow.to<std::int16_t>(in.level())};
}
template <class Registration>
std::vector<BrokerEndpoint> endpoints(const Registration& in, Narrowing& narrow) {
  std::vector<BrokerEndpoint> out;
  for (const auto& e : in.endpoints())
    out.push_back({e.listener(), e.host(), narrow.to<std::uint16_t>(e.port()),
                   narrow.to<std::int16_t>(e.security_protocol())});
  return out;
}
template <class Registration>
std::vector<SupportedFeature> features(const Registration& in, Narrowing& narrow) {
  std::vector<SupportedFeature> out;
  for (const auto& f : in.features())
    out.push_back({f.name(), narrow.to<std::int16_t>(f.min_level()), narrow.to<std::int16_t>(f.max_level())});
  return out;
}
Record record_of(const pb::RegisterBroker& in, Narrowing& narrow) {
  RegisterBrokerRecord out;
  out.broker_id = in.broker_id();
  out.broker_epoch = in.broker_epoch();
  out.incarnation_id = uuid(in.incarnation_id());
  out.endpoints = endpoints(in, narrow);
  out.features = features(in, narrow);
  if (in.has_rack()) out.rack = in.rack();
  out.fenced = in.fenced();
  out.in_controlled_shutdown = in.in_controlled_shutdown();
  out.directories = uuids(in.directories());
  return out;
}
Record record_of(const pb::RegisterController& in, Narrowing& narrow) {
  return RegisterControllerRecord{in.controller_id(), uuid(in.incarnation_id()), endpoints(in, narrow),
                                  features(in, narrow)};
}
Record record_of(const pb::UnregisterBroker& in) {
  return UnregisterBrokerRecord{in.broker_id(), in.broker_epoch()};
}
Record record_of(const pb::BrokerRegistrationChange& in) {
  BrokerRegistrationChangeRecord out{in.broker_id(), in.broker_epoch(), {}, {}, {}};
  if (in.has_fenced()) out.fenced = in.fenced();
  if (in.has_in_controlled_shutdown()) out.in_controlled_shutdown = in.in_controlled_shutdown();
  if (in.has_directories()) out.directories = uuids(in.directories());
  return out;
}
Record record_of(const pb::Topic& in) { return TopicRecord{in.name(), uuid(in.topic_id())}; }
Record record_of(const pb::Partition& in, Narrowing& narrow) {
  PartitionRecord out;
  out.topic_id = uuid(in.topic_id());
  out.partition = in.partition();
  out.replicas = ids(in.replicas());
  out.isr = ids(in.isr());
  out.removing_replicas = ids(in.removing_replicas());
  out.adding_replicas = ids(in.adding_replicas());
  out.eligible_leader_replicas = ids(in.eligible_leader_replicas());
  out.last_known_elr = ids(in.last_known_elr());
  out.directories = uuids(in.directories());
  out.leader = in.leader();
  out.leader_epoch = in.leader_epoch();
  out.partition_epoch = in.partition_epoch();
  out.recovery_state = narrow.recovery_state(in.recovery_state());
  return out;
}
Record record_of(const pb::PartitionChange& in, Narrowing& narrow) {
  PartitionChangeRecord out;
  out.topic_id = uuid(in.topic_id());
  out.partition = in.partition();
  out.replicas = ids_if(in.has_replicas(), in.replicas());
  out.isr = ids_if(in.has_isr(), in.isr());
  out.removing_replicas = ids_if(in.has_removing_replicas(), in.removing_replicas());
  out.adding_replicas = ids_if(in.has_adding_replicas(), in.adding_replicas());
  out.eligible_leader_replicas = ids_if(in.has_eligible_leader_replicas(), in.eligible_leader_replicas());
  out.last_known_elr = ids_if(in.has_last_known_elr(), in.last_known_elr());
  if (in.has_directories()) out.directories = uuids(in.directories());
  if (in.has_leader()) out.leader = in.leader();
  if (in.has_recovery_state()) out.recovery_state = narrow.recovery_state(in.recovery_state());
  return out;
}
Record record_of(const pb::RemoveTopic& in) { return RemoveTopicRecord{uuid(in.topic_id())}; }
Record record_of(const pb::Config& in, Narrowing& narrow) {
  ConfigRecord out{{narrow.resource_type(in.resource_type()), in.resource_name()}, in.key(), {}};
  if (in.has_value()) out.value = in.value();
  return out;
}
Record record_of(const pb::ProducerIds& in) {
  return ProducerIdsRecord{in.broker_id(), in.broker_epoch(), in.next_producer_id()};
}

// Nothing of a kind that this version does not know.
std::optional<Record> record_of(const pb::Record& in, Narrowing& narrow) {
  switch (in.kind_case()) {
    case pb::Record::kNoOp:
      return NoOpRecord{};
    case pb::Record::kClusterId:
      return record_of(in.cluster_id());
    case pb::Record::kFeatureLevel:
      return record_of(in.feature_level(), narrow);
    case pb::Record::kRegisterBroker:
      return record_of(in.register_broker(), narrow);
    case pb::Record::kRegisterController:
      return record_of(in.register_controller(), narrow);
    case pb::Record::kUnregisterBroker:
      return record_of(in.unregister_broker());
    case pb::Record::kBrokerRegistrationChange:
      return record_of(in.broker_registration_change());
    case pb::Record::kTopic:
      return record_of(in.topic());
    case pb::Record::kPartition:
      return record_of(in.partition(), narrow);
    case pb::Record::kPartitionChange:
      return record_of(in.partition_change(), narrow);
    case pb::Record::kRemoveTopic:
      return record_of(in.remove_topic());
    case pb::Record::kConfig:
      return record_of(in.config(), narrow);
    case pb::Record::kProducerIds:
      return record_of(in.producer_ids());
    case pb::Record::KIND_NOT_SET:
      break;
  }
  return std::nullopt;
}

}  // namespace

Slice serialize(const Record& record) {
  pb::Record message;
  std::visit([&](const auto& kind) { put(message, kind); }, record);
  std::vector<std::byte> bytes(message.ByteSizeLong());
  message.SerializeWithCachedSizesToArray(reinterpret_cast<std::uint8_t*>(bytes.data()));
  return Slice::take(std::move(bytes));
}

Result<Record> parse(ByteView bytes) {
  pb::Record in;
  if (bytes.size() > INT32_MAX || !in.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return fail(Errc::corrupt,
                "metadata record of " + std::to_string(bytes.size()) + " bytes does not parse");
  Narrowing narrow;
  std::optional<Record> record = record_of(in, narrow);
  if (!record) return fail(Errc::unsupported, "metadata record of a kind that this version does not know");
  if (!narrow.fits())
    return fail(Errc::corrupt, std::string(name_of(*record)) + " with a number that its field cannot hold");
  return std::move(*record);
}

std::string_view name_of(const Record& record) {
  static constexpr std::array<std::string_view, std::variant_size_v<Record>> kNames = {
      "NoOpRecord",
      "ClusterIdRecord",
      "FeatureLevelRecord",
      "RegisterBrokerRecord",
      "UnregisterBrokerRecord",
      "BrokerRegistrationChangeRecord",
      "TopicRecord",
      "PartitionRecord",
      "PartitionChangeRecord",
      "RemoveTopicRecord",
      "ConfigRecord",
      "ProducerIdsRecord",
      "RegisterControllerRecord"};
  return kNames[record.index()];
}

}  // namespace moldau::metadata
