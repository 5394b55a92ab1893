// Request: one request of a connection while it is served, and what its handler may know of its peer.
#pragma once

#include <memory>
#include <string>

#include "base/ids.h"
#include "runtime/wait.h"
#include "server/frame_reader.h"
#include "wire/error_code.h"
#include "wire/frame.h"

namespace moldau::server {

// What stays the same for all requests of a connection. Outlives them.
struct Peer {
  std::string listener = {};       // name of the listener that it came in by
  runtime::Endpoint address = {};  // of the client
  std::string software_name = {};  // told by ApiVersions v3+, else empty
  std::string software_version = {};
  // It came in by a listener of the controller's: which APIs it is served, and that what belongs to the
  // active controller is judged here and now, or NOT_CONTROLLER, never sent on.
  bool controller = false;
  NodeId broker = kNoNode;  // whose heartbeats it carries
};

struct Request {
  wire::RequestHeader header;
  Slice body;  // after the header; its owner is the frame
  Peer& peer;
  runtime::Gate& gate;          // of the connection: what goes on after the handler returned holds a pass
  runtime::Watermark& closing;  // of the connection: above zero, what waits for something else ends as well
  runtime::MonotonicTime arrived;
  MemoryBudget::Hold hold = {};
  // Of a request that came in an envelope: the error that the envelope answers with in place of the response.
  // NOT_CONTROLLER is the broker's to react to, not its client's.
  wire::ErrorCode* envelope_error = nullptr;

  std::string client_id() const { return header.client_id.value_or(""); }
};

}  // namespace moldau::server
