import { count, duration, integer } from '../../lib/format.ts'
import { WireReader } from '../../lib/wire.ts'
import { readArchived, readEvent, readUnreachable } from '../event-log/mappers.ts'
import type { Consumption, TrackedEvent } from '../event-log/model.ts'
import type {
  Arrow,
  DiffLine,
  EventPayloads,
  Hop,
  Journey,
  Sentence,
  ShownPayload,
  Span,
  SpanKind,
} from './model.ts'

export function toJourney(body: unknown): Journey {
  const wire = new WireReader(body, 'journey')
  const kind = wire.text('kind')
  const state = wire.text('state')
  return {
    id: wire.text('id'),
    kind: kind === 'event' || kind === 'business' ? kind : 'correlation',
    correlationIds: textsOf(body, 'correlationIds'),
    state: (['done', 'failed'] as const).find((each) => each === state) ?? 'under-way',
    beganAtMs: wire.time('beganAt'),
    lastAtMs: wire.time('lastAt'),
    durationMs: wire.number('durationMs'),
    services: textsOf(body, 'services'),
    isCut: wire.flag('isCut'),
    isClockSkewed: wire.flag('isClockSkewed'),
    steps: wire.list('steps', (step) => ({
      ...readEvent(step),
      parentId: step.textOrNull('parentId'),
      depth: step.number('depth'),
    })),
    archived: wire.list('archived', readArchived),
    unreachable: wire.list('unreachable', readUnreachable),
  }
}

function textsOf(body: unknown, key: string): readonly string[] {
  const value = (body as Readonly<Record<string, unknown>>)[key]
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : []
}

export function toPayloads(body: unknown): EventPayloads {
  const wire = new WireReader(body, 'event').objectOrNull('payloads')
  if (wire === null) return { production: null, consumptions: [] }
  return {
    production: readPayload(wire.objectOrNull('production')),
    consumptions: wire.list('consumptions', (row) => ({
      group: row.text('consumerGroup'),
      isSame: row.flag('isSame'),
      payload: readPayload(row.objectOrNull('payload')),
    })),
  }
}

function readPayload(wire: WireReader | null): ShownPayload | null {
  return (
    wire && {
      text: wire.text('text'),
      isMasked: wire.flag('isMasked'),
      sizeBytes: wire.number('sizeBytes'),
    }
  )
}

/** "Only what is under way can still change" holds a while longer than it says: the next event may be about to come. */
const quietMs = 10_000

export function isQuiet(journey: Journey, nowMs: number): boolean {
  return journey.state !== 'under-way' && nowMs - journey.lastAtMs > quietMs
}

/** What happened to an event, in sentences, in the order in which it did. */
export function storyOf(event: TrackedEvent): readonly Sentence[] {
  return [
    ...producedSentences(event),
    ...event.consumptions.flatMap((row) => [
      ...consumedSentences(event, row),
      ...repeatSentences(row),
    ]),
  ]
}

function producedSentences(event: TrackedEvent): readonly Sentence[] {
  const { production } = event
  if (production === null)
    return [plain(null, 'It was written elsewhere; no production log that is tracked holds it.')]
  const about =
    event.aggregateId === null ? '' : ` about ${event.aggregateType ?? ''} ${event.aggregateId}`
  const written = plain(
    production.createdAtMs,
    `${production.service} wrote ${event.eventType}${about.replaceAll('  ', ' ')}, together with its own rows.`,
  )
  const place =
    production.partition === null
      ? event.topic
      : `${event.topic}, partition ${production.partition}, offset ${production.offset ?? '–'}`
  switch (production.status) {
    case 'PUBLISHED':
      return [
        written,
        plain(
          production.publishedAtMs,
          `After ${duration(event.waits.outboxMs)} in the outbox it was published to ${place}.`,
          'good',
        ),
      ]
    case 'FAILED':
      return [
        written,
        {
          ...plain(
            production.updatedAtMs,
            `The broker refused it after ${count(production.retryCount, 'attempt')}.`,
            'bad',
          ),
          detail: production.errorMessage,
        },
      ]
    case 'PARKED':
      return [
        written,
        plain(
          production.updatedAtMs,
          'It is parked: an earlier event of its key failed, and order is kept.',
          'attention',
        ),
      ]
    case 'RETRY':
      return [
        written,
        {
          ...plain(production.nextRetryAtMs, 'It is sent again.', 'busy'),
          detail: production.errorMessage,
        },
      ]
    case 'PENDING':
    case 'PUBLISHING':
      return [written, plain(null, 'It waits in the outbox for the relay.', 'attention')]
  }
}

