import type { TopicPartition } from '@millrace/kafka'

/** A partition as key of a map, and for people. */
export function partitionName({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`
}
