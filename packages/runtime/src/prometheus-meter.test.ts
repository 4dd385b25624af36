import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PrometheusMeter } from './prometheus-meter.ts'

test('meter: asking twice for one name gives the same instrument', async () => {
  const meter = new PrometheusMeter()
  meter.counter({ name: 'mr_a_total', help: 'A.' }).add(1)
  meter.counter({ name: 'mr_a_total', help: 'A.' }).add(2)
  assert.match(await meter.scrape(), /^mr_a_total 3$/m)
})

test('meter: services in one process do not mix, and share the figures of the process', async () => {
  const [one, other] = [new PrometheusMeter(), new PrometheusMeter()]
  one.counter({ name: 'mr_a_total', help: 'A.' }).add(1)
  assert.ok(!(await other.scrape()).includes('mr_a_total'))
  for (const meter of [one, other])
    assert.equal((await meter.scrape()).match(/^process_cpu_seconds_total /gm)?.length, 1)
})

test('meter: labels and buckets arrive', async () => {
  const meter = new PrometheusMeter()
  meter
    .histogram({ name: 'mr_wait_seconds', help: 'Wait.', labelNames: ['topic'], buckets: [0.1, 1] })
    .observe(0.5, { topic: 't' })
  assert.match(await meter.scrape(), /mr_wait_seconds_bucket\{le="1",topic="t"\} 1/)
})

test('meter: a gauge is collected at each scrape', async () => {
  const meter = new PrometheusMeter()
  let pending = 0
  meter.gauge({ name: 'mr_pending', help: 'Pending.', collect: (gauge) => gauge.set(++pending) })
  await meter.scrape()
  assert.match(await meter.scrape(), /^mr_pending 2$/m)
})

test('meter: a gauge that cannot be collected is NaN or left out, never its last value, and hides no other', async () => {
  const meter = new PrometheusMeter()
  let isAway = false
  const collect = (set: () => void): void => {
    if (isAway) throw new Error('away')
    set()
  }
  meter.gauge({ name: 'mr_plain', help: 'P.', collect: (gauge) => collect(() => gauge.set(1)) })
  meter.gauge({
    name: 'mr_labelled',
    help: 'L.',
    labelNames: ['topic'],
    collect: (gauge) => collect(() => gauge.set(1, { topic: 't' })),
  })
  meter.gauge({ name: 'mr_hangs', help: 'H.', collect: () => new Promise(() => {}) })
  meter.counter({ name: 'mr_fine_total', help: 'F.' }).add(1)
  assert.match(await meter.scrape(), /^mr_plain 1$/m)
  isAway = true
  const text = await meter.scrape()
  assert.match(text, /^mr_plain Nan$/im)
  assert.ok(!/^mr_labelled\{/m.test(text))
  assert.match(text, /^mr_hangs Nan$/im)
  assert.match(text, /^mr_fine_total 1$/m)
})
