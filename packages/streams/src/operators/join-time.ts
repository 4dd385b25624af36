import type { OperatorContext, TaskContext } from '../operator.ts'

/** What the two sides of a join know together in a task (trap 2). */
export interface JoinTime {
  /** Largest timestamp that either side has seen, -1 before the first. */
  streamTime: number
  /** No row that waits was put earlier, or walked over last: before it there is nothing to give up. Infinity: not known. */
  firstWaiting: number
  /** When waiting rows may be looked at again, ms of the wall clock. */
  nextFlushMs: number
}

/** Goes on with what was committed last, and has it committed; for one of the two sides, before either takes a record. */
export function keepJoinTime(context: OperatorContext, time: JoinTime): void {
  time.streamTime = context.keepNumber('time', () => time.streamTime) ?? -1
  const { firstWaiting } = time
  const kept = context.keepNumber('waiting', () =>
    time.firstWaiting === Infinity ? -1 : time.firstWaiting,
  )
  time.firstWaiting = kept === undefined || kept === -1 ? firstWaiting : kept
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
