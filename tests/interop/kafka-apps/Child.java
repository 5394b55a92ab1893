import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;

/** A program in a JVM of its own, with this one's class path. What it writes goes to a file, whose end is shown when it has
 * failed; closing kills it. */
final class Child implements AutoCloseable {
  private static final int SHOWN_LINES = 60;
  private static final int STOP_SECONDS = 30;

  private final String name;
  private final Path log;
  private final Process process;

  Child(Path folder, String name, Class<?> main, String... words) throws IOException {
    this.name = name;
    this.log = folder.resolve(name + ".log");
    List<String> command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
        "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto",
        "-Dlog4j2.configurationFile=" + Child.class.getResource("/log4j2.properties"), "-cp",
        System.getProperty("java.class.path"), main.getName()));
    command.addAll(List.of(words));
    this.process = new ProcessBuilder(command)
                       .redirectErrorStream(true)
                       .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()))
                       .start();
  }

  /** kill -9. */
  void kill() {
    process.destroyForcibly().onExit().join();
  }

  /** In order, by SIGTERM; what the threads of one wait for that does not end is in its log. */
  void stop() throws IOException, InterruptedException {
    process.destroy();
    if (process.waitFor(STOP_SECONDS, TimeUnit.SECONDS)) return;
    new ProcessBuilder("kill", "-QUIT", Long.toString(process.pid())).start().waitFor();
    process.waitFor(2, TimeUnit.SECONDS);
    kill();
    throw new AssertionError(name + " did not end within " + STOP_SECONDS + " s of SIGTERM");
  }

  /** Until it holds; the child must live all that time. */
  void await(int seconds, Callable<Boolean> met, String demand) throws Exception {
    for (long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds); !met.call(); Thread.sleep(50)) {
      Check.that(process.isAlive(), name + " ended by itself");
      Check.that(System.nanoTime() < until, demand + ": not within " + seconds + " s");
    }
  }

  /** To stderr: for who failed with it. */
  void show() {
    try {
      List<String> lines = Files.readAllLines(log);
      System.err.println("--- the end of what " + name + " wrote");
      lines.subList(Math.max(0, lines.size() - SHOWN_LINES), lines.size()).forEach(System.err::println);
    } catch (IOException error) {
      System.err.println(name + ": " + error);
    }
  }

  @Override
  public void close() {
    kill();
  }
}
