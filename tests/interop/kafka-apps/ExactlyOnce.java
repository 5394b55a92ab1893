import java.util.Properties;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Produced;

/** java ExactlyOnce SETTINGS_FILE NUMBERS COPIES SUMS: copies each number to COPIES, and to SUMS, under its last digit, the
 * sum so far of the numbers that end so. A number that is taken twice or not at all shows in both. */
public final class ExactlyOnce {
  private ExactlyOnce() {}

  public static void main(String[] words) throws Exception {
    Properties settings = StreamsApp.settings(words[0]);
    StreamsBuilder builder = new StreamsBuilder();
    var text = Serdes.String();
    var numbers = builder.stream(words[1], Consumed.with(text, text));
    numbers.to(words[2], Produced.with(text, text));
    numbers.groupBy((key, number) -> number.substring(number.length() - 1), Grouped.with("digits", text, text))
        .aggregate(() -> "0", (digit, number, sum) -> Long.toString(Long.parseLong(sum) + Long.parseLong(number)))
        .toStream()
        .to(words[3], Produced.with(text, text));
    StreamsApp.run(new KafkaStreams(builder.build(), settings));
  }
}
