import java.util.List;

/** java Interop HOST:PORT TOPIC_PREFIX: Apache Kafka's Java client against one broker; a line for each scenario. */
public final class Interop {
  /** Names of the scenarios to play, with commas; empty: all. */
  private static final String ONLY = System.getenv().getOrDefault("MOLDAU_TEST_ONLY", "");

  private final Session session;

  Interop(Session session) {
    this.session = session;
  }

  interface Scenario {
    void play(Session session) throws Exception;
  }

  void run(String name, Scenario scenario) {
    if (!ONLY.isEmpty() && !List.of(ONLY.split(",")).contains(name)) return;
    try {
      scenario.play(session);
      System.out.println("pass " + name);
    } catch (Throwable error) {
      System.out.println("fail " + name + ": " + error.toString().replace('\n', ' '));
      error.printStackTrace();
    }
  }

  public static void main(String[] words) {
    try (Session session = new Session(words[0], words[1])) {
      Interop interop = new Interop(session);
      TopicScenarios.all(interop);
      ProduceScenarios.all(interop);
      FetchScenarios.all(interop);
      GroupScenarios.all(interop);
      TransactionScenarios.all(interop);
      AdminScenarios.all(interop);
    }
    System.out.println("end");
  }
}
