// MetadataQuorum: this node's replica of `__cluster_metadata-0`. It drives the Raft core on a log of its own,
// applies what is committed, publishes the cluster's image, and on the active controller takes records. One
// voter or several: the same code (KIP-595, KIP-630).
//
// Folder: the log's segments in Kafka's format with protobuf values, `quorum-state` (Kafka's JSON, version
// 1), snapshots (`*.checkpoint`), and `recovery-point-offset-checkpoint`, written by close(). Damage in any
// of them is refused with the file's name; nothing is ever reset. And `reserve`, which is written where the
// device has no room left (reserve.h).
//
// Lives on one shard. One batch is written and synced at a time: what arrives meanwhile goes into the next
// one, so that after a power loss only the last batch can be torn.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "metadata/image.h"
#include "quorum/log_view.h"
#include "quorum/reserve.h"
#include "quorum/snapshot_file.h"
#include "raft/raft.h"
#include "runtime/wait.h"
#include "runtime/world.h"
#include "storage/log.h"

namespace moldau::quorum {

struct QuorumOptions {
  std::string directory;  // absolute: `<data folder>/__cluster_metadata-0`
  raft::ReplicaKey self;
  std::vector<raft::Endpoint> self_endpoints;  // this node's controller listeners, as others reach them
  // Static voters (controller.quorum.voters, kraft.version 0): every node names the same ones, directories
  // zero. A node that is not among them is an observer. With none, and neither of the following: this node
  // alone.
  std::vector<raft::Voter> voters;
  // Dynamic voters (kraft.version 1, KIP-853): where to ask for the leader
  // (controller.quorum.bootstrap.servers, cluster.seeds), and, only on the nodes that a new cluster begins
  // with, who its first voters are, with directories and endpoints. The latter may also come with the folder,
  // see write_initial_voters().
  std::vector<raft::Endpoint> bootstrap_servers;
  std::vector<raft::Voter> initial_voters;
  bool auto_join = false;  // controller.quorum.auto.join.enable: a controller that is no voter asks to be one
  std::string cluster_id;  // another one in the log is refused (Errc::mismatch)
  // The first records of a new cluster, ClusterIdRecord first; written by its first leader.
  std::vector<metadata::Record> bootstrap;
  std::int64_t max_bytes_between_snapshots = 20'971'520;  // metadata.log.max.record.bytes.between.snapshots
  // metadata.log.max.snapshot.interval.ms; zero: never for the time alone
  raft::Duration max_snapshot_interval = std::chrono::hours(1);
  std::uint64_t reserve_bytes = 0;           // of the device, for when others have filled it
  std::size_t max_batch_bytes = 8 << 20;     // also of one submit()
  std::size_t max_pending_bytes = 64 << 20;  // submitted and not yet written
  // controller.quorum.…: election.timeout.ms, fetch.timeout.ms, request.timeout.ms, retry.backoff.ms,
  // election.backoff.max.ms, append.linger.ms. What arrives while a batch is synced shares the next one, so
  // nothing need linger.
  raft::Duration election_timeout = std::chrono::milliseconds(1000);
  raft::Duration fetch_timeout = std::chrono::milliseconds(2000);
  raft::Duration request_timeout = std::chrono::milliseconds(2000);
  raft::Duration retry_backoff = std::chrono::milliseconds(20);
  raft::Duration election_backoff_max = std::chrono::milliseconds(1000);
  raft::Duration append_linger{};
  raft::Rules rules = {};
};

// How requests reach the other replicas.
class Transport {
 public:
  virtual ~Transport() = default;
  // `to` is a static voter, a node of which locate() told, or raft::bootstrap_node(i) for bootstrap server i.
  // Errc::connection_refused says that nobody listens there: a follower looks for another leader at once.
  virtual runtime::Task<Result<raft::Response>> call(NodeId to, raft::Request request,
                                                     runtime::MonotonicTime deadline) = 0;
  // Where a node is, as the voter set or an answer says: before the first call to it and whenever it moves.
  virtual void locate(NodeId /*node*/, const raft::Endpoint& /*at*/) {}
};

struct Published {
  std::shared_ptr<const metadata::Image> image;
  metadata::Delta delta;  // from the image published before
};

// For DescribeQuorum; times are wall-clock, -1 unknown.
struct ReplicaDescription {
  raft::ReplicaKey key;
  Offset log_end_offset = kNoOffset;
  TimestampMs last_fetch_ms = kNoTimestamp;
  TimestampMs last_caught_up_ms = kNoTimestamp;
};
struct QuorumDescription {
  NodeId leader_id = kNoNode;
  LeaderEpoch leader_epoch = 0;
  Offset high_watermark = 0;
  std::vector<ReplicaDescription> voters;
  std::vector<ReplicaDescription> observers;
  // DescribeQuorum 2, Nodes: where each voter is reached.
  struct Node {
    NodeId id = kNoNode;
    std::vector<raft::Endpoint> endpoints;
  };
  std::vector<Node> nodes;
};

class MetadataQuorum {
 public:
  // Loads the newest snapshot, opens the log and starts to take part. The image becomes current as entries
  // turn out to be committed: on a single voter within the first round, see becomes_active(). `transport` may
  // be null when there is no other voter; both outlive this object.
  static runtime::Task<Result<std::unique_ptr<MetadataQuorum>>> open(runtime::World& world, unsigned shard,
                                                                     QuorumOptions options,
                                                                     Transport* transport = nullptr);
  // REQUIRES: close() has ended, or nothing runs any more (as after a crash in the simulator).
  ~MetadataQuorum();
  MetadataQuorum(const MetadataQuorum&) = delete;
  MetadataQuorum& operator=(const MetadataQuorum&) = delete;

