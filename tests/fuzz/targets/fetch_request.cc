#include "fuzz/message_checks.h"
#include "wire/messages/fetch.h"

namespace moldau::fuzz {

MOLDAU_FUZZ_TARGET(fetch_request, 512, fuzz_message<wire::FetchRequest>,
                   (seed_message<wire::FetchRequest, wire::MessageType::Kind::request, 512>));

}  // namespace moldau::fuzz
