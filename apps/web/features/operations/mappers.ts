import { count, exactTime, integer, shortId } from '../../lib/format.ts'
import { WireReader } from '../../lib/wire.ts'
import { readUnreachable } from '../event-log/mappers.ts'
import {
  itemStates,
  operationStates,
  type ItemPage,
  type ItemState,
  type KnownGroup,
  type Operation,
  type OperationDetail,
  type OperationKind,
  type OperationPage,
  type OperationState,
  type PlanRequest,
} from './model.ts'

export function toOperation(body: unknown): Operation {
  return readOperation(new WireReader(body, 'operation'))
}

export function toOperationPage(body: unknown): OperationPage {
  const wire = new WireReader(body, 'operations')
  return {
    items: wire.list('items', readOperation),
    next: wire.textOrNull('next'),
    unreachable: wire.list('unreachable', readUnreachable),
  }
}

export function toOperationDetail(body: unknown): OperationDetail {
  const wire = new WireReader(body, 'operationDetail')
  return {
    operation: readOperation(objectOf(wire, 'operation')),
    audit: wire.list('audit', (line) => ({
      atMs: line.time('at'),
      by: line.text('by'),
      action: line.text('action'),
      reason: line.textOrNull('reason'),
      details: detailsOf(line.text('action'), line.objectOrNull('details')),
    })),
  }
}

export function toItemPage(body: unknown): ItemPage {
  const wire = new WireReader(body, 'items')
  return {
    items: wire.list('items', (item) => ({
      position: item.number('position'),
      eventId: item.text('eventId'),
      topic: item.text('topic'),
      partition: item.numberOrNull('partitionNumber'),
      offset: item.textOrNull('offset'),
      eventType: item.text('eventType'),
      key: item.textOrNull('eventKey'),
      state: known<ItemState>(item.text('state'), itemStates, 'WAITING'),
      statusBefore: item.text('statusBefore'),
      endedAtMs: item.timeOrNull('endedAt'),
      runMs: item.numberOrNull('runMs'),
      errorClass: item.textOrNull('errorClass'),
      note: item.textOrNull('note'),
    })),
    next: wire.numberOrNull('next'),
  }
}

export function toKnownGroups(body: unknown): readonly KnownGroup[] {
  return new WireReader(body, 'groups').list('items', (group) => ({
    service: group.text('service'),
    group: group.text('consumerGroup'),
    topics: group.texts('topics'),
    isShadow: group.flag('isShadow'),
  }))
}

function readOperation(wire: WireReader): Operation {
  const plan = objectOf(wire, 'plan')
  const progress = objectOf(wire, 'progress')
  const request = Object.fromEntries(wire.objectOrNull('request')?.entries() ?? [])
  const effects = plan.textOrNull('effects')
  return {
    id: wire.text('id'),
    service: wire.text('service'),
    kind: wire.text('kind') as OperationKind,
    group: wire.textOrNull('group'),
    state: known<OperationState>(wire.text('state'), operationStates, 'PLANNED'),
    request,
    scope: scopeOf(request),
    count: plan.number('count'),
    sample: plan.list('sample', (event) => ({
      eventId: event.text('eventId'),
      topic: event.text('topic'),
      partition: event.numberOrNull('partitionNumber'),
      offset: event.textOrNull('offset'),
      eventType: event.text('eventType'),
      key: event.textOrNull('eventKey'),
      status: event.text('status'),
      errorMessage: event.textOrNull('errorMessage'),
    })),
    refusals: plan.list('refusals', (refusal) => ({
      code: refusal.text('code'),
      explanation: refusal.text('explanation'),
      count: refusal.numberOrNull('count'),
      sampleEventIds: refusal.texts('sampleEventIds'),
      isFinal: refusal.flag('isFinal'),
    })),
    effects:
      effects === 'none' || effects === 'idempotent' || effects === 'external' ? effects : null,
    cutOffMs: plan.timeOrNull('cutOff'),
    progress: {
      total: progress.number('total'),
      waiting: progress.number('waiting'),
      released: progress.number('released'),
      done: progress.number('done'),
      failed: progress.number('failed'),
      skipped: progress.number('skipped'),
      cancelled: progress.number('cancelled'),
      timeLeftMs: progress.numberOrNull('timeLeftMs'),
    },
    ratePerSecond: wire.number('ratePerSecond'),
    createdAtMs: wire.time('createdAt'),
    createdBy: wire.text('createdBy'),
    expiresAtMs: wire.time('expiresAt'),
    confirmedAtMs: wire.timeOrNull('confirmedAt'),
    confirmedBy: wire.textOrNull('confirmedBy'),
    reason: wire.textOrNull('reason'),
    startedAtMs: wire.timeOrNull('startedAt'),
    endedAtMs: wire.timeOrNull('endedAt'),
    owner: wire.textOrNull('owner'),
  }
}

function objectOf(wire: WireReader, key: string): WireReader {
  const value = wire.objectOrNull(key)
  if (value === null) throw new TypeError(`${key} should be an object, got nothing`)
  return value
}

