import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.tools.ConsumerPerformance;
import org.apache.kafka.tools.ProducerPerformance;

/**
 * Java's clients for the Kafka suite: one job per process, given as JSON. Throughput comes from Kafka's own ProducerPerformance and
 * ConsumerPerformance, run unchanged in this process; what they have no tool for is written here in the plainest way.
 */
public final class Peer {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final PrintStream OUT = System.out;

  public static void main(String[] args) throws Exception {
    JsonNode job = JSON.readTree(args[0]);
    String result =
        switch (job.get("job").asText()) {
          case "produce" -> produce(job);
          case "consume" -> consume(job);
          case "check" -> check(job);
          case "ack" -> ack(job);
          case "delivery" -> delivery(job);
          case "fill-checks" -> fillChecks(job);
          case "abort" -> abort(job);
          case "transactions" -> transactions(job);
          default -> throw new IllegalArgumentException("no job " + job);
        };
    OUT.println("{\"result\":" + result + "}");
    OUT.flush();
    while (System.in.read() >= 0) {}
    System.exit(0);
  }

  /** The last line is "N records sent, R records/sec (M MB/sec), …"; lines before it are windows of 5 s. */
  private static String produce(JsonNode job) throws Exception {
    String said =
        captured(
            () ->
                ProducerPerformance.main(
                    new String[] {
                      "--topic", job.get("topic").asText(),
                      "--num-records", job.get("records").asText(),
                      "--throughput", "-1",
                      "--payload-file", job.get("payloadFile").asText(),
                      "--producer-props",
                      "bootstrap.servers=" + job.get("brokers").asText(),
                      "acks=all",
                      "enable.idempotence=true",
                      "batch.size=" + job.get("batchSizeBytes").asText(),
                      "linger.ms=" + job.get("lingerMs").asText(),
                    }));
    String[] lines = said.strip().split("\n");
    String last = lines[lines.length - 1];
    long records = Long.parseLong(last.substring(0, last.indexOf(" records sent")).strip());
    String rate = last.substring(last.indexOf("sent, ") + 6, last.indexOf(" records/sec"));
    return "{\"records\":" + records + ",\"seconds\":" + records / Double.parseDouble(rate) + "}";
  }

  /** One line of figures; `fetch.time.ms` is the time without the join. */
  private static String consume(JsonNode job) throws Exception {
    Path config = Files.createTempFile("consumer", ".properties");
    Files.writeString(config, "isolation.level=read_committed\nenable.auto.commit=false\nmax.poll.records=" + job.get("maxPollRecords").asText() + "\n");
    String said =
        captured(
            () ->
                ConsumerPerformance.main(
                    new String[] {
                      "--bootstrap-server", job.get("brokers").asText(),
                      "--topic", job.get("topic").asText(),
                      "--group", job.get("group").asText(),
                      "--messages", job.get("records").asText(),
                      "--timeout", "30000",
                      "--consumer.config", config.toString(),
                      "--hide-header",
                    }));
    Files.delete(config);
    String line = said.strip().lines().filter(l -> l.split(", ").length >= 10).findFirst().orElseThrow(() -> new IllegalStateException(said));
    String[] figures = line.split(", ");
    double megabytes = Double.parseDouble(figures[2]);
    long records = Long.parseLong(figures[4].strip());
    double seconds = Double.parseDouble(figures[7]) / 1000;
    return "{\"records\":" + records + ",\"bytes\":" + Math.round(megabytes * 1024 * 1024) + ",\"seconds\":" + seconds + "}";
  }

  private static String check(JsonNode job) {
    byte[] good = repeated('m', 200);
    byte[] aborted = repeated('a', 200);
    int[] counts = new int[3];
    String error = null;
    try (KafkaConsumer<byte[], byte[]> consumer = consumer(job)) {
      consumer.subscribe(List.of(job.get("topic").asText()));
      long deadline = System.nanoTime() + 30_000_000_000L;
      while (System.nanoTime() < deadline) {
        ConsumerRecords<byte[], byte[]> records = consumer.poll(Duration.ofMillis(200));
        if (!records.isEmpty()) deadline = System.nanoTime() + 2_000_000_000L;
        for (ConsumerRecord<byte[], byte[]> record : records) {
          boolean isGood = Arrays.equals(record.value(), good);
          counts[isGood ? 0 : Arrays.equals(record.value(), aborted) ? 1 : 2]++;
        }
      }
    } catch (RuntimeException thrown) {
      error = thrown.toString();
    }
    return "{\"records\":" + counts[0] + ",\"aborted\":" + counts[1] + ",\"damaged\":" + counts[2]
        + (error == null ? "" : ",\"error\":" + JSON.valueToTree(error)) + "}";
  }

  private static String ack(JsonNode job) throws Exception {
    byte[] value = repeated('x', job.get("recordBytes").asInt());
    List<Double> samples = new ArrayList<>();
    try (KafkaProducer<byte[], byte[]> producer = producer(job, Map.of("linger.ms", "0"))) {
      for (int i = 0; i < job.get("count").asInt(); i++) {
        long started = System.nanoTime();
        producer.send(new ProducerRecord<>(job.get("topic").asText(), value)).get();
        samples.add((System.nanoTime() - started) / 1e6);
      }
    }
    return "{\"samplesMs\":" + samples + "}";
  }

