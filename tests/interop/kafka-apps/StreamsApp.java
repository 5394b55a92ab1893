import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;

/** How an application of Streams is run as a process: a thread that fails is replaced, SIGTERM closes it in order. */
final class StreamsApp {
  private StreamsApp() {}

  static Properties settings(String file) throws Exception {
    Properties settings = new Properties();
    try (var in = Files.newInputStream(Path.of(file))) {
      settings.load(in);
    }
    return settings;
  }

  static void run(KafkaStreams streams) throws InterruptedException {
    streams.setUncaughtExceptionHandler(error -> {
      error.printStackTrace();
      return StreamThreadExceptionResponse.REPLACE_THREAD;
    });
    streams.setStateListener((now, before) -> System.out.println(before + " -> " + now));
    Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(Duration.ofSeconds(20))));
    streams.start();
    new CountDownLatch(1).await();
  }
}