  // --- every node
  // Never null; before the first record an empty image. Committed state only (I-R14).
  std::shared_ptr<const metadata::Image> image() const { return image_; }
  // Called on the shard for each new image, in order, never inside a call of ours by the subscriber.
  void subscribe(std::function<void(const Published&)> subscriber) {
    subscribers_.push_back(std::move(subscriber));
  }
  // True once the image holds everything up to `end_offset`; false at the deadline or after a failure.
  runtime::Task<bool> reaches(Offset end_offset, runtime::MonotonicTime deadline);
  NodeId leader_id() const { return raft_->leader_id(); }
  LeaderEpoch leader_epoch() const { return raft_->epoch(); }
  Offset high_watermark() const { return raft_->high_watermark(); }
  raft::Role role() const { return raft_->role(); }
  // Who votes, committed or not, and whether that may change (the finalized level of kraft.version).
  const raft::VoterSet& voters() const { return raft_->voters(); }
  std::int16_t kraft_version() const { return raft_->kraft_version(); }
  // A request of another replica or, for changes of the voter set, of an administrator. Fetches without
  // anything new are held until there is, or until `deadline`; changes until they are committed: after
  // `deadline` REQUEST_TIMED_OUT, outcome unknown. Errc::cancelled after close() or a failure.
  runtime::Task<Result<raft::Response>> handle(raft::Request request, runtime::MonotonicTime deadline);

  // --- the active controller
  // It leads, all that was committed before is in its image, and the cluster's first records are written.
  bool is_active() const { return active_; }
  // True once it is; false at the deadline or after a failure.
  runtime::Task<bool> becomes_active(runtime::MonotonicTime deadline);
  // The image with everything submitted, committed or not: what decisions are judged by. Never show it to
  // anyone. REQUIRES: is_active().
  const metadata::Image& leader_image() const { return leader_image_; }
  // The offset that the first record of the next submit() gets. REQUIRES: is_active().
  Offset next_offset() const { return next_offset_; }
  // Writes the records as a unit; they are committed, synced and in image() when it returns the offset after
  // the last. Without records: waits for everything submitted before, so that an answer computed from
  // leader_image() may be given. Errc::unavailable: not the active controller (any more; then the outcome is
  // unknown); Errc::corrupt: the records do not fit leader_image(); Errc::too_large: over max_batch_bytes or
  // max_pending_bytes.
  runtime::Task<Result<Offset>> submit(std::vector<metadata::Record> records);
  // REQUIRES: role() == leader.
  QuorumDescription describe() const;