  /** Sends the next record when the consumer has the one before; the first is not counted. */
  private static String delivery(JsonNode job) throws Exception {
    byte[] value = repeated('x', job.get("recordBytes").asInt());
    String topic = job.get("topic").asText();
    int count = job.get("count").asInt();
    List<Double> samples = new ArrayList<>();
    try (KafkaProducer<byte[], byte[]> producer = producer(job, Map.of("linger.ms", "0"));
        KafkaConsumer<byte[], byte[]> consumer = consumer(job)) {
      consumer.subscribe(List.of(topic));
      for (int i = 0; i <= count; i++) {
        long sent = System.nanoTime();
        producer.send(new ProducerRecord<>(topic, value));
        while (consumer.poll(Duration.ofMillis(500)).isEmpty()) {}
        if (i > 0) samples.add((System.nanoTime() - sent) / 1e6);
      }
    }
    return "{\"samplesMs\":" + samples + "}";
  }

  /** Two aborted ranges of one producer around committed ones: A C A A C, each of `perRange` records, on one partition. */
  private static String fillChecks(JsonNode job) {
    try (KafkaProducer<byte[], byte[]> producer = producer(job, Map.of("transactional.id", "checks", "linger.ms", "0"))) {
      producer.initTransactions();
      for (char kind : "amaam".toCharArray()) transaction(producer, job, kind);
    }
    return "{}";
  }

  private static void transaction(KafkaProducer<byte[], byte[]> producer, JsonNode job, char kind) {
    producer.beginTransaction();
    for (int i = 0; i < job.get("perRange").asInt(); i++)
      producer.send(new ProducerRecord<>(job.get("topic").asText(), 0, null, repeated(kind, 200)));
    producer.flush();
    if (kind == 'a') producer.abortTransaction();
    else producer.commitTransaction();
  }

  /** `records` aborted records on every partition of the topic. */
  private static String abort(JsonNode job) {
    byte[] value = repeated('a', 200);
    try (KafkaProducer<byte[], byte[]> producer = producer(job, Map.of("transactional.id", "aborter"))) {
      producer.initTransactions();
      producer.beginTransaction();
      for (int partition = 0; partition < job.get("partitions").asInt(); partition++)
        for (int i = 0; i < job.get("records").asInt(); i++)
          producer.send(new ProducerRecord<>(job.get("topic").asText(), partition, null, value));
      producer.flush();
      producer.abortTransaction();
    }
    return "{}";
  }

  /** Small transactions one after the other: a record to each of two partitions, and a group's offset. */
  private static String transactions(JsonNode job) {
    String topic = job.get("topic").asText();
    byte[] value = repeated('x', 200);
    ConsumerGroupMetadata group = new ConsumerGroupMetadata("bench-transactions");
    List<Double> samples = new ArrayList<>();
    try (KafkaProducer<byte[], byte[]> producer =
        producer(job, Map.of("transactional.id", job.get("transactionalId").asText(), "linger.ms", "0"))) {
      producer.initTransactions();
      int count = job.get("count").asInt();
      for (int i = -job.get("warmUp").asInt(); i < count; i++) {
        long started = System.nanoTime();
        producer.beginTransaction();
        producer.send(new ProducerRecord<>(topic, 0, null, value));
        producer.send(new ProducerRecord<>(topic, 1, null, value));
        producer.sendOffsetsToTransaction(
            Map.of(new TopicPartition(topic, 0), new OffsetAndMetadata(Math.max(i, 0))), group);
        producer.commitTransaction();
        if (i >= 0) samples.add((System.nanoTime() - started) / 1e6);
      }
    }
    return "{\"samplesMs\":" + samples + "}";
  }

  private static KafkaProducer<byte[], byte[]> producer(JsonNode job, Map<String, String> extra) {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", job.get("brokers").asText());
    properties.put("acks", "all");
    properties.put("enable.idempotence", "true");
    properties.putAll(extra);
    return new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer());
  }

  private static KafkaConsumer<byte[], byte[]> consumer(JsonNode job) {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", job.get("brokers").asText());
    properties.put("group.id", job.get("group").asText());
    properties.put("auto.offset.reset", "earliest");
    properties.put("enable.auto.commit", "false");
    properties.put("isolation.level", "read_committed");
    return new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer());
  }

  private static byte[] repeated(char letter, int length) {
    byte[] bytes = new byte[length];
    Arrays.fill(bytes, (byte) letter);
    return bytes;
  }

  private interface Tool {
    void run() throws Exception;
  }

  private static String captured(Tool tool) throws Exception {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    System.setOut(new PrintStream(bytes, true));
    try {
      tool.run();
    } finally {
      System.setOut(OUT);
    }
    return bytes.toString(StandardCharsets.UTF_8);
  }
}