function consumedSentences(event: TrackedEvent, row: Consumption): readonly Sentence[] {
  const { group, waits } = row
  const after =
    waits.brokerMs === null
      ? ''
      : waits.brokerMs === 0
        ? ', even before the relay had noted the receipt'
        : ` ${duration(waits.brokerMs)} later`
  const who = event.production?.service === group ? `${group} itself` : group
  const received = plain(row.receivedAtMs, `${who} received it${after}.`)
  switch (row.status) {
    case 'PROCESSED': {
      const tries = row.attempts > 1 ? ` at attempt ${row.attempts} of ${row.maxRetries + 1}` : ''
      const wait = (waits.retryMs ?? 0) >= 1 ? `, after ${duration(waits.retryMs)} of waiting` : ''
      return [
        received,
        plain(
          row.processedAtMs,
          `${group} handled it${tries} in ${duration(row.processingTimeMs)}${wait}.`,
          'good',
        ),
      ]
    }
    case 'FAILED':
      return [
        received,
        {
          ...plain(
            row.updatedAtMs,
            `${group} gave it up after ${count(row.attempts, 'attempt')}${errorOf(row)}.`,
            'bad',
          ),
          detail: row.stack ?? row.errorMessage,
        },
      ]
    case 'RECEIVED':
      return [
        received,
        row.errorMessage === null
          ? plain(null, `It waits for ${group}.`, 'attention')
          : {
              ...plain(
                row.nextRetryAtMs,
                `Attempt ${row.attempts} of ${row.maxRetries + 1} failed${errorOf(row)}; the next one follows.`,
                'attention',
              ),
              detail: row.stack ?? row.errorMessage,
            },
      ]
    case 'PROCESSING':
      return [received, plain(null, `${group} is at work on it.`, 'busy')]
    case 'PARKED':
      return [
        received,
        plain(
          row.updatedAtMs,
          `It is parked at ${group}: an earlier event of its key failed, and order is kept.`,
          'attention',
        ),
      ]
    case 'SKIPPED':
      return [
        plain(row.receivedAtMs, `${group} skipped it: already done, or of no use there.`, 'quiet'),
      ]
  }
}

/** Deliveries beyond the first: what became of the event, they did not touch. */
function repeatSentences({ group, receivedAtMs, repeats }: Consumption): readonly Sentence[] {
  if (repeats === null) return []
  const { count: repeatCount, firstAtMs, lastAtMs, topic, partition, offset } = repeats
  const last = `${topic}, partition ${partition}, offset ${offset}`
  const again = duration(Math.max(0, firstAtMs - receivedAtMs))
  const where =
    repeatCount === 1
      ? `again ${again} after the first time, from ${last}. The repeat was skipped`
      : `first again ${again} after the first time, last from ${last}. The repeats were skipped`
  return [
    plain(
      lastAtMs,
      `${group} got it ${integer(repeatCount + 1)} times: ${where}, since it knew the event.`,
    ),
  ]
}

function errorOf(row: Consumption): string {
  const message = row.errorMessage?.split('\n', 1)[0]
  if (row.errorClass === null && message === undefined) return ''
  return `: ${[row.errorClass, message].filter(Boolean).join(': ')}`
}

function plain(atMs: number | null, text: string, tone: Sentence['tone'] = 'quiet'): Sentence {
  return { atMs, text, tone, detail: null }
}

/** The journey as lines of spans: one for each group that an event went to. */
export function hopsOf(journey: Journey, nowMs: number): readonly Hop[] {
  return journey.steps.flatMap((step): readonly Hop[] => {
    const begin = step.production?.createdAtMs ?? step.atMs
    const shared = { eventId: step.eventId, label: step.eventType, depth: step.depth }
    if (step.consumptions.length === 0) {
      const spans = spansOf(begin, [['outbox', step.waits.outboxMs]], nowMs)
      return [
        {
          ...shared,
          key: step.eventId,
          group: null,
          spans,
          totalMs: null,
          isClockSkewed: step.waits.isClockSkewed,
        },
      ]
    }
    return step.consumptions.map((row) => ({
      ...shared,
      key: `${step.eventId} ${row.database} ${row.group}`,
      group: row.group,
      spans: spansOf(
        begin,
        [
          ['outbox', row.waits.outboxMs],
          ['broker', row.waits.brokerMs],
          ...(row.status === 'SKIPPED'
            ? []
            : ([
                ['retry', row.waits.retryMs],
                ['handler', row.waits.handlerMs],
              ] as const)),
        ],
        nowMs,
      ),
      totalMs: row.waits.totalMs,
      isClockSkewed: row.waits.isClockSkewed,
    }))
  })
}

/** Spans one after the other; the first that is not over reaches to the present. */
function spansOf(
  beginMs: number,
  parts: readonly (readonly [SpanKind, number | null])[],
  nowMs: number,
): readonly Span[] {
  const spans: Span[] = []
  let atMs = beginMs
  for (const [kind, ms] of parts) {
    const isOpen = ms === null
    const endMs = isOpen ? Math.max(atMs, nowMs) : atMs + ms
    spans.push({ kind, beginMs: atMs, endMs, isOpen })
    if (isOpen) break
    atMs = endMs
  }
  return spans
}