  // What stopped it (a failed sync, a record that does not apply), with the file's name: the node must end
  // (RA-16, RA-18). Null while all is well, also while it waits for room on a full device.
  const Error* failure() const { return failure_ ? &*failure_ : nullptr; }
  void on_failure(std::function<void(const Error&)> callback) { on_failure_ = std::move(callback); }

  // Hands leadership over, syncs, and leaves a folder that opens quickly.
  runtime::Task<Status> close();

  // Writes a snapshot of the current image now and cuts the log behind it.
  runtime::Task<Status> snapshot();

  struct Stats {
    std::uint64_t records_applied = 0;
    std::uint64_t batches_written = 0;
    std::uint64_t snapshots_written = 0;
    std::uint64_t snapshots_installed = 0;  // fetched from a leader
    std::uint64_t truncations = 0;          // of entries that the leader does not have
    std::uint64_t bytes_since_snapshot = 0;
  };
  const Stats& stats() const { return stats_; }

 private:
  // One submit() that waits.
  struct Submission {
    explicit Submission(runtime::Executor& executor) : done(executor) {}
    std::vector<Slice> values;
    std::size_t size_bytes = 0;
    Offset end_offset = 0;  // set when it is queued
    Result<Offset> outcome = fail(Errc::unavailable, "");
    runtime::OneShot done;
  };

  // A change of the voters that waits for its answer.
  struct VoterChange {
    explicit VoterChange(runtime::Executor& executor) : done(executor) {}
    std::optional<raft::VoterChangeResponse> response;  // none: closed, or failed
    runtime::OneShot done;
  };

  // Something for the Raft core, and who waits until its effects have been carried out.
  struct Input {
    std::function<void()> run;
    runtime::OneShot* done = nullptr;
    bool* carried_out = nullptr;
  };

  MetadataQuorum(runtime::World& world, unsigned shard, QuorumOptions options, Transport* transport);

  // Opening (open.cc).
  runtime::Task<Status> load();
  runtime::Task<Result<std::optional<raft::QuorumState>>> load_state();
  runtime::Task<Status> load_snapshot();  // sets history_
  runtime::Task<Result<Offset>> take_recovery_point();
  runtime::Task<Status> load_log();
  runtime::Task<Status> fit_log_to_snapshot();
  raft::Configuration initial_configuration(const Snapshot& newest) const;
  runtime::Task<Status> load_voters();
  void start(raft::QuorumState state);

  // The one loop that touches the Raft core: input, effects, next input (drive.cc).
  runtime::Task<void> drive();
  bool next_input();
  runtime::Task<void> carry_out();
  runtime::Task<Status> carry_out(raft::Effect effect);
  runtime::Task<Status> persist(raft::QuorumState state);
  void post_input(std::function<void()> input);
  runtime::Task<bool> run_input(std::function<void()> input);
  void drop_inputs();
  raft::Time wake_up_time() const;
  void fail_with(Error error);

  // The log (log_work.cc).
  // Without room it waits for it, at most until `patience` ends.
  runtime::Task<Status> append_as_leader(Slice batch, LeaderEpoch epoch,
                                         raft::Time patience = raft::Time::max());
  runtime::Task<Status> append_voter_record(Slice batch, LeaderEpoch epoch);
  bool goes_on(const record::BatchView& batch) const;
  runtime::Task<Status> append_as_follower(Slice batches);
  Status note_voter_record(ByteView batch, Offset offset);
  runtime::Task<Status> truncate(Offset offset);
  runtime::Task<Status> write_snapshot_chunk(raft::WriteSnapshotChunk chunk);
  runtime::Task<Status> install_snapshot(raft::OffsetAndEpoch id);
  runtime::Task<void> idle_flush();
  runtime::Task<void> flush();
  // Errors that pass by themselves: above all, the device is full.
  static bool passes(Errc code);
  static constexpr runtime::Duration kRetryAfter = std::chrono::milliseconds(100);
  // What has failed may be tried again at once: a piece of the reserve was given for it.
  runtime::Task<bool> make_room(Errc why);
  runtime::Task<void> refill_reserve();
  // On the pool, again and again while it fails for a reason that passes; until close() begins.
  runtime::Task<Status> patiently(std::function<Status()> work);
  // How long a leader tries where other voters may have room.
  raft::Time room_patience() const;
  runtime::Task<Status> apply_to(Offset offset);
  Status apply(ByteView batches, Offset end_offset, LeaderEpoch end_epoch);
  Status publish(metadata::Image image, metadata::Delta delta);
  runtime::Task<Status> snapshot_now();
  runtime::Task<void> snapshot_in_background();
  bool snapshot_is_due() const;
  raft::Time snapshot_time() const;
  std::vector<raft::OffsetAndEpoch> used_snapshots() const;

