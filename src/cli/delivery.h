// Delivery: sends records through a producer, counts what became of them and tells the first failures.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "cli/record_parser.h"
#include "cli/session.h"
#include "client/producer.h"

namespace moldau::cli {

class Delivery {
 public:
  using OnAcknowledged = std::function<void(const ParsedRecord&, const client::RecordMetadata&)>;

  Delivery(Session& session, std::unique_ptr<client::ProducerCore> producer,
           OnAcknowledged on_acknowledged = {})
      : session_(session), producer_(std::move(producer)), on_acknowledged_(std::move(on_acknowledged)) {}

  // Queues the record, waiting for room. REQUIRES: it has a topic. False: it was refused, which was told.
  runtime::Task<bool> send(ParsedRecord record);
  // Ends when everything queued is acknowledged or failed, after a signal within seconds, and closes the
  // producer. `sent`: how the sending ended. The exit code that all of it adds up to.
  runtime::Task<Answer<Exit>> finish(ClusterSession& session, Answer<void> sent);

  std::int64_t sent() const { return sent_; }
  std::int64_t acknowledged() const { return acknowledged_; }
  std::int64_t failed() const { return failed_; }
  // The exit code that the failures add up to.
  Exit exit() const { return failed_ == 0 ? Exit::done : first_failure_; }

 private:
  void refused(const ParsedRecord& record, const client::Failure& failure);

  Session& session_;
  std::unique_ptr<client::ProducerCore> producer_;
  OnAcknowledged on_acknowledged_;
  std::int64_t sent_ = 0;
  std::int64_t acknowledged_ = 0;
  std::int64_t failed_ = 0;
  Exit first_failure_ = Exit::failed;
};

}  // namespace moldau::cli
