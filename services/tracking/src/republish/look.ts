import type { LoggedEvent, ProductionLog, ProductionPage } from '@millrace/outbox'
import type { RepublishRefusal, RepublishRequest } from './types.ts'

/** Most events of one operation. */
export const maxItems = 10_000
/** Rows come with their payloads, of up to 1 MB each. */
const pageSize = 100
/** Pages looked at for one plan: a filter by key or topic may have to pass what was published. */
const maxPages = 400

/** A production log of the service. */
export interface LookedLog {
  readonly schema: string
  readonly log: ProductionLog
}

/** An event as a plan and its items need it, without its payload. */
export interface ChosenEvent extends Omit<LoggedEvent, 'payload'> {
  readonly schema: string
}

export interface Looked {
  /** FAILED ones, the oldest first: so the order of a key whose events did not wait for one another stays. */
  readonly chosen: readonly ChosenEvent[]
  readonly refusals: readonly RepublishRefusal[]
}

/** Which events a request is about, and why not more. */
export async function look(
  logs: readonly LookedLog[],
  request: RepublishRequest,
  cutOff: Date | null,
): Promise<Looked> {
  return request.eventIds
    ? lookAtNamed(logs, request.eventIds)
    : lookForMatching(logs, request.filter ?? {}, cutOff)
}

/** Each of the ids is answered for. A parked one follows the refused event of its key, which is chosen in its stead. */
async function lookAtNamed(
  logs: readonly LookedLog[],
  eventIds: readonly string[],
): Promise<Looked> {
  const found = await findAll(logs, eventIds)
  const parked = [...found.values()].filter((event) => event.status === 'PARKED')
  const heads = await findAll(
    logs,
    parked.flatMap(({ blockedBy }) => (blockedBy === null ? [] : [blockedBy])),
  )
  const chosen = new Map([...found, ...heads].filter(([, event]) => event.status === 'FAILED'))
  const of = (...statuses: readonly string[]): readonly string[] =>
    [...found.values()]
      .filter((event) => statuses.includes(event.status))
      .map((event) => event.eventId)
  return {
    chosen: inOrder([...chosen.values()]),
    refusals: [
      ...refusal(
        'unknown-event',
        eventIds.filter((id) => !found.has(id)),
      ),
      ...refusal('already-published', of('PUBLISHED')),
      ...refusal('being-tried', of('PENDING', 'PUBLISHING', 'RETRY')),
      ...refusal('parked', of('PARKED')),
    ],
  }
}

async function lookForMatching(
  logs: readonly LookedLog[],
  filter: NonNullable<RepublishRequest['filter']>,
  cutOff: Date | null,
): Promise<Looked> {
  const { errorClass, ...searched } = filter
  const chosen: ChosenEvent[] = []
  let pages = 0
  let isWhole = true
  for (const { schema, log } of logs) {
    let before: string | null = null
    do {
      const page: ProductionPage = await log.search({
        ...definedOf(searched),
        status: ['FAILED'],
        limit: pageSize,
        ...(before !== null && { before }),
      })
      for (const event of page.events)
        if (
          (errorClass === undefined || event.errorClass === errorClass) &&
          (cutOff === null || event.updatedAt <= cutOff)
        )
          chosen.push(chosenOf(schema, event))
      before = page.next
      pages++
    } while (before !== null && pages < maxPages && chosen.length <= maxItems)
    isWhole &&= before === null
  }
  const isTooMuch = chosen.length > maxItems || !isWhole
  return {
    chosen: inOrder(chosen),
    refusals: isTooMuch ? [tooMany()] : [],
  }
}

async function findAll(
  logs: readonly LookedLog[],
  eventIds: readonly string[],
): Promise<Map<string, ChosenEvent>> {
  const ids = [...new Set(eventIds)]
  const found = new Map<string, ChosenEvent>()
  for (let at = 0; at < ids.length; at += pageSize)
    for (const { schema, log } of logs)
      for (const event of await log.findAll(ids.slice(at, at + pageSize)))
        found.set(event.eventId, chosenOf(schema, event))
  return found
}

function chosenOf(schema: string, { payload: _payload, ...event }: LoggedEvent): ChosenEvent {
  return { ...event, schema }
}

function inOrder(events: readonly ChosenEvent[]): readonly ChosenEvent[] {
  return events.toSorted((a, b) => (a.eventId < b.eventId ? -1 : 1))
}

function definedOf<T extends object>(given: T): { [Name in keyof T]?: NonNullable<T[Name]> } {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as {
    [Name in keyof T]?: NonNullable<T[Name]>
  }
}

const explanations = {
  'unknown-event': 'The log of the service does not hold them.',
  'already-published': 'They are on their topic.',
  'being-tried': 'The relay has them: it publishes them, or tries again at their time.',
  parked:
    'They wait behind a refused event of their key. That one is published again instead, and they follow it by themselves.',
} as const

function refusal(
  code: keyof typeof explanations,
  eventIds: readonly string[],
): readonly RepublishRefusal[] {
  if (eventIds.length === 0) return []
  return [
    {
      code,
      explanation: explanations[code],
      count: eventIds.length,
      sampleEventIds: eventIds.slice(0, 5),
      isFinal: false,
    },
  ]
}

function tooMany(): RepublishRefusal {
  return {
    code: 'too-many',
    explanation: `There are more than ${maxItems} events, or more than could be looked through. Narrow the filter: by topic, type, error or time.`,
    count: null,
    sampleEventIds: [],
    isFinal: true,
  }
}