  // The active controller (submit.cc).
  runtime::Task<void> become_active();
  void step_down();
  bool can_write() const;
  raft::Time write_time() const;
  runtime::Task<Status> write_pending(raft::Time patience = raft::Time::max());
  // As long as there is room; else another voter is to lead.
  runtime::Task<Status> write_or_resign();
  runtime::Task<Result<Offset>> enqueue(std::vector<metadata::Record> records);
  void answer_committed();
  void fail_submissions(const std::string& why);

  // Other replicas (peers.cc).
  runtime::Task<void> call(NodeId to, raft::Request request);
  runtime::Task<Result<raft::Response>> fetch(raft::FetchRequest request, runtime::MonotonicTime deadline);
  runtime::Task<Result<raft::Response>> fetch_snapshot(raft::FetchSnapshotRequest request);
  runtime::Task<Result<raft::Response>> change_voters(raft::Request request, runtime::MonotonicTime deadline);
  void answer_change(raft::VoterChangeEnded ended);
  void locate(NodeId node);

  raft::Time now() const { return executor_.now().time_since_epoch(); }
  TimestampMs wall_ms() const { return world_.wall_clock().now_ms(); }
  std::string path(std::string_view name) const { return options_.directory + "/" + std::string(name); }
  template <class Work>
  auto on_pool(runtime::Lane lane, Work work) {
    return world_.pool().run(lane, executor_, std::move(work));
  }

  runtime::World& world_;
  runtime::Executor& executor_;
  const QuorumOptions options_;
  Transport* const transport_;
  Random random_;
  record::Codecs codecs_;
  storage::LogContext log_context_;
  std::unique_ptr<storage::Log> log_;
  std::unique_ptr<QuorumLogView> view_;
  std::optional<raft::VoterHistory> history_;  // while opening; then the core has it
  std::unique_ptr<raft::Raft> raft_;

  std::shared_ptr<const metadata::Image> image_ = std::make_shared<const metadata::Image>();
  runtime::Watermark applied_;  // image_->end_offset(); closed with this object or after a failure
  std::vector<std::function<void(const Published&)>> subscribers_;

  std::deque<Input> inputs_;
  runtime::Signal wake_;
  runtime::Signal progress_;       // the log has grown or the high watermark risen: for fetches that are held
  std::optional<Offset> flushed_;  // a flush has ended here and the core does not know yet
  bool flushing_ = false;
  runtime::Signal flush_ended_;
  Reserve reserve_;
  runtime::Duration refill_pause_{};  // zero: nobody refills it
  bool snapshotting_ = false;
  raft::Time first_unsaved_{};  // when the first record came that no snapshot holds, or one was tried last
  std::optional<raft::OffsetAndEpoch> incoming_snapshot_;
  std::vector<std::pair<raft::OffsetAndEpoch, raft::Time>> snapshot_reads_;  // by others, the last of each

  bool active_ = false;
  runtime::Signal activity_changed_;
  metadata::Image leader_image_;
  Offset next_offset_ = 0;
  std::deque<Submission*> pending_;   // queued, not in the log
  std::deque<Submission*> appended_;  // in the log, not committed
  std::size_t pending_bytes_ = 0;
  raft::Time first_pending_{};
  std::map<raft::VoterChangeId, VoterChange*> changes_;
  std::map<NodeId, raft::Endpoint> located_;  // as the transport was told

  std::optional<Error> failure_;
  std::function<void(const Error&)> on_failure_;
  bool started_ = false;
  raft::QuorumState persisted_;
  bool leaving_ = false;  // close() has begun: nobody waits for room any more
  bool closing_ = false;
  runtime::Gate tasks_;
  runtime::OneShot drive_ended_;
  Stats stats_;
};

}  // namespace moldau::quorum
