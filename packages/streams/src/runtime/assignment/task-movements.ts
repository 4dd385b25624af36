/** Tasks go to copies that are caught up, and warm-up replicas to where they are to go then (KIP-441). @see Kafka Streams `TaskMovement` */
import type { AssignableTask, Plan } from './assignment-plan.ts'
import type { ProcessLoad } from './process-load.ts'

/**
 * Where a task is planned for a process that lacks too much, while another lacks less, the other gets it. The planned one keeps a copy instead:
 * that of the other where it had one, else a warm-up replica, of which there are only so many.
 * @returns how many tasks are not where they are to be in the end
 */
export function assignMovements(plan: Plan, tasks: readonly AssignableTask[]): number {
  const movements = tasks
    .flatMap(({ id }) => {
      const destination = plan.processes.find(({ active }) => active.has(id))
      return destination && isBehindAnother(plan, destination, id) ? [{ id, destination }] : []
    })
    // Those with the fewest to choose from first.
    .toSorted((a, b) => caughtUp(plan, a.id).length - caughtUp(plan, b.id).length)
  for (const { id, destination } of movements) {
    const [source] = sourcesOf(plan, destination, id)
    if (!source) continue
    destination.active.delete(id)
    source.active.add(id)
    if (source.standby.delete(id) || plan.warmups.take(destination, id)) destination.standby.add(id)
  }
  return movements.length
}

/** The same for standbys: the copy that is further is kept beside the one that is to replace it. */
export function warmStandbys(plan: Plan): number {
  let count = 0
  for (const destination of plan.processes)
    for (const id of destination.standby) {
      if (plan.warmups.has(destination, id) || !isBehindAnother(plan, destination, id)) continue
      const source = sourcesOf(plan, destination, id).find((process) => !process.has(id))
      if (!source) continue
      count++
      source.standby.add(id)
      if (!plan.warmups.take(destination, id)) destination.standby.delete(id)
    }
  return count
}

/** Processes with a copy that is further than the destination's; the best first. */
function sourcesOf(plan: Plan, destination: ProcessLoad, id: string): readonly ProcessLoad[] {
  const rank = (process: ProcessLoad): number => {
    if (lagOf(plan, process, id) > plan.rules.acceptableRecoveryLag) return 2
    return process.standby.has(id) ? 0 : 1
  }
  return plan.processes
    .filter((process) => lagOf(plan, process, id) < lagOf(plan, destination, id))
    .toSorted(
      (a, b) => rank(a) - rank(b) || lagOf(plan, a, id) - lagOf(plan, b, id) || a.load - b.load,
    )
}

function isBehindAnother(plan: Plan, process: ProcessLoad, id: string): boolean {
  const lag = lagOf(plan, process, id)
  if (lag <= plan.rules.acceptableRecoveryLag) return false
  return plan.processes.some((other) => lagOf(plan, other, id) < lag)
}

function caughtUp(plan: Plan, id: string): readonly ProcessLoad[] {
  return plan.processes.filter(
    (process) => lagOf(plan, process, id) <= plan.rules.acceptableRecoveryLag,
  )
}

function lagOf({ lags }: Plan, { processId }: ProcessLoad, id: string): number {
  return lags.lagOf(processId, id)
}
