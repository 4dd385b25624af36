import { isAbortError, unreachable, type Clock } from '@millrace/core'
import { errorCodes, type Api } from '@millrace/protocol'
import { noAnswer } from '../api/served-api.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { KillAction } from '../control/connection-control.ts'
import { errorNumber } from '../control/fault-rule.ts'
import type { Faults, FiredFault } from '../control/faults.ts'
import type { RequestFacts } from '../control/request-facts.ts'
import {
  mergeAnswers,
  refusalOf,
  shapeOf,
  splitPartitions,
  withError,
  type Row,
} from '../control/request-shapes.ts'
import type { Topics } from '../topics/topics.ts'

/** What becomes of an answer on its way to the client. */
export class Outcome {
  readonly kind: 'answer' | 'silence' | 'disconnect'
  readonly message: unknown
  /** Only so many bytes of the answer are sent, then the connection closes. */
  readonly tornBytes: number | undefined
  /** Told in the answer; the connection is not read for so long after it. */
  readonly throttleMs: number

  constructor(
    kind: Outcome['kind'],
    message: unknown = noAnswer,
    { tornBytes, throttleMs = 0 }: { tornBytes?: number; throttleMs?: number } = {},
  ) {
    this.kind = kind
    this.message = message
    this.tornBytes = tornBytes
    this.throttleMs = throttleMs
  }
}

export interface Guard {
  readonly faults: Faults
  readonly cluster: Cluster
  readonly topics: Topics
  readonly clock: Clock
  /** The client is gone. */
  readonly closed: AbortSignal
  jumpClock(ms: number): void
  kill(action: KillAction): void
}

/** Says why a partition is not served; 0 when it is. */
export type PartitionRefusal = (topic: string, partition: number) => number

interface Guarded {
  readonly facts: RequestFacts
  readonly fired: readonly FiredFault[]
  readonly handle: (body: unknown, refusalOfPartition: PartitionRefusal) => Promise<unknown>
}

/**
 * A request on its way through the faults that hit it and through the question whether this node may answer at all. Order: what happens
 * `before` in the order of the rules, refusals, the handler, what happens `after`.
 */
export async function handleGuarded(request: Guarded, guard: Guard): Promise<Outcome> {
  const { facts, fired } = request
  // Without faults the handler begins now, so that appends keep the order of their requests.
  const lost = fired.length === 0 ? undefined : await passMoment('before', request, guard)
  if (lost !== undefined) return lost
  const refusalOfPartition = refusals(facts, fired, guard)
  const { answer, wasHandled } = await answerOf(request, guard, refusalOfPartition)
  if (wasHandled) {
    guard.faults.noteHandled(facts)
    const failure = await passMoment('after', request, guard)
    if (failure !== undefined) return failure
  }
  if (answer === noAnswer) return new Outcome('answer')
  if (isRefusedWithoutAcks(facts, answer, wasHandled)) return new Outcome('disconnect')
  return sent(answer, fired)
}

/** Delays, holds and losses of one moment; returns what became of the request if it ends here. */
async function passMoment(
  moment: 'before' | 'after',
  { fired }: Guarded,
  guard: Guard,
): Promise<Outcome | undefined> {
  for (const fault of fired) {
    const { action } = fault
    if ((('when' in action ? action.when : undefined) ?? 'before') !== moment) continue
    switch (action.type) {
      case 'delay':
        await sleep(action.ms, guard)
        break
      case 'hold':
        await guard.faults.hold(fault, guard.closed)
        break
      case 'jump':
        guard.jumpClock(action.ms)
        break
      case 'kill':
        guard.kill(action)
        if (action.atWrite === undefined) return new Outcome('silence')
        break
      case 'drop':
        return new Outcome('silence')
      case 'disconnect':
        return new Outcome('disconnect')
      case 'error':
      case 'tear':
      case 'duplicate':
      case 'throttle':
      case 'versionCap':
      case 'diskFull':
      case 'syncFails':
        break
      default:
        unreachable(action)
    }
  }
  return undefined
}

async function sleep(ms: number, { clock, closed }: Guard): Promise<void> {
  await clock.sleep(ms, closed).catch((error: unknown) => {
    if (!isAbortError(error)) throw error
  })
}