/** Who told whom what, in the order in which it happened. */
export function arrowsOf(journey: Journey): readonly Arrow[] {
  const arrows = journey.steps.flatMap((step): readonly Arrow[] => {
    const { production } = step
    const written: readonly Arrow[] =
      production === null
        ? []
        : [
            {
              key: `${step.eventId} out`,
              eventId: step.eventId,
              from: production.service,
              to: step.topic,
              label: step.eventType,
              atMs: production.publishedAtMs ?? production.createdAtMs,
              tone:
                production.status === 'PUBLISHED'
                  ? 'good'
                  : production.status === 'FAILED'
                    ? 'bad'
                    : 'attention',
              sentence: `${production.service} to ${step.topic}: ${step.eventType}, ${production.status.toLowerCase()}`,
            },
          ]
    return [
      ...written,
      ...step.consumptions.map((row): Arrow => ({
        key: `${step.eventId} ${row.database} ${row.group}`,
        eventId: step.eventId,
        from: step.topic,
        to: row.group,
        label:
          row.status === 'PROCESSED' ? duration(row.processingTimeMs) : row.status.toLowerCase(),
        // It is on its topic before anybody takes it, whatever the clocks say.
        atMs: Math.max(row.receivedAtMs, written[0]?.atMs ?? 0),
        tone:
          row.status === 'PROCESSED'
            ? 'good'
            : row.status === 'FAILED'
              ? 'bad'
              : row.status === 'SKIPPED'
                ? 'quiet'
                : 'attention',
        sentence: `${step.topic} to ${row.group}: ${step.eventType}, ${row.status.toLowerCase()}`,
      })),
    ]
  })
  return arrows.toSorted((a, b) => a.atMs - b.atMs)
}

/** JSON with two blanks for people; any other text as it is. Never parsed into numbers: big ones would change. */
export function pretty(text: string): string {
  try {
    JSON.parse(text)
  } catch {
    return text
  }
  let depth = 0
  let isText = false
  let out = ''
  for (let at = 0; at < text.length; at++) {
    const char = text[at] as string
    if (isText) {
      out += char
      if (char === '\\') out += text[++at] ?? ''
      else if (char === '"') isText = false
      continue
    }
    if (/\s/.test(char)) continue
    if (char === '"') {
      isText = true
      out += char
    } else if (char === '{' || char === '[') {
      const isEmpty = /^\s*[}\]]/.test(text.slice(at + 1, at + 40))
      depth += 1
      out += isEmpty ? char : `${char}\n${'  '.repeat(depth)}`
    } else if (char === '}' || char === ']') {
      depth -= 1
      out += /[{[]$/.test(out) ? char : `\n${'  '.repeat(depth)}${char}`
    } else if (char === ',') out += `,\n${'  '.repeat(depth)}`
    else out += char === ':' ? ': ' : char
  }
  return out
}

/** Lines of two texts, those alike once (longest common subsequence; texts beyond the limit are shown one after the other). */
export function diffOf(before: string, after: string): readonly DiffLine[] {
  const a = before.split('\n')
  const b = after.split('\n')
  if (a.length * b.length > 1_000_000)
    return [
      ...a.map((text): DiffLine => ({ mark: '-', text })),
      ...b.map((text): DiffLine => ({ mark: '+', text })),
    ]
  const common = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1))
  const at = (i: number, j: number): number => common[i]?.[j] ?? 0
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--) {
      const row = common[i]
      if (row) row[j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1))
    }
  const lines: DiffLine[] = []
  let i = 0
  let j = 0
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push({ mark: ' ', text: a[i] as string })
      i += 1
      j += 1
    } else if (j >= b.length || (i < a.length && at(i + 1, j) >= at(i, j + 1))) {
      lines.push({ mark: '-', text: a[i++] as string })
    } else lines.push({ mark: '+', text: b[j++] as string })
  }
  return lines
}

/** The story to paste into an issue. */
export function toMarkdown(journey: Journey): string {
  const iso = (ms: number | null): string => (ms === null ? '' : `${new Date(ms).toISOString()} `)
  const steps = journey.steps.flatMap((step) => [
    `${'  '.repeat(step.depth)}- **${step.eventType}** \`${step.eventId}\``,
    ...storyOf(step).map(
      (sentence) => `${'  '.repeat(step.depth + 1)}- ${iso(sentence.atMs)}${sentence.text}`,
    ),
  ])
  return [
    `Journey of \`${journey.id}\`: ${journey.state}, ${duration(journey.durationMs)}`,
    '',
    ...steps,
  ].join('\n')
}
