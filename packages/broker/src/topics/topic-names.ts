import { limits } from '../limits.ts'

/** Names that Kafka keeps for itself. They do not exist here, and nobody may make them. */
export const internalTopics: ReadonlySet<string> = new Set([
  '__consumer_offsets',
  '__transaction_state',
])

/** Sentence about what is wrong with a topic's name (Kafka: Topic.validate); undefined when it is right. */
export function faultOfTopicName(name: string): string | undefined {
  if (name === '') return 'Topic name is invalid: the empty string is not allowed'
  if (name === '.' || name === '..') return 'Topic name is invalid: cannot be "." or ".."'
  if (name.length > limits.topicNameLength)
    return `Topic name is invalid: the length is longer than the max allowed length ${limits.topicNameLength}`
  if (!/^[a-zA-Z0-9._-]+$/.test(name))
    return 'Topic name is invalid: contains characters other than ASCII alphanumerics, ".", "_" and "-"'
  if (internalTopics.has(name)) return 'Topic name is reserved for the broker'
  return undefined
}

/** Two names with the same key would have the same metric names in Kafka, which therefore allows one of them only. */
export function collisionKey(name: string): string {
  return name.replaceAll('.', '_')
}