async function answerOf(
  { facts, fired, handle }: Guarded,
  guard: Guard,
  refusalOfPartition: PartitionRefusal,
): Promise<{ answer: unknown; wasHandled: boolean }> {
  const { api, body, version } = facts
  const refuseAll = (errorCode: number) => ({
    answer: refusalOf(api.key, body, version, errorCode) as unknown,
    wasHandled: false,
  })
  const misplaced = faultOfCoordinator(facts, guard.cluster)
  if (misplaced !== errorCodes.NONE) return refuseAll(misplaced)
  const { partitions: shape } = shapeOf(api.key)
  const refused = fired.find(({ action }) => action.type === 'error' && action.when !== 'after')
  if (refused !== undefined && shape === undefined && !isFetchOfPartition(api, refused))
    return refuseAll(codeOf(refused))
  if (shape === undefined) {
    const answer = await handleRepeatedly(body, fired, (each) => handle(each, refusalOfPartition))
    return { answer: afterErrors(answer, fired), wasHandled: true }
  }
  const split = splitPartitions(shape, body, refusalOfPartition, leaderTold(facts, guard))
  if (split.isEmpty && (split.refused[shape.answer.topics] as Row[]).length > 0)
    return { answer: split.refused, wasHandled: false }
  const answer = await handleRepeatedly(split.rest, fired, (each) =>
    handle(each, refusalOfPartition),
  )
  if (answer === noAnswer) return { answer, wasHandled: true }
  const merged = mergeAnswers(shape, afterErrors(answer, fired) as Row, split.refused)
  return { answer: merged, wasHandled: true }
}

const PRODUCE = 0
const LEADER_SINCE = 10

/** KIP-951: a producer is told who leads, and need not ask. */
function leaderTold({ api, version }: RequestFacts, { topics, cluster }: Guard) {
  return (name: string, partition: number, errorCode: number): Row => {
    const topic = topics.byName(name)
    const isTold =
      api.key === PRODUCE &&
      version >= LEADER_SINCE &&
      errorCode === errorCodes.NOT_LEADER_OR_FOLLOWER &&
      topic !== undefined
    if (!isTold) return {}
    const { node, epoch } = cluster.leaderOf(topic, partition)
    return { currentLeader: { leaderId: node, leaderEpoch: epoch } }
  }
}

/** The client gets the first answer; the network delivered the others to nobody. */
async function handleRepeatedly(
  body: unknown,
  fired: readonly FiredFault[],
  handle: (body: unknown) => Promise<unknown>,
): Promise<unknown> {
  const answer = await handle(body)
  for (const { action } of fired)
    if (action.type === 'duplicate')
      for (let time = 0; time < (action.times ?? 1); time++) await handle(body)
  return answer
}

function afterErrors(answer: unknown, fired: readonly FiredFault[]): unknown {
  if (answer === noAnswer) return answer
  const fault = fired.find(({ action }) => action.type === 'error' && action.when === 'after')
  return fault === undefined ? answer : withError(answer, codeOf(fault))
}

function codeOf({ action }: FiredFault): number {
  return action.type === 'error' ? errorNumber(action.error) : errorCodes.NONE
}

const FETCH = 1

/** A fetch fault that names partitions is told partition by partition; one that names none fails the whole fetch. */
function isFetchOfPartition(api: Api, { rule }: FiredFault): boolean {
  const { topic, partition } = rule.match ?? {}
  return api.key === FETCH && (topic !== undefined || partition !== undefined)
}

function refusals(
  { api, node }: RequestFacts,
  fired: readonly FiredFault[],
  { cluster, topics }: Guard,
): PartitionRefusal {
  const errors = fired.filter(({ action }) => action.type === 'error' && action.when !== 'after')
  const needsLeader = api.key === FETCH || shapeOf(api.key).needsLeader === true
  return (name, partition) => {
    const fault = errors.find((one) => one.fits(name, partition))
    if (fault !== undefined) return codeOf(fault)
    const topic = needsLeader ? topics.byName(name) : undefined
    if (topic?.partitions[partition] === undefined) return errorCodes.NONE
    return cluster.leaderOf(topic, partition).node === node
      ? errorCodes.NONE
      : errorCodes.NOT_LEADER_OR_FOLLOWER
  }
}

function faultOfCoordinator(
  { api, groups, transactionalIds, node }: RequestFacts,
  cluster: Cluster,
) {
  const kind = shapeOf(api.key).needsCoordinator
  if (kind === undefined) return errorCodes.NONE
  const keys = kind === 'group' ? groups : transactionalIds
  return keys.every((key) => cluster.coordinatorOf(kind, key) === node)
    ? errorCodes.NONE
    : errorCodes.NOT_COORDINATOR
}

/** A producer that asked for no answer learns of an error by its connection closing. */
function isRefusedWithoutAcks(
  { body, api }: RequestFacts,
  answer: unknown,
  wasHandled: boolean,
): boolean {
  return api.key === PRODUCE && body['acks'] === 0 && !wasHandled && answer !== noAnswer
}

function sent(answer: unknown, fired: readonly FiredFault[]): Outcome {
  let message = answer
  let tornBytes: number | undefined
  let throttleMs = 0
  for (const { action } of fired) {
    if (action.type === 'tear') tornBytes = action.bytes
    if (action.type === 'throttle') {
      throttleMs += action.ms
      message = { ...(message as Row), throttleTimeMs: throttleMs }
    }
  }
  return new Outcome('answer', message, {
    throttleMs,
    ...(tornBytes === undefined ? {} : { tornBytes }),
  })
}
