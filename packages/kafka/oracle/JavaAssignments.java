import java.util.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor.*;
import org.apache.kafka.common.*;

/**
 * Writes fixtures/java-assignments.jsonl: what the range and round-robin assignors of kafka-clients make of 30 random groups.
 * javac -cp kafka-clients-4.1.1.jar JavaAssignments.java && java -cp kafka-clients-4.1.1.jar:slf4j-api.jar:. JavaAssignments
 */
public class JavaAssignments {
  static Cluster cluster(Map<String, Integer> counts) {
    List<PartitionInfo> rows = new ArrayList<>();
    Node node = new Node(1, "h", 1);
    counts.forEach((t, n) -> { for (int p = 0; p < n; p++) rows.add(new PartitionInfo(t, p, node, new Node[] {node}, new Node[] {node})); });
    return new Cluster("c", List.of(node), rows, Set.of(), Set.of());
  }
  public static void main(String[] a) {
    Random random = new Random(7);
    String[] topics = {"t", "u", "v"};
    for (int i = 0; i < 30; i++) {
      Map<String, Integer> counts = new TreeMap<>();
      for (String t : topics) counts.put(t, random.nextInt(9));
      int size = 1 + random.nextInt(6);
      Map<String, Subscription> subs = new HashMap<>();
      StringBuilder members = new StringBuilder();
      for (int m = 0; m < size; m++) {
        List<String> read = new ArrayList<>();
        for (String t : topics) if (random.nextInt(3) > 0) read.add(t);
        if (read.isEmpty()) read.add("t");
        String id = "m" + (char) ('a' + random.nextInt(26)) + m;
        Subscription s = new Subscription(read);
        String instance = random.nextInt(3) == 0 ? "i" + (char) ('a' + random.nextInt(26)) + m : null;
        if (instance != null) s.setGroupInstanceId(Optional.of(instance));
        subs.put(id, s);
        members.append(m == 0 ? "" : ",").append("{\"memberId\":\"").append(id).append("\",\"instanceId\":").append(instance == null ? "null" : "\"" + instance + "\"").append(",\"topics\":[");
        for (int k = 0; k < read.size(); k++) members.append(k == 0 ? "" : ",").append("\"").append(read.get(k)).append("\"");
        members.append("]}");
      }
      for (ConsumerPartitionAssignor assignor : List.of(new RangeAssignor(), new RoundRobinAssignor())) {
        Map<String, Assignment> got = assignor.assign(cluster(counts), new GroupSubscription(subs)).groupAssignment();
        StringBuilder shares = new StringBuilder();
        for (String id : new TreeSet<>(got.keySet())) {
          List<String> texts = new ArrayList<>();
          for (TopicPartition tp : got.get(id).partitions()) texts.add(tp.topic() + tp.partition());
          Collections.sort(texts);
          shares.append(shares.length() == 0 ? "" : ",").append("\"").append(id).append("\":\"").append(String.join(" ", texts)).append("\"");
        }
        StringBuilder c = new StringBuilder();
        counts.forEach((t, n) -> c.append(c.length() == 0 ? "" : ",").append("\"").append(t).append("\":").append(n));
        System.out.println("{\"assignor\":\"" + assignor.name() + "\",\"counts\":{" + c + "},\"members\":[" + members + "],\"shares\":{" + shares + "}}");
      }
    }
  }
}
