// Request: one request of a connection while it is served, and what its handler may know of its peer.
#pragma once

#include <memory>
#include <string>

#include "runtime/wait.h"
#include "server/frame_reader.h"
#include "wire/frame.h"

namespace moldau::server {

// What stays the same for all requests of a connection. Outlives them.
struct Peer {
  std::string listener;       // name of the listener that it came in by
  runtime::Endpoint address;  // of the client
  std::string software_name;  // told by ApiVersions v3+, else empty
  std::string software_version;
};

struct Request {
  wire::RequestHeader header;
  Slice body;  // after the header; its owner is the frame
  Peer& peer;
  runtime::Gate& gate;          // of the connection: what goes on after the handler returned holds a pass
  runtime::Watermark& closing;  // of the connection: above zero, what waits for something else ends as well
  runtime::MonotonicTime arrived;
  MemoryBudget::Hold hold;

  std::string client_id() const { return header.client_id.value_or(""); }
};

}  // namespace moldau::server
