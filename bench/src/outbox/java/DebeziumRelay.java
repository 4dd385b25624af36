import io.debezium.embedded.Connect;
import io.debezium.engine.ChangeEvent;
import io.debezium.engine.DebeziumEngine;
import java.io.FileInputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.connect.source.SourceRecord;

/**
 * Debezium's embedded engine with its outbox event router in front of a plain idempotent producer. Arguments: the engine's properties
 * file, the brokers. Says "started" once it polls; ends when its standard input does.
 */
public final class DebeziumRelay {
  public static void main(String[] args) throws Exception {
    Properties engineProperties = new Properties();
    try (FileInputStream file = new FileInputStream(args[0])) {
      engineProperties.load(file);
    }
    Properties producerProperties = new Properties();
    producerProperties.put("bootstrap.servers", args[1]);
    producerProperties.put("acks", "all");
    producerProperties.put("linger.ms", "0");
    producerProperties.put("batch.size", "131072");
    KafkaProducer<String, String> producer =
        new KafkaProducer<>(producerProperties, new StringSerializer(), new StringSerializer());
    DebeziumEngine<ChangeEvent<SourceRecord, SourceRecord>> engine =
        DebeziumEngine.create(Connect.class)
            .using(engineProperties)
            .using(
                new DebeziumEngine.ConnectorCallback() {
                  @Override
                  public void pollingStarted() {
                    System.out.println("started");
                    System.out.flush();
                  }
                })
            .using((success, message, error) -> {
              if (!success) System.err.println(message + " " + error);
            })
            .notifying((events, committer) -> publish(producer, events, committer))
            .build();
    ExecutorService executor = Executors.newSingleThreadExecutor();
    executor.execute(engine);
    while (System.in.read() >= 0) {}
    engine.close();
    producer.close();
    executor.shutdown();
    System.exit(0);
  }

  private static void publish(
      KafkaProducer<String, String> producer,
      List<ChangeEvent<SourceRecord, SourceRecord>> events,
      DebeziumEngine.RecordCommitter<ChangeEvent<SourceRecord, SourceRecord>> committer)
      throws InterruptedException {
    List<Future<RecordMetadata>> sent = new ArrayList<>(events.size());
    for (ChangeEvent<SourceRecord, SourceRecord> event : events) {
      SourceRecord record = event.value();
      if (record.value() instanceof String value)
        sent.add(producer.send(new ProducerRecord<>(record.topic(), String.valueOf(record.key()), value)));
    }
    producer.flush();
    try {
      for (Future<RecordMetadata> each : sent) each.get();
    } catch (java.util.concurrent.ExecutionException error) {
      throw new IllegalStateException(error);
    }
    for (ChangeEvent<SourceRecord, SourceRecord> event : events) committer.markProcessed(event);
    committer.markBatchFinished();
  }
}
