/** A topic of the platform and how it is made. Names and partition counts are fixed by the requirements. */
export interface TopicDefinition {
  readonly name: string
  readonly partitions: number
  readonly configs?: Readonly<Record<string, string>>
}

/** The broker's clock stamps records: with it, one clock decides what is within a window, whatever those of the services say. */
const appendTime = { 'message.timestamp.type': 'LogAppendTime' } as const

export const discussionEventsTopic: TopicDefinition = { name: 'discussion.events', partitions: 3 }

/** What the tracking service noticed: backlogs, failures, outages, and their end. Few records, read by people's tools. */
export const trackingAlertsTopic: TopicDefinition = { name: 'tracking-alerts', partitions: 1 }

export const userEventsTopic: TopicDefinition = { name: 'user-events', partitions: 3 }
export const productEventsTopic: TopicDefinition = { name: 'product-events', partitions: 3 }
export const orderEventsTopic: TopicDefinition = { name: 'order-events', partitions: 6 }

/** The saga's topics have as many partitions as each other: they are joined. Keys are order ids in 8 bytes, as Java's Long. */
export const ordersTopic: TopicDefinition = { name: 'orders', partitions: 6, configs: appendTime }
export const paymentOrdersTopic: TopicDefinition = {
  name: 'payment-orders',
  partitions: 6,
  configs: appendTime,
}
export const stockOrdersTopic: TopicDefinition = {
  name: 'stock-orders',
  partitions: 6,
  configs: appendTime,
}
/** Records of the saga's topics that nobody can read, with their bytes. */
export const recovererDlqTopic: TopicDefinition = { name: 'recovererDLQ', partitions: 1 }

/** Where a consumer of `topic` puts what it cannot take. */
export function deadLetterTopicOf(topic: TopicDefinition): TopicDefinition {
  return { name: `${topic.name}-dlq`, partitions: topic.partitions }
}
