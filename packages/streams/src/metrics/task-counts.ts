import { RecentMax } from './recent-max.ts'

/** Records that a node was given. */
export interface NodeCount {
  processed: number
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

  /** A record came that is older than one before it. */
  late(latenessMs: number): void {
    this.latenessMs += latenessMs
    this.maxLatenessMs.note(latenessMs)
  }
}
