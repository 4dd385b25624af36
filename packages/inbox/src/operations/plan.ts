import { ContractRegistry, decodeEvent } from '@millrace/events'
import type { Queryable } from '@millrace/postgres'
import { undatedIdOf } from '../log-id.ts'
import { maxItems } from './check-request.ts'
import { candidatesOf } from './sql/candidates.ts'
import { findGroup } from './sql/groups.ts'
import { look, type Looked } from './sql/look.ts'
import { readEditedEvent, type EditedEvent } from './sql/edits.ts'
import type { EditRequest, OperationPlan, OperationRequest, Refusal } from './types.ts'

/** A plan, and what only the confirmation needs. */
export interface MadePlan extends OperationPlan {
  /** Changes of the payload there were when an edit was planned. */
  readonly editRevision: number | null
}

/** Looks what a request would touch, and why not more. To be run in one snapshot. */
export async function makePlan(
  on: Queryable,
  schema: string,
  request: OperationRequest,
  cutOff: Date | null,
): Promise<MadePlan> {
  const group = await findGroup(on, schema, request.group)
  const named = namedIdsOf(request)
  const looked = await look(on, candidatesOf(schema, request, cutOff), named !== null)
  const refusals = looked.refused.map((each) => refusalOf(each, request))
  refusals.push(...unknownEvents(named, looked))
  if (!group) refusals.push(unknownGroup(request))
  if (request.kind === 'replay' && group?.effects === 'external' && request.force !== true)
    refusals.push(externalEffects(request.group))
  if (group?.isAdditive === true && replaysItsOwn(request)) refusals.push(addsUp(request.group))
  if (looked.count > maxItems) refusals.push(tooMany())
  let editRevision: number | null = null
  if (request.kind === 'edit') {
    const event = await readEditedEvent(on, schema, request.eventId, request.group)
    editRevision = event?.revision ?? 0
    refusals.push(...editRefusals(request, event))
  }
  return {
    count: looked.count,
    sample: looked.sample,
    refusals,
    effects: group?.effects ?? null,
    cutOff,
    editRevision,
  }
}

function namedIdsOf(request: OperationRequest): readonly string[] | null {
  if (request.kind === 'edit') return [request.eventId]
  return request.kind === 'redrive' ? (request.eventIds ?? null) : null
}

const explanations: Readonly<Record<string, string>> = {
  'already-processed': 'The group has processed them; their effects are there.',
  'being-tried': 'They wait for their next attempt, or are in one.',
  'skipped-type': 'No contract of the group names their type.',
  'not-processed': 'The group has not processed them yet: re-drive those that failed.',
  'not-failed': 'Only an event that was given up can be edited.',
  'payload-missing':
    "The log keeps no payload of them (payload: 'onFailure'), nor do its archive files. They are on the topic as long as that keeps them: a new group that reads it from the start gets them.",
}

function refusalOf(refused: Looked['refused'][number], request: OperationRequest): Refusal {
  return {
    code: refused.code,
    explanation: explanations[refused.code] ?? refused.code,
    count: refused.count,
    sampleEventIds: refused.eventIds,
    isFinal: request.kind === 'edit',
  }
}

function unknownEvents(named: readonly string[] | null, looked: Looked): readonly Refusal[] {
  const found = new Set(looked.foundIds)
  const unknown = (named ?? []).filter((id) => !found.has(id) && !found.has(undatedIdOf(id)))
  if (unknown.length === 0) return []
  return [
    {
      code: 'unknown-event',
      explanation: 'The group has never met them, or their day is archived.',
      count: unknown.length,
      sampleEventIds: unknown.slice(0, 5),
      isFinal: looked.count === 0,
    },
  ]
}

function unknownGroup(request: OperationRequest): Refusal {
  return wholeRefusal(
    'unknown-group',
    `No consumer of group "${request.group}" was ever seen on this database, so nobody would carry it out. Start one.`,
  )
}

function externalEffects(group: string): Refusal {
  return wholeRefusal(
    'external-effects',
    `The handler of group "${group}" has effects outside its database (mail, payments), which a replay would repeat. Force it only if that is wanted.`,
  )
}

/** Into another group each event goes once, so nothing is counted twice there. */
function replaysItsOwn(request: OperationRequest): boolean {
  if (request.kind !== 'replay' || request.force === true) return false
  return (request.sourceGroup ?? request.group) === request.group
}

function addsUp(group: string): Refusal {
  return wholeRefusal(
    'adds-up',
    `The handler of group "${group}" adds to what it has built (counters, sums), so replayed events would count twice. Replay into a shadow group, or empty what the group has built and force the replay.`,
  )
}

function tooMany(): Refusal {
  return wholeRefusal('too-many', `There are more than ${maxItems} events. Narrow the request.`)
}

function wholeRefusal(code: Refusal['code'], explanation: string): Refusal {
  return { code, explanation, count: null, sampleEventIds: [], isFinal: true }
}

function editRefusals(request: EditRequest, event: EditedEvent | undefined): readonly Refusal[] {
  if (!event) return []
  if (event.isEditUnderWay)
    return [
      wholeRefusal(
        'edit-under-way',
        `Operation ${event.lastOperationId ?? ''} edits the event already. Wait for its end.`,
      ),
    ]
  const fault = payloadFault(request.payload, event)
  return fault === null ? [] : [wholeRefusal('bad-payload', fault)]
}

const locked = ['eventId', 'eventType', 'correlationId'] as const

/** Why the new payload cannot stand for the event; null when it can. Whether its data fits the contract, the consumer will see. */
function payloadFault(payload: string, event: EditedEvent): string | null {
  const decoded = decodeEvent(Buffer.from(payload), new ContractRegistry([]))
  if (decoded.kind === 'undecodable') return `The new payload is no event: ${decoded.reason}.`
  const bytes = Buffer.from(event.payload ?? '', event.isBase64 ? 'base64' : 'utf8')
  const original = decodeEvent(bytes, new ContractRegistry([]))
  // One that could not be read has no envelope to keep to; one whose data broke its contract has.
  if (original.kind === 'undecodable') return null
  const changed = locked.filter((name) => decoded.event[name] !== original.event[name])
  if (changed.length === 0) return null
  return `The new payload changes ${changed.join(', ')}, by which the event is known; these stay as they are.`
}
