import { LatencyCount } from './latency-count.ts'
import { RecentMax } from './recent-max.ts'

/** Records that a node was given. */
export interface NodeCount {
  processed: number
}

/** Records that a node has taken of a topic, or written to it. */
export interface TopicCount {
  readonly node: string
  readonly topic: string
  readonly isConsumed: boolean
  records: number
}

/**
 * What one task has done since it was opened in this process. Fields that are added to where it happens, some of them with each record; nothing
 * is told before somebody looks. They outlive that the task becomes a copy and a task again. Owner: its stream thread.
 */
export class TaskCounts {
  /** Time in the topology, ms. */
  processMs = 0
  /** Stream time less the timestamps of the records taken, summed, ms. */
  latenessMs = 0
  readonly maxLatenessMs = new RecentMax()
  dropped = 0
  /** Calls of punctuators, and their time, ms. */
  punctuated = 0
  punctuateMs = 0
  commits = 0
  /** Changelog records read to run, and those read as a copy. */
  restored = 0
  updated = 0
  /** By name of the node. */
  readonly nodes = new Map<string, NodeCount>()
  /** Wall clock less timestamp, of the records that come to sources and to nodes with none behind them; by name of the node. */
  readonly latencies = new Map<string, LatencyCount>()
  readonly topics: TopicCount[] = []
  readonly #sources = new Set<NodeCount>()

  /** Records taken from the input. */
  get processed(): number {
    let sum = 0
    for (const { processed } of this.#sources) sum += processed
    return sum
  }

  node(name: string): NodeCount {
    let count = this.nodes.get(name)
    if (!count) this.nodes.set(name, (count = { processed: 0 }))
    return count
  }

  source(name: string): NodeCount {
    const count = this.node(name)
    this.#sources.add(count)
    return count
  }

  latency(node: string): LatencyCount {
    let latency = this.latencies.get(node)
    if (!latency) this.latencies.set(node, (latency = new LatencyCount()))
    return latency
  }

  topic(node: string, topic: string, isConsumed: boolean): TopicCount {
    const known = this.topics.find((each) => each.node === node && each.topic === topic)
    if (known) return known
    const count = { node, topic, isConsumed, records: 0 }
    this.topics.push(count)
    return count
  }

  /** Extremes are of a window of time, which begins. */
  rotate(): void {
    this.maxLatenessMs.rotate()
    for (const latency of this.latencies.values()) latency.rotate()
  }

  /** A record came that is older than one before it. */
  late(latenessMs: number): void {
    this.latenessMs += latenessMs
    this.maxLatenessMs.note(latenessMs)
  }
}
