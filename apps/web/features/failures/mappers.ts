import { WireReader } from '../../lib/wire.ts'
import { readEvent, readUnreachable } from '../event-log/mappers.ts'
import type { TrackedEvent } from '../event-log/model.ts'
import { toPayloads } from '../journey/mappers.ts'
import {
  failureRanges,
  type FailedEvent,
  type FailedPayload,
  type FailureDetail,
  type FailureGroup,
  type Failures,
  type FailureSide,
  type RefusedEvent,
  type TrendPoint,
} from './model.ts'

export function toFailures(body: unknown): Failures {
  return readFailures(new WireReader(body, 'failures'))
}

export function toFailureDetail(body: unknown, fingerprint: string): FailureDetail {
  const wire = new WireReader(body, 'failure')
  const failures = wire.objectOrNull('failures')
  if (failures === null) throw new TypeError('failure.failures should be an object, got nothing')
  const events = wire.list('events', readEvent)
  return {
    failures: readFailures(failures),
    refused: events.flatMap((event) => refusedOf(event, fingerprint)),
    events: events.flatMap((event) => failedOf(event, fingerprint)),
  }
}

function refusedOf(event: TrackedEvent, fingerprint: string): readonly RefusedEvent[] {
  const { production } = event
  if (production === null || production.fingerprint !== fingerprint) return []
  return [{ key: event.eventId, event, production }]
}

/** What the groups that failed so made of the event. */
function failedOf(event: TrackedEvent, fingerprint: string): readonly FailedEvent[] {
  return event.consumptions
    .filter((each) => each.fingerprint === fingerprint)
    .map((consumption) => ({ key: `${event.eventId} ${consumption.group}`, event, consumption }))
}

function readFailures(wire: WireReader): Failures {
  return {
    fromMs: wire.time('from'),
    toMs: wire.time('to'),
    bucketMs: wire.number('bucketMs'),
    items: wire.list('items', readGroup),
    isComplete: wire.flag('isComplete'),
    unreachable: wire.list('unreachable', readUnreachable),
  }
}

function readGroup(wire: WireReader): FailureGroup {
  return {
    side: wire.text('side') === 'production' ? 'production' : 'consumption',
    database: wire.text('database'),
    fingerprint: wire.text('fingerprint'),
    errorClass: wire.text('errorClass'),
    firstLine: wire.text('firstLine'),
    failed: wire.number('failed'),
    retrying: wire.number('retrying'),
    parked: wire.numberOrNull('parked'),
    firstSeenAtMs: wire.time('firstSeenAt'),
    lastSeenAtMs: wire.time('lastSeenAt'),
    topics: wire.texts('topics'),
    eventTypes: wire.texts('eventTypes'),
    consumerGroups: wire.texts('consumerGroups'),
    trend: wire.list('trend', (point) => ({
      atMs: point.time('at'),
      count: point.number('count'),
    })),
  }
}

/** The value of an event as `group` has it, with what was noted of it. */
export function toFailedPayload(body: unknown, group: string): FailedPayload | null {
  const shown = toPayloads(body).consumptions.find((each) => each.group === group)?.payload
  if (shown == null) return null
  const rows = new WireReader(body, 'event').list('consumptions', (row) => ({
    group: row.text('consumerGroup'),
    notes: notesOf(row.objectOrNull('metadata')),
  }))
  const notes = rows.find((each) => each.group === group)?.notes ?? []
  const isBase64 = notes.some(([name, value]) => name === 'payloadEncoding' && value === 'base64')
  if (!isBase64) return { payload: shown, bytes: null, notes }
  const bytes = Uint8Array.from(atob(shown.text), (char) => char.charCodeAt(0))
  const text = new TextDecoder().decode(bytes)
  return { payload: { ...shown, text, sizeBytes: bytes.length }, bytes, notes }
}

