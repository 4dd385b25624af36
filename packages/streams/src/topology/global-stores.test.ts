import assert from 'node:assert/strict'
import { test } from 'node:test'
import { text } from '../../test/streams-fixture.ts'
import { StreamsBuilder } from '../dsl/streams-builder.ts'
import type { GlobalKTable } from '../dsl/global-table.ts'
import type { ProcessorContext } from '../processor.ts'
import type { KeyValueStore, ReadonlyKeyValueStore } from '../state/key-value-store.ts'
import type { ValueAndTimestamp } from '../state/store.ts'
import { keyValueStore } from '../stores.ts'
import { TopologyTestDriver } from '../testing/topology-test-driver.ts'
import type { Topology } from './topology.ts'

const prices = keyValueStore({ name: 'prices', ...text })

/** A store filled by a processor that writes values in capitals; records run `act` on it. */
function topologyOf(
  act: (store: KeyValueStore<string, string>, value: string) => string,
): Topology {
  const builder = new StreamsBuilder()
  builder.addGlobalStore(prices, 'prices', text, () => {
    let store: KeyValueStore<string, string>
    return {
      init: (context) => void (store = context.store(prices)),
      process: ({ key, value }) => store.put(key, value.toUpperCase()),
    }
  })
  builder
    .stream('in', text)
    .process<string, string>(
      () => {
        let context: ProcessorContext<string, string>
        return {
          init: (given) => void (context = given),
          process: (record) =>
            context.forward({ ...record, value: act(context.store(prices), record.value) }),
        }
      },
      { name: 'asking' },
    )
    .to('out', text)
  return builder.build()
}

test('a global store is filled by its processor, and read by others that are not connected to it', () => {
  const topology = topologyOf((store, value) => {
    const all = [...store.range()].map(([key, price]) => `${key}=${price}`)
    return `${store.get(value) ?? 'none'} of ${all.join(' ')}, ${store.approximateEntryCount}`
  })
  const driver = new TopologyTestDriver(topology)
  driver.input('prices', text).pipe('tea', 'low')
  driver.input('prices', text).pipe('rice', 'high')
  driver.input('in', text).pipe('k', 'tea')
  assert.deepEqual(
    driver
      .output('out', text)
      .read()
      .map(({ value }) => value),
    ['LOW of rice=HIGH tea=LOW, 2'],
  )
  assert.deepEqual(
    driver.take().map(({ topic }) => topic),
    [],
    'a global store has no changelog',
  )
})

const writes: Readonly<Record<string, (store: KeyValueStore<string, string>) => unknown>> = {
  put: (store) => store.put('tea', 'free'),
  putIfAbsent: (store) => store.putIfAbsent('x', 'free'),
  delete: (store) => store.delete('tea'),
  close: (store) => store.close(),
}
for (const [method, write] of Object.entries(writes))
  test(`a global store is not changed by processors: ${method}`, () => {
    const caught: unknown[] = []
    const topology = topologyOf((store) => {
      try {
        write(store)
      } catch (error) {
        caught.push(error)
      }
      return 'done'
    })
    const driver = new TopologyTestDriver(topology)
    driver.input('prices', text).pipe('tea', 'low')
    driver.input('in', text).pipe('k', 'v')
    assert.deepEqual(
      caught.map((error) => (error as { code: unknown }).code),
      ['MR_STREAMS_READ_ONLY_STORE'],
    )
    assert.deepEqual([...driver.keyValueStore('prices').range()], [['tea', 'LOW']])
  })

test('a global table is looked up by processors with its types', () => {
  const builder = new StreamsBuilder()
  const table: GlobalKTable<string, string> = builder.globalTable('prices', text, 'by-name')
  builder
    .stream('in', text)
    .process<string, string>(() => {
      let context: ProcessorContext<string, string>
      let rows: ReadonlyKeyValueStore<string, ValueAndTimestamp<string>>
      return {
        init(given) {
          context = given
          rows = given.store(table)
          // @ts-expect-error what is looked up is not written
          assert.throws(() => rows.put('x', 'y', 1), { code: 'MR_STREAMS_READ_ONLY_STORE' })
        },
        process(record) {
          const row = rows.get(record.value)
          context.forward({ ...record, value: row ? `${row.value}@${row.timestamp}` : 'none' })
        },
      }
    })
    .to('out', text)
  const driver = new TopologyTestDriver(builder.build())
  driver.input('prices', text).pipe('tea', 'low', { timestamp: 7 })
  driver.input('in', text).pipe('k', 'tea')
  driver.input('in', text).pipe('k', 'rice')
  assert.deepEqual(
    driver
      .output('out', text)
      .read()
      .map(({ value }) => value),
    ['low@7', 'none'],
  )
})
