import { consumerSubscription, ProtocolError, readVersioned } from '@millrace/protocol'

/**
 * The topics of a consumer's subscription. The broker treats subscriptions as opaque; this only protects offsets from deletion, so bytes
 * of another format count as no topics.
 */
export function subscribedTopics(metadata: Buffer): readonly string[] {
  try {
    return readVersioned(consumerSubscription, metadata).topics
  } catch (error) {
    if (error instanceof ProtocolError) return []
    throw error
  }
}
