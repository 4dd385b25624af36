import { compareText, type AssignableTask, type AssignmentMember } from './assignment-plan.ts'
import type { ProcessLoad } from './process-load.ts'

/** What one stream thread is to have. */
export interface ThreadShare {
  readonly active: readonly string[]
  readonly standby: readonly string[]
}

interface ThreadLoad {
  readonly member: AssignmentMember
  readonly active: string[]
  readonly standby: string[]
}

/**
 * Deals the tasks of a process to its threads: each stays where it was, in either role, as far as no thread gets two more than another.
 * @returns by member id
 */
export function dealToThreads(
  process: ProcessLoad,
  members: readonly AssignmentMember[],
  tasks: ReadonlyMap<string, AssignableTask>,
): ReadonlyMap<string, ThreadShare> {
  const threads = members
    .filter(({ processId }) => processId === process.processId)
    .map((member): ThreadLoad => ({ member, active: [], standby: [] }))
  const active = [...process.active].toSorted(compareText)
  const isStateful = (id: string): boolean => tasks.get(id)?.isStateful ?? false
  // One after the other, so that each kind is spread by itself: ten light tasks do not make up for one that has state.
  deal(threads, active.filter(isStateful), 'active')
  deal(threads, [...process.standby].toSorted(compareText), 'standby')
  deal(
    threads,
    active.filter((id) => !isStateful(id)),
    'active',
  )
  return new Map(
    threads.map(({ member, ...share }) => [
      member.memberId,
      { active: share.active.toSorted(compareText), standby: share.standby.toSorted(compareText) },
    ]),
  )
}

function deal(threads: readonly ThreadLoad[], ids: readonly string[], role: keyof ThreadShare) {
  const homeless = ids.filter((id) => {
    const home = homeOf(threads, id, role)
    home?.[role].push(id)
    return !home
  })
  for (const id of homeless) lightest(threads)[role].push(id)
  const own = new Set(ids)
  for (;;) {
    const to = lightest(threads)
    const from = threads
      .filter((thread) => thread[role].some((id) => own.has(id)))
      .reduce<ThreadLoad | undefined>(
        (most, thread) => (most && countOf(most) >= countOf(thread) ? most : thread),
        undefined,
      )
    if (!from || countOf(from) < countOf(to) + 2) return
    // The last that came: what a thread has had longest stays.
    const at = from[role].findLastIndex((id) => own.has(id))
    to[role].push(...from[role].splice(at, 1))
  }
}

/** The thread that has the task, first of all in this role. */
function homeOf(
  threads: readonly ThreadLoad[],
  id: string,
  role: keyof ThreadShare,
): ThreadLoad | undefined {
  const find = (has: (member: AssignmentMember) => boolean): ThreadLoad | undefined =>
    threads.find(({ member }) => has(member))
  const asActive =
    find(({ awaiting }) => awaiting.includes(id)) ?? find(({ active }) => active.includes(id))
  const asStandby = find(({ standby }) => standby.includes(id))
  return role === 'active' ? (asActive ?? asStandby) : (asStandby ?? asActive)
}

function lightest(threads: readonly ThreadLoad[]): ThreadLoad {
  return threads.reduce((least, thread) => (countOf(thread) < countOf(least) ? thread : least))
}

function countOf({ active, standby }: ThreadLoad): number {
  return active.length + standby.length
}
