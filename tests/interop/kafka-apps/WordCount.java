import java.util.List;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Produced;

/** java WordCount SETTINGS_FILE LINES COUNTS: counts the words of one topic's values into another, through a repartition
 * topic and a store. Ends with the process. */
public final class WordCount {
  private WordCount() {}

  public static void main(String[] words) throws Exception {
    Properties settings = StreamsApp.settings(words[0]);
    StreamsBuilder builder = new StreamsBuilder();
    var text = Serdes.String();
    builder.stream(words[1], Consumed.with(text, text))
        .flatMapValues(line -> List.of(line.split(" ")))
        .groupBy((key, word) -> word, Grouped.with("words", text, text))
        .count()
        .toStream()
        .mapValues(count -> Long.toString(count))
        .to(words[2], Produced.with(text, text));
    StreamsApp.run(new KafkaStreams(builder.build(), settings));
  }
}
