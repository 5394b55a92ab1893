import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Properties;

/** A scenario's folder and its children: gone when it ends; what the children wrote is shown when it fails. */
final class Scratch implements AutoCloseable {
  final Path folder = Files.createTempDirectory("moldau-apps-");
  private final List<Child> children = new ArrayList<>();

  interface Body {
    void run(Scratch scratch) throws Exception;
  }

  private Scratch() throws IOException {}

  static void with(Body body) throws Exception {
    try (Scratch scratch = new Scratch()) {
      try {
        body.run(scratch);
      } catch (Throwable error) {
        scratch.children.forEach(Child::show);
        throw error;
      }
    }
  }

  Child start(String name, Class<?> main, String... words) throws IOException {
    Child child = new Child(folder, name, main, words);
    children.add(child);
    return child;
  }

  /** The path of a file with these settings. */
  String settings(String name, Map<String, ?> settings) throws IOException {
    Properties properties = new Properties();
    settings.forEach((key, value) -> properties.setProperty(key, value.toString()));
    Path file = folder.resolve(name);
    try (var out = Files.newOutputStream(file)) {
      properties.store(out, null);
    }
    return file.toString();
  }

  @Override
  public void close() throws IOException {
    for (Child child : children) child.close();
    delete(folder);
  }

  static void delete(Path folder) throws IOException {
    try (var paths = Files.walk(folder)) {
      for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) Files.deleteIfExists(path);
    }
  }
}
