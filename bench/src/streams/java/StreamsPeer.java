import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.time.Duration;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.JoinWindows;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.StreamJoined;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.WindowedSerdes;

/** Java Kafka Streams for the streams suite: runs one topology until its standard input ends; the suite watches from outside. */
public final class StreamsPeer {
  public static void main(String[] args) throws Exception {
    JsonNode job = new ObjectMapper().readTree(args[0]);
    Properties config = new Properties();
    config.put(StreamsConfig.APPLICATION_ID_CONFIG, job.get("applicationId").asText());
    config.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, job.get("brokers").asText());
    config.put(StreamsConfig.STATE_DIR_CONFIG, job.get("stateDir").asText());
    config.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, job.get("guarantee").asText());
    config.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, job.get("commitIntervalMs").asLong());
    config.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, job.get("cacheBytes").asLong());
    config.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, job.get("threads").asInt());
    config.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
    config.put(StreamsConfig.consumerPrefix("session.timeout.ms"), job.get("sessionTimeoutMs").asInt());
    String instanceId = job.get("instanceId").asText();
    if (!instanceId.isEmpty()) config.put(StreamsConfig.consumerPrefix("group.instance.id"), instanceId);
    KafkaStreams streams = new KafkaStreams(topology(job).build(), config);
    streams.start();
    System.out.println("{\"result\":{}}");
    System.out.flush();
    while (System.in.read() >= 0) {}
    streams.close(Duration.ofSeconds(10));
    System.exit(0);
  }

  private static StreamsBuilder topology(JsonNode job) {
    StreamsBuilder builder = new StreamsBuilder();
    Consumed<String, String> text = Consumed.with(Serdes.String(), Serdes.String());
    Produced<String, Long> counts = Produced.with(Serdes.String(), Serdes.Long());
    String output = job.get("output").asText();
    KStream<String, String> input = builder.stream(job.get("input").asText(), text);
    switch (job.get("topology").asText()) {
      case "pass-through" -> input.to(output, Produced.with(Serdes.String(), Serdes.String()));
      case "count" ->
          input.groupByKey().count(Materialized.as("counts")).toStream().to(output, counts);
      case "repartition count" ->
          input
              .selectKey((key, value) -> key.substring(1))
              .groupByKey(Grouped.with("by-tail", Serdes.String(), Serdes.String()))
              .count(Materialized.as("counts"))
              .toStream()
              .to(output, counts);
      case "1-minute count", "10-second count" -> {
        Duration size = Duration.ofSeconds(job.get("topology").asText().startsWith("1-") ? 60 : 10);
        input
            .groupByKey()
            .windowedBy(TimeWindows.ofSizeAndGrace(size, Duration.ofSeconds(30)))
            .count(Materialized.as("counts"))
            .toStream()
            .to(
                output,
                Produced.with(
                    WindowedSerdes.timeWindowedSerdeFrom(String.class, size.toMillis()),
                    Serdes.Long()));
      }
      case "join" ->
          input
              .join(
                  builder.stream(job.get("input").asText() + "-right", text),
                  (left, right) -> left.length() + "/" + right.length(),
                  JoinWindows.ofTimeDifferenceAndGrace(
                      Duration.ofSeconds(10), Duration.ofSeconds(30)),
                  StreamJoined.with(Serdes.String(), Serdes.String(), Serdes.String())
                      .withName("meeting")
                      .withStoreName("meeting"))
              .to(output, Produced.with(Serdes.String(), Serdes.String()));
      default -> throw new IllegalArgumentException("no topology " + job);
    }
    return builder;
  }
}
