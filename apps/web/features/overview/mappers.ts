import { WireReader } from '../../lib/wire.ts'
import {
  type Overview,
  type Part,
  partNames,
  type PartName,
  type PartState,
  type Relay,
  type Shop,
  type ShopFlow,
  shopReaders,
  type StartState,
  startStates,
  type StartStep,
  type TopicLoad,
} from './model.ts'

/** The gateway's `overview` answer. A part it says nothing of is "not known", never "ready". */
export function toOverview(body: unknown): Overview {
  const wire = new WireReader(body, 'overview')
  const reported = new Map(wire.list('parts', readPart).map((part) => [part.name, part]))
  const rates = wire.objectOrNull('rates')
  const totals = wire.objectOrNull('totals')
  return {
    atMs: wire.time('at'),
    parts: partNames.map((name) => reported.get(name) ?? { name, state: 'unknown', reason: null }),
    rates: {
      requests: rates?.numberOrNull('requestsPerSecond') ?? null,
      created: rates?.numberOrNull('eventsCreatedPerSecond') ?? null,
      published: rates?.numberOrNull('publishedPerSecond') ?? null,
      processed: rates?.numberOrNull('processedPerSecond') ?? null,
    },
    totals: {
      created: totals?.numberOrNull('eventsCreated') ?? null,
      published: totals?.numberOrNull('published') ?? null,
      processed: totals?.numberOrNull('processed') ?? null,
    },
    standing: {
      pending: wire.numberOrNull('pending'),
      oldestPendingAgeMs: wire.numberOrNull('oldestPendingAgeMs'),
      failed: wire.numberOrNull('failed'),
      lagRecords: wire.numberOrNull('lagRecords'),
      duplicatesSkipped: wire.numberOrNull('duplicatesSkipped'),
    },
    topics: wire.list('topics', readTopic),
    shop: readShop(wire.objectOrNull('shop')),
    relay: readRelay(
      wire.objectOrNull('relay'),
      (rates?.numberOrNull('publishedPerSecond') ?? 0) > 0,
    ),
    start: wire.objectOrNull('start')?.list('parts', readStep) ?? [],
  }
}

function readPart(wire: WireReader): Part {
  const reason = wire.textOrNull('reason')
  return {
    name: wire.text('name') as PartName,
    state: stateOf(wire.textOrNull('state'), reason),
    reason,
  }
}

/** Up with a reason is up, but not as it should be: one of two instances, say. */
function stateOf(word: string | null, reason: string | null): PartState {
  if (word === 'up') return reason === null ? 'ready' : 'degraded'
  return word === 'starting' || word === 'down' ? word : 'unknown'
}

function readTopic(wire: WireReader): TopicLoad {
  return {
    name: wire.text('name'),
    partitions: wire.list('partitions', (item) => ({
      partition: item.number('partition'),
      endOffset: item.numberOrNull('endOffset'),
      lagRecords: item.numberOrNull('lagRecords'),
    })),
  }
}

/** Nothing is known of a shop that the gateway does not speak of. */
function readShop(wire: WireReader | null): Shop {
  const lag = wire?.objectOrNull('lagRecords')
  const figure = (key: string): number | null => wire?.numberOrNull(key) ?? null
  return {
    rates: readFlow(wire?.objectOrNull('rates') ?? null, 'PerSecond'),
    totals: readFlow(wire?.objectOrNull('totals') ?? null, ''),
    openOrders: figure('openOrders'),
    isOpenCut: wire?.flag('isOpenCut') ?? false,
    oldestOpenAgeMs: figure('oldestOpenAgeMs'),
    pending: figure('pending'),
    failed: figure('failed'),
    lagRecords: Object.fromEntries(
      shopReaders.map((group) => [group, lag?.numberOrNull(group) ?? null]),
    ) as Shop['lagRecords'],
  }
}

function readFlow(wire: WireReader | null, suffix: string): ShopFlow {
  const figure = (key: string): number | null => wire?.numberOrNull(`${key}${suffix}`) ?? null
  return {
    placed: figure('placed'),
    paymentAnswers: figure('paymentAnswers'),
    stockAnswers: figure('stockAnswers'),
    decided: figure('decided'),
  }
}

/** A lane is mostly seen between two batches, so movement counts as publishing too. */
function readRelay(wire: WireReader | null, isMoving: boolean): Relay | null {
  if (wire === null) return null
  if (!wire.flag('isEnabled')) return { state: 'off', reason: null }
  const lanes = wire.list('lanes', (lane) => ({
    isPublishing: lane.textOrNull('state') === 'PUBLISHING',
    attempts: lane.numberOrNull('attempts') ?? 0,
    lastError: lane.textOrNull('lastError'),
  }))
  const failing = lanes.find(({ attempts }) => attempts > 0)
  if (failing !== undefined) return { state: 'retrying', reason: failing.lastError }
  const isPublishing = isMoving || lanes.some((lane) => lane.isPublishing)
  return { state: isPublishing ? 'publishing' : 'idle', reason: null }
}

function readStep(wire: WireReader): StartStep {
  const state = wire.textOrNull('state') ?? ''
  return {
    name: wire.text('name'),
    state: state in startStates ? (state as StartState) : 'waiting',
    detail: wire.textOrNull('detail') || null,
    tookMs: wire.numberOrNull('ms'),
  }
}
