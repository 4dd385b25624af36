import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLogger, systemClock, type Meter } from '@millrace/core'
import { deployed, namesIn } from '../test/deployed-queries.ts'
import { Pausing } from './pausing.ts'
import { SagaMetrics } from './saga-metrics.ts'

/** Prometheus puts these on every series; `le` is a histogram's. */
const givenLabels = ['job', 'instance', 'le']

/** The saga's own series with their labels; those of stream apps are compared with a running one. */
function registeredSeries(): ReadonlyMap<string, readonly string[]> {
  const series = new Map<string, readonly string[]>()
  const meter: Meter = {
    counter: ({ name, labelNames = [] }) => {
      series.set(name, labelNames)
      return { add: () => {} }
    },
    gauge: ({ name, labelNames = [] }) => {
      series.set(name, labelNames)
      return { set: () => {} }
    },
    histogram: ({ name, labelNames = [] }) => {
      for (const suffix of ['bucket', 'sum', 'count']) series.set(`${name}_${suffix}`, labelNames)
      return { observe: () => {} }
    },
  }
  const clock = systemClock
  void [
    new SagaMetrics(meter),
    new Pausing({ clock, logger: silentLogger, meter, apply: () => {} }),
  ]
  return series
}

test('dashboard and alerts of the saga: each query names series that it registers, by labels they have', async () => {
  const series = registeredSeries()
  const faults = (await deployed()).flatMap(({ title, expr, legend }) => {
    const labels = [
      ...expr.matchAll(/by \(([^)]+)\)/g),
      ...legend.matchAll(/\{\{(\w+)\}\}/g),
    ].flatMap(([, list = '']) => list.split(',').map((each) => each.trim()))
    return namesIn(expr)
      .filter((name) => name.startsWith('mr_order_saga_'))
      .flatMap((name) => {
        const known = series.get(name)
        if (!known) return [`${title}: nothing registers ${name}`]
        return labels
          .filter((label) => ![...known, ...givenLabels].includes(label))
          .map((label) => `${title}: ${name} has no label ${label}`)
      })
  })
  assert.deepEqual(faults, [])
})

test('dashboard and alerts of the saga: they show each series that it registers', async () => {
  const shown = new Set((await deployed()).flatMap(({ expr }) => namesIn(expr)))
  const missing = [...registeredSeries().keys()].filter(
    (name) => !shown.has(name) && !/_(sum|count)$/.test(name),
  )
  assert.deepEqual(missing, [])
})
