import { ByteReader } from '@millrace/protocol'

/**
 * The topics of a consumer's subscription (Kafka: ConsumerProtocolSubscription, every version begins alike). The broker treats
 * subscriptions as opaque; this guess only protects offsets from deletion, so bytes of another format count as no topics.
 */
export function subscribedTopics(metadata: Buffer): readonly string[] {
  try {
    const reader = new ByteReader(metadata)
    reader.int16()
    const topics: string[] = []
    for (let left = reader.arrayCount(2); left > 0; left--) topics.push(reader.string() ?? '')
    return topics
  } catch {
    return []
  }
}
