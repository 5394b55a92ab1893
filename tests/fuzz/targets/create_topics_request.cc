#include "fuzz/message_checks.h"
#include "wire/messages/create_topics.h"

namespace moldau::fuzz {

MOLDAU_FUZZ_TARGET(create_topics_request, 512, fuzz_message<wire::CreateTopicsRequest>,
                   (seed_message<wire::CreateTopicsRequest, wire::MessageType::Kind::request, 512>));

}  // namespace moldau::fuzz