/** The value of an event as it was written, with what was noted of it. */
export function toRefusedPayload(body: unknown): FailedPayload | null {
  const shown = toPayloads(body).production
  if (shown === null) return null
  const row = new WireReader(body, 'event').objectOrNull('production')
  return { payload: shown, bytes: null, notes: notesOf(row?.objectOrNull('metadata') ?? null) }
}

function notesOf(wire: WireReader | null): readonly (readonly [string, string])[] {
  return (wire?.entries() ?? []).map(([name, value]) => [
    name,
    typeof value === 'string' ? value : JSON.stringify(value),
  ])
}

/** Bytes of a row of the dump. */
const dumpWidth = 8
/** Bytes shown at most. */
export const dumpLimit = 4_096

/** Bytes as people read them: place, hex, and the printable ones as text. */
export function hexDump(bytes: Uint8Array): string {
  const rows: string[] = []
  for (let at = 0; at < Math.min(bytes.length, dumpLimit); at += dumpWidth) {
    const row = [...bytes.subarray(at, Math.min(at + dumpWidth, dumpLimit))]
    const hex = row.map((byte) => byte.toString(16).padStart(2, '0')).join(' ')
    const text = row.map((byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '·'))
    rows.push(`${at.toString(16).padStart(6, '0')}  ${hex.padEnd(dumpWidth * 3)} ${text.join('')}`)
  }
  return rows.join('\n')
}

/** The first frame of a stack that is code of one's own: no library, nothing of Node's. */
export function ownFrame(stack: string | null): string | null {
  const frames = (stack ?? '').split('\n').filter((line) => /^\s*at /.test(line))
  const own = frames.find((line) => !/node:|node_modules/.test(line))
  return (own ?? frames[0])?.trim() ?? null
}

/** Amounts over the whole range in `columns` columns, for a small chart. */
export function trendColumns(
  trend: readonly TrendPoint[],
  range: { readonly fromMs: number; readonly toMs: number },
  columns: number,
): readonly number[] {
  const counts = Array.from({ length: columns }, () => 0)
  const widthMs = Math.max(1, (range.toMs - range.fromMs) / columns)
  for (const { atMs, count } of trend) {
    const column = Math.floor((atMs - range.fromMs) / widthMs)
    // A bucket may begin before the range does.
    const inside = Math.min(columns - 1, Math.max(0, column))
    counts[inside] = (counts[inside] ?? 0) + count
  }
  return counts
}

export function ofSide(items: readonly FailureGroup[], side: FailureSide): readonly FailureGroup[] {
  return items.filter((each) => each.side === side)
}

/** Failures in which the text stands, in whatever they are named by. */
export function matching(
  items: readonly FailureGroup[],
  text: string | undefined,
): readonly FailureGroup[] {
  const wanted = text?.trim().toLowerCase() ?? ''
  if (wanted === '') return items
  return items.filter((each) =>
    [
      each.errorClass,
      each.firstLine,
      each.fingerprint,
      each.database,
      ...each.topics,
      ...each.eventTypes,
      ...each.consumerGroups,
    ].some((name) => name.toLowerCase().includes(wanted)),
  )
}

export function failureRangeOf(value: string | undefined): (typeof failureRanges)[number] {
  return failureRanges.find((each) => each.value === value) ?? failureRanges[0]
}

/** A failed event for a ticket or a chat. */
export function toMarkdown({ event, consumption }: FailedEvent): string {
  const { errorClass, errorMessage, stack, attempts, group, topic } = { ...consumption, ...event }
  return [
    `**${errorClass ?? 'Error'}: ${(errorMessage ?? '').split('\n')[0]}**`,
    '',
    `- event \`${event.eventId}\` (${event.eventType})`,
    `- \`${topic}/${consumption.partition}@${consumption.offset}\`, key \`${event.key ?? '–'}\``,
    `- group \`${group}\`, ${attempts} attempts, ${consumption.status}`,
    `- correlation \`${event.correlationId ?? '–'}\``,
    ...(stack === null ? [] : ['', '```', stack, '```']),
  ].join('\n')
}
