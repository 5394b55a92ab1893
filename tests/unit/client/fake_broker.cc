#include "fake_broker.h"

#include <algorithm>

namespace moldau::client {

using namespace std::chrono_literals;
using wire::ApiKey;
using wire::ErrorCode;

void FakeCluster::add_topic(const std::string& name, int partitions, NodeId leader) {
  FakeTopic& topic = topics[name];
  topic.id = {0x1234, topics.size()};
  topic.partitions.resize(static_cast<std::size_t>(partitions));
  for (FakePartition& partition : topic.partitions) partition.leader = leader;
}

struct FakeBroker::Peer {
  std::unique_ptr<runtime::Stream> stream;
};

FakeBroker::FakeBroker(simulation::World& world, FakeCluster& cluster, NodeId id, std::uint16_t port)
    : world_(world), cluster_(cluster), id_(id), port_(port), gate_(world.shard(0)) {
  ranges = {{ApiKey::produce, {3, 13}},      {ApiKey::fetch, {4, 18}},
            {ApiKey::list_offsets, {1, 11}}, {ApiKey::metadata, {0, 13}},
            {ApiKey::api_versions, {0, 4}},  {ApiKey::init_producer_id, {0, 5}},
            {ApiKey::create_topics, {2, 7}}};
  cluster.brokers.push_back(this);
  listener_ = std::move(*world.network(0).listen({"127.0.0.1", port}, {}));
  accept_loop().detach();
}

runtime::Task<void> FakeBroker::stop() {
  listener_->close();
  drop_connections();
  co_await gate_.close();
}

void FakeBroker::drop_connections() {
  for (const PeerPtr& peer : peers_) peer->stream->close();
}

std::size_t FakeBroker::count(ApiKey key) const {
  return static_cast<std::size_t>(std::ranges::count(seen, key, &wire::RequestHeader::api_key));
}

runtime::Task<void> FakeBroker::accept_loop() {
  const runtime::Gate::Pass pass(gate_);
  for (;;) {
    auto stream = co_await listener_->accept();
    if (!stream) co_return;
    ++connections;
    const auto peer = std::make_shared<Peer>();
    peer->stream = std::move(*stream);
    peers_.push_back(peer);
    serve(peer).detach();
  }
}

runtime::Task<void> FakeBroker::serve(PeerPtr peer) {
  const runtime::Gate::Pass pass(gate_);
  std::vector<std::byte> bytes;
  for (bool open = true; open;) {
    std::byte part[4096];
    const auto size = co_await peer->stream->read_some(part);
    if (!size || *size == 0) break;
    bytes.insert(bytes.end(), part, part + *size);
    while (open && bytes.size() >= 4) {
      const auto frame_size = static_cast<std::size_t>(load_be<std::int32_t>(bytes.data()));
      if (bytes.size() < 4 + frame_size) break;
      const Slice frame = Slice::copy_of(ByteView(bytes).subspan(4, frame_size));
      bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(4 + frame_size));
      open = co_await answer(peer, *wire::decode_request_frame(frame));
    }
  }
  peer->stream->close();
  std::erase(peers_, peer);
}

runtime::Task<bool> FakeBroker::answer(PeerPtr peer, wire::RequestFrame request) {
  seen.push_back(request.header);
  const auto script = hook ? hook(request) : std::nullopt;
  const auto kind = script ? script->kind : Script::Kind::answer_normally;
  if (kind == Script::Kind::drop_connection) co_return false;
  if (kind == Script::Kind::never_answer) co_return true;
  if (kind == Script::Kind::raw) {
    SliceList out;
    std::vector<std::byte> size(4);
    store_be<std::int32_t>(size.data(), static_cast<std::int32_t>(script->raw.size()));
    if (!script->raw_frame) out.push_back(Slice::copy_of(ByteView(size)));
    out.push_back(script->raw);
    co_return (co_await peer->stream->write(out)).has_value();
  }
  if (request.header.api_key == ApiKey::fetch) {
    const auto fetch = *wire::FetchRequest::decode(request.body, request.header.api_version);
    const auto deadline = world_.shard(0).now() + std::chrono::milliseconds(fetch.max_wait_ms);
    while (!has_data(fetch) && world_.shard(0).now() < deadline && !gate_.closing()) {
      co_await runtime::sleep_for(world_.shard(0), 5ms);
    }
  }
  bool closes = false;
  SliceList out = model_answer(request, closes);
  if (closes || kind == Script::Kind::drop_after_apply) co_return false;
  if (out.empty()) co_return true;
  co_return (co_await peer->stream->write(std::move(out))).has_value();
}

