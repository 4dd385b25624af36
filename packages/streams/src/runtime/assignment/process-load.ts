/** What a process is given while tasks are dealt out, and how loads are made even. */

/** A process with its stream threads. */
export class ProcessLoad {
  readonly processId: string
  /** Stream threads: a process with twice as many gets twice as much. */
  readonly capacity: number
  readonly active = new Set<string>()
  readonly standby = new Set<string>()

  constructor(processId: string, capacity: number) {
    this.processId = processId
    this.capacity = capacity
  }

  has(taskId: string): boolean {
    return this.active.has(taskId) || this.standby.has(taskId)
  }

  /** Tasks of either role per thread. */
  get load(): number {
    return (this.active.size + this.standby.size) / this.capacity
  }
}

export interface Balancing {
  readonly processes: readonly ProcessLoad[]
  /** What may move: of each process its active tasks, its standbys, or some of these. */
  readonly movable: (process: ProcessLoad) => Iterable<string>
  /** Tasks that count. */
  readonly countOf: (process: ProcessLoad) => number
  readonly move: (taskId: string, from: ProcessLoad, to: ProcessLoad) => void
  readonly mayHave: (process: ProcessLoad, taskId: string) => boolean
  /** Which of two had better move: below 0 the first. */
  readonly compare: (a: string, b: string, from: ProcessLoad, to: ProcessLoad) => number
}

/**
 * Moves single tasks for as long as that makes two loads more alike.
 * @see Kafka Streams `HighAvailabilityTaskAssignor.balanceTasksOverThreads`, which moves the same number and takes the first it finds
 */
export function balance(balancing: Balancing): void {
  while (moveOne(balancing));
}

function moveOne(balancing: Balancing): boolean {
  const { processes, countOf, movable, mayHave, compare, move } = balancing
  const loadOf = (process: ProcessLoad): number => countOf(process) / process.capacity
  const heaviestFirst = processes.toSorted((a, b) => loadOf(b) - loadOf(a))
  for (const from of heaviestFirst)
    for (const to of heaviestFirst.toReversed()) {
      if (!isBetterWithOneMoved(countOf, from, to)) break
      const [best] = [...movable(from)]
        .filter((taskId) => mayHave(to, taskId))
        .toSorted((a, b) => compare(a, b, from, to))
      if (best === undefined) continue
      move(best, from, to)
      return true
    }
  return false
}

function isBetterWithOneMoved(
  countOf: Balancing['countOf'],
  from: ProcessLoad,
  to: ProcessLoad,
): boolean {
  const skew = countOf(from) / from.capacity - countOf(to) / to.capacity
  const moved = (countOf(from) - 1) / from.capacity - (countOf(to) + 1) / to.capacity
  return skew > 0 && moved >= 0 && moved < skew
}
