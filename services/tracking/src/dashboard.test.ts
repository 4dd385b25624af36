import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { servicePorts } from '@millrace/contracts'
import { silentLogger, systemClock, type Meter } from '@millrace/core'
import { ContractRegistry } from '@millrace/events'
import { createInbox } from '@millrace/inbox'
import { createOutbox } from '@millrace/outbox'
import { openDatabase } from '@millrace/postgres'
import { AlertMonitor } from './alerts/alert-monitor.ts'
import { gaugeFigures } from './metrics.ts'

interface Dashboard {
  readonly panels: readonly {
    readonly title: string
    readonly targets: readonly { readonly expr: string; readonly legendFormat: string }[]
  }[]
}

/** Prometheus puts these on every series; `le` is a histogram's. */
const givenLabels = ['job', 'instance', 'le']

/** Every series that outbox, inbox and tracking register, with its labels. */
function registeredSeries(): ReadonlyMap<string, readonly string[]> {
  const series = new Map<string, readonly string[]>()
  const note = (name: string, labelNames: readonly string[] = []): void =>
    void series.set(name, labelNames)
  const meter: Meter = {
    counter: ({ name, labelNames }) => {
      note(name, labelNames)
      return { add: () => {} }
    },
    gauge: ({ name, labelNames }) => {
      note(name, labelNames)
      return { set: () => {} }
    },
    histogram: ({ name, labelNames }) => {
      for (const suffix of ['bucket', 'sum', 'count']) note(`${name}_${suffix}`, labelNames)
      return { observe: () => {} }
    },
  }
  const database = openDatabase({ url: 'postgres://nobody@127.0.0.1:1/none', applicationName: 'x' })
  const outbox = createOutbox({ database, serviceName: 'x', meter })
  createInbox({
    database,
    serviceName: 'x',
    groupId: 'x',
    contracts: new ContractRegistry([]),
    meter,
  }).consume({
    kafka: { brokers: ['127.0.0.1:1'], clientId: 'x' },
    topics: ['x'],
    handler: () => Promise.resolve(),
  })
  const monitor = new AlertMonitor({
    readFigures: () => Promise.resolve([]),
    database,
    outbox,
    thresholds: { pendingCount: 1, pendingAgeMs: 1, processingCount: 1, failurePercent: 1 },
    intervalMs: 1_000,
    holdMs: 0,
    logger: silentLogger,
    meter,
    clock: systemClock,
  })
  gaugeFigures(meter, monitor)
  return series
}

/** Names of series in an expression; one matched by a pattern stands for each of its alternatives. */
function namesIn(expr: string): readonly string[] {
  const plain = expr.replaceAll(/\{__name__=~"([^"]+)"[^}]*\}/g, (_all, pattern: string) => {
    const [, before = '', choices = '', after = ''] = /^(\w+)\(([\w|]+)\)(\w+)$/.exec(pattern) ?? []
    return ` ${choices
      .split('|')
      .map((choice) => before + choice + after)
      .join(' ')} `
  })
  return plain.match(/\bmr_\w+/g) ?? []
}

const readDashboard = async (): Promise<Dashboard> =>
  JSON.parse(
    await readFile(new URL('../../../deploy/grafana/event-tracking.json', import.meta.url), 'utf8'),
  ) as Dashboard

test('dashboard: each query names series that the code registers, by labels they have', async () => {
  const series = registeredSeries()
  const { panels } = await readDashboard()
  const faults = panels.flatMap(({ title, targets }) =>
    targets.flatMap(({ expr, legendFormat }) => {
      const names = namesIn(expr)
      if (names.length === 0) return [`${title}: no series in ${expr}`]
      const labels = [
        ...expr.matchAll(/by \(([^)]+)\)/g),
        ...legendFormat.matchAll(/\{\{(\w+)\}\}/g),
      ].flatMap(([, list = '']) => list.split(',').map((each) => each.trim()))
      return names.flatMap((name) => {
        const known = series.get(name)
        if (!known) return [`${title}: nothing registers ${name}`]
        const allowed = [...known, ...givenLabels]
        return labels
          .filter((label) => !allowed.includes(label))
          .map((label) => `${title}: ${name} has no label ${label}`)
      })
    }),
  )
  assert.deepEqual(faults, [])
})

test('dashboard: it shows every metric that the requirement names', async () => {
  const { panels } = await readDashboard()
  const shown = new Set(
    panels.flatMap((panel) => panel.targets.flatMap((each) => namesIn(each.expr))),
  )
  for (const name of [
    'mr_outbox_created_total',
    'mr_outbox_published_total',
    'mr_outbox_failed_total',
    'mr_outbox_publish_latency_seconds_sum',
    'mr_outbox_publish_retries_total',
    'mr_inbox_processed_total',
    'mr_inbox_failed_total',
    'mr_inbox_handler_seconds_sum',
    'mr_inbox_failed_attempts_total',
    'mr_tracking_pending',
    'mr_tracking_processing',
    'mr_tracking_window_failed',
    'mr_tracking_window_handled',
  ])
    assert.ok(shown.has(name), name)
})

test('prometheus: every service is scraped, at its own port', async () => {
  const text = await readFile(
    new URL('../../../deploy/prometheus/prometheus.yml', import.meta.url),
    'utf8',
  )
  for (const [name, port] of Object.entries(servicePorts))
    assert.match(text, new RegExp(`job_name: ${name}\\n.*:${port}'`))
})
