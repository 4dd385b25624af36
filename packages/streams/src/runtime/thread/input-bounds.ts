import type { Consumer, TopicPartition } from '@millrace/kafka'
import { partitionName } from '../partition-name.ts'
import type { RunningTask } from '../tasks/running-task.ts'

export interface InputBoundsOptions {
  readonly consumer: Consumer
  readonly tasks: () => Iterable<RunningTask>
  /** Records queued over all tasks. */
  readonly bufferedRecords: number
  /** The same in bytes, batches counted until they are taken whole. */
  readonly bufferedBytes: number
}

/** Keeps what is fetched and not processed within a bound, without starving a task that waits for one partition while others are full. */
export class InputBounds {
  readonly #options: InputBoundsOptions
  readonly #paused = new Map<string, TopicPartition>()

  constructor(options: InputBoundsOptions) {
    this.#options = options
  }

  /**
   * Whether enough is queued and all of it will be processed without more. Where a task waits for one of its partitions, or for its state,
   * the full partitions are paused instead, or what it waits for would never come.
   */
  isFull(): boolean {
    const { bufferedRecords, bufferedBytes } = this.#options
    let recordCount = 0
    let sizeBytes = 0
    let taskCount = 0
    let isWaiting = false
    for (const { state, queues, task } of this.#options.tasks()) {
      if (state === 'STANDBY') continue
      taskCount++
      if (state !== 'RUNNING' || task.isFull) isWaiting = true
      for (const queue of queues) {
        recordCount += queue.length
        sizeBytes += queue.sizeBytes
        if (queue.length === 0 && queues.length > 1) isWaiting = true
      }
    }
    if (recordCount < bufferedRecords && sizeBytes < bufferedBytes) return false
    if (!isWaiting) return true
    this.#pause(Math.max(1, taskCount))
    return false
  }

  /** Reads on where what was queued is processed. */
  resumeDrained(): void {
    if (this.#paused.size === 0) return
    for (const { queues } of this.#options.tasks())
      for (const { topic, partition, length } of queues)
        if (length === 0 && this.#paused.delete(partitionName({ topic, partition })))
          this.#options.consumer.resume([{ topic, partition }])
  }

  /** The partitions are given up. */
  forget(partitions: readonly TopicPartition[]): void {
    for (const row of partitions) this.#paused.delete(partitionName(row))
  }

  /** Those that have a task's share of the bounds by themselves. */
  #pause(taskCount: number): void {
    const { bufferedRecords, bufferedBytes } = this.#options
    for (const { queues } of this.#options.tasks())
      for (const { topic, partition, length, sizeBytes } of queues) {
        const name = partitionName({ topic, partition })
        const isFull =
          length >= bufferedRecords / taskCount || sizeBytes >= bufferedBytes / taskCount
        if (!isFull || this.#paused.has(name)) continue
        this.#paused.set(name, { topic, partition })
        this.#options.consumer.pause([{ topic, partition }])
      }
  }
}
