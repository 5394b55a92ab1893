#include "fuzz/message_checks.h"
#include "wire/messages/produce.h"

namespace moldau::fuzz {

MOLDAU_FUZZ_TARGET(produce_request, 512, fuzz_message<wire::ProduceRequest>,
                   (seed_message<wire::ProduceRequest, wire::MessageType::Kind::request, 512>));

}  // namespace moldau::fuzz