SliceList FakeBroker::model_answer(const wire::RequestFrame& request, bool& closes) {
  const auto& header = request.header;
  const auto version = header.api_version;
  const auto reply = [&](const auto& response) {
    return wire::encode_response(header.correlation_id, version, response);
  };
  if (header.api_key == ApiKey::api_versions) {
    auto response = versions();
    if (version > api_versions_max) {
      response.error_code = ErrorCode::unsupported_version;
      std::erase_if(response.api_keys, [](const auto& range) { return range.api_key != 18; });
      return wire::encode_response(header.correlation_id, 0, response);
    }
    return reply(response);
  }
  const auto range = ranges.find(header.api_key);
  if (range == ranges.end() || version < range->second.first || version > range->second.second) {
    closes = true;
    return {};
  }
  if (const auto served = served_.find(header.api_key); served != served_.end())
    return served->second(request);
  switch (header.api_key) {
    case ApiKey::metadata:
      return reply(metadata(*wire::MetadataRequest::decode(request.body, version)));
    case ApiKey::produce: {
      const auto produced = *wire::ProduceRequest::decode(request.body, version);
      auto response = produce(produced);
      if (edit_produce) edit_produce(response, produced);
      return produced.acks == 0 ? SliceList() : reply(response);
    }
    case ApiKey::fetch: {
      const auto fetched = *wire::FetchRequest::decode(request.body, version);
      fetches.push_back(fetched);
      auto response = fetch(fetched);
      if (edit_fetch) edit_fetch(response, fetched);
      return reply(response);
    }
    case ApiKey::list_offsets:
      return reply(list_offsets(*wire::ListOffsetsRequest::decode(request.body, version)));
    case ApiKey::init_producer_id: {
      wire::InitProducerIdResponse response;
      response.producer_id = cluster_.next_producer_id++;
      return reply(response);
    }
    default:
      closes = true;
      return {};
  }
}

wire::ApiVersionsResponse FakeBroker::versions() const {
  wire::ApiVersionsResponse response;
  for (const auto& [key, range] : ranges) {
    const auto max = key == ApiKey::api_versions ? api_versions_max : range.second;
    response.api_keys.push_back({static_cast<std::int16_t>(key), range.first, max});
  }
  return response;
}

wire::MetadataResponse FakeBroker::metadata(const wire::MetadataRequest& request) {
  wire::MetadataResponse response;
  response.cluster_id = "fake";
  response.controller_id = 0;
  for (const FakeBroker* broker : cluster_.brokers) {
    response.brokers.push_back({broker->id_, "127.0.0.1", broker->port_, std::nullopt});
  }
  const auto describe = [&](const std::string& name) {
    auto& out = response.topics.emplace_back();
    out.name = name;
    const auto known = cluster_.topics.find(name);
    if (known == cluster_.topics.end()) {
      out.error_code = ErrorCode::unknown_topic_or_partition;
      return;
    }
    out.topic_id = known->second.id;
    PartitionIndex index = 0;
    for (const FakePartition& partition : known->second.partitions) {
      out.partitions.push_back({.partition_index = index++,
                                .leader_id = partition.leader,
                                .leader_epoch = partition.epoch,
                                .replica_nodes = {partition.leader},
                                .isr_nodes = {partition.leader}});
    }
  };
  if (request.topics) {
    for (const auto& topic : *request.topics) describe(topic.name.value_or(""));
  } else {
    for (const auto& [name, topic] : cluster_.topics) describe(name);
  }
  return response;
}

std::string FakeBroker::name_of(const std::string& name, const TopicId& id) const {
  if (!name.empty()) return name;
  for (const auto& [known, topic] : cluster_.topics) {
    if (topic.id == id) return known;
  }
  return {};
}

ErrorCode FakeBroker::append(FakePartition& partition, Slice bytes, Offset& base_offset) {
  std::vector<std::byte> copy(bytes.view().begin(), bytes.view().end());
  const auto batch = record::BatchView::at(copy);
  if (!batch || !batch->crc_matches()) return ErrorCode::corrupt_message;
  if (batch->has_producer_id()) {
    auto& producer = partition.producers[batch->producer_id()];
    if (batch->producer_epoch() < producer.epoch) return ErrorCode::invalid_producer_epoch;
    if (batch->producer_epoch() > producer.epoch) {
      if (producer.epoch >= 0 && batch->base_sequence() != 0) return ErrorCode::out_of_order_sequence_number;
      producer = {.epoch = batch->producer_epoch(), .next = batch->base_sequence()};
    }
    if (const auto before = producer.appended.find(batch->base_sequence());
        before != producer.appended.end()) {
      base_offset = before->second;
      return ErrorCode::none;
    }
    if (batch->base_sequence() != producer.next) return ErrorCode::out_of_order_sequence_number;
    producer.appended[batch->base_sequence()] = partition.end;
    producer.next = record::sequence_after(batch->base_sequence(), batch->record_count());
  }
  base_offset = partition.end;
  record::set_base_offset(copy, base_offset);
  partition.end += batch->record_count();
  partition.batches.push_back(Slice::take(std::move(copy)));
  return ErrorCode::none;
}

