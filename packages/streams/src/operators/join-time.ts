import type { TaskContext } from '../operator.ts'

/** What the two sides of a join know together in a task (trap 2). */
export interface JoinTime {
  /** Largest timestamp that either side has seen, -1 before the first. Not kept over a restart. */
  streamTime: number
  /** No row that waits was put earlier, or walked over last: before it there is nothing to give up. Infinity: not known. */
  firstWaiting: number
  /** When waiting rows may be looked at again, ms of the wall clock. */
  nextFlushMs: number
}

/** Gives both operators of a join in one task the same object. */
export function sharedJoinTime(): (task: TaskContext) => JoinTime {
  const times = new WeakMap<TaskContext, JoinTime>()
  return (task) => {
    let time = times.get(task)
    if (!time) {
      time = { streamTime: -1, firstWaiting: Infinity, nextFlushMs: 0 }
      times.set(task, time)
    }
    return time
  }
}
