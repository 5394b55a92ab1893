import java.util.Map;

/** java Apps streams|connect|mirror HOST:PORT TOPIC_PREFIX: what Apache Kafka builds upon its client; a line for each scenario. */
public final class Apps {
  private Apps() {}

  private interface Part {
    void play(Interop interop);
  }

  private static final Map<String, Part> PARTS =
      Map.of("streams", StreamsScenarios::all, "connect", ConnectScenarios::all, "mirror", MirrorScenarios::all);

  public static void main(String[] words) {
    try (Session session = new Session(words[1], words[2])) {
      PARTS.get(words[0]).play(new Interop(session));
    }
    System.out.println("end");
  }
}
