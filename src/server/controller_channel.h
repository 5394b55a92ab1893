// ControllerChannel: the way of admin requests to the active controller. On the controller's own node a call,
// elsewhere an Envelope. An answer comes after its records are committed, and applied on this broker.
#pragma once

#include "base/result.h"
#include "runtime/task.h"
#include "wire/error_code.h"
#include "wire/messages/alter_configs.h"
#include "wire/messages/create_partitions.h"
#include "wire/messages/create_topics.h"
#include "wire/messages/delete_topics.h"
#include "wire/messages/describe_quorum.h"
#include "wire/messages/incremental_alter_configs.h"
#include "wire/messages/update_features.h"

namespace moldau::server {

class ControllerChannel {
 public:
  virtual ~ControllerChannel() = default;

  // Callable from any shard; goes on there. Failures are error codes of the response.
  virtual runtime::Task<wire::CreateTopicsResponse> ask(wire::CreateTopicsRequest request) = 0;
  virtual runtime::Task<wire::DeleteTopicsResponse> ask(wire::DeleteTopicsRequest request) = 0;
  virtual runtime::Task<wire::CreatePartitionsResponse> ask(wire::CreatePartitionsRequest request) = 0;
  virtual runtime::Task<wire::AlterConfigsResponse> ask(wire::AlterConfigsRequest request) = 0;
  virtual runtime::Task<wire::IncrementalAlterConfigsResponse> ask(
      wire::IncrementalAlterConfigsRequest request) = 0;
  virtual runtime::Task<wire::UpdateFeaturesResponse> ask(wire::UpdateFeaturesRequest request) = 0;
  virtual runtime::Task<wire::DescribeQuorumResponse> ask(wire::DescribeQuorumRequest request) = 0;
  // A producer id that nobody has had.
  virtual runtime::Task<Result<ProducerId>> next_producer_id() = 0;
};

}  // namespace moldau::server