function known<State extends string>(
  state: string,
  states: Readonly<Record<State, unknown>>,
  fallback: State,
): State {
  return Object.hasOwn(states, state) ? (state as State) : fallback
}

const scopeNames: Readonly<Record<string, string>> = {
  eventId: 'event',
  eventIds: 'events',
  eventType: 'type',
  errorClass: 'error',
  sourceGroup: 'from the log of',
  force: 'outside effects',
}

/** What an operation reaches, as names and values. */
function scopeOf(request: Readonly<Record<string, unknown>>): Operation['scope'] {
  const { filter, ...rest } = request
  const parts: Record<string, unknown> = { ...rest, ...(filter as object | undefined) }
  const left = ['kind', 'group', 'service', 'ratePerSecond', 'cutOff', 'payloadBytes', 'payload']
  return Object.entries(parts)
    .filter(([name, value]) => value != null && value !== false && !left.includes(name))
    .map(([name, value]) => [scopeNames[name] ?? name, valueOf(name, value)])
}

function valueOf(name: string, value: unknown): string {
  if (name === 'force') return 'happen again'
  if (Array.isArray(value)) return count(value.length, 'ticked one')
  if (name === 'from' || name === 'to') return exactTime(Date.parse(String(value)))
  return name === 'eventId' ? shortId(String(value)) : String(value)
}

/** A rate may be well below one: an hour for a handful of events. */
export function rateText(perSecond: number): string {
  return perSecond >= 100 ? integer(perSecond) : String(Number(perSecond.toPrecision(3)))
}

/** What an audit line says beyond its act; details that are not known here are shown as they are. */
function detailsOf(action: string, wire: WireReader | null): string | null {
  const entries = wire?.entries() ?? []
  if (entries.length === 0) return null
  const values = new Map(entries)
  const [events, planned] = [values.get('count'), values.get('planned')]
  const [before, after] = [values.get('before'), values.get('after')]
  if (action === 'plan' && typeof events === 'number') return count(events, 'event')
  if (action === 'confirm' && typeof events === 'number' && typeof planned === 'number')
    return `${count(events, 'event')} of ${integer(planned)} planned`
  if (action === 'rate' && typeof before === 'number' && typeof after === 'number')
    return `from ${rateText(before)} to ${rateText(after)} per second`
  const from = values.get('from')
  if (typeof from === 'string' && from in operationStates)
    return `it was ${operationStates[from as keyof typeof operationStates].word}`
  return entries.map(([name, value]) => `${name} ${JSON.stringify(value)}`).join(', ')
}

const verbs: Readonly<Record<OperationKind, string>> = {
  redrive: 'Redrive',
  replay: 'Replay',
  edit: 'Edit and redrive',
  republish: 'Publish again',
}

/** The act in words, as its button says it: `Redrive 41 events to group analytics`. */
export function inWords(operation: Operation): string {
  const { kind, group, service } = operation
  const events = count(operation.count, 'event')
  if (group === null) return `${verbs[kind]}: ${events} of ${service}`
  return `${verbs[kind]} ${events} to group ${group}`
}

export function titleOf({ kind, group, service }: Operation): string {
  return group === null ? `${verbs[kind]} from ${service}` : `${verbs[kind]} to ${group}`
}

/** Who carries it out. */
export function actorOf({ group, service }: Operation): string {
  return group === null ? `the relay of ${service}` : `a consumer of ${group}`
}

/** Where a record lies, as far as it is known: `orders/3@17`, or the topic alone. */
export function placeOf(event: {
  readonly topic: string
  readonly partition: number | null
  readonly offset: string | null
}): string {
  const { topic, partition, offset } = event
  return partition === null || offset === null ? topic : `${topic}/${partition}@${offset}`
}

/** The same once more, as things stand now; null for an edit, whose payload is not shown again. */
export function planAgain(operation: Operation): PlanRequest | null {
  if (operation.kind === 'edit') return null
  const { cutOff: _cutOff, ...request } = operation.request
  const { service, kind, group } = operation
  return { ...request, service, kind, ...(group !== null && { group }) }
}

/** How far it is, 0 to 1. */
export function shareDone({ progress }: Operation): number {
  const { total, waiting, released } = progress
  return total === 0 ? 0 : (total - waiting - released) / total
}

/** It changes by itself. */
export function isOpen({ state }: Operation): boolean {
  return ['PLANNED', 'CONFIRMED', 'RUNNING', 'PAUSED'].includes(state)
}

/** `2026-11-21T20:15:00` of a field, in the reader's zone, as ISO 8601; undefined when it is no time. */
export function isoOfLocal(text: string): string | undefined {
  const timeMs = Date.parse(text)
  return Number.isNaN(timeMs) ? undefined : new Date(timeMs).toISOString()
}

/** A time as such a field holds it. */
export function localOf(timeMs: number): string {
  const date = new Date(timeMs)
  const local = new Date(timeMs - date.getTimezoneOffset() * 60_000)
  return local.toISOString().slice(0, 19)
}
