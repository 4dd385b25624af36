import assert from 'node:assert/strict'
import { test } from 'node:test'
import { joinWindows } from '../join-windows.ts'
import { StreamsBuilder } from '../dsl/streams-builder.ts'
import { int64Serde, stringSerde } from '../serde.ts'
import { describeStores } from './text-read.ts'

const text = { key: stringSerde, value: stringSerde }

test('stores are told with their kinds, and those that cannot be read without a form of keys', () => {
  const builder = new StreamsBuilder()
  builder.table('rows', { ...text, key: int64Serde }, 'rows')
  builder.globalTable('everywhere', text, 'everywhere')
  builder.stream('left', text).join(builder.stream('right', text), (left) => left, {
    windows: joinWindows({ withinMs: 1_000, graceMs: 0 }),
    name: 'both',
    store: 'both',
  })
  const told = describeStores(builder.build())
  assert.deepEqual(
    told.filter(({ kind }) => kind !== 'joinWindow'),
    [
      { name: 'rows', kind: 'timestampedKeyValue', keyForm: 'integer', isGlobal: false },
      { name: 'everywhere', kind: 'timestampedKeyValue', keyForm: 'text', isGlobal: true },
    ],
  )
  const joins = told.filter(({ kind }) => kind === 'joinWindow')
  assert.equal(joins.length, 2)
  assert.ok(joins.every(({ keyForm }) => keyForm === undefined))
})
