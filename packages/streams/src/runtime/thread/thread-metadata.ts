/** What an application tells about its threads and their tasks: Kafka Streams' `ThreadMetadata` and `TaskMetadata`. */
import type { Consumer, TopicPartition } from '@millrace/kafka'
import { partitionName } from '../partition-name.ts'
import type { RunningTask, RunningTaskState } from '../tasks/running-task.ts'
import type { ThreadState } from './stream-thread.ts'

/** A partition that feeds a task. */
export interface TaskPartitionMetadata extends TopicPartition {
  /** Where the task would begin again; null before its first commit by this thread. */
  readonly committedOffset: bigint | null
  /** End of the partition as the last fetch told it; null before the first. */
  readonly endOffset: bigint | null
  /** Records between what was processed and the end, waiting ones included; null as long as the end is not known. */
  readonly lagRecords: number | null
}

export interface TaskMetadata {
  /** `<subtopology>_<partition>` */
  readonly taskId: string
  readonly state: RunningTaskState
  readonly partitions: readonly TaskPartitionMetadata[]
}

export interface ThreadMetadata {
  /** `<clientId>-StreamThread-<number from 1>` */
  readonly name: string
  readonly state: ThreadState
  /** Empty while the thread has no session with the cluster. */
  readonly activeTasks: readonly TaskMetadata[]
  /** Tasks of others that the thread keeps copies of; they have no partitions. */
  readonly standbyTasks: readonly TaskMetadata[]
}

/** Java's name of a stream thread. */
export function threadName(clientId: string, index: number): string {
  return `${clientId}-StreamThread-${index + 1}`
}

/** Whether it keeps a copy only. */
export function isStandby({ state }: TaskMetadata): boolean {
  return state === 'STANDBY' || state === 'SUSPENDED'
}

/** Where a partition ends, as the last fetch told it; null before the first, and where the consumer has given it up. */
export type InputEndOf = (queue: TopicPartition) => bigint | null

/** For as many partitions as are asked for at once: what the consumer has is looked at here, and holds until something is awaited. */
export function inputEnds(consumer: Consumer): InputEndOf {
  const assigned = new Set(consumer.assignment().map(partitionName))
  return (queue) => {
    if (!assigned.has(partitionName(queue))) return null
    const position = consumer.position(queue)
    const unread = consumer.lagRecords(queue)
    return position === null || unread === null ? null : position + BigInt(unread)
  }
}

/** A task as of now. */
export function taskMetadata(task: RunningTask, endOf: InputEndOf): TaskMetadata {
  return {
    taskId: task.id,
    state: task.state,
    partitions: task.queues.map((queue) => {
      const { topic, partition } = queue
      const endOffset = endOf(queue)
      return {
        topic,
        partition,
        committedOffset: task.committedOffset(topic),
        endOffset,
        lagRecords: endOffset === null ? null : Number(endOffset - queue.nextOffset),
      }
    }),
  }
}
