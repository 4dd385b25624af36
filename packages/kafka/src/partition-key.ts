import type { TopicPartition } from './types.ts'

/** A map key for one partition. */
export function partitionKey({ topic, partition }: TopicPartition): string {
  return `${topic}\0${partition}`
}