wire::ProduceResponse FakeBroker::produce(const wire::ProduceRequest& request) {
  wire::ProduceResponse response;
  for (const auto& topic : request.topic_data) {
    auto& out = response.responses.emplace_back();
    out.name = topic.name;
    out.topic_id = topic.topic_id;
    const auto known = cluster_.topics.find(name_of(topic.name, topic.topic_id));
    for (const auto& data : topic.partition_data) {
      auto& one = out.partition_responses.emplace_back();
      one.index = data.index;
      one.base_offset = -1;
      if (known == cluster_.topics.end()) {
        one.error_code = ErrorCode::unknown_topic_or_partition;
        continue;
      }
      FakePartition& partition = known->second.partitions.at(static_cast<std::size_t>(data.index));
      if (partition.leader != id_) {
        one.error_code = ErrorCode::not_leader_or_follower;
        if (hints) one.current_leader = {partition.leader, partition.epoch};
      } else if (const auto error = produce_error ? produce_error(topic, data) : std::nullopt; error) {
        one.error_code = *error;
      } else {
        one.error_code = append(partition, joined(*data.records), one.base_offset);
      }
    }
  }
  return response;
}

bool FakeBroker::has_data(const wire::FetchRequest& request) {
  auto wanted = session;
  if (request.session_epoch <= 0 || request.session_id != session_id) wanted.clear();
  for (const auto& topic : request.topics) {
    for (const auto& partition : topic.partitions) {
      wanted[{name_of(topic.topic, topic.topic_id), partition.partition}] = partition.fetch_offset;
    }
  }
  for (const auto& [key, offset] : wanted) {
    const auto known = cluster_.topics.find(key.first);
    if (known == cluster_.topics.end()) return true;
    const FakePartition& partition = cluster_.partition(key.first, key.second);
    if (partition.leader != id_ || partition.end != offset || partition.start > offset) return true;
  }
  return forget_session;
}

wire::FetchResponse FakeBroker::fetch(const wire::FetchRequest& request) {
  wire::FetchResponse response;
  if (request.session_epoch > 0) {
    if (request.session_id != session_id || std::exchange(forget_session, false)) {
      session_id = 0;
      response.error_code = ErrorCode::fetch_session_id_not_found;
      return response;
    }
    if (request.session_epoch != session_epoch) {
      response.error_code = ErrorCode::invalid_fetch_session_epoch;
      return response;
    }
    ++session_epoch;
  } else {
    session.clear();
    session_id = request.session_epoch == 0 ? session_id + 7 : 0;
    session_epoch = 1;
  }
  response.session_id = session_id;
  for (const auto& topic : request.forgotten_topics_data) {
    for (const PartitionIndex index : topic.partitions)
      session.erase({name_of(topic.topic, topic.topic_id), index});
  }
  for (const auto& topic : request.topics) {
    for (const auto& partition : topic.partitions) {
      session[{name_of(topic.topic, topic.topic_id), partition.partition}] = partition.fetch_offset;
    }
  }
  for (const auto& [key, offset] : session) {
    auto& topic = response.responses.emplace_back();
    topic.topic = key.first;
    topic.topic_id = cluster_.topics.at(key.first).id;
    auto& out = topic.partitions.emplace_back();
    out.partition_index = key.second;
    FakePartition& partition = cluster_.partition(key.first, key.second);
    out.high_watermark = out.last_stable_offset = partition.end;
    out.log_start_offset = partition.start;
    out.records.emplace();
    if (partition.leader != id_) {
      out.error_code = ErrorCode::not_leader_or_follower;
      if (hints) out.current_leader = {partition.leader, partition.epoch};
    } else if (offset < partition.start || offset > partition.end) {
      out.error_code = ErrorCode::offset_out_of_range;
    } else {
      for (const Slice& batch : partition.batches) {
        if (record::BatchView::trusted(batch).last_offset() >= offset) out.records->push_back(batch);
      }
    }
  }
  return response;
}

wire::ListOffsetsResponse FakeBroker::list_offsets(const wire::ListOffsetsRequest& request) {
  wire::ListOffsetsResponse response;
  for (const auto& topic : request.topics) {
    auto& out = response.topics.emplace_back();
    out.name = topic.name;
    for (const auto& asked : topic.partitions) {
      auto& one = out.partitions.emplace_back();
      one.partition_index = asked.partition_index;
      const auto known = cluster_.topics.find(topic.name);
      if (known == cluster_.topics.end()) {
        one.error_code = ErrorCode::unknown_topic_or_partition;
        continue;
      }
      const FakePartition& partition =
          known->second.partitions.at(static_cast<std::size_t>(asked.partition_index));
      if (partition.leader != id_) {
        one.error_code = ErrorCode::not_leader_or_follower;
      } else if (asked.timestamp == -1) {
        one.offset = partition.end;
      } else if (asked.timestamp == -2) {
        one.offset = partition.start;
      } else {
        one.offset = -1;
        for (const Slice& bytes : partition.batches) {
          const auto batch = record::BatchView::trusted(bytes);
          if (one.offset < 0 && batch.max_timestamp() >= asked.timestamp) one.offset = batch.base_offset();
        }
      }
    }
  }
  return response;
}

}  // namespace moldau::client
