import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.Map;
import java.util.StringJoiner;

/** The REST interface of one worker of Kafka Connect. */
final class Worker {
  private static final HttpClient HTTP = HttpClient.newHttpClient();

  final int port = freePort();

  Worker() throws IOException {}

  private static int freePort() throws IOException {
    try (var probe = new java.net.ServerSocket(0, 1, java.net.InetAddress.getByName("127.0.0.1"))) {
      return probe.getLocalPort();
    }
  }

  /** The answer's body; empty as long as nobody answers or the answer is not one of success. */
  String get(String path) throws InterruptedException {
    return ask(request(path).GET().build());
  }

  /** Whether the connector was taken. */
  boolean put(String connector, Map<String, ?> config) throws InterruptedException {
    StringJoiner json = new StringJoiner(",", "{", "}");
    config.forEach((key, value) -> json.add("\"" + key + "\":\"" + value + "\""));
    return !ask(request("/connectors/" + connector + "/config")
                    .header("Content-Type", "application/json")
                    .PUT(HttpRequest.BodyPublishers.ofString(json.toString()))
                    .build()).isEmpty();
  }

  /** The connector and its only task run. One that has failed is started again, as Connect leaves to its operator: a source's
   * task fails for good when it asks a worker, that is just starting, to fence its predecessors. */
  boolean runs(String connector) throws InterruptedException {
    String status = get("/connectors/" + connector + "/status");
    if (status.contains("\"state\":\"FAILED\""))
      ask(request("/connectors/" + connector + "/restart?includeTasks=true&onlyFailed=true")
              .POST(HttpRequest.BodyPublishers.noBody())
              .build());
    return status.split("\"state\":\"RUNNING\"", -1).length == 3;
  }

  private HttpRequest.Builder request(String path) {
    return HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path)).timeout(Duration.ofSeconds(20));
  }

  private static String ask(HttpRequest request) throws InterruptedException {
    try {
      var answer = HTTP.send(request, HttpResponse.BodyHandlers.ofString());
      return answer.statusCode() / 100 == 2 ? answer.body() : "";
    } catch (IOException error) {
      return "";
    }
  }
}
