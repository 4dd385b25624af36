/** A topic of the platform and how it is made. Names and partition counts are fixed by the requirements. */
export interface TopicDefinition {
  readonly name: string
  readonly partitions: number
  readonly configs?: Readonly<Record<string, string>>
}

export const discussionEventsTopic: TopicDefinition = { name: 'discussion.events', partitions: 3 }

/** What the tracking service noticed: backlogs, failures, outages, and their end. Few records, read by people's tools. */
export const trackingAlertsTopic: TopicDefinition = { name: 'tracking-alerts', partitions: 1 }

/** Where a consumer of `topic` puts what it cannot take. */
export function deadLetterTopicOf(topic: TopicDefinition): TopicDefinition {
  return { name: `${topic.name}-dlq`, partitions: topic.partitions }
}
