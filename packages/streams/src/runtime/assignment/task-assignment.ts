/**
 * Who runs which task, and who keeps copies. Pure, and the same wherever it is computed: the group's leader does it for all.
 *
 * First tasks are dealt to processes by what they have, and moved until loads are even. A task that would go to a process whose copy is too far
 * behind stays with, or goes to, one that is caught up; the process that is to have it gets a warm-up replica, and the task at a later
 * rebalance (KIP-441). Within a process tasks stay with their threads as far as their loads allow.
 *
 * @see Kafka Streams `HighAvailabilityTaskAssignor`, which deals out by turns instead of by what is there
 */
import {
  compareText,
  type AssignableTask,
  type AssignmentMember,
  type AssignmentRules,
  type Plan,
} from './assignment-plan.ts'
import { balance, ProcessLoad } from './process-load.ts'
import { TaskLags } from './task-lags.ts'
import { assignMovements, warmStandbys } from './task-movements.ts'
import { dealToThreads, type ThreadShare } from './thread-shares.ts'
import { Warmups } from './warmups.ts'

export interface TaskAssignment {
  /** By member id. */
  readonly shares: ReadonlyMap<string, ThreadShare>
  /** Something waits for a copy that is warming up: the group is to deal out again after a while. */
  readonly isProbingNeeded: boolean
}

export function assignTasks(
  tasks: readonly AssignableTask[],
  members: readonly AssignmentMember[],
  rules: AssignmentRules,
): TaskAssignment {
  const ordered = members.toSorted((a, b) => compareText(a.memberId, b.memberId))
  const processes = [...Map.groupBy(ordered, ({ processId }) => processId)]
    .toSorted(([a], [b]) => compareText(a, b))
    .map(([processId, own]) => new ProcessLoad(processId, own.length))
  if (processes.length === 0) return { shares: new Map(), isProbingNeeded: false }
  const plan: Plan = {
    processes,
    members: ordered,
    tasks: new Map(tasks.map((task) => [task.id, task])),
    lags: new TaskLags(ordered),
    rules,
    warmups: new Warmups(rules.maxWarmupReplicas),
  }
  const stateful = tasks.filter(({ isStateful }) => isStateful)
  dealActive(plan, stateful)
  dealStandbys(plan, stateful)
  const movementCount = assignMovements(plan, stateful) + warmStandbys(plan)
  dealActive(
    plan,
    tasks.filter(({ isStateful }) => !isStateful),
  )
  const shares = new Map(
    processes.flatMap((process) => [...dealToThreads(process, ordered, plan.tasks)]),
  )
  return { shares, isProbingNeeded: movementCount > 0 }
}

/** Each to its owner, else to where most of its state is, else to whoever has least; then as many move as even loads ask for. */
function dealActive(plan: Plan, tasks: readonly AssignableTask[]): void {
  const { processes } = plan
  const own = new Set(tasks.map(({ id }) => id))
  const open = tasks.filter((task) => {
    const owner = ownerOf(plan, task)
    owner?.active.add(task.id)
    return !owner
  })
  for (const task of open) heirOf(plan, task)?.active.add(task.id)
  balance({
    processes,
    // Stateless tasks are dealt out last and beside all others: copies cost no processing.
    countOf: ({ active }) => active.size,
    movable: ({ active }) => [...active].filter((id) => own.has(id)),
    mayHave: () => true,
    compare: (a, b, from, to) =>
      lagClass(plan, to, a) - lagClass(plan, to, b) ||
      excess(plan, b, from, to) - excess(plan, a, from, to) ||
      lagOf(plan, to, a) - lagOf(plan, to, b) ||
      compareText(a, b),
    move(id, from, to) {
      from.active.delete(id)
      to.active.add(id)
    },
  })
}

function dealStandbys(plan: Plan, tasks: readonly AssignableTask[]): void {
  const { processes, members, rules } = plan
  const kept = new Set(
    members.flatMap(({ processId, standby }) => standby.map((id) => `${processId} ${id}`)),
  )
  for (const { id } of tasks) {
    const candidates = processes
      .filter((process) => !process.has(id))
      .toSorted(
        (a, b) =>
          Number(kept.has(`${b.processId} ${id}`)) - Number(kept.has(`${a.processId} ${id}`)) ||
          a.load - b.load ||
          lagOf(plan, a, id) - lagOf(plan, b, id),
      )
    for (const process of candidates.slice(0, rules.standbyReplicas)) process.standby.add(id)
  }
  balance({
    processes,
    countOf: ({ active, standby }) => active.size + standby.size,
    movable: ({ standby }) => standby,
    mayHave: (process, id) => !process.has(id),
    compare: (a, b, _, to) => lagOf(plan, to, a) - lagOf(plan, to, b) || compareText(a, b),
    move(id, from, to) {
      from.standby.delete(id)
      to.standby.add(id)
    },
  })
}

/** Who is to have it already, else who has it. */
function ownerOf({ processes, members }: Plan, { id }: AssignableTask): ProcessLoad | undefined {
  const owner =
    members.find(({ awaiting }) => awaiting.includes(id)) ??
    members.find(({ active }) => active.includes(id))
  return owner && processes.find(({ processId }) => processId === owner.processId)
}

function heirOf(plan: Plan, task: AssignableTask): ProcessLoad | undefined {
  const { processes, lags } = plan
  const withState = processes.filter(({ processId }) => lags.hasState(processId, task))
  const [heir] = (withState.length > 0 ? withState : processes).toSorted(
    (a, b) =>
      lagOf(plan, a, task.id) - lagOf(plan, b, task.id) ||
      a.active.size / a.capacity - b.active.size / b.capacity ||
      siblings(plan, a, task.id) - siblings(plan, b, task.id),
  )
  return heir
}

function lagOf({ lags }: Plan, { processId }: ProcessLoad, taskId: string): number {
  return lags.lagOf(processId, taskId)
}

/** Copies that are caught up go before others. */
function lagClass(plan: Plan, process: ProcessLoad, taskId: string): number {
  return lagOf(plan, process, taskId) <= plan.rules.acceptableRecoveryLag ? 0 : 1
}

/** How many more tasks of its subtopology one process has than the other. */
function excess(plan: Plan, taskId: string, from: ProcessLoad, to: ProcessLoad): number {
  return siblings(plan, from, taskId) - siblings(plan, to, taskId)
}

function siblings({ tasks }: Plan, { active }: ProcessLoad, taskId: string): number {
  const subtopology = tasks.get(taskId)?.subtopology
  let count = 0
  for (const id of active) if (tasks.get(id)?.subtopology === subtopology) count++
  return count
}
