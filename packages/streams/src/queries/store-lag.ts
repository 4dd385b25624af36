import type { QueriedTask } from './query-desk.ts'

/** How far one partition of a store is behind its changelog, on this instance. */
export interface StoreLag {
  readonly store: string
  readonly partition: number
  /** `standby`: a copy. `active`: what runs here, or is being restored to run. */
  readonly role: 'active' | 'standby'
  /** Changelog records up to this offset are in the store. */
  readonly currentOffset: number
  /** Where the changelog ended when it was last looked at. */
  readonly endOffset: number
  /** Records; 0 where the task runs, which writes the changelog itself. */
  readonly lagRecords: number
}

/** Stores of a task that have a changelog. Without those of which nothing is known yet. */
export function lagsOf(task: QueriedTask): readonly StoreLag[] {
  const role = task.state === 'STANDBY' || task.state === 'SUSPENDED' ? 'standby' : 'active'
  return task.changelogs.flatMap(({ store, partition }) => {
    const position = task.positions.get(store)
    const end = task.ends.get(store)
    if (task.state === 'RUNNING') {
      const offset = Math.max(position ?? 0, end ?? 0)
      return [{ store, partition, role, currentOffset: offset, endOffset: offset, lagRecords: 0 }]
    }
    if (position === undefined || end === undefined) return []
    const endOffset = Math.max(position, end)
    const lagRecords = endOffset - position
    return [{ store, partition, role, currentOffset: position, endOffset, lagRecords }]
  })
}
