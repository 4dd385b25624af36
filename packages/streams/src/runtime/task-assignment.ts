/** Who runs which task. Pure, and the same wherever it is computed: the group's leader does it for all. */

/** A member of the group: one stream thread. */
export interface AssignmentMember {
  readonly memberId: string
  /** The process, which has the state directory that its threads share. */
  readonly processId: string
  /** Tasks it ran until now. */
  readonly running: readonly string[]
  /** How far the state that its process has on disk goes: changelog records by task. */
  readonly stored: ReadonlyMap<string, number>
}

export interface AssignableTask {
  /** `<subtopology>_<partition>` */
  readonly id: string
  readonly subtopology: number
}

/**
 * Tasks stay where they ran, as far as the load allows; then they go where most of their state is; then to whoever has least, those of one
 * subtopology being spread. No member has two tasks more than another.
 */
export function assignTasks(
  tasks: readonly AssignableTask[],
  members: readonly AssignmentMember[],
): ReadonlyMap<string, readonly string[]> {
  const loads = members
    .toSorted((a, b) => (a.memberId < b.memberId ? -1 : 1))
    .map((member): Load => ({ member, tasks: [] }))
  if (loads.length === 0) return new Map()
  const least = Math.floor(tasks.length / loads.length)
  /** How many may have one more than the least. */
  let extras = tasks.length % loads.length
  const open = new Set(tasks)
  const give = (load: Load, task: AssignableTask): void => {
    if (load.tasks.length === least) extras--
    load.tasks.push(task)
    open.delete(task)
  }
  const hasRoom = ({ tasks: own }: Load): boolean =>
    own.length < least || (own.length === least && extras > 0)

  for (const load of loads) {
    const running = new Set(load.member.running)
    for (const task of open) if (running.has(task.id) && hasRoom(load)) give(load, task)
  }
  for (const task of open) {
    const withState = loads
      .filter((load) => load.member.stored.has(task.id) && hasRoom(load))
      .toSorted((a, b) => storedOf(b, task) - storedOf(a, task) || a.tasks.length - b.tasks.length)
    if (withState[0]) give(withState[0], task)
  }
  for (const task of open) {
    const [lightest] = loads
      .filter(hasRoom)
      .toSorted(
        (a, b) =>
          a.tasks.length - b.tasks.length ||
          countOf(a, task.subtopology) - countOf(b, task.subtopology),
      )
    if (lightest) give(lightest, task)
  }
  return new Map(loads.map((load) => [load.member.memberId, load.tasks.map(({ id }) => id)]))
}

interface Load {
  readonly member: AssignmentMember
  readonly tasks: AssignableTask[]
}

function storedOf({ member }: Load, task: AssignableTask): number {
  return member.stored.get(task.id) ?? -1
}

function countOf({ tasks }: Load, subtopology: number): number {
  return tasks.filter((task) => task.subtopology === subtopology).length
}
