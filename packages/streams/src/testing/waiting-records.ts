import type { RawRecord } from '../record.ts'

interface Queue {
  readonly records: RawRecord[]
  /** Of the first record, as the topology counts it. */
  timestamp: number
}

/**
 * Records that wait for the one task of a test driver: first the topic whose first record has the smallest timestamp, and of a topic in
 * the order of arrival (trap 3). Which of equal timestamps is first follows from the heap they are held in, which is that of Java.
 * @see Kafka Streams `PartitionGroup.nextRecord`; OpenJDK `PriorityQueue`
 */
export class WaitingRecords {
  readonly #queues = new Map<string, Queue>()
  /** Of the topics that have records. */
  readonly #heap: Queue[] = []
  readonly #timestampOf: (record: RawRecord) => number

  constructor(timestampOf: (record: RawRecord) => number) {
    this.#timestampOf = timestampOf
  }

  add(record: RawRecord): void {
    let queue = this.#queues.get(record.topic)
    if (!queue) this.#queues.set(record.topic, (queue = { records: [], timestamp: 0 }))
    queue.records.push(record)
    if (queue.records.length === 1) this.#offer(queue)
  }

  /** Takes the next record; undefined without one. */
  take(): RawRecord | undefined {
    const queue = this.#poll()
    const record = queue?.records.shift()
    if (queue && queue.records.length > 0) this.#offer(queue)
    return record
  }

  #offer(queue: Queue): void {
    queue.timestamp = this.#timestampOf(queue.records[0] as RawRecord)
    let at = this.#heap.length
    while (at > 0) {
      const above = (at - 1) >>> 1
      const parent = this.#heap[above] as Queue
      if (queue.timestamp >= parent.timestamp) break
      this.#heap[at] = parent
      at = above
    }
    this.#heap[at] = queue
  }

  #poll(): Queue | undefined {
    const first = this.#heap[0]
    const last = this.#heap.pop()
    if (last && first !== last) this.#sink(last)
    return first
  }

  /** Puts a queue where the first one was, or as far below as it belongs. */
  #sink(queue: Queue): void {
    const heap = this.#heap
    let at = 0
    for (let below = 1; below < heap.length; below = 2 * at + 1) {
      const [left, right] = [heap[below] as Queue, heap[below + 1]]
      const isRight = right !== undefined && left.timestamp > right.timestamp
      const child = isRight ? right : left
      if (queue.timestamp <= child.timestamp) break
      heap[at] = child
      at = isRight ? below + 1 : below
    }
    heap[at] = queue
  }
}
