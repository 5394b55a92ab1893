#include "fuzz/message_checks.h"
#include "wire/messages/incremental_alter_configs.h"

namespace moldau::fuzz {

MOLDAU_FUZZ_TARGET(
    incremental_alter_configs_request, 512, fuzz_message<wire::IncrementalAlterConfigsRequest>,
    (seed_message<wire::IncrementalAlterConfigsRequest, wire::MessageType::Kind::request, 512>));

}  // namespace moldau::fuzz
